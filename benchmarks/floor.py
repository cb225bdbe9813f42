"""The floor that grading can't go below: a notebook's cells and exams in a fork of one warm process, and nothing else.

Reads a list of lists of cells as JSON on stdin, and prints the CPU seconds of each list, as JSON.
"""

import importlib
import json
import os
import sys

from IPython.core.interactiveshell import InteractiveShell

from grading.sandbox.launch import PRELOAD


def main() -> None:
    """Run each notebook in a fork."""
    os.environ |= {"NBGRADER_EXECUTION": "autograde", "OMP_NUM_THREADS": "1"}
    for name in (*PRELOAD, "grading"):
        importlib.import_module(name)
    print(json.dumps([cpu_seconds(cells) for cells in json.load(sys.stdin)]))


class _Shell(InteractiveShell):
    """Draws figures as a notebook does, without windows."""

    def enable_gui(self, gui: str | None = None) -> None:
        pass


def cpu_seconds(cells: list[str]) -> float:
    """Run cells in a fork of this process and return what they took, figures drawn as in a notebook."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            shell = _Shell.instance()
            shell.enable_matplotlib("inline")
            for cell in cells:
                shell.run_cell(cell)
            status = 0
        finally:
            os._exit(status)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"a notebook ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
