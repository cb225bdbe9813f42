"""nbgrader's step that runs a notebook: once more where the warm process died, and only there."""

import nbformat
import psutil
import pytest
from nbclient.exceptions import DeadKernelError

from grading.sandbox.launch import PRELOAD, shared_zygote
from grading.sandbox.manager import SandboxKernelManager
from grading.sandbox.nbgrader import ExecuteAgain


def notebook(*sources: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def test_a_submission_whose_warm_process_died_is_run_again() -> None:
    warm = shared_zygote(PRELOAD, sandbox=True)
    # Named, since Jupyter reads the variable that selects the sandbox once in a process.
    step = ExecuteAgain(kernel_manager_class=SandboxKernelManager)
    started: list[int] = []

    def kill_once(cell: nbformat.NotebookNode, cell_index: int) -> None:
        started.append(cell_index)
        if started == [0, 1]:  # all that the warm process has forked goes with the first process of its namespace
            (init,) = psutil.Process(warm.process_id).children()
            init.kill()

    step.on_cell_start = kill_once
    executed, _ = step.preprocess(notebook("print('first')", "import time; time.sleep(3)", "print(6 * 7)"), {})
    assert started == [0, 1, 0, 1, 2]
    assert [output.text for cell in executed.cells for output in cell.outputs] == ["first\n", "42\n"]
    assert shared_zygote(PRELOAD, sandbox=True) is not warm


def test_a_submission_that_ends_its_own_kernel_is_not_run_again() -> None:
    step = ExecuteAgain(kernel_manager_class=SandboxKernelManager)
    runs: list[int] = []
    step.on_cell_start = lambda cell, cell_index: runs.append(cell_index)
    with pytest.raises(DeadKernelError):
        step.preprocess(notebook("import os; os._exit(3)"), {})
    assert runs == [0]
