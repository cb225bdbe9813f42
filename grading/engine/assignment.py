"""An assignment as the engine needs it: the cells that are the instructor's, and what each is worth.

It is read once and travels to the workers whole, so that they need neither the course's folder nor the gradebook.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grading.release import FillInAddress, parts


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
            digest.update(f"{name} {len(content)} ".encode() + content)
        return digest.hexdigest()

    @cached_property
    def exams(self) -> str:
        """The package that holds its exams: the part's own, so that nobody waits for what other parts import."""
        package = "grading.exams"
        own = f"{package}.{self.part}"
        return own if self.part.isidentifier() and importlib.util.find_spec(own) else package

    @cached_property
    def given(self) -> list[NotebookNode]:
        """All cells as students got them, in order."""
        return list(nbformat.reads(self.release, as_version=4).cells)

    @cached_property
    def source_cells(self) -> dict[str, NotebookNode]:
        """The instructor's cells by id, hidden tests included, in order. Cells without a `grade_id` are left out."""
        return _marked(nbformat.reads(self.source, as_version=4).cells)

    @cached_property
    def release_cells(self) -> dict[str, NotebookNode]:
        """The same cells as students got them."""
        return _marked(self.given)

    @cached_property
    def imports(self) -> tuple[str, ...]:
        """The modules that its cells import at their top level, in order: what is worth having in a warm process.

        Of `from package import name` the name may be a module or not; both are among them.
        """
        found: dict[str, None] = {}
        for cell in self.given:
            for statement in _statements(cell):
                if isinstance(statement, ast.Import):
                    found |= dict.fromkeys(alias.name for alias in statement.names)
                elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
                    module = statement.module
                    found |= dict.fromkeys([module, *(f"{module}.{alias.name}" for alias in statement.names)])
        return tuple(found)

    @cached_property
    def points(self) -> dict[str, float]:
        """The points of each graded cell by its id."""
        return {
            grade_id: float(cell.metadata.nbgrader.points)
            for grade_id, cell in self.source_cells.items()
            if cell.metadata.nbgrader.get("grade")
        }


def _statements(cell: NotebookNode) -> list[ast.stmt]:
    """Return the statements at the top of a cell of code, those of a `try` among them; none where it is no Python."""
    if cell.cell_type != "code":
        return []
    try:
        body = ast.parse(cell.source).body
    except SyntaxError:  # a magic, say
        return []
    return [inner for outer in body for inner in (outer.body if isinstance(outer, ast.Try) else [outer])]


def _marked(cells: list[NotebookNode]) -> dict[str, NotebookNode]:
    return {cell.metadata.nbgrader.grade_id: cell for cell in cells if "nbgrader" in cell.metadata}


def load(part: str, root: Path) -> Assignment:
    """Read an assignment from `source/` and `release/`.

    Raises
    ------
    LookupError
        Where one of them is missing, can't be read or has other tasks than the other, naming it and what to do.
    """
    sources, releases = (sorted((root / kind / part).glob("*.ipynb")) for kind in ("source", "release"))
    if not sources:
        raise LookupError(
            f"source/{part} in {root} holds no notebook; there are {', '.join(parts(root)) or 'no parts'}"
        )
    if len(sources) > 1:
        names = ", ".join(path.name for path in sources)
        raise LookupError(f"source/{part} in {root} holds {len(sources)} notebooks ({names}); move all but one away")
    make = f"run: make release PART={part}"
    if [path.name for path in releases] != [path.name for path in sources]:
        raise LookupError(f"release/{part} in {root} does not hold {sources[0].name}; {make}")
    source, _ = FillInAddress().preprocess(_notebook(sources[0]), {})
    release = _notebook(releases[0])
    files = further_files(sources[0].parent)
    assignment = Assignment(part, sources[0].stem, nbformat.writes(source), nbformat.writes(release), files)
    if list(assignment.source_cells) != list(assignment.release_cells):
        raise LookupError(f"release/{part} in {root} has not the tasks of source/{part}; {make}")
    return assignment


def further_files(folder: Path) -> dict[str, bytes]:
    """Return the files of an assignment that are no notebooks, by relative path."""
    paths = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in paths.items()
        if name.suffix != ".ipynb" and not any(part.startswith((".", "__pycache__")) for part in name.parts)
    }


def with_files(ours: Mapping[str, bytes], theirs: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what lies beside a student's notebook: the assignment's files first, and theirs of other names.

    A notebook is none of them, however its ending is written: one is run, and it has its own place.
    """
    both = {**ours, **{name: content for name, content in theirs.items() if name not in ours}}
    return {name: content for name, content in both.items() if not name.lower().endswith(".ipynb")}


def _notebook(path: Path) -> NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises whatever there is
        raise LookupError(f"{path} can't be read as a notebook ({type(error).__name__}: {error})") from None
