"""A submission's supervisor: between the grader, who asks, and the kernel, which is not trusted.

It is a fork of the zygote, reads the one request, and forks the first process of the sandbox, which forks the kernel.
From then on it watches: what the tree of processes uses, whether a cell is over its limit, whether the grader
is still there. When it ends, everything in the sandbox is gone.
"""

import contextlib
import os
import selectors
import signal
import socket
import time
from dataclasses import dataclass

from grading.sandbox import confine, syscalls
from grading.sandbox.kernel import CELL_ENDS, CELL_STARTS, LIMIT_SIGNAL
from grading.sandbox.messages import CHANNELS, SOCKETS, Ended, Request, receive, send
from grading.sandbox.policy import Limits
from grading.sandbox.relay import Relay
from grading.sandbox.tree import Tree

_LOOK_SECONDS = 0.1
_AGAIN_SECONDS = 2.0
_LOG_BYTES = 4096
_INSIDE = "\0kernel-"


@dataclass(frozen=True)
class Kernel:
    """What the kernel's process needs to start; see `kernel.run`."""

    request: Request
    listeners: list[int]
    marks: int


def supervise(connection: socket.socket, readable: list[str], seccomp: bytes) -> Kernel:
    """Answer one request. Returns in the kernel's process alone; the supervisor's ends here.

    Parameters
    ----------
    seccomp
        The filter; empty for a kernel without walls.
    """
    try:
        connection.send(b"{}")  # the kernel of the system adds who sends this, as the grader sees it
        message, descriptors = receive(connection, len(SOCKETS) + 2)
        if message is None:
            os._exit(0)
        request, limits = Request(**message), Limits.of(message["limits"])
        listeners, (data, *counter) = descriptors[: len(SOCKETS)], descriptors[len(SOCKETS) :]
        outside: list[int] = []
        if seccomp:
            confine.enter_namespaces(limits, data, readable)
            outside, listeners = listeners, [*_listen_inside(), listeners[-1]]
        marks, log = os.pipe(), os.pipe()
        for end in (*marks, log[0]):  # who may write to a pipe can read from it, too, and leave nothing for us
            os.set_blocking(end, False)
        first = os.fork()
        if first == 0:
            os.setsid()  # a signal to a group, or its niceness, knows no namespaces
            if seccomp:
                confine.confine(limits, seccomp)
                syscalls.die_with_parent(signal.SIGKILL)
                _be_first_process()
            _redirect(log[1])
            _keep_only([*listeners, marks[1]])
            return Kernel(request, listeners, marks[1])
        for descriptor in (marks[1], log[1], *listeners):
            os.close(descriptor)
    except Exception as error:
        send(connection, Ended(1, f"{type(error).__name__}: {error}"))
        os._exit(1)
    tree = Tree(first, counter[0] if counter else None)
    watch = _Watch(connection, first, marks[0], log[0], limits, tree, request.memory_is_limited)
    watch.relay(outside[: len(CHANNELS)])
    ended = watch.until_it_ends()
    with contextlib.suppress(OSError):  # nobody waits for it any more
        send(connection, ended)
    os._exit(0)


def _listen_inside() -> list[int]:
    """Bind the kernel's own sockets, by names in its own network, and return their descriptors."""
    listeners = []
    for channel in CHANNELS:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(_INSIDE + channel)
        listener.listen(16)
        listener.setblocking(False)
        listeners.append(listener.detach())
    return listeners


def _be_first_process() -> None:
    """Fork the kernel, in which this returns; stay as the namespace's init, which passes on signals and buries."""
    passed = {signal.SIGINT, signal.SIGTERM, LIMIT_SIGNAL}
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, *passed})
    kernel = os.fork()
    if kernel == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return
    syscalls.set_dumpable(False)
    _keep_only([])
    while True:
        number = signal.sigwait({signal.SIGCHLD, *passed})
        if number != signal.SIGCHLD:
            os.kill(kernel, number)
            continue
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if child == kernel:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)
            if child == 0:
                break


