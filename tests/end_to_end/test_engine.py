"""The engine by its real command line: the sample class, faults, bad input, a cluster."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook

from grading.gradebook import Submission, submissions
from grading.release import build, environment, nbgrader
from tests.end_to_end.test_course import copy_course
from tests.postgresql import running
from tests.samples import notebook_path
from tests.samples.demo import surprises
from tests.samples.part1.classroom import ALL_TESTS
from tests.samples.submissions import classroom, fill, write
from tests.tools import eventually

PART = "part1"
SEED = "20261125"
NAME = notebook_path("release", PART).name
PROC = Path("/proc")


def engine(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m grading` in a course."""
    command = [sys.executable, "-m", "grading", *arguments]
    return subprocess.run(
        command, cwd=root, env={**environment(), **variables}, capture_output=True, text=True, check=False, timeout=900
    )


def result(root: Path) -> dict[str, Any]:
    """Return what the last run left as JSON."""
    return json.loads((root / ".grading" / PART / "result.json").read_text(encoding="utf-8"))


def grades(root: Path, database: str = "") -> dict[tuple[str, str], tuple[float | None, float | None, bool]]:
    """Return what the gradebook says of each student and cell: automatic and manual score, whether a person waits."""
    with Gradebook(database or f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        return {
            (submission.student.id, grade.name): (grade.auto_score, grade.manual_score, grade.needs_manual_grade)
            for submission in gradebook.assignment_submissions(PART)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


@pytest.fixture(scope="module")
def blank_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with its release, and nobody in it."""
    root = copy_course(tmp_path_factory.mktemp("engine"))
    build(PART, root)
    return root


@pytest.fixture
def course(blank_course: Path, tmp_path: Path) -> Path:
    root = tmp_path / "course"
    shutil.copytree(blank_course, root)
    return root


def hand_in(root: Path, student: str, cells: dict[str, str] | None = None) -> Path:
    """Put a submission into the course; by default a blank one. Return its notebook."""
    folder = root / "submitted" / student / PART
    folder.mkdir(parents=True)
    nbformat.write(fill(PART, cells or {}), folder / NAME)
    return folder / NAME


@pytest.fixture(scope="module")
def graded(blank_course: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Submission], str]:
    """The sample class, graded by the engine: the course, what the gradebook says, and what was printed."""
    root = tmp_path_factory.mktemp("graded") / "course"
    shutil.copytree(blank_course, root)
    write(PART, root)
    run = engine(root, "run", PART, "--seed", SEED)
    assert run.returncode == 0, run.stdout + run.stderr
    return root, {found.student: found for found in submissions(PART, root)}, run.stdout


def test_every_cell_of_the_sample_class_gets_its_score(graded) -> None:
    _, found, _ = graded
    assert surprises(PART, classroom(PART), list(found.values())) == []


def test_lost_points_come_with_the_same_reasons_as_in_stock_grading(graded) -> None:
    _, found, _ = graded
    for student in classroom(PART):
        for cell in found[student.id].cells:
            if not cell.manual and cell.score is not None and cell.score < cell.max_score:
                assert cell.reasons, (student.id, cell.grade_id)


def test_the_run_says_what_it_did_for_people_and_for_programs(graded) -> None:
    root, _, printed = graded
    assert f"12 of 12 graded, 0 of them before; seed {SEED}" in printed
    told = result(root)
    assert told["complete"] is True
    assert {entry["student"] for entry in told["submissions"]} == {student.id for student in classroom(PART)}
    (amara,) = (entry for entry in told["submissions"] if entry["student"] == "sample-amara")
    assert (amara["status"], amara["score"], amara["sandbox"]) == ("graded", 95, "full")
    assert set(amara["scores"]) == set(ALL_TESTS)


def test_written_answers_wait_for_a_person_and_blank_ones_do_not(graded) -> None:
    _, found, _ = graded
    assert sorted(found["sample-amara"].to_grade()) == ["discuss-batch-size", "discuss-cost", "discuss-scaling"]
    assert found["sample-elif"].to_grade() == []


def test_formgrader_and_feedback_find_what_they_know(graded) -> None:
    root, _, _ = graded
    path = root / "autograded" / "sample-grace" / PART / NAME
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    (cell,) = (cell for cell in notebook.cells if cell.id == "test-mlp-backward")
    assert "gradient of b2" in cell.outputs[0].text
    run = subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_feedback", PART, "--student=sample-grace"],
        cwd=root, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    (page,) = (root / "feedback" / "sample-grace" / PART).glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "gradient of b2" in text
    assert "HIDDEN TESTS" not in text


def test_the_submissions_are_byte_for_byte_what_they_were(graded) -> None:
    root, _, _ = graded
    for student in classroom(PART):
        fresh = nbformat.writes(fill(PART, student.cells))
        assert (root / "submitted" / student.id / PART / NAME).read_text(encoding="utf-8").strip() == fresh.strip()


@pytest.mark.slow
def test_an_unchanged_class_is_not_graded_again_and_one_that_changed_is(graded, tmp_path: Path) -> None:
    root = tmp_path / "course"
    shutil.copytree(graded[0], root)
    before = grades(root)
    run = engine(root, "run", PART, "--seed", SEED)
    assert "12 of 12 graded, 12 of them before" in run.stdout
    assert grades(root) == before
    shutil.copy(root / "submitted" / "sample-amara" / PART / NAME, root / "submitted" / "sample-elif" / PART / NAME)
    run = engine(root, "run", PART, "--seed", SEED)
    assert "12 of 12 graded, 11 of them before" in run.stdout
    (elif_,) = (found for found in submissions(PART, root) if found.student == "sample-elif")
    assert elif_.points() == 85


@pytest.mark.slow
def test_a_manual_score_and_a_comment_survive_a_regrade(graded, tmp_path: Path) -> None:
    root = tmp_path / "course"
    shutil.copytree(graded[0], root)
    notebook = notebook_path("source", PART).stem
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("discuss-cost", notebook, PART, "sample-jonas")
        grade.manual_score, grade.needs_manual_grade = 6.5, False
        gradebook.find_comment("discuss-cost", notebook, PART, "sample-jonas").manual_comment = "Well argued."
        gradebook.db.commit()
    run = engine(root, "run", PART, "--seed", SEED, "--force", "--student", "sample-jonas")
    assert run.returncode == 0, run.stdout
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        assert gradebook.find_grade("discuss-cost", notebook, PART, "sample-jonas").score == 6.5
        assert gradebook.find_comment("discuss-cost", notebook, PART, "sample-jonas").comment == "Well argued."


# --- bad input ----------------------------------------------------------------------------------------------------
def test_rubbish_is_set_aside_with_a_reason_and_costs_nobody_else_anything(course: Path) -> None:
    hand_in(course, "fine")
    hand_in(course, "cut-off").write_text('{"cells": [', encoding="utf-8")
    hand_in(course, "empty").unlink()
    hand_in(course, "dies", {"mlp-from-scratch": "import os\nos._exit(1)"})
    run = engine(course, "run", PART)
    assert run.returncode == 1
    entries = {entry["student"]: entry for entry in result(course)["submissions"]}
    assert {student: entry["status"] for student, entry in entries.items()} == {
        "fine": "graded", "dies": "graded", "cut-off": "set aside", "empty": "set aside",
    }  # fmt: skip
    assert "cut off" in entries["cut-off"]["reason"]
    assert "There is no notebook" in entries["empty"]["reason"]
    assert entries["dies"]["ended"]
    assert {student for student, _ in grades(course)} == {"fine", "dies"}
    assert "set aside" in engine(course, "status", PART).stdout
    table = engine(course, "show", PART, COLUMNS="200").stdout
    assert "There is no notebook" in table


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["part9"], [PART, "--student", "nobody"], [PART, "--db", "sqlite:///nowhere/x"]])
def test_what_can_not_be_graded_at_all_is_said_in_one_line(course: Path, arguments: list[str]) -> None:
    run = engine(course, "run", *arguments)
    assert run.returncode == 2
    assert "Traceback" not in run.stdout + run.stderr
    assert len((run.stdout + run.stderr).strip().splitlines()[-1]) > 20


def test_a_dry_run_changes_nothing(course: Path) -> None:
    hand_in(course, "one")
    run = engine(course, "run", PART, "--dry-run")
    assert run.stdout == "one\n"
    assert not (course / ".grading").exists()
    assert grades(course) == {}


# --- faults -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def undisturbed(blank_course: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A course of five, and what the gradebook says after a run that nothing has disturbed."""
    root = tmp_path_factory.mktemp("undisturbed") / "course"
    shutil.copytree(blank_course, root)
    for student in classroom(PART)[4:6]:
        hand_in(root, student.name, student.cells)
    for name in ("blank-1", "blank-2", "blank-3"):
        hand_in(root, name)
    done = tmp_path_factory.mktemp("done") / "course"
    shutil.copytree(root, done)
    run = engine(done, "run", PART, "--seed", SEED)
    assert run.returncode == 0, run.stdout + run.stderr
    return root, grades(done)


@pytest.fixture
def to_disturb(undisturbed, tmp_path: Path) -> tuple[Path, dict]:
    """A copy of that course before the run, and what the gradebook has to say in the end."""
    root = tmp_path / "course"
    shutil.copytree(undisturbed[0], root)
    return root, undisturbed[1]


def start(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "grading", "run", PART, "--seed", SEED, *arguments]
    null = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=root, env=environment(), stdout=null, stderr=null, start_new_session=True)


def processes_of(root: Path) -> Iterator[int]:
    """Yield the processes whose working folder is the course's."""
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").resolve() == root:
                    yield int(entry.name)
            except OSError:
                continue


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(1))
def test_a_run_that_is_killed_is_resumed_to_the_same_grades(to_disturb, trial: int) -> None:
    interrupted_runs(to_disturb, random.Random(trial), times=2)


