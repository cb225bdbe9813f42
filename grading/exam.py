"""Exams: how one is written, found and run, and what a verdict says.

An exam is a function of a student's namespace and a random generator. Its points are split into ideas; what
goes wrong within an idea costs that idea alone, and the exam goes on behind it::

    @exam("test-mean", points=5)
    def averages_its_samples(student, rng):
        with idea("mean over the samples", 2):
            ...

Whatever an answer makes an exam do is the student's failure: an exception inside an exam whose reference
solution passes says that the answer had an unexpected form. Only a mistake of the author, a lost interpreter
or an interrupt leaves no verdict.
"""

import contextlib
import importlib
import pkgutil
import random
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from grading.handle import SessionLostError, Student, StudentError
from grading.judge import Fail
from grading.wire import AuthoringError, UnreadableError, printable

Kind = Literal["passed", "fail", "error", "not attempted", "unexpected"]
WHOLE = "the whole test"  # the one idea of an exam that is not split
_EPSILON = 1e-6


@dataclass(frozen=True)
class Exam:
    """A registered exam; calling it runs the bare function, without a verdict."""

    id: str
    points: float
    function: Callable[[Student, np.random.Generator], None]

    @property
    def module(self) -> str:
        """Name of the module that defines it."""
        return self.function.__module__

    def __call__(self, student: Student, rng: np.random.Generator) -> None:
        """Run the bare function."""
        self.function(student, rng)


@dataclass(frozen=True)
class Reason:
    """What came of one idea, and if its points were lost, why. `detail` is for the instructor."""

    idea: str
    points: float
    earned: bool
    expected: str = ""
    came: str = ""
    hint: str = ""
    kind: Kind = "passed"
    detail: str = ""

    def lines(self) -> list[str]:
        """Return it as text for people."""
        head = f"  {'✓' if self.earned else '✗'} {self.idea} ({self.points:g})"
        told = (("expected", self.expected), ("came", self.came), ("look here", self.hint))
        return [head, *(f"      {label}: {text}" for label, text in told if text)]


@dataclass(frozen=True)
class Verdict:
    """The outcome of one exam: a plain finite `score` from 0 to `points`, and a reason per idea."""

    exam_id: str
    points: float
    score: float
    reasons: tuple[Reason, ...]
    seed: int
    cpu_seconds: float

    def lines(self) -> list[str]:
        """Return it as text for people, the score first."""
        head = f"{self.exam_id}: {self.score:g} of {self.points:g} points"
        return [head, *(line for reason in self.reasons for line in reason.lines()), f"  (seed {self.seed})"]


@dataclass
class _Scorecard:
    reasons: list[Reason] = field(default_factory=list)
    open_idea: bool = False


_EXAMS: dict[str, Exam] = {}
_CARD: ContextVar[_Scorecard | None] = ContextVar("scorecard of the running exam", default=None)


def exam(exam_id: str, *, points: float) -> Callable[[Callable[[Student, np.random.Generator], None]], Exam]:
    """Register the decorated function as an exam.

    Raises
    ------
    AuthoringError
        If the id is taken or the points are no positive number.
    """

    def register(function: Callable[[Student, np.random.Generator], None]) -> Exam:
        taken = _EXAMS.get(exam_id)
        # A reloaded module may register its own exams again.
        if taken and (taken.module, taken.function.__qualname__) != (
            function.__module__,
            function.__qualname__,
        ):
            raise AuthoringError(f"two exams are called {exam_id}: in {taken.module} and {function.__module__}")
        if not (np.isfinite(points) and points > 0):
            raise AuthoringError(f"{exam_id} can't be worth {points} points")
        _EXAMS[exam_id] = Exam(exam_id, float(points), function)
        return _EXAMS[exam_id]

    return register


@contextlib.contextmanager
def idea(name: str, points: float) -> Iterator[None]:
    """Earn `points` by leaving the block; lose them, and go on behind it, by what an answer makes happen.

    Outside a run nothing is caught.
    """
    card = _CARD.get()
    if card is None:
        yield
        return
    if card.open_idea or any(reason.idea == name for reason in card.reasons):
        raise AuthoringError(f"the idea {name!r} stands inside another one or comes twice")
    card.open_idea = True
    try:
        yield
    except AuthoringError:
        raise
    except Exception as error:
        card.reasons.append(_lost(name, points, error))
    else:
        card.reasons.append(Reason(name, points, earned=True))
    finally:
        card.open_idea = False


