"""Sample submissions: how one is described, and what it becomes, a namespace or a notebook.

A submission is described by its cells: solution cells by their `grade_id`, from the reference solutions of
`source/`, from files beside this one, or with single passages exchanged.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
SOLUTION = re.compile(r"^[ \t]*### (BEGIN|END) SOLUTION[ \t]*\n", re.M)

Cells = dict[str, str]


@dataclass(frozen=True)
class Student:
    """One submission.

    Attributes
    ----------
    name : str
        The student's id, without `sample-`.
    what : str
        What it shows, in a few words.
    cells : dict
        Sources by `grade_id`; a cell that is missing stays as it was released.
    lost : dict
        Points that each test cell must cost, by `grade_id`.
    """

    name: str
    what: str
    cells: Cells
    lost: dict[str, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The student's id in the gradebook."""
        return f"sample-{self.name}"


def notebook_path(tree: str, part: str) -> Path:
    """Return the one notebook of a part in `source` or `release`."""
    (path,) = (ROOT / tree / part).glob("*.ipynb")
    return path


def read(tree: str, part: str) -> nbformat.NotebookNode:
    """Read a part's notebook: a new one each time, so that no test runs one for another."""
    return nbformat.read(notebook_path(tree, part), as_version=4)


def solution_cells(tree: str, part: str) -> Cells:
    """Return the sources of the solution cells by `grade_id`, without the marks of their regions.

    From `source` these are the reference solutions, from `release` the stubs.
    """
    return {
        cell.metadata.nbgrader.grade_id: SOLUTION.sub("", cell.source)
        for cell in read(tree, part).cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution")
    }


def read_cells(path: Path) -> Cells:
    """Read a file of solution cells, each under a line `# %% grade_id`."""
    blocks = re.split(r"^# %% (\S+)\n", path.read_text(encoding="utf-8"), flags=re.M)[1:]
    return {grade_id: source.strip("\n") for grade_id, source in zip(blocks[::2], blocks[1::2], strict=True)}


def exchange(cells: Cells, grade_id: str, *passages: tuple[str, str]) -> Cells:
    """Return cells with passages of one exchanged; each must occur in it exactly once."""
    source = cells[grade_id]
    for old, new in passages:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {grade_id}"
        source = source.replace(old, new)
    return {**cells, grade_id: source}


@cache
def _given(part: str) -> str:
    """Return the imports of a notebook, and its locked cells: functions that it gives to solutions."""
    cells = [cell for cell in read("source", part).cells if cell.cell_type == "code"]
    (setup,) = (cell.source for cell in cells if cell.id == "setup")
    imports = [line for line in setup.splitlines() if re.match(r"(import|from) ", line)]
    marks = [(cell.source, cell.metadata.get("nbgrader", {})) for cell in cells]
    locked = [source for source, mark in marks if mark.get("locked") and not (mark["grade"] or mark["solution"])]
    return "\n".join([*imports, *locked])


def namespace(part: str, cells: Cells) -> dict[str, Any]:
    """Run solution cells after what the notebook gives, as a kernel would, and return the names they define.

    A cell that raises is passed over, as nbgrader does.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(_given(part), names)
    for grade_id, source in cells.items():
        try:
            exec(compile(source, f"<cell {grade_id}>", "exec"), names)
        except Exception as error:
            names.setdefault("_errors", []).append((grade_id, error))
    return names


def names_of(part: str, cells: Cells) -> dict[str, Any]:
    """Return the names that solution cells define, none of which may raise."""
    names = namespace(part, cells)
    assert "_errors" not in names, names["_errors"]
    return names
