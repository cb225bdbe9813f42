"""The exam's side: what a handle allows, and what it refuses to authors."""

import copy
import os
import pickle
import signal

import numpy as np
import probes_of_toys
import pytest

from grading.handle import (
    MAX_RECEIVED,
    Session,
    SessionLostError,
    Student,
    StudentError,
    in_process,
    is_a,
    is_callable,
    is_ref,
    item,
    items,
    same,
    size,
    value,
)
from grading.wire import AuthoringError, UnreadableError

CODE = """
import os, signal
class Net:
    def __init__(self, n=2): self.W = [1.0] * n; self.child = None
    def total(self, other=None, *, scale=1): return scale * sum((other or self).W)
class Child(Net): pass
def double(x): return 2 * x
def quadruple(x): return double(double(x))
def spoil(x):
    x *= 0
    return x
def interrupted():
    try: os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt: return 1
numbers = [1, 2]
"""


@pytest.fixture
def namespace():
    namespace = {"__name__": "__main__"}
    exec(CODE, namespace)
    return namespace


@pytest.fixture
def student(namespace):
    with in_process(namespace) as student:
        yield student


def test_reading_writing_calling(student):
    net, other = student.Net(3), student.Child()
    net.W = [1, 2, 3]
    net.child = other
    assert net.W == [1, 2, 3]
    assert same(net.child, other)
    assert not same(net, other)
    assert net.total(scale=2) == 12
    assert net.total(other) == 2.0
    assert is_a(other, "__main__.Net")
    assert not is_a(net, "__main__.Child")
    assert is_a(np.eye(2), "numpy.ndarray")
    assert is_callable(student.Net)
    assert not is_callable(net)
    assert not is_callable(3)
    assert repr(net) == "<Ref 1: Net>"


def test_errors_tell_where(student):
    with pytest.raises(StudentError) as caught:
        student.Net().total("x")
    assert (caught.value.kind, caught.value.where) == ("AttributeError", "Net.total")
    assert caught.value.line == CODE.splitlines().index(next(s for s in CODE.splitlines() if "def total" in s)) + 1
    with pytest.raises(StudentError, match="the notebook does not define `nothing`"):
        student.nothing  # noqa: B018


def test_values_are_copies(student):
    student.numbers.append(3)
    assert student.numbers == [1, 2]
    x = student.put(np.ones(2))
    student.spoil(x)
    assert is_ref(x)
    assert value(x).tolist() == [0, 0]
    assert (size(x), item(x, 0), items(x, 1)) == (2, 0, [0])
    assert (value(3), size([1]), item([1], 0), items([1, 2], 1)) == (3, 1, 1, [1])


def test_stand_ins_replace_and_are_undone(namespace):
    original = namespace["double"]
    with in_process(namespace) as student:
        recorder = student.load(probes_of_toys).recording()
        student.replace("double", recorder)
        assert student.quadruple(3) == 12
        assert recorder.log == [3, 6]
        student.replace("double", 5)
        assert student.double == 5
    assert namespace["double"] is original


@pytest.mark.parametrize(
    "misuse",
    [
        bool, float, int, len, list, iter, hash, copy.copy, copy.deepcopy, pickle.dumps, abs,
        lambda ref: ref == ref, lambda ref: ref != 1, lambda ref: 1 in ref, lambda ref: ref + 1, lambda ref: [0][ref],
        lambda ref: np.asarray(ref, dtype=float), lambda ref: np.ones(2) == ref, lambda ref: ref[0],
    ],
)  # fmt: skip
def test_references_are_no_values(student, misuse):
    with pytest.raises(TypeError):
        misuse(student.Net())


def test_authors_are_told(student, namespace):
    with pytest.raises(AuthoringError, match=r"student\.replace"):
        student.double = 3
    with pytest.raises(AuthoringError, match="can't be sent"):
        student.put(lambda: 1)
    with pytest.raises(AuthoringError, match="session"):
        in_process(namespace).put(student.Net())
    with pytest.raises(AuthoringError, match="source"):
        student.load(os.sys)
    with pytest.raises(AttributeError):
        student.__wrapped__  # noqa: B018


def test_libraries(student):
    assert student.library("collections").OrderedDict(a=1) == {"a": 1}


def test_lost_and_garbled_sessions():
    def lost(request):
        raise SessionLostError("gone")

    with pytest.raises(SessionLostError), Student(Session(lost)) as student:
        student.x  # noqa: B018
    with pytest.raises(UnreadableError):
        Student(Session(lambda request: b"?")).x  # noqa: B018


def test_answers_have_a_total():
    student = in_process({"x": np.zeros(MAX_RECEIVED // 8 // 8)})
    with pytest.raises(SessionLostError):
        for _ in range(9):
            student.x  # noqa: B018


def test_a_real_interrupt_is_none_of_the_students(student, namespace):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        student.interrupted()
    assert signal.getsignal(signal.SIGINT) is before
    exec("def fake(): raise KeyboardInterrupt", namespace)
    with pytest.raises(StudentError):
        student.fake()
