"""Jupyter's way in: a kernel provisioner, so that whatever starts kernels can start them in the sandbox.

    JUPYTER_DEFAULT_PROVISIONER_NAME=sandbox nbgrader autograde part1

The settings are traits of `SandboxProvisioner`, to be set where the front end reads its configuration, such as
``c.SandboxProvisioner.limits = {"cell_cpu_seconds": 120}`` in ``nbgrader_config.py``.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Dict, Enum, List, Unicode, default

from grading.sandbox.client import bounded_client
from grading.sandbox.data import pack
from grading.sandbox.errors import SandboxError
from grading.sandbox.launch import PRELOAD, KernelProcess, Zygote, shared_zygote, temporary_folder
from grading.sandbox.messages import CHANNELS, SOCKETS, Ended, Request
from grading.sandbox.policy import FILES, WORK, Limits, environment

SANDBOX_VARIABLE, FOLDER_VARIABLE = "GRADING_SANDBOX", "GRADING_FOLDER"
_POLL_SECONDS, _KILL_SECONDS = 0.005, 0.5


class SandboxProvisioner(KernelProvisionerBase):
    """Starts kernels as forks of a warm process, each in a sandbox of its own."""

    sandbox = Enum(
        ("full", "none"),
        help="`none` leaves out every wall and limit: kernels run with the rights of whoever grades. "
        f"The environment variable {SANDBOX_VARIABLE} sets it, too.",
    ).tag(config=True)
    start = Enum(
        ("warm", "cold"),
        default_value="warm",
        help="`cold` gives each kernel a process of its own, in which nothing is imported yet.",
    ).tag(config=True)
    preload = List(Unicode(), default_value=list(PRELOAD), help="Modules that the warm process imports.").tag(
        config=True
    )
    hidden = List(Unicode(), help="Folders of the course's packages in which notebooks see nothing.").tag(config=True)
    folder = Unicode(
        help="Whose data files notebooks get, where whoever starts the kernel names no folder. "
        f"The environment variable {FOLDER_VARIABLE} sets it, too."
    ).tag(config=True)
    limits = Dict(help="Limits to change, by name; see grading/sandbox/policy.py.").tag(config=True)
    pass_variables = List(Unicode(), help="Further variables of the environment that notebooks see.").tag(config=True)

    _folder: str | None = None
    _process: KernelProcess | None = None
    _own_zygote: Zygote | None = None
    ended: Ended | None = None
    """How the last kernel ended, and what it used."""
    lost = False
    """Whether it ended with the warm process, through no fault of the notebook."""

    @default("sandbox")
    def _sandbox_of_the_environment(self) -> str:
        return os.environ.get(SANDBOX_VARIABLE, "full")

    @default("folder")
    def _folder_of_the_environment(self) -> str:
        return os.environ.get(FOLDER_VARIABLE, "")

    @property
    def _manager(self) -> Any:
        """The kernel manager, which holds what a client needs to know."""
        return self.parent

    # --- What Jupyter asks, in the order in which it asks -----------------------------------------------------------
    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose where the kernel's sockets are, and write down what a client needs to find them."""
        self._check_kernel_spec()
        limits = Limits.of(self.limits)
        manager = self._manager
        self._folder = self._folder or temporary_folder()  # of this user alone, and short
        manager.transport, manager.ip, manager.cache_ports = "ipc", f"{self._folder}/s", False
        for port, channel in enumerate(CHANNELS, start=1):
            setattr(manager, f"{channel}_port", port)
        manager.connection_file = f"{self._folder}/connection.json"
        manager.client_factory = bounded_client(limits)
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        arguments = kwargs.pop("extra_arguments", [])
        return await super().pre_launch(cmd=manager.format_kernel_cmd(extra_arguments=arguments), **kwargs)

    def _check_kernel_spec(self) -> None:
        specification = self.kernel_spec
        program = specification.argv[0] if specification.argv else ""
        if specification.language.lower() != "python" or not _is_this_interpreter(program):
            raise SandboxError(
                f"the kernel {specification.display_name!r} runs {program or 'nothing'}, and the sandbox runs kernels "
                f"of {sys.executable} alone",
                "choose the kernel python3 of this environment, or install the course into the other one",
            )

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel; where the warm process has died, from a new one."""
        try:
            self._launch(cmd, kwargs)
        except BaseException:
            await self.cleanup()  # Jupyter asks for it only where a kernel has started
            raise
        return self.connection_info

    def _launch(self, cmd: list[str], kwargs: dict[str, Any]) -> None:
        limits = Limits.of(self.limits)
        inside = self.sandbox == "full"
        named = kwargs.get("cwd") or self.folder
        folder = Path(named) if named else None
        programs = str(Path(sys.executable).parent)
        request = Request(
            connection={**self.connection_info, "key": self._manager.session.key.decode()},
            connection_file=f"{FILES}/connection.json" if inside else self._manager.connection_file,
            environment=environment(kwargs["env"], programs, tuple(self.pass_variables)) if inside else kwargs["env"],
            arguments=_kernel_arguments(cmd),
            folder=WORK if inside else str(folder or Path.cwd()),
            limits=limits.as_dict(),
        )
        listeners = [self._listen(port) for port in range(1, len(SOCKETS) + 1)]
        try:
            with pack(folder if inside else None, limits.files_bytes) as data:
                descriptors = [*(listener.fileno() for listener in listeners), data.fileno()]
                self._process = self._start(request, descriptors)
        finally:
            for listener in listeners:
                listener.close()

    def _listen(self, port: int) -> socket.socket:
        """Bind a socket outside of the sandbox: the kernel gets the socket, and no folder to put one into."""
        path = Path(f"{self._manager.ip}-{port}")
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(str(path))
        except OSError as error:
            listener.close()
            raise SandboxError(f"no socket can be made at {path}: {error}", "set TMPDIR to a shorter name") from None
        listener.listen(16)
        listener.setblocking(False)
        return listener

    def _start(self, request: Request, descriptors: list[int]) -> KernelProcess:
        zygote = self._zygote()
        try:
            return KernelProcess(zygote, request, descriptors)
        except OSError as error:
            self.log.warning("the warm process does not answer (%s); starting another one", error)
            zygote.close()  # it may count as alive for a moment yet
        try:
            return KernelProcess(self._zygote(), request, descriptors)
        except OSError as error:
            raise SandboxError(f"no kernel could be started: {error}", "look at memory and processes") from None

    def _zygote(self) -> Zygote:
        sandbox, hidden = self.sandbox == "full", tuple(self.hidden)
        if self.start == "warm":
            return shared_zygote(tuple(self.preload), sandbox=sandbox, hidden=hidden)
        if self._own_zygote is None or not self._own_zygote.alive():
            self._own_zygote = Zygote((), sandbox=sandbox, hidden=hidden)
        return self._own_zygote

    @property
    def exam_address(self) -> str:
        """Where an examiner connects to while the kernel serves an exam."""
        return f"{self._folder}/s-{len(SOCKETS)}"

    def exam(self, *, begins: bool) -> None:
        """Tell the supervisor that an exam begins or is over."""
        if self._process is not None:
            self._process.exam(begins=begins)

    # --- The process --------------------------------------------------------------------------------------------------
    @property
    def has_process(self) -> bool:
        """Whether a kernel was started and has not been waited for."""
        return self._process is not None

    async def poll(self) -> int | None:
        """Return None while the kernel runs, else its exit status."""
        if self._process is None:
            return 0
        before = self._process.ended
        status = self._process.poll()
        if before is None and self._process.ended:
            self._report(self._process)
        return status

    def _report(self, process: KernelProcess) -> None:
        """Write to the log why a kernel ended that nobody told to."""
        self.ended, self.lost = process.ended, process.lost
        ended = process.ended
        if (ended and ended.status and ended.status != -signal.SIGKILL) or (ended and ended.reason):
            text = ended.reason or f"its exit status is {ended.status}"
            said = f"; its last words: {ended.log.strip()[-500:]!r}" if ended.log.strip() else ""
            self.log.warning("A kernel in the sandbox has ended: %s%s", text, said)

    async def wait(self) -> int | None:
        """Wait until the kernel has ended."""
        status = await self._status()
        if self._process is not None:
            self._process.close()
            self._process = None
        return status

    async def _status(self) -> int:
        """Return the exit status of the kernel once it has one."""
        while (status := await self.poll()) is None:
            await asyncio.sleep(_POLL_SECONDS)
        return status

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel."""
        if self._process is not None:
            self._process.signal(signum)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and everything in its sandbox; wait for it as long as that usually takes."""
        await self.send_signal(signal.SIGKILL)
        with contextlib.suppress(TimeoutError):  # Jupyter would look at once, and again after 0.1 seconds
            await asyncio.wait_for(self._status(), _KILL_SECONDS)

    async def terminate(self, restart: bool = False) -> None:
        """As `kill`: a kernel holds nothing that it would have to save."""
        await self.kill(restart)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Don't wait for a farewell, which takes seconds where large packages are loaded."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Remove what was there for the kernel."""
        if self._process is not None:
            self._process.close()
            self._process = None
        if self._own_zygote is not None:
            self._own_zygote.close()
            self._own_zygote = None
        if self._folder is not None and not restart:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _is_this_interpreter(program: str) -> bool:
    """Say whether a kernel's program is the running interpreter, or just `python`, which Jupyter takes for it."""
    if "/" not in program:
        return program.startswith("python")
    ours = Path(sys.executable)
    return Path(program).parent.resolve() == ours.parent.resolve() and Path(program).resolve() == ours.resolve()


def _kernel_arguments(command: list[str]) -> list[str]:
    """Return what follows the connection file on a kernel's command line."""
    place = command.index("-f") if "-f" in command else len(command)
    return command[place + 2 :]
