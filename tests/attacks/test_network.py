"""Reaching others over a network: success would be what arrives at a server of this machine."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.tools import kernels, unprotected, waiting, zygotes
from tests.sandboxes import Grader

REACH = """
import socket
for family, kind, address in {addresses!r}:
    address = tuple(address) if isinstance(address, list) else address
    try:
        connection = socket.socket(family, kind)
        connection.settimeout(1)
        connection.connect(address)
        connection.send(b"hello")
    except OSError:
        pass
"""


@pytest.fixture
def servers(submission: Path) -> Iterator[list[socket.socket]]:
    """Servers for everybody on this machine: TCP, UDP, and sockets with a path and without."""
    folder = submission.parent
    opened = []
    for family, kind, address in (
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        (socket.AF_UNIX, socket.SOCK_STREAM, f"\0attacked-{os.getpid()}"),
        (socket.AF_UNIX, socket.SOCK_DGRAM, f"\0attacked-{os.getpid()}-packets"),
        (socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "s")),
    ):
        server = socket.socket(family, kind)
        server.bind(address)
        if kind == socket.SOCK_STREAM:
            server.listen(5)
        server.setblocking(False)
        opened.append(server)
    (folder / "s").chmod(0o777)
    yield opened
    for server in opened:
        server.close()


def reached(servers: list[socket.socket]) -> int:
    """Return how many of the servers have heard anything."""
    heard = 0
    for server in servers:
        try:
            if server.type == socket.SOCK_STREAM:
                server.accept()[0].close()
            else:
                server.recv(10)
            heard += 1
        except BlockingIOError:
            pass
    return heard


def test_no_server_of_the_machine_hears_of_a_submission(grader: Grader, servers: list[socket.socket]) -> None:
    addresses = [(int(server.family), int(server.type), server.getsockname()) for server in servers]
    addresses = [(f, k, a.decode() if isinstance(a, bytes) else a) for f, k, a in addresses]
    cell = REACH.format(addresses=addresses)
    result = grader.run(cell, "print('on')")
    assert result.error(0) == "" and result.text(1) == "on\n"
    assert reached(servers) == 0
    unprotected(grader, cell)
    assert reached(servers) == len(servers)


FAMILIES = """
import errno, socket
made = {}
for call in (socket.socket, socket.socketpair):
    for family in range(1, 46):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
            for protocol in (0, 1, 6, 9, 12, 15):
                try:
                    call(family, kind, protocol)
                    made.setdefault(call.__name__, set()).add(family)
                except OSError as error:
                    if error.errno not in (errno.EPERM, errno.ENOSYS) and family not in (1, 2, 10, 16):
                        made.setdefault("asked the system", set()).add((call.__name__, family))
print({name: sorted(families) for name, families in made.items()})
"""


def test_only_sockets_that_stay_inside_can_be_made(grader: Grader) -> None:
    """A virtual machine's sockets (40) reach its host in spite of a network namespace; others load modules."""
    with waiting(grader, FAMILIES) as (kernel, results):
        assert not _names(kernel.pid) & _names(os.getpid())
        devices = Path(f"/proc/{kernel.pid}/net/dev").read_text().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in devices] == ["lo"]
    assert results[0].text(0) == "{'socket': [1, 2, 10, 16], 'socketpair': [1]}\n"


def _names(number: int) -> set[str]:
    return {line.split()[-1] for line in Path(f"/proc/{number}/net/unix").read_text().splitlines() if "@" in line}


def test_the_warm_process_can_not_be_asked_for_more_kernels(grader: Grader, submission: Path) -> None:
    warm = zygotes(grader)
    folders = [*Path("/tmp").glob("sandbox-*/zygote"), *Path("/tmp").glob("sandbox-*/s-1")]
    cell = REACH.format(addresses=[(1, int(socket.SOCK_SEQPACKET), str(path)) for path in folders])
    with waiting(grader, cell):
        assert len(kernels(grader)) == 1
    assert zygotes(grader) == warm
