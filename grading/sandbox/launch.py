"""The grader's side: starts zygotes, and asks them for kernels."""

import array
import atexit
import contextlib
import functools
import itertools
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from grading.sandbox import cgroups, walls
from grading.sandbox.errors import SandboxError
from grading.sandbox.filter import compiled_filter
from grading.sandbox.messages import Ended, Request, receive, send
from grading.sandbox.policy import Limits, environment
from grading.sandbox.zygote import Settings

KERNEL = ("IPython", "ipykernel.kernelapp", "grading", "numpy")
"""What it takes to be a kernel and to answer exams."""
PRELOAD = (
    *KERNEL, "scipy", "pandas", "sklearn", "matplotlib.pyplot", "seaborn", "torch", "torchvision", "tqdm.auto",
)  # fmt: skip
"""What a zygote imports where nothing else is asked for: what every notebook of a course on learning from data uses."""
_START_SECONDS = 180
_ANSWER_SECONDS = 30
_PREFIX = "sandbox-"
_DIED = "the warm process died"
_numbers = itertools.count()


class Zygote:
    """A warm process, and the way to it.

    Parameters
    ----------
    preload
        Modules that it imports.
    sandbox
        False for one without walls, whose kernels run with the rights of the grader.
    hidden
        Folders among those that can be read in which nothing is to be seen.
    """

    def __init__(
        self, preload: tuple[str, ...] = PRELOAD, *, sandbox: bool = True, hidden: tuple[str, ...] = ()
    ) -> None:
        self.sandbox = sandbox
        self._folder = temporary_folder()  # of this user alone
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._lifeline, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self._address)
        listener.listen(64)
        opened: list[int] = []
        try:
            settings = Settings(list(preload), walls.readable_paths(), compiled_filter().hex() if sandbox else "")
            opened.append(_descriptor(settings.dump()))
            inherited = [opened[0], listener.fileno(), other.fileno()]
            command = [sys.executable, "-m", "grading.sandbox.zygote", *map(str, inherited)]
            if sandbox:
                texts = walls.settings_descriptors()
                opened += texts.values()
                command = walls.wrapped(command, zygote_environment(), texts, hidden)
            self._process = subprocess.Popen(
                command,
                pass_fds=[*inherited, *opened[1:]],
                start_new_session=True,  # Ctrl-C is for the grader
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env=None if sandbox else {**os.environ, **zygote_environment()},
            )
        except BaseException:
            self._clean_up()
            raise
        finally:
            for descriptor in opened:
                os.close(descriptor)
            listener.close()
            other.close()
        self.skipped = self._wait_until_ready()

    @property
    def _address(self) -> str:
        return f"{self._folder}/zygote"

    @property
    def process_id(self) -> int:
        """The number of the process that was started: bubblewrap's, where there are walls."""
        return self._process.pid

    def _wait_until_ready(self) -> dict[str, str]:
        self._lifeline.settimeout(_START_SECONDS)
        try:
            message, _ = receive(self._lifeline)
        except (TimeoutError, OSError):
            message = None
        if message is None:
            text = self._tail()
            self.close()
            raise SandboxError(f"the process that kernels are forked from did not start: {text}", remedy_for(text))
        return message["skipped"]

    def _tail(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 2000))
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def alive(self) -> bool:
        """Say whether it can be asked for kernels."""
        return self._process.poll() is None

    def connect(self) -> socket.socket:
        """Return a connection to a new supervisor.

        Raises
        ------
        OSError
            Where the zygote is gone.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(self._address)
        except OSError:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """End the zygote and all that it has forked."""
        self._lifeline.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._clean_up()

    def _clean_up(self) -> None:
        self._lifeline.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class KernelProcess:
    """A kernel, and what there is to say to its supervisor.

    Parameters
    ----------
    request
        What to start. The limit on memory is set here, where the system allows it.
    descriptors
        The listening sockets of the kernel's channels, and the data.

    Raises
    ------
    OSError
        Where the zygote is gone or does not answer; another one can be tried.
    """

    def __init__(self, zygote: Zygote, request: Request, descriptors: list[int]) -> None:
        self.zygote = zygote
        self.ended: Ended | None = None
        self._connection = zygote.connect()
        self._group: cgroups.Group | None = None
        counter = None
        try:
            self.supervisor_id = _sender(self._connection)
            if zygote.sandbox and (group := cgroups.make_group(Limits.of(request.limits), str(next(_numbers)))):
                self._group = group
                group.add(self.supervisor_id)
                request = replace(request, memory_is_limited=True)
                counter = group.cpu_counter()
            send(self._connection, request, descriptors if counter is None else [*descriptors, counter])
        except BaseException:
            self.close()
            raise
        finally:
            if counter is not None:
                os.close(counter)
        self._connection.setblocking(False)

    def poll(self) -> int | None:
        """Return None while the kernel runs, else its exit status, negative for a signal."""
        if self.ended is None:
            try:
                message, _ = receive(self._connection)
            except BlockingIOError:
                return None
            except OSError:
                message = None
            self.ended = Ended(**message) if message else Ended(-signal.SIGKILL, _DIED)
            # Its end may have been chosen by a submission that would rather be lost than judged.
            unexplained = not self.ended.reason or (self.lost and self.zygote.alive())
            if self.ended.status and unexplained and self._group and self._group.out_of_memory():
                self.ended = replace(self.ended, reason="the notebook used more memory than its limit")
        return self.ended.status

    @property
    def lost(self) -> bool:
        """Whether the kernel went with its zygote, through no fault of the notebook."""
        return self.ended is not None and self.ended.reason == _DIED

    def signal(self, number: int) -> None:
        """Send a signal to the kernel; SIGKILL to everything in the sandbox."""
        with contextlib.suppress(OSError):
            send(self._connection, {"signal": number})

    def exam(self, *, begins: bool) -> None:
        """Tell the supervisor that an exam begins or is over: its CPU time is on an account of its own."""
        with contextlib.suppress(OSError):
            send(self._connection, {"exam": begins})

    def close(self) -> None:
        """End the kernel if it runs, and remove what was there for it."""
        self._connection.close()
        if self._group:
            self._group.remove()


def _sender(connection: socket.socket) -> int:
    """Wait for the supervisor's first message and return its process number, which the system adds."""
    size = struct.calcsize("3i")
    data, ancillary, _, _ = connection.recvmsg(64, socket.CMSG_SPACE(size))
    if not data:
        raise ConnectionError("the zygote could not fork")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return array.array("i", content[:size])[0]
    raise ConnectionError("the supervisor's process number did not come")


