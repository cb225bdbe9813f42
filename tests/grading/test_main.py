"""The command line: what it prints, and its exit status."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from grading import __main__ as cli

runner = CliRunner()


def test_help_lists_the_commands() -> None:
    text = runner.invoke(cli.app, ["--help"]).output
    assert "release" in text
    assert "show" in text


def test_release_check_passes_on_this_checkout() -> None:
    done = runner.invoke(cli.app, ["release", "part1", "--check"])
    assert done.exit_code == 0
    assert "is fresh" in done.output


@pytest.mark.parametrize(
    "command", ["release part9", "run part9", "run part9 --dry-run --student nobody", "status part9", "show part9"]
)
def test_a_part_that_does_not_exist_is_an_error_that_names_those_that_do(command: str) -> None:
    done = runner.invoke(cli.app, command.split())
    assert done.exit_code == 2
    assert "source/ has no part9; it has part1, part2, part3" in done.output
    assert "Traceback" not in done.output


def test_a_gradebook_without_the_part_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source" / "part1").mkdir(parents=True)
    (tmp_path / "source" / "part1" / "one.ipynb").touch()
    monkeypatch.setattr(cli.releases, "ROOT", tmp_path)
    done = runner.invoke(cli.app, ["show", "part1"])
    assert done.exit_code == 2
    assert done.output.strip().endswith("run: make release PART=part1")


def test_a_student_who_has_not_handed_in_is_an_error_in_a_dry_run_too() -> None:
    done = runner.invoke(cli.app, ["run", "part1", "--student", "nobody", "--dry-run"])
    assert done.exit_code == 2
    assert "there is no folder submitted/nobody/part1; put the student's notebook into it" in done.output


def test_a_sandbox_is_full_or_none() -> None:
    done = runner.invoke(cli.app, ["run", "part1", "--dry-run", "--sandbox", "partly"])
    assert done.exit_code == 2
    assert "'full', 'none'" in " ".join(done.output.replace("│", "").split())  # it may be wrapped
