"""How much a notebook computes: three budgets, one setting, every number open to change."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

BudgetName = Literal["grade", "quick", "full"]
BUDGETS: tuple[BudgetName, ...] = ("grade", "quick", "full")

# What nbgrader puts in NBGRADER_EXECUTION while it runs a notebook by itself.
GRADING_RUNS = ("autograde", "validate")


def budget_name() -> BudgetName:
    """Say which budget holds: nbgrader's runs use `grade`, else `LAB_BUDGET` decides, else it is `quick`.

    Returns
    -------
    {"grade", "quick", "full"}
        `NBGRADER_EXECUTION` wins, so that no setting of a student's machine reaches the grading.

    Raises
    ------
    ValueError
        Where `LAB_BUDGET` holds anything else.
    """
    if os.environ.get("NBGRADER_EXECUTION") in GRADING_RUNS:
        return "grade"
    return _checked(os.environ.get("LAB_BUDGET") or "quick", "LAB_BUDGET")


def _checked(name: str, origin: str) -> BudgetName:
    for known in BUDGETS:
        if name == known:
            return known
    raise ValueError(f"{origin} is {name!r}; expected one of {', '.join(BUDGETS)}.")


@dataclass(slots=True)  # slots: a mistyped field is an error, not a new attribute that changes nothing
class Part1Budget:
    """The numbers that decide how long Part I runs; change any in place, as in `budget.epochs = 5`."""

    name: BudgetName
    n_images: int  # how many images of the data are used at all, before the split
    epochs: int  # of the main training run
    learning_rates: tuple[float, ...]  # compared with each other …
    rate_epochs: int  # … over so many epochs each
    batch_sizes: tuple[int, ...]
    batch_epochs: int
    tsne_samples: int
    tsne_iterations: int
    svm_samples: int  # training images for the grid search
    fold_samples: int  # images for the K-fold comparison
    folds: int
    fold_epochs: int
    compare_samples: tuple[int, ...]  # training images of the comparison of costs, growing
    n_jobs: int  # processor cores for the grid search; -1 for all

    def describe(self) -> str:
        """Sum up the numbers in one line for people."""
        return (
            f"{self.name}: {self.n_images:,} images, {self.epochs} epochs, "
            f"SVM search on {self.svm_samples:,}, t-SNE of {self.tsne_samples:,}"
        )


@dataclass(slots=True)
class Part2Budget:
    """The numbers that decide how long Part II runs; change any in place, as in `budget.epochs = 10`."""

    name: BudgetName
    n_images: int  # how many images of the data are used at all, before the split
    epochs: int  # of the main training run
    optimizer_epochs: int  # of each optimizer in the comparisons
    schedule_epochs: int  # with a learning rate that falls
    scarce_images: int  # training images where data is scarce …
    scarce_epochs: int  # … and how long one trains on them at most
    embedding_epochs: int  # of the small network whose 20 units are looked at
    n_garments: int
    tsne_samples: int
    tsne_iterations: int
    trees: int  # of the random forest

    def describe(self) -> str:
        """Sum up the numbers in one line for people."""
        return (
            f"{self.name}: {self.n_images:,} images, {self.epochs} epochs, {self.schedule_epochs} with a schedule, "
            f"t-SNE of {self.tsne_samples:,}"
        )


@dataclass(slots=True)
class Part3Budget:
    """The numbers that decide how long Part III runs; change any in place, as in `budget.image_size = 64`."""

    name: BudgetName
    n_train: int  # images of the training part, of which a sixth is cut off for validation
    n_test: int
    image_size: int  # rows and columns of what the backbone gets; the images have 28
    batch_size: int
    cnn_epochs: int  # of the network from scratch
    head_epochs: int  # of feature extraction
    tuning_epochs: int  # of fine-tuning the last blocks, after feature extraction
    open_epochs: int  # with all blocks open from the start
    phases: tuple[tuple[int, int, float], ...]  # of progressive unfreezing: blocks, epochs, learning rate
    sizes: tuple[int, ...]  # input sizes whose features are compared …
    n_sized: int  # … on so many training images
    n_embedded: int  # images in the pictures of the features
    tsne_iterations: int
    backbones: tuple[str, ...]  # compared in the bonus

    def describe(self) -> str:
        """Sum up the numbers in one line for people."""
        return (
            f"{self.name}: {self.n_train:,} images to train and validate, {self.n_test:,} to test, "
            f"{self.image_size} × {self.image_size} pixels for the backbone"
        )


# fmt: off
PART1: dict[str, tuple[Any, Any, Any]] = {
    #                   grade          quick                full
    "n_images":        (300,           10_000,              70_000),
    "epochs":          (2,             20,                  50),
    "learning_rates":  ((0.01,),       (0.001, 0.01, 0.1, 1.0), (0.001, 0.01, 0.1, 1.0)),
    "rate_epochs":     (1,             8,                   20),
    "batch_sizes":     ((64,),         (16, 64, 128, 512),  (16, 64, 128, 512)),
    "batch_epochs":    (1,             8,                   15),
    "tsne_samples":    (50,            1_500,               5_000),
    "tsne_iterations": (250,           1_000,               1_000),
    "svm_samples":     (60,            2_000,               5_000),
    "fold_samples":    (100,           2_000,               5_000),
    "folds":           (2,             5,                   5),
    "fold_epochs":     (1,             10,                  20),
    "compare_samples": ((50, 100),     (1_000, 2_000, 4_000), (1_250, 2_500, 5_000, 10_000)),
    "n_jobs":          (1,             -1,                  -1),
}
PART2: dict[str, tuple[Any, Any, Any]] = {
    #                    grade  quick   full
    "n_images":         (90,    10_000, 70_000),
    "epochs":           (1,     5,      5),
    "optimizer_epochs": (1,     3,      3),
    "schedule_epochs":  (2,     15,     15),
    "scarce_images":    (30,    300,    300),
    "scarce_epochs":    (1,     30,     50),
    "embedding_epochs": (1,     20,     20),
    "n_garments":       (60,    2_000,  10_000),
    "tsne_samples":     (30,    1_000,  2_000),
    "tsne_iterations":  (250,   1_000,  1_000),
    "trees":            (5,     200,    200),
}
PART3: dict[str, tuple[Any, Any, Any]] = {
    #                  grade            quick                   full
    "n_train":        (60,              6_000,                  60_000),
    "n_test":         (20,              2_000,                  10_000),
    "image_size":     (28,              28,                     96),
    "batch_size":     (20,              64,                     64),
    "cnn_epochs":     (1,               5,                      5),
    "head_epochs":    (1,               5,                      5),
    "tuning_epochs":  (1,               3,                      3),
    "open_epochs":    (1,               5,                      5),
    "phases":         (((0, 1, 1e-3), (1, 1, 1e-4)),
                       ((0, 2, 1e-3), (3, 2, 5e-4), (7, 2, 2e-4)),
                       ((0, 2, 1e-3), (3, 2, 5e-4), (7, 2, 2e-4))),
    "sizes":          ((28,),           (28, 64, 96),           (28, 64, 96, 160, 224)),
    "n_sized":        (20,              600,                    2_000),
    "n_embedded":     (20,              800,                    2_000),
    "tsne_iterations": (250,            1_000,                  1_000),
    "backbones":      (("shufflenet_v2_x0_5",), *2 * (("shufflenet_v2_x0_5", "squeezenet1_0", "mobilenet_v2",
                                                       "efficientnet_b0", "resnet18"),)),
}
# fmt: on


def part1_budget(name: str | None = None) -> Part1Budget:
    """Read Part I's column of its table; arguments and errors as for `get_budget`."""
    return Part1Budget(**_column(PART1, name))


