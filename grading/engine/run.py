"""Grade a folder of submissions: in parallel, recorded as they finish, resumed where a run was cut off."""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from grading.database import GradebookError
from grading.engine import assignment as assignments
from grading.engine.intake import SetAsideError, files_of
from grading.engine.job import Job, Outcome, grade
from grading.engine.journal import Journal
from grading.engine.record import Recorder

_NO_SEED = -1  # what nobody was graded by

Told = Callable[["Standing"], None]
Reader = Callable[[str], Job | Outcome]
"""Reads what a student has handed in, anew each time; an outcome where it can't be."""


@dataclass
class Options:
    """How to grade. `database` is the gradebook's URL; by default nbgrader's own, in the course's folder."""

    students: tuple[str, ...] = ()
    force: bool = False
    seed: int | None = None
    jobs: int = 0
    cluster: str = ""
    database: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Standing:
    """Where a run stands: of how many, how many are done, and who is being graded."""

    total: int
    done: int = 0
    running: tuple[str, ...] = ()


@dataclass
class Report:
    """What a run came to. `outcomes` are by student; `kept` were unchanged, `unrecorded` wait in the journal."""

    part: str
    seed: int
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    unrecorded: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every submission has its verdicts, in the gradebook."""
        return not self.unrecorded and all(outcome.complete for outcome in self.outcomes.values())

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, for programs."""
        return {
            "part": self.part,
            "seed": self.seed,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 1),
            "complete": self.complete,
            "kept": self.kept,
            "unrecorded": self.unrecorded,
            "submissions": [
                {
                    "student": outcome.student,
                    "status": outcome.status,
                    "reason": outcome.reason,
                    "score": sum(verdict.score for verdict in outcome.verdicts) if outcome.verdicts else None,
                    "scores": {verdict.exam_id: verdict.score for verdict in outcome.verdicts},
                    "failures": outcome.failures,
                    "notices": list(outcome.notices),
                    "suspicions": list(outcome.suspicions),
                    "ended": outcome.ended,
                    "sandbox": outcome.sandbox,
                    "cpu_seconds": round(outcome.cpu_seconds, 2),
                }
                for outcome in self.outcomes.values()
            ],
        }


def submitted(root: Path, part: str, only: tuple[str, ...] = ()) -> list[str]:
    """Return the students who have a folder for a part in `submitted/`, all or those who are named.

    Raises
    ------
    LookupError
        Where one who is named has none.
    """
    found = sorted(path.parent.name for path in (root / "submitted").glob(f"*/{part}") if path.is_dir())
    if missing := sorted(set(only) - set(found)):
        raise LookupError(
            f"there is no folder submitted/{missing[0]}/{part}; put the student's notebook into it, or check the name "
            f"(make class PART={part} hands in for a sample class)"
        )
    return [student for student in found if not only or student in only]


def run(
    part: str, root: Path, options: Options, recorder: Recorder, executors: Callable[[], Executor], told: Told
) -> Report:
    """Grade the submissions of a part that are new or changed, and record them.

    Parameters
    ----------
    executors
        Makes an executor; called again where one has lost a worker.
    told
        Called whenever something has changed.

    Raises
    ------
    LookupError, GradebookError, BusyError
        Where nothing can be graded at all.
    """
    started = time.monotonic()
    journal = Journal(root, part)
    with journal.held():
        recorder.check()
        seed = journal.seed() if options.seed is None else options.seed
        report = Report(part, seed)
        job_of = _reader(part, root, seed, options.settings)
        students, recorded = _to_do(submitted(root, part, options.students), job_of, options.force, journal, report)
        for outcome in recorded:
            _record(outcome, root, part, recorder, journal, report)
        progress = Standing(len(students))
        told(progress)
        with closing(_graded(students, job_of, executors, progress, told)) as outcomes:
            for outcome in outcomes:
                _record(outcome, root, part, recorder, journal, report)
        report.outcomes = dict(sorted(report.outcomes.items()))
        report.seconds = time.monotonic() - started
        journal.write_result(report.as_dict())
        return report


def to_grade(part: str, root: Path, options: Options) -> list[str]:
    """Return the students whom a run would grade. Nothing is written, not even a seed.

    Raises
    ------
    LookupError
        As `run`.
    """
    journal = Journal(root, part)
    seed = journal.known_seed() if options.seed is None else options.seed
    seed = _NO_SEED if seed is None else seed
    students, job_of = submitted(root, part, options.students), _reader(part, root, seed, options.settings)
    return _to_do(students, job_of, options.force, journal, Report(part, seed))[0]


def _reader(part: str, root: Path, seed: int, settings: dict[str, Any]) -> Reader:
    """Return what reads the work of a student."""
    return partial(_job, part, root, assignments.load(part, root), seed, settings)


