"""The examiner: a clean process that runs exams and never runs anything of a submission's.

It is forked from a server of its own, which has imported the exams and knows no submission. One examiner judges one
submission; whatever answers make of its memory is gone with it.
"""

import contextlib
import importlib.util
import multiprocessing
import os
import pkgutil
import resource
import signal
import sys
import types
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from grading.exam import WHOLE, Exam, Reason, Verdict, find, run
from grading.handle import Session, SessionLostError, Student
from grading.remote import READY_SECONDS, connect
from grading.sandbox.policy import ONE_THREAD

_ANSWER_SECONDS = 120.0
_ALL_ANSWERS_SECONDS = 300.0
_EXAM_SECONDS = 600.0
"""Longer than all answers may take: what an exam itself does is a matter of seconds."""
_EXAM_CPU_SECONDS = 60
"""For what an exam computes itself; what it computes from forged notes may have no end."""
_MEMORY_BYTES = 4 << 30
_ENVIRONMENT = {
    "PYTHONSAFEPATH": "1",
    # Each submission has an examiner: threads of theirs would only wait for each other, and at full speed.
    **ONE_THREAD,
}
NOBODY = "a kernel that answers"
"""What was expected where no exam took place."""


class ExaminerLostError(RuntimeError):
    """The examiner itself failed: no fault of the submission, and no verdict."""


class Examiner:
    """A process that judges the exams of one submission, one after another.

    Parameters
    ----------
    exams
        The package that holds them.
    cpu_seconds
        What judging one exam may take, at the submission's expense.
    """

    def __init__(self, exams: str = "grading.exams", cpu_seconds: float = _EXAM_CPU_SECONDS) -> None:
        context = _context(exams)
        self.lost = ""
        """Why the last conversation ended before its exam did, if so."""
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_examine, args=(other, exams, cpu_seconds, str(Path.cwd())), daemon=True)
        with _surroundings(), _free_to_start(), _without_main():
            self._process.start()
        other.close()

    @property
    def process_id(self) -> int:
        """The number of the process."""
        return self._process.pid or 0

    def judge(self, exam_id: str, seed: int, address: str, *, ready_seconds: float = READY_SECONDS) -> Verdict:
        """Run an exam on the kernel that serves one at an address.

        Parameters
        ----------
        ready_seconds
            For the kernel to say that it is there.

        Raises
        ------
        ExaminerLostError
            If the examiner died, or the exam has a mistake of its author's. No answer can cause the second.
        """
        try:
            self._pipe.send((exam_id, seed, address, ready_seconds))
            if not self._pipe.poll(_EXAM_SECONDS):
                raise ExaminerLostError(f"{exam_id} did not come to an end")
            answer = self._pipe.recv()
        except (OSError, EOFError) as error:
            raise ExaminerLostError(f"the examiner ended during {exam_id}: {error or type(error).__name__}") from None
        if isinstance(answer, str):
            raise ExaminerLostError(f"{exam_id}: {answer}")
        verdict, self.lost = answer
        return verdict

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.kill()
        self._process.join()
        self._process.close()


def _context(exams: str) -> ForkServerContext:
    """Return what starts examiners, from a server that imports the exams once; they are not imported here."""
    package = importlib.util.find_spec(exams)
    folders = package.submodule_search_locations if package else None
    modules = [module.name for module in pkgutil.iter_modules(folders, f"{exams}.")]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["grading.examiner", "numpy", "sklearn", "torch", "pandas", *modules])
    return context


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """Let a process that is started meanwhile import nothing from the working folder, and compute on one thread."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ |= _ENVIRONMENT
    try:
        yield
    finally:
        for name, text in before.items():
            if text is None:
                del os.environ[name]
            else:
                os.environ[name] = text


@contextlib.contextmanager
def _free_to_start() -> Iterator[None]:
    """Let a process start another one that multiprocessing takes for a daemon, as Dask's workers are.

    It forbids daemons children, which they would leave behind when killed; an examiner ends with its pipe.
    """
    settings: dict[str, Any] = vars(multiprocessing.current_process())["_config"]
    before = settings.pop("daemon", None)
    try:
        yield
    finally:
        if before is not None:
            settings["daemon"] = before


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Let a process that is started meanwhile not import what was started here: seconds of imports, for nothing."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


@contextlib.contextmanager
def _within(cpu_seconds: float) -> Iterator[None]:
    """End what is going on by `SessionLostError` where it takes too much CPU time, and again where it goes on."""

    def end(number: int, frame: Any) -> None:
        raise SessionLostError(f"judging its answers took more than {cpu_seconds:g} seconds")

    signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _examine(pipe: Connection, exams: str, cpu_seconds: float, folder: str) -> None:
    """Be an examiner. The folder is the engine's working folder, from which nothing is imported here."""
    sys.path[:] = [path for path in sys.path if path not in ("", folder)]
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    while True:
        try:
            exam_id, seed, address, ready_seconds = pipe.recv()
        except (EOFError, OSError):
            return
        answer: Any
        try:
            answer = _judge(find(exam_id, exams), seed, address, ready_seconds, cpu_seconds)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        pipe.send(answer)


def _judge(exam: Exam, seed: int, address: str, ready_seconds: float, cpu_seconds: float) -> tuple[Verdict, str]:
    """Return the verdict, and why the conversation ended before the exam did, if so."""
    expected = NOBODY
    try:
        transport = connect(address, _ANSWER_SECONDS, _ALL_ANSWERS_SECONDS, ready_seconds=ready_seconds)
        expected = "answers that can be judged"
        with transport, _within(cpu_seconds):
            return run(exam, Student(Session(transport)), seed), transport.lost
    except SessionLostError as error:  # nobody is there, or the limit struck while nothing of the exam was going on
        reason = Reason(WHOLE, exam.points, False, expected, str(error), kind="error")
        return Verdict(exam.id, exam.points, 0.0, (reason,), seed, 0.0), ""
