"""Whatever is handed in is repaired and loses nothing, or is set aside with a reason for the student."""

import contextlib
import copy
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbgrader.utils import determine_grade

from grading.engine import intake
from grading.engine.assignment import Assignment
from grading.engine.intake import Prepared, SetAsideError, files_of, prepare
from grading.exam import find, run
from grading.handle import in_process
from tests.grading.engine.damaged import (
    ANSWERS,
    BLANK,
    CASES,
    FULL,
    HOPELESS,
    NAME,
    PART,
    Case,
    Document,
    Hopeless,
    by_id,
    document,
    dump,
    right_cells,
)  # fmt: skip
from tests.samples import namespace


def ids(prepared: Prepared) -> list[str]:
    """Return the marks of the cells that have one, in order."""
    return [cell.metadata.nbgrader.grade_id for cell in prepared.notebook.cells if "nbgrader" in cell.metadata]


def cell_of(prepared: Prepared, grade_id: str) -> NotebookNode:
    (cell,) = (
        cell for cell in prepared.notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )
    return cell


def points(prepared: Prepared, exams: Any = FULL) -> dict[str, float]:
    """Run the student's code in order, and each of some exams at its place."""
    names = namespace(PART, {})
    earned = {}
    for cell in prepared.notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("grade_id") in exams:
            earned[marks["grade_id"]] = run(find(marks["grade_id"]), in_process(names), 1).score
        elif cell.cell_type == "code" and (marks.get("solution") or cell.id.startswith("own-")):
            try:
                exec(compile(re.sub(r"^(lab|budget) = .*", "", cell.source, flags=re.M), cell.id, "exec"), names)
            except Exception as error:
                names.setdefault("_errors", []).append(error)
    return earned


def assert_sound(prepared: Prepared, assignment: Assignment) -> None:
    """Assert what holds of every notebook that is prepared, whatever it was made of."""
    nbformat.validate(prepared.notebook)
    json.loads(nbformat.writes(prepared.notebook).encode("utf-8"))
    often = Counter(ids(prepared))
    assert all(often[grade_id] == 1 for grade_id in assignment.points)
    assert max(often.values()) == 1
    assert len({cell.id for cell in prepared.notebook.cells}) == len(prepared.notebook.cells)
    marked = {cell.metadata.nbgrader.grade_id: cell for cell in prepared.notebook.cells if "nbgrader" in cell.metadata}
    for grade_id, cell in marked.items():
        source = assignment.source_cells[grade_id]
        marks = {**source.metadata.nbgrader, "checksum": cell.metadata.nbgrader.checksum}
        assert dict(cell.metadata.nbgrader) == marks
        assert cell.cell_type == source.cell_type
        if not source.metadata.nbgrader.solution:
            assert cell.source == source.source
        elif source.metadata.nbgrader.grade:
            blank = cell.source == assignment.release_cells[grade_id].source
            assert determine_grade(cell) == (0 if blank else None, source.metadata.nbgrader.points)
    places = {grade_id: place for place, grade_id in enumerate(ids(prepared))}
    order = list(assignment.source_cells)
    for test in assignment.points:
        for solution in order[: order.index(test)]:
            if assignment.source_cells[solution].metadata.nbgrader.solution and test.startswith(("test-", "bonus-")):
                assert places.get(solution, -1) < places[test]
    for notice in prepared.notices:
        assert re.fullmatch(r"[A-Z0-9][^\n<>\[\]`*]{10,300}\.", notice), notice


def assert_nothing_is_lost(made: Document, prepared: Prepared, assignment: Assignment) -> None:
    """Assert that each line that was handed in and not given is still there."""
    text = "\n".join(cell.source for cell in prepared.notebook.cells)
    given = "\n".join(cell.source for cell in assignment.given)
    for cell in made["cells"]:
        came = cell.get("source")
        for line in came.splitlines() if isinstance(came, str) and came.isprintable() else []:
            assert line.strip() in text or line.strip() in given


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_damaged_is_repaired_and_loses_nothing(case: Case, assignment: Assignment) -> None:
    prepared = prepare(case.make(document()), assignment)
    assert_sound(prepared, assignment)
    if not case.reordered:
        assert [grade_id for grade_id in assignment.source_cells if grade_id in ids(prepared)] == ids(prepared)
    assert points(prepared) == case.points
    for grade_id in ANSWERS:
        cell = cell_of(prepared, grade_id)
        if grade_id in case.answers:
            assert re.search(case.answers[grade_id], cell.source), cell.source
            assert determine_grade(cell)[0] is None
        else:
            assert cell.source == BLANK
    rest = list(prepared.notices)
    for pattern in case.notices:
        (found, *_) = [notice for notice in rest if re.fullmatch(pattern, notice)] or [None]
        assert found is not None, (pattern, prepared.notices)
        rest.remove(found)
    assert rest == []


