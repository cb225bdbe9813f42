"""The examiner's side of the wire: an evil peer costs its own points, in bounded time, and never the examiner."""

import contextlib
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lying import GARBAGE, Lying
from serving import in_a_fork, listening, remote_verdict

from grading.encoder import encode_value
from grading.exam import Exam, Verdict, find, run
from grading.handle import Session, SessionLostError, Student, in_process
from grading.remote import UNASKED, OverSocket, connect, seed_over_there
from grading.serve import LENGTH
from grading.wire import HEADER, UnreadableError, encode_request
from tests.samples import exchange, names_of, solution_cells
from tests.samples.cases import Mutant
from tests.samples.catalogue import BASE, MUTANTS, PARTS, TESTS_OF, exams_of, reference

SECONDS = 0.5
LONG = 10 * SECONDS
"""What a busy machine may make of `SECONDS`, and still far from for ever."""
REQUEST = encode_request(("name", "x"), lambda _: None)
FIVE = encode_value(5.0, None)  # type: ignore[arg-type]
EXAMS = {exam_id: find(exam_id) for part in PARTS for exam_id in exams_of(part)}
pytestmark = pytest.mark.usefixtures("weights_of_grading")


# --- an evil peer -----------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def peer(talk: Callable[[socket.socket], Any], **seconds: float) -> Iterator[OverSocket]:
    """Yield the transport to a thread that talks."""
    ours, theirs = socket.socketpair()

    def speak() -> None:
        with contextlib.suppress(OSError):
            talk(theirs)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield OverSocket(ours, seconds.pop("answer_seconds", SECONDS), **seconds)
    finally:
        ours.close()
        thread.join(10)
        theirs.close()
        assert not thread.is_alive()


def heard(connection: socket.socket) -> None:
    (length,) = LENGTH.unpack(connection.recv(LENGTH.size, socket.MSG_WAITALL))
    connection.recv(length, socket.MSG_WAITALL)


