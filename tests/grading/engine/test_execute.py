"""Notebooks run and examined: each verdict stands where it was found, and each failure costs what it must."""

import contextlib
import itertools
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from nbformat import NotebookNode

from grading.engine import execute as execution
from grading.engine import job as jobs
from grading.engine.assignment import Assignment
from grading.engine.execute import Execution, KernelLostError, execute
from grading.engine.job import Job, Outcome, grade
from grading.exam import Verdict
from grading.sandbox import launch
from tests.tools import eventually

HIDDEN = [str(jobs.EXAMS)]
POINTS = {
    "play-double": 2.0, "play-add": 3.0, "play-broken": 4.0, "play-fatal": 1.0, "play-fatal-once": 1.0,
}  # fmt: skip
RIGHT = "def double(x): return 2 * x\ndef add(x, y): return x + y"
DOUBLE, ADD = "play-double", "play-add"
_numbers = itertools.count()


def code(source: str) -> NotebookNode:
    return nbformat.v4.new_code_cell(source)


def test_cell(exam_id: str) -> NotebookNode:
    """Return a test cell."""
    marks = {"grade": True, "solution": False, "locked": True, "grade_id": exam_id, "points": POINTS[exam_id]}
    return nbformat.v4.new_code_cell("raise RuntimeError('this is not run')", metadata={"nbgrader": marks}, id=exam_id)


test_cell.__test__ = False  # type: ignore[attr-defined]


def run(*cells: str, limits: dict[str, int] | None = None, **options: Any) -> Execution:
    """Run cells: names of exams stand for their test cells, all else is code."""
    made = [test_cell(cell) if cell in POINTS else code(cell) for cell in cells]
    settings = {"hidden": HIDDEN, "limits": limits or {}}
    return execute(
        nbformat.v4.new_notebook(cells=made), POINTS, seed=7, exams="toy_exams", settings=settings, **options
    )


def scores(done: Execution) -> dict[str, float]:
    return {exam_id: verdict.score for exam_id, verdict in done.verdicts.items()}


def shown(done: Execution, place: int) -> str:
    """Return what stands below a cell, as text."""
    return "".join(
        output.get("text", "") or output.get("evalue", "") or output.get("data", {}).get("text/plain", "")
        for output in done.notebook.cells[place].outputs
    )


def told(verdict: Verdict) -> str:
    return "\n".join(verdict.lines()) + f"\n{verdict.score!r}"


# --- the ordinary way -------------------------------------------------------------------------------------------------
def test_a_test_sees_the_notebook_as_it_is_up_to_there() -> None:
    done = run(DOUBLE, RIGHT, ADD, "def add(x, y): return 0")
    assert scores(done) == {DOUBLE: 0, ADD: 3}
    assert done.verdicts[DOUBLE].reasons[0].came.startswith("NameError")
    assert (done.failures, done.ended, done.suspicions) == ({}, "", [])
    assert [cell.get("execution_count") for cell in done.notebook.cells] == [None, 1, None, 2]


def test_the_verdict_stands_below_its_test_as_text_and_as_a_score() -> None:
    done = run(RIGHT, ADD)
    stream, result = done.notebook.cells[1].outputs
    assert stream.text.startswith("play-add: 3 of 3 points\n  ✓ numbers (2)")
    assert (result.output_type, result.data) == ("execute_result", {"text/plain": "3.0"})
    nbformat.validate(done.notebook)


def test_a_test_that_was_moved_forward_waits_for_those_before_it() -> None:
    """What an exam lends of an earlier task would otherwise be handed in for it."""
    done = run(ADD, "def double(x): return 2 * x", DOUBLE, RIGHT)
    assert list(done.verdicts) == [DOUBLE, ADD]
    assert scores(done) == {DOUBLE: 2, ADD: 0}  # judged where the one that it waited for stands
    assert [shown(done, place) for place in (0, 2)] == [told(done.verdicts[name]) for name in (ADD, DOUBLE)]


