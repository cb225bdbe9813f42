"""Code that never ends: success would be a notebook that goes on, or one that takes the cells after it along."""

import pytest

from tests.attacks.tools import kernels
from tests.sandboxes import Grader

SHORT = {"cell_cpu_seconds": 1, "grace_seconds": 1}


def test_a_loop_is_interrupted_and_the_next_cell_runs(grader: Grader) -> None:
    result = grader.run("while True:\n    pass", "print('on')", limits=SHORT)
    assert result.error(0) == "KeyboardInterrupt" and "limit of 1 seconds" in result.text(0)
    assert (result.text(1), result.died) == ("on\n", "")


@pytest.mark.parametrize(
    "stubborn",
    [
        "while True:\n    try:\n        while True: sum(range(10000))\n    except BaseException: pass",
        "import signal\nfor number in range(1, 65):\n    try: signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: pass",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
        "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
    ],
    ids=["catches", "ignores", "blocks", "in one call of C"],
)
def test_a_loop_that_takes_no_interrupt_ends_its_notebook(grader: Grader, stubborn: str) -> None:
    result = grader.run(stubborn, "print('on')", limits=SHORT)
    if result.error(0) == "KeyboardInterrupt" and "SIG_IGN" not in stubborn:
        # The interrupt found a way: between two tries, to another thread, or by a look for signals in C.
        assert result.text(1) == "on\n"
        return
    assert result.died and result.text(1) == ""
    assert "over its limit went on for 1 seconds" in " ".join(result.log)
    assert not kernels(grader)


def test_a_tree_of_busy_children_counts_while_the_cell_waits(grader: Grader) -> None:
    cell = """
import os
for _ in range(2):
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            while True: pass
        os._exit(0)
import time
time.sleep(600)
"""
    result = grader.run(cell, "print('on')", limits={**SHORT, "notebook_cpu_seconds": 3})
    assert result.error(0) == "KeyboardInterrupt"
    assert "3 CPU seconds" in " ".join(result.log) or result.text(1) == "on\n"
    assert not kernels(grader)


SHORT_LIVED = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    if os.fork() == 0:
        end = time.process_time() + 0.03
        while time.process_time() < end: pass
        os._exit(0)
    time.sleep(0.04)
"""


def test_children_that_nobody_buries_do_not_buy_time_for_ever(grader: Grader) -> None:
    """Their CPU time is lost to their parent: where the system does not count, time on the clock is the limit."""
    limits = {"cell_cpu_seconds": 1, "cell_wall_seconds": 4, "grace_seconds": 1}
    result = grader.run(SHORT_LIVED, "print('on')", limits=limits)
    assert result.error(0) == "KeyboardInterrupt" or result.died
    assert not kernels(grader)


def test_a_cell_that_sleeps_for_ever_is_woken(grader: Grader) -> None:
    result = grader.run("import time; time.sleep(10**6)", "print('on')", limits={"cell_wall_seconds": 1})
    assert result.error(0) == "KeyboardInterrupt"
    assert result.text(1) == "on\n"


def test_a_kernel_that_stops_itself_is_ended(grader: Grader) -> None:
    limits = {"cell_wall_seconds": 1, "grace_seconds": 1}
    result = grader.run("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "print('on')", limits=limits)
    assert result.died or result.text(1) == "on\n"
    assert not kernels(grader)


def test_a_loop_between_cells_counts_for_the_notebook(grader: Grader) -> None:
    cell = "import threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()"
    wait = "import time\nfor _ in range(60): time.sleep(0.1)"
    result = grader.run(cell, wait, limits={"notebook_cpu_seconds": 2})
    assert result.died and "2 CPU seconds" in " ".join(result.log)
