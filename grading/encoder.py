"""Writing answers: turns any object into a frame (`grading.wire`), on the student's side."""

import math
import sys
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np

from grading.wire import (
    DTYPES,
    HEADER,
    MAX_BUFFERS,
    MAX_COLUMNS,
    MAX_DEPTH,
    MAX_NODES,
    MAX_TEXT,
    MAX_TREE,
    Opaque,
    Raised,
    are_labels,
    code_of,
    plausible,
)


class _TooLargeError(Exception):
    """The value doesn't fit into an answer."""


def encode_value(value: Any, refer: Callable[[Any], Opaque]) -> bytes:
    """Return the frame for a value; what can't cross as one becomes a reference by `refer`."""
    try:
        return _frame(encoder := _Encoder(refer), encoder.node(value))
    except _TooLargeError:
        return encode_reference(refer(value))


def encode_reference(ref: Opaque) -> bytes:
    """Return the frame for a reference, even where the object could have crossed as a value."""
    return _frame(encoder := _Encoder(lambda _: ref), encoder.reference(None))


def encode_raised(raised: Raised) -> bytes:
    """Return the frame for an exception."""
    return _frame(_Encoder(None), ["!", raised.kind, raised.text, raised.line, raised.where])


def _frame(encoder: "_Encoder", tree: Any) -> bytes:
    packed = msgpack.packb(tree, unicode_errors="replace")
    if len(packed) > MAX_TREE:
        raise _TooLargeError
    buffers = b"".join(encoder.buffers)
    return HEADER.pack(len(packed), len(buffers)) + packed + buffers


class _Encoder:
    """Turns values into nodes. Asks the interpreter for types, never the objects, which may lie."""

    def __init__(self, refer: Callable[[Any], Opaque] | None) -> None:
        self._refer = refer
        self.buffers: list[bytes] = []
        self._room = MAX_BUFFERS
        self._nodes = 0

    def node(self, x: Any, depth: int = 0) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise _TooLargeError
        kind = type(x)
        if x is None or kind is bool or kind is float:
            return x
        for base, encode in _ENCODERS:
            if issubclass(kind, base):
                return encode(self, x, depth)
        if (torch := sys.modules.get("torch")) is not None and issubclass(kind, getattr(torch, "Tensor", ())):
            return self._tensor(torch, x)
        if (pandas := sys.modules.get("pandas")) is not None:
            if issubclass(kind, getattr(pandas, "DataFrame", ())):
                return self._table(x, depth, _frame_parts)
            if issubclass(kind, getattr(pandas, "Series", ())):
                return self._table(x, depth, _series_parts)
        return self.reference(x)

    def reference(self, x: Any) -> list[Any]:
        if self._refer is None:
            raise _TooLargeError
        ref = self._refer(x)
        return ["r", ref.id, ref.can_call, *(name[:200] for name in ref.classes[:MAX_DEPTH])]

    def _integer(self, x: int, depth: int) -> Any:
        return int.__pos__(x) if -(1 << 63) <= x < 1 << 63 else self.reference(x)

    def _float(self, x: float, depth: int) -> Any:
        return float.__pos__(x)

    def _text(self, x: str, depth: int) -> Any:
        raw = str.encode(x, "utf-8", "replace")
        return raw.decode() if len(raw) <= MAX_TEXT else self.reference(x)

    def _bytes(self, x: bytes, depth: int) -> Any:
        return ["b", self._buffer(bytes.__getitem__(x, slice(None)))]

    def _list(self, x: list[Any], depth: int) -> Any:
        return ["l", *[self.node(y, depth + 1) for y in list.__iter__(x)]]

    def _tuple(self, x: tuple[Any, ...], depth: int) -> Any:
        return ["t", *[self.node(y, depth + 1) for y in tuple.__iter__(x)]]

    def _dict(self, x: dict[Any, Any], depth: int) -> Any:
        pairs = [(_key(k), v) for k, v in dict.items(x)]
        if any(k is None for k, _ in pairs):
            return self.reference(x)
        return ["d", *[self.node(y, depth + 1) for pair in pairs for y in pair]]

    def _scalar(self, x: np.generic, depth: int) -> Any:
        if (code := code_of(x.dtype)) is None:
            return self.reference(x)
        self._buffer(x.astype(DTYPES[code]).tobytes())
        return ["n", code]

    def _array(self, x: np.ndarray, depth: int) -> Any:
        x = np.ndarray.view(x, np.ndarray)
        if not plausible(x.shape):
            return self.reference(x)
        if x.dtype.kind in "OUST":
            if x.size > MAX_NODES:
                raise _TooLargeError
            return ["o", list(x.shape), *[self.node(y, depth + 1) for y in x.ravel().tolist()]]
        if (code := code_of(x.dtype)) is None:
            return self.reference(x)
        if x.size * x.itemsize > self._room:
            raise _TooLargeError
        self._buffer(x.astype(DTYPES[code], copy=False).tobytes())
        return ["a", code, list(x.shape)]

    def _tensor(self, torch: Any, x: Any) -> Any:
        try:
            values = torch.Tensor.detach(x).cpu()
            values = (values.float() if values.dtype is torch.bfloat16 else values).resolve_neg().numpy()
            grad = bool(x.requires_grad)
        except Exception:  # sparse, quantised, on a meta device, of a subclass with its own ideas
            return self.reference(x)
        if code_of(values.dtype) is None or not plausible(values.shape):
            return self.reference(x)
        return ["T", grad, *self._array(values, 0)[1:]]

    def _table(self, x: Any, depth: int, take: Callable[[Any], tuple[str, list[Any]]]) -> Any:
        try:  # all of pandas first: half a table would leave its buffers behind
            tag, parts = take(x)
        except Exception:
            return self.reference(x)
        return [tag, *[self.node(part, depth + 1) for part in parts]]

    def _buffer(self, raw: bytes) -> int:
        self._room -= len(raw)
        if self._room < 0:
            raise _TooLargeError
        self.buffers.append(raw)
        return len(raw)


