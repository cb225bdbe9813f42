"""The self-checks of Parts II and III: right solutions pass, stubs are not attempted, nothing makes one raise."""

import pytest
from checking import CHECKS, REFERENCE, outcome, task_of

from helpers.checks.selfcheck import NOT_ATTEMPTED, NOT_YET, PASSED
from tests.samples import solution_cells

pytestmark = pytest.mark.usefixtures("as_in_grading")
STUBS = {part: solution_cells("release", part) for part in CHECKS}
NAMES = [(part, name) for part, checks in CHECKS.items() for name in checks.checks]
each = pytest.mark.parametrize(("part", "name"), NAMES)


@each
def test_the_reference_passes(part, name, capsys):
    assert PASSED in outcome(capsys, part, name, REFERENCE[part])


@each
def test_stubs_are_not_attempted(part, name, capsys):
    assert NOT_ATTEMPTED in outcome(capsys, part, name, STUBS[part])


@pytest.mark.parametrize(("part", "name"), [each for each in NAMES if each != ("part3", "compare-backbones")])
def test_a_check_needs_its_own_task_alone(part, name, capsys):
    """All but the bonus of Part III, whose reference calls two functions of Task 5."""
    task = task_of(name)
    assert PASSED in outcome(capsys, part, name, {**STUBS[part], task: REFERENCE[part][task]})


@pytest.mark.parametrize("value", [None, 5, "text", lambda *_, **__: None], ids=["none", "int", "str", "lambda"])
@each
def test_nothing_that_a_notebook_defines_makes_a_check_raise(part, name, value, capsys):
    checks = CHECKS[part]
    checks.check(name, {needed: value for check in checks.checks._checks.values() for needed in check.needs})
    assert NOT_YET in capsys.readouterr().out


@each
def test_hints_open_one_by_one_and_hold_no_loop(part, name):
    hints = CHECKS[part].checks._checks[name].hints
    assert len(hints) >= 2
    assert not any("\n" in hint for hint in hints)
