"""Answers are judged by type, shape and value, and NaN passes nothing."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from grading.handle import in_process
from grading.judge import Fail, array, close, describe, frame, integers, number, ok, relative_error, tolerance

REF = in_process({"net": type("Net", (), {})()}).net


@pytest.mark.parametrize("condition", [True, np.True_, np.float64(1) > 0])
def test_ok(condition):
    ok(condition, expected="", came="")


@pytest.mark.parametrize(
    "condition", [False, np.False_, 1, "yes", None, [1], math.nan <= 1, np.array([True]), torch.tensor(True), REF]
)
def test_only_true_is_ok(condition):
    with pytest.raises(Fail) as caught:
        ok(condition, expected="what", came=condition, hint="there")
    assert (caught.value.expected, caught.value.hint) == ("what", "there")


@pytest.mark.parametrize(
    "answer", [np.eye(2), torch.eye(2, requires_grad=True), [[1, 0], [0, 1]], ([1.0, 0], torch.tensor([0, 1])),
               np.eye(2, dtype=bool), np.eye(2, dtype=np.float32)],
)  # fmt: skip
def test_arrays_of_any_kind(answer):
    came = array(answer, "it", shape=(None, 2))
    assert came.dtype == np.float64
    np.testing.assert_array_equal(came, np.eye(2))


@pytest.mark.parametrize(
    ("answer", "came"),
    [
        (None, "None (is a return missing?)"), ("1.5", "the text '1.5'"), (REF, "an object of type Net"),
        ([1, [2, 3]], "a list of 2 with other things in it"), ([REF], "a list of 1 with other things in it"),
        (["1"], "a list of 1"), ({"a": 1}, "a dict of 1"), (np.array(["a"]), "an array of shape (1,) and type <U1"),
        (np.ones(3), "an array of shape (3,) and type float64"), (1.5, "1.5 (float)"),
        (torch.ones(1, 2, 3), "a tensor of shape (1, 2, 3) and type float32"),
        (np.array([[1, np.nan]]), "nan at index (0, 1)"), (np.array([[np.inf, np.nan]]), "inf at index (0, 0)"),
        (pd.DataFrame({"a": [1]}), "a DataFrame with the columns a"), ([10**400, 0], "a list of 2"),
    ],
)  # fmt: skip
def test_what_is_no_such_array(answer, came):
    with pytest.raises(Fail) as caught:
        array(answer, "it", shape=(1, 2))
    assert caught.value.came == came
    assert caught.value.expected.startswith("it")


def test_integers():
    assert integers(np.array([1.0, 2.0]), "labels").dtype == np.int64
    for wrong in ([1.5], [math.nan], [1e300], ["1"], None):
        with pytest.raises(Fail):
            integers(wrong, "labels")


def test_numbers():
    for good in (2, 2.0, np.float32(2), np.array(2), np.array([[2]]), torch.tensor([2.0])):
        assert number(good, "loss") == 2.0
        assert type(number(good, "loss")) is float
    for bad in (True, np.True_, "2", [2], None, math.nan, -math.inf, np.ones(2), torch.ones(2), REF, 2j):
        with pytest.raises(Fail):
            number(bad, "loss")


def test_close_says_where_but_not_what():
    close(np.ones(3) + 1e-9, np.ones(3), "it")
    close(torch.ones(3) + 1e-5, np.ones(3), "it")
    close(1.0, 1, "it")
    with pytest.raises(Fail) as caught:
        close([1.0, 5.0, 4.0], [1.0, 4.0, 3.0], "it", hint="look")
    assert caught.value.came == "2 of 3 values differ, first at index 1, largest relative error 0.2"
    for bad in (np.ones(2), [1, math.nan, 1], None, math.nan):
        with pytest.raises(Fail):
            close(bad, np.ones(3), "it", rtol=1e9, atol=1e9)
    with pytest.raises(ValueError, match="trusted"):
        close(1.0, math.nan, "it")


def test_relative_errors():
    assert relative_error([1, 2], [1, 2]) == 0
    assert relative_error(torch.ones(2), [1, 3]) == pytest.approx(2 / 3)
    assert math.isnan(relative_error([math.nan], [1]))
    assert relative_error([], []) == 0
    with pytest.raises(ValueError, match="shapes"):
        relative_error([1], 1)


def test_tolerances():
    for value in ("x", 1, 1.0, [1.0], np.float64, np.dtype("f8"), np.ones(1), torch.ones(1).double(), REF, None):
        assert tolerance(value) == 1e-5
    for value in (np.float32, np.dtype("f4"), np.float16(1), torch.ones(1), torch.float32, np.ones(1, "f4")):
        assert tolerance(value) == 1e-3


def test_frames():
    table = pd.DataFrame({"a": [1], "b": [2]})
    assert frame(table, "the table", columns=["b"]) is table
    with pytest.raises(Fail) as caught:
        frame(table, "the table", columns=["b", "c"])
    assert caught.value.came == "no column c"
    for bad in (None, {"b": 1}, REF, table["a"]):
        with pytest.raises(Fail):
            frame(bad, "the table")


def test_messages_are_printable_and_short():
    fail = Fail("a\x1b[31m\n\u202eb", "x" * 1000)
    assert fail.expected == "a·[31m ·b"
    assert len(fail.came) == 300
    assert "\x1b" not in describe("\x1b[31m")
