"""What a tree of processes uses is found, whoever is parent of whom."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from grading.sandbox.tree import Tree

MIB = 1 << 20
FORKS = """
import os, sys, time
{before}
for _ in range({children}):
    if os.fork() == 0:
        {child}
        time.sleep(60); os._exit(0)
time.sleep(60)
"""
Starter = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Starter]:
    """Start a process that forks, and wait until it and its children are asleep."""
    started = []

    def start(before: str = "", children: int = 0, child: str = "pass") -> subprocess.Popen[bytes]:
        code = FORKS.format(before=before, children=children, child=child)
        process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        started.append(process)
        everybody = [psutil.Process(process.pid)]
        while len(everybody) <= children or any("nanosleep" not in _waits(member) for member in everybody):
            everybody = [everybody[0], *everybody[0].children(recursive=True)]
        return process

    yield start
    for process in started:
        os.killpg(process.pid, 9)
        process.wait()


def _waits(process: psutil.Process) -> str:
    try:
        words = Path(f"/proc/{process.pid}/syscall").read_text().split()
    except FileNotFoundError:  # a child that has just ended; the next look leaves it out
        return ""
    return "nanosleep" if words[0] in ("230", "35", "115", "101") else words[0]


def test_cpu_time_of_children_counts_and_that_of_ended_ones(start: Starter) -> None:
    burn = "end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    alone = Tree(start(burn).pid).cpu_seconds() - Tree(start().pid).cpu_seconds()  # two starts never cost the same
    ended = f"if os.fork() == 0:\n    {burn.replace(chr(10), chr(10) + '    ')}\n    os._exit(0)\nos.wait()"
    children = Tree(start("", 2, burn.replace("\n", "\n        ")).pid).cpu_seconds()
    gone = Tree(start(ended).pid).cpu_seconds()
    assert 0.2 < alone < 2
    assert children > 1
    assert gone > 0.5


@pytest.mark.parametrize(("text", "seconds"), [("1500000000\n", 1.5), ("usage_usec 2500000\nuser_usec 1\n", 2.5)])
def test_cpu_time_is_read_from_the_systems_count_where_there_is_one(tmp_path: Path, text: str, seconds: float) -> None:
    (tmp_path / "count").write_text(text)
    with (tmp_path / "count").open() as file:
        tree = Tree(os.getpid(), file.fileno())
        assert [tree.cpu_seconds(), tree.cpu_seconds()] == [seconds, seconds]


def test_shared_pages_count_once(start: Starter) -> None:
    process = start(f"kept = b'x' * {50 * MIB}", 4)
    tree = Tree(process.pid)
    tree._base = 0
    assert tree.uses_more_than(50 * MIB)
    assert not tree.uses_more_than(100 * MIB)


def test_memory_of_children_counts_together_on_top_of_what_there_was(start: Starter) -> None:
    process = start("", 3, f"kept = b'x' * {20 * MIB}")
    tree = Tree(process.pid)
    assert not tree.uses_more_than(10 * MIB)
    tree._base = 0
    assert tree.uses_more_than(60 * MIB)
    assert not tree.uses_more_than(120 * MIB)


def test_a_tree_that_has_ended_uses_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    tree = Tree(process.pid)
    assert not tree.uses_more_than(1)
