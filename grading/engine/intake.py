"""From what a student handed in to a notebook that can be run and recorded.

What can be repaired is repaired, and said so in a notice for the student; what can't is set aside with a reason. The
student's file is only read.
"""

import difflib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum

from grading.engine.assignment import Assignment

_MOST_BYTES = 64 << 20
_ALIKE = 0.6  # of the lines: below it, a cell without a mark is taken for the student's own


class SetAsideError(Exception):
    """A submission that can't be graded, with a reason that can be passed on to the student."""


@dataclass
class Prepared:
    """A notebook with the instructor's cells as they should be, and notices of what was repaired."""

    notebook: NotebookNode
    notices: list[str] = field(default_factory=list)


def prepare(files: Mapping[str, bytes], assignment: Assignment) -> Prepared:
    """Return the notebook to run.

    Parameters
    ----------
    files
        All files of the submission, by relative path.

    Raises
    ------
    SetAsideError
        If there is no notebook, or none that can be read.
    """
    notices: list[str] = []
    content = _choose(_unpacked(files, notices), assignment, notices)
    notebook = read(content)
    cells = _matched(notebook, assignment, notices)
    cells = _with_missing(cells, assignment, notices)
    for cell in cells:
        _restore(cell, assignment, notices)
    result = nbformat.v4.new_notebook(cells=cells)
    result.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    _number(result)
    return Prepared(result, list(dict.fromkeys(notices)))


# --- The file -----------------------------------------------------------------------------------------------------
def _unpacked(files: Mapping[str, bytes], notices: list[str]) -> dict[str, bytes]:
    """Return the files, with those in zip archives beside them."""
    found = dict(files)
    for name, content in files.items():
        if name.lower().endswith(".zip"):
            try:
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    for entry in archive.infolist():
                        inside = PurePosixPath(entry.filename)
                        if not entry.is_dir() and entry.file_size <= _MOST_BYTES and inside.suffix == ".ipynb":
                            found.setdefault(str(inside), archive.read(entry))
                            notices.append(f"The notebook was taken out of the archive {name}.")
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
                notices.append(f"The archive {name} can't be opened ({error}).")
    return found


def _choose(files: Mapping[str, bytes], assignment: Assignment, notices: list[str]) -> bytes:
    wanted = f"{assignment.name}.ipynb"
    notebooks = {
        name: content
        for name, content in files.items()
        if name.lower().endswith(".ipynb") and not {"__MACOSX", ".ipynb_checkpoints"} & set(PurePosixPath(name).parts)
    }
    if not notebooks:
        seen = f"It holds {', '.join(sorted(files)[:5])}." if files else "It is empty."
        raise SetAsideError(f"There is no notebook in the submission. {seen} Please hand in {wanted}.")
    name = min(notebooks, key=lambda name: _preference(name, notebooks[name], wanted, assignment))
    if PurePosixPath(name).name != wanted:
        notices.append(f"The notebook was handed in as {PurePosixPath(name).name}; it was taken for {wanted}.")
    if len(notebooks) > 1:
        notices.append(f"There were {len(notebooks)} notebooks; {name} was graded.")
    return notebooks[name]


def _preference(name: str, content: bytes, wanted: str, assignment: Assignment) -> tuple:
    path = PurePosixPath(name)
    known = sum(content.count(grade_id.encode()) > 0 for grade_id in assignment.release_cells)
    return path.name != wanted, -known, len(path.parts), name


