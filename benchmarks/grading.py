"""What grading costs: stock nbgrader, the engine, and the floor below both; `make bench-grading`.

Two classes of Part I are graded in turn: light submissions, of one task with two tests, and the sample class. CPU
seconds are those of every process that takes part. The engine's are measured one submission after another in this
process, its wall seconds by its command with all cores; stock nbgrader has no more than one.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil
import typer
from rich.console import Console

from benchmarks.pages import machine, put_between
from grading.engine import assignment as assignments
from grading.engine.command import grade
from grading.engine.execute import is_test
from grading.engine.intake import files_of, prepare
from grading.engine.run import Options
from grading.release import ROOT, build, environment
from tests.samples import notebook_path, solution_cells
from tests.samples.submissions import classroom, fill

PART = "part1"
PAGE = ROOT / "docs" / "instructor.md"
LIGHT = ("setup", "mlp-from-scratch", "test-mlp-activations", "test-mlp-loss")
AROUND = 5.6
"""CPU seconds that stock nbgrader spends around the cells of a submission: imports, mostly."""
MOST_BEYOND, MOST_SHARE, LEAST_RATIO = 0.4, 0.25, 8.0
console = Console()
app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Costs:
    """Seconds for each submission of a class: `floor`, `engine` and `stock` of CPU, the rest of wall time."""

    floor: float
    engine: float
    stock: float
    engine_wall: float
    stock_wall: float

    @property
    def beyond(self) -> float:
        """What the engine adds to the floor."""
        return self.engine - self.floor

    @property
    def ratio(self) -> float:
        """How many submissions the engine grades while stock nbgrader grades one."""
        return self.stock_wall / self.engine_wall


@contextmanager
def course(cells: tuple[str, ...] = ()) -> Iterator[Path]:
    """Make a course of Part I, or of some of its cells, with nobody in it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("nbgrader_config.py", "pyproject.toml"):
            shutil.copy(ROOT / name, root)
        shutil.copytree(ROOT / "source" / PART, root / "source" / PART)
        if cells:
            path = root / notebook_path("source", PART).relative_to(ROOT)
            notebook = nbformat.read(path, as_version=4)
            notebook.cells = [cell for cell in notebook.cells if cell.id in cells]
            nbformat.write(notebook, path)
        build(PART, root)
        yield root


def hand_in(root: Path, student: str, cells: dict[str, str], only: tuple[str, ...] = ()) -> None:
    """Put a submission into a course."""
    notebook = fill(PART, cells)
    notebook.cells = [cell for cell in notebook.cells if not only or cell.id in only]
    folder = root / "submitted" / student / PART
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / notebook_path("release", PART).name)


def measure(root: Path, most_stock: int) -> Costs:
    """Measure a course's class; stock nbgrader grades no more than so many of it."""
    students = sorted(path.name for path in (root / "submitted").iterdir())
    floor = statistics.mean(_floor(root, students))
    grade(PART, root, Options(students[:1]), console, _Here)  # starts the warm process
    before = _cpu_of_all()
    grade(PART, root, Options(force=True), console, _Here)
    engine = (_cpu_of_all() - before) / len(students)
    engine_wall = _timed(root, "grading", "run", PART, "--force")[1] / len(students)
    some = students[:most_stock]
    for student in students[most_stock:]:
        shutil.move(root / "submitted" / student, root / f"later-{student}")
    stock, stock_wall = _timed(root, "nbgrader", "autograde", PART, "--force")
    return Costs(floor, engine, stock / len(some), engine_wall, stock_wall / len(some))


class _Here(Executor):
    """Runs what it is given at once, in this process, so that it can be seen what it costs."""

    _max_workers = 1

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **options))
        return future


def _floor(root: Path, students: list[str]) -> list[float]:
    """Return the CPU seconds of each student's cells and exams alone."""
    assignment = assignments.load(PART, root)
    notebooks = []
    for student in students:
        notebook = prepare(files_of(root / "submitted" / student / PART), assignment).notebook
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        tests = assignment.source_cells
        notebooks.append(
            [tests[cell.metadata.nbgrader.grade_id].source if is_test(cell) else cell.source for cell in cells]
        )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.floor"], cwd=ROOT, input=json.dumps(notebooks), stdout=subprocess.PIPE,
        text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def _cpu_of_all() -> float:
    """Return the CPU seconds of this process, of all below it, and of all that have ended there."""
    here = psutil.Process()
    total = 0.0
    for process in [here, *here.children(recursive=True)]:
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _timed(root: Path, *command: str) -> tuple[float, float]:
    """Run one of our commands in a course; return its CPU and its wall seconds."""
    before, started = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-m", *command], cwd=root, env=environment(), capture_output=True, check=False)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, time.perf_counter() - started