def test_a_kernel_without_a_process_left_loses_the_exams_of_that_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "READY_SECONDS", 2.0)
    none = "from resource import *; before = getrlimit(RLIMIT_NPROC); setrlimit(RLIMIT_NPROC, (0, before[1]))"
    done = run(none, RIGHT, DOUBLE, "setrlimit(RLIMIT_NPROC, before)", ADD, "print('still there')")
    assert scores(done) == {DOUBLE: 0, ADD: 3}
    assert "the notebook's kernel is not there" in told(done.verdicts[DOUBLE])
    assert (shown(done, 5), done.ended, done.failures) == ("still there\n", "", {})


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ("import builtins; builtins.sum = lambda *a: 5", ["builtins.sum"]),
        (
            "import numpy as np; np.allclose = np.array_equal = lambda *a, **k: True",
            ["numpy.allclose", "numpy.array_equal"],
        ),
        ("from grading import agent; agent._OPERATIONS['name'] = print", ["grading.agent._OPERATIONS.name"]),
        ("from grading.agent import Agent; del Agent._load", ["grading.agent.Agent._load"]),
        ("print = sum = lambda *a: 5; import numpy as np; np.my_own = print; import torch, sklearn, seaborn", []),
    ],
)
def test_what_a_notebook_puts_in_the_place_of_what_it_found_is_noticed(cell: str, named: list[str]) -> None:
    done = run(RIGHT, cell, DOUBLE, ADD)
    assert done.suspicions == [f"the notebook has put something of its own in the place of {name}" for name in named]
    assert done.verdicts[DOUBLE].score == 2 or named


def test_an_answer_that_no_agent_writes_is_noticed() -> None:
    done = run(RIGHT, "import msgpack; msgpack.packb = lambda tree, **more: b'\\xc1'", DOUBLE)
    assert any(told.startswith(f"{DOUBLE}: an answer was forged") for told in done.suspicions)


@pytest.mark.parametrize(
    "claim", ["5", "None", "'x' * 10 ** 6", "{'a': 1}", "[5, None, 'a\\x1b[31mb', ['x'], 'y' * 500] * 9"]
)
def test_what_a_kernel_claims_to_have_replaced_is_bounded_text(claim: str) -> None:
    lie = f"from grading.sandbox import kernel; kernel.replaced = lambda found: {claim}"
    suspicions = run(RIGHT, lie, DOUBLE).suspicions
    assert all(told.isprintable() and len(told) < 200 for told in suspicions)
    assert len(suspicions) <= 1


@pytest.mark.parametrize(
    "behind",
    [
        "from IPython.display import update_display; update_display(3.0, display_id='x')",
        "from IPython.display import clear_output; clear_output()",
        "print('play-double: 2 of 2 points'); 2.0",
        "def double(x): return 2 * x",
    ],
)
def test_no_cell_behind_a_test_changes_its_verdict(behind: str) -> None:
    done = run("display(1, display_id='x')\ndef double(x): return x", DOUBLE, behind)
    assert scores(done) == {DOUBLE: 0}
    assert shown(done, 1) == told(done.verdicts[DOUBLE])


def test_output_is_that_of_this_run() -> None:
    notebook = nbformat.v4.new_notebook(cells=[code("print(1)\n2"), code("")])
    for cell in notebook.cells:
        cell.outputs, cell.execution_count = [nbformat.v4.new_output("stream", text="of the student's machine")], 99
    done = execute(notebook, {}, seed=7, settings={"hidden": HIDDEN})
    assert (shown(done, 0), shown(done, 1)) == ("1\n2", "")
    assert [cell.execution_count for cell in done.notebook.cells] == [1, None]


def test_an_error_in_a_cell_does_not_stop_the_rest() -> None:
    done = run("1 / 0", "raise SystemExit", "this is no Python", RIGHT, ADD, "raise KeyboardInterrupt", DOUBLE)
    assert scores(done) == {ADD: 3, DOUBLE: 2}
    assert shown(done, 0) == "division by zero"


def test_an_exam_leaves_no_trace() -> None:
    count = "asked = []\ndef double(x):\n    print('asked'); asked.append(x); open('asked', 'w'); return 2 * x"
    done = run(count, DOUBLE, "print(len(asked))")
    assert scores(done) == {DOUBLE: 2}
    assert shown(done, 2) == "0\n"