@pytest.mark.slow
def test_fifty_kills_at_random_points_change_no_grade(to_disturb) -> None:
    interrupted_runs(to_disturb, random.Random(50), times=50)


def interrupted_runs(to_disturb, rng: random.Random, times: int) -> None:
    root, wanted = to_disturb
    for _ in range(times):
        run = start(root)
        time.sleep(rng.uniform(0.5, 14))
        run.kill()
        run.wait()
        if run.returncode == 0:
            shutil.rmtree(root / ".grading")
    assert engine(root, "run", PART, "--seed", SEED).returncode == 0
    assert grades(root) == wanted
    assert eventually(lambda: not list(processes_of(root))), "processes of the killed runs are left"


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nobody_anything(to_disturb) -> None:
    root, wanted = to_disturb
    run = start(root)
    time.sleep(6)
    workers = [
        process for process in processes_of(root) if b"spawn_main" in (PROC / str(process) / "cmdline").read_bytes()
    ]
    os.kill(random.Random(1).choice(workers), signal.SIGKILL)
    assert run.wait(300) == 0
    assert grades(root) == wanted


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_done_and_says_how_to_go_on(to_disturb) -> None:
    root, wanted = to_disturb
    run = start(root)
    assert eventually(lambda: list((root / ".grading" / PART).glob("students/*.json")), 120)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(60) == 130
    assert engine(root, "run", PART, "--seed", SEED).returncode == 0
    assert grades(root) == wanted


