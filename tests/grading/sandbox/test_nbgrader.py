"""nbgrader's step that runs a notebook: once more where the warm process died, and only there."""

import os
import signal
import threading
import time

import nbformat
import pytest
from nbclient.exceptions import DeadKernelError

from grading.sandbox.launch import PRELOAD, shared_zygote
from grading.sandbox.nbgrader import ExecuteAgain


@pytest.fixture(autouse=True)
def sandboxed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "sandbox")


def notebook(*sources: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def test_a_submission_whose_warm_process_died_is_run_again() -> None:
    warm = shared_zygote(PRELOAD, sandbox=True)

    def kill() -> None:
        time.sleep(2)
        os.kill(warm.process_id, signal.SIGKILL)
        warm.close()

    killer = threading.Thread(target=kill)
    killer.start()
    executed, _ = ExecuteAgain().preprocess(
        notebook("print('first')", "import time; time.sleep(3)", "print(6 * 7)"), {}
    )
    killer.join()
    assert [output.text for cell in executed.cells for output in cell.outputs] == ["first\n", "42\n"]
    assert shared_zygote(PRELOAD, sandbox=True) is not warm


def test_a_submission_that_ends_its_own_kernel_is_not_run_again() -> None:
    step = ExecuteAgain()
    runs: list[float] = []
    step.on_cell_start = lambda cell, cell_index: runs.append(time.monotonic())
    with pytest.raises(DeadKernelError):
        step.preprocess(notebook("import os; os._exit(3)"), {})
    assert len(runs) == 1
