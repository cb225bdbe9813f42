"""A notebook of the course on the real data: its figures, its numbers, and the page of the docs made of them."""

import base64
import itertools
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from rich.console import Console

from benchmarks.pages import machine
from grading.release import ROOT
from tests.notebooks.kernel import Run, run, without_tests
from tests.samples import read

Results = dict[str, dict[str, Any]]
Row = tuple[str, Callable[[dict[str, Any]], str]]
console = Console()


def need_data(command: str) -> None:
    """End with a message where nobody said where the real data lie."""
    if not os.environ.get("LAB_DATA"):
        sys.exit(f"Say where the real MNIST lies: LAB_DATA=folder {command} (docs/data.md describes the folder).")


def measure_budgets(budgets: Sequence[str], measure_one: Callable[[str], tuple[Run, Any]]) -> tuple[Run, Results]:
    """Measure one budget after the other and say how long each took; return the last run, and all numbers."""
    results: Results = {}
    for budget in budgets:
        with console.status(f"Budget {budget}: minutes …"):
            executed, results[budget] = measure_one(budget)
        console.print(f"budget {budget}: {results[budget]['minutes']:.1f} minutes")
    return executed, results


def table(heading: str, command: str, data: str, results: Results, rows: Sequence[Row]) -> str:
    """Lay numbers out as Markdown: how and where they were measured, then a column a budget."""
    lines = [
        f"Measured by `LAB_DATA=folder {command}` on {machine()}, with {data}.",
        "",
        f"| {heading} | {' | '.join(f'`{budget}`' for budget in results)} |",
        "|---" * (1 + len(results)) + "|",
        *(f"| {name} | {' | '.join(show(result) for result in results.values())} |" for name, show in rows),
        f"| the whole notebook | {' | '.join(map(_minutes, results.values()))} |",
    ]
    return "\n".join(lines)


def _minutes(result: dict[str, Any]) -> str:
    return f"{result['minutes']:.1f} minutes"


def measure(
    part: str, budget: str, collect: str, exchanged: Mapping[str, tuple[str, str]] | None = None
) -> tuple[Run, dict[str, Any]]:
    """Execute a reference notebook on the data in `LAB_DATA`; return the run and its numbers.

    Parameters
    ----------
    part : str
        Such as "part1".
    budget : {"quick", "full"}
        How much is computed.
    collect : str
        Code that prints the numbers as JSON at the end; `minutes` is added to them.
    exchanged : mapping, optional
        Cell → a passage of it and what stands in its place.
    """
    # What students are checked and graded by is no part of the time that the notebook takes.
    notebook = without_tests(read("source", part), "check-", "bonus-")
    for cell in notebook.cells:
        if exchanged and cell.id in exchanged:
            cell.source = cell.source.replace(*exchanged[cell.id])
    notebook.cells.append(new_code_cell(collect, id="collect"))
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        executed = run(notebook, Path(folder), LAB_BUDGET=budget, LAB_DATA=os.environ["LAB_DATA"])
    minutes = (time.perf_counter() - started) / 60
    if executed.errors():
        raise RuntimeError(f"the notebook stopped: {executed.errors()}")
    return executed, {**json.loads(executed.output("collect")), "minutes": minutes}


def write_page(part: str, executed: Run, opening: str, table: str) -> None:
    """Write `docs/<part>.md`: an opening, a table, and each figure with the words that follow it."""
    page = "\n".join([opening, table, "", *_figures(part, executed)])
    (ROOT / "docs" / f"{part}.md").write_text(page, encoding="utf-8")


def _figures(part: str, executed: Run) -> list[str]:
    """Write the figures as PNG files; return a section of Markdown for each, with the words that follow it."""
    folder = ROOT / "docs" / "figures" / part
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    sections = []
    for cell, following in itertools.pairwise(executed.notebook.cells):
        pictures = [
            picture for output in cell.get("outputs", []) if (picture := output.get("data", {}).get("image/png"))
        ]
        if pictures:
            (folder / f"{cell.id}.png").write_bytes(base64.b64decode(pictures[0]))
            title = _title(cell)
            sections.append(f"## {title}\n\n![{title}](figures/{part}/{cell.id}.png)\n\n{following.source}\n")
    if not sections:
        sys.exit("The notebook showed no figure. Is MPLBACKEND set? Jupyter's own backend must draw them.")
    return sections


def _title(cell: NotebookNode) -> str:
    match = re.search(r'title="([^"]+)"', cell.source)
    assert match, f"the figure of {cell.id} has no title"
    return match[1]
