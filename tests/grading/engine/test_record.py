"""Outcomes in nbgrader's gradebook: its own rows, all or none of them, whatever is in the way."""

import contextlib
import dataclasses
import errno
import os
import shutil
import sqlite3
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook, InvalidEntry
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from sqlalchemy import create_engine, inspect, text
from traitlets.config import Config

from grading.engine import record
from grading.engine.assignment import Assignment
from grading.engine.execute import is_test, outputs
from grading.engine.intake import prepare
from grading.engine.job import Outcome
from grading.engine.record import GradebookError, Recorder
from grading.exam import Reason, Verdict
from grading.release import nbgrader
from tests.grading.engine.damaged import NAME, PART, document, dump
from tests.postgresql import Server, running

NOTEBOOK = Path(NAME).stem
ADA = "ada"
DUE = "2026-11-20 12:00:00 UTC"


class HalfOff(LateSubmissionPlugin):
    """A course's own rule."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """Take half, and more than there is after a week."""
        return score / 2 if total_seconds_late < 7 * 86400 else score * 9


class Careless(LateSubmissionPlugin):
    """A rule with a mistake."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """Fail."""
        raise ZeroDivisionError("hours")


@pytest.fixture
def course(blank_course: Path, tmp_path: Path) -> Path:
    root = tmp_path / "course"
    shutil.copytree(blank_course, root)
    return root


def database(root: Path) -> str:
    return f"sqlite:///{root / 'gradebook.db'}?timeout=0.2"


def recorder(root: Path, url: str = "", **settings: dict[str, Any]) -> Recorder:
    config = Config({"CourseDirectory": {"course_id": "digits-and-garments"}, **settings})
    return Recorder(root, PART, NOTEBOOK, url or database(root), config)


def hand_in(root: Path, files: dict[str, bytes] | None = None, student: str = ADA) -> Path:
    folder = root / "submitted" / student / PART
    for name, content in {NAME: dump(document()), **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def outcome(
    assignment: Assignment, share: float = 1.0, cells: dict[str, str] | None = None, student: str = ADA, **other: Any
) -> Outcome:
    """Return what grading gives where every test earns a share of its points."""
    notebook = prepare({NAME: dump(document(cells))}, assignment).notebook
    verdicts = []
    for cell in filter(is_test, notebook.cells):
        name, points = cell.metadata.nbgrader.grade_id, assignment.points[cell.metadata.nbgrader.grade_id]
        if name not in other.get("failures", {}):
            reason = Reason("all", points, earned=share == 1)
            verdicts.append(Verdict(name, points, share * points, (reason,), 1, 0.1))
            cell.outputs = outputs(verdicts[-1])
    text = nbformat.writes(notebook)
    return Outcome(student, "key", "graded", verdicts=tuple(verdicts), notebook=text, **other)


def rows(url: str) -> dict[str, list[tuple]]:
    """Return all of a gradebook's rows of what was handed in, with names in place of random ids."""
    queries = {
        "students": "SELECT * FROM student",
        "submissions": "SELECT s.id, a.name, timestamp, extension FROM submitted_assignment t "
        "JOIN assignment a ON a.id = t.assignment_id JOIN student s ON s.id = t.student_id",
        "notebooks": "SELECT n.name, late_submission_penalty FROM submitted_notebook t "
        "JOIN notebook n ON n.id = t.notebook_id",
        "grades": "SELECT c.name, g.auto_score, g.manual_score, g.extra_credit, g.needs_manual_grade FROM grade g "
        "JOIN base_cell c ON c.id = g.cell_id",
        "comments": "SELECT c.name, k.auto_comment, k.manual_comment FROM comment k "
        "JOIN base_cell c ON c.id = k.cell_id",
        "courses": "SELECT * FROM course",
    }
    engine = create_engine(url)
    try:
        assert {"grade", "comment"} <= set(inspect(engine).get_table_names())
        with engine.connect() as connection:
            return {
                name: sorted((tuple(map(_plain, row)) for row in connection.execute(text(query))), key=repr)
                for name, query in queries.items()
            }
    finally:
        engine.dispose()


