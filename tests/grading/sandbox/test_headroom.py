"""Each limit is ten times what the references need, so that no honest submission meets one.

Memory is the exception: six times in Part II, three times in Part III, where several networks are held at once.
"""

from typing import Any

import pytest
from nbclient import NotebookClient
from traitlets.config import Config

from grading.engine.execute import is_test
from grading.sandbox.manager import SandboxKernelManager
from grading.sandbox.policy import Limits
from tests.samples import read

PARTS = {"part1": 10, "part2": 6, "part3": 3}
"""By how many times the limit on memory exceeds the need; networks in torch take 300 and 600 MiB of the 2 GiB."""
OF_THE_KERNEL = 16
"""Processes and threads that a kernel has before it runs anything, and descriptors a few times that."""


@pytest.mark.parametrize("part", PARTS)
def test_the_reference_runs_on_a_tenth_of_every_limit(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    tenth: dict[str, Any] = {name: most // 10 for name, most in Limits().as_dict().items()}
    tenth["memory_bytes"] = Limits().memory_bytes // PARTS[part]
    tenth["processes"] += OF_THE_KERNEL
    notebook = read("source", part)
    client = NotebookClient(
        notebook,
        kernel_manager_class=SandboxKernelManager,
        config=Config({"SandboxProvisioner": {"limits": tenth}}),
        shutdown_kernel="immediate",
        timeout=300,
    )
    client.execute()  # raises where a cell fails, or the kernel dies
    tests = [cell for cell in notebook.cells if is_test(cell)]
    assert len(tests) >= 10
    for cell in tests:
        assert float(cell.outputs[-1].data["text/plain"]) == cell.metadata.nbgrader.points
    assert "was cut off" not in str(notebook)
