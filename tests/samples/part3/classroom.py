"""The sample class of Part III: who hands in what, and which points each test cell must cost.

The students are those of Part I, and as invented.
"""

from pathlib import Path

from tests.samples import Cells, Student, exchange, read_cells, solution_cells

RIGHT = Path(__file__).parent / "right"
ANSWERS = {
    "discuss-transfer": "The first blocks find edges and textures, which garments have as well as cats; the last ones "
    "know breeds of dogs. So I keep the first ones and train the last. With 28 × 28 grey images the map at the end is "
    "one pixel, and a small network trained from scratch may well be as good.",
    "discuss-batchnorm": "requires_grad stops weight and bias of batch norm alone. In train mode it normalises by the "
    "batch and moves running_mean and running_var towards the garments, so the frozen network answers differently "
    "after each epoch, though no optimizer has touched it. Frozen blocks stay in eval mode.",
    "discuss-budget": "With 500 labelled images I would cache the features once and fit a probe: seconds, and little "
    "to overfit. With 5,000 I would open the last blocks, one phase after the other. Before I paid for a GPU I would "
    "look at what the validation accuracy gains with twice the data.",
}
TRANSFER_TESTS = {"test-transfer-structure": 8.0, "test-transfer-forward": 5.0, "test-unfreeze-layers": 7.0}
TRAINER_TESTS = {"test-feature-extraction": 16.0, "test-fine-tuning": 15.0, "test-progressive-unfreezing": 12.0}
OTHER_TESTS = {
    "test-extract-features": 8.0,
    "test-linear-probe": 7.0,
    "test-compare-strategies": 7.0,
    "bonus-compare-backbones": 15.0,
}
ALL_TESTS = {**TRANSFER_TESTS, **TRAINER_TESTS, **OTHER_TESTS}

NOISE = """import logging
import warnings

logging.basicConfig(level=logging.INFO)
tune_quietly = fine_tune


def fine_tune(*args, **kwargs):
    warnings.warn("training begins")
    logging.info("training begins")
    print(f"training with {kwargs}")
    return tune_quietly(*args, **kwargs)
"""


def students() -> list[Student]:
    """Return the class."""
    plain = {**read_cells(RIGHT / "plain.py"), **ANSWERS}
    early = {name: plain[name] for name in ("transfer-model", "feature-extraction", "fine-tuning")}

    def mistake(cell: str, old: str, new: str) -> Cells:
        return exchange(plain, cell, (old, new))

    return [
        Student("amara", "everything right", {**solution_cells("source", "part3"), **ANSWERS}),
        Student("bjorn", "right: each loop written out", plain),
        Student("chiara", "right: one function for all loops", {**read_cells(RIGHT / "shared.py"), **ANSWERS}),
        Student("dmitri", "right: classes that train and measure", {**read_cells(RIGHT / "objects.py"), **ANSWERS}),
        Student("elif", "handed in as released", {}, ALL_TESTS),
        Student(
            "farid",
            "half done: stops after fine_tune",
            early,
            {**OTHER_TESTS, "test-progressive-unfreezing": 12.0},
        ),
        Student(
            "grace",
            "batch norm drifts in the frozen backbone",
            mistake("feature-extraction", "        model.model.features.eval()\n", ""),
            {"test-feature-extraction": 4.0},
        ),
        Student(
            "hiro",
            "opens the first blocks in place of the last",
            mistake("transfer-model", "for block in blocks[first:]:", "for block in blocks[:num_layers]:"),
            {"test-unfreeze-layers": 3.0},
        ),
        Student(
            "ines",
            "a scaler fitted to the test features",
            mistake("cached-features", "scaler.transform(X_test)", "scaler.fit_transform(X_test)"),
            {"test-linear-probe": 3.0},
        ),
        Student(
            "jonas",
            "the head is left frozen",
            mistake(
                "transfer-model",
                "nn.Linear(1280, num_classes))\n",
                "nn.Linear(1280, num_classes))\n        self.model.requires_grad_(False)\n",
            ),
            {"test-transfer-structure": 2.0},
        ),
        Student(
            "kofi",
            "a function that does not compile",
            mistake("compare-strategies", "def compare_strategies(results):", "def compare_strategies(results:"),
            {"test-compare-strategies": 7.0},
        ),
        Student(
            "lena",
            "right, with warnings, logs and prints",
            {**plain, "fine-tuning": f"{plain['fine-tuning']}\n\n{NOISE}"},
        ),
    ]