def until_closed(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def says(*parts: bytes, pause: float = 0.0, ends: bool = False) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        heard(connection)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        if ends:
            connection.close()
        else:
            until_closed(connection)

    return talk


EVIL = {
    "silent": says(),
    "gone": says(ends=True),
    "gone before it is asked": socket.socket.close,
    "half a header": says(FIVE[:5]),
    "half a header, and gone": says(FIVE[:5], ends=True),
    "half a body": says(FIVE[:-3]),
    "half a body, and gone": says(FIVE[:-3], ends=True),
    "four GiB of tree": says(HEADER.pack(2**32 - 1, 0) + b"x" * 1000),
    "four GiB of buffers": says(HEADER.pack(1, 2**32 - 1) + b"x" * 1000),
    "64 MiB that do not come": says(HEADER.pack(1, 64 << 20) + b"\xc0"),
    "drips": says(*(bytes([byte]) for byte in FIVE), pause=0.2),
    "drips without end": says(HEADER.pack(1 << 20, 0), *[b"\xc0"] * 1000, pause=0.05),
    "a text": says(b"HTTP/1.1 200 OK\r\n\r\n5 of 5 points"),
    "noise": says(random.Random(5).randbytes(1 << 16)),
    "a pickle": says(b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x08builtins"),
    "does not listen": lambda connection: time.sleep(2 * SECONDS),
}


@pytest.mark.parametrize("talk", EVIL.values(), ids=EVIL)
def test_an_evil_peer_is_lost_in_bounded_time_and_for_good(talk: Callable[[socket.socket], None]) -> None:
    with peer(talk) as transport:
        session = Session(transport)
        started = time.monotonic()
        with pytest.raises((SessionLostError, UnreadableError)):
            session.ask("put", bytes(1 << 22))
        assert time.monotonic() - started < LONG
        started = time.monotonic()
        for _ in range(100):
            with pytest.raises(SessionLostError):
                session.ask("name", "x")
        assert time.monotonic() - started < LONG


@pytest.mark.parametrize("answers", [2 * FIVE, FIVE + b"x", FIVE + FIVE[:9]])
def test_who_answers_what_nobody_asked_is_lost(answers: bytes) -> None:
    with peer(says(answers)) as transport:
        assert transport(REQUEST) == FIVE
        with pytest.raises(SessionLostError, match=UNASKED):
            transport(REQUEST)
        with pytest.raises(SessionLostError, match=UNASKED):
            transport(REQUEST)


def test_who_speaks_before_the_question_is_lost() -> None:
    with peer(lambda connection: (connection.sendall(FIVE), until_closed(connection))) as transport:
        time.sleep(0.1)
        with pytest.raises(SessionLostError, match=UNASKED):
            transport(REQUEST)


def slow(seconds: float) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        while True:
            heard(connection)
            time.sleep(seconds)
            connection.sendall(FIVE)

    def until_the_end(connection: socket.socket) -> None:
        with contextlib.suppress(OSError, struct.error):
            talk(connection)

    return until_the_end


def test_a_slow_peer_in_time_is_heard() -> None:
    with peer(slow(0.2), answer_seconds=LONG) as transport:
        assert [transport(REQUEST) for _ in range(3)] == [FIVE] * 3


def test_many_slow_answers_together_have_an_end() -> None:
    with peer(slow(0.2), answer_seconds=LONG, all_seconds=1.0) as transport:
        started, answers = time.monotonic(), 0
        with pytest.raises(SessionLostError, match="in all"):
            while True:
                transport(REQUEST)
                answers += 1
        assert answers <= 5
        assert time.monotonic() - started < LONG


@pytest.mark.parametrize("seed", range(3))
def test_any_bytes_in_any_pieces_end_in_an_answer_or_a_loss(seed: int) -> None:
    draw = random.Random(seed)

    def talk(connection: socket.socket) -> None:
        heard(connection)
        data = bytearray(FIVE * 3)
        for _ in range(draw.randrange(4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        while data:
            count = draw.randrange(1, len(data) + 1)
            connection.sendall(data[:count])
            del data[:count]
        connection.close()

    for _ in range(50):
        with peer(talk) as transport, contextlib.suppress(SessionLostError, UnreadableError):
            Session(transport).ask("name", "x")
            Session(transport).ask("name", "x")


@pytest.mark.parametrize("greeting", [b"", b"\2", b"no"], ids=["nothing", "another", "text"])
def test_nobody_who_is_ready_is_nobody(tmp_path: Path, greeting: bytes) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()

    def greet() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(greeting)
            until_closed(connection)

    thread = threading.Thread(target=greet)
    thread.start()
    started = time.monotonic()
    with listener, pytest.raises(SessionLostError, match="not there"):
        connect(str(tmp_path / "s"), SECONDS, ready_seconds=SECONDS)
    assert time.monotonic() - started < LONG
    thread.join(10)
    with pytest.raises(SessionLostError, match="not there"):
        connect(str(tmp_path / "s"), SECONDS)
    with pytest.raises(SessionLostError, match="not there"):
        connect(str(tmp_path / "nowhere"), SECONDS)


# --- an honest one ----------------------------------------------------------------------------------------------------
def test_a_forked_child_answers_right(tmp_path: Path) -> None:
    names = {"numbers": [1, 2, 3], "double": lambda x: 2 * x, "end": lambda: os._exit(3)}
    with listening(tmp_path / "s", names) as address, connect(address, 10) as transport:
        student = Student(Session(transport))
        assert student.numbers == [1, 2, 3]
        assert student.double(4) == 8
        with pytest.raises(SessionLostError, match="its process ended"):
            student.end()


def test_the_seed_over_there_tells_nothing_of_another_exam() -> None:
    seeds = {seed_over_there(exam_id, seed) for exam_id in EXAMS for seed in range(20)}
    assert len(seeds) == 20 * len(EXAMS)
    assert not seeds & set(range(1000))


def found(verdict: Verdict) -> tuple[float, list[tuple[str, bool, str]]]:
    return verdict.score, [(reason.idea, reason.earned, reason.kind) for reason in verdict.reasons]


def part_of(exam: Exam) -> str:
    return exam.module.split(".")[2]


@pytest.mark.parametrize("exam_id", EXAMS)
def test_the_reference_gets_the_same_in_both_ways(exam_id: str) -> None:
    exam = EXAMS[exam_id]
    names = reference(part_of(exam))
    there, here = remote_verdict(names, exam, 0), run(exam, in_process(names), 0)
    assert found(there) == found(here)
    assert there.score == exam.points


@pytest.mark.parametrize(("part", "mutant"), MUTANTS[::13], ids=[mutant.name for _, mutant in MUTANTS[::13]])
def test_a_mistake_costs_the_same_in_both_ways(part: str, mutant: Mutant) -> None:
    names = names_of(part, exchange(BASE[part], mutant.cell, *mutant.passages))
    for exam in (EXAMS[key] for key in TESTS_OF[part][mutant.cell]):
        assert found(remote_verdict(names, exam, 0)) == found(run(exam, in_process(names), 0)), exam.id


# --- a liar over the wire ---------------------------------------------------------------------------------------------
def lying_verdict(names: dict[str, object], exam: Exam, seed: int, place: int, kind: str) -> Verdict:
    """Run an exam on a child that replaces one answer; what is cut short, it is cut off behind."""

    def talk(connection: socket.socket) -> None:
        transport = Lying(names, place, GARBAGE[kind])
        while True:
            (length,) = LENGTH.unpack(connection.recv(LENGTH.size, socket.MSG_WAITALL))
            connection.sendall(transport(connection.recv(length, socket.MSG_WAITALL)))
            if transport.asked > place and kind in ("nothing", "half"):
                return

    with in_a_fork(talk) as connection:
        return run(exam, Student(Session(OverSocket(connection, 60.0))), seed)


@pytest.mark.parametrize("exam_id", EXAMS)
def test_a_lie_over_the_wire_ends_in_a_verdict(exam_id: str) -> None:
    exam, draw = EXAMS[exam_id], random.Random(exam_id)
    names = reference(part_of(exam))
    honest = Lying(names, -1, GARBAGE["nothing"])
    run(exam, Student(Session(honest)), 0)
    for kind in [*draw.sample(list(GARBAGE), 5), "half"]:
        verdict = lying_verdict(names, exam, 0, draw.randrange(honest.asked), kind)
        assert 0 <= verdict.score <= exam.points, kind
        assert sum(reason.points for reason in verdict.reasons) == pytest.approx(exam.points), kind


@pytest.mark.parametrize("exam_id", EXAMS)
def test_no_lie_of_a_blank_submission_passes(exam_id: str) -> None:
    exam, draw = EXAMS[exam_id], random.Random(exam_id)
    names = names_of(part_of(exam), solution_cells("release", part_of(exam)))
    for place, kind in enumerate(draw.sample(list(GARBAGE), 6)):
        assert lying_verdict(names, exam, 0, place % 3, kind).score == 0, (place, kind)
