"""The sample class of Part I: who hands in what, and which points each test cell must cost.

The students are invented; their ids begin with `sample-`, so that they can't be taken for real ones.
"""

from pathlib import Path

from tests.samples import Cells, Student, exchange, read_cells, solution_cells

RIGHT = Path(__file__).parent / "right"
NETWORK = "mlp-from-scratch"
ANSWERS = {
    "discuss-scaling": "The largest and smallest values belong to the training part: whatever is learnt from held-out "
    "images makes the accuracy on them look better than it is. That a byte ends at 255 was known before any image was.",
    "discuss-batch-size": "At 16 images a batch the loss fell fastest an epoch and each epoch took longest. With 4,096 "
    "I would raise the learning rate, warm it up, and train for more epochs.",
    "discuss-cost": "The network grows with n·d·h an epoch, the SVM between n² and n³, and it keeps its support "
    "vectors. I would ship the network, unless only a few thousand images were labelled.",
}


NETWORK_TESTS = {
    "test-mlp-init": 4.0,
    "test-mlp-activations": 6.0,
    "test-mlp-forward": 8.0,
    "test-mlp-loss": 5.0,
    "test-mlp-backward": 18.0,
    "test-mlp-momentum": 6.0,
    "test-mlp-train": 10.0,
    "test-mlp-predict": 3.0,
}
OTHER_TESTS = {
    "test-batch-size-study": 4.0,
    "test-svm-grid-search": 8.0,
    "test-sklearn-wrapper": 8.0,
    "test-compare-classifiers": 5.0,
    "bonus-k-fold": 6.0,
    "bonus-classical-baselines": 4.0,
}
ALL_TESTS = {**NETWORK_TESTS, **OTHER_TESTS}

NOISE = """import logging
import warnings

logging.basicConfig(level=logging.INFO)


class NoisyMLP(MLPFromScratch):
    def forward(self, X):
        warnings.warn("forward was called")
        logging.info("forward was called")
        print("forward", X.shape)
        return super().forward(X)


MLPFromScratch = NoisyMLP
"""


def students() -> list[Student]:
    """Return the class."""
    reference = solution_cells("source", "part1")
    done = {**reference, **ANSWERS}

    def mistake(cell: str, old: str, new: str) -> Cells:
        return exchange(done, cell, (old, new))

    half = {NETWORK: _first_methods(reference[NETWORK], solution_cells("release", "part1")[NETWORK], "train")}
    return [
        Student("amara", "everything right", done),
        Student("bjorn", "right: weights in rows, float32", {**done, **_style("rows")}),
        Student("chiara", "right: loops, float64", {**done, **_style("loops")}),
        Student("dmitri", "right: samples in columns", {**done, **_style("columns")}),
        Student("elif", "handed in as released", {}, ALL_TESTS),
        Student(
            "farid",
            "half done: stops before train",
            half,
            {**OTHER_TESTS, "test-mlp-train": 10.0, "test-mlp-predict": 3.0},
        ),
        Student(
            "grace",
            "bias gradient: one mean over samples and classes",
            mistake(NETWORK, '"b2": delta2.sum(axis=0)', '"b2": delta2.sum() / delta2.shape[1]'),
            {"test-mlp-backward": 3.0},
        ),
        Student(
            "hiro",
            "images shuffled without their labels",
            mistake(NETWORK, "X_train[batch], y_train[batch]", "X_train[batch], y_train[start : start + batch_size]"),
            {"test-mlp-train": 4.0},
        ),
        Student(
            "ines",
            "momentum with the wrong sign",
            mistake(NETWORK, "momentum * getattr", "-momentum * getattr"),
            {"test-mlp-momentum": 6.0},
        ),
        Student(
            "jonas",
            "weighted in place of macro F1",
            mistake("compare-classifiers", 'average="macro"', 'average="weighted"'),
            {"test-compare-classifiers": 2.0},
        ),
        Student(
            "kofi",
            "the class does not compile",
            {**done, NETWORK: reference[NETWORK].replace("def forward(self, X: np.ndarray)", "def forward(self, X", 1)},
            NETWORK_TESTS,
        ),
        Student("lena", "right, with warnings, logs and prints", {**done, NETWORK: f"{reference[NETWORK]}\n\n{NOISE}"}),
    ]


def _style(name: str) -> Cells:
    return read_cells(RIGHT / f"{name}.py")


def _first_methods(done: str, stub: str, until: str) -> str:
    """Take the methods before one from a finished class, that one and the rest from the stubs."""
    mark = f"    def {until}("
    return done[: done.index(mark)] + stub[stub.index(mark) :]
