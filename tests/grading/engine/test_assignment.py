"""An assignment is read once, and says what is wrong with it before anybody is graded by it."""

import dataclasses
import json
import pickle
import shutil
from pathlib import Path

import nbformat
import pytest

from grading.engine import assignment as assignments
from grading.engine.assignment import Assignment
from tests.grading.engine.damaged import NAME, PART, right_cells
from tests.samples.part1.classroom import ALL_TESTS


@pytest.fixture
def course(blank_course: Path, tmp_path: Path) -> Path:
    root = tmp_path / "course"
    shutil.copytree(blank_course, root)
    return root


def test_it_knows_the_cells_that_are_graded_and_their_points(assignment: Assignment) -> None:
    written = {"discuss-scaling": 3, "discuss-batch-size": 5, "discuss-cost": 7}
    assert assignment.points == ALL_TESTS | written
    assert set(right_cells()) <= set(assignment.source_cells)
    assert list(assignment.source_cells) == list(assignment.release_cells)
    assert len(assignment.given) == 110


def test_it_knows_what_its_cells_import(assignment: Assignment) -> None:
    assert {"helpers", "helpers.plots", "numpy", "pandas", "sklearn.svm"} <= set(assignment.imports)
    assert "torch" not in assignment.imports
    cells = [
        "import a, b.c as d",
        "%magic\nimport e",
        "from f.g import h\ntry:\n    import i\nexcept ImportError:\n    pass",
        "def late():\n    import j",
        "from . import k",
    ]
    release = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made = Assignment("part", "name", "", nbformat.writes(release))
    assert made.imports == ("a", "b.c", "f.g", "f.g.h", "i")


def test_its_exams_are_those_of_its_name_or_all_that_there_are(assignment: Assignment) -> None:
    assert assignment.exams == "grading.exams.part1"
    for part in ("part0", "part 1", "a.b"):
        assert dataclasses.replace(assignment, part=part).exams == "grading.exams"


def test_hidden_tests_are_in_its_source_and_not_in_its_release(assignment: Assignment) -> None:
    assert "HIDDEN TESTS" in assignment.source_cells["test-mlp-init"].source
    assert "HIDDEN TESTS" not in assignment.release_cells["test-mlp-init"].source
    assert "@REPOSITORY@" not in assignment.source


def test_its_key_is_the_same_each_time_and_after_a_journey(assignment: Assignment, blank_course: Path) -> None:
    assert assignments.load(PART, blank_course).key == assignment.key
    assert pickle.loads(pickle.dumps(assignment)).key == assignment.key
    assert pickle.loads(pickle.dumps(assignment)) == assignment


def test_its_key_changes_with_everything_that_it_holds(assignment: Assignment) -> None:
    parts = (assignment.part, assignment.name, assignment.source, assignment.release)
    others = [Assignment(*parts[:place], "other", *parts[place + 1 :]) for place in range(4)]
    files = [{"a": b"1"}, {"a": b"2"}, {"b": b"1"}, {"a": b"1", "b": b"2"}, {"a": b"1b 1 2"}]
    others += [Assignment(*parts, files=some) for some in files]
    assert len({assignment.key, *(other.key for other in others)}) == 1 + len(others)


def test_it_brings_its_further_files_and_nothing_hidden(course: Path) -> None:
    folder = course / "source" / PART
    (folder / "data").mkdir()
    (folder / "data" / "table.csv").write_bytes(b"1,2")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "x.txt").write_bytes(b"x")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert assignments.load(PART, course).files == {"data/table.csv": b"1,2"}


def test_a_course_may_lie_in_a_hidden_folder(course: Path, tmp_path: Path) -> None:
    hidden = tmp_path / ".hidden"
    shutil.copytree(course, hidden)
    (hidden / "source" / PART / "table.csv").write_bytes(b"1,2")
    assert assignments.load(PART, hidden).files == {"table.csv": b"1,2"}


def test_what_is_missing_is_named_with_the_command_that_makes_it(course: Path) -> None:
    with pytest.raises(LookupError, match=r"source/part9 .* holds no notebook; there are part1"):
        assignments.load("part9", course)
    (course / "release" / PART / NAME).rename(course / "release" / PART / "other.ipynb")
    with pytest.raises(LookupError, match="run: make release PART=part1"):
        assignments.load(PART, course)


def test_two_notebooks_are_one_too_many(course: Path) -> None:
    shutil.copy(course / "source" / PART / NAME, course / "source" / PART / "other.ipynb")
    with pytest.raises(LookupError, match=rf"holds 2 notebooks \(other.ipynb, {NAME}\); move all but one away"):
        assignments.load(PART, course)


def test_a_release_that_is_older_than_its_source_is_noticed(course: Path) -> None:
    path = course / "source" / PART / NAME
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id != "test-mlp-init"]
    nbformat.write(notebook, path)
    with pytest.raises(LookupError, match="has not the tasks of source/part1; run: make release PART=part1"):
        assignments.load(PART, course)


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"cells": 5})])
@pytest.mark.parametrize("tree", ["source", "release"])
def test_a_notebook_that_can_not_be_read_is_named(course: Path, tree: str, text: str) -> None:
    (course / tree / PART / NAME).write_text(text, encoding="utf-8")
    with pytest.raises(LookupError, match=rf"{tree}/part1/{NAME} can't be read as a notebook"):
        assignments.load(PART, course)


def test_files_of_a_student_stand_in_for_none_of_ours_and_notebooks_are_none() -> None:
    ours, theirs = {"table.csv": b"ours"}, {"a.txt": b"a", "table.csv": b"theirs", "x.ipynb": b"", "sub/X.IPYNB": b""}
    assert list(assignments.with_files(ours, theirs).items()) == [("table.csv", b"ours"), ("a.txt", b"a")]
