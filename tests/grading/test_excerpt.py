"""A part of a module's source runs by itself and shows nothing of the rest."""

import pytest

from grading.excerpt import excerpt

SOURCE = '''"""A module."""
import math
from typing import Any, final

LOG: list[Any] = []

def area(radius: float) -> float:
    return math.pi * square(radius)

def square(number: float) -> float:
    return number * number

class Base:
    def note(self) -> None:
        LOG.append(area(1))

@final
class Recorder(Base):
    """Records."""

def secret() -> str:
    return "the answer"
'''


@pytest.mark.parametrize(
    ("names", "defined"),
    [
        ([], set()),
        (["square"], {"square"}),
        (["area"], {"area", "square"}),
        (["Recorder"], {"Recorder", "Base", "area", "square"}),
        (["square", "secret"], {"square", "secret"}),
    ],
)
def test_what_is_named_comes_with_what_it_uses(names: list[str], defined: set[str]) -> None:
    namespace: dict[str, object] = {}
    exec(excerpt(SOURCE, names), namespace)
    everything = {"area", "square", "Base", "Recorder", "secret"}
    assert everything & set(namespace) == defined
    assert {"math", "Any", "LOG"} <= set(namespace)


def test_nothing_of_the_rest_is_shown() -> None:
    text = excerpt(SOURCE, ["Recorder"])
    assert "secret" not in text
    assert "the answer" not in text


def test_what_is_not_defined_is_named() -> None:
    with pytest.raises(LookupError, match="Missing, math"):
        excerpt(SOURCE, ["area", "math", "Missing"])