@pytest.mark.parametrize("hopeless", HOPELESS, ids=lambda hopeless: hopeless.name)
def test_what_is_beyond_repair_is_set_aside_with_a_reason_for_the_student(
    hopeless: Hopeless, assignment: Assignment
) -> None:
    files = hopeless.make(document())
    started = time.process_time()
    with pytest.raises(SetAsideError) as caught:
        prepare(files, assignment)
    assert re.search(hopeless.reason, str(caught.value))
    assert str(caught.value).endswith(".")
    assert "Please hand" in str(caught.value) or "Please clear" in str(caught.value)
    assert time.process_time() - started < 10


def test_nothing_of_a_students_metadata_is_kept(assignment: Assignment) -> None:
    made = document()
    for cell in made["cells"]:
        cell["metadata"] |= {"tags": ["skip-execution", "raises-exception"], "evil": "<script>"}
    made["metadata"] |= {"widgets": {"a": 1}}
    prepared = prepare({NAME: dump(made)}, assignment)
    assert set(prepared.notebook.metadata) == {"kernelspec"}
    assert {name for cell in prepared.notebook.cells for name in cell.metadata} == {"nbgrader"}


def test_pictures_in_answers_are_kept(assignment: Assignment) -> None:
    made = document()
    by_id(made, "discuss-cost")["attachments"] = {"plot.png": {"image/png": "iVBORw0KGgo=", "text/html": "<b>"}}
    prepared = prepare({NAME: dump(made)}, assignment)
    assert cell_of(prepared, "discuss-cost").attachments == {"plot.png": {"image/png": "iVBORw0KGgo="}}


def test_a_students_code_is_byte_for_byte_what_it_was(assignment: Assignment) -> None:
    prepared = prepare({NAME: dump(document())}, assignment)
    for grade_id, text in right_cells().items():
        assert cell_of(prepared, grade_id).source == text


def test_a_test_that_is_put_back_stands_behind_its_solution_and_what_was_written_there(assignment: Assignment) -> None:
    (case,) = (case for case in CASES if case.name == "class_in_two_cells_and_its_tests_deleted")
    prepared = prepare(case.make(document()), assignment)
    cells = [cell.id for cell in prepared.notebook.cells]
    first = cells.index("mlp-from-scratch")
    assert cells[first + 1] == "own-1"
    assert cells[first + 2 : first + 4] == ["test-mlp-init", "test-mlp-activations"]


def test_a_name_of_the_students_choice_can_not_be_a_link_or_a_tag(assignment: Assignment) -> None:
    name = "[a](http://x) <img src=x onerror=alert(1)> `*b*.ipynb"
    (notice,) = prepare({name: dump(document())}, assignment).notices
    assert not set(notice) & set("<>[]`*:=")
    with pytest.raises(SetAsideError) as caught:
        prepare({"<b>.pdf": b""}, assignment)
    assert "<" not in str(caught.value)


def test_a_notebook_of_ten_thousand_cells_takes_seconds(assignment: Assignment) -> None:
    made = document()
    text = by_id(made, "mlp-from-scratch")["source"]
    extra = {"cell_type": "code", "metadata": {}, "source": text.replace("class MLP", "class Other"), "outputs": []}
    made["cells"] += [extra] * 10_000
    for cell in made["cells"]:
        cell.pop("id", None)
        cell["metadata"] = {}
    started = time.process_time()
    prepared = prepare({NAME: dump(made)}, assignment)
    assert time.process_time() - started < 20
    assert len(prepared.notebook.cells) == len(made["cells"])
    assert ids(prepared) == list(assignment.source_cells)


def escaped(made: Document) -> bytes:
    return b'{"cells": "' + b'\\"' * (30 << 20)


def binary(made: Document) -> bytes:
    return b"{" + b"a\xff" * (31 << 20)


def marked_text(made: Document) -> bytes:
    mark = copy.deepcopy(by_id(made, "mlp-from-scratch")["metadata"])
    text = {"cell_type": "raw", "metadata": mark, "source": "class MLPFromScratch:\n    pass"}
    made["cells"] += [{**text, "id": f"t{number}"} for number in range(15_000)]
    return dump(made)


def defining(made: Document) -> bytes:
    code = {"cell_type": "code", "source": "class MLPFromScratch:\n    pass\n" + "def  \n" * 500}
    made["cells"] += [code] * 15_000
    return dump(made)


