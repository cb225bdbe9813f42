"""What every notebook of the course keeps to, read from its JSON: ids, points, marks, stubs, and what is released."""

import ast
import itertools
import re

import nbformat
import pytest
from nbformat import NotebookNode

from grading.exam import find
from grading.release import ROOT, differences, leaks, parts
from tests.samples import notebook_path, read

PARTS = parts(ROOT)
BASE = {"tests": 85, "answers": 15}
BONUS = {"part1": 10, "part2": 15, "part3": 15}
VISIBLE = "# {id} · {points} points · runs when your work is graded"

pytestmark = pytest.mark.parametrize("part", PARTS)


def graded(part: str, tree: str = "source") -> dict[str, NotebookNode]:
    return {
        cell.metadata.nbgrader.grade_id: cell
        for cell in read(tree, part).cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    }


def of_kind(part: str, kind: str, tree: str = "source") -> list[NotebookNode]:
    """Cells of one kind: `tests`, `answers`, `tasks` (solution cells of code) or `locked` (neither)."""
    wanted = {"tests": (True, False), "answers": (True, True), "tasks": (False, True), "locked": (False, False)}[kind]
    return [
        cell
        for cell in read(tree, part).cells
        if "nbgrader" in cell.metadata and (cell.metadata.nbgrader.grade, cell.metadata.nbgrader.solution) == wanted
    ]


@pytest.mark.parametrize("tree", ["source", "release"])
def test_ids_are_unique_and_speak(part: str, tree: str) -> None:
    cells = read(tree, part).cells
    ids = [cell.id for cell in cells]
    assert len(set(ids)) == len(ids)
    for cell in cells:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", cell.id)
        if "nbgrader" in cell.metadata:
            assert cell.id == cell.metadata.nbgrader.grade_id


@pytest.mark.parametrize("tree", ["source", "release"])
def test_notebooks_are_valid_and_hold_no_output(part: str, tree: str) -> None:
    notebook = read(tree, part)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs"), f"{cell.id} holds an output"
        assert cell.get("execution_count") is None
    assert notebook.metadata.kernelspec.name == "python3"


def test_points_are_85_and_15_with_the_bonus_apart(part: str) -> None:
    def total(cells: list[NotebookNode]) -> float:
        return sum(cell.metadata.nbgrader.points for cell in cells)

    tests = of_kind(part, "tests")
    bonus = [cell for cell in tests if cell.id.startswith("bonus-")]
    assert total(of_kind(part, "answers")) == BASE["answers"]
    assert total(tests) - total(bonus) == BASE["tests"]
    assert total(bonus) == BONUS[part]


def test_points_in_metadata_and_exams_agree(part: str) -> None:
    for cell in of_kind(part, "tests"):
        assert find(cell.id).points == cell.metadata.nbgrader.points


