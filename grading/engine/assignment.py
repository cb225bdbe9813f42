"""An assignment as the engine needs it: the cells that are the instructor's, and what each is worth.

It is read once and travels to the workers whole, so that they need neither the course's folder nor the gradebook.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grading.release import FillInAddress


@dataclass(frozen=True)
class Assignment:
    """One notebook of one part.

    Attributes
    ----------
    part, name : str
        Such as ``part1`` and the notebook's name without its ending.
    source, release : str
        The notebook with hidden tests, and as students got it, as JSON.
    files : dict of str to bytes
        Further files of the assignment, by relative path.
    """

    part: str
    name: str
    source: str
    release: str
    files: dict[str, bytes] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """A hash of everything."""
        digest = hashlib.sha256(f"{self.part} {self.name} {self.source} {self.release}".encode())
        for name, content in sorted(self.files.items()):
            digest.update(name.encode() + b"\0" + content)
        return digest.hexdigest()

    @cached_property
    def source_cells(self) -> dict[str, NotebookNode]:
        """The instructor's cells by id, hidden tests included, in order. Cells without a `grade_id` are left out."""
        return _marked(self.source)

    @cached_property
    def release_cells(self) -> dict[str, NotebookNode]:
        """The same cells as students got them."""
        return _marked(self.release)

    @cached_property
    def points(self) -> dict[str, float]:
        """The points of each graded cell by its id."""
        return {
            grade_id: float(cell.metadata.nbgrader.points)
            for grade_id, cell in self.source_cells.items()
            if cell.metadata.nbgrader.get("grade")
        }


def _marked(notebook: str) -> dict[str, NotebookNode]:
    cells = nbformat.reads(notebook, as_version=4).cells
    return {cell.metadata.nbgrader.grade_id: cell for cell in cells if "nbgrader" in cell.metadata}


def load(part: str, root: Path) -> Assignment:
    """Read an assignment from `source/` and `release/`.

    Raises
    ------
    LookupError
        Where one of them is missing, naming it and the command that makes it.
    """
    sources, releases = (sorted((root / kind / part).glob("*.ipynb")) for kind in ("source", "release"))
    if len(sources) != 1:
        raise LookupError(f"source/{part} in {root} holds {len(sources)} notebooks; one is needed")
    if [path.name for path in releases] != [path.name for path in sources]:
        raise LookupError(f"release/{part} in {root} does not hold {sources[0].name}; run: make release PART={part}")
    source, _ = FillInAddress().preprocess(nbformat.read(sources[0], as_version=4), {})
    folder = sources[0].parent
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".ipynb" and not any(part.startswith(".") for part in path.parts)
    }
    return Assignment(part, sources[0].stem, nbformat.writes(source), releases[0].read_text(encoding="utf-8"), files)
