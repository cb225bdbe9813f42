"""Reading what is not the submission's: success would be any of the instructor's words in the notebook's outputs."""

import secrets
import sys
from pathlib import Path

import pytest

from tests.attacks.tools import SYSTEM_CALL, unprotected, waiting
from tests.sandboxes import ROOT, Grader

READ = """
import contextlib, glob, os
found = []
for path in {paths!r}:
    for way in (path, "/proc/self/root" + path, "/proc/1/root" + path, "/proc/self/cwd/" + "../" * 9 + path,
                "/proc/1/cwd/" + "../" * 9 + path, "/newroot" + path, "/oldroot" + path):
        with contextlib.suppress(OSError):
            found += os.listdir(way) if os.path.isdir(way) else [open(way, errors="replace").read()]
for parent, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(parent, name) not in {known!r}]
    found += [os.path.join(parent, name) for name in names + folders]
print(*found, sep="\\n")
"""


@pytest.fixture
def course(submission: Path) -> dict[str, Path]:
    """Files that others may read on this machine, so that no right of a file is what keeps them from a student."""
    marker = secrets.token_hex(8)
    places = {}
    for name in ("submitted/bea/part/part.ipynb", "source/part/part.ipynb", "gradebook.db", "home/.netrc"):
        path = places[name] = submission.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{marker} {name}")
        path.chmod(0o644)
    places["marker"] = Path(marker)
    return places


def reading(course: dict[str, Path]) -> str:
    paths = [*map(str, course.values()), "/etc/shadow", str(ROOT / "source"), str(ROOT / "tests"), str(Path.home())]
    known = ["/usr", "/proc", "/sys", sys.prefix, sys.base_prefix, str(ROOT / "grading"), str(ROOT / "helpers")]
    return READ.format(paths=paths, known=known)


def test_files_of_the_course_and_the_machine_are_not_there(
    grader: Grader, submission: Path, course: dict[str, Path]
) -> None:
    text = grader.run(reading(course), folder=submission).text(0)
    assert "data.csv" in text  # it did look
    assert str(course["marker"]) not in text
    assert "root:" not in text.replace("root:x:0:0:root:/root:/bin/sh", "")
    assert not [
        name
        for name in (path.name for path in (ROOT / "source").iterdir())
        if f"/source/{name}" in text or f"\n{name}\n" in text
    ]
    assert "sandboxes.py" not in text
    assert str(submission.parent) not in text


def test_the_notebook_itself_is_not_in_its_folder(grader: Grader, submission: Path) -> None:
    (submission / "more").mkdir()
    (submission / "more" / "copy.ipynb").write_text("hidden tests")
    text = grader.run(reading({}), folder=submission).text(0)
    assert "hidden tests" not in text
    assert ".ipynb" not in text


def test_the_same_files_are_read_without_a_sandbox(grader: Grader, submission: Path, course: dict[str, Path]) -> None:
    cell = f"print(*(open(path).read() for path in {[str(path) for path in list(course.values())[:-1]]}))"
    assert unprotected(grader, cell, folder=submission).text(0).count(str(course["marker"])) == 4


SECRETS = """
import glob, re
wanted, seen = re.compile(rb"SECRET_OF_TH[E]_GRADER"), 0
for path in glob.glob("/proc/[0-9]*/environ") + ["/proc/self/environ", "/proc/1/environ"]:
    try:
        seen += len(wanted.findall(open(path, "rb").read()))
    except OSError:
        pass
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in list(maps):
        span, rights = line.split()[:2]
        if rights.startswith("rw") and "[v" not in line:
            start, end = (int(part, 16) for part in span.split("-"))
            memory.seek(start)
            try:
                seen += len(wanted.findall(memory.read(end - start)))
            except OSError:
                pass
print("seen", seen > 0)
"""


def test_the_graders_environment_is_in_no_memory_that_a_submission_has(grader: Grader) -> None:
    assert grader.run(SECRETS).text(0) == "seen False\n"
    assert unprotected(grader, SECRETS).text(0) == "seen True\n"


DESCRIPTORS = """
import os
kernel = get_ipython().kernel
own = {0, 1, 2, kernel.parent.supervisor, *kernel.parent.listeners.values()}
for number in map(int, os.listdir("/proc/self/fd")):
    try:
        kind = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        continue
    if number not in own and kind.startswith("/") and kind != "/dev/null":
        print(number, kind)
    if number not in own and "memfd" in kind:
        print(number, kind)
"""


def test_no_descriptor_of_grader_or_warm_process_is_left_open(grader: Grader) -> None:
    with waiting(grader, DESCRIPTORS) as (kernel, results):
        outside = {entry.readlink().name for entry in Path(f"/proc/{grader.process_id}/fd").iterdir()}
        inside = {entry.readlink().name for entry in Path(f"/proc/{kernel.pid}/fd").iterdir()}
        shared = {name for name in inside & outside if name.startswith(("socket:", "pipe:"))}
        assert not shared
    assert results[0].text(0) == ""


HANDLES = (
    SYSTEM_CALL
    + """
folder = os.open("/usr", os.O_RDONLY)
handle, place = (ctypes.c_byte * 136)(), ctypes.c_int()
ctypes.cast(handle, ctypes.POINTER(ctypes.c_uint))[0] = 128
print(call(303, folder, b"", handle, ctypes.byref(place), 0x1000))
# The second file of an ext4 file system is its root, wherever a part of it is mounted.
root = (ctypes.c_byte * 16)(8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0)
print(call(304, folder, root, os.O_RDONLY))
"""
)


def test_files_are_not_opened_past_their_path(grader: Grader) -> None:
    """With a handle, the root of the disk can be opened from any folder of it that is mounted."""
    with waiting(grader, HANDLES) as (kernel, results):
        open_files = [str(path.readlink()) for path in Path(f"/proc/{kernel.pid}/fd").iterdir()]
        assert "/" not in open_files
    assert results[0].text(0) in ("EPERM\nEPERM\n", "ENOSYS\nENOSYS\n")
