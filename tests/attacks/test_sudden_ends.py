"""Kernels that end by themselves: success would be a grader that falls over or waits, or a verdict without a reason."""

import pytest

from tests.attacks.tools import kernels, zygotes
from tests.sandboxes import Grader


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("import os; os._exit(7)", "7"),
        ("import os; os._exit(0)", ""),
        ("import ctypes; ctypes.string_at(0)", "-11"),
        ("import os; os.abort()", "-6"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ""),
        ("import os; os.closerange(0, 1024); import time; time.sleep(600)", ""),
    ],
    ids=["exit", "exit as if all were well", "segmentation fault", "abort", "kill", "close everything"],
)
def test_a_kernel_that_ends_itself_ends_alone(grader: Grader, cell: str, said: str) -> None:
    warm = zygotes(grader)
    limits = {"cell_wall_seconds": 2, "grace_seconds": 1}
    result = grader.run("print('before')", cell, "print('on')", limits=limits, timeout=20)
    assert result.text(0) == "before\n" and result.text(2) == ""
    assert result.died
    assert said in " ".join(result.log)
    assert not kernels(grader)
    assert zygotes(grader) == warm