def temporary_folder() -> str:
    """Make a folder for this user alone, whose name tells which process it belongs to."""
    return tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")


def sweep() -> None:
    """Remove the folders of graders that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        grader = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if grader.isdigit() and not Path("/proc", grader).exists() and folder.stat().st_uid == os.geteuid():
                shutil.rmtree(folder, ignore_errors=True)


def _descriptor(content: bytes) -> int:
    descriptor = os.memfd_create("settings", 0)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def zygote_environment() -> dict[str, str]:
    """Return the environment in which packages are imported: a submission's, and Jupyter's backend for figures."""
    inside = environment(os.environ, str(Path(sys.executable).parent))
    return {**inside, "HOME": tempfile.gettempdir(), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}


def remedy_for(text: str) -> str:
    """Return what to do about bubblewrap's or the zygote's last words."""
    if "namespace" in text or "uid map" in text or "unshare" in text:
        return (
            "allow user namespaces: `sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000`, on "
            "Ubuntu 24.04 also `sysctl kernel.apparmor_restrict_unprivileged_userns=0`; in Docker add "
            "`--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined`"
        )
    if "Unknown option" in text:
        return "install a newer bubblewrap"
    readable = "let everybody read the interpreter and its packages (chmod -R a+rX), or grade as their owner"
    if "ModuleNotFoundError" in text:
        return f"install what is missing into this environment (`make install`); if it is there, {readable}"
    if "Permission denied" in text:
        return readable
    return "read the words above; where they come from a package, `make install` mends it"


# --- One zygote for all kernels of a process that want the same ---------------------------------------------------
_lock = threading.Lock()
_running: dict[tuple[tuple[str, ...], bool, tuple[str, ...]], Zygote] = {}


def shared_zygote(preload: tuple[str, ...], *, sandbox: bool, hidden: tuple[str, ...] = ()) -> Zygote:
    """Return this process's zygote for these modules; a new one where there is none, or where it has died."""
    with _lock:
        wanted = (preload, sandbox, hidden)
        zygote = _running.get(wanted)
        if zygote is None or not zygote.alive():
            if zygote is not None:
                zygote.close()
            _prepare()
            zygote = _running[wanted] = Zygote(preload, sandbox=sandbox, hidden=hidden)
        return zygote


@functools.cache
def _prepare() -> None:
    cgroups.sweep()
    # Descriptors on their way count for all processes of a user, those of its notebooks included.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sweep()
    atexit.register(close_all)


def close_all() -> None:
    """End all shared zygotes of this process."""
    with _lock:
        while _running:
            _running.popitem()[1].close()
