"""What grader and supervisor say to each other arrives as it was said, with its descriptors."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from grading.sandbox.messages import Ended, Request, receive, send

Pair = tuple[socket.socket, socket.socket]
JSON = st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text())))


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield ends
    for end in ends:
        end.close()


@given(JSON)
def test_a_message_arrives_as_it_was_sent(pair: Pair, message: dict[str, object]) -> None:
    send(pair[0], message)
    assert receive(pair[1]) == (message, [])


@given(st.integers(-64, 255), st.text(max_size=1000), st.floats(0, 1e9), st.text(max_size=1000))
def test_an_end_arrives_as_it_was_sent(pair: Pair, status: int, reason: str, seconds: float, log: str) -> None:
    ended = Ended(status, reason, seconds, log)
    send(pair[0], ended)
    message, _ = receive(pair[1])
    assert message is not None
    assert Ended(**message) == ended


def test_a_request_arrives_with_its_descriptors_in_their_order(pair: Pair) -> None:
    request = Request({"ip": "x", "key": "ä"}, "/file", {"A": "b\n"}, ["--x"], "/folder", {"files": 3})
    pipes = [os.pipe() for _ in range(7)]
    for place, (_, end) in enumerate(pipes):
        os.write(end, str(place).encode())
    send(pair[0], request, [end for end, _ in pipes])
    message, received = receive(pair[1], len(pipes))
    assert message is not None
    assert Request(**message) == request
    assert [os.read(descriptor, 9) for descriptor in received] == [str(place).encode() for place in range(len(pipes))]
    for descriptor in (*received, *(end for pipe in pipes for end in pipe)):
        os.close(descriptor)


def test_descriptors_that_nobody_asked_for_are_not_taken(pair: Pair) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    send(pair[0], {}, [0, 0, 0])
    assert receive(pair[1]) == ({}, [])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_other_end_gone_is_no_message() -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    one.close()
    assert receive(other) == (None, [])
    other.close()


def test_a_large_environment_fits_into_one_message() -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    send(one, {"environment": "x" * 100_000})
    message, _ = receive(other)
    assert message == {"environment": "x" * 100_000}
    one.close()
    other.close()
