"""What this machine can do for the sandbox, each finding with its remedy: `python -m grading doctor`."""

import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

from grading.sandbox import cgroups, walls
from grading.sandbox.errors import SandboxError
from grading.sandbox.filter import compiled_filter
from grading.sandbox.launch import PRELOAD, Zygote
from grading.sandbox.manager import SandboxKernelManager
from grading.sandbox.policy import Limits

_LONGEST_FOLDER = 60  # addresses of sockets have at most 107 characters
_TRIAL = """
import os, socket, pathlib
def refused(action):
    try:
        action()
    except OSError:
        return True
outside = {outside!r}
print(all([
    not pathlib.Path(outside).exists(),
    refused(lambda: socket.create_connection(("192.0.2.1", 9), 1)),
    refused(lambda: os.kill(-1, 0)) or len([name for name in os.listdir("/proc") if name.isdigit()]) < 9,
    refused(lambda: open("/usr/attempt", "w")),
    os.getuid() != 0,
]))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `works` is None where the sandbox does without it."""

    subject: str
    text: str
    works: bool | None = True
    remedy: str = ""


def findings(preload: tuple[str, ...] = PRELOAD) -> Iterator[Finding]:
    """Look at one thing after another; what needs something that is missing is left out.

    The last ones start a kernel in the sandbox and let it try to get out, and start the warm process.
    """
    looks: list[tuple[str, Callable[[], Finding]]] = [
        ("system", _system),
        ("bubblewrap", _bubblewrap),
        ("filter of system calls", _filter),
        ("temporary folder", _temporary_folder),
        ("limits of memory", _memory),
        ("a kernel in the sandbox", trial),
        ("warm process", lambda: _warm(preload)),
    ]
    for subject, look in looks:
        try:
            finding = look()
        except SandboxError as error:
            finding = Finding(subject, error.finding, False, error.remedy)
        yield finding
        if finding.works is False:
            return


def _system() -> Finding:
    if sys.platform != "linux":
        walls.bubblewrap()  # which says so
    return Finding("system", f"Linux {platform.release()} on {platform.machine()}, Python {platform.python_version()}")


def _bubblewrap() -> Finding:
    version = subprocess.run([walls.bubblewrap(), "--version"], capture_output=True, text=True, check=False).stdout
    return Finding("bubblewrap", version.strip() or "installed")


def _filter() -> Finding:
    return Finding("filter of system calls", f"compiled, {len(compiled_filter()) // 8} instructions")


def _temporary_folder() -> Finding:
    folder = tempfile.gettempdir()
    if len(folder) > _LONGEST_FOLDER:
        raise SandboxError(
            f"the temporary folder's name has {len(folder)} characters, too many for the address of a socket",
            "set TMPDIR to a folder with a shorter name",
        )
    return Finding("temporary folder", folder)


def _memory() -> Finding:
    most = f"{Limits().memory_bytes >> 20} MiB"
    if group := cgroups.make_group(Limits(), "doctor"):
        group.remove()
        version = 2 if len(set(group.folders.values())) == 1 else 1
        return Finding("limits of memory", f"{most} a submission, held by control groups (version {version})")
    return Finding(
        "limits of memory",
        f"{most} a submission, held by a look ten times a second: control groups can't be written here",
        None,
        "systemd-run --user --scope -p Delegate=yes, in front of the command, makes a group that can; not needed",
    )


def trial() -> Finding:
    """Start a kernel in the sandbox, and let it try to get out.

    Raises
    ------
    SandboxError
        Where that can't be had, with the remedy; or where it gets out.
    """
    started = time.monotonic()
    with tempfile.NamedTemporaryFile() as file:
        try:
            notebook = run(_TRIAL.format(outside=file.name))
        except SandboxError:
            raise
        except Exception as error:
            raise SandboxError(f"a kernel did not start: {error}", "look at memory and processes") from None
    said = "".join(output.get("text", output.get("evalue", "")) for output in notebook.cells[0].outputs).strip()
    if said != "True":
        raise SandboxError(f"a kernel in the sandbox is not held: {said}", "do not grade here; report this")
    return Finding("a kernel in the sandbox", f"starts and can't get out ({time.monotonic() - started:.1f} s)")


def run(source: str) -> NotebookNode:
    """Run one cell in a sandbox of its own, in which nothing is imported."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    settings = Config({"SandboxProvisioner": {"start": "cold", "sandbox": "full"}})
    client = NotebookClient(
        notebook, kernel_manager_class=SandboxKernelManager, config=settings, timeout=60, allow_errors=True
    )
    client.execute()
    return notebook


def _warm(preload: tuple[str, ...]) -> Finding:
    started = time.monotonic()
    zygote = Zygote(preload)
    zygote.close()
    seconds = f"{time.monotonic() - started:.1f} s"
    if zygote.skipped:
        missing = ", ".join(zygote.skipped)
        return Finding("warm process", f"starts in {seconds}, without {missing}", None, "make install")
    return Finding("warm process", f"starts in {seconds}, with {len(preload)} packages imported")
