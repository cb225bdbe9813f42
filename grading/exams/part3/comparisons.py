"""The exams of what is compared: strategies in a table, and pretrained backbones by a probe on their features."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch.utils.data import DataLoader, TensorDataset

from grading.exam import exam, idea
from grading.exams.part2.trusted import CPU
from grading.exams.part3 import probes, stand_ins
from grading.exams.part3.checkpoints import STATISTICS, checkpoint
from grading.exams.sides import either, once
from grading.handle import Ref, Student, items, size
from grading.judge import array, close, frame, number, ok

# --- test-compare-strategies --------------------------------------------------------------------------------------

VALUES = ("accuracy", "macro_f1", "trainable_parameters", "seconds")
NAMES = ("linear probe", "feature extraction", "last three blocks", "end to end", "progressive", "from scratch")


@exam("test-compare-strategies", points=7)
def strategies_best_first(student: Student, rng: np.random.Generator) -> None:
    """Results of strategies that are drawn, whose accuracy orders them otherwise than anything else does.

    Split: a DataFrame with the five columns 2; a row for each strategy with its own values 3; best accuracy first 2.
    """
    results = _draw_results(rng)
    came = student.compare_strategies(results)
    with idea("a DataFrame with the five columns", 2):
        table = frame(came, "the table", columns=("strategy", *VALUES), hint="strategy is a column, not the index")
        ok(len(table) > 0, expected="a row for each strategy", came="none")
    with idea("a row for each strategy with its own values", 3):
        rows = _rows(came, results)
        for name, result in results.items():
            for column in VALUES:
                close(rows[name][column], result[column], f"`{column}` of a strategy", rtol=1e-6)
    with idea("best accuracy first", 2):
        names = list(_rows(came, results))
        wanted = sorted(results, key=lambda name: -results[name]["accuracy"])
        hint = "sort_values('accuracy', ascending=False)"
        ok(names == wanted, expected="strategies by accuracy, the best first", came="another order", hint=hint)


def _draw_results(rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Draw results in an order in which no column is sorted, up or down, nor the names are."""
    n = len(NAMES)
    names = [str(name) for name in rng.permutation(NAMES)]
    while True:
        ranks = np.stack([rng.permutation(n) for _ in range(len(VALUES) + 1)])
        ranks[-1] = np.argsort(np.argsort(names))
        orders = [np.argsort(row).tolist() for row in ranks] + [list(range(n))]
        if all(orders[0] not in (order, order[::-1]) for order in orders[1:]):
            break
    accuracy, macro_f1 = (0.5 + 0.07 * ranks[i] + rng.uniform(0, 0.05, n) for i in (0, 1))
    parameters, seconds = 1000 * (ranks[2] + 1) + rng.integers(900, size=n), 7.0 * ranks[3] + rng.uniform(1, 5, n)
    columns = zip(accuracy.tolist(), macro_f1.tolist(), parameters.tolist(), seconds.tolist(), strict=True)
    return {name: dict(zip(VALUES, row, strict=True)) for name, row in zip(names, columns, strict=True)}


def _rows(answered: Any, results: dict[str, Any]) -> dict[str, Any]:
    """Return the rows by strategy, in their order; the name may be the index where the columns are judged."""
    table = frame(answered, "the table", hint="pd.DataFrame(rows)")
    names = list(table["strategy"] if "strategy" in table.columns else table.index)
    ok(sorted(map(str, names)) == sorted(results), expected="each strategy once", came=f"{len(names)} rows")
    return {str(name): table.iloc[i] for i, name in enumerate(names)}


# --- bonus-compare-backbones --------------------------------------------------------------------------------------

COLUMNS = ("name", "parameters", "feature_dim", "accuracy", "macro_f1", "seconds")
BACKBONES = {"shufflenet_v2_x0_5": 1024, "squeezenet1_0": 512}
HEADS = ("fc.", "classifier.")
N_TRAIN, N_TEST, N_CLASSES = 24, 21, 3


