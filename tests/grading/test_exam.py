"""Ideas, verdicts and the policy on exceptions."""

import random
import sys
import types
import warnings

import numpy as np
import pytest
import torch
from lying import GARBAGE, lying_sessions

from grading import exam as exams
from grading.exam import WHOLE, Exam, Verdict, exam, find, idea, run
from grading.handle import Session, SessionLostError, Student, in_process
from grading.judge import Fail, array, close, number, ok
from grading.wire import AuthoringError


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(exams, "_EXAMS", {})


def judged(body, points=5, namespace=None) -> Verdict:
    return run(Exam("toy", float(points), body), in_process(namespace or {}), 1)


def kinds(verdict: Verdict) -> list[str]:
    return [reason.kind for reason in verdict.reasons]


def throws(error):
    def body(student, rng):
        with idea("first", 2):
            raise error
        with idea("second", 3):
            pass

    return body


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Fail("one", "two", "three"), "fail"), (TypeError("x"), "unexpected"), (RecursionError(), "unexpected"),
        (MemoryError(), "unexpected"), (AssertionError(), "unexpected"), (NotImplementedError(), "unexpected"),
    ],
)  # fmt: skip
def test_an_idea_costs_its_own_points(error, kind):
    verdict = judged(throws(error))
    assert verdict.score == 3.0
    assert type(verdict.score) is float
    assert kinds(verdict) == [kind, "passed"]


def test_errors_of_the_students_code():
    namespace: dict = {}
    exec("def later():\n  raise NotImplementedError\ndef wrong():\n  return 1 / 0", namespace)

    def body(student, rng):
        with idea("later", 1):
            student.later()
        with idea("wrong", 1):
            student.wrong()
        with idea("absent", 1):
            student.absent()
        with idea("fine", 1):
            pass

    verdict = judged(body, 4, namespace)
    assert kinds(verdict) == ["not attempted", "error", "error", "passed"]
    assert verdict.lines() == [
        "toy: 1 of 4 points",
        "  ✗ later (1)",
        "      came: not attempted yet in later, line 2 of its cell",
        "  ✗ wrong (1)",
        "      expected: code that runs",
        "      came: ZeroDivisionError: division by zero in wrong, line 4 of its cell",
        "      look here: run your own code on a small example",
        "  ✗ absent (1)",
        "      expected: code that runs",
        "      came: NameError: the notebook does not define `absent`",
        "      look here: run your own code on a small example",
        "  ✓ fine (1)",
        "  (seed 1)",
    ]


def test_outside_an_idea_the_rest_is_lost():
    def body(student, rng):
        with idea("first", 2):
            pass
        student.absent()
        with idea("second", 3):
            pass

    verdict = judged(body)
    assert verdict.score == 2
    assert [(reason.idea, reason.points) for reason in verdict.reasons] == [("first", 2), ("everything else", 3.0)]


def test_without_ideas_all_or_nothing():
    def body(student, rng):
        """Return a number.

        More of it.
        """
        number(student.x, "x")

    assert judged(body, namespace={"x": 1}).score == 5
    lost = judged(body, namespace={"x": None})
    assert lost.score == 0
    assert [(reason.idea, reason.kind) for reason in lost.reasons] == [(WHOLE, "fail")]


def test_a_lost_session_ends_the_exam():
    def transport(request):
        raise SessionLostError("30 CPU seconds")

    def body(student, rng):
        with idea("first", 2):
            pass
        with idea("second", 2):
            student.x  # noqa: B018
        raise AssertionError("not reached")

    verdict = run(Exam("toy", 5.0, body), Student(Session(transport)), 1)
    assert verdict.score == 2
    assert verdict.reasons[-1].came == "the code gave no answer: 30 CPU seconds"


@pytest.mark.parametrize("error", [AuthoringError("mine"), KeyboardInterrupt()])
def test_what_is_no_verdict(error):
    with pytest.raises(type(error)):
        judged(throws(error))
    assert exams._CARD.get() is None


@pytest.mark.parametrize("points", [(2, 2), (3, 3), (2, 2, 2)])
def test_points_have_to_add_up(points):
    def body(student, rng):
        for i, share in enumerate(points):
            with idea(f"{i}", share):
                ok(i == 0, expected="", came="")

    with pytest.raises(AuthoringError, match="of 5 points"):
        judged(body)


