"""What stands between a kernel and its grader passes bytes on, and waits for nobody."""

import contextlib
import selectors
import socket
import threading
from pathlib import Path

import pytest

from grading.sandbox.relay import Relay

SECONDS = 5


def listening(path: Path, backlog: int = 8) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(backlog)
    return listener


def connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(SECONDS)
    client.connect(str(path))
    return client


@pytest.fixture
def ready() -> selectors.BaseSelector:
    return selectors.DefaultSelector()


@pytest.fixture
def relay(ready: selectors.BaseSelector, tmp_path: Path) -> Relay:
    """A relay from `outside` to `inside`."""
    made = Relay(ready, 1000, lambda reason: None)
    made.add(listening(tmp_path / "outside").detach(), str(tmp_path / "inside"))
    return made


def look(ready: selectors.BaseSelector) -> None:
    """Do what the supervisor's loop does in one turn."""
    for key, events in ready.select(timeout=SECONDS):
        key.data(key.fileobj, events)


@pytest.mark.usefixtures("relay")
def test_bytes_pass_in_both_directions(ready: selectors.BaseSelector, tmp_path: Path) -> None:
    with listening(tmp_path / "inside") as inside, connected(tmp_path / "outside") as grader:
        look(ready)
        kernel, _ = inside.accept()
        with kernel:
            for one, other, said in ((grader, kernel, b"hello"), (kernel, grader, b"\xff" + bytes(8) + b"\x7f\3")):
                one.sendall(said)
                look(ready)
                assert other.recv(100) == said


@pytest.mark.usefixtures("relay")
def test_a_kernel_that_accepts_nobody_does_not_hold_the_supervisor_up(
    ready: selectors.BaseSelector, tmp_path: Path
) -> None:
    with listening(tmp_path / "inside", backlog=0), contextlib.ExitStack() as waiting:
        while True:  # until nobody else may wait
            client = waiting.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            try:
                client.connect(str(tmp_path / "inside"))
            except BlockingIOError:
                break
        grader = waiting.enter_context(connected(tmp_path / "outside"))
        turn = threading.Thread(target=look, args=(ready,), daemon=True)
        turn.start()
        turn.join(SECONDS)
        assert not turn.is_alive()
        assert grader.recv(1) == b""