def test_points_in_headings_agree(part: str) -> None:
    """A heading with points stands above the cells that carry them, up to the next heading with points."""
    announced: list[tuple[str, int, int]] = []
    for cell in read("source", part).cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^(#+) (.*) · (\d+) points?$", cell.source, flags=re.M)
            announced += [(title, len(marks), int(points)) for marks, title, points in headings]
        points = cell.metadata.get("nbgrader", {}).get("points", 0)
        if points:
            assert announced, f"{cell.id} has points that no heading announces"
            title, _, said = announced[-1]
            assert said == points, f"{cell.id} is worth {points}, and its heading {title!r} says {said}"
    # A task's own heading sums up its parts, which stand one level below it.
    for place, (title, level, said) in enumerate(announced):
        parts = []
        for _, deeper, points in announced[place + 1 :]:
            if deeper <= level:
                break
            parts.append(points)
        numbered = [
            points for (name, _, _), points in zip(announced[place + 1 :], parts, strict=False) if name[0].isdigit()
        ]
        if numbered:
            assert said == sum(numbered), f"{title!r} says {said}, its parts sum to {sum(numbered)}"


def test_points_in_the_table_at_the_top_agree(part: str) -> None:
    (text,) = (cell.source for cell in read("source", part).cells if cell.id == "how-it-works")
    rows = re.findall(r"^\| *(\d|bonus)? *\|([^|]*)\| *([\d +]+) *\|$", text, flags=re.M)
    by_kind = {"tasks": 0, "answers": 0, "bonus": 0}
    for number, _, points in rows:
        kind = "bonus" if number == "bonus" else "tasks" if number else "answers"
        by_kind[kind] += sum(int(term) for term in points.split("+"))
    assert by_kind == {"tasks": BASE["tests"], "answers": BASE["answers"], "bonus": BONUS[part]}


def test_a_test_cell_shows_one_line_and_hides_one_call(part: str) -> None:
    for cell in of_kind(part, "tests"):
        points = cell.metadata.nbgrader.points
        assert cell.source.splitlines() == [
            VISIBLE.format(id=cell.id, points=points),
            "### BEGIN HIDDEN TESTS",
            f'__import__("grading").examine("{cell.id}", globals())',
            "### END HIDDEN TESTS",
        ]
        assert cell.metadata.nbgrader.locked
    for cell in of_kind(part, "tests", "release"):
        assert cell.source.strip() == VISIBLE.format(id=cell.id, points=cell.metadata.nbgrader.points)


def test_every_test_cell_follows_its_self_check(part: str) -> None:
    cells = [cell for cell in read("source", part).cells if cell.cell_type == "code"]
    for before, cell in itertools.pairwise(cells):
        if cell in of_kind(part, "tests"):
            name = re.sub("^(test|bonus)-", "", cell.id)
            assert before.source == f'check("{name}")', f"{cell.id} has no self-check before it"


def test_every_task_has_a_test(part: str) -> None:
    order = [cell.id for cell in read("source", part).cells]
    tests = [order.index(cell.id) for cell in of_kind(part, "tests")]
    tasks = [order.index(cell.id) for cell in of_kind(part, "tasks")]
    for task, following in zip(tasks, [*tasks[1:], len(order)], strict=True):
        assert any(task < test < following for test in tests), f"{order[task]} is never tested"


def test_stubs_keep_signatures_and_docstrings(part: str) -> None:
    """What a student gets parses, says what to write, and raises where the solution was."""
    for done, stub in zip(of_kind(part, "tasks"), of_kind(part, "tasks", "release"), strict=True):
        functions = {node.name: node for node in ast.walk(ast.parse(stub.source)) if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(ast.parse(stub.source)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name != "__init__":
                assert ast.get_docstring(node), f"{node.name} in {done.id} loses its docstring"
        regions = done.source.count("### BEGIN SOLUTION")
        assert stub.source.count("raise NotImplementedError") == regions == done.source.count("### END SOLUTION")
        for function in functions.values():
            assert function.returns is not None, f"{function.name} in {done.id} has no type of result"


def test_discussions_hide_a_mark_scheme_above_a_manual_answer(part: str) -> None:
    cells = read("source", part).cells
    for answer in of_kind(part, "answers"):
        question = cells[cells.index(answer) - 1]
        assert question.id == f"{answer.id}-question"
        assert question.metadata.nbgrader.locked
        assert "### BEGIN MARK SCHEME" in question.source
        points = [float(n) for n in re.findall(r"^- (\d+) points?:", question.source, flags=re.M)]
        assert sum(points) == answer.metadata.nbgrader.points, f"the marking guide of {answer.id} sums to {sum(points)}"
    for question in (cell for cell in read("release", part).cells if cell.id.endswith("-question")):
        assert "Model answer" not in question.source
        assert "Marking guide" not in question.source


def test_every_figure_is_read_in_words_after_it(part: str) -> None:
    cells = read("source", part).cells
    for cell, following in itertools.pairwise(cells):
        if cell.cell_type == "code" and "plots." in cell.source and "title=" in cell.source:
            assert following.cell_type == "markdown", f"no words follow the figure of {cell.id}"
            assert "source=" in cell.source, f"the figure of {cell.id} does not say which data it shows"


def test_headings_never_skip_a_level(part: str) -> None:
    levels = [
        len(match[1])
        for cell in read("release", part).cells
        if cell.cell_type == "markdown"
        for match in re.finditer(r"^(#{1,6}) (?!(?:BEGIN|END) )", cell.source, flags=re.M)
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_release_shows_no_solution(part: str) -> None:
    assert leaks(notebook_path("release", part)) == []
    # A hint may come close to a solution; code that a student is given may not.
    released = "\n".join(cell.source for cell in read("release", part).cells if cell.cell_type == "code")
    for cell in of_kind(part, "tasks"):
        hidden = re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, flags=re.S)
        lines = {line.strip() for region in hidden for line in region.splitlines() if len(line.strip()) > 35}
        shown = {line for line in lines if re.search(rf"^\s*{re.escape(line)}$", released, flags=re.M)}
        assert not shown, f"{cell.id}: the release shows {shown}"


def test_release_is_what_the_source_gives(part: str) -> None:
    assert differences(part) == []


def test_release_holds_the_notebook_and_nothing_else(part: str) -> None:
    assert [path.name for path in (ROOT / "release" / part).iterdir()] == [notebook_path("source", part).name]
