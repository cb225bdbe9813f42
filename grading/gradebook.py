"""What nbgrader's gradebook and the autograded notebooks say, as plain records: scores by cell, and reasons.

To nbgrader a bonus cell is a cell like any other, so its maxima include the bonus. Here the base and the bonus are kept
apart: a cell whose `grade_id` begins with `bonus-` is one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from sqlalchemy.exc import SQLAlchemyError

from grading.database import explained, gradebook_url, opened

BONUS = "bonus-"


@dataclass(frozen=True)
class LostIdea:
    """An idea that lost its points, with what came in place of what was expected."""

    idea: str
    came: str


@dataclass(frozen=True)
class CellScore:
    """One graded cell of one submission.

    Attributes
    ----------
    grade_id : str
    score, max_score : float
        Points; the score is None while nobody has given one.
    manual : bool
        Whether a person grades it.
    reasons : tuple of LostIdea
        What the verdict says of lost points, one an idea.
    """

    grade_id: str
    score: float | None
    max_score: float
    manual: bool
    reasons: tuple[LostIdea, ...] = ()

    @property
    def bonus(self) -> bool:
        """Whether its points come on top of the base."""
        return self.grade_id.startswith(BONUS)


@dataclass(frozen=True)
class Submission:
    """A student's graded submission; without cells where it could not be graded, and then `reason` may say why."""

    student: str
    cells: tuple[CellScore, ...]
    reason: str = ""

    def points(self, *, manual: bool = False, bonus: bool = False) -> float:
        """Sum the points of one kind of cell; what is not graded yet counts as nothing."""
        return sum(cell.score or 0.0 for cell in self._kind(manual, bonus))

    def maximum(self, *, manual: bool = False, bonus: bool = False) -> float:
        """Sum the points that one kind of cell can earn."""
        return sum(cell.max_score for cell in self._kind(manual, bonus))

    def to_grade(self) -> list[str]:
        """Return the cells that wait for a person."""
        return [cell.grade_id for cell in self.cells if cell.score is None]

    def _kind(self, manual: bool, bonus: bool) -> Iterator[CellScore]:
        return (cell for cell in self.cells if cell.manual == manual and cell.bonus == bonus)


def submissions(part: str, root: Path, database: str = "") -> list[Submission]:
    """Read all submissions of a part, by student, with those that lie in `submitted/` but could not be graded.

    Parameters
    ----------
    database
        The gradebook's URL; by default the course's.

    Raises
    ------
    GradebookError
        Where the gradebook can't be read or does not know the part.
    """
    url = gradebook_url(root, database)
    found = {path.parent.name: Submission(path.parent.name, ()) for path in (root / "submitted").glob(f"*/{part}")}
    try:
        with opened(url) as gradebook:
            found |= {one.student: one for one in _graded(gradebook, part, root)}
    except (MissingEntry, OSError, ImportError, SQLAlchemyError) as error:
        raise explained(error, url, root, part) from None
    return [found[student] for student in sorted(found)]


def _graded(gradebook: Gradebook, part: str, root: Path) -> Iterator[Submission]:
    for submission in gradebook.assignment_submissions(part):
        student, folder = submission.student.id, root / "autograded" / submission.student.id / part
        if not list(folder.glob("*.ipynb")):
            continue  # a regrade failed: what the gradebook still says is of an earlier submission
        reasons = _reasons(folder)
        cells = [_cell(grade, reasons) for notebook in submission.notebooks for grade in notebook.grades]
        yield Submission(student, tuple(cells))


def _cell(grade: Any, reasons: dict[str, tuple[LostIdea, ...]]) -> CellScore:
    """Turn one of nbgrader's grades into a record; a manual score has the last word, as it has in nbgrader."""
    manual = grade.cell.cell_type == "markdown"
    # A regrade asks for another look at a manual score, and keeps it until then.
    scored = grade.manual_score is not None or grade.auto_score is not None
    score = float(grade.score) if scored else None
    name = str(grade.name)
    return CellScore(name, score, float(grade.max_score), manual, reasons.get(name, ()))


def _reasons(folder: Path) -> dict[str, tuple[LostIdea, ...]]:
    """Return the reasons for lost points by `grade_id`, from the outputs of the autograded notebooks."""
    found = {}
    for path in folder.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id and cell.metadata.nbgrader.get("grade") and cell.cell_type == "code":
                found[grade_id] = tuple(_lost(cell.outputs))
    return found


def _lost(outputs: list) -> Iterator[LostIdea]:
    """Yield what the printed verdict says of each idea that lost its points, and an error that left no verdict."""
    for output in outputs:
        if output.output_type == "error":
            yield LostIdea("no verdict", f"{output.ename}: {output.evalue}")
        if output.output_type == "stream":
            for block in re.split(r"^  (?=[✓✗] )", output.text, flags=re.M):
                if block.startswith("✗ "):
                    came = re.search(r"^ *came: (.*)", block, flags=re.M)
                    yield LostIdea(block[2:].partition("\n")[0], came.group(1) if came else "")
