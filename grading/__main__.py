"""The command line: `python -m grading`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from grading import release as releases
from grading.database import GradebookError
from grading.engine import command
from grading.engine.journal import BusyError, Journal
from grading.engine.run import Options
from grading.gradebook import submissions
from grading.sandbox import probe
from grading.sandbox.errors import SandboxError
from grading.sandbox.launch import PRELOAD
from grading.table import table

app = typer.Typer(no_args_is_help=True, add_completion=False)
console = Console()


class Sandbox(StrEnum):
    """What submissions are run in."""

    FULL = "full"
    NONE = "none"


def _known(part: str) -> str:
    if part not in (there := releases.parts(releases.ROOT)):
        raise typer.BadParameter(f"source/ has no {part}; it has {', '.join(there) or 'no parts'}")
    return part


Part = Annotated[str, typer.Argument(help="The assignment, such as part1.", callback=_known)]
Database = Annotated[str, typer.Option(help="The gradebook's URL, such as postgresql+psycopg2://…")]


@contextmanager
def _told() -> Iterator[None]:
    """Say in one line why nothing can be done, and end with the exit status 2."""
    try:
        yield
    except (LookupError, GradebookError, BusyError, SandboxError) as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None


@app.callback()
def main() -> None:
    """Build releases, look at this machine, grade submissions, read grades."""


@app.command()
def release(
    part: Part,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail where release/ is out of date.")] = False,
    db: Database = "",
) -> None:
    """Build release/PART from source/PART with nbgrader, look for leaks in it, and let the gradebook know it."""
    try:
        stale = releases.differences(part) if check else []
        built = [] if check else releases.build(part, releases.ROOT, db)
    except RuntimeError as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    for path in built:
        console.print(f"built {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    for line in stale:
        console.print(f"[red]{line}[/red]", highlight=False)
    if stale:
        console.print(f"release/{part} is not what source/{part} gives: run make release PART={part} and commit it.")
        raise typer.Exit(1)
    if check:
        console.print(f"release/{part} is fresh.")


@app.command()
def doctor(
    brief: Annotated[bool, typer.Option("--brief", help="Only say what is missing.")] = False,
) -> None:
    """Find out whether submissions can be run in the sandbox here, and what to do where they can't."""
    held = True
    for finding in probe.findings(() if brief else PRELOAD):
        held &= finding.works is not False
        mark = {True: "[green]✓[/green]", None: "[yellow]·[/yellow]", False: "[red]✗[/red]"}[finding.works]
        if finding.works is False or not brief:
            console.print(f"{mark} {finding.subject}: {escape(finding.text)}", highlight=False, soft_wrap=True)
            if finding.remedy:
                console.print(f"    what to do: {escape(finding.remedy)}", highlight=False, soft_wrap=True)
    if not brief:
        console.print("Submissions are run in the sandbox." if held else "[red]There is no sandbox here.[/red]")
    raise typer.Exit(not held)


@app.command()
def run(
    part: Part,
    student: Annotated[list[str] | None, typer.Option(help="Only this student; may be given again.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Grade unchanged submissions as well.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="The grading seed; by default the part's own.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="How many at once; by default one a core.")] = 0,
    cluster: Annotated[str, typer.Option(help="A Dask scheduler, such as tcp://host:8786, in place of cores.")] = "",
    sandbox: Annotated[
        Sandbox | None,
        typer.Option(help="`none` runs submissions with your rights, and marks it; by default what is configured."),
    ] = None,
    db: Database = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who would be graded, and grade nobody.")] = False,
) -> None:
    """Grade the submissions of a part, in the sandbox, by exams outside of their reach.

    Exit status: 0 where every submission has a verdict; 1 where one has none; 2 where nothing could be graded.
    """
    settings = {"sandbox": sandbox.value} if sandbox else {}
    options = Options(tuple(student or ()), force, seed, jobs, cluster, db, settings)
    with _told():
        if dry_run:
            names = command.would_grade(part, releases.ROOT, options) or ["Nobody would be graded."]
            console.print("\n".join(names), highlight=False, markup=False, soft_wrap=True)
            return
        try:
            report = command.grade(part, releases.ROOT, options, console)
        except KeyboardInterrupt:
            console.print("Interrupted. What was graded is kept; the same command goes on from there.")
            raise typer.Exit(130) from None
    for line in command.summary(report):
        console.print(line, highlight=False, soft_wrap=True)
    raise typer.Exit(not report.complete)


@app.command()
def status(part: Part) -> None:
    """Say of every submission of a part whether it is graded, and where it isn't, why."""
    with _told():
        rows = command.standing(part, releases.ROOT)
    for name, state, reason in rows or [(f"submitted/*/{part}", "nobody has handed in", "")]:
        console.print(f"{name}: {state}{': ' if reason else ''}{escape(reason)}", highlight=False, soft_wrap=True)


@app.command()
def show(
    part: Part,
    student: Annotated[str, typer.Option(help="Only this student, with every reason.")] = "",
    db: Database = "",
) -> None:
    """Show names, scores and the reasons for lost points of what was graded."""
    with _told():
        found = submissions(part, releases.ROOT, db)
    outcomes = Journal(releases.ROOT, part).outcomes()
    found = [replace(one, reason=outcomes[one.student].reason) if one.student in outcomes else one for one in found]
    if student:
        found = [submission for submission in found if submission.student == student]
    if not found:
        console.print(f"Nobody has handed in {part}." if not student else f"{student} has not handed in {part}.")
        raise typer.Exit(1)
    console.print(table(part, found, every_reason=bool(student)))


if __name__ == "__main__":
    app()
