"""What a submission may do: limits are checked, and of the environment only what is named comes in."""

from dataclasses import fields

import hypothesis.strategies as st
import pytest
from hypothesis import given

from grading.sandbox.policy import FIXED_VARIABLES, REFUSED_CALLS, Limits, environment

NAMES = [field.name for field in fields(Limits)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "60", float("nan"), float("inf")])
def test_a_limit_is_a_whole_number_from_one_on_and_an_error_names_it(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        Limits.of({name: value})


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 1 << 62)))
def test_changed_limits_are_taken_and_the_others_stay(changed: dict[str, int]) -> None:
    limits = Limits.of(changed)
    assert limits.as_dict() == {**Limits().as_dict(), **changed}
    assert Limits.of(limits.as_dict()) == limits
    assert 0 < limits.process_memory_bytes <= limits.memory_bytes


@given(st.text().filter(lambda name: name not in NAMES))
def test_an_unknown_limit_is_an_error_that_names_it_and_those_that_there_are(name: str) -> None:
    with pytest.raises(ValueError) as caught:
        Limits.of({name: 1})
    assert name in str(caught.value)
    assert all(known in str(caught.value) for known in NAMES)


SECRETS = (
    "AWS_SECRET_ACCESS_KEY",
    "GITHUB_TOKEN",
    "LD_PRELOAD",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "BASH_ENV",
    "SSH_AUTH_SOCK",
)


@given(st.dictionaries(st.one_of(st.sampled_from(SECRETS), st.text(min_size=1)), st.text()))
def test_nothing_of_the_graders_environment_comes_in_but_what_is_named(outside: dict[str, str]) -> None:
    inside = environment(outside, "/programs")
    assert not set(SECRETS) & set(inside)
    assert inside.items() >= FIXED_VARIABLES.items()


@pytest.mark.parametrize("name", ["LANG", "LC_ALL", "LC_NUMERIC", "TZ", "GRADING_SEED", "NBGRADER_EXECUTION"])
def test_language_time_zone_and_the_seed_come_in(name: str) -> None:
    assert environment({name: "as it is"}, "/programs")[name] == "as it is"


@pytest.mark.parametrize(
    "name", ["LANGX", "XLANG", "LC_", "lc_all", "TZDIR", "NBGRADER_DB", "GRADING_SEED2", "LANG\nX"]
)
def test_names_that_only_look_like_those_do_not(name: str) -> None:
    assert name not in environment({name: "x"}, "/programs")


def test_a_course_can_name_more_variables_but_not_change_the_fixed_ones() -> None:
    inside = environment(
        {"LAB_DATA": "here", "HOME": "/home/me", "PATH": "/mine"}, "/programs", ("LAB_DATA", "HOME", "PATH")
    )
    assert inside["LAB_DATA"] == "here"
    assert inside["HOME"] == FIXED_VARIABLES["HOME"]
    assert inside["PATH"].split(":")[0] == "/programs"
    assert "/mine" not in inside["PATH"]


def test_every_refused_call_is_refused_for_one_reason() -> None:
    names = [name for calls in REFUSED_CALLS.values() for name in calls]
    assert len(names) == len(set(names))