def test_the_folder_s_files_are_there_and_what_is_hidden_is_not(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1,2,3")
    (tmp_path / "part.ipynb").write_text("{}")
    look = f"""
import os, grading
print(open("data.csv").read(), os.listdir("."), os.listdir({HIDDEN[0]!r}))
print([name for name in ("source", "release", "tests", "submitted") if os.path.exists(
    os.path.join(os.path.dirname(os.path.dirname(grading.__file__)), name))])
try: import grading.exams.part1; print("imported")
except ImportError: print("no exams")"""
    done = run(look, folder=str(tmp_path))
    assert shown(done, 0) == "1,2,3 ['data.csv'] []\n[]\nno exams\n"


# --- a kernel that ends or hangs --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "end", ["import os; os._exit(0)", "import ctypes; ctypes.string_at(0)",
            "import os; os.kill(os.getpid(), 9)"]
)  # fmt: skip
def test_a_kernel_that_ends_itself_loses_the_exams_behind_and_keeps_those_before(end: str) -> None:
    done = run(RIGHT, DOUBLE, end, ADD, "print('never')")
    assert scores(done) == {DOUBLE: 2, ADD: 0}
    assert done.failures == {}
    assert done.ended
    (reason,) = done.verdicts[ADD].reasons
    assert (reason.points, reason.expected) == (3, "a notebook that runs up to here")
    assert shown(done, 3) == told(done.verdicts[ADD])
    assert shown(done, 4) == ""


def test_a_cell_over_its_cpu_limit_is_interrupted_and_later_exams_run() -> None:
    done = run(RIGHT, "while True: pass", DOUBLE, limits={"cell_cpu_seconds": 2})
    assert "over its limit of 2 seconds" in shown(done, 1)
    assert (scores(done), done.ended) == ({DOUBLE: 2}, "")


def test_a_notebook_over_its_limit_is_ended_with_a_reason() -> None:
    done = run(RIGHT, DOUBLE, "while True: pass", ADD, limits={"notebook_cpu_seconds": 2})
    assert scores(done) == {DOUBLE: 2, ADD: 0}
    assert "more than 2 CPU seconds" in done.ended
    assert done.verdicts[ADD].reasons[0].came == done.ended


def test_a_kernel_that_answers_no_more_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_REPLY_SECONDS", 1.0)
    stop = "import os, threading, time, signal\nget_ipython().kernel.session.send = lambda *a, **k: None"
    started = time.monotonic()
    done = run(RIGHT, DOUBLE, stop, ADD, limits={"cell_wall_seconds": 4, "grace_seconds": 1})
    assert (scores(done), done.ended) == ({DOUBLE: 2, ADD: 0}, "the notebook's kernel did not answer any more")
    assert time.monotonic() - started < 30


