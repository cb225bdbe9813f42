"""The student's side of an exam in a forked child, for tests that need no whole kernel."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from grading.exam import Exam, Verdict, own_globals, run
from grading.handle import Session, Student
from grading.remote import OverSocket, seed_over_there
from grading.serve import answer, serve

ANSWER_SECONDS = 60.0


@contextlib.contextmanager
def in_a_fork(talk: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    """Let a child talk at the other end of a connection; it is gone after the block."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            ours.close()
            talk(theirs)
        finally:
            os._exit(0)
    theirs.close()
    try:
        with ours:
            yield ours
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def remote_verdict(names: dict[str, Any], exam: Exam, seed: int) -> Verdict:
    """Run an exam here on names in a forked child, as examiner and kernel do."""

    def talk(connection: socket.socket) -> None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        with own_globals([seed_over_there(exam.id, seed)]):
            serve(connection, names)

    with in_a_fork(talk) as connection:
        return run(exam, Student(Session(OverSocket(connection, ANSWER_SECONDS))), seed)


@contextlib.contextmanager
def listening(path: Path, names: dict[str, Any], *, exams: int = 1) -> Iterator[str]:
    """Serve that many exams, one after another, to whoever connects to an address."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    child = os.fork()
    if child == 0:
        try:
            for _ in range(exams):
                answer(os.dup(listener.fileno()), names, 0, 30)
        finally:
            os._exit(0)
    listener.close()
    try:
        yield str(path)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
