"""Functions that a test may be expected to compare with, replaced: the exams have their own, in another process."""

from functools import cache
from textwrap import dedent

import pytest

from tests.forgeries.tools import BLANK, CHEAP, RIGHT, graded, handed_in, scores, shows_verdicts

WRONG = RIGHT.replace("np.maximum(", "1.5 * np.maximum(").replace("np.log(", "np.log10(")
"""Right in some ideas and wrong in others: whoever gains anything has another score."""

PATCHES = {
    "comparisons of NumPy": """
        import numpy as np, numpy.testing
        for place in (np, np.testing):
            for name in ("allclose", "isclose", "array_equal", "array_equiv", "equal", "all", "any", "isfinite"):
                if hasattr(place, name): setattr(place, name, lambda *a, **k: True)
        for name in dir(np.testing):
            if name.startswith("assert"): setattr(np.testing, name, lambda *a, **k: None)
        """,
    "mathematics of NumPy": """
        import numpy as np
        for name in ("abs", "absolute", "log", "exp", "subtract", "mean", "sum", "asarray", "array", "max", "round"):
            setattr(np, name, lambda *a, **k: 0.0)
        """,
    "comparisons of torch": """
        import torch
        torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
        torch.testing.assert_close = lambda *a, **k: None
        torch.Tensor.__eq__ = lambda self, other: True
        """,
    "scores of scikit-learn": """
        import sklearn.metrics, sklearn.base, sklearn.model_selection as s
        sklearn.metrics.accuracy_score = sklearn.metrics.f1_score = lambda *a, **k: 1.0
        sklearn.base.ClassifierMixin.score = lambda *a, **k: 1.0
        s.cross_val_score = lambda *a, **k: [1.0]
        """,
    "builtins": """
        import builtins
        builtins.abs = lambda x: 0
        builtins.all = builtins.any = builtins.isinstance = builtins.callable = lambda *a: True
        builtins.float = type("float", (float,), {"__eq__": lambda a, b: True})
        """,
    "len, type and issubclass": """
        import builtins
        builtins.type = lambda *a: float
        builtins.issubclass = lambda *a: True
        builtins.len = lambda x: 4
        """,
    "exceptions": """
        import builtins, sys
        builtins.AssertionError = builtins.NotImplementedError = type("Nothing", (Exception,), {})
        sys.excepthook = lambda *a: None
        """,
    "pytest and unittest": """
        import sys, types, unittest
        unittest.TestCase.assertEqual = lambda *a: None
        equal = type("Equal", (), {"__eq__": lambda *a: True})
        sys.modules["pytest"] = types.SimpleNamespace(approx=lambda *a, **k: equal())
        """,
    "random numbers": """
        import numpy as np, random, torch
        np.random.default_rng = lambda *a: np.random.Generator(np.random.PCG64(0))
        np.random.seed = np.random.set_state = random.seed = torch.manual_seed = lambda *a: None
        """,
    "clocks": """
        import time
        time.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0.0
        time.sleep = lambda seconds: None
        """,
}  # fmt: skip


@cache
def without_attack(solution: str) -> dict[str, float]:
    return scores(graded(handed_in(solution=solution)))


def test_the_wrong_submission_is_right_in_parts() -> None:
    assert [0 < without_attack(WRONG)[name] < without_attack(RIGHT)[name] for name in CHEAP] == [True, True]


# Some break the kernel with it, which then answers nothing any more.
BRIEF = {"cell_wall_seconds": 5, "grace_seconds": 1}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("solution", [BLANK, WRONG], ids=["blank", "wrong"])
@pytest.mark.parametrize("patch", PATCHES)
def test_a_patch_gains_nothing(patch: str, solution: str) -> None:
    outcome = graded(handed_in(dedent(PATCHES[patch]), solution=solution), limits=BRIEF)
    for name, score in scores(outcome).items():
        # Whoever breaks what the agent needs loses by it.
        assert score <= without_attack(solution)[name], outcome.verdicts
    shows_verdicts(outcome)
