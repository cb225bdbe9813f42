"""The warm process: imports the course's packages once, and is forked for every submission.

It never reads what a submission's grader sends: it accepts a connection, forks, and the child reads. So nothing of one
submission is in the memory that the next one inherits.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

from grading.sandbox import kernel, syscalls
from grading.sandbox.policy import THROWAWAY_ID
from grading.sandbox.supervisor import supervise

KERNEL_MODULES = (
    "IPython.core.completerlib", "IPython.core.oinspect", "IPython.extensions.storemagic", "ipykernel.debugger",
    "sqlite3", "tornado.platform.asyncio",
)  # fmt: skip
"""What a kernel imports when it starts, whatever is in the notebook."""


@dataclass(frozen=True)
class Settings:
    """What the grader tells a zygote once, when it starts it."""

    preload: list[str]
    """Modules to import; one that is not installed is left out."""
    readable: list[str]
    seccomp: str
    """The filter's program in hexadecimal; empty for kernels without walls."""

    def dump(self) -> bytes:
        """Return the settings as JSON."""
        return json.dumps(asdict(self)).encode()


def main(settings_descriptor: int, listener_descriptor: int, lifeline_descriptor: int) -> None:
    """Be a zygote until the lifeline is cut. In a child, be its kernel."""
    with open(settings_descriptor, "rb") as file:
        settings = Settings(**json.load(file))
    listener, lifeline = socket.socket(fileno=listener_descriptor), socket.socket(fileno=lifeline_descriptor)
    if os.getuid() == 0 and settings.seccomp:
        _lay_down_rights()
    _import(KERNEL_MODULES)
    skipped = _import(settings.preload)
    _settle()
    lifeline.send(json.dumps({"skipped": skipped}).encode())
    if connection := _serve(listener, lifeline):
        found = supervise(connection, settings.readable, bytes.fromhex(settings.seccomp))
        kernel.run(found.request, found.listeners, found.marks)


def _lay_down_rights() -> None:
    """Become nobody in particular. Root has mounted what is here; no submission runs with its rights."""
    # Bubblewrap covers parts of /proc where root starts it, and a covered one may not be mounted anew by a child.
    syscalls.mount("proc", "/proc", "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)
    os.setgroups([])
    os.setresgid(THROWAWAY_ID, THROWAWAY_ID, THROWAWAY_ID)
    os.setresuid(THROWAWAY_ID, THROWAWAY_ID, THROWAWAY_ID)
    syscalls.set_dumpable(True)  # changing the user took it away; without it no namespace can be set up


def _import(names: Iterable[str]) -> dict[str, str]:
    """Import modules and return those that can't be, with the reason.

    Raises
    ------
    RuntimeError
        Where one starts a thread: a fork would have the thread's locks and not the thread.
    """
    skipped = {}
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            skipped[name] = str(error)
        if threads() > 1:
            raise RuntimeError(f"importing {name} starts threads, which a fork would not have")
    return skipped


def _settle() -> None:
    """Make the process fit to be forked: no warning used up, nothing for the collector to look at, large pages."""
    for module in list(sys.modules.values()):
        # What a module has warned of already it would not warn a student of.
        if isinstance(module, ModuleType):
            vars(module).pop("__warningregistry__", None)
    vars(warnings)["onceregistry"].clear()
    gc.collect()
    gc.freeze()
    syscalls.gather_into_huge_pages()


def threads() -> int:
    """Return how many threads this process has, those that Python knows nothing of included."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _serve(listener: socket.socket, lifeline: socket.socket) -> socket.socket | None:
    """Fork for every connection. Returns the connection in a child, and None once the lifeline is cut."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a supervisor ended
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    ready.register(lifeline, selectors.EVENT_READ)
    while True:
        if any(key.fileobj is lifeline for key, _ in ready.select()):
            return None
        connection, _ = listener.accept()
        if threads() > 1:
            raise RuntimeError("the zygote has more than one thread")
        with contextlib.suppress(OSError):  # no more processes: the grader sees the connection end, and tries again
            if os.fork() == 0:
                ready.close()
                listener.close()
                lifeline.close()
                for number in (signal.SIGINT, signal.SIGCHLD):
                    signal.signal(number, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                return connection
        connection.close()


if __name__ == "__main__":
    # `python -m` has put the folder of whoever started it on the path; a kernel adds its own.
    sys.path[:] = [folder for folder in sys.path if folder not in ("", str(Path.cwd()))]
    main(*map(int, sys.argv[1:]))
