"""Notebooks in the sandbox, run as root or as an ordinary user, for the tests.

A `Grader` is a process that runs one notebook after another through nbclient and the provisioner, as nbgrader does.
It lives as long as the tests of a session, so that its warm process serves them all.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.config import Config

from grading.sandbox.walls import readable_paths
from tests.tools import text_of

ORDINARY_ID = 61234
"""The number of the ordinary user where root runs the tests: nobody's."""
USERS = ("root", "user") if os.geteuid() == 0 else ("user",)
ROOT = Path(__file__).parents[1]


@dataclass
class Result:
    """What came of a notebook: the outputs of each cell, why its kernel died if it did, and what the grader held."""

    cells: list[NotebookNode]
    died: str = ""
    grader_bytes: int = 0
    log: list[str] = field(default_factory=list)

    def text(self, place: int) -> str:
        """Return what a cell printed and showed as text, errors included; negative places count from the end."""
        return text_of(self.cells[place])

    def error(self, place: int) -> str:
        """Return the name of the error of a cell, or nothing."""
        return "".join(output.ename for output in self.cells[place].outputs if output.output_type == "error")


class Grader:
    """A grader's process. `user` is "root" or "user"."""

    def __init__(self, user: str) -> None:
        command = [sys.executable, "-m", "tests.sandboxes"]
        if user == "user" and os.geteuid() == 0:
            command = as_ordinary_user(command)
        self.user = user
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )

    @property
    def process_id(self) -> int:
        """The number of its process: the grader itself, seen from outside."""
        return self._process.pid

    def run(self, *cells: str, folder: Path | None = None, timeout: int = 60, **settings: Any) -> Result:
        """Run a notebook with these cells.

        Parameters
        ----------
        folder
            The submission's folder, with its data files.
        timeout
            Seconds of wall time that nbclient gives a cell.
        settings
            Traits of the provisioner, such as ``limits={"cell_cpu_seconds": 2}`` or ``start="cold"``.
        """
        order = {
            "cells": cells,
            "folder": str(folder) if folder else None,
            "timeout": timeout,
            "settings": settings,
        }
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the grader itself died, with {self._process.wait()}"
        answer = json.loads(line)
        cells_ = nbformat.reads(answer.pop("notebook"), as_version=4).cells
        return Result(cells_, **answer)

    def close(self) -> None:
        """End it, as at the end of a batch."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def environment() -> dict[str, str]:
    """Return the environment of a grader: a secret in it, and what selects the provisioner."""
    return {
        **os.environ,
        "JUPYTER_DEFAULT_PROVISIONER_NAME": "sandbox",
        "SECRET_OF_THE_GRADER": "the instructor's token",
    }


def as_ordinary_user(command: list[str]) -> list[str]:
    """Return the command line that runs a command as a user without rights, for root.

    Folders that hide the interpreter from others (such as /root) are replaced, in a view of its own, by ones that
    show it.
    """
    words, opened = ["bwrap", "--dev-bind", "/", "/"], set()
    for path in readable_paths():
        parents = [folder for folder in reversed(Path(path).parents) if folder != Path("/")]
        closed = next((place for place, folder in enumerate(parents) if not folder.stat().st_mode & 1), None)
        if closed is not None:
            if parents[closed] not in opened:
                opened.add(parents[closed])
                words += ["--perms", "0755", "--tmpfs", str(parents[closed])]
            words += [word for folder in parents[closed + 1 :] for word in ("--perms", "0755", "--dir", str(folder))]
            words += ["--ro-bind", path, path]
    rights = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    identity = ["setpriv", f"--reuid={ORDINARY_ID}", f"--regid={ORDINARY_ID}", "--clear-groups", "--"]
    return [*words, *rights, *identity, "env", "HOME=/tmp", *command]


def _serve() -> None:
    """Run the notebooks that come as lines on stdin, and answer with lines on stdout."""
    import logging

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing else may get between the answers
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("traitlets").addHandler(handler)
    logging.getLogger("grading").addHandler(handler)
    for line in sys.stdin:
        order = json.loads(line)
        records.clear()
        notebook = new_notebook(cells=[new_code_cell(source) for source in order["cells"]])
        client = NotebookClient(
            notebook,
            timeout=order["timeout"],
            allow_errors=True,
            interrupt_on_timeout=True,
            kernel_name="python3",
            config=Config({"SandboxProvisioner": order["settings"]}),
            resources={"metadata": {"path": order["folder"]}} if order["folder"] else {},
        )
        died = ""
        try:
            client.execute()
        except DeadKernelError as error:
            died = str(error)
        except Exception as error:
            died = f"{type(error).__name__}: {error}"
        peak = _peak_bytes()
        answer = {"notebook": nbformat.writes(notebook), "died": died, "grader_bytes": peak, "log": list(records)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _peak_bytes() -> int:
    """Return the most memory that this process has held; `getrusage` would count its parent's, before exec."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise LookupError("VmHWM")


if __name__ == "__main__":
    _serve()
