"""A grader as root and as an ordinary user, and a place on the machine that is worth attacking."""

import contextlib
import resource
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.sandboxes import USERS, Grader


@pytest.fixture(scope="session")
def graders() -> Iterator[Callable[[str], Grader]]:
    """One grader for each user, started when it is first asked for and kept: a parameter of a fixture is not."""
    with contextlib.ExitStack() as stack:

        @cache
        def of(user: str) -> Grader:
            running = Grader(user)
            stack.callback(running.close)
            running.run("1")  # starts the warm process, so that it is there to be compared with
            return running

        yield of


@pytest.fixture(params=USERS)
def grader(request: pytest.FixtureRequest, graders: Callable[[str], Grader]) -> Grader:
    """A grader that runs every attack, and must be as good as new after each."""
    return graders(request.param)


@pytest.fixture
def neighbour(grader: Grader) -> Iterator[Grader]:
    """Another grader of the same user, with as few open files as most systems allow."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most[1]))
    try:
        running = Grader(grader.user)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
    yield running
    running.close()


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    """The folder of a submission, which the ordinary user can read: a data file and the notebook beside it."""
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "data.csv").write_text("1,2,3\n")
    (folder / "part.ipynb").write_text("hidden tests")
    for path in (folder, *folder.parents):
        if path == Path("/tmp") or path.owner() != Path("/proc/self").owner():
            break
        path.chmod(path.stat().st_mode | 0o055)
    return folder


@pytest.fixture(autouse=True)
def next_submission_is_graded_as_if_nothing_had_happened(grader: Grader) -> Iterator[None]:
    """After every attack, whatever it did."""
    yield
    result = grader.run("import numpy as np; print(int(np.arange(4).sum()))", "import os; os.listdir()")
    assert (result.text(0), result.text(1), result.died) == ("6\n", "[]", "")
