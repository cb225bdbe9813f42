"""What grader and supervisor say to each other: one packet a message, JSON, with descriptors beside it."""

import json
import socket
from dataclasses import asdict, dataclass
from typing import Any

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
"""The five sockets of a kernel, in the order in which their listening descriptors are sent."""
SOCKETS = (*CHANNELS, "exam")
"""And one on which an examiner asks; see `grading.serve`."""
_MOST = 1 << 20


@dataclass(frozen=True)
class Request:
    """One kernel to start. Beside it go the descriptors of `SOCKETS`, of the data, and of the CPU counter if any."""

    connection: dict[str, Any]
    """What stands in a kernel's connection file."""
    connection_file: str
    """Where the kernel finds it; written by the kernel's side."""
    environment: dict[str, str]
    arguments: list[str]
    """Command line arguments for the kernel, such as `--HistoryManager.hist_file=:memory:`."""
    folder: str
    limits: dict[str, int]
    memory_is_limited: bool = False
    """By the system, for the whole tree; otherwise the supervisor has to look."""


@dataclass(frozen=True)
class Ended:
    """How a kernel ended: its exit status, a reason where the sandbox ended it, and what it used.

    `status` is negative for a signal, as in `subprocess`. `log` is the end of what it wrote past Jupyter: never
    trusted, at most some kilobytes.
    """

    status: int
    reason: str = ""
    cpu_seconds: float = 0.0
    log: str = ""


def send(connection: socket.socket, message: Request | Ended | dict[str, Any], descriptors: list[int] = []) -> None:  # noqa: B006
    """Send a message."""
    content = message if isinstance(message, dict) else asdict(message)
    socket.send_fds(connection, [json.dumps(content).encode()], descriptors)


def receive(connection: socket.socket, descriptors: int = 0) -> tuple[dict[str, Any] | None, list[int]]:
    """Return the next message, or None where the other end is gone, and its descriptors."""
    data, received, _, _ = socket.recv_fds(connection, _MOST, descriptors)
    return (json.loads(data) if data else None), list(received)
