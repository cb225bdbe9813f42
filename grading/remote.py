"""The examiner's side of an exam from outside: a transport over a socket that expects nothing good of the other end."""

import hashlib
import socket
import time

from grading.handle import Session, SessionLost, Student
from grading.serve import LENGTH, READY
from grading.wire import HEADER, Unreadable, frame_sizes

_READY_SECONDS = 20


class OverSocket:
    """Sends requests and waits for answers, each by a deadline of its own.

    The first answer that doesn't come, comes late or can't be an answer ends the conversation: behind it nobody knows
    where the next one would begin.

    Parameters
    ----------
    answer_seconds
        Wall time for one answer, from the request to its last byte; a wide net, as CPU time is limited over there.
    """

    def __init__(self, connection: socket.socket, answer_seconds: float) -> None:
        self._connection, self._seconds = connection, answer_seconds
        self._lost = ""

    def __call__(self, request: bytes) -> bytes:
        """Return the answer to a request, undecoded.

        Raises
        ------
        SessionLost
            If there is none within the time and the bounds, now or before.
        """
        if self._lost:
            raise SessionLost(self._lost)
        deadline = time.monotonic() + self._seconds
        try:
            self._connection.settimeout(self._seconds)
            self._connection.sendall(LENGTH.pack(len(request)) + request)
            header = self._exactly(HEADER.size, deadline)
            return header + self._exactly(sum(frame_sizes(header)), deadline)
        except TimeoutError:
            self._lost = f"none came within {self._seconds:g} seconds"
        except Unreadable as error:
            self._lost = str(error)
        except OSError:
            self._lost = "its process ended"
        raise SessionLost(self._lost)

    def _exactly(self, length: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < length:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._connection.settimeout(left)
            part = self._connection.recv(min(length - len(received), 1 << 20))
            if not part:
                raise ConnectionError
            received += part
        return bytes(received)


def connect(address: str, answer_seconds: float) -> tuple[socket.socket, Student]:
    """Return a connection to a kernel that serves an exam, and the handle of its names.

    Raises
    ------
    SessionLost
        If nobody answers there.
    """
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_READY_SECONDS)
    try:
        connection.connect(address)
        there = connection.recv(len(READY)) == READY
    except OSError:
        there = False
    if not there:
        connection.close()
        raise SessionLost(
            "the notebook's kernel is not there for exams; it may have ended or replaced parts of Jupyter"
        )
    return connection, Student(Session(OverSocket(connection, answer_seconds)))


def seed_over_there(exam_id: str, seed: int) -> int:
    """Return the seed for the student's side of an exam, from which the exam's own can't be found out."""
    return int.from_bytes(hashlib.sha256(f"{seed} {exam_id} over there".encode()).digest()[:4], "little")
