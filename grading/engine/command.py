"""`python -m grading run` and `status`: the engine on the command line."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing.connection import wait
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from grading.database import configuration, gradebook_url
from grading.engine import assignment as assignments
from grading.engine.journal import Journal
from grading.engine.record import Recorder
from grading.engine.run import Options, Report, Standing, cores, run, submitted
from grading.sandbox.launch import KERNEL


def grade(
    part: str, root: Path, options: Options, console: Console, make: Callable[[], Executor] | None = None
) -> Report:
    """Grade a part, with a bar that shows how far it is, who is being graded and how long it takes.

    Parameters
    ----------
    make
        Makes what runs the submissions, in place of what the options say.

    Raises
    ------
    LookupError, GradebookError, BusyError
        As `run.run`.
    """
    config = configuration(root)
    options.settings = {**dict(config.SandboxProvisioner), **options.settings}
    options.settings.setdefault("hidden", [str(Path(__file__).parents[1] / "exams")])
    assignment = assignments.load(part, root)
    # Nothing else: what a warm process holds is taken over by every kernel, and again by every exam.
    options.settings.setdefault("preload", [*KERNEL, *assignment.imports])
    recorder = Recorder(root, part, assignment.name, gradebook_url(root, options.database), config)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left:"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("starting", total=None)

        def told(standing: Standing) -> None:
            idle = "graded" if standing.total else "nothing to do"
            running = ", ".join(standing.running[:3]) or idle
            bars.update(bar, total=standing.total, completed=standing.done, description=running)

        return run(part, root, options, recorder, make or executors(options), told)


def executors(options: Options) -> Callable[[], Executor]:
    """Return what makes executors: of processes of this machine, or of a Dask cluster."""
    if not options.cluster:
        return processes(options.jobs or cores())
    try:
        from distributed import Client
    except ImportError:
        raise LookupError("--cluster needs Dask; run: pip install distributed") from None
    return lambda: Client(options.cluster).get_executor()


def processes(jobs: int) -> Callable[[], Executor]:
    """Return what makes an executor of that many processes, with one thread for each submission."""

    def make() -> Executor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(jobs, context, initializer=_work_alone)

    return make


def _work_alone() -> None:
    """Be a worker: Ctrl-C is for the run, which then ends its workers; where it is killed, so are they."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_run, daemon=True).start()


def _end_with_the_run() -> None:
    if run_ := multiprocessing.parent_process():
        wait([run_.sentinel])
        os._exit(1)


def summary(report: Report) -> list[str]:
    """Return what a run came to, in lines for a terminal."""
    outcomes = report.outcomes.values()
    graded = sum(outcome.complete for outcome in outcomes)
    lines = [f"{graded} of {len(report.outcomes)} graded, {len(report.kept)} of them before; seed {report.seed}"]
    for outcome in outcomes:
        if outcome.status != "graded":
            lines.append(f"[yellow]{outcome.student}: {outcome.status}: {escape(outcome.reason)}[/yellow]")
        for name, reason in outcome.failures.items():
            lines.append(f"[yellow]{outcome.student}: {name} has no verdict: {escape(reason)}[/yellow]")
        lines += [f"[yellow]{outcome.student}: look at this: {escape(what)}[/yellow]" for what in outcome.suspicions]
        if outcome.sandbox != "full":
            lines.append(f"[red]{outcome.student}: graded without a sandbox[/red]")
    lines += [f"[red]{escape(reason)}; run again[/red]" for reason in report.unrecorded.values()]
    return lines


def standing(part: str, root: Path) -> list[tuple[str, str, str]]:
    """Return for each submission of a part who handed it in, how it stands, and why."""
    journal = Journal(root, part)
    rows: list[tuple[str, str, str]] = []
    for student in submitted(root, part):
        student = student if student.isprintable() else ascii(student)
        outcome, recorded = journal.last(student)
        if outcome is None:
            rows.append((student, "waiting", ""))
        elif not recorded:
            rows.append((student, "not recorded", "run again"))
        else:
            told = [outcome.ended, *outcome.notices, *(f"look at this: {what}" for what in outcome.suspicions)]
            reason = outcome.reason or "; ".join(filter(None, told))
            rows.append((student, outcome.status, reason))
    return rows
