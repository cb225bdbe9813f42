"""Reading answers: what runs on the exam's side and believes nothing of a frame that it has not checked."""

import math
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np

from grading.wire import (
    DTYPES,
    HEADER,
    MAX_COLUMNS,
    MAX_DEPTH,
    MAX_NODES,
    MAX_TEXT,
    Opaque,
    Raised,
    UnreadableError,
    are_labels,
    frame_sizes,
    plausible,
    printable,
)


def decode_answer(frame: bytes, make_ref: Callable[[Opaque], Any]) -> Any:
    """Return the value in a frame, with references made by `make_ref`, or a `Raised`.

    Raises
    ------
    UnreadableError
        For everything that is not a frame of the format within its bounds; nothing else, whatever the bytes.
    """
    tree_size, buffers_size = frame_sizes(frame[: HEADER.size])
    if len(frame) != HEADER.size + tree_size + buffers_size:
        raise UnreadableError("the answer is not as long as it says")
    try:
        tree = msgpack.unpackb(
            memoryview(frame)[HEADER.size : HEADER.size + tree_size],
            max_array_len=MAX_NODES, max_str_len=MAX_TEXT, max_map_len=0, max_bin_len=0, max_ext_len=0,
        )  # fmt: skip
        decoder = _Decoder(memoryview(frame)[HEADER.size + tree_size :], make_ref)
        return decoder.whole(tree)
    except UnreadableError:
        raise
    except Exception as error:  # bytes can be wrong in more ways than a list of types would hold
        raise UnreadableError(f"the answer can't be read ({type(error).__name__})") from None