def table(light: Costs, whole: Costs, students: tuple[int, int]) -> str:
    """Return what was measured, as Markdown."""
    bound = 2 * (whole.floor + AROUND) / whole.floor
    lines = [
        f"Measured by `make bench-grading` on {machine()}: {students[0]} light submissions (one task, two tests) and "
        f"the sample class of {students[1]}. Seconds for each submission.",
        "",
        "| | floor, CPU | engine, CPU | stock, CPU | engine, wall | stock, wall | engine is faster |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, costs in (("light", light), ("sample class", whole)):
        numbers = (costs.floor, costs.engine, costs.stock, costs.engine_wall, costs.stock_wall)
        cells = " | ".join(f"{number:.2f}" for number in numbers)
        lines.append(f"| {name} | {cells} | {costs.ratio:.1f} times |")
    lines += [
        "",
        "The *floor* is the same cells and exams in one warm process without walls. The engine's wall seconds hold its "
        f"start. On the sample class no grader on two cores could be more than {bound:.1f} times faster than stock.",
    ]
    return "\n".join(lines)


@app.command()
def costs(light: int = 40, stock: int = 4, write: bool = False) -> None:
    """Print what a submission costs, and whether that is within the bounds; `--write` puts it into the docs."""
    with course(LIGHT) as root:
        solution = {"mlp-from-scratch": solution_cells("source", PART)["mlp-from-scratch"]}
        for number in range(light):
            hand_in(root, f"light-{number:03}", solution, LIGHT)
        lightly = measure(root, stock)
    students = classroom(PART)
    with course() as root:
        for student in students:
            hand_in(root, student.id, student.cells)
        wholly = measure(root, len(students))
    text = table(lightly, wholly, (light, len(students)))
    console.print(text, highlight=False, soft_wrap=True)
    if write:
        put_between(PAGE, text, "make bench-grading")
    good = lightly.ratio >= LEAST_RATIO
    console.print(f"Throughput on light submissions: {lightly.ratio:.1f} times stock (at least {LEAST_RATIO:g}).")
    for name, found in (("light", lightly), ("sample class", wholly)):
        most = max(MOST_BEYOND, MOST_SHARE * found.floor)
        console.print(f"Beyond the floor, {name}: {found.beyond:.2f} CPU s a submission (at most {most:.2f}).")
        good &= found.beyond <= most
    raise typer.Exit(not good)


@app.command()
def copies(number: int = 300, write: bool = False) -> None:
    """Grade copies of the sample class, and print how much memory the run holds as it goes on."""
    students = classroom(PART)
    with course() as root:
        for place in range(number):
            hand_in(root, f"copy-{place:04}", students[place % len(students)].cells)
        started = time.perf_counter()
        run = subprocess.Popen([sys.executable, "-m", "grading", "run", PART], cwd=root, env=environment())
        held: list[float] = []
        watcher = threading.Thread(target=_watch, args=(run, held))
        watcher.start()
        run.wait()
        watcher.join()
        minutes = (time.perf_counter() - started) / 60
    tenth = max(len(held) // 10, 1)
    early, late = statistics.median(held[tenth : 3 * tenth]), statistics.median(held[-2 * tenth : -tenth])
    text = (
        f"{number} submissions, copies of the sample class, in {minutes:.1f} minutes on {machine()}: all processes of "
        f"the run together held {early:.0f} MiB in its second tenth, {late:.0f} MiB in its last but one, and "
        f"{max(held):.0f} MiB at most."
    )
    console.print(text, highlight=False, soft_wrap=True)
    if write:
        put_between(PAGE, text, "make bench-copies")
    raise typer.Exit(bool(run.returncode) or late > 1.2 * early)


def _watch(run: subprocess.Popen[bytes], held: list[float]) -> None:
    """Note the MiB that a run's processes hold, shared pages shared out among them, until it ends."""
    while run.poll() is None:
        total = 0.0
        for process in [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]:
            try:
                total += process.memory_full_info().pss / (1 << 20)
            except psutil.Error:
                continue
        held.append(total)
        time.sleep(2)


if __name__ == "__main__":
    app()
