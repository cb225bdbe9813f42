"""Kernels straight from a light zygote, without Jupyter: for tests of what starting and ending them leaves behind.

Run as a program it is a grader: `python -m tests.grading.sandbox.forks leaks 50` prints as JSON what has grown,
`... hold` starts a kernel, says so, and waits.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from grading.sandbox import cgroups, launch
from grading.sandbox.data import pack
from grading.sandbox.launch import KernelProcess, Zygote
from grading.sandbox.messages import CHANNELS, SOCKETS, Request
from grading.sandbox.policy import FILES, WORK, Limits, environment
from tests import sandboxes
from tests.tools import eventually

LIGHT = ("ipykernel.kernelapp", "IPython")
"""What a zygote imports here: enough to be a kernel."""
PATIENCE = 20.0
"""How long the slowest machine may take for what should be there in moments."""


@contextlib.contextmanager
def kernel(zygote: Zygote, **limits: int) -> Iterator[KernelProcess]:
    """Start a kernel that nobody talks to."""
    folder = tempfile.mkdtemp()
    listeners = [socket.socket(socket.AF_UNIX) for _ in SOCKETS]
    connection: dict[str, object] = {
        "transport": "ipc",
        "ip": f"{folder}/s",
        "key": "",
        "signature_scheme": "hmac-sha256",
    }
    connection |= {f"{channel}_port": port for port, channel in enumerate(CHANNELS, start=1)}
    for port, listener in enumerate(listeners, start=1):
        listener.bind(f"{folder}/s-{port}")
        listener.listen()
        listener.setblocking(False)
    request = Request(
        connection=connection,
        connection_file=f"{FILES}/connection.json" if zygote.sandbox else f"{folder}/connection.json",
        environment={
            **environment({}, str(Path(sys.executable).parent)),
            **({} if zygote.sandbox else {"HOME": folder}),
        },
        arguments=[],
        folder=WORK if zygote.sandbox else folder,
        limits=Limits.of(limits).as_dict(),
    )
    process = None
    try:
        with pack(None, 1) as data:
            process = KernelProcess(zygote, request, [*(listener.fileno() for listener in listeners), data.fileno()])
        yield process
    finally:
        if process is not None:
            process.close()
        for listener in listeners:
            listener.close()
        shutil.rmtree(folder)


def wait_for_end(process: KernelProcess) -> int:
    """Wait until a kernel has ended and return its exit status."""
    until = time.monotonic() + PATIENCE
    while (status := process.poll()) is None:
        assert time.monotonic() < until, "the kernel has not ended"
        time.sleep(0.002)
    return status


def end_one(zygote: Zygote) -> None:
    """Start a kernel and kill it at once."""
    with kernel(zygote) as process:
        process.signal(signal.SIGKILL)
        assert wait_for_end(process) == -signal.SIGKILL


def below(process: int) -> list[psutil.Process]:
    """Return all descendants of a process."""
    return psutil.Process(process).children(recursive=True)


def inner(zygote: Zygote) -> psutil.Process:
    """Return the process that forks, seen from outside."""
    family = [psutil.Process(zygote.process_id), *below(zygote.process_id)]
    names = {member: member.cmdline() for member in family}
    return next(
        member for member, words in names.items() if "grading.sandbox.zygote" in words and "bwrap" not in words[0]
    )


def groups() -> set[str]:
    """Return the control groups of all graders of this machine."""
    parents = set(cgroups.writable_parents().values())
    return {str(folder) for parent in parents for folder in parent.glob(f"{cgroups._PREFIX}*")}


def counts(zygote: Zygote) -> dict[str, int]:
    """Count what a kernel could leave behind."""
    own, forking = psutil.Process(), inner(zygote)
    eventually(lambda: not forking.children())  # a supervisor says how its kernel ended, and then ends
    return {
        "descriptors of the grader": own.num_fds(),
        "descriptors of the zygote": forking.num_fds(),
        "processes": len(own.children(recursive=True)),
        "mounts of the grader": len(Path(f"/proc/{own.pid}/mountinfo").read_text().splitlines()),
        "mounts of the zygote": len(Path(f"/proc/{forking.pid}/mountinfo").read_text().splitlines()),
        "groups": len([name for name in groups() if f"{cgroups._PREFIX}{own.pid}-" in name]),
        "threads of the zygote": forking.num_threads(),
        "temporary files": len(list(Path(tempfile.gettempdir()).iterdir())),
    }


def leaks(forks: int) -> dict[str, int]:
    """Start and end kernels, and return how much more of everything there is than before."""
    zygote = Zygote(LIGHT)
    for _ in range(5):
        end_one(zygote)
    before, memory = counts(zygote), inner(zygote).memory_info().rss
    for _ in range(forks):
        end_one(zygote)
    after = counts(zygote)
    found = {what: after[what] - before[what] for what in before}
    found |= {"memory of the zygote": inner(zygote).memory_info().rss - memory}
    found["threads of the zygote"] = after["threads of the zygote"]
    zygote.close()
    files = len(list(Path(tempfile.gettempdir()).iterdir()))
    return {**found, "processes in the end": len(below(os.getpid())), "files in the end": files}


@contextlib.contextmanager
def grader(user: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run this module as a program, in a temporary folder of its own."""
    folder = tempfile.mkdtemp(prefix="t-")
    Path(folder).chmod(0o777)
    command = [sys.executable, "-m", "tests.grading.sandbox.forks", *arguments]
    if user == "user" and os.geteuid() == 0:
        command = sandboxes.as_ordinary_user(command)
    process = subprocess.Popen(
        command,
        cwd=sandboxes.ROOT,
        env={**os.environ, "TMPDIR": folder},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream
            stream.close()
        shutil.rmtree(folder, ignore_errors=True)


def _hold() -> None:
    """Keep a kernel until told to go on, and say afterwards whether another one can be started."""
    signal.signal(signal.SIGINT, lambda *_: None)
    first = launch.shared_zygote(LIGHT, sandbox=True)
    with kernel(first) as process:
        print("ready", flush=True)
        sys.stdin.readline()
        zygote = launch.shared_zygote(LIGHT, sandbox=True)
        end_one(zygote)
        print(json.dumps({"same zygote": zygote is first, "kernel": process.poll()}))


if __name__ == "__main__":
    if sys.argv[1] == "leaks":
        print(json.dumps(leaks(int(sys.argv[2]))))
    else:
        _hold()