def read(content: bytes) -> NotebookNode:
    """Read a notebook of any version and encoding that editors write, without its outputs.

    Raises
    ------
    SetAsideError
        If it is none.
    """
    if len(content) > _MOST_BYTES:
        raise SetAsideError(
            f"The notebook has {len(content) >> 20} MiB. Please clear its outputs and hand it in again."
        )
    if not content.strip():
        raise SetAsideError("The notebook is an empty file. Please hand it in again.")
    try:
        document = json.loads(_decoded(content))
        if not isinstance(document, dict) or not {"cells", "worksheets"} & set(document):
            raise SetAsideError("The file is no Jupyter notebook. Please hand in the notebook itself.")
        _mend(document)
        notebook = nbformat.reads(json.dumps(document), as_version=4)
    except SetAsideError:
        raise
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}"
        raise SetAsideError(
            f"The notebook can't be read: it is damaged or cut off at {where}. Please hand it in again."
        ) from None
    except Exception as error:
        raise SetAsideError(f"The notebook can't be read ({type(error).__name__}). Please hand it in again.") from None
    notebook.cells = [cell for cell in notebook.cells if isinstance(cell, dict) and cell.get("cell_type")]
    return notebook


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _mend(document: dict) -> None:
    """Give a document what nbformat insists on, and take out what is not the student's work: outputs."""
    document.setdefault("nbformat", 4 if "cells" in document else 3)
    document.setdefault("nbformat_minor", 0)
    if not isinstance(document.get("metadata"), dict):
        document["metadata"] = {}
    if document["nbformat"] > 4:
        document["nbformat"] = 4
    lists = [document.get("cells")] + [sheet.get("cells") for sheet in document.get("worksheets") or []]
    for cells in lists:
        if not isinstance(cells, list):
            continue
        cells[:] = [cell for cell in cells if isinstance(cell, dict)]
        for cell in cells:
            _mend_cell(cell)


