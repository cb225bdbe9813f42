"""Files without end: success would be more of them than the limit, or that the machine's own disk or memory fills."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.attacks.tools import MIB, shared_mib, watched
from tests.sandboxes import Grader

FILL = """
import os
total = 0
for place in {places!r}:
    place = os.path.expanduser(place)
    try:
        for number in range(200):
            with open(f"{{place}}/filler{{number}}", "wb") as file:
                while True:
                    total += file.write(bytes(1 << 20))
                    file.flush()
    except OSError as error:
        print(place, error.errno)
    except ValueError:
        pass
print(total >> 20)
"""
MANY = """
import os
made = 0
for place in {places!r}:
    try:
        for number in range(5000):
            os.mkdir(f"{{os.path.expanduser(place)}}/{{number}}")
            made += 1
    except OSError:
        pass
print(made)
"""
PLACES = [".", "~", "/tmp", "/dev/shm", "/student", "/var/tmp", "/run", "/dev", "/dev/pts", "/", "/proc", "/sys"]
SMALL = {"files_bytes": 32 * MIB, "files": 500}


@pytest.mark.parametrize("places", [PLACES, ["/dev/shm", "/tmp"]], ids=["everywhere", "shared memory"])
def test_all_files_together_have_the_limit(grader: Grader, submission: Path, places: list[str]) -> None:
    free, before = shutil.disk_usage(tempfile.gettempdir()).free, shared_mib()
    with watched(shared_mib) as seen:
        result = grader.run(FILL.format(places=places), "print('on')", folder=submission, limits=SMALL)
    assert 20 < int(result.text(0).split()[-1]) <= 32 + len(PLACES)
    assert result.text(1) == "on\n"
    assert max(seen) - before < 32 + 64
    assert free - shutil.disk_usage(tempfile.gettempdir()).free < 100 * MIB
    assert sorted(path.name for path in submission.iterdir()) == ["data.csv", "part.ipynb"]


def test_empty_files_and_folders_are_counted(grader: Grader) -> None:
    result = grader.run(MANY.format(places=PLACES), "print('on')", limits=SMALL)
    assert 200 < int(result.text(0)) <= 500
    assert result.text(1) == "on\n"


def test_a_hole_in_a_file_and_a_deleted_file_lead_nowhere(grader: Grader) -> None:
    cell = """
import os
total, kept = 0, []
try:
    while True:
        file = open("gone", "wb", buffering=0)
        os.unlink("gone")
        total += sum(file.write(bytes(1 << 20)) for _ in range(8))
        kept.append(file)
except OSError:
    pass
try:
    with open("sparse", "wb") as file:
        file.truncate(1 << 40)
        total += 1 << 40
except OSError:
    pass
print(total >> 20)
"""
    before = shared_mib()
    result = grader.run(cell, "print('on')", limits=SMALL)
    assert int(result.text(0)) <= 40
    assert result.text(1) == "on\n"
    assert shared_mib() - before < 64
