"""What a grader reads from a kernel that it does not trust: bounded, and never a reason to fall over."""

import json
import logging
import math
import time
from queue import Empty
from types import NoneType
from typing import Any, ClassVar

import zmq
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.connect import channel_socket_types
from nbformat.v4 import output_from_msg
from traitlets import Type

from grading.sandbox.outputs import OUTPUTS, OutputMeter, size
from grading.sandbox.policy import Limits

_log = logging.getLogger(__name__)
_ROOM_FOR_THE_NOTE = 4096
_ANSWER_SECONDS, _ECHO_SECONDS = 1.0, 0.2
_QUEUE = 256  # messages that wait to be read; with their largest size, a bound on the grader's memory


_KINDS = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output", "execute_input",
     "status", "iopub_welcome"}
)  # fmt: skip
"""What is read at all. Widgets would talk through other kinds; a notebook that is graded has nobody to talk to."""


class _MalformedError(Exception):
    """A message made to break whoever reads it."""


class ReplyChannel(AsyncZMQSocketChannel):
    """Drops messages that can't be read, or that don't have the form that they should have."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._reported: set[str] = set()

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:  # type: ignore[override]
        """Return the next message that can be read."""
        while True:
            try:
                return await super().get_msg(timeout)
            except _MalformedError as error:
                if str(error) not in self._reported:  # once for each kind: a kernel can send them without end
                    self._reported.add(str(error))
                    _log.warning("dropped messages of a kernel that can't be read: %s", error)

    async def _recv(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        assert self.socket is not None
        parts = await self.socket.recv_multipart(**options)
        try:
            _, parts = self.session.feed_identities(parts)
            message = self.session.deserialize(parts)
            for part in ("header", "parent_header", "metadata", "content"):
                _demand(type(message[part]) is dict, part)
            _demand(message["msg_type"] == message["header"]["msg_type"], "type")
            _demand(type(message["parent_header"].get("msg_id", "")) is str, "parent")
            json.dumps(message["content"], ensure_ascii=False).encode()  # half a character can't be written to a file
            self._check(message["msg_type"], message["content"])
        except Exception as error:
            raise _MalformedError(type(error).__name__) from None
        return message

    def _check(self, kind: str, content: dict[str, Any]) -> None:
        """Raise an exception of some kind unless it is a reply, with a status."""
        _demand(kind.endswith("_reply") and content["status"] in ("ok", "error", "aborted"), "status")
        if content["status"] == "error":
            _demand(type(content["traceback"]) is list, "traceback")
            texts = [content["ename"], content["evalue"], *content["traceback"]]
            _demand(all(type(text) is str for text in texts), "error")


class BoundedChannel(ReplyChannel):
    """Drops messages that can't be read, and output beyond the limit of a cell."""

    limits: ClassVar[Limits] = Limits()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._meter = OutputMeter(self.limits.output_bytes + _ROOM_FOR_THE_NOTE)

    def begin(self, cell: str) -> None:
        """Count from now on for the cell of this request."""
        self._meter.begin(cell)

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:  # type: ignore[override]
        """Return the next message that may pass."""
        while True:
            message = await super().get_msg(timeout)
            kind, cell = message["header"]["msg_type"], message["parent_header"].get("msg_id", "")
            more = size(message["metadata"]) + sum(map(len, message.get("buffers", [])))
            if self._meter.admit(kind, message["content"], cell, more):
                return message
            if kind in OUTPUTS and (note := self._meter.note()):
                header = {**message["header"], "msg_type": "stream"}
                return {**message, "header": header, "msg_type": "stream", "content": note}

    def _check(self, kind: str, content: dict[str, Any]) -> None:
        """Raise an exception of some kind unless it is output as nbformat knows it, or the kernel's state."""
        _demand(kind in _KINDS, kind)
        if kind == "status":
            _demand(type(content["execution_state"]) is str, "execution_state")
        if kind == "execute_input":
            _demand(type(content["execution_count"]) is int, "execution_count")
        if kind in ("display_data", "update_display_data"):
            transient = content.get("transient", {})
            _demand(type(transient) is dict and type(transient.get("display_id")) in (str, NoneType), "transient")
        if kind in ("stream", "display_data", "update_display_data", "execute_result", "error"):
            shown = {"header": {"msg_type": kind.replace("update_", "")}, "content": content}
            output_from_msg(shown)  # validates what it makes


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


class BoundedClient(AsyncKernelClient):
    """A client that refuses messages over a size, and whose output channel is bounded.

    It does without heartbeats: whether the kernel lives is the supervisor's to say.
    """

    shell_channel_class = Type(ReplyChannel)
    limits: ClassVar[Limits] = Limits()

    def start_channels(self, *arguments: Any, **options: Any) -> None:
        """Start the channels, but for the heartbeat."""
        super().start_channels(*arguments, **{**options, "hb": False})

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered a first request, and its output channel is heard.

        Jupyter's own waits for 0.2 seconds of silence after that.

        Raises
        ------
        RuntimeError
            If the kernel dies, or does not answer within the time.
        """
        deadline = time.monotonic() + (math.inf if timeout is None else timeout)
        while not await self._answers():
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")

    async def _answers(self) -> bool:
        """Say whether a request is answered, and its end announced on the output channel: nothing is left on it."""
        request = self.kernel_info()
        try:
            self._handle_kernel_info_reply(await self._about(request, self.shell_channel, _ANSWER_SECONDS))
            state = ""
            while state != "idle":
                heard = await self._about(request, self.iopub_channel, _ECHO_SECONDS)
                state = heard["content"].get("execution_state", "")
        except Empty:
            return False
        return True

    @staticmethod
    async def _about(request: str, channel: AsyncZMQSocketChannel, seconds: float) -> dict[str, Any]:
        """Return the next message about a request, each message before it waited for no longer than some seconds."""
        while True:
            message = await channel.get_msg(timeout=seconds)
            if message["parent_header"].get("msg_id") == request:
                return message

    def execute(self, *arguments: Any, **options: Any) -> str:
        """Ask for a cell to be run; its output has an account of its own."""
        request = super().execute(*arguments, **options)
        self.iopub_channel.begin(request)
        return request

    def _create_connected_socket(self, channel: str, identity: bytes | None = None) -> Any:
        made = self.context.socket(channel_socket_types[channel])
        made.linger = 0  # nothing that is left to say to a kernel matters
        made.setsockopt(zmq.MAXMSGSIZE, self.limits.message_bytes)
        made.setsockopt(zmq.RCVHWM, _QUEUE)
        if identity:
            made.identity = identity
        made.connect(self._make_url(channel))
        return made


def bounded_client(limits: Limits) -> type[AsyncKernelClient]:
    """Return the class of clients that hold a kernel to these limits."""
    channel = type("BoundedChannel", (BoundedChannel,), {"limits": limits})
    return type("BoundedClient", (BoundedClient,), {"limits": limits, "iopub_channel_class": Type(channel)})
