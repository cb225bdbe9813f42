"""Calls into the system beyond what a notebook needs: success would be one that the system so much as considers."""

import platform
from pathlib import Path

import pytest

from tests.attacks.tools import SYSTEM_CALL, unprotected, waiting
from tests.sandboxes import Grader

CALLS = {
    "ptrace": "0, 0, 0, 0",
    "process_vm_readv": "os.getpid(), 0, 0, 0, 0, 0",
    "process_vm_writev": "os.getpid(), 0, 0, 0, 0, 0",
    "kcmp": "os.getpid(), os.getpid(), 0, 0, 0",
    "pidfd_getfd": "os.pidfd_open(os.getpid()), 1, 0",
    "perf_event_open": "(ctypes.c_uint64 * 16)(1 | 128 << 32, 0), 0, -1, -1, 0",
    "userfaultfd": "1",
    "bpf": "0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 72",
    "keyctl": "1, 0",
    "add_key": "b'user', b'from inside', b'x', 1, -3",
    "request_key": "b'user', b'from inside', 0, -3",
    "io_uring_setup": "4, (ctypes.c_byte * 120)()",
    "memfd_create": "b'hidden', 0",
    "memfd_secret": "0",
    "shmget": "0, 4096, 0o1600",
    "msgget": "0, 0o1600",
    "semget": "0, 1, 0o1600",
    "mq_open": "b'queue', 0o102, 0o600, 0",
    "io_setup": "1, (ctypes.c_uint64 * 1)()",
    "personality": "0x40000",
    "syslog": "10, 0, 0",
    "modify_ldt": "0, 0, 0",
    "mknod": "b'node', 0o10600, 0",
    "mknodat": "-100, b'node2', 0o20600, 259",
    "fanotify_init": "0x200, 0",
    "quotactl": "0x80000100, 0, 0, 0",
    "swapon": "b'data', 0",
    "acct": "b'data'",
    "init_module": "0, 0, b''",
    "kexec_load": "0, 0, 0, 0",
    "iopl": "0",
    "ioperm": "128, 1, 0",
    "move_pages": "0, 0, 0, 0, 0, 0",
    "process_mrelease": "os.pidfd_open(os.getpid()), 0",
    "sethostname": "b'owned', 5",
    "settimeofday": "0, 0",
    "adjtimex": "(ctypes.c_byte * 208)()",
    "reboot": "0, 0, 0, 0",
    "vhangup": "",
    "lookup_dcookie": "0, 0, 0",
    "ustat": "0, 0",
}
WORK_ANYWHERE = {"kcmp", "process_vm_readv", "ptrace", "keyctl", "memfd_create", "shmget", "personality"}
"""These an ordinary user may call on nearly every machine."""


def numbers() -> dict[str, int]:
    seccomp = pytest.importorskip("pyseccomp")
    found = {name: seccomp.resolve_syscall(seccomp.system_arch(), name) for name in CALLS}
    return {name: number for name, number in found.items() if number >= 0}


def attempts(names: set[str]) -> str:
    lines = [f'    "{name}": lambda: call({", ".join(filter(None, [str(number), CALLS[name]]))}),'
             for name, number in numbers().items() if name in names]  # fmt: skip
    return "\n".join([SYSTEM_CALL, "attempts = {", *lines, "}"]) + (
        "\nfor name, attempt in attempts.items():\n    print(name, in_a_child(attempt))\n"
    )


def answers(text: str) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in text.splitlines())


def test_refused_calls_are_refused_before_the_system_looks_at_them(grader: Grader) -> None:
    with waiting(grader, attempts(set(CALLS))) as (kernel, results):
        own_keys = [line for line in Path("/proc/keys").read_text().splitlines() if "from inside" in line]
        assert not own_keys
        assert kernel.is_running()
    said = answers(results[0].text(0))
    assert set(said) == set(numbers())
    assert {name: answer for name, answer in said.items() if answer not in ("EPERM", "ENOSYS")} == {}


def test_without_a_filter_some_of_these_work(grader: Grader) -> None:
    said = answers(unprotected(grader, attempts(WORK_ANYWHERE)).text(0))
    assert sum(answer == "worked" for answer in said.values()) >= 5


OTHER_DOORS = """
import mmap, platform
page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
place = ctypes.addressof(ctypes.c_char.from_buffer(page))

def machine(code):
    page[: len(code)] = code
    return ctypes.CFUNCTYPE(ctypes.c_long)(place)()

def old(number):
    "The call of a 32-bit program: mov eax, number; int 0x80; ret."
    return machine(b"\\xb8" + number.to_bytes(4, "little") + b"\\xcd\\x80\\xc3")

for name, attempt in {
    "getpid": lambda: old(20), "ptrace": lambda: old(26), "unshare": lambda: old(310), "socket": lambda: old(102),
    "x32 getpid": lambda: call(0x40000000 + 39), "x32 ptrace": lambda: call(0x40000000 + 521, 0, 0, 0, 0),
    "x32 io_setup": lambda: call(0x40000000 + 543, 1, 0),
    "not yet": lambda: call(1000), "far": lambda: call(0xFFFF), "negative": lambda: call(-2),
}.items():
    print(name.replace(" ", "-"), in_a_child(attempt))
"""


@pytest.mark.parametrize("machine", [platform.machine()])
def test_no_other_interface_of_the_system_leads_around_the_filter(grader: Grader, machine: str) -> None:
    """The calls of 32-bit programs have other numbers; whoever makes one is ended."""
    if machine != "x86_64":
        return  # only there has the system more than one interface that a program can switch between
    result = grader.run(SYSTEM_CALL + OTHER_DOORS, "print('on')")
    said = answers(result.text(0))
    assert len(said) == 10
    assert set(said.values()) <= {"signal 31", "signal 11", "ENOSYS"}
    assert result.text(1) == "on\n"


FILTERS = (
    SYSTEM_CALL
    + """
import struct
allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
program = struct.pack("HxxxxxxQ", 1, ctypes.addressof(allow))
print(in_a_child(lambda: (libc.prctl(22, 0, 0, 0, 0), libc.prctl(22, 2, program, 0, 0), libc.prctl(21, 0, 0, 0, 0),
                          call(101, 0, 0, 0, 0))[-1]))
"""
)


def test_a_filter_of_ones_own_does_not_lift_the_first(grader: Grader) -> None:
    assert grader.run(FILTERS).text(0) == "EPERM\n"
