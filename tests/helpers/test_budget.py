"""Which budget holds, and that each number in it is the student's to change."""

from dataclasses import fields

import pytest

from helpers.budget import (
    BUDGETS,
    PART1,
    PART2,
    PART3,
    Part1Budget,
    Part2Budget,
    Part3Budget,
    budget_name,
    get_budget,
    part1_budget,
)

TABLES = {"part1": (Part1Budget, PART1), "part2": (Part2Budget, PART2), "part3": (Part3Budget, PART3)}


@pytest.mark.parametrize(
    ("execution", "setting", "expected"),
    [
        (None, None, "quick"),
        (None, "", "quick"),
        (None, "full", "full"),
        (None, "grade", "grade"),
        ("autograde", None, "grade"),
        ("autograde", "full", "grade"),
        ("validate", "full", "grade"),
        ("autograde", "nonsense", "grade"),
        ("something-else", "full", "full"),
    ],
)
def test_grading_wins_over_the_setting_and_the_setting_over_the_default(monkeypatch, execution, setting, expected):
    for name, value in (("NBGRADER_EXECUTION", execution), ("LAB_BUDGET", setting)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert budget_name() == expected


def test_a_wrong_setting_names_the_right_ones(monkeypatch):
    monkeypatch.setenv("LAB_BUDGET", "fast")
    with pytest.raises(ValueError, match="LAB_BUDGET is 'fast'; expected one of grade, quick, full"):
        part1_budget()


@pytest.mark.parametrize("part", TABLES)
def test_the_table_fills_every_field(part):
    cls, table = TABLES[part]
    assert {field.name for field in fields(cls)} == {"name", *table}
    for column, name in enumerate(BUDGETS):
        budget = get_budget(part, name)
        assert {field: getattr(budget, field) for field in table} == {f: row[column] for f, row in table.items()}
        assert budget.describe().startswith(f"{name}: ")


@pytest.mark.parametrize("part", TABLES)
def test_no_budget_computes_more_than_the_next(part):
    for row in (row for field, row in TABLES[part][1].items() if field != "n_jobs"):  # -1 means all cores
        sizes = [len(cell) if isinstance(cell, tuple) else cell for cell in row]
        assert sizes == sorted(sizes)


def test_a_field_is_changed_in_place_for_this_budget_alone():
    budget = part1_budget("quick")
    budget.epochs = 5
    assert (budget.epochs, part1_budget("quick").epochs) == (5, 20)
    assert "5 epochs" in budget.describe()
    assert "\n" not in budget.describe()


def test_a_mistyped_field_is_an_error():
    with pytest.raises(AttributeError):
        part1_budget().epoch = 5  # type: ignore[attr-defined]


def test_wrong_names_list_the_right_ones():
    assert get_budget("part1", "full") == part1_budget("full")
    with pytest.raises(ValueError, match="'part9'; expected one of part1"):
        get_budget("part9")
    with pytest.raises(ValueError, match="grade, quick, full"):
        get_budget("part1", "huge")