@exam("bonus-compare-backbones", points=15)
def backbones_compared(student: Student, rng: np.random.Generator) -> None:
    """Two light networks on images that any probe tells apart, with wrong labels among those of the test.

    Wrong `extract_features` or `linear_probe` cost nothing here.

    Split: a row for each name, with the six columns 2; parameters without the head 3; the dimension of the features 2;
    grey repeated to three channels 2; pretrained weights, in eval mode 2; accuracy and macro-F1 of a probe on the
    test images 3; seconds of the extraction 1.
    """
    loaded = student.load(probes, "watch_colours")
    names = [str(name) for name in rng.permutation(list(BACKBONES))]
    answers, labels = _draw_labels(rng)
    loaders = [_loader(_patterns(y, rng), given) for y, given in ((np.arange(N_TRAIN) % 3, None), (answers, labels))]

    def compared() -> "Comparison":
        return _compare(student, loaded, names, loaders)

    def assisted() -> "Comparison":
        helping = ("extract_features", "linear_probe")
        trusted = student.load(stand_ins, *helping)
        for name in helping:
            student.replace(name, getattr(trusted, name))
        return compared()

    sides = once(compared), once(assisted)
    ideas: list[tuple[str, float, Callable[[Comparison], None]]] = [
        ("a row for each name, with the six columns", 2, lambda came: came.demand_rows(names)),
        ("parameters without the head", 3, lambda came: _parameters_right(came, names)),
        ("the dimension of the features", 2, lambda came: _dimensions_right(came, names)),
        ("grey repeated to three channels", 2, lambda came: came.demand_grey()),
        ("pretrained weights, in eval mode", 2, lambda came: came.demand_pretrained(names)),
        ("accuracy and macro-F1 on the test images", 3, lambda came: _scores_right(came, names, labels, answers)),
        ("the seconds of the extraction", 1, lambda came: came.demand_seconds(names)),
    ]
    for name, points, judge in ideas:
        with idea(name, points):
            either(judge, *sides)


class Comparison:
    """One call of `compare_backbones`: its table, what the first layers of the networks saw, and the wall time."""

    def __init__(self, answered: Any, seen: list[dict[str, Any]], wall: float) -> None:
        self.answered, self.seen, self.wall = answered, seen, wall

    def of(self, name: str, column: str) -> float:
        """Return a value of a network's row."""
        table = frame(self.answered, "the table", columns=("name", column), hint="one dict a network, then a frame")
        rows = table[table["name"].astype(str) == name]
        ok(len(rows) == 1, expected="one row for each name", came=f"{len(rows)}")
        return number(rows[column].iloc[0], f"`{column}`")

    def demand_rows(self, names: list[str]) -> None:
        """Demand a table with all columns and one row for each name."""
        self.demand_networks(names)
        table = frame(self.answered, "the table", columns=COLUMNS, hint="one dict a network, then pd.DataFrame(rows)")
        came = sorted(map(str, table["name"]))
        ok(came == sorted(names), expected="one row for each name", came=f"{len(came)} rows")

    def demand_networks(self, names: list[str]) -> None:
        """Demand passes through each network, with whatever weights."""
        came = {np.shape(noted["weights"]) for noted in self.seen}
        for name in names:
            hint = "each image through each network, without its head"
            ok(_first_weights(name).shape in came, expected=f"passes through {name}", came="none", hint=hint)

    def demand_grey(self) -> None:
        """Demand three channels that are the same image, up to a scale and a shift of each."""
        ok(bool(self.seen), expected="images of three channels in the networks", came="none")
        for noted in self.seen:
            images = array(noted["images"], "the images in a network", shape=(None, 3, None, None))
            first, *others = np.moveaxis(images, 1, 0).reshape(3, -1)
            alike = all(float(np.corrcoef(first, other)[0, 1]) > 0.999 for other in others)
            hint = "images.repeat(1, 3, 1, 1) where they are grey"
            ok(alike, expected="the grey image in each channel", came="other channels", hint=hint)

    def demand_pretrained(self, names: list[str]) -> None:
        """Demand first layers with the weights of the checkpoints, and eval mode in each pass."""
        came = [array(noted["weights"], "the weights of a first layer") for noted in self.seen]
        for name in names:
            wanted = _first_weights(name)
            found = any(each.shape == wanted.shape and np.allclose(each, wanted) for each in came)
            hint = "backbones.build(name), or models.get_model(name, weights='DEFAULT')"
            ok(found, expected="pretrained weights in each network", came="others", hint=hint)
        quiet = not any(noted["training"] for noted in self.seen)
        ok(quiet, expected="eval mode for each batch", came="train mode", hint="backbone.eval()")

    def demand_seconds(self, names: list[str]) -> None:
        """Demand times that fit into the whole."""
        self.demand_networks(names)
        seconds = [self.of(name, "seconds") for name in names]
        hint = "time.perf_counter() before the first batch and after the last one of each network"
        right = min(seconds) > 0 and sum(seconds) <= self.wall
        ok(right, expected="the seconds that each took", came=f"{sum(seconds):.3g} s", hint=hint)


