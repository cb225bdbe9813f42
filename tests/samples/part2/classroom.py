"""The sample class of Part II: who hands in what, and which points each test cell must cost.

The students are those of Part I, and as invented.
"""

from pathlib import Path

from tests.samples import Cells, Student, exchange, read_cells, solution_cells

RIGHT = Path(__file__).parent / "right"
ANSWERS = {
    "discuss-optimizers": "At 0.001 plain SGD hardly moves, and Adam does, since it divides each gradient by its own "
    "size. That compares how well one rate suits each. With a rate of its own SGD with momentum came close to Adam; "
    "a fair comparison searches the rate of each by the validation accuracy, with the same effort, over several seeds.",
    "discuss-cross-domain": "The network knows the digits of one data set, and has no word for a boot: it answers the "
    "digit that lies nearest, often surely. About a tenth is right by chance. Before I let it loose on new images I "
    "would label a few hundred of them and look at the confusion matrix.",
    "discuss-architecture": "A third convolution gained 0.1 points and took a third longer; twice the "
    "filters gained as "
    "much at four times the parameters; filters of 5 × 5 gained nothing.",
}
CNN_TESTS = {"test-cnn-architecture": 8.0, "test-cnn-forward": 7.0}
TRAIN_TESTS = {"test-train-learns": 6.0, "test-train-modes": 7.0, "test-train-history": 7.0}
OTHER_TESTS = {
    "test-compare-optimizers": 12.0,
    "test-lr-scheduling": 13.0,
    "test-embedding-mlp": 8.0,
    "test-embed-dataset": 8.0,
    "test-evaluate": 9.0,
    "bonus-early-stopping": 8.0,
    "bonus-augmentation": 7.0,
}
ALL_TESTS = {**CNN_TESTS, **TRAIN_TESTS, **OTHER_TESTS}

NOISE = """import logging
import warnings

logging.basicConfig(level=logging.INFO)
train_quietly = train_model


def train_model(*args, **kwargs):
    warnings.warn("training begins")
    logging.info("training begins")
    print(f"training with {kwargs}")
    return train_quietly(*args, **kwargs)
"""


def students() -> list[Student]:
    """Return the class."""
    plain = {**read_cells(RIGHT / "plain.py"), **ANSWERS}
    early = {name: plain[name] for name in ("simple-cnn", "train-model")}

    def mistake(cell: str, old: str, new: str) -> Cells:
        return exchange(plain, cell, (old, new))

    return [
        Student("amara", "everything right", {**solution_cells("source", "part2"), **ANSWERS}),
        Student("bjorn", "right: one loop, written out each time", plain),
        Student("chiara", "right: one function for all loops", {**read_cells(RIGHT / "shared.py"), **ANSWERS}),
        Student("dmitri", "right: classes that train and measure", {**read_cells(RIGHT / "objects.py"), **ANSWERS}),
        Student("elif", "handed in as released", {}, ALL_TESTS),
        Student("farid", "half done: stops after train_model", early, OTHER_TESTS),
        Student(
            "grace",
            "gradients that pile up",
            mistake("train-model", "            optimizer.zero_grad()\n", ""),
            {"test-train-modes": 2.0},
        ),
        Student(
            "hiro",
            "a softmax in the network",
            mistake("simple-cnn", "return self.fc2(x)", "return F.softmax(self.fc2(x), dim=1)"),
            {"test-cnn-forward": 3.0},
        ),
        Student(
            "ines",
            "one seed for all optimizers",
            exchange(
                plain,
                "compare-optimizers",
                ("        torch.manual_seed(seed)\n", ""),
                ("    results = {}\n", "    results = {}\n    torch.manual_seed(seed)\n"),
            ),
            {"test-compare-optimizers": 4.0},
        ),
        Student(
            "jonas",
            "the last weights in place of the best",
            mistake("early-stopping", "    model.load_state_dict(best_weights)\n", ""),
            {"bonus-early-stopping": 3.0},
        ),
        Student(
            "kofi",
            "a class that does not compile",
            mistake("embedding-mlp", "def features20(self, x):", "def features20(self, x:"),
            {"test-embedding-mlp": 8.0},
        ),
        Student(
            "lena",
            "right, with warnings, logs and prints",
            {**plain, "train-model": f"{plain['train-model']}\n\n{NOISE}"},
        ),
    ]
