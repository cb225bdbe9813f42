"""What a grader reads from a kernel that it does not trust: bounded, and never a reason to fall over."""

import logging
from typing import Any, ClassVar

import zmq
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type

from grading.sandbox.outputs import OutputMeter
from grading.sandbox.policy import Limits

_log = logging.getLogger(__name__)
_ROOM_FOR_THE_NOTE = 4096
_QUEUE = 256  # messages that wait to be read; with their largest size, a bound on the grader's memory


class _UnreadableError(Exception):
    """A message made to break whoever reads it."""


class BoundedChannel(AsyncZMQSocketChannel):
    """Drops messages that can't be read, and output beyond the limit of a cell."""

    limits: ClassVar[Limits] = Limits()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._meter = OutputMeter(self.limits.output_bytes + _ROOM_FOR_THE_NOTE)

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:  # type: ignore[override]
        """Return the next message that may pass."""
        while True:
            try:
                message = await super().get_msg(timeout)
            except _UnreadableError as error:
                _log.warning("dropped a message of a kernel that can't be read: %s", error)
                continue
            if self._meter.admit(message["header"]["msg_type"], message["content"], _cell(message)):
                return message
            if note := self._meter.note():
                header = {**message["header"], "msg_type": "stream"}
                return {**message, "header": header, "msg_type": "stream", "content": note}

    async def _recv(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        assert self.socket is not None
        parts = await self.socket.recv_multipart(**options)
        try:
            _, parts = self.session.feed_identities(parts)
            message = self.session.deserialize(parts)
            if not (isinstance(message["content"], dict) and isinstance(message["parent_header"], dict)):
                raise TypeError("the content is no dictionary")
            hash((message["header"]["msg_type"], message["msg_type"], _cell(message)))
        except Exception as error:
            raise _UnreadableError(type(error).__name__) from None
        return message


def _cell(message: dict[str, Any]) -> str:
    return message["parent_header"].get("msg_id", "")


class BoundedClient(AsyncKernelClient):
    """A client that refuses messages over a size, and whose output channel is bounded.

    It does without heartbeats: whether the kernel lives is the supervisor's to say.
    """

    limits: ClassVar[Limits] = Limits()

    def start_channels(self, *arguments: Any, **options: Any) -> None:
        """Start the channels, but for the heartbeat."""
        super().start_channels(*arguments, **{**options, "hb": False})

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
