"""What the attacks share: a look at a grader's processes from outside, and pieces of code for hostile cells."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.sandboxes import Grader, Result

MIB = 1 << 20

SYSTEM_CALL = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    "Make a system call, and say 'worked' or the name of the error."
    ctypes.set_errno(0)
    arguments = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    answer = libc.syscall(ctypes.c_long(number), *arguments)
    return answer if answer >= 0 else errno.errorcode.get(ctypes.get_errno(), "error")

def in_a_child(attempt):
    "Run something in a forked child, which has one thread, and return what it says, or the signal that ended it."
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = attempt()
        except BaseException as error:
            said = type(error).__name__ + str(getattr(error, "errno", ""))
        os.write(writing, ("worked" if isinstance(said, int) else str(said)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        said = file.read().decode()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return said or "signal %d" % -status
"""
"""For a cell: `call` and `in_a_child`."""

WAIT = """
import signal, time
go_on = []
signal.signal(signal.SIGUSR1, lambda *_: go_on.append(1))
while not go_on:
    time.sleep(0.01)
"""
"""For a cell: wait until somebody outside looked, who sends SIGUSR1; see `waiting`."""


def unprotected(grader: Grader, *cells: str, folder: Path | None = None, **settings: Any) -> Result:
    """Run a notebook without any wall: what an attack does there shows that it is one."""
    return grader.run(*cells, folder=folder, sandbox="none", preload=[], **settings)


def family(grader: Grader) -> list[psutil.Process]:
    """Return all processes of a grader, itself included."""
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(grader.process_id)
        return [first, *first.children(recursive=True)]
    return []


def zygotes(grader: Grader) -> list[psutil.Process]:
    """Return the warm processes of a grader that kernels are forked from, without those kernels."""
    warm = []
    for process in family(grader):
        with contextlib.suppress(psutil.Error):
            if _is_warm(process) and not _is_warm(process.parent()):
                warm.append(process)
    return warm


def _is_warm(process: psutil.Process | None) -> bool:
    return process is not None and "grading.sandbox.zygote" in process.cmdline() and "bwrap" not in process.name()


def kernels(grader: Grader) -> list[psutil.Process]:
    """Return the processes that students' code runs in: what is filtered and is the second in its namespace."""
    found = []
    for process in family(grader):
        with contextlib.suppress(OSError):
            status = status_of(process.pid)
            if status["Seccomp"] == "2" and status["NSpid"].split()[-1] == "2":
                found.append(process)
    return found


def status_of(number: int) -> dict[str, str]:
    """Return what the system says of a process."""
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def shared_mib() -> float:
    """Return the MiB of shared memory and files in memory that the machine holds."""
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("Shmem:"))
    return int(line.split()[1]) / 1024


@contextlib.contextmanager
def in_background(run: Callable[[], Result]) -> Iterator[list[Result]]:
    """Run a notebook beside the test; the list has the result after the block."""
    results: list[Result] = []

    def work() -> None:
        with contextlib.suppress(AssertionError, ValueError, BrokenPipeError):  # a grader that was killed: no result
            results.append(run())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield results
    finally:
        thread.join()


@contextlib.contextmanager
def waiting(grader: Grader, *cells: str, **settings: Any) -> Iterator[tuple[psutil.Process, list[Result]]]:
    """Run the cells, then hold the notebook in a last one (`WAIT`) while the block looks at its kernel from outside."""
    with in_background(lambda: grader.run(*cells, WAIT, **settings)) as results:
        kernel = None
        try:
            while kernel is None and not results:
                time.sleep(0.01)
                kernel = next((process for process in kernels(grader) if _catches_usr1(process)), None)
            assert kernel, f"the notebook ended early: {results}"
            yield kernel, results
        finally:
            if kernel is not None:
                with contextlib.suppress(psutil.Error):
                    kernel.send_signal(10)


def _catches_usr1(process: psutil.Process) -> bool:
    with contextlib.suppress(OSError):
        return bool(int(status_of(process.pid)["SigCgt"], 16) & 1 << 9)
    return False


@contextlib.contextmanager
def watched(look: Callable[[], float]) -> Iterator[list[float]]:
    """Look again and again while the block runs; the list has what was seen."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            with contextlib.suppress(OSError, psutil.Error):
                seen.append(look())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def survivors(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return which of these processes run; what has ended and is not buried yet does not."""
    _, alive = psutil.wait_procs(processes, timeout=5)
    return [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
