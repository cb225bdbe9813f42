"""What crosses, and that nothing else does."""

import contextlib
import resource
import struct
import time
from collections import OrderedDict, defaultdict, namedtuple
from enum import IntEnum

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import msgpack
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings

from grading.decoder import decode_answer
from grading.encoder import encode_raised, encode_reference, encode_value
from grading.wire import (
    DTYPES,
    HEADER,
    MAX_DEPTH,
    MAX_NODES,
    AuthoringError,
    Opaque,
    Raised,
    UnreadableError,
    decode_request,
    encode_request,
    frame_sizes,
    printable,
)

MUTATIONS = 20_000


def refer(obj):
    return Opaque(7, (f"{type(obj).__module__}.{type(obj).__qualname__}", "builtins.object"), callable(obj))


def crossed(value):
    return decode_answer(encode_value(value, refer), lambda opaque: opaque)


def framed(tree, buffers=b""):
    packed = tree if isinstance(tree, bytes) else msgpack.packb(tree)
    return HEADER.pack(len(packed), len(buffers)) + packed + buffers


def read(frame):
    return decode_answer(frame, lambda opaque: opaque)


def alike(a, b):
    if isinstance(a, np.ndarray):
        return type(b) is np.ndarray and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(alike(a[k], b[k]) for k in a)
    return type(a) is type(b) and (a == b or a != a)


text = st.text(st.characters(codec="utf-8"), max_size=20)
leaves = (
    st.none() | st.booleans() | st.floats() | text | st.binary(max_size=20)
    | st.integers(-(2**63), 2**63 - 1)
    | hnp.arrays(st.sampled_from(["b1", "i8", "u2", "f4", "f8", "f2"]), hnp.array_shapes(min_dims=0, min_side=0))
    | st.floats(width=32).map(np.float32) | st.integers(0, 255).map(np.uint8)
)  # fmt: skip
keys = text | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans()
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values)
@settings(max_examples=300, deadline=None)
def test_values_cross_as_they_are(value):
    assert alike(value, crossed(value))


@pytest.mark.parametrize("code", DTYPES)
def test_arrays_of_every_type_and_order(code):
    array = np.arange(12).reshape(3, 4).astype(code)
    for view in (array, array.T, array[::-1, ::2], array.astype(array.dtype.newbyteorder(">"))):
        came = crossed(view)
        assert came.dtype == np.dtype(code)
        np.testing.assert_array_equal(came, view)
        came[...] = 0  # a copy of one's own


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool, torch.bfloat16])
def test_tensors(dtype):
    tensor = torch.ones(2, 3, dtype=dtype).T
    came = crossed(tensor)
    assert came.dtype == (torch.float32 if dtype is torch.bfloat16 else dtype)
    assert torch.equal(came, tensor.to(came.dtype))
    assert crossed(torch.nn.Parameter(torch.ones(2))).requires_grad
    assert not came.requires_grad
    assert crossed(torch.tensor(3.0)).shape == ()


def test_tables():
    frame = pd.DataFrame(
        {"name": ["a", None], 3: [1, 2], "x": [0.5, np.nan], "c": pd.Categorical(["u", "v"])},
        index=pd.Index([32, 64], name="batch size"),
    )
    came = crossed(frame)
    assert list(came.columns) == ["name", 3, "x", "c"]
    assert came.index.name == "batch size"
    assert came.index.tolist() == [32, 64]
    assert came["x"].dtype == float
    assert came["name"].tolist()[0] == "a"
    assert pd.isna(came["name"].tolist()[1])
    pd.testing.assert_series_equal(crossed(frame[3]), frame[3])
    nullable = crossed(pd.Series([1, None], dtype="Int64", name="n"))
    assert nullable.name == "n"
    assert np.isnan(nullable.iloc[1])
    assert crossed(pd.DataFrame(index=pd.Index(np.array([1, "a"], dtype=object)))).shape == (2, 0)


def test_kinds_of_their_own_become_plain():
    class Colour(IntEnum):
        RED = 3

    class Text(str):
        def __str__(self):
            return "a lie"

    assert crossed(Colour.RED) == 3
    assert type(crossed(Colour.RED)) is int
    assert crossed(Text("true")) == "true"
    assert crossed(np.str_("s")) == "s"
    assert crossed(namedtuple("P", "x y")(1, 2)) == (1, 2)
    assert crossed(OrderedDict(a=1)) == crossed(defaultdict(int, a=1)) == {"a": 1}
    assert crossed({np.int64(3): 1, np.bool_(True): 2}) == {3: 1, True: 2}
    assert crossed(np.ma.masked_array([1, 2], mask=[0, 1])).tolist() == [1, 2]
    assert crossed(np.array(["a", "bc"])).tolist() == ["a", "bc"]
    assert crossed("\ud800") == "?"


