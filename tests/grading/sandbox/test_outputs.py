"""How much a cell may print: the count can't be outdone by many small messages or by odd contents."""

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from grading.sandbox.outputs import OUTPUTS, OutputMeter, size

KINDS = st.sampled_from([*sorted(OUTPUTS), "comm_msg", "something_else", "execute_input"])
CONTENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
MESSAGES = st.lists(st.tuples(KINDS, st.dictionaries(st.text(max_size=5), CONTENTS, max_size=3)), max_size=40)
ENDS = ("execute_result", "error", "execute_input")


@given(st.integers(1, 3000), MESSAGES)
def test_a_cell_is_admitted_its_limit_of_output_and_as_much_of_results(
    limit: int, messages: list[tuple[str, dict[str, Any]]]
) -> None:
    meter = OutputMeter(limit)
    meter.begin("cell")
    passed = {True: [0], False: [0]}
    for kind, content in messages:
        if meter.admit(kind, content, "cell"):
            passed[kind in ENDS].append(size(content) + 1)
    assert sum(passed[False]) <= limit
    assert sum(passed[True]) <= limit


@given(st.integers(200, 3000), st.lists(st.text(max_size=100), min_size=1, max_size=50))
def test_the_first_messages_pass_whole_and_none_after_the_first_too_many(limit: int, texts: list[str]) -> None:
    meter = OutputMeter(limit)
    meter.begin("cell")
    passed = [meter.admit("stream", {"name": "stdout", "text": text}, "cell") for text in texts]
    assert passed == sorted(passed, reverse=True)
    assert passed[0]


def test_messages_without_content_are_bounded_too() -> None:
    meter = OutputMeter(1000)
    assert sum(meter.admit("clear_output", {}, "cell") for _ in range(100)) <= 1000 // 64


@given(st.lists(st.sampled_from(["one", "two", "three"]), max_size=60))
def test_a_cell_that_comes_back_after_others_has_no_second_allowance(cells: list[str]) -> None:
    meter = OutputMeter(1000)
    passed = dict.fromkeys(cells, 0)
    for cell in cells:
        passed[cell] += meter.admit("stream", {"text": "x" * 100}, cell) * 100
    assert all(characters <= 1000 for characters in passed.values())


@given(st.recursive(st.just([]) | st.just({}), lambda inner: st.lists(inner, min_size=1, max_size=5), max_leaves=30))
def test_what_is_empty_has_a_size_as_well(content: list[Any]) -> None:
    assert size(content) >= json.dumps(content).count("[") + json.dumps(content).count("{")


@given(st.integers(1, 1000))
def test_the_next_cell_starts_from_nothing(limit: int) -> None:
    meter = OutputMeter(limit + 100)  # what a message costs beside its text
    for cell in ("one", "two", "three"):
        meter.begin(cell)
        assert meter.admit("stream", {"t": "x" * (limit - 1)}, cell)
        assert not meter.admit("stream", {"t": "x" * (limit + 99)}, cell)
        assert meter.note()
        assert meter.note() is None


def test_results_and_errors_are_shown_though_the_cell_printed_too_much() -> None:
    meter = OutputMeter(1000)
    meter.begin("cell")
    assert not meter.admit("stream", {"text": "x" * 2000}, "cell")
    assert meter.admit("error", {"ename": "ValueError", "evalue": "no", "traceback": []}, "cell")
    assert meter.admit("execute_result", {"data": {"text/plain": "1"}}, "cell")
    assert not meter.admit("execute_result", {"data": {"text/plain": "1" * 1000}}, "cell")


def test_the_state_of_the_kernel_is_told_whatever_the_cell_has_printed() -> None:
    meter = OutputMeter(1000)
    meter.begin("cell")
    assert not meter.admit("stream", {"text": "x" * 2000}, "cell")
    assert meter.admit("status", {"execution_state": "busy"}, "cell")
    assert meter.admit("status", {"execution_state": "idle"}, "cell")


@given(st.lists(st.text(min_size=1, max_size=9), max_size=60))
def test_output_of_no_cell_has_one_allowance_for_all(names: list[str]) -> None:
    meter = OutputMeter(1000)
    meter.begin("")
    assert sum(meter.admit("stream", {"text": "x" * 100}, name) for name in names) <= 10


@given(st.dictionaries(st.text(), CONTENTS))
def test_the_size_is_about_that_of_the_coded_message(content: dict[str, Any]) -> None:
    coded = len(json.dumps(content, ensure_ascii=False))
    assert coded <= 10 * size(content) + 2  # brackets, commas, quotes, escapes and numbers are not counted each


def test_the_size_of_what_is_deep_is_found_without_recursion() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep, "x"]
    assert size(deep) >= 100_000


@given(st.integers(1, 1 << 24))
def test_the_note_names_the_limit_and_is_short(limit: int) -> None:
    note = OutputMeter(limit).note()
    assert note and len(json.dumps(note)) < 200
    assert "cut off" in note["text"]
