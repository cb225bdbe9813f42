"""What arrives at a grader from a kernel that says whatever it likes."""

import asyncio
import gc
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from jupyter_client.session import Session

from grading.sandbox.client import BoundedClient, bounded_client
from grading.sandbox.policy import Limits
from tests.sandboxes import USERS, Grader, Result

MIB = 1 << 20
KEY = b"the key"
PARENT = {"header": {"msg_id": "cell"}, "msg_id": "cell"}
LIMITS = Limits.of({"output_bytes": 10_000, "message_bytes": 50_000})
ROOM = 5000
"""How much more than the limit the client lets through, so that the kernel's own note arrives."""
LAST = "that was all"


class Liar:
    """A kernel's output socket, with what is needed to sign messages."""

    def __init__(self, folder: str) -> None:
        self.socket = zmq.Context.instance().socket(zmq.PUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(f"ipc://{folder}/s-2")
        self.session = Session(key=KEY)

    def say(self, kind: str, content: Any, cell: str = "cell", **more: Any) -> None:
        """Send a message as a kernel does."""
        self.session.send(self.socket, kind, content, parent={"header": {"msg_id": cell}, "msg_id": cell}, **more)

    def write(self, text: str, cell: str = "cell") -> None:
        """Print."""
        self.say("stream", {"name": "stdout", "text": text}, cell)

    def parts(self, **changed: Any) -> list[bytes]:
        """Return the parts of a signed message whose header, parent, metadata or content are something else."""
        whole = self.session.msg("stream", {"name": "stdout", "text": "x"}, parent=PARENT)
        whole = {
            "header": whole["header"],
            "parent": whole["parent_header"],
            "metadata": {},
            "content": whole["content"],
        }
        parts = [
            text if isinstance(text, bytes) else json.dumps(text, default=str).encode()
            for text in (whole | changed).values()
        ]
        return [b"<IDS|MSG>", self.session.sign(parts), *parts]


@pytest.fixture
def liar() -> Iterator[Liar]:
    with tempfile.TemporaryDirectory() as folder:
        kernel = Liar(folder)
        kernel.folder = folder  # type: ignore[attr-defined]
        yield kernel
        kernel.socket.close()


def heard(liar: Liar, say: Callable[[], None], limits: Limits = LIMITS) -> list[dict[str, Any]]:
    """Return the messages that arrive, up to a last one in another cell."""

    async def listen() -> list[dict[str, Any]]:
        client: BoundedClient = bounded_client(limits)(transport="ipc", ip=f"{liar.folder}/s", iopub_port=2)  # type: ignore
        client.session.key = KEY
        channel, found = client.iopub_channel, []
        channel.start()
        channel.begin("cell")
        while not await channel.msg_ready():  # a subscriber hears what is said after it is there
            liar.say("status", {"execution_state": "starting"}, "before")
            await asyncio.sleep(0.01)
        say()
        liar.say("status", {"execution_state": "idle"}, LAST)
        while (message := await channel.get_msg(timeout=20))["parent_header"].get("msg_id") != LAST:
            if message["parent_header"].get("msg_id") != "before":
                found.append(message)
        channel.stop()
        return found

    return asyncio.run(listen())


def text_of(messages: list[dict[str, Any]]) -> str:
    return "".join(message["content"].get("text", "") for message in messages)


def test_ordinary_messages_pass_unchanged_and_in_order(liar: Liar) -> None:
    def say() -> None:
        for word in ("one", "two"):
            liar.write(word)
        liar.say("display_data", {"data": {"text/plain": "x"}, "metadata": {}}, buffers=[b"raw"])

    first, second, third = heard(liar, say)
    assert text_of([first, second]) == "onetwo"
    assert (third["msg_type"], third["content"]["data"]) == ("display_data", {"text/plain": "x"})
    assert [bytes(buffer) for buffer in third["buffers"]] == [b"raw"]


UNREADABLE: dict[str, Callable[[Liar], list[bytes]]] = {
    "no delimiter": lambda liar: [b"stream", b"x"],
    "nothing": lambda liar: [b""],
    "too few parts": lambda liar: liar.parts()[:4],
    "another signature": lambda liar: [b"<IDS|MSG>", b"0" * 64, *liar.parts()[2:]],
    "no signature": lambda liar: [b"<IDS|MSG>", b"", *liar.parts()[2:]],
    "no JSON": lambda liar: liar.parts(content=b"{"),
    "no text": lambda liar: liar.parts(content=b"\xff\xfe"),
    "deep JSON": lambda liar: liar.parts(content=b"[" * 20_000 + b"]" * 20_000),
    "a content that is a list": lambda liar: liar.parts(content=[1]),
    "a content that is nothing": lambda liar: liar.parts(content=None),
    "a parent that is a text": lambda liar: liar.parts(parent="x"),
    "a parent whose id is a list": lambda liar: liar.parts(parent={"msg_id": []}),
    "a header that is a list": lambda liar: liar.parts(header=[]),
    "a header without a type": lambda liar: liar.parts(header={"msg_id": "x"}),
    "a header whose type is a list": lambda liar: liar.parts(header={"msg_id": "x", "msg_type": []}),
    "a date that is none": lambda liar: liar.parts(header={"msg_id": "x", "msg_type": "stream", "date": {}}),
    "metadata that are a number": lambda liar: liar.parts(metadata=3),
    "a huge number": lambda liar: liar.parts(content=b'{"a": 1' + b"0" * 5000 + b"}"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_dropped_and_the_next_message_arrives(liar: Liar, kind: str) -> None:
    def say() -> None:
        # What other tests left behind would be cleared away in the depth of the JSON, where its `__del__` has no room.
        gc.collect()
        liar.socket.send_multipart(UNREADABLE[kind](liar))
        liar.write("still there", "next")

    messages = heard(liar, say)
    assert messages[-1]["content"]["text"] == "still there"
    for message in messages:
        assert isinstance(message["content"], dict)
        assert isinstance(message["parent_header"], dict)
        assert isinstance(message["metadata"], dict)


def test_many_that_can_not_be_read_are_one_line_in_the_log(liar: Liar, caplog: pytest.LogCaptureFixture) -> None:
    def say() -> None:
        for _ in range(200):
            liar.socket.send_multipart(liar.parts(content=b"{"))

    assert heard(liar, say) == []
    assert [record.getMessage() for record in caplog.records] == [
        "dropped messages of a kernel that can't be read: JSONDecodeError"
    ]


def test_a_message_that_is_sent_twice_arrives_once(liar: Liar) -> None:
    parts = liar.parts()
    assert len(heard(liar, lambda: [liar.socket.send_multipart(parts) for _ in range(3)] and None)) == 1


def test_output_is_cut_once_and_the_end_of_the_cell_is_seen(liar: Liar) -> None:
    def say() -> None:
        for _ in range(100):
            liar.write("x" * 1000)
        liar.say("error", {"ename": "ValueError", "evalue": "", "traceback": []})
        liar.say("status", {"execution_state": "idle"})

    messages = heard(liar, say)
    text = text_of(messages)
    assert 9000 <= text.count("x") <= 10_000 + ROOM
    assert text.count("cut off") == 1
    assert [message["msg_type"] for message in messages[-2:]] == ["error", "status"]


def test_a_cell_has_no_second_allowance_when_another_one_came_in_between(liar: Liar) -> None:
    def say() -> None:
        for place in range(30):
            liar.write("x" * 5000)
            liar.write("y", f"other {place}")

    mine = [message for message in heard(liar, say) if message["parent_header"]["msg_id"] == "cell"]
    assert text_of(mine).count("x") <= 10_000 + ROOM


def test_many_small_messages_are_bounded(liar: Liar) -> None:
    assert len(heard(liar, lambda: [liar.say("clear_output", {}) for _ in range(240)] and None)) < 240


@pytest.mark.parametrize("kind", ["comm_open", "comm_msg", "display_data", "unheard_of"])
def test_binary_buffers_and_metadata_count_as_output(liar: Liar, kind: str) -> None:
    def say() -> None:
        for _ in range(20):
            liar.say(kind, {"comm_id": "x"}, buffers=[b"x" * 5000], metadata={"a": "y" * 5000})

    found = heard(liar, say)
    total = sum(len(message["metadata"].get("a", "")) + sum(map(len, message["buffers"])) for message in found)
    assert total <= 10_000 + ROOM


def test_a_message_that_is_too_large_is_not_read_at_all(liar: Liar) -> None:
    """The connection is cut; what is said before it has arrived, and the grader finds the kernel mute."""

    async def listen() -> int:
        client = bounded_client(LIMITS)(transport="ipc", ip=f"{liar.folder}/s", iopub_port=2)  # type: ignore
        client.session.key = KEY
        channel, lengths = client.iopub_channel, [0]
        channel.start()
        for _ in range(100):
            liar.write("x" * 60_000, "large")
            liar.write("y", "small")
            await asyncio.sleep(0.005)
            while await channel.msg_ready():
                lengths.append(len((await channel.get_msg())["content"]["text"]))
        channel.stop()
        return max(lengths)

    assert asyncio.run(listen()) <= 200  # the note, at most


# --- From inside of a kernel, as a student can ----------------------------------------------------------------------
SENDER = """
import time
from jupyter_client.session import Session
kernel = get_ipython().kernel
session, socket, parent = Session(key=kernel.session.key), kernel.iopub_thread.socket, kernel.get_parent()
"""
LIES = {
    "other cells in between": """
for place in range(40):
    session.send(socket, 'stream', {'name': 'stdout', 'text': 'x' * 1000000}, parent)
    session.send(socket, 'stream', {'name': 'stdout', 'text': 'y'}, {'header': {'msg_id': str(place)}, 'msg_id': 'x'})
""",
    "empty lists": """
for place in range(8):
    data = {'text/plain': 'x', 'application/json': [[] for _ in range(500000)]}
    session.send(socket, 'display_data', {'data': data, 'metadata': {}}, parent)
""",
    "buffers": """
for place in range(300):
    state = {'_model_module': 'm', '_model_name': 'n', '_model_module_version': '1', 'v': 0}
    content = {'comm_id': str(place), 'target_name': 'jupyter.widget'}
    content['data'] = {'state': state, 'buffer_paths': [['v']]}
    session.send(socket, 'comm_open', content, parent, buffers=[b'x' * 1000000])
""",
    "a message of many parts": """
part = b'x' * 1000000
socket.send_multipart([b'stream', b'<IDS|MSG>', *[part] * 800], copy=False)
""",
    "a widget without a model": """
content = {'comm_id': 'x', 'target_name': 'jupyter.widget', 'data': {'state': {'v': 0}, 'buffer_paths': []}}
session.send(socket, 'comm_open', content, parent)
""",
}


@pytest.fixture
def grader() -> Iterator[Grader]:
    running = Grader(USERS[0])
    yield running
    running.close()


def _peak_bytes(grader: Grader) -> int:
    """Return the most memory that a grader has held: not what it was forked from, as `ru_maxrss` also counts."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{grader.process_id}/status").read_text())
    return int(line) << 10


def _run(grader: Grader, *cells: str) -> Result:
    return grader.run(*cells, preload=["IPython", "ipykernel.kernelapp"])


@pytest.mark.parametrize("lie", LIES)
def test_a_kernel_that_lies_costs_the_grader_little_and_the_notebook_stays_small(grader: Grader, lie: str) -> None:
    _run(grader, "1")
    before = _peak_bytes(grader)
    result = _run(grader, SENDER + LIES[lie] + "time.sleep(3)", "print('next')")
    assert len(json.dumps([cell.outputs for cell in result.cells])) < 4 * MIB
    assert _peak_bytes(grader) - before < 160 * MIB
    assert result.died == "" or "kernel" in result.died.lower()
    assert _run(grader, "print('as ever')").text(0) == "as ever\n"


def test_limits_are_of_the_class_and_not_shared() -> None:
    one, other = bounded_client(LIMITS), bounded_client(Limits())
    assert (one.limits, other.limits) == (LIMITS, Limits())  # type: ignore[attr-defined]