def endless():
    while True:
        yield 1


@pytest.mark.parametrize(
    "value",
    [
        object(), len, {1, 2}, endless(), 1j, 2**63, np.zeros(2, complex), np.datetime64(1, "s"), np.longdouble(1),
        np.zeros(2, "datetime64[s]"), torch.nn.Linear(1, 1), torch.eye(2).to_sparse(), torch.zeros(2, device="meta"),
        {(1, 2): 3}, {None: 1}, {float("nan"): 1}, "x" * 70_000, ValueError("as a value"), np.zeros((0, 2**24)),
        pd.DataFrame(np.zeros((1, 1001))),
        pd.DataFrame(index=pd.MultiIndex.from_product([[1], [2]])), range(3), bytearray(b"x"), np.ones((1,) * 9),
        np.broadcast_to(0.0, (2**13, 2**13)), list(range(MAX_NODES)), ["x" * 60_000] * 20,
        [np.zeros(2**22), np.zeros(2**23)],
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_everything_else_stays_where_it_is(value):
    assert crossed(value) == refer(value)


def test_a_part_that_cannot_cross_leaves_the_rest():
    assert crossed([1, len, {"a": {1}}]) == [1, refer(len), {"a": refer(set())}]
    itself: list = []
    itself.append(itself)
    assert crossed(itself) == refer([])


def test_lies_about_types_are_not_asked():
    class Liar:
        __class__ = property(lambda self: list)
        __len__ = __iter__ = __getattr__ = __float__ = property(lambda self: 1 / 0)

    assert crossed(Liar()).classes[0].endswith("Liar")


def test_exceptions_and_references():
    assert read(encode_raised(Raised("E", "t\x1b[0m\u202e\n!", 3, "f"))) == Raised("E", "t·[0m· !", 3, "f")
    assert read(encode_reference(Opaque(1, ("a.B",), True))) == Opaque(1, ("a.B",), True)
    assert len(read(encode_raised(Raised("E", "x" * 1000))).text) == 300
    assert printable("\ud800\0\u2066a") == "···a"


ARRAY = ["a", "f8", [1]]
NUMBER = struct.pack("<d", 1.5)


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"\0\0\0", HEADER.pack(0, 0), HEADER.pack(2**32 - 1, 0), HEADER.pack(1, 2**32 - 1) + b"\xc0",
        framed(None) + b"x", framed(None, b"left over"), framed(ARRAY, NUMBER[:7]), framed(ARRAY, NUMBER * 2),
        framed(["l", ARRAY, ARRAY], NUMBER), framed(b"\xc0\xc0"), framed({}), framed({1: 2}), framed(b"bytes"),
        framed(msgpack.packb(b"")), framed(msgpack.packb(msgpack.ExtType(1, b""))),
        framed(msgpack.packb(msgpack.Timestamp(1))), framed([]), framed([1]), framed([["l"]]), framed(["?"]),
        framed(["__class__"]), framed(["node", None]), framed(["!", "E", "t", None, None, 5]),
        framed(["!", "E", "t", -1, None]), framed(["l", ["!", "E", "t", None, None]]), framed(2**63),
        framed(["a", "f8"]), framed(["a", "c16", [1]], NUMBER * 2), framed(["a", "O", [1]], NUMBER),
        framed(["a", "f8", [True]], NUMBER), framed(["a", "f8", [-1, -1]], NUMBER), framed(["a", "f8", 1], NUMBER),
        framed(["a", "f8", [1.0]], NUMBER), framed(["a", "f8", [1] * 9], NUMBER), framed(["a", "f8", [2**60, 2**60]]),
        framed(["a", "f8", [0, 2**24]]), framed(["a", [], [1]]), framed(["n", "f8"]), framed(["b", -1]),
        framed(["b", 2**40]), framed(["d", 1]), framed(["d", ["t", -1], 1]), framed(["d", None, 1]),
        framed(["d", float("nan"), 1]), framed(["o", [2], 1]), framed(["o", [2**30, 2**30]]),
        framed(["T", 1, "f8", [1]], NUMBER), framed(["T", True, "i8", [1]], NUMBER),
        framed(["r", -1, True]), framed(["r", 1, 1]), framed(["r", 1, True, 5]), framed(["r", 2**53, True]),
        framed(["F", 1, None, 1]), framed(["F", ["o", [1], "a"], None, ["o", [0]]]),
        framed(["F", ["o", [1], "a"], None, ["o", [1], 1], ["o", [2], 1, 2]]),
        framed(["F", ["o", [1], ["t", -1]], None, ["o", [1], 1], ["o", [1], 1]]),
        framed(["F", ["a", "u1", [1001]], None, ["a", "u1", [0]]] + [["a", "u1", [0]]] * 1001, b"a" * 1001),
        framed(["S", ["l"], None, ["o", [1], 1], ["o", [1], 1]]),
        framed(["S", None, None, ["o", [1], ["t", -1, -2]], ["o", [1], 1]]),
        framed(["S", None, None, ["o", [1], 1], ["l", 1]]),
        framed(b"\x91" * 100_000 + b"\xc0"), framed(b"\xdd\xff\xff\xff\xff"), framed(b"\xdb\xff\xff\xff\xff"),
        framed(b"\xa1\xff"), framed(["l", *["l"] * 3] + [["l"]] * MAX_NODES),
    ],
)  # fmt: skip
def test_traps_are_unreadable(frame):
    with pytest.raises(UnreadableError):
        read(frame)