def _redirect(log: int) -> None:
    """Give the kernel nothing to read, and a pipe of its own for what it writes past Jupyter."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor, source in enumerate((null, null, log)):
        os.dup2(source, descriptor, inheritable=True)
    os.close(null)


def _keep_only(descriptors: list[int]) -> None:
    low = 3
    for descriptor in sorted(descriptors):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


@dataclass(frozen=True)
class _Cell:
    """A cell or an exam that runs: CPU and wall clock when it started."""

    cpu: float
    wall: float
    exam: bool


class _Watch:
    """Watches one sandbox until its first process has ended."""

    def __init__(
        self,
        connection: socket.socket,
        first: int,
        marks: int,
        log: int,
        limits: Limits,
        tree: Tree,
        memory_is_limited: bool,
    ) -> None:
        self._connection, self._first, self._limits, self._tree = connection, first, limits, tree
        self._watches_memory = not memory_is_limited
        self._log, self._reason = b"", ""
        self._started = time.monotonic()
        self._cell: _Cell | None = None
        self._exams_cpu = 0.0  # of exams that are over
        self._interrupted, self._asked_again = 0.0, 0.0
        self._ready = selectors.DefaultSelector()
        self._pidfd = os.pidfd_open(first)
        for source, handler in (
            (self._pidfd, None),
            (connection, self._command),
            (marks, self._mark),
            (log, self._noise),
        ):
            self._ready.register(source, selectors.EVENT_READ, handler)

    def relay(self, outside: list[int]) -> None:
        """Pass on what goes through the kernel's channels, and end a kernel that sends what can't be."""
        relay = Relay(self._ready, self._limits.message_bytes, self._kill)
        for channel, listener in zip(CHANNELS, outside, strict=False):
            relay.add(listener, _INSIDE + channel)

    def until_it_ends(self) -> Ended:
        cpu, looked, alive = 0.0, 0.0, True
        while alive:
            ready = self._ready.select(_LOOK_SECONDS)
            for key, events in ready:
                if key.data:
                    key.data(key.fileobj, events)
            alive = not any(key.fd == self._pidfd for key, _ in ready)
            if time.monotonic() - looked > _LOOK_SECONDS or not alive:
                cpu, looked = max(cpu, self._tree.cpu_seconds()), time.monotonic()
                self._look(cpu)
        _, status = os.waitpid(self._first, 0)
        code = os.waitstatus_to_exitcode(status)
        code = 128 - code if code > 128 else code  # the first process's way to name the kernel's signal
        return Ended(code, self._reason, cpu, self._log.decode("utf-8", "replace"))

    def _look(self, cpu: float) -> None:
        """Compare what is used with the limits."""
        limits, now = self._limits, time.monotonic()
        exams_cpu = self._exams_cpu + (cpu - self._cell.cpu if self._cell and self._cell.exam else 0)
        if cpu - exams_cpu > limits.notebook_cpu_seconds:
            self._kill(f"the notebook used more than {limits.notebook_cpu_seconds} CPU seconds")
        elif now - self._started > limits.notebook_wall_seconds:
            self._kill(f"the notebook ran longer than {limits.notebook_wall_seconds} seconds")
        elif self._watches_memory and self._tree.uses_more_than(limits.memory_bytes):
            self._kill(f"the processes of the notebook used more than {limits.memory_bytes >> 20} MiB of memory")
        elif self._cell:
            most = limits.exam_cpu_seconds if self._cell.exam else limits.cell_cpu_seconds
            over = cpu - self._cell.cpu > most or now - self._cell.wall > limits.cell_wall_seconds
            if over and not self._interrupted:
                self._interrupted = self._asked_again = now
                os.kill(self._first, LIMIT_SIGNAL)
            elif self._interrupted and now - self._interrupted > limits.grace_seconds:
                self._kill(f"a cell over its limit went on for {limits.grace_seconds} seconds after it was interrupted")
            elif self._interrupted and now - self._asked_again > _AGAIN_SECONDS:
                self._asked_again = now
                os.kill(self._first, LIMIT_SIGNAL)

    def _kill(self, reason: str) -> None:
        self._reason = self._reason or reason
        os.kill(self._first, signal.SIGKILL)

    def _command(self, connection: socket.socket, _events: int) -> None:
        try:
            message, _ = receive(connection)
        except OSError:
            message = None
        if message is None:  # the grader is gone
            self._ready.unregister(connection)
            self._kill("nobody waits for it any more")
        elif "exam" in message:  # only the grader's word counts here: exams are on an account of their own
            self._begin(exam=True) if message["exam"] else self._end()
        else:
            os.kill(self._first, message["signal"])

    def _mark(self, marks: int, _events: int) -> None:
        """Take note of a cell that starts or ends. The student can write here as well, and gains nothing by it."""
        try:
            received = os.read(marks, 4096)
        except BlockingIOError:
            return
        if not received:
            self._ready.unregister(marks)
        elif self._cell and self._cell.exam:
            return  # no cell runs while an exam does
        elif received[-1:] == CELL_STARTS:
            self._begin(exam=False)
        elif received[-1:] == CELL_ENDS:
            self._end()

    def _begin(self, *, exam: bool) -> None:
        self._end()
        self._cell = _Cell(self._tree.cpu_seconds(), time.monotonic(), exam)

    def _end(self) -> None:
        if self._cell and self._cell.exam:
            self._exams_cpu += self._tree.cpu_seconds() - self._cell.cpu
        self._cell, self._interrupted = None, 0.0

    def _noise(self, log: int, _events: int) -> None:
        try:
            received = os.read(log, 65536)
        except BlockingIOError:
            return
        if not received:
            self._ready.unregister(log)
        self._log = (self._log + received)[-_LOG_BYTES:]
