"""`make demo`: build the release, hand in a sample class, grade it, write feedback, show what came out.

Everything happens to the sample students alone, so that it may be run beside the work of a real class.
"""

import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from grading.engine.command import grade, summary
from grading.engine.run import Options
from grading.gradebook import Submission, submissions
from grading.release import ROOT, build, environment
from grading.sandbox import probe
from grading.table import table
from tests.samples import Student
from tests.samples.submissions import PREFIX, classroom, points, write

console = Console()


def main(part: str) -> None:
    """Run the demo for a part; exit with 1 where a score is not what it should be."""
    console.print(f"[bold]1 · Release[/bold]   release/{part}/ from source/{part}/")
    for path in build(part):
        console.print(f"    {path.relative_to(ROOT)}")
    students = classroom(part)
    console.print(f"[bold]2 · Class[/bold]     {len(students)} sample submissions in submitted/{PREFIX}*/")
    write(part, ROOT)
    if _sandbox():
        ids = tuple(student.id for student in students)
        report = grade(part, ROOT, Options(ids, force=True), console)
        for line in summary(report):
            console.print(f"    {line}", highlight=False)
    else:
        _nbgrader(part, "autograde", "grading", len(students))
    console.print("[bold]4 · Feedback[/bold]  a page a student")
    _nbgrader(part, "generate_feedback", "writing", len(students))
    found = [submission for submission in submissions(part, ROOT) if submission.student.startswith(PREFIX)]
    console.print()
    console.print(table(part, found))
    wrong = surprises(part, students, found)
    programs = Path(sys.executable).parent
    jupyter = (programs.relative_to(ROOT) if programs.is_relative_to(ROOT) else programs) / "jupyter"
    console.print(
        f"\n[bold]Look at[/bold] feedback/{PREFIX}grace/{part}/: what a student gets"
        f"\n        autograded/{PREFIX}grace/{part}/: the notebook as it was graded"
        f"\n        {jupyter} lab, then Nbgrader → Formgrader: answers to grade by hand"
        "\n        make clean: removes the sample class and its grades",
        highlight=False,
    )
    for line in wrong:
        console.print(f"[red]{line}[/red]", highlight=False)
    sys.exit(bool(wrong))


def _sandbox() -> bool:
    """Say whether submissions can be run in the sandbox, and return it."""
    if missing := [finding for finding in probe.findings(()) if finding.works is False]:
        console.print(
            f"[bold]3 · Grading[/bold]   with nbgrader, [yellow]without a sandbox[/yellow]: {escape(missing[0].text)}. "
            "Submissions run with your rights; python -m grading doctor says what to do.",
            soft_wrap=True,
        )
        return False
    console.print("[bold]3 · Grading[/bold]   in the sandbox, by exams out of the submissions' reach")
    return True


def _nbgrader(part: str, command: str, doing: str, total: int) -> None:
    """Run an nbgrader command on the sample class, with a bar that follows its log."""
    arguments = [sys.executable, "-m", "nbgrader", command, part, f"--student={PREFIX}*", "--force"]
    columns = (TextColumn("    {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    log = []
    with (
        Progress(*columns, console=console) as progress,
        subprocess.Popen(
            arguments,
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as run,
    ):
        bar = progress.add_task(doing, total=total)
        assert run.stdout is not None
        done: set[str] = set()
        for line in run.stdout:
            log.append(line)
            student = next((word for word in line.split("/") if word.startswith(PREFIX)), None)
            if student and "Converting notebook" in line and student not in done:
                done.add(student)
                progress.update(bar, completed=len(done) - 1, description=f"{doing} {student}")
        progress.update(bar, completed=total, description=doing)
    if run.returncode:
        console.print("".join(log[-20:]), highlight=False)
        sys.exit(f"nbgrader {command} failed; the lines above say why.")


def surprises(part: str, students: list[Student], found: list[Submission]) -> list[str]:
    """Return a line for each test whose score is not the one that the sample was written for, or that has none."""
    graded = {submission.student: submission for submission in found}
    lines = []
    for student in students:
        cells = {cell.grade_id: cell for cell in graded[student.id].cells} if student.id in graded else {}
        for grade_id, most in points(part).items():
            wanted, cell = most - student.lost.get(grade_id, 0.0), cells.get(grade_id)
            if cell is None or cell.score != wanted:
                came = "no score" if cell is None else f"{cell.score}"
                lines.append(f"{student.id}: {grade_id} got {came}, expected {wanted:g}")
    return lines


if __name__ == "__main__":
    main(*sys.argv[1:] or ["part1"])
