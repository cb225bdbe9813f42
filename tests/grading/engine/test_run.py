"""Submissions side by side: what a worker that is lost costs, and whom; what an interrupt leaves behind."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil
import pytest

from grading.engine import run as runs
from grading.engine.assignment import Assignment
from grading.engine.job import Job, Outcome
from grading.engine.journal import Journal
from grading.engine.run import Report, Standing

ASSIGNMENT = Assignment("toy", "toy", "{}", "{}")


def graded_or_lost(job: Job) -> Outcome:
    """Grade, as students' names say: `killer` ends its worker, and `endless` comes to no end, whoever asks for it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600 if job.student == "endless" else 0.2)
    if job.student == "killer":
        os._exit(1)
    return Outcome(job.student, job.key, "graded")


def job_of(student: str) -> Job:
    return Job(student, {}, ASSIGNMENT, 0)


@pytest.fixture(autouse=True)
def toy_grading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "grade", graded_or_lost)


def workers() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, multiprocessing.get_context("fork"))


def graded(students: list[str], job_of: Callable[[str], Job | Outcome] = job_of) -> Generator[Outcome]:
    return runs._graded(students, job_of, workers, Standing(len(students)), lambda progress: None)


def statuses(outcomes: Generator[Outcome]) -> dict[str, str]:
    found = [(outcome.student, outcome.status) for outcome in outcomes]
    assert len(found) == len(dict(found))
    return dict(found)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_submission_that_ends_its_worker_takes_nobody_along(place: int) -> None:
    students = ["ada", "bo", "cy", "di"]
    students.insert(place, "killer")
    assert statuses(graded(students)) == {**dict.fromkeys(students, "graded"), "killer": "not graded"}


def test_a_worker_that_ends_while_an_outcome_is_recorded_costs_nobody_anything() -> None:
    before = set(psutil.Process().children())  # what other tests have started
    outcomes = graded(["ada", "bo", "cy", "di"])
    first = next(outcomes)
    ours = set(psutil.Process().children()) - before
    for child in ours:
        child.kill()
    psutil.wait_procs(ours, timeout=10)
    assert {first.student, *statuses(outcomes)} == {"ada", "bo", "cy", "di"}


def test_who_can_not_be_read_when_his_turn_comes_has_an_outcome(tmp_path: Path) -> None:
    """Everybody is looked at first and read again, which may be much later."""
    aside = Outcome("bo", "", "set aside", "no notebook")
    found = statuses(graded(["ada", "bo", "cy"], lambda student: aside if student == "bo" else job_of(student)))
    assert found == {"ada": "graded", "bo": "set aside", "cy": "graded"}


def test_an_interrupt_waits_for_nobody() -> None:
    before = set(psutil.Process().children())
    outcomes = graded(["ada", "endless", "bo"])
    next(outcomes)
    ours = set(psutil.Process().children()) - before
    outcomes.close()
    _, alive = psutil.wait_procs(ours, timeout=10)
    assert ours and not alive


def test_files_that_can_not_be_read_are_no_fault_of_the_students(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(folder: Path) -> dict[str, bytes]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(runs, "files_of", unreadable)

    def job_of(student: str) -> Job | Outcome:
        return runs._job("toy", tmp_path, ASSIGNMENT, 0, {}, student)

    waiting, (outcome,) = runs._to_do(["ada"], job_of, False, Journal(tmp_path, "toy"), Report("toy", 0))
    assert (waiting, outcome.status) == ([], "not graded")
    assert "Permission denied" in outcome.reason