@pytest.mark.slow
def test_a_second_run_at_the_same_time_is_refused(to_disturb) -> None:
    root, wanted = to_disturb
    run = start(root)
    assert eventually(lambda: (root / ".grading" / PART / "lock").exists(), 60)
    second = engine(root, "run", PART)
    assert (second.returncode, run.wait(300)) == (2, 0)
    assert "is grading part1 already" in second.stdout
    assert grades(root) == wanted


@pytest.mark.slow
def test_a_folder_that_can_not_be_written_loses_nothing(to_disturb) -> None:
    root, wanted = to_disturb
    shutil.rmtree(root / "autograded", ignore_errors=True)
    (root / "autograded").write_text("a file: not even root can make a folder in it")
    run = engine(root, "run", PART, "--seed", SEED)
    assert run.returncode == 1
    assert run.stdout.count("could not be recorded") == len({student for student, _ in wanted})
    assert grades(root) == {}
    (root / "autograded").unlink()
    run = engine(root, "run", PART, "--seed", SEED)
    assert "5 of 5 graded, 5 of them before" in run.stdout, "nobody is graded again: the outcomes wait in the journal"
    assert grades(root) == wanted


@pytest.mark.slow
def test_a_gradebook_that_is_locked_for_half_a_minute_is_waited_for(to_disturb) -> None:
    root, wanted = to_disturb
    run = start(root)
    assert eventually(lambda: list((root / ".grading" / PART).glob("students/*.json")), 120)
    with closing(sqlite3.connect(root / "gradebook.db", timeout=60)) as other:
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(30)
        other.rollback()
    assert run.wait(300) == 0
    assert grades(root) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("away", [2, 20])
def test_a_database_that_is_killed_in_mid_run_has_all_grades_in_the_end(to_disturb, away: int) -> None:
    root, wanted = to_disturb
    with running() as server:
        url = server.create("course")
        nbgrader("generate_assignment", PART, "--force", f"--CourseDirectory.db_url={url}", root=root)
        run = start(root, "--db", url)
        assert eventually(lambda: list((root / ".grading" / PART).glob("students/*.json")), 120)
        server.stop()
        time.sleep(away)
        server.start()
        run.wait(300)
        assert engine(root, "run", PART, "--seed", SEED, "--db", url).returncode == 0
        assert grades(root, url) == wanted


@pytest.mark.slow
def test_a_cluster_gives_the_same_grades(to_disturb, tmp_path: Path) -> None:
    root, wanted = to_disturb
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
         "--scheduler-file", str(tmp_path / "scheduler.json")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard",
         "--scheduler-file", str(tmp_path / "scheduler.json")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip
    try:
        assert eventually((tmp_path / "scheduler.json").exists, 60)
        address = json.loads((tmp_path / "scheduler.json").read_text())["address"]
        run = engine(root, "run", PART, "--seed", SEED, "--cluster", address)
        assert run.returncode == 0, run.stdout + run.stderr
    finally:
        for process in (worker, scheduler):
            process.terminate()
            process.wait(30)
    assert grades(root) == wanted
