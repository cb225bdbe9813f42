"""From `source/` to `release/`: nbgrader's generate_assignment, with the course's address filled in.

nbgrader does the work; here is what it lacks: a step that writes into the notebooks where the course is published, and
a look at the result before anybody else takes one.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

from grading.database import without_password


def course_root(start: Path | None = None) -> Path:
    """Return the nearest folder upwards from here that holds `nbgrader_config.py`, else the package's own checkout."""
    start = start or Path.cwd()
    folders = (folder for folder in (start, *start.parents) if (folder / "nbgrader_config.py").is_file())
    return next(folders, Path(__file__).parents[1])


def parts(root: Path) -> list[str]:
    """Return the parts of a course: the folders in `source/` with a notebook."""
    return sorted({path.parent.name for path in (root / "source").glob("*/*.ipynb")})


ROOT = course_root()
# What no student may see, wherever it stands in a notebook.
FORBIDDEN = re.compile(
    r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)"
    r"|__import__\(.grading.\)|\b(from|import) grading\b|\bgrading\.exams\b"
    r"|@[A-Z_]+@"  # a mark that nothing has filled in
)


def course_address(root: Path) -> dict[str, str]:
    """Return what stands for `@REPOSITORY@` and `@TAG@` in the notebooks: owner and name, and the version's tag."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return {"@REPOSITORY@": settings["tool"]["course"]["repository"], "@TAG@": f"v{settings['project']['version']}"}


class FillInAddress(NbGraderPreprocessor):
    """A step of generate_assignment that writes the course's address and tag into every cell that asks for them."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Replace the two marks in all sources."""
        address = course_address(course_root())  # nbgrader works in the course's folder
        for cell in nb.cells:
            for mark, text in address.items():
                cell.source = cell.source.replace(mark, text)
        return nb, resources


def build(part: str, root: Path = ROOT, database: str = "") -> list[Path]:
    """Build `release/<part>/` anew and return its notebooks.

    Parameters
    ----------
    database
        The URL of the gradebook that gets to know the part; by default the course's.

    Raises
    ------
    RuntimeError
        Where nbgrader refuses, or where a released notebook shows what no student may see.
    """
    with tempfile.TemporaryDirectory() as folder:  # a leak must not get as far as release/
        findings = [finding for path in _build_copy(part, root, Path(folder)) for finding in leaks(path)]
    if findings:
        raise RuntimeError("\n".join([f"source/{part} would release what no student may see:", *findings]))
    nbgrader("generate_assignment", part, "--force", *([f"--db={database}"] if database else []), root=root)
    return sorted((root / "release" / part).glob("*.ipynb"))


def copy_course(part: str, copy: Path, root: Path = ROOT) -> None:
    """Put what a course of one part is made of into another folder, with nobody in it and nothing built."""
    for name in ("nbgrader_config.py", "pyproject.toml"):
        shutil.copy(root / name, copy)
    shutil.copytree(root / "source" / part, copy / "source" / part)


def _build_copy(part: str, root: Path, copy: Path) -> list[Path]:
    """Build a part in another folder, with a gradebook of its own; return the notebooks."""
    copy_course(part, copy, root)
    nbgrader("generate_assignment", part, "--force", f"--db=sqlite:///{copy / 'gradebook.db'}", root=copy)
    return sorted((copy / "release" / part).glob("*.ipynb"))


def differences(part: str, root: Path = ROOT) -> list[str]:
    """Build a part in a copy of the course, and return a line for each file of `release/` that is not the same.

    Raises
    ------
    RuntimeError
        Where nbgrader refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        _build_copy(part, root, Path(folder))
        fresh, committed = _files(Path(folder) / "release" / part), _files(root / "release" / part)
    return [
        f"release/{part}/{name} differs"
        for name in sorted(fresh.keys() | committed.keys())
        if fresh.get(name) != committed.get(name)
    ]


def environment() -> dict[str, str]:
    """Return this process's environment with its programs on the path: nbgrader calls alembic by name."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path}


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def nbgrader(*arguments: str, root: Path = ROOT, check: bool = True) -> str:
    """Run an nbgrader command in the course's folder and return its log.

    Raises
    ------
    RuntimeError
        Where it fails and `check` is set; the text ends with the last lines of the log.
    """
    command = [sys.executable, "-m", "nbgrader", *arguments]
    run = subprocess.run(
        command, cwd=root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if check and run.returncode:
        tail = "\n".join(run.stdout.splitlines()[-15:])
        raise RuntimeError(f"`nbgrader {' '.join(map(without_password, arguments))}` failed in {root}:\n{tail}")
    return run.stdout


def leaks(path: Path) -> list[str]:
    """Return a line for each thing in a released notebook that a student must not see."""
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        if match := FORBIDDEN.search(cell.source):
            found.append(f"{path.name}, cell {cell.id}: {match.group(0)!r}")
        if cell.get("outputs"):
            found.append(f"{path.name}, cell {cell.id}: an output")
    return found
