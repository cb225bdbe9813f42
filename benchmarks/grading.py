"""What grading costs: stock nbgrader, the engine, and the floor below both; `make bench-grading`.

Two classes are graded in turn: light submissions, of two tasks of Part II with a test each, and the sample class of
Part I. CPU seconds are those of every process that takes part. The engine's are measured one submission after another
in this process, its wall seconds by its command with all cores; stock nbgrader has no more than one.
"""

import itertools
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
from grading.release import ROOT, build, copy_course, environment
from tests.samples import notebook_path, solution_cells
from tests.samples.submissions import classroom, fill

PAGE = ROOT / "docs" / "instructor.md"
LIGHT_PART, CLASS_PART = "part2", "part1"
LIGHT_TASKS = ("embedding-mlp", "cross-domain")
LIGHT = ("setup", *LIGHT_TASKS, "test-embedding-mlp", "test-evaluate")
_ROUNDS = 3
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
def course(part: str, cells: tuple[str, ...] = ()) -> Iterator[Path]:
    """Make a course of one part, or of some of its cells, with nobody in it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copy_course(part, root)
        if cells:
            path = root / notebook_path("source", part).relative_to(ROOT)
            notebook = nbformat.read(path, as_version=4)
            notebook.cells = [cell for cell in notebook.cells if cell.id in cells]
            nbformat.write(notebook, path)
        build(part, root)
        yield root


def hand_in(root: Path, part: str, student: str, cells: dict[str, str], only: tuple[str, ...] = ()) -> None:
    """Put a submission into a course."""
    notebook = fill(part, cells)
    notebook.cells = [cell for cell in notebook.cells if not only or cell.id in only]
    folder = root / "submitted" / student / part
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / notebook_path("release", part).name)


def measure(root: Path, part: str, few: int) -> Costs:
    """Measure a course's class: the engine's wall seconds on all submissions, everything else on a few."""
    students = sorted(path.name for path in (root / "submitted").iterdir())
    some = students[:few]
    grade(part, root, Options(tuple(some[:1])), console, _Here)  # starts the warm process
    floors, engines = [], []
    for _ in range(_ROUNDS):  # in turns: a machine that is slow for a minute is slow for both
        floors.append(statistics.mean(_floor(root, part, some)))
        engines.append(_engine(root, part, some))
    floor, engine = statistics.median(floors), statistics.median(engines)
    engine_wall = _timed(root, "grading", "run", part, "--force")[1] / len(students)
    for student in students[few:]:
        shutil.move(root / "submitted" / student, root / f"later-{student}")
    stock, stock_wall = _timed(root, "nbgrader", "autograde", part, "--force")
    return Costs(floor, engine, stock / few, engine_wall, stock_wall / few)


def _engine(root: Path, part: str, students: list[str]) -> float:
    """Return the CPU seconds a submission that the engine takes, in this process and all that it has started."""
    before = _cpu_of_all()
    report = grade(part, root, Options(tuple(students), force=True), console, _Here)
    kernels = sum(outcome.cpu_seconds for outcome in report.outcomes.values())  # nobody's children once they have ended
    return (_cpu_of_all() - before + kernels) / len(students)


class _Here(Executor):
    """Runs what it is given at once, in this process, so that it can be seen what it costs."""

    _max_workers = 1

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **options))
        return future


def _floor(root: Path, part: str, students: list[str]) -> list[float]:
    """Return the CPU seconds of each student's cells and exams alone."""
    assignment = assignments.load(part, root)
    notebooks = []
    for student in students:
        notebook = prepare(files_of(root / "submitted" / student / part), assignment).notebook
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
        f"Measured by `make bench-grading` on {machine()}: {students[0]} light submissions (two tasks of Part II) and "
        f"copies of the sample class of Part I, {students[1]}. Seconds for each submission.",
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
        "The *floor* is the same cells and exams in one process without walls that has imported what every kernel of "
        f"the sandbox has by default. CPU seconds are medians of {_ROUNDS} rounds, floor and engine in turns; the "
        "engine's wall seconds hold its start. "
        f"On the sample class no grader on two cores could be more than {bound:.1f} times faster than stock.",
    ]
    return "\n".join(lines)


@app.command()
def costs(light: int = 60, copies_of_class: int = 2, write: bool = False) -> None:
    """Print what a submission costs, and whether that is within the bounds; `--write` puts it into the docs."""
    solution = {task: solution_cells("source", LIGHT_PART)[task] for task in LIGHT_TASKS}
    with course(LIGHT_PART, LIGHT) as root:
        for number in range(light):
            hand_in(root, LIGHT_PART, f"light-{number:03}", solution, LIGHT)
        lightly = measure(root, LIGHT_PART, 10)
    students = classroom(CLASS_PART)
    with course(CLASS_PART) as root:
        for number, student in itertools.product(range(copies_of_class), students):
            hand_in(root, CLASS_PART, f"{number}-{student.id}", student.cells)
        wholly = measure(root, CLASS_PART, len(students))
    text = table(lightly, wholly, (light, copies_of_class * len(students)))
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
    students = classroom(CLASS_PART)
    with course(CLASS_PART) as root:
        for place in range(number):
            hand_in(root, CLASS_PART, f"copy-{place:04}", students[place % len(students)].cells)
        started = time.perf_counter()
        run = subprocess.Popen([sys.executable, "-m", "grading", "run", CLASS_PART], cwd=root, env=environment())
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
