"""The examiner: a clean process that runs exams and never runs anything of a submission's.

It is forked from a server of its own, which has imported the exams and knows no submission. One examiner judges one
submission; whatever answers make of its memory is gone with it.
"""

import multiprocessing
import resource
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any

from grading.exam import Reason, Verdict, find, run
from grading.handle import SessionLost
from grading.remote import connect, seed_over_there

_ANSWER_SECONDS = 120.0
_EXAM_SECONDS = 600.0
_MEMORY_BYTES = 4 << 30


class ExaminerLostError(RuntimeError):
    """The examiner itself failed: no fault of the submission, and no verdict."""


class Examiner:
    """A process that judges the exams of one submission, one after another."""

    def __init__(self) -> None:
        context = _context()
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_examine, args=(other,), daemon=True)
        self._process.start()
        other.close()

    def judge(self, exam_id: str, seed: int, address: str) -> Verdict:
        """Run an exam on the kernel that serves one at an address.

        Raises
        ------
        ExaminerLostError
            If the examiner died, or the exam has a mistake of its author's. No answer can cause the second.
        """
        try:
            self._pipe.send((exam_id, seed, address))
            if not self._pipe.poll(_EXAM_SECONDS):
                raise ExaminerLostError(f"{exam_id} did not come to an end")
            verdict = self._pipe.recv()
        except (OSError, EOFError) as error:
            raise ExaminerLostError(f"the examiner ended during {exam_id}: {error or type(error).__name__}") from None
        if isinstance(verdict, Verdict):
            return verdict
        raise ExaminerLostError(f"{exam_id}: {verdict}")

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.kill()
        self._process.join()
        self._process.close()


def seed_for(exam_id: str, seed: int) -> int:
    """Return the seed that the submission's side of an exam gets."""
    return seed_over_there(exam_id, seed)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["grading.examiner", "grading.exams", "numpy", "sklearn", "torch", "pandas"])
    return context


def _examine(pipe: Connection) -> None:
    """Be an examiner."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    while True:
        try:
            exam_id, seed, address = pipe.recv()
        except (EOFError, OSError):
            return
        answer: Any
        try:
            answer = _judge(exam_id, seed, address)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        pipe.send(answer)


def _judge(exam_id: str, seed: int, address: str) -> Verdict:
    exam = find(exam_id)
    try:
        connection, student = connect(address, _ANSWER_SECONDS)
    except SessionLost as error:
        reason = Reason("the whole test", exam.points, False, "a kernel that answers", str(error), kind="error")
        return Verdict(exam_id, exam.points, 0.0, (reason,), seed, 0.0)
    with connection:
        return run(exam, student, seed)