def _plain(value: Any) -> Any:
    """Return a value as both databases have it."""
    return str(value) if isinstance(value, datetime) else float(value) if isinstance(value, bool | int) else value


def shown(url: str) -> dict[str, list[tuple]]:
    """Return the rows without what differs between databases: how they write times, and in which order they add."""

    def plain(value: Any) -> Any:
        if isinstance(value, float):
            return round(value, 9)
        return value.removesuffix(".000000") if isinstance(value, str) else value

    return {name: [tuple(map(plain, row)) for row in found] for name, found in rows(url).items()}


def as_nbgrader(root: Path, done: Outcome, timestamp: str = "", **settings: dict[str, Any]) -> None:
    """Record as nbgrader's own steps do."""
    url, options = database(root), {"timestamp": timestamp} if timestamp else {}
    by_hand(root, lambda gradebook: gradebook.update_or_create_student(done.student))
    by_hand(root, lambda gradebook: gradebook.update_or_create_submission(PART, done.student, **options))
    names = {"notebook": NOTEBOOK, "assignment": PART, "student": done.student, "db_url": url}
    notebook = nbformat.reads(done.notebook, as_version=4)
    for step in (SaveAutoGrades, AssignLatePenalties):
        step(config=Config(settings)).preprocess(notebook, {"nbgrader": names})


def by_hand(root: Path, act: Callable[[Gradebook], Any], url: str = "") -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Gradebook(url or database(root), "digits-and-garments") as gradebook:
            act(gradebook)
            gradebook.db.commit()


def grade_by_hand(gradebook: Gradebook) -> None:
    for name, score in (("discuss-cost", 6.5), ("test-mlp-init", 2.0)):
        grade = gradebook.find_grade(name, NOTEBOOK, PART, ADA)
        grade.manual_score, grade.needs_manual_grade, grade.extra_credit = score, False, 0.5
    gradebook.find_comment("discuss-cost", NOTEBOOK, PART, ADA).manual_comment = "Well argued."


def due(gradebook: Gradebook) -> None:
    gradebook.update_or_create_assignment(PART, duedate=DUE)


# --- the rows -----------------------------------------------------------------------------------------------------
LATE = {"AssignLatePenalties": {"plugin_class": HalfOff}}
ZERO = {"LateSubmissionPlugin": {"penalty_method": "zero"}}


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(
    "cells", [{}, {"discuss-cost": "An answer."}, None], ids=["blank", "one answer", "all answers"]
)
def test_a_submission_leaves_the_rows_that_nbgrader_leaves(
    blank_course: Path, tmp_path: Path, assignment: Assignment, share: float, cells: dict[str, str] | None
) -> None:
    done = outcome(assignment, share, cells)
    compare(blank_course, tmp_path, [done])


@pytest.mark.parametrize("settings", [{}, ZERO, LATE], ids=["no rule", "zero", "own rule"])
@pytest.mark.parametrize(
    "submitted", ["", "2026-11-20 11:00:00 UTC", "2026-11-21 12:00:00 CET", "2026-12-24 12:00:00 UTC"]
)
def test_late_submissions_lose_what_they_lose_by_nbgrader(
    blank_course: Path, tmp_path: Path, assignment: Assignment, settings: dict[str, Any], submitted: str
) -> None:
    compare(blank_course, tmp_path, [outcome(assignment, 0.4), outcome(assignment)], submitted, [due], **settings)


def test_an_extension_and_manual_grades_count_as_they_do_in_nbgrader(
    blank_course: Path, tmp_path: Path, assignment: Assignment
) -> None:
    def extend(gradebook: Gradebook) -> None:
        gradebook.grant_extension(PART, ADA, days=2)

    between = [due, extend, grade_by_hand]
    done = [outcome(assignment, 0.4), outcome(assignment, 1.0, {})]
    for number, submitted in enumerate(("2026-11-21 12:00:00 UTC", "2026-11-23 12:00:00 UTC")):
        found = compare(blank_course, tmp_path / str(number), done, submitted, between, **LATE)
        assert found["submissions"][0][3] is not None
        assert (found["notebooks"][0][1] is None) == (number == 0)


