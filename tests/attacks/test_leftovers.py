"""What is left of a grader's work: success would be a process, a mount, a group or a file that nobody removes."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.sandbox.cgroups import ROOT as GROUPS
from tests.attacks.tools import family, kernels, survivors, waiting
from tests.sandboxes import Grader

MESS = """
import os, subprocess, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
subprocess.Popen(["sleep", "1000"], start_new_session=True)
open("/dev/shm/left", "wb").write(bytes(1 << 20))
"""


@pytest.fixture
def place(grader: Grader, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that no other grader uses."""
    folder = Path(tempfile.mkdtemp(prefix="g"))
    folder.chmod(0o777)
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def mounts() -> list[str]:
    return [line.split(" ", 2)[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def groups() -> set[Path]:
    return set(GROUPS.glob("**/grading-sandbox-*"))


def groups_of(numbers: set[int], before: set[Path]) -> list[Path]:
    """Return the groups that these processes made; the system gives numbers away again, so not those from before."""
    return [path for path in groups() - before if int(path.name.split("-")[2]) in numbers]


def test_nothing_is_left_after_a_graders_life(grader: Grader, place: Path) -> None:
    before, groups_before, seen = mounts(), groups(), []
    own = Grader(grader.user)
    with waiting(own, MESS, preload=[]) as (kernel, _):
        seen += family(own)
        numbers = {process.pid for process in seen}
        assert len(list(place.glob("sandbox-*"))) == 2
        if grader.user == "root" and os.access(GROUPS, os.W_OK):
            assert groups_of(numbers, groups_before)
        assert kernel in seen and len(seen) > 9
    own.run(MESS + "os._exit(1)", preload=[])
    own.run("import os; os.kill(os.getpid(), 11)", preload=[], start="cold")
    assert not groups_of(numbers, groups_before)
    assert len(list(place.glob("sandbox-*"))) == 1  # of the warm process, which is there for the next notebook
    assert not kernels(own)
    seen += family(own)
    own.close()
    assert survivors(seen) == []
    assert not groups_of({process.pid for process in seen}, groups_before)
    assert list(place.iterdir()) == []
    assert [mount for mount in mounts() if mount not in before] == []


def test_a_grader_that_is_killed_takes_its_notebooks_along(grader: Grader, place: Path) -> None:
    groups_before = groups()
    own = Grader(grader.user)
    with contextlib.suppress(AssertionError, ValueError), waiting(own, MESS, preload=[]):
        seen = family(own)
        next(
            process for process in seen if "tests.sandboxes" in process.cmdline() and "bwrap" not in process.name()
        ).kill()
        time.sleep(0.2)
    assert len(seen) > 9
    assert survivors(seen) == []
    own._process.wait(10)
    own._process.stdin.close()
    own._process.stdout.close()
    again = Grader(grader.user)
    assert again.run("print('on')", preload=[]).text(0) == "on\n"
    again.close()
    assert not groups_of({process.pid for process in seen}, groups_before)