def _mend_cell(cell: dict) -> None:
    if cell.get("cell_type") not in ("code", "markdown", "raw", "heading", "html"):
        cell["cell_type"] = "code" if "outputs" in cell else "markdown"
    if not isinstance(cell.get("metadata"), dict):
        cell["metadata"] = {}
    for name in ("source", "input"):
        if name in cell:
            text = cell[name]
            text = "".join(map(str, text)) if isinstance(text, list) else "" if text is None else str(text)
            cell[name] = text.replace("\r\n", "\n").replace("\r", "\n")
    if cell["cell_type"] == "code":
        cell["outputs"] = []
        cell.setdefault("source" if "input" not in cell else "input", "")
        if "input" not in cell:
            cell["execution_count"] = None
    else:
        cell.setdefault("source", "")
    identity = cell.get("id")
    if identity is not None and not (isinstance(identity, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", identity)):
        del cell["id"]
    if not isinstance(cell.get("attachments", {}), dict):
        del cell["attachments"]


# --- The cells ----------------------------------------------------------------------------------------------------
def _matched(notebook: NotebookNode, assignment: Assignment, notices: list[str]) -> list[NotebookNode]:
    """Return the cells, those of the assignment's marked with its marks and no other, each at most once."""
    claims: dict[str, list[int]] = {}
    cells = notebook.cells
    for place, cell in enumerate(cells):
        claimed = cell.metadata.get("nbgrader")
        grade_id = claimed.get("grade_id") if isinstance(claimed, dict) else None
        if grade_id not in assignment.source_cells:
            grade_id = cell.get("id") if cell.get("id") in assignment.source_cells else None
        if grade_id and _same_kind(cell, assignment.source_cells[grade_id]):
            claims.setdefault(grade_id, []).append(place)
        cell.metadata.pop("nbgrader", None)
    chosen = {grade_id: _one_of(grade_id, places, cells, assignment, notices) for grade_id, places in claims.items()}
    if lost := [grade_id for grade_id in assignment.source_cells if grade_id not in chosen]:
        found = _by_content(lost, cells, set(chosen.values()), assignment)
        if found:
            notices.append(
                f"{len(found)} cells had lost their marks, as some editors do; they were recognised by what is in them."
            )
        chosen |= found
    for grade_id, place in chosen.items():
        cells[place].metadata.nbgrader = dict(assignment.source_cells[grade_id].metadata.nbgrader)
    return list(cells)


def _same_kind(cell: NotebookNode, source: NotebookNode) -> bool:
    return cell.cell_type == source.cell_type or bool(source.metadata.nbgrader.get("locked"))


def _one_of(
    grade_id: str, places: list[int], cells: list[NotebookNode], assignment: Assignment, notices: list[str]
) -> int:
    """Choose among copies of a cell: an answer that was written over one that wasn't, a later one over an earlier."""
    if len(places) == 1:
        return places[0]
    release = _plain(assignment.release_cells[grade_id].source)
    notices.append(f"The cell {grade_id} was there {len(places)} times; the last one with an answer counts.")
    return max(places, key=lambda place: (_plain(cells[place].source) not in ("", release), place))


def _by_content(lost: list[str], cells: list[NotebookNode], taken: set[int], assignment: Assignment) -> dict[str, int]:
    """Find cells by what is in them: given ones by their text, the student's by the lines that were given."""
    found: dict[str, int] = {}
    free = [place for place in range(len(cells)) if place not in taken]
    for exact in (True, False):
        for grade_id in lost:
            source, release = assignment.source_cells[grade_id], assignment.release_cells[grade_id]
            if grade_id in found:
                continue
            best, likeness = None, _ALIKE
            for place in free:
                if cells[place].cell_type != source.cell_type:
                    continue
                same = _likeness(release.source, cells[place].source, exact=exact)
                if same > likeness or (exact and same == 1):
                    best, likeness = place, same
            if best is not None:
                found[grade_id] = best
                free.remove(best)
    return _answers_behind_their_questions(found, free, cells, lost, assignment)


def _answers_behind_their_questions(
    found: dict[str, int], free: list[int], cells: list[NotebookNode], lost: list[str], assignment: Assignment
) -> dict[str, int]:
    """Find written answers, of which nothing given is left: the cell that follows the given one before it."""
    order = list(assignment.source_cells)
    for grade_id in lost:
        if grade_id in found or not assignment.source_cells[grade_id].metadata.nbgrader.get("solution"):
            continue
        before = order[order.index(grade_id) - 1] if order.index(grade_id) else None
        place = found.get(before, -2) + 1 if before else -1
        if place in free and cells[place].cell_type == assignment.source_cells[grade_id].cell_type:
            found[grade_id] = place
            free.remove(place)
    return found


def _likeness(given: str, came: str, *, exact: bool) -> float:
    """Return how many of the given lines are still there, in order; from 0 to 1."""
    if exact:
        return float(_plain(given) == _plain(came))
    lines, others = ([line.strip() for line in text.splitlines() if line.strip()] for text in (given, came))
    if not lines or not others:
        return 0.0
    matcher = difflib.SequenceMatcher(None, lines, others, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(lines)


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _with_missing(cells: list[NotebookNode], assignment: Assignment, notices: list[str]) -> list[NotebookNode]:
    """Put back graded cells that were deleted, behind the given cell that came before them."""
    order = list(assignment.source_cells)
    for place, grade_id in enumerate(order):
        present = {
            cell.metadata.nbgrader.grade_id: index for index, cell in enumerate(cells) if "nbgrader" in cell.metadata
        }
        if grade_id in present or grade_id not in assignment.points:
            continue
        before = next((present[name] for name in reversed(order[:place]) if name in present), len(cells) - 1)
        cells.insert(before + 1, nbformat.from_dict(json.loads(json.dumps(assignment.release_cells[grade_id]))))
        notices.append(f"The cell {grade_id} was missing and was put back.")
    return cells


def _restore(cell: NotebookNode, assignment: Assignment, notices: list[str]) -> None:
    """Give one of the assignment's cells its marks, and, where it is not the student's to write, its text."""
    marks = cell.metadata.get("nbgrader")
    if not marks:
        return
    grade_id = marks["grade_id"]
    source, release = assignment.source_cells[grade_id], assignment.release_cells[grade_id]
    cell.metadata.nbgrader = nbformat.from_dict(dict(source.metadata.nbgrader))
    if marks.get("locked") or (marks.get("grade") and not marks.get("solution")):
        if _plain(cell.source) not in (_plain(release.source), _plain(source.source)):
            notices.append(f"The cell {grade_id} had been changed; its given text counts.")
        cell.cell_type, cell.source = source.cell_type, source.source
        if cell.cell_type == "code":
            cell.setdefault("outputs", [])
            cell.setdefault("execution_count", None)
        else:
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    if marks.get("grade") or marks.get("solution"):
        # nbgrader takes an answer for none where its checksum is still that of the released cell.
        cell.metadata.nbgrader.checksum = compute_checksum(release)
        if _plain(cell.source) == _plain(release.source):
            cell.source = release.source


def _number(notebook: NotebookNode) -> None:
    """Give every cell an id of its own, the assignment's cells theirs."""
    used = {cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata}
    for place, cell in enumerate(notebook.cells):
        if "nbgrader" in cell.metadata:
            cell.id = cell.metadata.nbgrader.grade_id
            continue
        if not cell.get("id") or cell.id in used:
            cell.id = f"cell-{place}"
            while cell.id in used:
                cell.id += "-"
        used.add(cell.id)