def compare(
    blank_course: Path, tmp_path: Path, done: list[Outcome], submitted: str = "",
    between: list[Callable[[Gradebook], None]] | None = None, **settings: Any,
) -> dict[str, list[tuple]]:  # fmt: skip
    """Record outcomes in two courses, by the engine and by nbgrader; assert that they say the same."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for root in (ours, theirs):
        shutil.copytree(blank_course, root)
    folder = hand_in(ours, {"timestamp.txt": submitted.encode()} if submitted else {})
    for one in done:
        recorder(ours, **settings).record(one, folder)
        as_nbgrader(theirs, one, submitted, **settings)
        assert rows(database(ours)) == rows(database(theirs))
        for act in between or []:
            by_hand(ours, act)
            by_hand(theirs, act)
    return rows(database(ours))


def test_a_regrade_keeps_manual_scores_and_comments_and_asks_for_another_look(
    course: Path, assignment: Assignment
) -> None:
    folder = hand_in(course)
    recorder(course).record(outcome(assignment), folder)
    by_hand(course, grade_by_hand)
    recorder(course).record(outcome(assignment, 0.0), folder)
    with Gradebook(database(course)) as gradebook:
        grade = gradebook.find_grade("discuss-cost", NOTEBOOK, PART, ADA)
        assert (grade.manual_score, grade.score, grade.needs_manual_grade, grade.extra_credit) == (6.5, 7.0, True, 0.5)
        grade = gradebook.find_grade("test-mlp-init", NOTEBOOK, PART, ADA)
        assert (grade.manual_score, grade.auto_score, grade.needs_manual_grade) == (2.0, 0.0, True)
        grade = gradebook.find_grade("test-mlp-loss", NOTEBOOK, PART, ADA)
        assert (grade.manual_score, grade.auto_score, grade.needs_manual_grade) == (None, 0.0, False)
        assert gradebook.find_comment("discuss-cost", NOTEBOOK, PART, ADA).comment == "Well argued."


def test_a_test_without_a_verdict_is_never_a_zero_and_a_person_is_asked(course: Path, assignment: Assignment) -> None:
    done = outcome(assignment, failures={"test-mlp-init": "the examiner was lost"})
    recorder(course).record(done, hand_in(course))
    with Gradebook(database(course)) as gradebook:
        grade = gradebook.find_grade("test-mlp-init", NOTEBOOK, PART, ADA)
        assert (grade.auto_score, grade.needs_manual_grade) == (None, True)
        assert gradebook.find_grade("test-mlp-loss", NOTEBOOK, PART, ADA).auto_score == 5


def test_nothing_is_warned_of(course: Path, assignment: Assignment) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", category=Warning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        recorder(course).record(outcome(assignment), hand_in(course))


@pytest.mark.parametrize(
    "told",
    ["", "yesterday", "0", "99999999-01-01", "2026-11-21", "2026-11-21 12:00:00 UTC\n", "1 2 3", "\0", "ü" * 200],
)
def test_a_time_of_submission_that_can_not_be_read_is_none(course: Path, assignment: Assignment, told: str) -> None:
    folder = hand_in(course, {"timestamp.txt": told.encode("utf-16" if told == "0" else "utf-8")})
    recorder(course).record(outcome(assignment), folder)
    ((_, _, found, _),) = rows(database(course))["submissions"]
    assert (found is not None) == told.startswith("2026")


def test_a_link_in_place_of_the_time_is_not_followed(course: Path, assignment: Assignment, tmp_path: Path) -> None:
    (tmp_path / "time").write_text("2020-01-01")
    folder = hand_in(course)
    (folder / "timestamp.txt").symlink_to(tmp_path / "time")
    (folder / "endless").symlink_to("/dev/zero")
    recorder(course).record(outcome(assignment), folder)
    assert rows(database(course))["submissions"][0][2] is None


# --- autograded/ --------------------------------------------------------------------------------------------------
def autograded(root: Path, student: str = ADA) -> dict[str, bytes]:
    """Return all that is in the folder of a student, hidden files as well."""
    folder = root / "autograded" / student
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_notebook_lies_where_nbgrader_looks_with_the_other_files(course: Path, assignment: Assignment) -> None:
    (course / "source" / PART / "table.csv").write_bytes(b"ours")
    done = outcome(assignment)
    folder = hand_in(course, {"table.csv": b"theirs", "sub/notes.txt": b"x", "DRAFT.IPYNB": b"{}"})
    recorder(course).record(done, folder)
    assert autograded(course) == {
        f"{PART}/{NAME}": done.notebook.encode(), f"{PART}/table.csv": b"ours", f"{PART}/sub/notes.txt": b"x",
    }  # fmt: skip
    assert (course / "autograded" / ADA / PART / NAME).stat().st_mode & 0o777 == 0o444
    (folder / "sub" / "notes.txt").unlink()
    again = outcome(assignment, 0.0)
    recorder(course).record(again, folder)
    assert autograded(course) == {f"{PART}/{NAME}": again.notebook.encode(), f"{PART}/table.csv": b"ours"}


def test_odd_files_of_a_student_are_in_nobodys_way(course: Path, assignment: Assignment) -> None:
    (course / "source" / PART / "data").mkdir()
    (course / "source" / PART / "data" / "table.csv").write_bytes(b"ours")
    folder = hand_in(course, {"data": b"a file", "<b>.txt": b"", "x" * 255: b"long"})
    (folder / NAME).unlink()
    (folder / NAME).mkdir()
    (folder / NAME / "inside.txt").write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(folder) + b"/" + b"\xdc" * 255)).write_bytes(b"x")
    recorder(course).record(outcome(assignment), folder)
    found = autograded(course)
    assert found[f"{PART}/data/table.csv"] == b"ours"
    assert found[f"{PART}/{NAME}"].startswith(b"{")
    assert f"{PART}/{'?' * 255}" in found


def test_characters_that_no_file_can_hold_are_no_obstacle(course: Path, assignment: Assignment) -> None:
    done = outcome(assignment)
    odd = dataclasses.replace(done, notebook=done.notebook.replace("Reading digits", "Reading \ud800"))
    recorder(course).record(odd, hand_in(course))
    nbformat.validate(nbformat.read(course / "autograded" / ADA / PART / NAME, as_version=4))


def test_a_submission_that_can_not_be_graded_any_more_leaves_no_autograded_notebook(
    course: Path, assignment: Assignment
) -> None:
    writer = recorder(course)
    writer.withdraw(ADA)
    writer.record(outcome(assignment), hand_in(course))
    writer.withdraw(ADA)
    assert list((course / "autograded" / ADA).iterdir()) == []


# --- what is in the way -------------------------------------------------------------------------------------------
def state(root: Path) -> tuple[dict[str, list[tuple]], dict[str, bytes]]:
    return rows(database(root)), autograded(root)


@contextlib.contextmanager
def locked(root: Path, seconds: float | None = None, *, exclusive: bool = False) -> Iterator[None]:
    """Hold the database's lock, or one that keeps readers away too; for some seconds, or as long as the block."""
    connection = sqlite3.connect(root / "gradebook.db", check_same_thread=False, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE" if exclusive else "BEGIN IMMEDIATE")
    timer = threading.Timer(seconds or 0, connection.rollback)
    if seconds:
        timer.start()
    try:
        yield
    finally:
        if seconds:
            timer.join()
        connection.close()


def test_a_database_that_another_process_writes_is_waited_for(
    course: Path, assignment: Assignment, capfd: pytest.CaptureFixture[str]
) -> None:
    done, folder = outcome(assignment), hand_in(course)
    with locked(course, 2.0):
        recorder(course).check()
        started = time.monotonic()
        recorder(course).record(done, folder)
        assert time.monotonic() - started > 1
    assert len(rows(database(course))["grades"]) == 17
    assert "Traceback" not in capfd.readouterr().err


def test_a_database_that_stays_locked_is_waited_for_once(
    course: Path, assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "_PATIENCE_SECONDS", 3.0)
    folder, writer = hand_in(course), recorder(course)
    before = state(course)
    with locked(course):
        with pytest.raises(GradebookError, match=r"ada could not be recorded: database is locked"):
            writer.record(outcome(assignment), folder)
        started = time.monotonic()
        with pytest.raises(GradebookError):
            writer.record(outcome(assignment), folder)
        assert time.monotonic() - started < 2
    assert state(course) == before
    writer.record(outcome(assignment), folder)
    assert len(rows(database(course))["grades"]) == 17


def test_manual_grades_can_not_change_while_a_submission_is_recorded(
    course: Path, assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []

    def interfere(*arguments: Any) -> float:
        connection = sqlite3.connect(course / "gradebook.db", timeout=0)
        try:
            connection.execute("UPDATE grade SET manual_score = 1")
        except sqlite3.OperationalError as error:
            refused.append(str(error))
        finally:
            connection.close()
        return determine(*arguments)

    determine = record.determine_grade
    monkeypatch.setattr(record, "determine_grade", interfere)
    recorder(course).record(outcome(assignment), hand_in(course))
    assert set(refused) == {"database is locked"}


def test_a_file_in_place_of_a_folder_is_said_and_nothing_is_half_written(course: Path, assignment: Assignment) -> None:
    done, folder, before = outcome(assignment), hand_in(course), rows(database(course))
    shutil.rmtree(course / "autograded", ignore_errors=True)
    (course / "autograded").write_text("no folder")
    with pytest.raises(GradebookError, match=r"ada could not be recorded: .*autograded"):
        recorder(course).record(done, folder)
    assert rows(database(course)) == before
    (course / "autograded").unlink()
    recorder(course).record(done, folder)
    assert len(rows(database(course))["grades"]) == 17
    assert set(autograded(course)) == {f"{PART}/{NAME}"}


@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_full_disk_leaves_all_as_it_was(
    course: Path, assignment: Assignment, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    folder = hand_in(course, {"a.txt": b"a", "b.txt": b"b"})
    recorder(course).record(outcome(assignment), folder)
    before, done = state(course), [0]

    def full(path: Path, content: bytes) -> int:
        done[0] += 1
        if done[0] == write:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(path, content)

    original = Path.write_bytes
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(GradebookError, match="No space left on device"):
            recorder(course).record(outcome(assignment, 0.0), folder)
    assert state(course) == before
    recorder(course).record(outcome(assignment, 0.0), folder)
    assert state(course) != before


def test_a_folder_that_can_not_be_moved_stays(
    course: Path, assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hand_in(course)
    recorder(course).record(outcome(assignment), folder)
    before = autograded(course)

    def stuck(path: Path, target: Path) -> Path:
        if path.name.endswith(".new"):
            raise OSError(errno.EIO, "Input/output error")
        return original(path, target)

    original = Path.replace
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stuck)
        with pytest.raises(GradebookError, match="Input/output error"):
            recorder(course).record(outcome(assignment, 0.0), folder)
    assert autograded(course) == before


def test_a_rule_for_late_submissions_that_fails_is_said_and_undoes_the_submission(
    course: Path, assignment: Assignment
) -> None:
    by_hand(course, due)
    folder, before = hand_in(course, {"timestamp.txt": b"2026-12-24 12:00:00 UTC"}), state(course)
    with pytest.raises(GradebookError, match="ada could not be recorded: hours"):
        recorder(course, AssignLatePenalties={"plugin_class": Careless}).record(outcome(assignment), folder)
    assert state(course) == before


def test_a_cell_that_the_gradebook_does_not_know_is_said(course: Path, assignment: Assignment) -> None:
    done, folder, before = outcome(assignment), hand_in(course), state(course)
    odd = dataclasses.replace(done, notebook=done.notebook.replace('"grade_id": "test-mlp-loss"', '"grade_id": "new"'))
    with pytest.raises(GradebookError, match=r"ada could not be recorded: the gradebook has no cell .*new"):
        recorder(course).record(odd, folder)
    assert state(course) == before


STEPS = [
    (Gradebook, "update_or_create_student"), (Gradebook, "update_or_create_submission"), (record, "determine_grade"),
    (record, "compute_checksum"), (Gradebook, "find_submission_notebook"), (Gradebook, "close"), (Path, "mkdir"),
    (Path, "write_bytes"), (Path, "chmod"), (Path, "replace"), (shutil, "rmtree"),
]  # fmt: skip


def test_a_kill_between_any_two_steps_is_made_good_by_recording_again(
    blank_course: Path, tmp_path: Path, assignment: Assignment
) -> None:
    first, second = outcome(assignment, 0.4), outcome(assignment, 1.0, {})
    origin = tmp_path / "origin"
    shutil.copytree(blank_course, origin)
    hand_in(origin, {"a.txt": b"a"})
    recorder(origin).record(first, origin / "submitted" / ADA / PART)
    by_hand(origin, grade_by_hand)
    old = state(origin)
    wanted, steps = _killed(origin, tmp_path / "undisturbed", second, None)
    assert steps > 40
    seen = set()
    for step in [*range(1, 6), *range(6, steps - 10, 12), *range(steps - 10, steps + 1)]:
        root = tmp_path / f"killed-{step}"
        left, _ = _killed(origin, root, second, step)
        assert left in (old[0], wanted[0])  # one transaction
        seen.add(left == wanted[0])
        recorder(root).record(second, root / "submitted" / ADA / PART)
        assert state(root) == wanted
        shutil.rmtree(root)
    assert seen == {False, True}


def _killed(origin: Path, root: Path, done: Outcome, step: int | None) -> tuple[Any, int]:
    """Record in a copy of a course, in a process that ends without a word before a step; by default never."""
    shutil.copytree(origin, root)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        count = 0

        def counted(original: Callable) -> Callable:
            def call(*arguments: Any, **options: Any) -> Any:
                nonlocal count
                count += 1
                if count == step:
                    os._exit(9)
                return original(*arguments, **options)

            return call

        try:
            for owner, name in STEPS:
                setattr(owner, name, counted(getattr(owner, name)))
            recorder(root).record(done, root / "submitted" / ADA / PART)
            os.write(writing, str(count).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        steps = int(pipe.read() or 0)
    return (state(root) if step is None else rows(database(root))), steps


# --- before a run -------------------------------------------------------------------------------------------------
def test_a_gradebook_that_knows_the_part_is_fine(course: Path) -> None:
    before = rows(database(course))
    recorder(course).check()
    assert rows(database(course)) == before


def test_a_gradebook_that_is_not_there_is_said_at_once_and_not_made(course: Path) -> None:
    (course / "gradebook.db").unlink()
    usual = f"sqlite:///{course / 'gradebook.db'}"
    with pytest.raises(GradebookError, match=r"there is no such file\); run: make release PART=part1"):
        recorder(course, usual).check()
    assert not (course / "gradebook.db").exists()
    with pytest.raises(GradebookError, match="nowhere, and there is no such folder; check its URL"):
        recorder(course, "sqlite:///nowhere/gradebook.db").check()


def test_a_gradebook_that_does_not_know_the_part_is_said_at_once_with_the_command_that_helps(course: Path) -> None:
    with pytest.raises(GradebookError, match=r"does not know part9 .*; run: make release PART=part9"):
        Recorder(course, "part9", "x", f"sqlite:///{course / 'gradebook.db'}", Config()).check()
    other = f"sqlite:///{course / 'other.db'}"
    with Gradebook(other):
        pass
    with pytest.raises(GradebookError, match=f"run: python -m grading release part1 --db {other}"):
        recorder(course, other).check()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("no url at all", "has no URL of a database; expected one like sqlite:///"),
        ("postgre://ada:secret@host/x", "has no URL of a database"),
        ("ada:secret@host", "has no URL of a database"),
        ("postgresql+psycopg2://ada:secret@127.0.0.1:1/x", "can't be reached .*refused.*; check that its server runs"),
    ],
)
def test_a_gradebook_that_can_not_be_reached_is_not_taken_for_one_without_the_part(
    course: Path, url: str, told: str
) -> None:
    with pytest.raises(GradebookError, match=told) as caught:
        recorder(course, url).check()
    assert "secret" not in str(caught.value)
    assert "does not know" not in str(caught.value)


def test_a_file_that_is_no_gradebook_is_said(course: Path) -> None:
    (course / "rubbish.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(GradebookError, match=r"can't be used \(file is not a database\); expected a gradebook"):
        recorder(course, f"sqlite:///{course}/rubbish.db").check()


def test_a_gradebook_that_stays_locked_is_said(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "_PATIENCE_SECONDS", 0.5)
    with locked(course, exclusive=True), pytest.raises(GradebookError, match="is being written by another process"):
        recorder(course).check()


def test_a_driver_that_is_missing_is_named(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(GradebookError, match=r"needs a driver .*asyncpg.*postgresql\+psycopg2://"):
        recorder(course, "postgresql+asyncpg://ada:secret@nowhere/x").check()


# --- PostgreSQL ---------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def released(server: Server, blank_course: Path) -> str:
    """The name of a database that knows the release."""
    url = server.create("released")
    nbgrader("generate_assignment", PART, "--force", f"--CourseDirectory.db_url={url}", root=blank_course)
    return "released"


def test_postgresql_gets_the_rows_that_sqlite_gets(
    server: Server, released: str, course: Path, assignment: Assignment
) -> None:
    url = server.create("same", released)
    folder = hand_in(course, {"timestamp.txt": b"2026-11-21 12:00:00 UTC"})
    recorder(course, url, **LATE).check()
    for done in (outcome(assignment, 0.4), outcome(assignment, 1.0, {})):
        for one in (url, database(course)):
            by_hand(course, due, one)
            recorder(course, one, **LATE).record(done, folder)
            by_hand(course, grade_by_hand, one)
        assert shown(url) == shown(database(course))
    assert len(shown(url)["grades"]) == 17


def test_a_server_that_is_stopped_is_waited_for(
    server: Server, released: str, course: Path, assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = server.create("stopped", released), hand_in(course)
    writer, timers = recorder(course, url), []
    checksum = record.compute_checksum  # of a solution, when some grades have been written

    def stop(*arguments: Any) -> Any:
        if not timers:
            server.stop()
            timers.append(threading.Timer(2.0, server.start))
            timers[0].start()
        return checksum(*arguments)

    monkeypatch.setattr(record, "compute_checksum", stop)
    try:
        writer.record(outcome(assignment), folder)
    finally:
        timers[0].join()
    assert len(shown(url)["grades"]) == 17
    assert set(autograded(course)) == {f"{PART}/{NAME}"}


def test_a_server_that_stays_away_costs_patience_once_and_the_next_try_succeeds(
    server: Server, released: str, course: Path, assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "_PATIENCE_SECONDS", 1.0)
    url, folder = server.create("away", released), hand_in(course)
    writer = recorder(course, url)
    before = rows(url)
    server.stop()
    try:
        with pytest.raises(GradebookError, match="ada could not be recorded: connection to server"):
            writer.record(outcome(assignment), folder)
        assert autograded(course) == {}
        with pytest.raises(GradebookError) as caught:
            writer.check()
        assert "secret" not in str(caught.value)
    finally:
        server.start()
    assert rows(url) == before
    writer.record(outcome(assignment), folder)
    assert len(shown(url)["grades"]) == 17


def test_a_write_that_nbgrader_wraps_in_an_error_of_its_own_is_tried_again(
    server: Server, released: str, course: Path, assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder, seen = server.create("wrapped", released), hand_in(course), []
    find, passes = Gradebook.find_student, record._is_passing

    def cut(gradebook: Gradebook, student: str) -> Any:
        try:
            return find(gradebook, student)
        finally:
            if not seen:
                server.end_sessions("wrapped")

    def spy(error: BaseException) -> bool:
        seen.append(type(error))
        return passes(error)

    monkeypatch.setattr(Gradebook, "find_student", cut)
    monkeypatch.setattr(record, "_is_passing", spy)
    recorder(course, url).record(outcome(assignment), folder)
    assert seen == [InvalidEntry]
    assert len(shown(url)["grades"]) == 17
