"""After every forgery the same process has to grade an honest submission as if nothing had happened."""

from collections.abc import Iterator

import pytest

from grading.engine import execute
from tests.forgeries.tools import RIGHT, graded, handed_in, scores, shows_verdicts, small


@pytest.fixture(autouse=True)
def next_submission_gets_all_its_points() -> Iterator[None]:
    yield
    outcome = graded(handed_in(solution=RIGHT))
    assert scores(outcome) == {name: small().points[name] for name in scores(outcome)}
    assert (outcome.ended, outcome.suspicions) == ("", ())
    shows_verdicts(outcome)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less long for a kernel that will never answer."""
    monkeypatch.setattr(execute, "READY_SECONDS", 3.0)
    monkeypatch.setattr(execute, "_REPLY_SECONDS", 1.0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the suite as slow: whole notebooks, dozens of times."""
    for item in items:
        if "forgeries" in item.path.parts:
            item.add_marker(pytest.mark.slow)
