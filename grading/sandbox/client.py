"""What a grader reads from a kernel that it does not trust: bounded, and never a reason to fall over."""

import logging
from typing import Any, ClassVar

import nbformat
import zmq
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from nbformat.v4 import output_from_msg
from traitlets import Type

from grading.sandbox.outputs import OUTPUTS, OutputMeter, size
from grading.sandbox.policy import Limits

_log = logging.getLogger(__name__)
_ROOM_FOR_THE_NOTE = 4096
_QUEUE = 256  # messages that wait to be read; with their largest size, a bound on the grader's memory


_KINDS = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output", "execute_input",
     "status", "iopub_welcome"}
)  # fmt: skip
"""What is read at all. Widgets would talk through other kinds; a notebook that is graded has nobody to talk to."""


class _UnreadableError(Exception):
    """A message made to break whoever reads it."""


class BoundedChannel(AsyncZMQSocketChannel):
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
            try:
                message = await super().get_msg(timeout)
            except _UnreadableError as error:
                _log.warning("dropped a message of a kernel that can't be read: %s", error)
                continue
            kind, cell = message["header"]["msg_type"], message["parent_header"].get("msg_id", "")
            more = size(message["metadata"]) + sum(map(len, message.get("buffers", [])))
            if self._meter.admit(kind, message["content"], cell, more):
                return message
            if kind in OUTPUTS and (note := self._meter.note()):
                header = {**message["header"], "msg_type": "stream"}
                return {**message, "header": header, "msg_type": "stream", "content": note}

    async def _recv(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        assert self.socket is not None
        parts = await self.socket.recv_multipart(**options)
        try:
            _, parts = self.session.feed_identities(parts)
            message = self.session.deserialize(parts)
            _check(message)
        except Exception as error:
            raise _UnreadableError(type(error).__name__) from None
        return message


def _check(message: dict[str, Any]) -> None:
    """Raise an exception of some kind unless a message has the form of its type."""
    for part in ("header", "parent_header", "metadata", "content"):
        if type(message[part]) is not dict:
            raise TypeError(part)
    kind, content = message["header"]["msg_type"], message["content"]
    if message["msg_type"] != kind or kind not in _KINDS or type(message["parent_header"].get("msg_id", "")) is not str:
        raise ValueError(kind)
    if kind == "status" and type(content["execution_state"]) is not str:
        raise TypeError("execution_state")
    if kind == "execute_input" and type(content["execution_count"]) is not int:
        raise TypeError("execution_count")
    if kind in ("display_data", "update_display_data") and type(content.get("transient", {})) is not dict:
        raise TypeError("transient")
    if kind in ("stream", "display_data", "update_display_data", "execute_result", "error"):
        shown = {**message, "msg_type": kind.replace("update_", "")}
        nbformat.validate(output_from_msg(shown), ref="output", version=4)


class BoundedClient(AsyncKernelClient):
    """A client that refuses messages over a size, and whose output channel is bounded.

    It does without heartbeats: whether the kernel lives is the supervisor's to say.
    """

    limits: ClassVar[Limits] = Limits()

    def start_channels(self, *arguments: Any, **options: Any) -> None:
        """Start the channels, but for the heartbeat."""
        super().start_channels(*arguments, **{**options, "hb": False})

    def execute(self, *arguments: Any, **options: Any) -> str:
        """Ask for a cell to be run; its output has an account of its own."""
        request = super().execute(*arguments, **options)
        self.iopub_channel.begin(request)
        return request

    def _create_connected_socket(self, channel: str, identity: bytes | None = None) -> Any:
        connected = super()._create_connected_socket(channel, identity)
        address = self._make_url(channel)
        connected.disconnect(address)  # the bounds hold for connections that are made after they are set
        connected.setsockopt(zmq.MAXMSGSIZE, self.limits.message_bytes)
        connected.setsockopt(zmq.RCVHWM, _QUEUE)
        connected.connect(address)
        return connected


def bounded_client(limits: Limits) -> type[AsyncKernelClient]:
    """Return the class of clients that hold a kernel to these limits."""
    channel = type("BoundedChannel", (BoundedChannel,), {"limits": limits})
    return type("BoundedClient", (BoundedClient,), {"limits": limits, "iopub_channel_class": Type(channel)})
