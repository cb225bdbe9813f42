"""A course from source to grade by the real commands: release, class, autograde, feedback, export, formgrader.

One run of half of the sample class through stock nbgrader, in a copy of the course, serves all tests of this file.
"""

import csv
import io
import itertools
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
import pytest
import requests
from nbgrader.api import Gradebook

from grading import release
from grading.gradebook import Submission, submissions
from grading.release import ROOT, build, environment, nbgrader
from tests.samples import notebook_path, read
from tests.samples.demo import surprises
from tests.samples.part1.classroom import ALL_TESTS, Student
from tests.samples.submissions import PREFIX, classroom, fill, remove, write

PART = "part1"
NAMES = ("amara", "elif", "grace", "hiro", "jonas", "lena")
STUDENTS = [student for student in classroom(PART) if student.name in NAMES]  # the others in test_parts, which is slow


@dataclass(frozen=True)
class Course:
    """A graded copy of the course: its folder, the log of autograding, and what the gradebook says."""

    root: Path
    log: str
    graded: dict[str, Submission]


def copy_course(root: Path, part: str = PART) -> Path:
    release.copy_course(part, root)
    return root


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with its release, and nobody's work; to be copied."""
    root = copy_course(tmp_path_factory.mktemp("released"))
    build(PART, root)
    return root


def copy_of(root: Path, folder: Path) -> Path:
    return shutil.copytree(root, folder, dirs_exist_ok=True)


def hand_in(root: Path, notebook: nbformat.NotebookNode) -> None:
    """Put a notebook where that of a student called one belongs."""
    folder = root / "submitted" / "one" / PART
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / notebook_path("release", PART).name)


