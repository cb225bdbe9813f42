"""From what a student handed in to a notebook that can be run and recorded.

What can be repaired is repaired, and said so in a notice for the student; what can't is set aside with a reason. The
student's files are only read.
"""

import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath

from nbformat import NotebookNode

from grading.engine.assignment import Assignment
from grading.engine.cells import MOST_BYTES, SetAsideError, read, shown
from grading.engine.fitting import Fitting
from grading.sandbox.policy import MIB

__all__ = ["Prepared", "SetAsideError", "files_of", "prepare"]

_MOST_OF_A_SUBMISSION = 128 * MIB
_MOST_FILES = 2000
_MOST_NOTEBOOKS = 10  # to choose from
_DEEPEST_ARCHIVE = 2


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
        If there is no notebook, or none that can be read, or one of another assignment.
    """
    wanted = f"{assignment.name}.ipynb"
    names, archives = _notebooks(files, wanted)
    problems: list[SetAsideError] = []
    fitted: list[tuple[tuple[bool, bool, int, int], str, Fitting]] = []
    for order, (name, content) in enumerate(names[:_MOST_NOTEBOOKS]):
        try:
            fitting = Fitting(assignment, *read(content))
        except SetAsideError as error:
            problems.append(error)
            continue
        preference = not fitting.answers, PurePosixPath(name).name != wanted, -fitting.answers, order
        fitted.append((preference, name, fitting))
    if not fitted:
        raise problems[0] if problems else _nothing(files, archives, wanted)
    _, name, fitting = min(fitted)
    notices = []
    if name not in files:
        notices.append(f"The notebook was taken out of the archive {shown(name.partition('.zip/')[0])}.zip.")
    if PurePosixPath(name).name != wanted:
        notices.append(f"The notebook was handed in as {shown(PurePosixPath(name).name)}; it was taken for {wanted}.")
    if len(names) > 1:
        notices.append(f"There were {len(names)} notebooks; {shown(name)} was graded.")
    return Prepared(fitting.notebook(), list(dict.fromkeys(notices + fitting.notices)))


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the regular files of a submission by relative path. Links are not followed.

    Raises
    ------
    SetAsideError
        If there are too many or too large ones.
    """
    found: dict[str, bytes] = {}
    size = 0
    for path in _paths(folder):
        size += path.stat().st_size
        if size > _MOST_OF_A_SUBMISSION or len(found) == _MOST_FILES:
            much = f"{_MOST_FILES} files" if len(found) == _MOST_FILES else f"{_MOST_OF_A_SUBMISSION // MIB} MiB"
            raise SetAsideError(
                f"The submission holds more than {much}. Please hand in the notebook without other files."
            )
        name = path.relative_to(folder).as_posix()
        with path.open("rb") as file:  # names of other encodings than UTF-8 can't be printed
            found[name.encode("utf-8", "replace").decode("utf-8")] = file.read(_MOST_OF_A_SUBMISSION)
    return found


def _paths(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - {".git", "__pycache__"})
        paths = (Path(parent, name) for name in sorted(names))
        yield from (path for path in paths if path.is_file() and not path.is_symlink())


def _notebooks(files: Mapping[str, bytes], wanted: str) -> tuple[list[tuple[str, bytes]], "_Archives"]:
    """Return the notebooks among the files and in archives, most likely ones first, and what was in archives."""
    archives = _Archives()
    for name, content in files.items():
        if _is_archive(name, content):
            archives.open(name, content)
    found = {name: content for name, content in files.items() if not _is_archive(name, content)} | archives.found
    notebooks = {name: content for name, content in found.items() if name.lower().endswith(".ipynb") and _is_own(name)}
    if not notebooks:  # browsers like to save a notebook as part1.ipynb.json or .txt
        notebooks = {
            name: content
            for name, content in found.items()
            if PurePosixPath(name).suffix.lower() in ("", ".json", ".txt")
            and content.lstrip().startswith(b"{")
            and (b'"cells"' in content or b'"worksheets"' in content)
            and _is_own(name)
        }
    stem = wanted.removesuffix(".ipynb")

    def preference(name: str) -> tuple:
        path = PurePosixPath(name)
        return path.name != wanted, stem not in path.name, len(path.parts), name

    return [(name, notebooks[name]) for name in sorted(notebooks, key=preference)], archives


def _is_own(name: str) -> bool:
    """Say whether a file is of the student's making: not an editor's backup, not a Mac's shadow of a file."""
    path = PurePosixPath(name)
    return not {"__MACOSX", ".ipynb_checkpoints"} & set(path.parts) and not path.name.startswith("._")


def _is_archive(name: str, content: bytes) -> bool:
    return name.lower().endswith((".zip", ".ipynb")) and content.startswith(b"PK")


@dataclass
class _Archives:
    """What archives hold of notebooks, within bounds. Nothing is unpacked to a disk."""

    found: dict[str, bytes] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    left: int = MOST_BYTES

    def open(self, name: str, content: bytes, depth: int = 1) -> None:
        """Take out the notebooks of an archive, and those of archives in it."""
        try:
            if content.count(b"PK\x01\x02") > _MOST_FILES:
                raise SetAsideError("it holds too many files")
            with zipfile.ZipFile(BytesIO(content)) as archive:
                for entry in archive.infolist():
                    inside = entry.filename.replace("\\", "/").lstrip("/")
                    if _is_own(inside) and inside.lower().endswith((".ipynb", ".zip")):
                        self._take(f"{name.removesuffix('.zip')}.zip/{inside}", archive, entry, depth)
        except SetAsideError as error:
            self.troubles.append(f"The archive {shown(name)} can't be opened: {error}.")
        except Exception:  # a damaged archive makes zipfile raise whatever there is
            self.troubles.append(f"The archive {shown(name)} can't be opened: it is damaged.")

    def _take(self, name: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, depth: int) -> None:
        if entry.flag_bits & 1:
            raise SetAsideError("it is protected by a password")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others can't be read in bounds
            raise SetAsideError("it is packed in a way that is not supported")
        if entry.file_size > self.left:
            raise SetAsideError(f"what it holds is larger than {MOST_BYTES // MIB} MiB")
        with archive.open(entry) as file:
            content = file.read(entry.file_size + 1)
        self.left -= len(content)
        if not _is_archive(name, content):
            self.found[name] = content
        elif depth < _DEEPEST_ARCHIVE:
            self.open(name, content, depth + 1)


def _nothing(files: Mapping[str, bytes], archives: _Archives, wanted: str) -> SetAsideError:
    seen = f"It holds {', '.join(map(shown, sorted(files)[:5]))}." if files else "It is empty."
    told = ["There is no notebook in the submission.", seen, *archives.troubles, f"Please hand in {wanted}."]
    return SetAsideError(" ".join(told))