_ENCODERS: list[tuple[type, Callable[[_Encoder, Any, int], Any]]] = [
    (str, _Encoder._text),  # before NumPy's scalars: np.str_ is both
    (bytes, _Encoder._bytes),
    (np.generic, _Encoder._scalar),
    (int, _Encoder._integer),
    (float, _Encoder._float),
    (list, _Encoder._list),
    (tuple, _Encoder._tuple),
    (dict, _Encoder._dict),
    (np.ndarray, _Encoder._array),
]


def _key(key: Any) -> Any:
    """Return a dict's key as a plain str, int, float or bool; None if it is something else."""
    plain = key.item() if issubclass(type(key), np.generic) else key
    return plain if type(plain) in (str, int, float, bool) and plain == plain else None


def _column(values: Any) -> np.ndarray:
    """Return a column or an index as an array that can cross; missing values as NaN."""
    array = np.asarray(values)
    if code_of(array.dtype) is None:
        gaps = np.asarray(values.isna())
        array = array.astype(object)
        array[gaps] = math.nan
    return array


def _index(index: Any) -> np.ndarray:
    array = _column(index)
    if array.dtype == object:
        for i, label in enumerate(array):
            array[i] = label.item() if issubclass(type(label), np.generic) else label
    if index.nlevels != 1 or not are_labels(array):
        raise ValueError("only one level of plain labels can cross")
    return array


def _frame_parts(x: Any) -> tuple[str, list[Any]]:
    if x.shape[1] > MAX_COLUMNS:
        raise ValueError("too many columns can't cross")
    columns = [_column(x.iloc[:, i]) for i in range(x.shape[1])]
    return "F", [_index(x.columns), _key(x.index.name), _index(x.index), *columns]


def _series_parts(x: Any) -> tuple[str, list[Any]]:
    return "S", [_key(x.name), _key(x.index.name), _index(x.index), _column(x)]
