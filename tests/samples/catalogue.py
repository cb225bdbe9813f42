"""The samples of all parts in one place, and which test cells judge which task."""

from functools import cache
from pathlib import Path
from typing import Any

from tests.samples import Cells, names_of, solution_cells
from tests.samples.cases import Mutant, Style
from tests.samples.part1 import mutants as mutants1
from tests.samples.part1 import styles as styles1
from tests.samples.part2 import mutants as mutants2
from tests.samples.part2 import styles as styles2
from tests.samples.part3 import mutants as mutants3
from tests.samples.part3 import styles as styles3

PARTS = ("part1", "part2", "part3")
REFERENCE: dict[str, Cells] = {part: solution_cells("source", part) for part in PARTS}
# What mutants and styles exchange passages of. From Part II on that is a plain solution beside them: the reference's
# loops are short, and many a mistake has no place in them.
BASE: dict[str, Cells] = {"part1": REFERENCE["part1"], "part2": mutants2.BASE, "part3": mutants3.BASE}
MUTANTS: list[tuple[str, Mutant]] = [
    *(("part1", mutant) for mutant in mutants1.MUTANTS),
    *(("part2", mutant) for mutant in mutants2.MUTANTS),
    *(("part3", mutant) for mutant in mutants3.MUTANTS),
]
STYLES: list[tuple[str, Style]] = [
    *(("part1", style) for style in styles1.STYLES),
    *(("part2", style) for style in styles2.STYLES),
    *(("part3", style) for style in styles3.STYLES),
]
RIGHT = sorted(Path(__file__).parent.glob("part*/right/*.py"))

# The test cells of each task; those of another task never depend on it.
TESTS_OF: dict[str, dict[str, tuple[str, ...]]] = {
    "part1": {
        "mlp-from-scratch": (
            "test-mlp-init",
            "test-mlp-activations",
            "test-mlp-forward",
            "test-mlp-loss",
            "test-mlp-backward",
            "test-mlp-momentum",
            "test-mlp-train",
            "test-mlp-predict",
        ),
        "batch-size-study": ("test-batch-size-study",),
        "svm-grid-search": ("test-svm-grid-search",),
        "sklearn-wrapper": ("test-sklearn-wrapper",),
        "compare-classifiers": ("test-compare-classifiers",),
        "k-fold": ("bonus-k-fold",),
        "classical-baselines": ("bonus-classical-baselines",),
    },
    "part2": {
        "simple-cnn": ("test-cnn-architecture", "test-cnn-forward"),
        "train-model": ("test-train-learns", "test-train-modes", "test-train-history"),
        "compare-optimizers": ("test-compare-optimizers",),
        "lr-scheduling": ("test-lr-scheduling",),
        "embedding-mlp": ("test-embedding-mlp",),
        "embed-dataset": ("test-embed-dataset",),
        "cross-domain": ("test-evaluate",),
        "early-stopping": ("bonus-early-stopping",),
        "augmentation": ("bonus-augmentation",),
    },
    "part3": {
        "transfer-model": ("test-transfer-structure", "test-transfer-forward", "test-unfreeze-layers"),
        "feature-extraction": ("test-feature-extraction",),
        "fine-tuning": ("test-fine-tuning",),
        "progressive-unfreezing": ("test-progressive-unfreezing",),
        "cached-features": ("test-extract-features", "test-linear-probe"),
        "compare-strategies": ("test-compare-strategies",),
        "compare-backbones": ("bonus-compare-backbones",),
    },
}


@cache
def reference(part: str) -> dict[str, Any]:
    """Return the names that the reference defines."""
    return names_of(part, REFERENCE[part])


def exams_of(part: str) -> list[str]:
    """Return the test cells of a part."""
    return [key for keys in TESTS_OF[part].values() for key in keys]
