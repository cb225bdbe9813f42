"""The system calls that Python 3.11 has no function for: namespaces, mounts, capabilities, seccomp.

Thin wrappers that raise `OSError` and name what failed. Numbers are those of Linux's headers; the layout of the
structures is the same on all 64-bit machines.
"""

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 1, 4, 22
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25
_HUGE_BYTES = 2 << 20

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave the namespaces that the `CLONE_NEW…` flags name, for new ones."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount a file system of a kind, or bind a folder (`MS_BIND`)."""
    arguments = (text.encode() or None for text in (source, target, kind))
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), options.encode() or None), f"mount {kind} on {target}")


def set_hostname(name: str) -> None:
    """Name the machine, in this namespace."""
    _check(_libc.sethostname(name.encode(), len(name)), "sethostname")


def set_dumpable(on: bool) -> None:
    """Let other processes of the user look into this one, and it into its own files in /proc; or not."""
    _prctl(_PR_SET_DUMPABLE, int(on))


def set_no_new_privileges() -> None:
    """Let no program that is executed from now on gain rights, whatever bits its file has."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent(signum: int) -> None:
    """Ask for a signal when the thread that forked this process ends."""
    _prctl(_PR_SET_PDEATHSIG, signum)


def drop_capabilities() -> None:
    """Give up all capabilities, for this process and all that it will execute."""
    number = 0
    while _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, bytes(24)), "capset")


def load_seccomp(program: bytes) -> None:
    """Switch on a filter of system calls, given as compiled BPF. It can't be switched off again."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    set_no_new_privileges()
    pointer = ctypes.byref(Program(len(program) // 8, program))
    _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, pointer, 0, 0), "seccomp")


def bring_up_loopback() -> None:
    """Switch on `lo`, which is down in a new network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh22x", b"lo", 0))
        (flags,) = struct.unpack_from("h", answer, 16)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))


def gather_into_huge_pages() -> None:
    """Move this process's own memory into pages of 2 MiB, so that a fork has 500 times fewer to take over.

    A child that writes to one gets a copy of the 4 KiB that it writes to, as ever. Systems that can't do it (before
    Linux 6.1) leave things as they are.
    """
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, file, *name = line.split(maxsplit=5)
        start, end = (int(address, 16) for address in place.split("-"))
        start, end = -(-start // _HUGE_BYTES) * _HUGE_BYTES, end // _HUGE_BYTES * _HUGE_BYTES
        if rights == "rw-p" and file == "0" and name != ["[stack]"] and end > start:
            for advice in (_MADV_HUGEPAGE, _MADV_COLLAPSE):
                _libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), advice)


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl({option})")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
