"""A notebook as it came, read as far as it counts: the text and kind of its cells, whatever editor wrote them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from grading.sandbox.policy import MIB

MOST_BYTES = 64 * MIB
_MOST_STRUCTURE = 16 * MIB  # without what stands in quotes: once read, it takes twenty times as much memory
_MOST_CELLS = 20_000
_KINDS = ("code", "markdown", "raw")
_BLANK = " \t\r\n\0\ufeff"


class SetAsideError(Exception):
    """A submission that can't be graded, with a reason that can be passed on to the student."""


@dataclass
class Cell:
    """What counts of a cell. `claim` is the `grade_id` that it says it has; `given` its place in the release."""

    kind: str
    text: str
    claim: str = ""
    id: str = ""
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)
    given: int | None = None


def read(content: bytes) -> tuple[list[Cell], list[str]]:
    """Read a notebook of any version and encoding that editors write; return its cells, and notices.

    Raises
    ------
    SetAsideError
        If it is none.
    """
    again = "Please hand it in again."
    if len(content) > MOST_BYTES or _structure(content) > _MOST_STRUCTURE:
        raise SetAsideError(
            f"The notebook is too large ({len(content) / MIB:.0f} MiB). Please clear its outputs and hand it in again."
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
        notices.append(f"The notebook was made for {shown(language)}; it was run as Python.")
    return [_cell(cell) for cell in cells], notices


def _small(digits: str) -> int:
    return int(digits) if len(digits) < 3 else 0


# No number of a notebook matters but the level of an old heading. Raw line breaks in strings are let through.
_JSON = json.JSONDecoder(strict=False, parse_int=_small, parse_float=lambda digits: 0.0)
_QUOTED_OR_BLANK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|\s++', re.S)


def _structure(content: bytes) -> int:
    """Return the size of a large notebook without its strings and indentation."""
    return len(_QUOTED_OR_BLANK.sub(b"", content)) if len(content) > _MOST_STRUCTURE else len(content)


def _why_unreadable(text: str, line: int) -> str:
    if re.search(r"^(<{7}|>{7}) ", text, re.M):
        return "The notebook can't be read: git left the marks of a merge conflict in it."
    if text.startswith("{"):
        return f"The notebook can't be read: it is damaged or cut off at line {line}."
    if re.match(r"<(!doctype|html|\?xml)", text, re.I):
        return "The file is a web page, such as an export of the notebook, and not the notebook itself."
    return "The file is not a notebook, though its name says so."


# Bytes that are no UTF-8 are taken for those of Western Windows, as old editors write them.
_WESTERN = {
    0xDC00 + byte: bytes([byte]).decode("cp1252", "ignore") or bytes([byte]).decode("latin-1")
    for byte in range(0x80, 0x100)
}


def _decoded(content: bytes) -> str:
    try:
        return content.decode(json.detect_encoding(content))
    except UnicodeDecodeError:
        return content.decode("utf-8", "surrogateescape").translate(_WESTERN)


def _cells(document: Any) -> Iterator[dict]:
    """Yield the cells of a document; old versions have them in worksheets."""
    sheets = _dict(document).get("worksheets")
    for holder in (document, *(sheets if isinstance(sheets, list) else ())):
        cells = _dict(holder).get("cells")
        yield from (cell for cell in (cells if isinstance(cells, list) else ()) if isinstance(cell, dict))


def _cell(cell: dict) -> Cell:
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
    return Cell(kind, text, claim, identity, attachments)


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


def shown(name: str) -> str:
    """Return a name of the student's choice so that it can stand in a page: it can't be a link or a tag."""
    return re.sub(r"[^\w .,()+/-]", "_", name)[-80:]
