"""What a tree of processes uses, read by its supervisor."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil


class Tree:
    """A process and all that descend from it.

    Orphans count too: within a sandbox they become children of its first process.

    Parameters
    ----------
    first
        The process's number, as this process sees it.
    counter
        A descriptor of the system's own count of CPU time for the tree (`cpuacct.usage`, `cpu.stat`); without it the
        processes are added up, which misses what a process that ignores its children's end never learns about them.
    """

    def __init__(self, first: int, counter: int | None = None) -> None:
        self._first, self._counter = first, counter
        self._base = self._sum(lambda process: process.memory_info().rss)

    def cpu_seconds(self) -> float:
        """Return the CPU time that the tree has used, of processes that have ended as well, and this process."""
        if self._counter is not None:
            text = os.pread(self._counter, 4096, 0).decode()
            return int(text.split()[1]) / 1e6 if text.startswith("usage_usec") else int(text) / 1e9
        return self._sum(lambda process: sum(process.cpu_times()[:4])) + time.process_time()

    def uses_more_than(self, memory_bytes: int) -> bool:
        """Say whether the tree holds more memory than that, on top of what its first process came with.

        Pages that processes share count once. Finding out is slow, so it is done only where the plain sum is too large.
        """
        most = memory_bytes + self._base
        return self._sum(_memory_bytes) > most and self._sum(_own_bytes) > most

    def _sum(self, measure: Callable[[psutil.Process], float]) -> float:
        total = 0.0
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self._first)
            for process in [first, *first.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    total += measure(process)
        return total


def _memory_bytes(process: psutil.Process) -> int:
    """Return what a process holds, its tables of pages included."""
    with contextlib.suppress(OSError), Path("/proc", str(process.pid), "status").open() as file:
        tables = next((int(line.split()[1]) << 10 for line in file if line.startswith("VmPTE:")), 0)
        return process.memory_info().rss + tables
    return 0


def _own_bytes(process: psutil.Process) -> int:
    """Return the same with its part of what it shares; with all of that where the process hides."""
    whole = _memory_bytes(process)
    try:
        full = process.memory_full_info()
    except psutil.AccessDenied:
        return whole
    return whole - full.rss + full.pss