def _compare(student: Student, loaded: Ref, names: list[str], loaders: list[DataLoader]) -> Comparison:
    done = size(loaded.EVENTS)
    watch, began = loaded.watch_colours(), time.perf_counter()
    try:
        came = student.compare_backbones(names, *loaders, device=CPU)
    finally:
        wall = time.perf_counter() - began
        watch.remove()
    return Comparison(came, items(loaded.EVENTS, done + 200)[done:], wall)


def _first_weights(name: str) -> np.ndarray:
    return next(values for values in checkpoint(name).values() if values.ndim == 4).double().numpy()


def _draw_labels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes of the test images, and their labels, of which some are wrong."""
    answers = rng.permutation(np.arange(N_TEST) % N_CLASSES)
    wrong = rng.permutation(N_TEST) < rng.integers(3, 9)
    return answers, np.where(wrong, (answers + rng.integers(1, 3, size=N_TEST)) % N_CLASSES, answers)


def _patterns(y: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """Draw images (n, 1, 28, 28): a bright upper half, a bright left half, or bright stripes."""
    rows, columns = np.mgrid[:28, :28]
    shapes = np.stack([rows < 14, columns < 14, rows // 4 % 2 == 0]).astype(float)
    images = 0.1 + 0.8 * shapes[y] + 0.05 * rng.random((len(y), 28, 28))
    return torch.as_tensor(images[:, None], dtype=torch.float32)


def _loader(images: torch.Tensor, labels: np.ndarray | None) -> DataLoader:
    given = np.arange(len(images)) % N_CLASSES if labels is None else labels
    return DataLoader(TensorDataset(images, torch.as_tensor(given)), batch_size=8)


def _parameters_right(came: Comparison, names: list[str]) -> None:
    came.demand_networks(names)
    for name in names:
        learnt = {key: values for key, values in checkpoint(name).items() if not key.endswith(STATISTICS)}
        wanted = sum(values.numel() for key, values in learnt.items() if not key.startswith(HEADS))
        count = came.of(name, "parameters")
        hint = "take the head off first, then add up p.numel()"
        ok(count == wanted, expected=f"the parameters of {name} without its head", came=f"{count:,.0f}", hint=hint)


def _dimensions_right(came: Comparison, names: list[str]) -> None:
    came.demand_networks(names)
    for name in names:
        count = came.of(name, "feature_dim")
        hint = "features.shape[1], of what goes into the head after the mean over the map"
        ok(count == BACKBONES[name], expected=f"the features of {name}", came=f"{count:.0f} of them", hint=hint)


def _scores_right(came: Comparison, names: list[str], labels: np.ndarray, answers: np.ndarray) -> None:
    came.demand_networks(names)
    for name in names:
        hint = "a probe fitted to the training images' features, scored on those of the test images"
        close(came.of(name, "accuracy"), (labels == answers).mean(), "`accuracy`", rtol=1e-5, hint=hint)
        wanted = f1_score(labels, answers, average="macro")
        close(came.of(name, "macro_f1"), wanted, "`macro_f1`", rtol=1e-5, hint=hint)