def part2_budget(name: str | None = None) -> Part2Budget:
    """Read Part II's column of its table; arguments and errors as for `get_budget`."""
    return Part2Budget(**_column(PART2, name))


def part3_budget(name: str | None = None) -> Part3Budget:
    """Read Part III's column of its table; arguments and errors as for `get_budget`."""
    return Part3Budget(**_column(PART3, name))


def _column(table: dict[str, tuple[Any, Any, Any]], name: str | None) -> dict[str, Any]:
    chosen = budget_name() if name is None else _checked(name, "The budget's name")
    return {"name": chosen, **{field: row[BUDGETS.index(chosen)] for field, row in table.items()}}


Budget = Part1Budget | Part2Budget | Part3Budget
PARTS: dict[str, Callable[[str | None], Budget]] = {
    "part1": part1_budget,
    "part2": part2_budget,
    "part3": part3_budget,
}


def get_budget(part: str, name: str | None = None) -> Budget:
    """Look up the budget of one part of the lab.

    Parameters
    ----------
    part : str
        A key of `PARTS`, such as "part1".
    name : {"grade", "quick", "full"}, optional
        By default what `budget_name` says.

    Returns
    -------
    Part1Budget, Part2Budget or Part3Budget
        Fresh, to be changed at will.

    Raises
    ------
    ValueError
        Where there is no such part or no such budget.
    """
    if part not in PARTS:
        raise ValueError(f"There is no part {part!r}; expected one of {', '.join(PARTS)}.")
    return PARTS[part](name)