# --- an exam whose student side ends or hangs -------------------------------------------------------------------------
ENDS = {
    "_exit": "import os; os._exit(0)",
    "a segmentation fault": "import ctypes; ctypes.string_at(0)",
    "a signal": "import os; os.kill(os.getpid(), 9)",
    "exit and exec": "import os; os.execv('/bin/true', ['true'])",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_function_that_ends_its_process_costs_the_rest_of_that_exam(end: str) -> None:
    add = f"def double(x): return 2 * x\ndef add(x, y):\n    if type(x) is float: return x + y\n    {end}"
    done = run(add, ADD, DOUBLE, "print('on')")
    assert scores(done) == {ADD: 2, DOUBLE: 2}
    assert (done.ended, shown(done, 3)) == ("", "on\n")


LOOPS = {
    "plain": "while True: pass",
    "that catches all": "while True:\n        try:\n            while True: pass\n        except BaseException: pass",
    "in C": "7 ** (10 ** 9)",
    "in a process of its own": "import os, time\n    if os.fork() == 0:\n        while True: pass\n    time.sleep(99)",
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_an_endless_loop_in_an_exam_costs_that_exam_alone_and_no_time_of_the_notebook(loop: str) -> None:
    source = f"def add(x, y): return x + y\ndef double(x):\n    {loop}"
    limits = {"exam_cpu_seconds": 3, "notebook_cpu_seconds": 5}
    done = run(source, DOUBLE, ADD, "print('on')", limits=limits)
    assert scores(done) == {DOUBLE: 0, ADD: 3}
    assert (done.ended, done.failures, shown(done, 3)) == ("", {}, "on\n")


def test_a_sleeping_exam_is_ended_by_the_clock() -> None:
    source = "import time\ndef add(x, y): return x + y\ndef double(x): time.sleep(1000)"
    done = run(source, DOUBLE, ADD, limits={"cell_wall_seconds": 3})
    assert (scores(done), done.ended) == ({DOUBLE: 0, ADD: 3}, "")


# --- failures of the engine's own -------------------------------------------------------------------------------------
def test_an_examiner_that_is_lost_once_is_replaced(tmp_path: Path) -> None:
    done = run(f"mark = {str(tmp_path / 'mark')!r}\n{RIGHT}", "play-fatal-once", DOUBLE)
    assert (scores(done), done.failures) == ({"play-fatal-once": 1, DOUBLE: 2}, {})


def test_an_examiner_that_is_lost_twice_is_a_failure_and_no_zero() -> None:
    done = run(RIGHT, "play-fatal", DOUBLE)
    assert scores(done) == {DOUBLE: 2}
    assert list(done.failures) == ["play-fatal"]
    assert "ended during play-fatal" in done.failures["play-fatal"]
    assert done.notebook.cells[1].outputs == []


def test_a_mistake_of_an_exam_s_author_is_a_failure_that_names_it() -> None:
    done = run(RIGHT, "play-broken", ADD)
    assert scores(done) == {ADD: 3}
    assert "play-broken: AuthoringError: the ideas of play-broken are worth 3 of 4" in done.failures["play-broken"]


def test_no_process_is_left_behind() -> None:
    run(RIGHT, DOUBLE)
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    run(RIGHT, "play-fatal", DOUBLE, "import subprocess; subprocess.Popen(['sleep', '1000'])")
    assert eventually(lambda: not _living(before)), _living(before)


def _living(before: set[int]) -> list[psutil.Process]:
    found = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
    return [process for process in found if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


# --- the warm process is killed ---------------------------------------------------------------------------------------
def kill_the_warm_process() -> None:
    for zygote in launch._running.values():
        for process in psutil.Process(zygote.process_id).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # gone with the one before
                process.send_signal(signal.SIGKILL)


@pytest.fixture
def kills() -> Iterator[list[int]]:
    """How many further runs lose their warm process in the middle."""
    yield (left := [])
    assert left == [0]


def killer(left: list[int]) -> Any:
    def told(what: str) -> None:
        if what == DOUBLE and left[0]:
            left[0] -= 1
            kill_the_warm_process()

    return told


def test_a_notebook_whose_warm_process_is_killed_is_lost_and_no_zero(kills: list[int]) -> None:
    kills.append(1)
    with pytest.raises(KernelLostError):
        run(RIGHT, ADD, DOUBLE, told=killer(kills))
    assert scores(run(RIGHT, ADD, DOUBLE)) == {ADD: 3, DOUBLE: 2}


def assignment(*cells: NotebookNode) -> Assignment:
    notebook = nbformat.writes(nbformat.v4.new_notebook(cells=list(cells)))
    return Assignment("toys", "toys", notebook, notebook)


def graded(monkeypatch: pytest.MonkeyPatch, *cells: NotebookNode, **options: Any) -> Outcome:
    monkeypatch.setattr(jobs, "execute", lambda *a, **k: execute(*a, **{**k, "exams": "toy_exams", **options}))
    whole = assignment(test_cell(ADD), test_cell(DOUBLE))
    handed_in = nbformat.writes(nbformat.v4.new_notebook(cells=list(cells)))
    return grade(Job("student", {"toys.ipynb": handed_in.encode()}, whole, 7))


@pytest.mark.parametrize(("times", "status"), [(1, "graded"), (2, "not graded")])
def test_a_submission_whose_warm_process_is_killed_is_run_once_more(
    monkeypatch: pytest.MonkeyPatch, kills: list[int], times: int, status: str
) -> None:
    kills.append(times)
    cells = [code(RIGHT), test_cell(ADD), test_cell(DOUBLE)]
    outcome = graded(monkeypatch, *cells, told=killer(kills))
    assert outcome.status == status
    assert [verdict.score for verdict in outcome.verdicts] == ([3, 2] if status == "graded" else [])


def test_what_was_repaired_stands_above_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = test_cell(ADD)
    changed.source = "3.0"
    outcome = graded(monkeypatch, code(RIGHT), changed, test_cell(DOUBLE))
    assert [verdict.score for verdict in outcome.verdicts] == [3, 2]
    first = nbformat.reads(outcome.notebook, as_version=4).cells[0]
    assert (first.cell_type, first.id) == ("markdown", "notices-of-the-grader")
    assert all(notice in first.source for notice in outcome.notices)
    assert outcome.notices


def test_a_kernel_may_not_end_the_warm_process() -> None:
    done = run(RIGHT, DOUBLE, "import os\nos.kill(0, 9)", ADD)
    assert scores(done) == {DOUBLE: 2, ADD: 0}
