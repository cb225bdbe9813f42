"""The student's side of an exam from outside: answers an examiner over a socket, in a fork of the kernel.

Request and answer take turns; the examiner always asks. What an exam does to the namespace, and what becomes of the
process, is gone when the fork ends.
"""

import contextlib
import os
import resource
import socket
import struct
import sys
from typing import Any

from grading.agent import Agent
from grading.exam import own_globals

LENGTH = struct.Struct("<Q")
READY = b"\1"
"""What the examiner reads first: somebody is there."""
_MOST_BYTES = 1 << 30
_WAIT_SECONDS = 30


def answer(listener: int, namespace: dict[str, Any], seed: int, cpu_seconds: int) -> None:
    """Accept one examiner and answer, until the connection is closed.

    Parameters
    ----------
    listener
        The descriptor of a listening socket.
    namespace
        The globals of the student's code.
    seed
        For the global states of randomness that the student's code may use. It says nothing of the exam's own.
    cpu_seconds
        What this process may use, its threads included.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    _silence()
    with socket.socket(fileno=listener) as door:
        door.settimeout(_WAIT_SECONDS)
        connection = _who_waits(door)
    with connection, own_globals([seed]):
        serve(connection, namespace)


def _who_waits(door: socket.socket) -> socket.socket:
    """Return the connection of an examiner who is still there; one of an exam that nobody served has gone."""
    while True:
        connection, _ = door.accept()
        connection.settimeout(None)
        try:
            connection.sendall(READY)
        except OSError:
            connection.close()
        else:
            return connection


def serve(connection: socket.socket, namespace: dict[str, Any]) -> None:
    """Answer requests about a namespace until the examiner closes the connection."""
    agent = Agent(namespace)
    with contextlib.suppress(OSError):  # an examiner that has gone is an end like any other
        while request := _receive(connection):
            connection.sendall(agent.answer(request))


def _receive(connection: socket.socket) -> bytes:
    """Return the next request; empty where there is none."""
    header = _exactly(connection, LENGTH.size)
    if len(header) < LENGTH.size:
        return b""
    (length,) = LENGTH.unpack(header)
    return _exactly(connection, min(length, _MOST_BYTES))


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length and (part := connection.recv(min(length - len(received), 1 << 20))):
        received += part
    return bytes(received)


def _silence() -> None:
    """Let nothing that is written reach the notebook: an exam judges answers alone."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = os.fdopen(null, "w", encoding="utf-8")  # type: ignore[misc]
