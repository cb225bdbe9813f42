"""A sample class as files: written into `submitted/`, and taken out again with all its grades."""

import contextlib
import importlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import nbformat

from grading.database import gradebook_url, opened
from tests.samples import Cells, Student, notebook_path, read

PARTS = ("part1", "part2", "part3")
PREFIX = "sample-"


def classroom(part: str) -> list[Student]:
    """Return the students of a part's sample class, each as its `classroom` module describes them."""
    return importlib.import_module(f"tests.samples.{part}.classroom").students()


def points(part: str) -> dict[str, float]:
    """Return the points of a part's test cells, as its `classroom` module has them."""
    return importlib.import_module(f"tests.samples.{part}.classroom").ALL_TESTS


def fill(part: str, cells: Cells) -> nbformat.NotebookNode:
    """Return the released notebook with solution and answer cells as a student left them."""
    notebook = read("release", part)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in cells and cell.metadata.nbgrader.solution:
            cell.source = cells[grade_id]
    return notebook


def write(part: str, root: Path, students: Iterable[Student] | None = None) -> list[Path]:
    """Write the sample class, or some of it, into `submitted/`; other students' work is left alone."""
    written = []
    for student in classroom(part) if students is None else students:
        folder = root / "submitted" / student.id / part
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / notebook_path("release", part).name
        nbformat.write(fill(part, student.cells), path)
        written.append(path)
    return written


def remove(root: Path) -> list[str]:
    """Remove the sample students, and no others, from the working folders and the gradebook; return their ids."""
    students = sorted({student.id for part in PARTS for student in classroom(part)})
    folders = [root / tree / student for tree in ("submitted", "autograded", "feedback") for student in students]
    present = {folder.name for folder in folders if folder.exists()}
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=not folder.exists())
    with contextlib.suppress(FileNotFoundError), opened(gradebook_url(root)) as gradebook:
        for student in {student.id for student in gradebook.students} & set(students):
            gradebook.remove_student(student)
            present.add(student)
    return sorted(present)