@pytest.mark.parametrize("make", [escaped, binary, marked_text, defining])
def test_nothing_keeps_the_grader_busy(make: Callable[[Document], bytes], assignment: Assignment) -> None:
    content = make(document())
    started = time.process_time()
    with contextlib.suppress(SetAsideError):
        prepare({NAME: content}, assignment)
    assert time.process_time() - started < 20


# --- anything -----------------------------------------------------------------------------------------------------
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NOISE = st.tuples(
    st.sampled_from(["delete", "double", "move", "id", "mark", "metadata", "kind", "text", "field", "forget"]),
    st.integers(0, 10**6), st.integers(0, 10**6), JSON,
)  # fmt: skip


def disturb(made: Document, kind: str, first: int, second: int, value: Any) -> None:
    cells = made["cells"]
    if not cells:
        return
    place, other = first % len(cells), second % len(cells)
    cell = cells[place]
    if kind == "delete":
        del cells[place]
    elif kind == "double":
        cells.insert(other, copy.deepcopy(cell))
    elif kind == "move":
        cells.insert(other, cells.pop(place))
    elif kind == "id":
        cell["id"] = cells[other].get("id")
    elif kind == "mark":
        cell["metadata"] = copy.deepcopy(cells[other].get("metadata"))
    elif kind == "metadata":
        cell["metadata"] = {"nbgrader": value}
    elif kind == "kind":
        cell["cell_type"] = value if second % 2 else ["code", "markdown", "raw", "heading"][second // 2 % 4]
    elif kind == "text":
        cell["source"] = value
    elif kind == "field":
        made[["metadata", "nbformat", "nbformat_minor"][place % 3]] = value
    else:
        cell.pop(["id", "metadata", "cell_type", "source"][second % 4], None)


@given(st.lists(NOISE, max_size=60), st.integers(0, 120), st.booleans())
@settings(max_examples=75, deadline=None)
def test_whatever_is_done_to_a_notebook_it_is_sound_or_set_aside(
    assignment: Assignment, noise: list[tuple[str, int, int, Any]], strip: int, unmarked: bool
) -> None:
    made = document()
    for cell in made["cells"][:strip]:
        if unmarked:
            cell["metadata"] = {}
        del cell["id"]
    for step in noise:
        disturb(made, *step)
    try:
        prepared = prepare({NAME: dump(made, ensure_ascii=True)}, assignment)
    except SetAsideError:
        return
    assert_sound(prepared, assignment)
    assert_nothing_is_lost(made, prepared, assignment)


@given(st.integers(0, 90_000), st.binary(max_size=20), st.integers(0, 50))
@settings(max_examples=75, deadline=None)
def test_whatever_is_done_to_a_file_it_is_sound_or_set_aside(
    assignment: Assignment, place: int, what: bytes, gone: int
) -> None:
    content = dump(document())
    try:
        prepared = prepare({NAME: content[:place] + what + content[place + gone :]}, assignment)
    except SetAsideError:
        return
    assert_sound(prepared, assignment)


@given(
    st.dictionaries(st.text(max_size=12).map(lambda name: name + ".ipynb") | st.just("x.zip"), st.binary(), max_size=4)
)
@settings(max_examples=75, deadline=None)
def test_rubbish_is_set_aside(assignment: Assignment, files: dict[str, bytes]) -> None:
    with pytest.raises(SetAsideError):
        prepare(files, assignment)


# --- folders ------------------------------------------------------------------------------------------------------
def test_files_are_read_and_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    folder = tmp_path / "submission"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "b.txt").write_bytes(b"b")
    (folder / "a.ipynb").write_bytes(b"a")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    (folder / "link.txt").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    (folder / "gone").symlink_to(tmp_path / "nothing")
    os.mkfifo(folder / "pipe")
    assert files_of(folder) == {"a.ipynb": b"a", "sub/b.txt": b"b"}


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert files_of(tmp_path / "nothing") == {}


def test_names_of_any_encoding_can_be_printed(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xdcbung.ipynb")).write_bytes(b"x")
    (name,) = files_of(tmp_path)
    assert name.encode("utf-8") == b"?bung.ipynb"


def test_too_much_is_set_aside_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "data.bin").open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(SetAsideError, match=r"more than 128 MiB\. Please hand in the notebook without"):
        files_of(tmp_path)
    monkeypatch.setattr(intake, "_MOST_FILES", 5)
    (tmp_path / "data.bin").unlink()
    for number in range(6):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(SetAsideError, match="more than 5 files"):
        files_of(tmp_path)
