"""A student's side that lies once: a right solution with one answer replaced by garbage.

For the tests of every exam: whatever an answer is, no exception leaves `run`, and nothing hangs::

    for lie in lying_sessions(namespace, exam, runs=100):
        assert lie.verdict.score <= exam.points
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from grading.agent import InProcess
from grading.encoder import encode_raised, encode_reference, encode_value
from grading.exam import Exam, Verdict, run
from grading.handle import Session, SessionLostError, Student
from grading.wire import HEADER, Opaque, Raised


def _of(value: Any) -> Callable[[bytes], bytes]:
    return lambda honest: encode_value(value, lambda obj: Opaque(9999, ("builtins.object",), True))


def _lose(honest: bytes) -> bytes:
    raise SessionLostError("the process died")


GARBAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda honest: b"",
    "half": lambda honest: honest[: len(honest) // 2],
    "huge lengths": lambda honest: HEADER.pack(2**32 - 1, 2**32 - 1) + honest,
    "noise": lambda honest: honest[: HEADER.size] + bytes(b ^ 0x5A for b in honest[HEADER.size :]),
    "none": _of(None),
    "true": _of(True),
    "minus one": _of(-1),
    "nan": _of(float("nan")),
    "text": _of("\x1b[31m<script>\u202e"),
    "bytes": _of(b"\0" * 100),
    "empty list": _of([]),
    "nested": _of([[1, "a", None], {"b": [np.float32(2)]}]),
    "dict": _of({"train_loss": [float("inf")], 3: None}),
    "infinite array": _of(np.full((3, 2), np.inf)),
    "empty array": _of(np.zeros((0, 7))),
    "many dimensions": _of(np.zeros((1,) * 8)),
    "objects": _of(np.array([object(), "x", None], dtype=object)),
    "reference": lambda honest: encode_reference(Opaque(9999, (), False)),
    "known reference": lambda honest: encode_reference(Opaque(0, ("__main__.Net", "builtins.object"), True)),
    "exception": lambda honest: encode_raised(Raised("SystemExit", "", 1, "forward")),
    "not implemented": lambda honest: encode_raised(Raised("NotImplementedError", "later")),
    "an author's mistake": lambda honest: encode_raised(Raised("AuthoringError", "not my fault")),
    "lost": _lose,
}


class Lying:
    """A transport that passes all answers on but the one at `place`, which it replaces."""

    def __init__(self, namespace: dict[str, Any], place: int, lie: Callable[[bytes], bytes]) -> None:
        self._honest = InProcess(namespace)
        self._place = place
        self._lie = lie
        self.asked = 0

    def __call__(self, request: bytes) -> bytes:
        answer = self._honest(request)
        self.asked += 1
        return self._lie(answer) if self.asked - 1 == self._place else answer


@dataclass(frozen=True)
class Lie:
    """Which answer was replaced by what, and the verdict."""

    place: int
    kind: str
    verdict: Verdict


def lying_sessions(
    namespace: dict[str, Any] | Callable[[], dict[str, Any]], exam: Exam, *, runs: int = 100, seed: int = 0
) -> Iterator[Lie]:
    """Run an exam `runs` times, each with one lie; each kind in turn, the places drawn.

    Parameters
    ----------
    namespace
        Globals of a right solution, or what makes fresh ones for each run.
    """
    fresh = namespace if callable(namespace) else lambda: namespace
    honest = Lying(fresh(), -1, GARBAGE["nothing"])
    verdict = run(exam, Student(Session(honest)), seed)
    assert verdict.score == exam.points, verdict.lines()
    draw = random.Random(seed)
    for i in range(runs):
        kind = list(GARBAGE)[i % len(GARBAGE)]
        place = draw.randrange(honest.asked)
        student = Student(Session(Lying(fresh(), place, GARBAGE[kind])))
        yield Lie(place, kind, run(exam, student, seed))
