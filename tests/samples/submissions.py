"""A sample class as files: written into `submitted/`, and taken out again with all its grades."""

import copy
import importlib
import shutil
from pathlib import Path

import nbformat

from grading.release import nbgrader
from tests.samples import Cells, notebook_path, read

PREFIX = "sample-"


def classroom(part: str) -> list:
    """Return the students of a part's sample class."""
    return importlib.import_module(f"tests.samples.{part}.classroom").students()


def fill(part: str, cells: Cells) -> nbformat.NotebookNode:
    """Return the released notebook with solution and answer cells as a student left them."""
    notebook = copy.deepcopy(read("release", part))
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in cells and cell.metadata.nbgrader.solution:
            cell.source = cells[grade_id]
    return notebook


def write(part: str, root: Path) -> list[Path]:
    """Write the sample class into `submitted/`; other students' work there is left alone."""
    written = []
    for student in classroom(part):
        folder = root / "submitted" / student.id / part
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / notebook_path("release", part).name
        nbformat.write(fill(part, student.cells), path)
        written.append(path)
    return written


def remove(root: Path) -> list[str]:
    """Remove the sample students, and no others, from the working folders and the gradebook; return their ids."""
    folders = [path for tree in ("submitted", "autograded", "feedback") for path in (root / tree).glob(f"{PREFIX}*")]
    students = sorted({path.name for path in folders})
    for folder in folders:
        shutil.rmtree(folder)
    if (root / "gradebook.db").exists():
        for student in students:
            nbgrader("db", "student", "remove", student, "--force", root=root, check=False)
    return students