class _Decoder:
    """Turns nodes into values, each kind by its own strict rule; `decode_answer` catches what it raises."""

    def __init__(self, buffers: memoryview, make_ref: Callable[[Opaque], Any]) -> None:
        self._buffers = buffers
        self._at = 0
        self._make_ref = make_ref
        self._nodes = 0

    def whole(self, tree: Any) -> Any:
        raised = type(tree) is list and tree[:1] == ["!"]
        result = self._raised(*tree[1:]) if raised else self.node(tree, 0)
        _require(self._at == len(self._buffers), "buffers left over")
        return result

    def node(self, tree: Any, depth: int) -> Any:
        self._nodes += 1
        _require(self._nodes <= MAX_NODES and depth <= MAX_DEPTH, "too many or too deep nodes")
        if tree is None or type(tree) in (bool, float, str):
            return tree
        if type(tree) is int:
            _require(tree < 1 << 63, "an integer beyond 64 bits")
            return tree
        _require(type(tree) is list and type(tree[0]) is str, "an unknown kind of node")
        return _DECODERS[tree[0]](self, depth + 1, *tree[1:])

    def _raised(self, kind: Any, text: Any, line: Any, where: Any) -> Raised:
        _require(type(kind) is str and type(text) is str, "an exception without texts")
        _require(line is None or (type(line) is int and 0 < line < 1 << 31), "an exception without a line")
        _require(where is None or type(where) is str, "an exception without a place")
        return Raised(printable(kind, 100), printable(text), line, where and printable(where, 100))

    def _list(self, depth: int, *items: Any) -> list[Any]:
        return [self.node(x, depth) for x in items]

    def _tuple(self, depth: int, *items: Any) -> tuple[Any, ...]:
        return tuple([self.node(x, depth) for x in items])

    def _dict(self, depth: int, *items: Any) -> dict[Any, Any]:
        _require(len(items) % 2 == 0, "a key without a value")
        _require(all(type(k) in (str, int, float, bool) and k == k for k in items[::2]), "a key of another type")
        plain = [self.node(x, depth) for x in items]
        return dict(zip(plain[::2], plain[1::2], strict=True))

    def _bytes(self, depth: int, size: Any) -> bytes:
        return bytes(self._take(size))

    def _scalar(self, depth: int, code: Any) -> Any:
        return self._numbers(code, 1)[0]

    def _array(self, depth: int, code: Any, shape: Any) -> np.ndarray:
        return self._numbers(code, _count(shape)).reshape(shape)

    def _object_array(self, depth: int, shape: Any, *items: Any) -> np.ndarray:
        _require(_count(shape) == len(items), "an array of another size than its shape")
        array = np.empty(len(items), dtype=object)
        for i, item in enumerate(items):
            array[i] = self.node(item, depth)
        return array.reshape(shape)

    def _tensor(self, depth: int, grad: Any, code: Any, shape: Any) -> Any:
        _require(type(grad) is bool, "a tensor without its flag")
        values = self._array(depth, code, shape)
        import torch  # only a process that has torch sends a tensor

        return torch.from_numpy(values).requires_grad_(grad)

    def _frame(self, depth: int, labels: Any, name: Any, index: Any, *columns: Any) -> Any:
        import pandas as pd

        names = self._index(labels, depth)
        title = self._label(name, depth)
        rows = self._index(index, depth)
        _require(len(names) == len(columns) <= MAX_COLUMNS, "a table with other columns than labels, or too many")
        values = [self._values(column, len(rows), depth) for column in columns]
        table = pd.DataFrame(dict(enumerate(values)), index=pd.Index(rows, name=title, tupleize_cols=False))
        table.columns = pd.Index(names, tupleize_cols=False)
        return table

    def _series(self, depth: int, name: Any, index_name: Any, index: Any, values: Any) -> Any:
        import pandas as pd

        title, index_title = self._label(name, depth), self._label(index_name, depth)
        rows = pd.Index(self._index(index, depth), name=index_title, tupleize_cols=False)
        return pd.Series(self._values(values, len(rows), depth), index=rows, name=title)

    def _label(self, tree: Any, depth: int) -> Any:
        label = self.node(tree, depth)
        _require(label is None or type(label) in (str, int, float, bool), "a name that is none")
        return label

    def _index(self, tree: Any, depth: int) -> np.ndarray:
        array = self.node(tree, depth)
        _require(type(array) is np.ndarray and array.ndim == 1 and are_labels(array), "an index that is none")
        return array

    def _values(self, tree: Any, length: int, depth: int) -> np.ndarray:
        array = self.node(tree, depth)
        _require(type(array) is np.ndarray and array.shape == (length,), "a column of another length")
        return array

    def _ref(self, depth: int, number: Any, can_call: Any, *mro: Any) -> Any:
        _require(
            type(number) is int and 0 <= number < 1 << 53 and type(can_call) is bool,
            "a reference that is none",
        )
        _require(len(mro) <= MAX_DEPTH and all(type(name) is str for name in mro), "a reference without classes")
        return self._make_ref(Opaque(number, tuple(printable(name, 200) for name in mro), can_call))

    def _take(self, size: Any) -> memoryview:
        _require(type(size) is int and 0 <= size <= len(self._buffers) - self._at, "too short buffers")
        self._at += size
        return self._buffers[self._at - size : self._at]

    def _numbers(self, code: Any, count: int) -> np.ndarray:
        dtype = DTYPES[code]
        raw = self._take(count * dtype.itemsize)
        if code == "b1":  # a byte of 2 is neither true nor false to NumPy
            return np.frombuffer(raw, dtype=np.uint8) != 0
        return np.frombuffer(raw, dtype=dtype).astype(dtype.newbyteorder("="))


_DECODERS: dict[str, Callable[..., Any]] = {
    "l": _Decoder._list,
    "t": _Decoder._tuple,
    "d": _Decoder._dict,
    "b": _Decoder._bytes,
    "n": _Decoder._scalar,
    "a": _Decoder._array,
    "o": _Decoder._object_array,
    "T": _Decoder._tensor,
    "F": _Decoder._frame,
    "S": _Decoder._series,
    "r": _Decoder._ref,
}


def _count(shape: Any) -> int:
    _require(type(shape) is list and plausible(shape), "a shape that is none")
    return math.prod(shape)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise UnreadableError(f"the answer holds {otherwise}")
