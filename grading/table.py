"""The table of scores: base and bonus apart, and why points were lost."""

from rich import box
from rich.markup import escape
from rich.table import Table

from grading.gradebook import CellScore, Submission


def table(part: str, found: list[Submission], *, every_reason: bool = False) -> Table:
    """Lay out submissions for a terminal: base and bonus apart, and why points were lost."""
    result = Table(title=f"Scores of {part}", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    result.add_column("student", no_wrap=True)
    for heading in ("tests", "bonus", "answers", "total"):
        result.add_column(heading, no_wrap=True, justify="right")
    result.add_column("lost points", overflow="fold")
    for submission in found:
        result.add_row(*_row(submission, every_reason))
    return result


def _row(submission: Submission, every_reason: bool) -> list[str]:
    if not submission.cells:
        reason = escape(submission.reason) or "see the log of nbgrader autograde"
        return [submission.student, *4 * ["–"], f"[yellow]not graded: {reason}[/yellow]"]
    tests, bonus, answers = submission.points(), submission.points(bonus=True), submission.points(manual=True)
    waiting = len(submission.to_grade())
    return [
        submission.student,
        f"{tests:g}/{submission.maximum():g}",
        f"{bonus:g}/{submission.maximum(bonus=True):g}",
        f"{waiting} to grade" if waiting else f"{answers:g}/{submission.maximum(manual=True):g}",
        f"{tests + bonus + answers:g}",
        escape("\n".join(_lost_lines(submission, every_reason))) or "[green]none[/green]",
    ]


def _lost_lines(submission: Submission, every_reason: bool) -> list[str]:
    """Return a line for each reason; cells that share one (not attempted, a name that is missing) share a line."""
    shared: dict[str, list[CellScore]] = {}
    for cell in submission.cells:
        if cell.manual or (cell.score is not None and cell.score >= cell.max_score):
            continue
        if cell.score is None:  # a run that was interrupted, or an exam that failed
            shared.setdefault("no score yet: grade it again", []).append(cell)
            continue
        reasons = [f"{reason.idea}: {reason.came}" for reason in cell.reasons]
        whole = {reason.came.partition(" in ")[0] for reason in cell.reasons}
        if len(whole) == 1 and not cell.score and not every_reason:
            reasons = list(whole)
        for reason in reasons or ["no reason was recorded"]:
            shared.setdefault(reason, []).append(cell)
    return [f"{_cells(cells)}: {reason}" for reason, cells in shared.items()]


def _cells(cells: list[CellScore]) -> str:
    return cells[0].grade_id if len(cells) == 1 else f"{len(cells)} tests"
