"""Between a kernel's sockets and the grader's: passes bytes on, and no message that is too large.

ZeroMQ takes in a whole message before anybody can look at it, and bounds only its parts. So the supervisor reads along
on the way from the kernel to the grader: just enough of the protocol to know where a message ends.

Source: ZMTP 3.1, https://rfc.zeromq.org/spec/37, "Framing".
"""

import contextlib
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

_GREETING = 64
_MORE, _LONG = 1, 2
_CHUNK = 1 << 16


class TooLargeError(Exception):
    """A message over the limit, or something that is no message."""


class Framing:
    """Follows a stream of messages.

    Parameters
    ----------
    most
        How many bytes a message may have, all its parts together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._header = bytearray()
        self._greeted = False
        self._left = 0  # of the part that is passing
        self._message = 0  # bytes of the message so far

    def feed(self, data: bytes) -> None:
        """Take note of the next bytes.

        Raises
        ------
        TooLargeError
            If they can't be passed on.
        """
        place = 0
        while place < len(data):
            if self._left:
                step = min(self._left, len(data) - place)
                self._left -= step
            elif not self._greeted:
                step = min(_GREETING - len(self._header), len(data) - place)
                self._header += data[place : place + step]
                if len(self._header) == _GREETING:
                    self._greet()
            else:
                step = 1
                self._header.append(data[place])
                self._begin_part()
            place += step

    def _greet(self) -> None:
        if self._header[0] != 0xFF or self._header[9] != 0x7F or self._header[10] < 3:
            raise TooLargeError("the kernel speaks an old protocol")
        self._greeted = True
        self._header.clear()

    def _begin_part(self) -> None:
        """Read the head of a part: its flags, and its length in one byte or in eight."""
        flags = self._header[0]
        if len(self._header) < (9 if flags & _LONG else 2):
            return
        self._left = int.from_bytes(self._header[1:], "big")
        self._header.clear()
        self._message += self._left + 1
        if self._message > self._most:
            raise TooLargeError(f"the kernel sent a message of more than {self._most >> 20} MiB")
        if not flags & _MORE:
            self._message = 0


@dataclass(eq=False)
class _End:
    """One end of a connection: what waits to be written to it, and whether the other one is read meanwhile."""

    socket: socket.socket
    waiting: bytearray = field(default_factory=bytearray)
    other: "_End | None" = None
    framing: Framing | None = None


class Relay:
    """Passes on what goes through pairs of sockets; part of the supervisor's loop.

    Parameters
    ----------
    ready
        The loop's selector; whoever runs it calls the data of each key with the key's file and events.
    too_large
        Called with a reason once a message can't be passed on. Its connection is closed.
    """

    def __init__(self, ready: selectors.BaseSelector, most: int, too_large: Callable[[str], None]) -> None:
        self._ready, self._most, self._too_large = ready, most, too_large

    def add(self, outside: int, inside: str) -> None:
        """Accept connections on a listening descriptor, each connected to a path in the sandbox."""
        listener = socket.socket(fileno=outside)

        def accept(_: socket.socket, __: int) -> None:
            with contextlib.suppress(OSError):
                grader, _address = listener.accept()
                kernel = socket.socket(socket.AF_UNIX)
                kernel.setblocking(False)  # a notebook can see to it that nobody accepts there, for ever
                try:
                    kernel.connect(inside)
                except OSError:
                    kernel.close()
                    grader.close()
                    return
                self._join(grader, kernel)

        self._ready.register(listener, selectors.EVENT_READ, accept)

    def _join(self, grader: socket.socket, kernel: socket.socket) -> None:
        first, second = _End(grader), _End(kernel, framing=Framing(self._most))
        first.other, second.other = second, first
        grader.setblocking(False)
        for end in (first, second):
            self._ready.register(end.socket, selectors.EVENT_READ, lambda _, events, end=end: self._pass(end, events))

    def _pass(self, end: _End, events: int) -> None:
        """Read from one end, write to the other, or write what waits."""
        other = end.other
        assert other is not None
        try:
            if events & selectors.EVENT_WRITE:
                self._flush(end)
            if events & selectors.EVENT_READ and not other.waiting:
                data = end.socket.recv(_CHUNK)
                if not data:
                    raise ConnectionError
                if end.framing:
                    end.framing.feed(data)
                other.waiting += data
                self._flush(other)
        except BlockingIOError:
            return
        except TooLargeError as error:
            self._close(end, other)
            self._too_large(str(error))
        except OSError:
            self._close(end, other)

    def _flush(self, end: _End) -> None:
        """Write what waits; while some is left, nothing more is read for it."""
        with contextlib.suppress(BlockingIOError):
            del end.waiting[: end.socket.send(end.waiting)]
        assert end.other is not None
        self._watch(end)
        self._watch(end.other)

    def _watch(self, end: _End) -> None:
        assert end.other is not None
        events = (0 if end.other.waiting else selectors.EVENT_READ) | (selectors.EVENT_WRITE if end.waiting else 0)
        key = self._ready.get_map().get(end.socket.fileno())
        if key and key.events == events:
            return
        callback = lambda _, events, end=end: self._pass(end, events)  # noqa: E731
        if not events:
            if key:
                self._ready.unregister(end.socket)
        elif key:
            self._ready.modify(end.socket, events, callback)
        else:
            self._ready.register(end.socket, events, callback)

    def _close(self, *ends: _End) -> None:
        for end in ends:
            with contextlib.suppress(KeyError, ValueError):
                self._ready.unregister(end.socket)
            end.socket.close()
