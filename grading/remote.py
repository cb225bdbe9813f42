"""The examiner's side of an exam from outside: a transport over a socket that expects nothing good of the other end."""

import hashlib
import math
import socket
import time
from typing import Self

from grading.handle import SessionLostError
from grading.serve import LENGTH, READY
from grading.wire import HEADER, UnreadableError, frame_sizes

READY_SECONDS = 20.0
UNASKED = "it answered what nobody had asked"


class OverSocket:
    """Sends requests and waits for answers, each by a deadline of its own.

    The first answer that doesn't come, comes late or can't be an answer ends the conversation: behind it nobody knows
    where the next one would begin.

    Parameters
    ----------
    answer_seconds
        Wall time for one answer, from the request to its last byte; a wide net, as CPU time is limited over there.
    all_seconds
        Wall time for all answers together: many slow ones must not outlast the examiner, or a submission could order
        that there is no verdict.
    """

    def __init__(self, connection: socket.socket, answer_seconds: float, all_seconds: float = math.inf) -> None:
        self._connection, self._seconds, self._all_seconds = connection, answer_seconds, all_seconds
        self._waited = 0.0
        self.lost = ""
        """Why there are no more answers; empty while there are."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __call__(self, request: bytes) -> bytes:
        """Return the answer to a request, undecoded.

        Raises
        ------
        SessionLostError
            If there is none within the time and the bounds, now or before.
        """
        if self.lost:
            raise SessionLostError(self.lost)
        started = time.monotonic()
        deadline = started + min(self._seconds, self._all_seconds - self._waited)
        try:
            if self._has_spoken():
                raise UnreadableError(UNASKED)
            self._send(LENGTH.pack(len(request)) + request, deadline)
            header = self._receive(HEADER.size, deadline)
            return header + self._receive(sum(frame_sizes(header)), deadline)
        except TimeoutError:
            self.lost = f"it took more than {self._seconds:g} seconds, or {self._all_seconds:g} in all"
        except UnreadableError as error:
            self.lost = str(error)
        except OSError:
            self.lost = "its process ended"
        finally:
            self._waited += time.monotonic() - started
        raise SessionLostError(self.lost)

    def _has_spoken(self) -> bool:
        """Say whether something came that nobody had asked for, which the agent never does."""
        self._connection.setblocking(False)
        try:
            return bool(self._connection.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False

    def _send(self, data: bytes, deadline: float) -> None:
        self._until(deadline)
        self._connection.sendall(data)

    def _until(self, deadline: float) -> None:
        if (left := deadline - time.monotonic()) <= 0:
            raise TimeoutError
        self._connection.settimeout(left)

    def _receive(self, length: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < length:
            self._until(deadline)
            part = self._connection.recv(min(length - len(received), 1 << 20))
            if not part:
                raise ConnectionError
            received += part
        return bytes(received)


def connect(
    address: str, answer_seconds: float, all_seconds: float = math.inf, *, ready_seconds: float = READY_SECONDS
) -> OverSocket:
    """Return a transport to a kernel that serves an exam.

    Parameters
    ----------
    ready_seconds
        For the kernel to say that it is there. The others are as for `OverSocket`.

    Raises
    ------
    SessionLostError
        If nobody answers there.
    """
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(ready_seconds)
    try:
        connection.connect(address)
        there = connection.recv(len(READY)) == READY
    except OSError:
        there = False
    if not there:
        connection.close()
        raise SessionLostError(
            "the notebook's kernel is not there for exams; it may have ended or replaced parts of Jupyter"
        )
    return OverSocket(connection, answer_seconds, all_seconds)


def seed_over_there(exam_id: str, seed: int) -> int:
    """Return the seed for the student's side of an exam, from which the exam's own can't be found out."""
    return int.from_bytes(hashlib.sha256(f"{seed} {exam_id} over there".encode()).digest()[:4], "little")
