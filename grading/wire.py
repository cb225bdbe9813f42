"""Between an exam and a student's process: requests go out as pickles, answers come back as data.

Requests are made by trusted code and may be anything that pickles; references travel as persistent ids, so
they work anywhere inside the arguments. Answers are made by code that is not trusted, so their format is
closed and bounded::

    length of the tree | length of the buffers | tree (msgpack) | buffers (raw, little-endian)
    4 bytes            | 4 bytes               | at most 1 MiB  | at most 64 MiB

A node of the tree is a plain None, bool, int, float or str, or a list ``[tag, …]``. Numbers of arrays lie in
the buffers, which the decoder consumes in the order of the tree, once and entirely. What has no place in the
format, or doesn't fit its bounds, stays on its side and crosses as an opaque reference. `grading.encoder`
writes answers, `grading.decoder` reads them.
"""

import io
import pickle
import struct
import sys
import types
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_TREE = 1 << 20
MAX_BUFFERS = 64 << 20
MAX_NODES = 100_000
MAX_DEPTH = 32
MAX_TEXT = 1 << 16
MAX_DIMENSIONS = 8
MAX_COLUMNS = 1000
MAX_EMPTY_DIMENSION = 1 << 15
MAX_MESSAGE = 300
HEADER = struct.Struct("<II")
DTYPES = {
    code: np.dtype(code).newbyteorder("<")
    for code in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
}
EXAM_SIDE = ("grading", "tests", "conftest", "__main__")


class AuthoringError(Exception):
    """A mistake in an exam, never in a student's work: it ends the run and is no verdict."""


class UnreadableError(Exception):
    """An answer outside the format or its bounds."""


@dataclass(frozen=True)
class Opaque:
    """What is told of an object that stays on the student's side; `classes` are the full names of its MRO."""

    id: int
    classes: tuple[str, ...]
    can_call: bool


@dataclass(frozen=True)
class Raised:
    """An exception that ended a request: printable texts, and the place in the student's own code if any."""

    kind: str
    text: str
    line: int | None = None
    where: str | None = None


def printable(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return `text` on one line, without control or direction characters, cut to `limit` characters."""
    if len(text) <= limit and text.isprintable():  # as nearly all is
        return text
    clean = "".join(" " if c.isspace() else "·" if unicodedata.category(c)[0] == "C" else c for c in text[: 2 * limit])
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def frame_sizes(header: bytes) -> tuple[int, int]:
    """Return the lengths of tree and buffers that the first 8 bytes of a frame announce.

    Raises
    ------
    UnreadableError
        If they are no header or above the bounds, before anything is allocated.
    """
    if len(header) != HEADER.size:
        raise UnreadableError("the answer ends within its header")
    tree, buffers = HEADER.unpack(header)
    if tree > MAX_TREE or buffers > MAX_BUFFERS:
        raise UnreadableError("the answer is larger than allowed")
    return tree, buffers


def plausible(shape: Iterable[Any]) -> bool:
    """Say whether a shape is one: few dimensions, none out of reach."""
    # Empty arrays cost nothing to send, but arithmetic on them may allocate: they get less.
    shape = list(shape)
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and 0 <= n <= MAX_BUFFERS for n in shape):
        return False
    return 0 not in shape or max(shape) <= MAX_EMPTY_DIMENSION


def are_labels(array: Any) -> bool:
    """Say whether the elements of an array can label rows or columns."""
    # Labels get hashed sooner or later, and tuples of -1 and -2 all hash alike.
    return array.dtype != object or all(type(y) in (str, int, float, bool) for y in array.tolist())


def code_of(dtype: np.dtype) -> str | None:
    """Return the name under which a dtype crosses; None if it doesn't."""
    code = f"{dtype.kind}{dtype.itemsize}"
    return code if code in DTYPES else None


def _belongs_to_exams(module: object) -> bool:
    """Say whether code of this module exists on the exam's side alone, so that it can't be sent by name."""
    top = str(module).partition(".")[0]
    return top in EXAM_SIDE or top.startswith("test_")


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, identify: Callable[[Any], int | None]) -> None:
        super().__init__(file, protocol=5)
        self._identify = identify

    def persistent_id(self, obj: Any) -> int | None:
        return self._identify(obj)

    def reducer_override(self, obj: Any) -> Any:
        # Checked here as well as at the other end, whose word that a request was wrong would not be trusted.
        if isinstance(obj, (type, types.FunctionType)):
            if _belongs_to_exams(obj.__module__):
                _refuse(obj.__module__, obj.__qualname__)
        elif _is_view(obj):  # would take its whole storage along
            return obj.detach().clone().requires_grad_(obj.requires_grad).__reduce_ex__(5)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, find: Callable[[int], Any]) -> None:
        super().__init__(file)
        self._find = find

    def persistent_load(self, pid: Any) -> Any:
        return self._find(pid)

    def find_class(self, module_name: str, global_name: str) -> Any:
        if _belongs_to_exams(module_name):
            _refuse(module_name, global_name)
        return super().find_class(module_name, global_name)


def _is_view(obj: Any) -> bool:
    torch = sys.modules.get("torch")
    if torch is None or type(obj) is not torch.Tensor or obj.layout is not torch.strided:
        return False
    return obj.untyped_storage().nbytes() > obj.numel() * obj.element_size()


def _refuse(module: str, name: str) -> None:
    raise AuthoringError(
        f"{module}.{name} lives on the exam's side and can't be sent: "
        "put code that runs on the student's side into a module of plain source and use student.load(module)"
    )


def encode_request(request: tuple[Any, ...], identify: Callable[[Any], int | None]) -> bytes:
    """Pickle a request ``(op, …)``.

    Parameters
    ----------
    identify
        Gives the id of a reference, None for everything else.

    Raises
    ------
    AuthoringError
        If something in it can't be sent: code of an exam, a lambda, a generator.
    """
    file = io.BytesIO()
    try:
        _Pickler(file, identify).dump(request)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AuthoringError(f"this can't be sent to the student's side: {error}") from error
    return file.getvalue()


def decode_request(data: bytes, find: Callable[[int], Any]) -> tuple[Any, ...]:
    """Unpickle a request; `find` gives the object of an id. Runs on the student's side alone.

    Raises
    ------
    AuthoringError
        If it names code of an exam. Whatever else unpickling raises passes through.
    """
    return _Unpickler(io.BytesIO(data), find).load()