def _job(
    part: str, root: Path, assignment: assignments.Assignment, seed: int, settings: dict[str, Any], student: str
) -> Job | Outcome:
    """Return a submission to be graded, or its outcome where it can't be read."""
    if not student.isprintable():
        reason = "The name of the student's folder can't be read as text; rename it."
        return Outcome(ascii(student), "", "set aside", reason)
    try:
        return Job(student, files_of(root / "submitted" / student / part), assignment, seed, settings)
    except SetAsideError as error:
        return Outcome(student, "", "set aside", str(error))
    except OSError as error:  # a right that is missing, a disk that fails: nothing that the student did
        return Outcome(student, "", "not graded", f"its files can't be read: {error}")


def _to_do(
    students: list[str], job_of: Reader, force: bool, journal: Journal, report: Report
) -> tuple[list[str], list[Outcome]]:
    """Return who is to be graded, and the outcomes that are there but not in the gradebook."""
    waiting, unrecorded, aside = [], [], []
    for student in students:
        job = job_of(student)  # read again when its turn comes: all of them at once may be more than memory holds
        if isinstance(job, Outcome):
            aside.append(job)
            continue
        outcome, is_recorded = journal.find(student, job.key)
        if outcome is None or force or outcome.status == "not graded" or outcome.failures:
            waiting.append(student)
            continue
        report.outcomes[student] = outcome
        report.kept.append(student)
        if not is_recorded:
            unrecorded.append(outcome)
    return waiting, [*unrecorded, *aside]


def _record(outcome: Outcome, root: Path, part: str, recorder: Recorder, journal: Journal, report: Report) -> None:
    """Write an outcome to the journal, then to the gradebook, then note in the journal that it is there."""
    report.outcomes[outcome.student] = outcome
    try:
        journal.put(outcome, recorded=False)
        if outcome.status == "graded":
            recorder.record(outcome, root / "submitted" / outcome.student / part)
        elif outcome.status == "set aside":
            recorder.withdraw(outcome.student)  # what an earlier submission got is not this one's
        journal.put(outcome, recorded=True)
    except (GradebookError, OSError) as error:
        report.unrecorded[outcome.student] = str(error)


def _graded(
    students: list[str],
    job_of: Reader,
    executors: Callable[[], Executor],
    progress: Standing,
    told: Told,
) -> Generator[Outcome]:
    """Yield outcomes as they come.

    Those whose worker was lost are run again, one at a time: one of them may be why, and takes no other along.
    """
    waiting, suspects = deque(students), deque[str]()
    while waiting:
        suspects += yield from _until_a_worker_is_lost(waiting, job_of, executors(), 0, progress, told)
    while suspects:
        for student in (yield from _until_a_worker_is_lost(suspects, job_of, executors(), 1, progress, told)):
            progress.done += 1
            reason = "its worker was lost, twice; look at the machine's memory, and run it again with --student"
            yield Outcome(student, "", "not graded", reason)


def _until_a_worker_is_lost(
    waiting: deque[str],
    job_of: Reader,
    executor: Executor,
    width: int,
    progress: Standing,
    told: Told,
) -> Generator[Outcome, None, list[str]]:
    """Take students from the left and yield their outcomes; return whose jobs went with a worker, none at the end.

    Parameters
    ----------
    width
        How many at once; 0 for as many as the executor has workers.
    """
    width = width or getattr(executor, "_max_workers", 0) or len(waiting)
    running: dict[Future[Outcome], str] = {}
    lost: list[str] = []
    try:
        while (waiting or running) and not lost:
            while waiting and len(running) < width:
                job = job_of(waiting[0])
                if isinstance(job, Outcome):
                    progress.done += 1
                    waiting.popleft()
                    yield job
                    continue
                try:
                    running[executor.submit(grade, job)] = waiting[0]
                except BrokenExecutor:  # a worker ended while the last outcome was recorded
                    return list(running.values())
                waiting.popleft()
            _tell(running, progress, told)
            done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                student = running.pop(future)
                if _is_lost(future):
                    lost.append(student)
                    continue
                progress.done += 1
                _tell(running, progress, told)
                yield future.result()
        return [*lost, *running.values()]
    finally:
        _let_go(executor, running)


def _tell(running: dict[Future[Outcome], str], progress: Standing, told: Told) -> None:
    progress.running = tuple(running.values())
    told(progress)


def _let_go(executor: Executor, running: Iterable[Future[Outcome]]) -> None:
    """End an executor. Where jobs are running still, nobody waits for what comes of them: their processes end, too."""
    abandoned = [future for future in running if not future.cancel() and not future.done()]
    processes = list((getattr(executor, "_processes", None) or {}).values())
    executor.shutdown(wait=False)
    if abandoned:
        for process in processes:
            process.kill()  # less would be taken for a wish to clean up, by nbclient, which then goes on


def _is_lost(future: Future[Outcome]) -> bool:
    """Say whether a job has gone with its worker: a process of this machine, or one of a Dask cluster."""
    error = future.exception()
    return isinstance(error, BrokenExecutor) or type(error).__name__ in ("KilledWorker", "FutureCancelledError")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