def test_ideas_stand_side_by_side_and_have_names_of_their_own():
    def nested(student, rng):
        with idea("a", 2), idea("b", 3):
            pass

    def twice(student, rng):
        for _ in range(2):
            with idea("a", 2.5):
                pass

    for body in (nested, twice):
        with pytest.raises(AuthoringError, match="idea"):
            judged(body)


def test_scores_are_rounded_sensibly():
    def body(student, rng):
        for i in range(3):
            with idea(f"{i}", 0.1):
                pass

    assert judged(body, 0.3).score == 0.3


def test_a_seed_decides_all_draws_and_each_exam_has_its_own():
    def body(student, rng):
        drawn.append((rng.normal(), np.random.rand(), random.random(), torch.rand(1).item()))  # noqa: NPY002

    drawn: list = []
    for name, seed in (("a", 1), ("a", 1), ("a", 2), ("b", 1)):
        run(Exam(name, 1.0, body), in_process({}), seed)
    assert drawn[0] == drawn[1]
    assert len({draw[0] for draw in drawn}) == 3


def test_global_states_are_left_as_they_were():
    def body(student, rng):
        np.seterr(all="raise")
        np.set_printoptions(precision=1)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        warnings.simplefilter("error")
        student.replace("x", 2)
        raise Fail("a", "b")

    def state():
        generators = random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
        modes = torch.get_default_dtype(), torch.is_grad_enabled(), list(warnings.filters)
        return generators, modes, np.geterr(), np.get_printoptions(), dict(namespace)

    namespace = {"x": 1}
    before = state()
    assert judged(body, namespace=namespace).score == 0
    assert state() == before


def test_registration_and_search(monkeypatch):
    @exam("toy-a", points=2)
    def first(student, rng):
        """Summarise. Split: all."""
        number(student.x, "x")

    assert (first.id, first.points, first.module) == ("toy-a", 2.0, __name__)
    first(in_process({"x": 1}), np.random.default_rng())
    with pytest.raises(Fail):
        first(in_process({"x": None}), np.random.default_rng())
    with pytest.raises(AuthoringError, match="two exams"):
        exam("toy-a", points=2)(lambda student, rng: None)
    for points in (0, -1, float("nan"), float("inf")):
        with pytest.raises(AuthoringError, match="worth"):
            exam("toy-b", points=points)(lambda student, rng: None)
    package = types.ModuleType("toy_exams")
    package.__path__ = []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_exams", package)
    assert find("toy-a", "toy_exams") is first
    with pytest.raises(LookupError, match=r"toy-c.*known are: toy-a$"):
        find("toy-c", "toy_exams")


def test_outside_a_run_ideas_catch_nothing():
    with pytest.raises(Fail), idea("a", 1):
        raise Fail("a", "b")


class TestLies:
    """A right solution that lies once, in every way and place."""

    def exam(self) -> Exam:
        def body(student, rng):
            net = student.Net(3)
            X = rng.normal(size=(4, 3))
            with idea("forward", 2):
                close(net.forward(X), X @ array(net.W, "W", shape=(3, 3)), "the output")
            with idea("history", 2):
                history = student.train(net, 3)
                ok(len(history["loss"]) == 3, expected="three values", came=history)
                ok(all(a > b for a, b in zip(history["loss"], history["loss"][1:], strict=False)), expected="", came="")
            with idea("raw work on an answer", 1):
                table = student.table()
                ok(bool(table["a"].sum() == 3 and table.index.name == "n"), expected="3", came=table)

        return Exam("toy-lies", 5.0, body)

    def namespace(self) -> dict:
        namespace: dict = {"__name__": "__main__"}
        exec(
            "import numpy as np, pandas as pd\n"
            "class Net:\n"
            "  def __init__(self, n): self.W = np.ones((n, n))\n"
            "  def forward(self, X): return X @ self.W\n"
            "def train(net, n): return {'loss': [3.0, 2.0, 1.0]}\n"
            "def table(): return pd.DataFrame({'a': [1, 2]}, index=pd.Index([5, 6], name='n'))\n",
            namespace,
        )
        return namespace

    def test_no_lie_leaves_a_run(self):
        lies = list(lying_sessions(self.namespace, self.exam(), runs=12 * len(GARBAGE)))
        assert {lie.kind for lie in lies} == set(GARBAGE)
        assert len({lie.place for lie in lies}) == 10
        for lie in lies:
            assert 0 <= lie.verdict.score <= 5
            assert all(line.isprintable() for line in lie.verdict.lines())
        assert sum(lie.verdict.score < 5 for lie in lies) > 0.8 * len(lies)