def run(exam: Exam, student: Student, seed: int) -> Verdict:
    """Run an exam and return its verdict; leave global states and the student's names as they were.

    Parameters
    ----------
    seed
        With the exam's id it decides all that the exam draws.

    Raises
    ------
    AuthoringError
        For a mistake in the exam; no answer can cause one. KeyboardInterrupt passes through.
    """
    card = _Scorecard()
    failure: BaseException | None = None
    entropy = [seed, zlib.crc32(exam.id.encode())]
    token = _CARD.set(card)
    start = time.process_time()
    try:
        with own_globals(entropy):
            try:
                exam(student, np.random.default_rng(entropy))
            except AuthoringError:
                raise
            except (Exception, SessionLostError) as error:
                failure = error
            finally:
                student.close()
    finally:
        _CARD.reset(token)
    reasons = _complete(exam, card.reasons, failure)
    score = round(sum(reason.points for reason in reasons if reason.earned), 4)
    bounded = float(min(max(score, 0.0), exam.points))
    return Verdict(exam.id, exam.points, bounded, reasons, seed, time.process_time() - start)


def _complete(exam: Exam, reasons: list[Reason], failure: BaseException | None) -> tuple[Reason, ...]:
    """Return the reasons with one for what no idea has accounted for."""
    rest = exam.points - sum(reason.points for reason in reasons)
    if rest < -_EPSILON or (failure is None and reasons and rest > _EPSILON):
        total = exam.points - rest
        raise AuthoringError(f"the ideas of {exam.id} are worth {total:g} of {exam.points:g} points")
    if failure is not None and rest > _EPSILON:
        return (*reasons, _lost("everything else" if reasons else WHOLE, rest, failure))
    return tuple(reasons) or (Reason(WHOLE, exam.points, earned=True),)


def _lost(name: str, points: float, error: BaseException) -> Reason:
    """Return the reason for points lost by an exception."""
    if isinstance(error, Fail):
        return Reason(name, points, False, error.expected, error.came, error.hint, "fail")
    if isinstance(error, StudentError):
        place = f" in {error.where}" if error.where else ""
        place += f", line {error.line} of its cell" if error.line else ""
        if error.kind == "NotImplementedError":
            return Reason(name, points, False, came=f"not attempted yet{place}", kind="not attempted")
        came = printable(f"{error}{place}")
        hint = "run your own code on a small example"
        return Reason(name, points, False, "code that runs", came, hint, "error")
    if isinstance(error, SessionLostError):
        came = f"the code gave no answer: {error}"
        return Reason(name, points, False, "an answer in time", printable(came), kind="error")
    came = f"{'an answer' if isinstance(error, UnreadableError) else 'something'} of an unexpected form"
    detail = printable(f"{type(error).__name__}: {_text(error)}")
    hint = "compare what your code returns with the task's statement: types and shapes"
    return Reason(name, points, False, "an answer as the task states it", came, hint, "unexpected", detail)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "?"


@contextlib.contextmanager
def own_globals(entropy: list[int]) -> Iterator[None]:
    """Run a block from fixed global states (randomness, warnings, NumPy, torch) and put back those before.

    Exam and student share them in one process, where neither may leave traces for the other.
    """
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    with contextlib.ExitStack() as stack:
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002 (students may use it)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(np.errstate(all="ignore"))
        stack.enter_context(np.printoptions())
        if (torch := sys.modules.get("torch")) is not None:
            _own_torch(torch, seed, stack)
        yield


def _own_torch(torch: Any, seed: int, stack: contextlib.ExitStack) -> None:
    stack.callback(torch.set_rng_state, torch.get_rng_state())
    stack.callback(torch.set_default_dtype, torch.get_default_dtype())
    stack.enter_context(torch.inference_mode(False))
    stack.enter_context(torch.enable_grad())
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float32)


def _modules(package: str) -> Iterator[str]:
    """Import the modules of a package one after another."""
    parent = importlib.import_module(package)
    for module in pkgutil.iter_modules(parent.__path__, f"{package}."):
        yield importlib.import_module(module.name).__name__


def find(exam_id: str, package: str = "grading.exams") -> Exam:
    """Return the exam of that id, importing modules of a package of exams until one has it.

    Raises
    ------
    LookupError
        If there is none; the message names those there are.
    """
    modules = _modules(package)  # one at a time: a later part may need libraries that this one does not
    while exam_id not in _EXAMS:
        if next(modules, None) is None:
            raise LookupError(f"there is no exam {exam_id!r}; known are: {', '.join(sorted(_EXAMS)) or 'none'}")
    return _EXAMS[exam_id]
