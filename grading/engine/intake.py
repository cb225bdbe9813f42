"""From what a student handed in to a notebook that can be run and recorded.

What can be repaired is repaired, and said so in a notice for the student; what can't is set aside with a reason. The
student's file is only read. Nothing of it but the cells' text, kind and attached pictures gets into the result, and
nothing that a student typed: instructor's cells come from the assignment, and what was written into one is kept in a
cell of its own.
"""

import codecs
import itertools
import json
import os
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, is_grade, is_locked, is_solution, is_task

from grading.engine.assignment import Assignment

_MIB = 1 << 20
_MOST_OF_A_SUBMISSION = 128 * _MIB
_MOST_OF_A_NOTEBOOK = 64 * _MIB
_MOST_STRUCTURE = 16 * _MIB  # of a notebook without what stands in quotes: read, it is twenty times as much memory
_MOST_FILES = 2000
_MOST_CELLS = 20_000
_MOST_NOTEBOOKS = 10  # to choose from
_DEEPEST_ARCHIVE = 2
_ALIKE = 0.6  # of the lines: below it, a cell without a mark is taken for the student's own
_FEWEST_LINES = 3  # to go by
_KINDS = ("code", "markdown", "raw")
_BLANK = " \t\r\n\0\ufeff"


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
        If there is no notebook, or none that can be read, or one of another assignment.
    """
    wanted = f"{assignment.name}.ipynb"
    names, archives = _notebooks(files, wanted)
    problems: list[SetAsideError] = []
    fitted: list[tuple[tuple, str, Prepared]] = []
    for order, (name, content) in enumerate(names[:_MOST_NOTEBOOKS]):
        try:
            fitting = _Fitting(assignment, *read(content))
            prepared = fitting.prepared()
        except SetAsideError as error:
            problems.append(error)
            continue
        preference = not fitting.answers, PurePosixPath(name).name != wanted, -fitting.answers, order
        fitted.append((preference, name, prepared))
    if not fitted:
        raise problems[0] if problems else _nothing(files, archives, wanted)
    _, name, prepared = min(fitted)
    notices = []
    if name not in files:
        notices.append(f"The notebook was taken out of the archive {_shown(name.partition('.zip/')[0])}.zip.")
    if PurePosixPath(name).name != wanted:
        notices.append(f"The notebook was handed in as {_shown(PurePosixPath(name).name)}; it was taken for {wanted}.")
    if len(names) > 1:
        notices.append(f"There were {len(names)} notebooks; {_shown(name)} was graded.")
    return Prepared(prepared.notebook, list(dict.fromkeys(notices + prepared.notices)))


# --- Files --------------------------------------------------------------------------------------------------------
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
            much = f"{_MOST_FILES} files" if len(found) == _MOST_FILES else f"{_MOST_OF_A_SUBMISSION // _MIB} MiB"
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
    left: int = _MOST_OF_A_NOTEBOOK

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
            self.troubles.append(f"The archive {_shown(name)} can't be opened: {error}.")
        except Exception:  # a damaged archive makes zipfile raise whatever there is
            self.troubles.append(f"The archive {_shown(name)} can't be opened: it is damaged.")

    def _take(self, name: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, depth: int) -> None:
        if entry.flag_bits & 1:
            raise SetAsideError("it is protected by a password")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others can't be read in bounds
            raise SetAsideError("it is packed in a way that is not supported")
        if entry.file_size > self.left:
            raise SetAsideError(f"what it holds is larger than {_MOST_OF_A_NOTEBOOK // _MIB} MiB")
        with archive.open(entry) as file:
            content = file.read(entry.file_size + 1)
        self.left -= len(content)
        if not _is_archive(name, content):
            self.found[name] = content
        elif depth < _DEEPEST_ARCHIVE:
            self.open(name, content, depth + 1)


def _nothing(files: Mapping[str, bytes], archives: _Archives, wanted: str) -> SetAsideError:
    seen = f"It holds {', '.join(map(_shown, sorted(files)[:5]))}." if files else "It is empty."
    told = ["There is no notebook in the submission.", seen, *archives.troubles, f"Please hand in {wanted}."]
    return SetAsideError(" ".join(told))


def _shown(name: str) -> str:
    """Return a name of the student's choice so that it can stand in a page: it can't be a link or a tag."""
    return re.sub(r"[^\w .,()+/-]", "_", name)[-80:]


# --- One notebook -------------------------------------------------------------------------------------------------
@dataclass
class _Cell:
    """What counts of a cell. `claim` is the `grade_id` that it says it has; `given` its place in the release."""

    kind: str
    text: str
    claim: str = ""
    id: str = ""
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)
    given: int | None = None


def read(content: bytes) -> tuple[list[_Cell], list[str]]:
    """Read a notebook of any version and encoding that editors write; return its cells, and notices.

    Raises
    ------
    SetAsideError
        If it is none.
    """
    again = "Please hand it in again."
    if len(content) > _MOST_OF_A_NOTEBOOK or _structure(content) > _MOST_STRUCTURE:
        raise SetAsideError(
            f"The notebook is too large ({len(content) / _MIB:.0f} MiB). Please clear its outputs and hand it in again."
        )
    text = _decoded(content)
    start = len(text) - len(text.lstrip(_BLANK))
    if start == len(text):
        raise SetAsideError(f"The notebook is an empty file. {again}")
    try:
        document, end = _JSON.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise SetAsideError(f"{_why_unreadable(text[start:], error.lineno)} {again}") from None
    except RecursionError:
        raise SetAsideError(f"The notebook can't be read: its data are nested too deeply. {again}") from None
    cells = list(_cells(document))
    if not cells:
        raise SetAsideError(
            "The file is no Jupyter notebook, or one without cells. Please hand in the notebook itself."
        )
    if len(cells) > _MOST_CELLS:
        raise SetAsideError(f"The notebook has {len(cells)} cells. Please hand in one without all that you added.")
    notices = []
    if text[end:].strip(_BLANK):
        notices.append("Behind the end of the notebook, its file held something else, which was left out.")
    if (language := _language(document)) and not re.match(r"i?python", language, re.I):
        notices.append(f"The notebook was made for {_shown(language)}; it was run as Python.")
    return [_cell(cell) for cell in cells], notices


def _small(digits: str) -> int:
    return int(digits) if len(digits) < 3 else 0


# No number of a notebook matters but the level of an old heading. Raw line breaks in strings are let through.
_JSON = json.JSONDecoder(strict=False, parse_int=_small, parse_float=lambda digits: 0.0)
_QUOTED = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.S)


def _structure(content: bytes) -> int:
    """Return the size of a large notebook without its strings."""
    return len(_QUOTED.sub(b"", content)) if len(content) > _MOST_STRUCTURE else len(content)


def _why_unreadable(text: str, line: int) -> str:
    if re.search(r"^(<{7}|>{7}) ", text, re.M):
        return "The notebook can't be read: git left the marks of a merge conflict in it."
    if text.startswith("{"):
        return f"The notebook can't be read: it is damaged or cut off at line {line}."
    if re.match(r"<(!doctype|html|\?xml)", text, re.I):
        return "The file is a web page, such as an export of the notebook, and not the notebook itself."
    return "The file is not a notebook, though its name says so."


def _decoded(content: bytes) -> str:
    try:
        return content.decode(json.detect_encoding(content))
    except UnicodeDecodeError:
        return content.decode("utf-8", "each byte by itself")


def _byte_by_byte(error: UnicodeError) -> tuple[str, int]:
    """Take bytes that are no UTF-8 for those of Western Windows, as old editors write them."""
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    try:
        return bad.decode("cp1252"), error.end
    except UnicodeDecodeError:
        return bad.decode("latin-1"), error.end


codecs.register_error("each byte by itself", _byte_by_byte)


def _cells(document: Any) -> Iterator[dict]:
    """Yield the cells of a document; old versions have them in worksheets."""
    sheets = _dict(document).get("worksheets")
    for holder in (document, *(sheets if isinstance(sheets, list) else ())):
        cells = _dict(holder).get("cells")
        yield from (cell for cell in (cells if isinstance(cells, list) else ()) if isinstance(cell, dict))


def _cell(cell: dict) -> _Cell:
    kind, metadata = cell.get("cell_type"), _dict(cell.get("metadata"))
    text = _text(next((cell[name] for name in ("source", "input", "text") if name in cell), ""))
    if kind == "heading":
        level = cell.get("level")
        text = "#" * (level if isinstance(level, int) and 0 < level < 7 else 1) + " " + text
    if kind not in _KINDS:
        kind = "code" if {"outputs", "input"} & set(cell) else "markdown"
    claim, identity = _dict(metadata.get("nbgrader")).get("grade_id"), cell.get("id") or metadata.get("id")
    attachments = _attachments(cell) if kind == "markdown" else {}
    claim, identity = (name if isinstance(name, str) else "" for name in (claim, identity))
    return _Cell(kind, text, claim, identity, attachments)


def _text(source: Any) -> str:
    """Return a source as text that Python, a database and a page can take."""
    lines = [line for line in (source if isinstance(source, list) else [source]) if isinstance(line, str)]
    broken = len(lines) > 1 and not any(line.endswith(("\n", "\r")) for line in lines[:-1])
    text = ("\n" if broken else "").join(lines)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").removeprefix("\ufeff")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _attachments(cell: dict) -> dict[str, dict[str, str]]:
    """Return the pictures in an answer."""
    found = {}
    for name, data in _dict(cell.get("attachments")).items():
        pictures = {
            kind: content
            for kind, content in _dict(data).items()
            if re.fullmatch(r"image/[a-z+]+", kind) and isinstance(content, str) and content.isascii()
        }
        if pictures:
            found[_text(name)] = pictures
    return found


def _language(document: dict) -> str:
    metadata = _dict(document.get("metadata"))
    told = _dict(metadata.get("language_info")).get("name") or _dict(metadata.get("kernelspec")).get("language")
    return told if isinstance(told, str) else ""


def _dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


# --- Its cells and the assignment's -------------------------------------------------------------------------------
class _Fitting:
    """Finds the assignment's cells in a notebook, then makes them what and where they should be.

    `answers` counts the answers that are not those of the blank release.
    """

    def __init__(self, assignment: Assignment, cells: list[_Cell], notices: list[str]) -> None:
        self._assignment, self._cells, self._notices = assignment, cells, notices
        self._given = assignment.given
        self._texts = [_plain(cell.source) for cell in self._given]
        self._homes: dict[int, int] = {}  # of the given cells that were found
        self._find()
        self.answers = sum(self._answered(index, cells[home]) for index, home in self._homes.items())

    def prepared(self) -> Prepared:
        """Return the notebook that comes of it."""
        for index, home in self._homes.items():
            self._cells[home].given = index
        self._restore()
        self._put_back()
        self._move_tests()
        notebook = nbformat.v4.new_notebook(cells=list(self._numbered()))
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return Prepared(notebook, self._notices)

    # What a given cell is
    def _name(self, index: int) -> str:
        return str(self._given[index].metadata.nbgrader.grade_id)

    def _is_marked(self, index: int) -> bool:
        return "nbgrader" in self._given[index].metadata

    def _is_students(self, index: int) -> bool:
        return bool(is_solution(self._given[index]))

    def _is_test(self, index: int) -> bool:
        return bool(is_grade(self._given[index])) and not self._is_students(index)

    def _is_written(self, index: int) -> bool:
        """Say whether a person grades what the student writes there."""
        return bool(is_grade(self._given[index])) and self._is_students(index)

    def _answered(self, index: int, cell: _Cell) -> bool:
        return self._is_students(index) and _plain(cell.text) not in ("", self._texts[index])

    def _marked(self) -> list[int]:
        return [index for index in range(len(self._given)) if self._is_marked(index)]

    # Finding
    def _find(self) -> None:
        self._by_mark()
        self._by_id()
        before = len(self._homes.keys() & set(self._marked()))
        self._by_text()
        self._by_definitions()
        self._by_lines()
        if not any(self._is_students(index) or self._is_test(index) for index in self._homes):
            name = f"{self._assignment.part} ({self._assignment.name}.ipynb)"
            raise SetAsideError(f"The notebook holds none of the tasks of {name}. Please hand in that one.")
        self._by_place()
        if found := len(self._homes.keys() & set(self._marked())) - before:
            what = "1 cell had lost its mark" if found == 1 else f"{found} cells had lost their marks"
            self._notices.append(f"{what}, as happens in some editors, and could be recognised all the same.")
        self._take_answers_below()

    def _lost(self) -> list[int]:
        return [index for index in range(len(self._given)) if index not in self._homes]

    def _free(self) -> list[int]:
        taken = set(self._homes.values())
        return [place for place in range(len(self._cells)) if place not in taken]

    def _by_mark(self) -> None:
        """Go by the marks; a cell whose id is another's has least to say."""
        names, ids = {self._name(index): index for index in self._marked()}, self._ids()
        claims: dict[int, list[int]] = defaultdict(list)
        for place, cell in enumerate(self._cells):
            if cell.claim in names:
                claims[names[cell.claim]].append(place)
        for index, places in claims.items():
            consistent = [place for place in places if ids.get(place, index) == index]
            self._homes[index] = self._one_of(index, consistent or places)

    def _ids(self) -> dict[int, int]:
        """Return which given cell each cell is by its id, where no other cell has the same."""
        often = Counter(cell.id for cell in self._cells)
        given = {cell.get("id"): index for index, cell in enumerate(self._given)}
        return {
            place: given[cell.id]
            for place, cell in enumerate(self._cells)
            if cell.id and often[cell.id] == 1 and cell.id in given
        }

    def _one_of(self, index: int, places: list[int]) -> int:
        """Choose among copies of a cell."""
        if len(places) == 1:
            return places[0]
        count = f"The cell {self._name(index)} was there {len(places)} times"
        if not self._is_students(index):
            return places[-1]  # it sees most of what the student wrote
        answered = [place for place in places if self._answered(index, self._cells[place])] or places
        if self._is_written(index):
            self._notices.append(f"{count}; the last one with an answer counts.")
            return answered[-1]
        self._notices.append(f"{count}; all of them were run, in their order.")
        return answered[0]

    def _by_id(self) -> None:
        ids = {index: place for place, index in self._ids().items()}
        free = set(self._free())
        self._homes.update({index: ids[index] for index in self._lost() if ids.get(index) in free})

    def _by_text(self) -> None:
        """Go by text that no other given cell has."""
        often = Counter(self._texts)
        places = {_plain(self._cells[place].text): place for place in self._free()}
        for index in self._lost():
            text = self._texts[index]
            if text and often[text] == 1 and text in places:
                self._homes[index] = places[text]

    def _by_definitions(self) -> None:
        """Go by the names of the classes and functions that a solution has to define."""
        defined = {place: _defined(self._cells[place].text) for place in self._free()}
        for index in self._lost():
            given = self._given[index]
            wanted = _defined(given.source) if self._is_students(index) and given.cell_type == "code" else set()
            some = [place for place, names in defined.items() if names & wanted and self._cells[place].kind == "code"]
            if some:
                place = max(some, key=lambda place: (len(defined[place] & wanted), -place))
                self._homes[index] = place
                del defined[place]

    def _by_lines(self) -> None:
        """Go by how many of the given lines are still there."""
        where: dict[str, dict[int, int]] = defaultdict(dict)
        for place in self._free():
            for line, count in _lines(self._cells[place].text).items():
                where[line][place] = count
        taken = set()
        for index in self._lost():
            lines, shared = _lines(self._given[index].source), Counter[int]()
            for line, count in lines.items():
                for place, times in where[line].items():
                    if place not in taken and self._cells[place].kind == self._given[index].cell_type:
                        shared[place] += min(count, times)
            for place, number in shared.most_common(1):
                if sum(lines.values()) >= _FEWEST_LINES and number >= _ALIKE * sum(lines.values()):
                    self._homes[index] = place
                    taken.add(place)

    def _by_place(self) -> None:
        """Find written answers, of which nothing given is left, behind the cells that they followed."""
        free = set(self._free())
        for index in self._lost():
            place = self._homes.get(index - 1, -2) + 1
            if self._is_written(index) and place in free and self._cells[place].kind == self._given[index].cell_type:
                self._homes[index] = place
                free.remove(place)

    def _take_answers_below(self) -> None:
        """Where the place for an answer was left blank, take what the student wrote in a new cell below."""
        free = set(self._free())
        for index, home in list(self._homes.items()):
            if not self._is_written(index) or self._answered(index, self._cells[home]) or home + 1 not in free:
                continue
            below = self._cells[home + 1]
            if below.kind == self._given[index].cell_type and self._answered(index, below):
                self._homes[index] = home + 1
                free.remove(home + 1)
                self._notices.append(f"The answer {self._name(index)} was found in the cell below its place.")

    # Repairing
    def _restore(self) -> None:
        """Give each of the assignment's cells its kind, and, where it is not the student's to write, its text."""
        result: list[_Cell] = []
        for cell in self._cells:
            result.append(cell)
            index = cell.given
            if index is None or not self._is_marked(index):
                continue
            given, kind = self._given[index], cell.kind
            if is_locked(given):
                rest = self._written_into(index, cell)
                if rest is not None:
                    result[-1:] = [rest, cell]
                cell.text, cell.attachments = self._assignment.source_cells[self._name(index)].source, {}
            elif _plain(cell.text) == self._texts[index]:
                cell.text = given.source  # so that nbgrader sees that nothing was answered
            cell.kind = given.cell_type
            if kind != cell.kind:
                self._notices.append(f"The cell {self._name(index)} had become one of {kind}; it is {cell.kind} again.")
        self._cells = result

    def _written_into(self, index: int, cell: _Cell) -> _Cell | None:
        """Return what a student wrote into a cell that is not theirs, as a cell of their own."""
        source = self._assignment.source_cells[self._name(index)].source
        if _plain(cell.text) in (self._texts[index], _plain(source)):
            return None
        changed = f"The cell {self._name(index)} had been changed"
        known = _lines(self._given[index].source) + _lines(source)
        added = "\n".join(line for line in cell.text.splitlines() if line.strip() not in known).strip()
        if not added:
            self._notices.append(f"{changed}; its given text counts.")
            return None
        answer = index + 1
        if self._is_open(answer) and cell.kind == self._given[answer].cell_type:
            home = self._cells[self._homes[answer]] if answer in self._homes else None
            if home is not None:
                home.text, home.attachments = added, cell.attachments
                self._notices.append(f"The answer {self._name(answer)} was found in the cell above its place.")
                return None
        self._notices.append(f"{changed}; its given text counts, and what was written there stands above it.")
        return _Cell(cell.kind, cell.text if cell.kind == "code" else added, attachments=cell.attachments)

    def _is_open(self, index: int) -> bool:
        """Say whether a written answer is missing."""
        if index >= len(self._given) or not self._is_written(index):
            return False
        return index not in self._homes or not self._answered(index, self._cells[self._homes[index]])

    def _put_back(self) -> None:
        """Put back cells that were deleted: those that are graded, and code that is given."""
        present = {cell.given for cell in self._cells}
        for index in self._marked():
            given = self._given[index]
            needed = is_grade(given) or is_task(given) or (is_locked(given) and given.cell_type == "code")
            if index in present or not needed:
                continue
            source = self._assignment.source_cells[self._name(index)] if is_locked(given) else given
            before = [place for place, cell in enumerate(self._cells) if cell.given is not None and cell.given < index]
            last = max(before, key=lambda place: self._cells[place].given or 0, default=-1)
            self._insert(last, _Cell(given.cell_type, source.source, given=index))
            self._notices.append(f"The cell {self._name(index)} was missing and was put back.")

    def _insert(self, place: int, cell: _Cell) -> None:
        """Insert a given cell behind a place, and behind what the student wrote there."""
        place += 1
        while place < len(self._cells) and self._cells[place].given is None:
            place += 1
        self._cells.insert(place, cell)

    def _move_tests(self) -> None:
        """Move tests that stand above the code that they are about."""
        for index in self._marked():
            places = {cell.given: place for place, cell in enumerate(self._cells) if cell.given is not None}
            solutions = [places[before] for before in range(index) if before in places and self._is_students(before)]
            if self._is_test(index) and solutions and places[index] < max(solutions):
                test, last = self._cells.pop(places[index]), max(solutions) - 1
                while last + 1 < len(self._cells) and self._is_earlier_test(self._cells[last + 1], index):
                    last += 1
                self._insert(last, test)
                self._notices.append(f"The test {self._name(index)} stood above the code that it tests; it was moved.")

    def _is_earlier_test(self, cell: _Cell, index: int) -> bool:
        return cell.given is None or (cell.given < index and self._is_test(cell.given))

    # Writing
    def _numbered(self) -> Iterator[NotebookNode]:
        """Yield the cells as nbformat has them, the assignment's with its marks and ids."""
        used = {self._identity(index) for index in range(len(self._given))}
        own = (name for number in itertools.count(1) if (name := f"own-{number}") not in used)
        for cell in self._cells:
            identity = next(own) if cell.given is None else self._identity(cell.given)
            new = getattr(nbformat.v4, f"new_{cell.kind}_cell")(cell.text, id=identity)
            if cell.attachments and cell.kind == "markdown":
                new.attachments = nbformat.from_dict(cell.attachments)
            if cell.given is not None and self._is_marked(cell.given):
                given = self._given[cell.given]
                new.metadata.nbgrader = nbformat.from_dict(
                    dict(self._assignment.source_cells[self._name(cell.given)].metadata.nbgrader)
                )
                # nbgrader takes an answer for none where its checksum is still that of the released cell.
                new.metadata.nbgrader.checksum = compute_checksum(given if is_solution(given) else new)
            yield new

    def _identity(self, index: int) -> str:
        return self._name(index) if self._is_marked(index) else str(self._given[index].get("id") or f"given-{index}")


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _lines(text: str) -> Counter[str]:
    """Count the lines of a text, without their indentation."""
    return Counter(stripped for line in text.splitlines() if (stripped := line.strip()))


def _defined(text: str) -> set[str]:
    return set(re.findall(r"^(?:async +)?(?:def|class) +(\w+)", text, re.M))
