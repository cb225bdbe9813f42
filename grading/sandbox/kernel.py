"""The kernel itself: an ordinary ipykernel, but for where its sockets come from and what it tells the supervisor.

All this runs in the student's process, so nothing here is a wall: it makes limits readable for honest work. A student
who gets round it meets the supervisor, the client and the system, which hold to the same limits.
"""

import asyncio
import atexit
import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import zmq
from ipykernel.heartbeat import Heartbeat
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.session import Session, extract_header
from traitlets import Any as AnyTrait
from traitlets import default

from grading.sandbox.messages import CHANNELS, SOCKETS, Request
from grading.sandbox.outputs import OUTPUTS, OutputMeter, size
from grading.sandbox.policy import Limits
from grading.sandbox.tampering import replaced, snapshot
from grading.serve import answer

CELL_STARTS, CELL_ENDS = b"(", b")"
LIMIT_SIGNAL = signal.SIGXCPU
"""How the supervisor interrupts a cell that is over its limit."""


class CappedSession(Session):
    """Holds back output beyond the limit of a cell, and says so once."""

    meter: OutputMeter | None = None
    _cell = ""

    def send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,
        *rest: Any,
        **more: Any,
    ) -> Any:
        """Send a message, unless it is one output too many."""
        whole = msg_or_type if isinstance(msg_or_type, dict) else None
        kind = whole["header"]["msg_type"] if whole else msg_or_type
        if self.meter and kind in OUTPUTS:
            header = extract_header(whole["parent_header"] if whole else parent or {})
            if (cell := header.get("msg_id", "")) != self._cell:
                self._cell = cell
                self.meter.begin(cell)
            if not self.meter.admit(kind, whole["content"] if whole else content or {}, cell):
                note = self.meter.note()
                return super().send(stream, "stream", note, parent or header, ident) if note else None
        return super().send(stream, msg_or_type, content, parent, ident, *rest, **more)


class SupervisedKernel(IPythonKernel):
    """Tells the supervisor when a cell starts and ends, and lets it interrupt one."""

    msg_types = [*IPythonKernel.msg_types, "exam_request"]  # noqa: RUF012 - the base class has it so

    async def exam_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Answer an examiner about the notebook's names, in a fork, until the exam is over."""
        app, shell, session = _parts(self)
        content: dict[str, Any] = {"status": "ok", "replaced": replaced(app.found)}
        try:
            app.serve_exam(shell.user_ns, int(parent["content"]["seed"]))
        except Exception as error:  # no process left to fork: this exam is lost, and the kernel lives on
            content |= {"status": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": []}
        session.send(stream, "exam_reply", content, parent, ident)

    async def do_execute(self, *arguments: Any, **options: Any) -> Any:
        """Run a cell."""
        app: Any = self.parent
        with app.supervised():
            reply = await super().do_execute(*arguments, **options)
        if size(reply) > app.limits.output_bytes:  # an error of a hundred megabytes would not get through
            reply |= {
                "evalue": str(reply.get("evalue", ""))[:1000],
                "traceback": [],
                "payload": [],
                "user_expressions": {},
            }
        return reply


def _parts(kernel: Any) -> tuple[Any, Any, Any]:
    return kernel.parent, kernel.shell, kernel.session


class SandboxKernelApp(IPKernelApp):
    """A kernel whose sockets were bound and are listening already, outside of what it can see."""

    kernel_class = SupervisedKernel
    listeners = AnyTrait()
    supervisor = AnyTrait()
    limits = AnyTrait(Limits())
    found = AnyTrait({})
    """What there was before the first cell; see `tampering`."""

    @default("session")
    def _capped_session(self) -> Session:
        session = CappedSession(parent=self)
        session.meter = OutputMeter(self.limits.output_bytes)
        return session

    def _try_bind_socket(self, s: Any, port: int) -> int:
        s.setsockopt(zmq.USE_FD, self.listeners[port])
        return super()._try_bind_socket(s, port)

    def init_heartbeat(self) -> None:
        """Answer heartbeats on the socket that is there already."""
        listener = self.listeners[self.hb_port]

        class _Heartbeat(Heartbeat):
            def _try_bind_socket(self) -> Any:
                self.socket.setsockopt(zmq.USE_FD, listener)
                return super()._try_bind_socket()

        self.heartbeat = _Heartbeat(zmq.Context(), (self.transport, self.ip, self.hb_port))
        self.heartbeat.start()

    @contextlib.contextmanager
    def supervised(self) -> Any:
        """Mark the start and the end of a cell for the supervisor, and take its interrupt in between."""
        at_home = threading.current_thread() is threading.main_thread()
        if at_home:
            signal.signal(LIMIT_SIGNAL, self._over_the_limit)
        self._tell(CELL_STARTS)
        try:
            yield
        finally:
            self._tell(CELL_ENDS)
            if at_home:
                signal.signal(LIMIT_SIGNAL, signal.SIG_IGN)

    def serve_exam(self, namespace: dict[str, Any], seed: int) -> None:
        """Fork, let the fork answer the examiner who connects, and wait for its end or an interrupt."""
        signal.signal(LIMIT_SIGNAL, signal.default_int_handler)
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                answer(self.listeners[len(SOCKETS)], namespace, seed, self.limits.exam_cpu_seconds)
            finally:
                os._exit(0)
        try:
            os.waitpid(child, 0)
        except KeyboardInterrupt:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
        finally:
            signal.signal(LIMIT_SIGNAL, signal.SIG_IGN)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # what the exam left running

    def _over_the_limit(self, number: int, frame: FrameType | None) -> None:
        cpu, wall = self.limits.cell_cpu_seconds, self.limits.cell_wall_seconds
        raise KeyboardInterrupt(f"this cell is over its limit of {cpu} seconds of computing, or {wall} seconds in all")

    def _tell(self, mark: bytes) -> None:
        with contextlib.suppress(OSError):  # a full pipe, or one that the student closed
            os.write(self.supervisor, mark)


def run(request: Request, listeners: list[int], supervisor: int) -> None:
    """Be a kernel until it is shut down, then end the process.

    Parameters
    ----------
    listeners
        The descriptors of `SOCKETS`, in their order.
    supervisor
        Where to write the marks of cells to.
    """
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    Path(request.connection_file).write_text(json.dumps(request.connection))
    _reseed()
    signal.signal(LIMIT_SIGNAL, signal.SIG_IGN)
    ports = (*(request.connection[f"{channel}_port"] for channel in CHANNELS), len(SOCKETS))
    sys.argv = ["ipykernel_launcher.py", "-f", request.connection_file, *request.arguments]
    asyncio.set_event_loop(asyncio.new_event_loop())
    app = SandboxKernelApp.instance(
        listeners=dict(zip(ports, listeners, strict=True)), supervisor=supervisor, limits=Limits.of(request.limits)
    )
    app.initialize(sys.argv[1:])
    app.found = snapshot()
    app.start()
    # What the student registered for the end runs; the interpreter's own farewell to all its modules takes seconds.
    atexit._run_exitfuncs()
    os._exit(0)


def _reseed() -> None:
    """Give the process random numbers of its own: a fork has its parent's, but for those of `random`."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.seed()