def test_depth_has_a_limit_of_its_own():
    def nested(depth):
        tree = None
        for _ in range(depth):
            tree = ["l", tree]
        return framed(tree)

    read(nested(MAX_DEPTH))
    with pytest.raises(UnreadableError):
        read(nested(MAX_DEPTH + 1))


def test_a_byte_of_two_is_true_and_lengths_are_checked_first():
    assert read(framed(["a", "b1", [3]], b"\0\1\2")).view(np.uint8).tolist() == [0, 1, 1]
    assert frame_sizes(HEADER.pack(3, 4)) == (3, 4)
    with pytest.raises(UnreadableError):
        frame_sizes(HEADER.pack(2**20 + 1, 0))


def test_small_answers_stay_small():
    """Empty lists are the densest way to ask for memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for tree in (b"\xdc\xff\xff" + b"\x90" * 65535, (b"\xdc\xff\xff" + b"\x90" * 65535) * 16):
        start = time.perf_counter()
        with pytest.raises(UnreadableError):
            read(framed(tree[: 2**20]))
        assert time.perf_counter() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_mutated_frames_are_read_or_unreadable():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=["u", "v"])
    samples = [
        [1, -5, 2.5, "text", None, True, b"raw"], (np.eye(3), np.float32(2), torch.ones(2)), table, table["b"],
        {"a": [len, {"b": 1}], 3: np.array(["p", None], dtype=object)}, np.zeros((2, 0), bool),
    ]  # fmt: skip
    frames = [encode_value(sample, refer) for sample in samples] + [encode_raised(Raised("E", "t", 1, "f"))]
    start, unreadable = time.perf_counter(), 0
    for i in range(MUTATIONS):
        frame = bytearray(frames[i % len(frames)])
        header = 0 if i % 5 == 0 else HEADER.size  # mostly past the lengths, which would end it there
        for _ in range(int(rng.integers(1, 5))):
            frame[int(rng.integers(header, len(frame)))] = int(rng.integers(256))
        try:
            read(bytes(frame))
        except UnreadableError:
            unreadable += 1
    assert 0 < unreadable < MUTATIONS
    assert time.perf_counter() - start < 30


@given(st.binary(max_size=200), st.binary(max_size=20))
@settings(max_examples=300, deadline=None)
def test_random_trees_are_read_or_unreadable(tree, buffers):
    with contextlib.suppress(UnreadableError):
        read(framed(tree, buffers))


def helper():
    return 1


class Thing:
    pass


@pytest.mark.parametrize("thing", [helper, Thing, Thing(), AuthoringError, [{"a": (helper,)}], lambda: 1, endless()])
def test_code_of_the_exams_side_cannot_be_sent(thing):
    with pytest.raises(AuthoringError, match="can't be sent"):
        encode_request(("put", thing), lambda obj: None)


def test_code_of_the_exams_side_is_not_accepted_either():
    with pytest.raises(AuthoringError, match=r"student\.load"):
        decode_request(b"cgrading.judge\nok\n.", lambda number: None)


def test_requests_carry_references_anywhere_and_no_more_than_a_view():
    marker = object()
    data = encode_request(("call", [{"a": (marker,)}], np.eye(2)), lambda obj: 5 if obj is marker else None)
    op, arguments, eye = decode_request(data, lambda number: f"object {number}")
    assert (op, arguments) == ("call", [{"a": ("object 5",)}])
    np.testing.assert_array_equal(eye, np.eye(2))
    view = torch.zeros(1000, 1000)[:2]
    assert len(encode_request(("put", view), lambda obj: None)) < 20_000
    layer = decode_request(encode_request(("put", torch.nn.Linear(2, 1)), lambda obj: None), lambda n: None)[1]
    assert layer.weight.shape == (1, 2)
