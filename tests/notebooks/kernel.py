"""A notebook, run as a student or a grader would run it: cell after cell in a real kernel."""

import copy
import os
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from grading.engine.execute import is_test
from tests.tools import text_of

CPU = "import time; print(time.process_time())"


@dataclass(frozen=True)
class Run:
    """An executed notebook, and the CPU seconds of its kernel: in the first code cell, of imports, and after it."""

    notebook: NotebookNode
    import_seconds: float
    cpu_seconds: float

    def output(self, cell_id: str) -> str:
        """Return what a cell printed and showed as text, errors included."""
        (cell,) = (cell for cell in self.notebook.cells if cell.id == cell_id)
        return text_of(cell)

    def errors(self) -> dict[str, str]:
        """Return the errors by the id of their cells."""
        return {
            cell.id: f"{output.ename}: {output.evalue}"
            for cell in self.notebook.cells
            for output in cell.get("outputs", [])
            if output.output_type == "error"
        }


def without_tests(notebook: NotebookNode, *left_out: str) -> NotebookNode:
    """Return a copy without hidden tests, and without the cells whose ids begin in one of these ways."""
    kept = copy.deepcopy(notebook)
    kept.cells = [cell for cell in kept.cells if not (is_test(cell) or cell.id.startswith(left_out))]
    return kept


def run(notebook: NotebookNode, folder: Path, **environment: str) -> Run:
    """Run a copy of a notebook in a fresh kernel; errors don't stop it."""
    notebook = copy.deepcopy(notebook)
    # Nothing of whoever runs the tests: Jupyter's own backend draws the figures.
    foreign = ("LAB_", "NBGRADER_", "GRADING_", "MPLBACKEND")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    client = NotebookClient(
        notebook, timeout=3600, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    code = [place for place, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    notebook.cells.append(new_code_cell(CPU))
    clock = len(notebook.cells) - 1
    with client.setup_kernel(env={**settings, **environment}):
        booted = _clock(client, clock)
        client.execute_cell(notebook.cells[code[0]], code[0])
        started = _clock(client, clock)
        for place in code[1:]:
            client.execute_cell(notebook.cells[place], place)
        ended = _clock(client, clock)
    notebook.cells.pop()
    nbformat.validate(notebook)
    return Run(notebook, started - booted, ended - started)


def _clock(client: NotebookClient, place: int) -> float:
    cell = client.nb.cells[place] = new_code_cell(CPU)
    client.execute_cell(cell, place)
    return float(cell.outputs[0].text)
