"""The command line: what it prints, and its exit status."""

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from grading import __main__ as cli
from grading.gradebook import CellScore, Reason, Submission

runner = CliRunner()


def text_of(found: list[Submission], **options: bool) -> str:
    console = Console(width=100, record=True, quiet=False, file=None)
    with console.capture() as captured:
        console.print(cli.table("part1", found, **options))
    return captured.get()


def test_help_lists_the_commands() -> None:
    text = runner.invoke(cli.app, ["--help"]).output
    assert "release" in text
    assert "show" in text


def test_release_check_passes_on_this_checkout() -> None:
    done = runner.invoke(cli.app, ["release", "part1", "--check"])
    assert done.exit_code == 0
    assert "is fresh" in done.output


def test_a_part_that_does_not_exist_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.releases, "ROOT", tmp_path)
    done = runner.invoke(cli.app, ["show", "part9"])
    assert done.exit_code == 1
    assert "does not know part9" in " ".join(done.output.split())  # it may be wrapped
    assert "Traceback" not in done.output


def test_a_submission_without_grades_is_listed() -> None:
    assert "not graded" in text_of([Submission("somebody", ())])


def test_cells_that_share_a_reason_share_a_line() -> None:
    lost = (Reason("everything (4)", "not attempted yet in f, line 3 of its cell"),)
    cells = tuple(CellScore(f"test-{name}", 0.0, 4.0, manual=False, reasons=lost) for name in "abc")
    assert "3 tests: not attempted yet" in text_of([Submission("somebody", cells)])


def test_a_test_without_a_score_is_not_taken_for_a_full_one() -> None:
    cells = (CellScore("test-a", None, 3.0, manual=False), CellScore("discuss-b", None, 3.0, manual=True))
    assert "test-a: no score yet" in text_of([Submission("somebody", cells)])


def test_brackets_in_a_reason_are_no_markup() -> None:
    lost = (Reason("values (2)", "[red] at index [0]"),)
    cells = (CellScore("test-a", 1.0, 3.0, manual=False, reasons=lost),)
    assert "[red] at index [0]" in text_of([Submission("somebody", cells)])
