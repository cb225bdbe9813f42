"""The table of scores: what it says of lost points."""

from rich.console import Console

from grading.gradebook import CellScore, LostIdea, Submission
from grading.table import table


def text_of(found: list[Submission], **options: bool) -> str:
    console = Console(width=100, record=True, quiet=False, file=None)
    with console.capture() as captured:
        console.print(table("part1", found, **options))
    return captured.get()


def test_a_submission_without_grades_is_listed() -> None:
    assert "not graded" in text_of([Submission("somebody", ())])


def test_cells_that_share_a_reason_share_a_line() -> None:
    lost = (LostIdea("everything (4)", "not attempted yet in f, line 3 of its cell"),)
    cells = tuple(CellScore(f"test-{name}", 0.0, 4.0, manual=False, reasons=lost) for name in "abc")
    assert "3 tests: not attempted yet" in text_of([Submission("somebody", cells)])


def test_a_test_without_a_score_is_not_taken_for_a_full_one() -> None:
    cells = (CellScore("test-a", None, 3.0, manual=False), CellScore("discuss-b", None, 3.0, manual=True))
    assert "test-a: no score yet" in text_of([Submission("somebody", cells)])


def test_brackets_in_a_reason_are_no_markup() -> None:
    lost = (LostIdea("values (2)", "[red] at index [0]"),)
    cells = (CellScore("test-a", 1.0, 3.0, manual=False, reasons=lost),)
    assert "[red] at index [0]" in text_of([Submission("somebody", cells)])
