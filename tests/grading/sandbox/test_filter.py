"""The filter of system calls: what a process that has loaded it is told. How it is loaded, the attacks look at."""

import errno
import json
import subprocess
import sys

import pyseccomp as seccomp
import pytest

from grading.sandbox.errors import SandboxError
from grading.sandbox.filter import compiled_filter
from grading.sandbox.policy import REFUSED_CALLS

REFUSED = sorted(name for names in REFUSED_CALLS.values() for name in names)
TRY = """
import ctypes, errno, json, os, socket, sys
from grading.sandbox.syscalls import load_seccomp
program, numbers = bytes.fromhex(sys.argv[1]), json.loads(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    return libc.syscall(number, *arguments) >= 0 or ctypes.get_errno()
def family(*arguments):
    try:
        socket.socket(*arguments).close()
        return True
    except OSError as error:
        return error.errno
if program:
    load_seccomp(program)
bad = -1
answers = {name: call(number, bad, bad, bad, bad, bad, bad) for name, number in numbers.items()}
answers["sockets"] = [family(*arguments) for arguments in json.loads(sys.argv[3])]
print(json.dumps(answers))
"""


def _answers(calls: list[str], sockets: list[tuple[int, int, int]] = [], filtered: bool = True) -> dict[str, object]:  # noqa: B006
    numbers = {name: seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) for name in calls}
    known = {name: number for name, number in numbers.items() if number >= 0}
    words = [
        sys.executable,
        "-c",
        TRY,
        compiled_filter().hex() if filtered else "",
        json.dumps(known),
        json.dumps(sockets),
    ]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def test_it_is_a_program_that_the_system_can_load() -> None:
    program = compiled_filter()
    assert len(program) % 8 == 0
    assert 0 < len(program) // 8 <= 4096  # BPF_MAXINSNS


def test_it_is_compiled_once() -> None:
    assert compiled_filter() is compiled_filter()


def test_every_call_of_the_policy_is_refused() -> None:
    answers = _answers(REFUSED)
    answers.pop("sockets")
    assert len(answers) > 60
    assert {name: answer for name, answer in answers.items() if answer not in (errno.EPERM, errno.ENOSYS)} == {}


def test_calls_that_hide_their_flags_or_that_nobody_knows_do_not_exist() -> None:
    assert _answers(["clone3"])["clone3"] == errno.ENOSYS


def test_ordinary_calls_reach_the_system() -> None:
    calls = ["read", "futex", "close", "openat", "getrandom", "epoll_wait", "dup2", "fcntl", "getdents64"]
    assert _answers(calls) == _answers(calls, filtered=False)


@pytest.mark.parametrize("flag", [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000])
def test_a_clone_can_make_no_namespace(flag: int) -> None:
    code = (
        "import ctypes, os, sys; from grading.sandbox.syscalls import load_seccomp\n"
        "load_seccomp(bytes.fromhex(sys.argv[1])); libc = ctypes.CDLL(None, use_errno=True)\n"
        f"made = libc.syscall({seccomp.resolve_syscall(seccomp.Arch.NATIVE, 'clone')}, {flag} | 17, 0, 0, 0, 0)\n"
        "os._exit(0) if made == 0 else print(made, ctypes.get_errno())"
    )
    words = [sys.executable, "-c", code, compiled_filter().hex()]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "-1"


def test_sockets_are_of_the_families_that_the_policy_names() -> None:
    stream, datagram, raw = 1, 2, 3
    allowed = [(1, stream, 0), (2, stream, 0), (2, datagram, 0), (10, stream, 0), (16, raw, 0)]
    refused = [(16, raw, 4), (16, raw, 15), (17, raw, 0), (40, stream, 0), (38, 5, 0), (29, raw, 1), (31, stream, 0)]
    found = _answers([], [*allowed, *refused])["sockets"]
    assert isinstance(found, list)
    assert [answer for answer in found[: len(allowed)] if answer not in (True, errno.EAFNOSUPPORT)] == []
    assert set(found[len(allowed) :]) <= {errno.EPERM, errno.ENOSYS}


def test_without_the_library_the_error_names_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    with pytest.raises(SandboxError, match=r"libseccomp2.*pyseccomp"):
        compiled_filter.__wrapped__()
