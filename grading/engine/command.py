"""`python -m grading run` and `status`: the engine on the command line."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from traitlets import TraitError
from traitlets.config import Config

from grading.database import CONFIGURATION, configuration, gradebook_url
from grading.engine import assignment as assignments
from grading.engine.assignment import Assignment
from grading.engine.intake import files_of, prepare
from grading.engine.job import Job, Outcome
from grading.engine.journal import Journal
from grading.engine.record import Recorder
from grading.engine.run import Options, Report, Standing, cores, run, submitted, to_grade
from grading.sandbox.launch import KERNEL
from grading.sandbox.policy import Limits
from grading.sandbox.provisioner import SANDBOX_VARIABLE, SandboxProvisioner


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
        As `run.run`; `LookupError` also where a setting or the cluster's address can't be used.
    """
    config, assignment = configuration(root), assignments.load(part, root)
    options = replace(options, settings=sandbox_settings(config, assignment, options.settings))
    recorder = Recorder(root, part, assignment.name, gradebook_url(root, options.database), config)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left:"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as bars, nullcontext(make) if make else executors(options) as workers:
        bar = bars.add_task("starting", total=None)

        def told(standing: Standing) -> None:
            idle = "graded" if standing.total else "nothing to do"
            running = ", ".join(standing.running[:3]) or idle
            bars.update(bar, total=standing.total, completed=standing.done, description=running)

        return run(part, root, options, recorder, workers, told)


def would_grade(part: str, root: Path, options: Options) -> list[str]:
    """Return the students whom `grade` would grade. Nothing is run or written.

    Raises
    ------
    LookupError
        As `grade`.
    """
    settings = sandbox_settings(configuration(root), assignments.load(part, root), options.settings)
    return to_grade(part, root, replace(options, settings=settings))


def sandbox_settings(config: Config, assignment: Assignment, chosen: dict[str, Any]) -> dict[str, Any]:
    """Return how submissions are run: as is chosen, else as is configured.

    Raises
    ------
    LookupError
        Where that can't be: said once, before it fails for each submission.
    """
    settings = {**config.SandboxProvisioner, **chosen}
    try:
        provisioner = SandboxProvisioner(config=Config({"SandboxProvisioner": settings}))
        Limits.of(provisioner.limits)
        settings["sandbox"] = provisioner.sandbox  # of the environment, where nothing else says it
    except (TraitError, ValueError) as error:
        mend = f"mend c.SandboxProvisioner in {CONFIGURATION}, or {SANDBOX_VARIABLE}"
        raise LookupError(f"the sandbox can't be set like that: {error}; {mend}") from None
    # Nothing else: what a warm process holds is taken over by every kernel, and again by every exam.
    settings.setdefault("preload", [*KERNEL, *assignment.imports])
    return settings


@contextmanager
def executors(options: Options) -> Iterator[Callable[[], Executor]]:
    """Give what makes executors: of processes of this machine, or of a Dask cluster, which is left at the end.

    Raises
    ------
    LookupError
        Where there is no Dask; and by what is given, where no scheduler answers.
    """
    if not options.cluster:
        yield processes(options.jobs or cores())
        return
    try:
        from distributed import Client
        from distributed.comm import connect
    except ImportError:
        raise LookupError("--cluster needs Dask; run: pip install distributed") from None

    async def look() -> None:
        await (await connect(options.cluster)).close()

    with ExitStack() as clients:

        def make() -> Executor:
            try:
                asyncio.run(look())  # a Client that meets nobody can't be closed, and waits for itself when it goes
            except (OSError, ValueError) as error:
                raise LookupError(
                    f"no Dask scheduler answers at {options.cluster} ({error}); start one with `dask scheduler` and "
                    "give the address that it prints, such as tcp://host:8786"
                ) from None
            return clients.enter_context(Client(options.cluster)).get_executor()

        yield make


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
    """Return for each submission of a part who handed it in, how it stands, and why.

    Raises
    ------
    LookupError
        Where the part or a setting can't be used.
    """
    journal, assignment = Journal(root, part), assignments.load(part, root)
    settings = sandbox_settings(configuration(root), assignment, {})
    rows: list[tuple[str, str, str]] = []
    for student in submitted(root, part):
        name = student if student.isprintable() else ascii(student)
        outcome, recorded = journal.last(name)
        if outcome is None:
            rows.append((name, "waiting", ""))
        elif name == student and not _is_of(outcome, root / "submitted" / student / part, assignment, settings):
            rows.append((name, "changed, waiting", "the submission, the assignment or a setting"))
        elif not recorded:
            rows.append((name, "not recorded", "run again"))
        else:
            told = [outcome.ended, *outcome.notices, *(f"look at this: {what}" for what in outcome.suspicions)]
            reason = outcome.reason or "; ".join(filter(None, told))
            rows.append((name, outcome.status, reason))
    return rows


def _is_of(outcome: Outcome, folder: Path, assignment: Assignment, settings: dict[str, Any]) -> bool:
    """Say whether an outcome is of the files that are there now, by the seed and in the sandbox that it was made."""
    try:
        files = files_of(folder)
        if outcome.verdicts:
            settings = {**settings, "sandbox": outcome.sandbox}
            return Job(outcome.student, files, assignment, outcome.verdicts[0].seed, settings).key == outcome.key
        prepare(files, assignment)
    except Exception as error:  # as in `job.grade`, which gives it as the reason
        return str(error) in outcome.reason
    return outcome.status != "set aside"
