"""Reading grades: base and bonus, manual scores, reasons out of printed verdicts."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_notebook, new_output
from nbgrader.api import Gradebook

from grading.database import GradebookError
from grading.exam import Reason, Verdict
from grading.gradebook import CellScore, LostIdea, Submission, _lost, submissions


def printed(*reasons: Reason) -> list:
    verdict = Verdict("test-x", 5.0, 1.0, reasons, seed=1, cpu_seconds=0.0)
    return [new_output("stream", text="\n".join(verdict.lines()) + "\n")]


def test_reasons_are_read_from_what_a_verdict_prints() -> None:
    earned = Reason("the shape", 1.0, earned=True)
    lost = Reason("the mean", 4.0, earned=False, expected="a mean", came="a sum", hint="divide", kind="fail")
    assert list(_lost(printed(earned, lost))) == [LostIdea("the mean (4)", "a sum")]


def test_a_full_verdict_has_no_reasons() -> None:
    assert list(_lost(printed(Reason("the shape", 5.0, earned=True)))) == []


def test_an_error_is_a_reason() -> None:
    output = new_output("error", ename="RuntimeError", evalue="broken", traceback=[])
    assert list(_lost([output])) == [LostIdea("no verdict", "RuntimeError: broken")]


def test_base_bonus_and_answers_are_summed_apart() -> None:
    cells = (
        CellScore("test-a", 3.0, 4.0, manual=False),
        CellScore("bonus-b", 2.0, 6.0, manual=False),
        CellScore("discuss-c", None, 5.0, manual=True),
    )
    found = Submission("somebody", cells)
    assert (found.points(), found.points(bonus=True), found.points(manual=True)) == (3.0, 2.0, 0.0)
    assert (found.maximum(), found.maximum(bonus=True), found.maximum(manual=True)) == (4.0, 6.0, 5.0)
    assert found.to_grade() == ["discuss-c"]


def test_an_unknown_part_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(GradebookError, match="make release PART=part9"):
        submissions("part9", tmp_path)
    assert not list(tmp_path.iterdir())


def test_grades_are_read_from_the_gradebook_that_is_named_else_from_the_configured_one(tmp_path: Path) -> None:
    for name in ("named", "configured"):
        with Gradebook(f"sqlite:///{tmp_path / name}") as gradebook:
            gradebook.add_assignment("part1")
            gradebook.add_student(name)
            gradebook.add_submission("part1", name)
        (tmp_path / "autograded" / name / "part1").mkdir(parents=True)
        nbformat.write(new_notebook(), tmp_path / "autograded" / name / "part1" / "n.ipynb")
    setting = f"get_config().CourseDirectory.db_url = 'sqlite:///{tmp_path / 'configured'}'"
    (tmp_path / "nbgrader_config.py").write_text(setting, encoding="utf-8")
    assert [found.student for found in submissions("part1", tmp_path)] == ["configured"]
    named = submissions("part1", tmp_path, f"sqlite:///{tmp_path / 'named'}")
    assert [found.student for found in named] == ["named"]
    assert not (tmp_path / "gradebook.db").exists()
