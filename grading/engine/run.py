"""Grade a folder of submissions: in parallel, recorded as they finish, resumed where a run was cut off."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grading.engine import assignment as assignments
from grading.engine.intake import SetAsideError, files_of
from grading.engine.job import Job, Outcome, grade
from grading.engine.journal import Journal
from grading.engine.record import GradebookError, Recorder

_TRIES = 2  # of a submission whose worker was lost; the second time it may have been its own doing
_NO_SEED = -1  # what nobody was graded by

Told = Callable[["Standing"], None]


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
        jobs, recorded = _jobs(part, root, options, seed, journal, report)
        for outcome in recorded:
            _record(outcome, root, part, recorder, journal, report)
        progress = Standing(len(jobs))
        told(progress)
        for outcome in _graded(jobs, executors, progress, told):
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
    return [job.student for job in _jobs(part, root, options, seed, journal, Report(part, seed))[0]]


def _jobs(
    part: str, root: Path, options: Options, seed: int, journal: Journal, report: Report
) -> tuple[list[Job], list[Outcome]]:
    """Return the submissions to grade, and the outcomes that an earlier run could not record."""
    assignment = assignments.load(part, root)
    jobs, unrecorded, aside = [], [], []
    for student in submitted(root, part, options.students):
        if not student.isprintable():
            reason = "The name of the student's folder can't be read as text; rename it."
            aside.append(Outcome(ascii(student), "", "set aside", reason))
            continue
        try:
            files = files_of(root / "submitted" / student / part)
        except (SetAsideError, OSError) as error:
            aside.append(Outcome(student, "", "set aside", str(error)))
            continue
        job = Job(student, files, assignment, seed, options.settings)
        outcome, is_recorded = journal.find(student, job.key)
        if outcome is None or options.force or outcome.status == "not graded" or outcome.failures:
            jobs.append(job)
            continue
        report.outcomes[student] = outcome
        report.kept.append(student)
        if not is_recorded:
            unrecorded.append(outcome)
    return jobs, [*unrecorded, *aside]


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


def _graded(jobs: list[Job], executors: Callable[[], Executor], progress: Standing, told: Told) -> Iterator[Outcome]:
    """Yield outcomes as they come. Jobs of a worker that was lost go to another one."""
    waiting, tries = deque(jobs), dict.fromkeys((job.student for job in jobs), 0)
    while waiting:
        with ExitStack() as stack:
            executor = executors()
            running: dict[Future[Outcome], Job] = {}
            stack.callback(executor.shutdown, wait=False)
            stack.callback(lambda futures: [future.cancel() for future in futures], running)
            width = getattr(executor, "_max_workers", 0) or len(waiting)
            while waiting or running:
                while waiting and len(running) < width:
                    job = waiting.popleft()
                    running[executor.submit(grade, job)] = job
                progress.running = tuple(job.student for job in running.values())
                told(progress)
                done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                lost = [running.pop(future) for future in done if _is_lost(future)]
                for future in done:
                    if future in running:
                        running.pop(future)
                        progress.done += 1
                        progress.running = tuple(job.student for job in running.values())
                        told(progress)
                        yield future.result()
                if lost:
                    lost += running.values()
                    break
            else:
                return
        for job in lost:
            tries[job.student] += 1
            if tries[job.student] < _TRIES:
                waiting.appendleft(job)
            else:
                progress.done += 1
                yield Outcome(job.student, job.key, "not graded", "its worker was lost, twice")


def _is_lost(future: Future[Outcome]) -> bool:
    """Say whether a job has gone with its worker: a process of this machine, or one of a Dask cluster."""
    error = future.exception()
    return isinstance(error, BrokenProcessPool) or type(error).__name__ in ("KilledWorker", "FutureCancelledError")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