@pytest.fixture(scope="module")
def course(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = copy_of(released, tmp_path_factory.mktemp("course"))
    write(PART, root, STUDENTS)
    log = nbgrader("autograde", PART, root=root)
    nbgrader("generate_feedback", PART, root=root)
    return Course(root, log, {found.student: found for found in submissions(PART, root)})


@pytest.mark.parametrize("student", STUDENTS, ids=lambda student: student.name)
def test_every_cell_of_the_sample_class_gets_its_score(course: Course, student: Student) -> None:
    tests = {cell.grade_id: cell for cell in course.graded[student.id].cells if not cell.manual}
    assert {grade_id: cell.max_score for grade_id, cell in tests.items()} == ALL_TESTS
    for grade_id, cell in tests.items():
        assert cell.score == cell.max_score - student.lost.get(grade_id, 0.0), (grade_id, cell.reasons)
    assert surprises(PART, [student], [course.graded[student.id]]) == []


@pytest.fixture(scope="module")
def sandboxed(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Some of the class, graded by the same commands with every submission in a sandbox."""
    root = copy_of(released, tmp_path_factory.mktemp("sandboxed"))
    write(PART, root, STUDENTS[:3])  # the engine grades the whole class in the sandbox
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "sandbox")
        log = nbgrader("autograde", PART, root=root)
    return Course(root, log, {found.student: found for found in submissions(PART, root)})


def test_the_sandbox_gives_every_cell_the_score_that_stock_gives(course: Course, sandboxed: Course) -> None:
    scores = [
        {(student, cell.grade_id): cell.score for student in sandboxed.graded for cell in graded[student].cells}
        for graded in (course.graded, sandboxed.graded)
    ]
    assert len(scores[0]) == len(sandboxed.graded) * (len(ALL_TESTS) + 3) > 0
    assert scores[0] == scores[1]


def test_the_sandbox_shows_the_figures_and_prints_that_stock_does(course: Course, sandboxed: Course) -> None:
    def kinds(found: Course) -> dict[str, list[str]]:
        """Return what is below each cell, in order; text may come in one piece or in several."""
        return {
            cell.id: [kind for kind, _ in itertools.groupby(map(_kind, cell.outputs))]
            for cell in autograded(found, "sample-amara").cells
            if cell.cell_type == "code"
        }

    assert kinds(sandboxed) == kinds(course)
    assert sum("image/png" in kind for found in kinds(sandboxed).values() for kind in found) > 5


def _kind(output: nbformat.NotebookNode) -> str:
    return output.get("name") or "+".join(sorted(output.get("data", {}))) or output.output_type


def test_the_demo_notices_a_wrong_score_and_a_missing_one(course: Course) -> None:
    (grace,) = (student for student in STUDENTS if student.name == "grace")
    (line,) = surprises(PART, [replace(grace, lost={})], [course.graded[grace.id]])
    assert "test-mlp-backward got 15.0, expected 18" in line
    assert len(surprises(PART, [grace], [])) == len(ALL_TESTS)


def test_a_regrade_that_fails_does_not_leave_the_old_score_standing(course: Course, tmp_path: Path) -> None:
    root = copy_of(course.root, tmp_path)
    name = notebook_path("release", PART).name
    (root / "submitted" / "sample-amara" / PART / name).write_text("{ no notebook", encoding="utf-8")
    nbgrader("autograde", PART, "--student=sample-amara", "--force", root=root, check=False)
    (found,) = (found for found in submissions(PART, root) if found.student == "sample-amara")
    assert found.cells == ()


def test_maxima_keep_base_and_bonus_apart(course: Course) -> None:
    for found in course.graded.values():
        assert (found.maximum(), found.maximum(bonus=True), found.maximum(manual=True)) == (85, 10, 15)


def test_lost_points_come_with_a_reason(course: Course) -> None:
    for student in STUDENTS:
        for cell in course.graded[student.id].cells:
            if not cell.manual and cell.score is not None and cell.score < cell.max_score:
                assert cell.reasons, f"{student.id} loses points of {cell.grade_id} without a reason"
                assert all(reason.came for reason in cell.reasons)


def test_a_blank_answer_is_zero_and_a_written_one_waits_for_a_person(course: Course) -> None:
    blank, written = course.graded["sample-elif"], course.graded["sample-amara"]
    assert blank.to_grade() == []
    assert blank.points(manual=True) == 0
    assert sorted(written.to_grade()) == ["discuss-batch-size", "discuss-cost", "discuss-scaling"]


def test_noise_on_stderr_costs_nothing_and_leaves_no_trace_in_test_cells(course: Course) -> None:
    notebook = autograded(course, "sample-lena")
    for cell in notebook.cells:
        if cell.id.startswith(("test-", "bonus-")):
            # What is printed in pieces arrives in one output or in several, as the kernel finds time.
            assert [name for name, _ in itertools.groupby(output.get("name") for output in cell.outputs)] == [
                "stdout",
                None,
            ]
            assert "forward was called" not in str(cell.outputs)


def autograded(course: Course, student: str) -> nbformat.NotebookNode:
    return nbformat.read(course.root / "autograded" / student / PART / notebook_path("source", PART).name, as_version=4)


def test_every_verdict_names_its_seed_and_all_students_share_it(course: Course) -> None:
    """One run, one seed: everybody gets the same numbers, and the run can be repeated."""
    seeds = {
        match
        for student in course.graded
        for cell in autograded(course, student).cells
        for output in cell.get("outputs", [])
        for match in re.findall(r"\(seed (\d+)\)", output.get("text", ""))
    }
    assert len(seeds) == 1


def test_a_seed_can_be_given(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADING_SEED", "20261122")
    root = copy_of(released, tmp_path)
    hand_in(root, fill(PART, {}))
    nbgrader("autograde", PART, root=root)
    text = (root / "autograded" / "one" / PART / notebook_path("release", PART).name).read_text(encoding="utf-8")
    assert "(seed 20261122)" in text


def test_hidden_tests_are_one_call_in_the_autograded_notebook(course: Course) -> None:
    for cell in autograded(course, "sample-grace").cells:
        if cell.id.startswith(("test-", "bonus-")):
            assert len(cell.source.splitlines()) == 4


def test_feedback_shows_verdicts_and_no_guide(course: Course) -> None:
    for student in course.graded:
        (page,) = (course.root / "feedback" / student / PART).glob("*.html")
        text = page.read_text(encoding="utf-8")
        assert "Marking guide" not in text
        assert "HIDDEN TESTS" not in text
    page = next((course.root / "feedback" / "sample-grace" / PART).glob("*.html")).read_text(encoding="utf-8")
    assert "gradient of b2" in page
    assert "look here" in page


def test_export_has_a_row_a_student(course: Course) -> None:
    nbgrader("export", root=course.root)
    with (course.root / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert float(rows["sample-amara"]["raw_score"]) == 95
    assert float(rows["sample-hiro"]["raw_score"]) == 91
    assert set(rows) == {student.id for student in STUDENTS}


def test_the_table_shows_every_student(course: Course) -> None:
    from rich.console import Console

    from grading.table import table

    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table(PART, list(course.graded.values())))
    text = console.export_text()
    assert all(student.id in text for student in STUDENTS)
    assert "14 tests: not attempted yet" in text
    assert "test-mlp-backward: gradient of b2" in text


def test_validate_accepts_the_source(course: Course) -> None:
    path = course.root / "source" / PART / notebook_path("source", PART).name
    assert "Success! Your notebook passes all the tests." in nbgrader("validate", str(path), root=course.root)


def test_validate_tells_a_student_what_is_missing(course: Course) -> None:
    path = course.root / "release" / PART / notebook_path("release", PART).name
    log = nbgrader("validate", str(path), root=course.root, check=False)
    assert "Write your answer here" in log
    assert "You did not provide a response." in log


def test_a_manual_score_survives_a_regrade(course: Course) -> None:
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        notebook = notebook_path("source", PART).stem
        grade = gradebook.find_grade("discuss-cost", notebook, PART, "sample-jonas")
        grade.manual_score, grade.needs_manual_grade = 6.5, False
        gradebook.db.commit()
    nbgrader("autograde", PART, "--student=sample-jonas", "--force", root=course.root)
    (found,) = (found for found in submissions(PART, course.root) if found.student == "sample-jonas")
    (cell,) = (cell for cell in found.cells if cell.grade_id == "discuss-cost")
    assert cell.score == 6.5


def test_a_deleted_test_cell_comes_back(released: Path, tmp_path: Path) -> None:
    root = copy_of(released, tmp_path)
    (student,) = (student for student in STUDENTS if student.name == "amara")
    notebook = fill(PART, student.cells)
    notebook.cells = [cell for cell in notebook.cells if cell.id != "test-mlp-backward"]
    hand_in(root, notebook)
    nbgrader("autograde", PART, root=root)
    (found,) = submissions(PART, root)
    assert found.points() == 85


def test_removing_the_sample_class_leaves_real_students_alone(course: Course, tmp_path: Path) -> None:
    root = copy_of(course.root, tmp_path)
    kept = root / "submitted" / "a-real-student" / PART
    shutil.copytree(root / "submitted" / "sample-amara" / PART, kept)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        gradebook.add_student("a-real-student")
    remove(root)
    assert kept.exists()
    assert not list(root.glob(f"*/{PREFIX}*"))
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        assert [student.id for student in gradebook.students] == ["a-real-student"]


@pytest.fixture
def server(course: Course) -> Iterator[str]:
    """A Jupyter server with nbgrader's formgrader in the course's folder; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root", f"--port={port}"]
    settings = ["--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"]
    log = course.root / "server.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen([*command, *settings], cwd=course.root, env=environment(), stdout=file, stderr=file)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                requests.get(f"{address}/api/status", timeout=5).raise_for_status()
                break
            except requests.RequestException:
                assert process.poll() is None, log.read_text(encoding="utf-8")
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_formgrader_shows_answer_question_and_guide_together(course: Course, server: str) -> None:
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        found = gradebook.find_submission_notebook(notebook_path("source", PART).stem, PART, "sample-amara")
        identity = found.id
    listing = requests.get(f"{server}/formgrader/api/assignments", timeout=30).json()
    assert [assignment["name"] for assignment in listing] == [PART]
    page = requests.get(f"{server}/formgrader/submissions/{identity}/", timeout=60).text
    question = page.index("You advise a post office")
    model = page.index("The network needs O(n·d·h) per epoch")
    guide = page.index("extrapolation to 2 million")
    answer = page.index("I would ship the network, unless")
    assert question < model < guide < answer
    assert answer < page.index("What you take with you")


def test_the_source_of_the_copy_is_untouched(course: Course) -> None:
    name = notebook_path("source", PART).name
    assert (course.root / "source" / PART / name).read_bytes() == (ROOT / "source" / PART / name).read_bytes()
    assert read("source", PART).cells
