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


def test_a_part_that_does_not_exist_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.releases, "ROOT", tmp_path)
    done = runner.invoke(cli.app, ["show", "part9"])
    assert done.exit_code == 1
    assert "does not know part9" in " ".join(done.output.split())  # it may be wrapped
    assert "Traceback" not in done.output
