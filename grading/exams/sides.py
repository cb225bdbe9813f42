"""Sides of an exam: what a student wrote as it stands, and the same with trusted neighbours."""

from collections.abc import Callable
from typing import Any

from grading.handle import StudentError
from grading.judge import Fail


def either(judge: Callable[[Any], None], *sides: Callable[[], Any]) -> None:
    """Judge one side after another until one passes: the student's own first, then those with trusted neighbours.

    The first says whether what the student wrote works together, the others whether what is judged works by itself:
    either earns the points, so that a mistake in a neighbour costs only there.

    Raises
    ------
    Fail or StudentError
        What the first side failed by, if all fail.
    """
    first: Exception | None = None
    for side in sides:
        try:
            judge(side())
        except (Fail, StudentError) as error:
            first = first or error
        else:
            return
    assert first is not None
    raise first


def once(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that makes something at its first call; what it raised then, it raises again."""
    made: list[Any] = []
    raised: list[Exception] = []

    def get() -> Any:
        if raised:
            raise raised[0]
        if not made:
            try:
                made.append(make())
            except Exception as error:
                raised.append(error)
                raise
        return made[0]

    return get
