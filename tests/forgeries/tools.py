"""What the forgeries share: a small Part I, submissions with an attack in them, and what must come of them."""

from collections.abc import Mapping
from functools import cache
from time import monotonic

import nbformat
from nbformat import NotebookNode

from grading.engine import assignment as assignments
from grading.engine.assignment import Assignment
from grading.engine.job import Job, Outcome, grade
from tests.samples import ROOT, solution_cells
from tests.samples.submissions import fill
from tests.tools import text_of

PART = "part1"
SEED = 20261125
TASK = "mlp-from-scratch"
CHEAP = ("test-mlp-activations", "test-mlp-loss")
BLANK, RIGHT = solution_cells("release", PART)[TASK], solution_cells("source", PART)[TASK]


@cache
def small(tests: tuple[str, ...] = CHEAP) -> Assignment:
    """Return Part I with its imports, its first task and a few of that task's tests alone."""
    whole = assignments.load(PART, ROOT)
    return Assignment(whole.part, whole.name, *(_trimmed(text, tests) for text in (whole.source, whole.release)))


def _trimmed(text: str, tests: tuple[str, ...]) -> str:
    notebook = nbformat.reads(text, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id in ("setup", TASK, *tests)]
    return nbformat.writes(notebook)


def handed_in(
    before: str = "", *, solution: str = BLANK, behind: str = "", tests: tuple[str, ...] = CHEAP
) -> NotebookNode:
    """Return a submission of the small part.

    Parameters
    ----------
    before
        A cell of the student's own in front of the task.
    solution
        What stands in the task's cell.
    behind
        A cell of the student's own behind each test.
    """
    notebook = fill(PART, {TASK: solution})
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        if cell.id == TASK and before:
            cells.append(nbformat.v4.new_code_cell(before, id="own"))
        if cell.id in ("setup", TASK, *tests):
            cells.append(cell)
        if cell.id in tests and behind:
            cells.append(nbformat.v4.new_code_cell(behind, id=f"own-{len(cells)}"))
    notebook.cells = cells
    return notebook


def graded(
    notebook: NotebookNode,
    *,
    tests: tuple[str, ...] = CHEAP,
    files: Mapping[str, bytes] | None = None,
    limits: Mapping[str, int] | None = None,
    most_seconds: float = 60,
) -> Outcome:
    """Grade a submission as the engine does: there is an outcome, within bounded time, and no failure of the engine.

    Nor of the attack: one that falls over because of a name that is no more attacks nothing.
    """
    assignment = small(tests)
    content = {f"{assignment.name}.ipynb": nbformat.writes(notebook).encode(), **(files or {})}
    settings = {"limits": dict(limits)} if limits else {}
    started = monotonic()
    outcome = grade(Job("mallory", content, assignment, SEED, settings))
    told = f"{outcome.status}: {outcome.reason} {outcome.failures}"
    assert (outcome.status, outcome.failures) == ("graded", {}), told
    assert set(scores(outcome)) == set(tests)
    assert monotonic() - started < most_seconds
    assert not [cell.outputs for cell in _cells(outcome) if "Traceback" in str(cell.get("outputs"))], "a slip of ours"
    return outcome


def scores(outcome: Outcome) -> dict[str, float]:
    """Return the score of each test."""
    return {verdict.exam_id: verdict.score for verdict in outcome.verdicts}


def output(outcome: Outcome, cell_id: str) -> str:
    """Return what stands below one of the assignment's cells, as text."""
    (cell,) = (cell for cell in _cells(outcome) if cell.metadata.get("nbgrader", {}).get("grade_id") == cell_id)
    return text_of(cell)


def own_output(outcome: Outcome, place: int) -> str:
    """Return what stands below one of the student's own cells, as text."""
    return text_of([cell for cell in _cells(outcome) if "nbgrader" not in cell.metadata][place])


def _cells(outcome: Outcome) -> list[NotebookNode]:
    return nbformat.reads(outcome.notebook, as_version=4).cells


def gains_nothing(outcome: Outcome) -> None:
    """A blank submission has no points, and every test cell shows the engine's verdict and nothing else."""
    assert set(scores(outcome).values()) == {0.0}, [verdict.lines() for verdict in outcome.verdicts]
    shows_verdicts(outcome)


def shows_verdicts(outcome: Outcome) -> None:
    """Every test cell shows the engine's verdict and nothing else."""
    for verdict in outcome.verdicts:
        assert output(outcome, verdict.exam_id) == "\n".join(verdict.lines()) + f"\n{verdict.score!r}"
