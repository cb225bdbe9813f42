"""More memory than a notebook may have: success would be to hold it, in whatever form the system doesn't count."""

import contextlib
from pathlib import Path

import psutil
import pytest

from tests.attacks.tools import MIB, SYSTEM_CALL, kernels, shared_mib, watched
from tests.sandboxes import Grader

LIMIT = 384
SMALL = {"memory_bytes": LIMIT * MIB, "files_bytes": 64 * MIB, "cell_wall_seconds": 20, "grace_seconds": 1}
ATTEMPT = 1200
"""MiB that each attempt wants: what some machine can spare, and three times what is allowed."""


def test_one_process_gets_an_error_and_the_next_cell_runs(grader: Grader) -> None:
    cells = ("held = bytearray(1 << 40)", "held = [bytearray(10 << 20) for _ in range(300)]",
             "import numpy as np; held = np.ones((1 << 17, 1 << 12))", "print('on')")  # fmt: skip
    result = grader.run(*cells, limits={"memory_bytes": 1024 * MIB})
    assert result.died == ""
    assert [result.error(place) for place in range(3)] == ["MemoryError"] * 3
    assert result.text(3) == "on\n"


EACH_CHILD = """
import os, time
for _ in range({children}):
    if os.fork() == 0:
        {first}
        held = b"x" * ({size} << 20)
        time.sleep(600)
time.sleep(4)
print("held it", "all")
"""
HIDDEN = "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)"  # not dumpable: others can't look into its pages


def _unfriendly_total(grader: Grader) -> float:
    """Return the MiB that the kernels' processes hold for themselves, as the system tells root."""
    total = 0
    for kernel in kernels(grader):
        for process in [kernel, *kernel.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().uss
    return total / MIB


@pytest.mark.parametrize("first", ["os.setsid()", HIDDEN], ids=["plain", "not to be looked into"])
def test_a_tree_of_processes_is_held_to_the_same_limit(grader: Grader, first: str) -> None:
    cell = EACH_CHILD.format(children=ATTEMPT // 100, size=100, first=first)
    with watched(lambda: _unfriendly_total(grader)) as seen:
        result = grader.run("1", cell, limits=SMALL)
    assert max(seen) < LIMIT + 512  # a look takes a moment, in which more is taken
    assert not kernels(grader)
    # The parent may outlive its children; a look is no snapshot, and may see one that ends beside its successor.
    assert "held it all" not in result.text(1) or max(seen) < ATTEMPT / 2
    if grader.user == "user":
        assert "MiB of memory" in " ".join(result.log)


MANY_SMALL = """
import subprocess, time
many = [subprocess.Popen(["perl", "-e", "my $held = 'x' x (12 << 20); sleep 600"]) for _ in range(60)]
time.sleep(8)
print("held", "all" if all(one.poll() is None for one in many) else "some")
"""


def test_many_small_processes_do_not_cost_the_supervisor_its_life(grader: Grader) -> None:
    """A submission without its supervisor would be taken for one that was lost through no fault of its own."""
    result = grader.run("1", MANY_SMALL, limits=SMALL)
    assert "held all" not in result.text(1)
    assert not kernels(grader)
    assert "warm process died" not in f"{result.died} {result.log}"


MAPPED = """
import mmap, os, time
held, wanted = [], {wanted}
for _ in range(wanted // 50):
    piece = {piece}
    piece.write(b"x" * (50 << 20))
    {then}
    held.append(piece)
print("held", "it")
time.sleep(2)
print("and kept", "it")
"""
ZERO = "mmap.mmap(os.open('/dev/zero', os.O_RDWR), 50 << 20)"
FORGET = "piece.madvise(mmap.MADV_DONTNEED)"  # this process's view of it; the memory stays


@pytest.mark.parametrize(
    ("piece", "then"),
    [("mmap.mmap(-1, 50 << 20)", ""), ("mmap.mmap(-1, 50 << 20)", FORGET), (ZERO, FORGET)],
    ids=["shared", "shared and out of sight", "shared zeros and out of sight"],
)
def test_shared_memory_counts(grader: Grader, piece: str, then: str) -> None:
    before = shared_mib()
    cell = MAPPED.format(wanted=ATTEMPT, piece=piece, then=then)
    with watched(shared_mib) as seen:
        result = grader.run("1", cell, "print('on')", limits=SMALL)
    assert "kept it" not in result.text(1)
    assert max(seen) - before < LIMIT + 400
    assert not kernels(grader)


TABLES = (
    SYSTEM_CALL
    + """
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
import time
span = 1 << 40
place = libc.mmap(None, span, 1, 0x4022, -1, 0)
assert place not in (None, 2**64 - 1), "refused"
for offset in range(0, {wanted} << 29, 1 << 21):
    ctypes.string_at(place + offset, 1)
time.sleep(1)
print("tables", "held")
"""
)


def _tables(grader: Grader) -> float:
    total = 0
    for kernel in kernels(grader):
        for line in Path(f"/proc/{kernel.pid}/status").read_text().splitlines():
            if line.startswith("VmPTE:"):
                total += int(line.split()[1])
    return total / 1024


def test_the_tables_of_empty_pages_count(grader: Grader) -> None:
    """Reading from memory that was never written costs the system a table for every two megabytes."""
    with watched(lambda: _tables(grader)) as seen:
        result = grader.run("1", TABLES.format(wanted=ATTEMPT), "print('on')", limits=SMALL)
    assert "tables held" not in result.text(1)
    assert max(seen) < LIMIT + 400


BUFFERS = """
import os, socket, time
total = 0
for _ in range(12):
    if os.fork() == 0:
        pairs = []
        try:
            while True:
                pair = socket.socketpair()
                for end in pair:
                    end.setblocking(False)
                    try:
                        while True: end.send(b"x" * 65536)
                    except BlockingIOError:
                        pass
                pairs.append(pair)
        except OSError:
            pass
        time.sleep(600)
time.sleep(3)
print("buffers", "held")
"""


def _slab() -> float:
    text = Path("/proc/meminfo").read_text().splitlines()
    values = {line.split(":")[0]: int(line.split()[1]) for line in text}
    return (values["MemTotal"] - values["MemAvailable"]) / 1024


def test_what_waits_in_sockets_is_bounded(grader: Grader) -> None:
    before = _slab()
    with watched(_slab) as seen:
        grader.run("1", BUFFERS, limits=SMALL)
    assert max(seen) - before < LIMIT + 800
    assert not kernels(grader)


HIDING_PLACES = (
    SYSTEM_CALL
    + """
print([name for name, attempt in {{
    "memfd": lambda: call({memfd}, b"x", 0), "huge memfd": lambda: call({memfd}, b"x", 4),
    "shm": lambda: call({shm}, 0, 1 << 20, 0o1600), "messages": lambda: call({msg}, 0, 0o1600),
    "secret": lambda: call(447, 0), "queue": lambda: call({mq}, b"q", 0o102, 0o600, 0),
}}.items() if not isinstance(attempt(), str)])
"""
)


def test_memory_without_a_process_can_not_be_had(grader: Grader) -> None:
    import pyseccomp

    def number(name: str) -> int:
        return pyseccomp.resolve_syscall(pyseccomp.system_arch(), name)

    names = {"memfd": "memfd_create", "shm": "shmget", "msg": "msgget", "mq": "mq_open"}
    before = Path("/proc/sysvipc/shm").read_text()
    cell = HIDING_PLACES.format(**{key: number(name) for key, name in names.items()})
    assert grader.run(cell).text(0) == "[]\n"
    assert Path("/proc/sysvipc/shm").read_text() == before
