"""Control groups: the system's own limits on the memory and the number of a tree of processes.

Used where the grader may write to them: always as root, and as an ordinary user in a group that was handed over, such
as one that `systemd-run --user --scope` makes. Both versions of the interface are known.
"""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from grading.sandbox.policy import Limits

ROOT = Path("/sys/fs/cgroup")
_PREFIX = "grading-sandbox-"


@dataclass(frozen=True)
class Group:
    """A group of one submission: its folders, one in version 2, one a controller in version 1."""

    folders: dict[str, Path]

    def add(self, process: int) -> None:
        """Put a process into the group; what it forks will be in it, too."""
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text(str(process))

    def cpu_counter(self) -> int | None:
        """Open the file that counts the group's CPU time; the caller closes it."""
        for controller, name in (("cpuacct", "cpuacct.usage"), ("cpu", "cpu.stat")):
            if controller in self.folders and (path := self.folders[controller] / name).exists():
                return os.open(path, os.O_RDONLY)
        return None

    def out_of_memory(self) -> bool:
        """Say whether the system has ended a process of the group for want of memory."""
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                for line in (self.folders["memory"] / name).read_text().splitlines():
                    if line.startswith("oom_kill "):
                        return line.split()[1] != "0"
        return False

    def remove(self) -> None:
        """Remove the group, whose processes have ended or are about to."""
        for folder in set(self.folders.values()):
            for _ in range(200):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:  # a process that was killed takes a moment to go
                    time.sleep(0.01)


def make_group(limits: Limits, name: str) -> Group | None:
    """Make a group with the limits of a submission, or return None where that is not allowed here.

    Parameters
    ----------
    name
        Unique among the groups of this process.
    """
    parents = writable_parents()
    if "memory" not in parents:
        return None
    folders = {controller: parent / f"{_PREFIX}{os.getpid()}-{name}" for controller, parent in parents.items()}
    group = Group(folders)
    try:
        for folder in set(folders.values()):
            folder.mkdir()
        for controller, files in _settings(limits).items():
            if controller in folders:
                _write_first(folders[controller], files)
    except OSError:
        group.remove()
        return None
    return group


def _settings(limits: Limits) -> dict[str, list[dict[str, int]]]:
    """Return for each controller the files to write, version 2's first."""
    memory = limits.memory_bytes
    return {
        "memory": [
            {"memory.max": memory, "memory.swap.max": 0},
            {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory},
        ],
        # The first process, the kernel's threads and the supervisor are in the group as well; the student's processes
        # are counted by RLIMIT_NPROC, which answers with an error that Python understands.
        "pids": [{"pids.max": limits.processes + 8}],
    }


def _write_first(folder: Path, choices: list[dict[str, int]]) -> None:
    """Write the first set of files of which the first exists; the others of a set may be missing (no swap)."""
    for files in choices:
        needed, *optional = files
        if (folder / needed).exists():
            (folder / needed).write_text(str(files[needed]))
            for name in optional:
                with contextlib.suppress(OSError):
                    (folder / name).write_text(str(files[name]))
            return


def writable_parents(root: Path = ROOT, own: Path = Path("/proc/self/cgroup")) -> dict[str, Path]:
    """Return for each controller of use the folder in which this process may make groups.

    In version 2 that is the folder above its own: a group that holds processes can't hold groups with limits.
    """
    parents: dict[str, Path] = {}
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return parents
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers:
            found = {name: root / name / path.lstrip("/") for name in controllers.split(",")}
        else:
            folder = (root / path.lstrip("/")).parent if path != "/" else root
            active = folder / "cgroup.subtree_control"
            found = dict.fromkeys(active.read_text().split() if active.exists() else (), folder)
        for name, folder in found.items():
            if name in ("memory", "pids", "cpuacct", "cpu") and os.access(folder, os.W_OK):
                parents.setdefault(name, folder)
    if "cpuacct" in parents:
        parents.pop("cpu", None)
    return parents


def sweep() -> None:
    """Remove the groups of graders that were killed before they could."""
    for parent in set(writable_parents().values()):
        for folder in parent.glob(f"{_PREFIX}*"):
            grader = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if grader.isdigit() and not Path("/proc", grader).exists():
                with contextlib.suppress(OSError):
                    folder.rmdir()
