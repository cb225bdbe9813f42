"""The filter of system calls, compiled once by the grader and loaded by every kernel.

Compiled outside the sandbox, since the library is found by means that the sandbox does not have.
"""

import errno
import functools
import tempfile
from types import ModuleType

from grading.sandbox.errors import SandboxError
from grading.sandbox.policy import ALLOWED_FAMILIES, ALLOWED_NETLINK, NAMESPACE_FLAGS, REFUSED_CALLS

_AF_NETLINK = 16
_LAST_NUMBER = 1024  # no architecture has as many calls


@functools.cache
def compiled_filter() -> bytes:
    """Return the policy's filter as BPF for this machine.

    Raises
    ------
    SandboxError
        Where the library that compiles it is missing.
    """
    try:
        import pyseccomp as seccomp
    except (ImportError, OSError, RuntimeError) as error:
        raise SandboxError(
            f"the filter of system calls can't be compiled ({error})",
            "install libseccomp (Debian, Ubuntu: apt install libseccomp2; Fedora: dnf install libseccomp) "
            "and pyseccomp (make install)",
        ) from None
    no_such_call, not_permitted = seccomp.ERRNO(errno.ENOSYS), seccomp.ERRNO(errno.EPERM)
    program = seccomp.SyscallFilter(no_such_call)
    program.set_attr(seccomp.Attr.CTL_OPTIMIZE, 2)  # a tree of comparisons in place of a list
    refused = {name for names in REFUSED_CALLS.values() for name in names}
    special = {"socket", "socketpair", "clone", "clone3", "mmap"}
    for name in _known_calls(seccomp):
        if name in refused:
            program.add_rule(not_permitted, name)
        elif name not in special:
            program.add_rule(seccomp.ALLOW, name)
    for family in ALLOWED_FAMILIES.values():
        program.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, family))
    program.add_rule(seccomp.ALLOW, "socketpair", seccomp.Arg(0, seccomp.EQ, ALLOWED_FAMILIES["AF_UNIX"]))
    # MAP_SHARED | MAP_ANONYMOUS: memory that can be held while no process shows it.
    program.add_rule(not_permitted, "mmap", seccomp.Arg(3, seccomp.MASKED_EQ, 0x21, 0x21))
    for flags in (0, 0x01, 0x20):
        program.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(3, seccomp.MASKED_EQ, 0x21, flags))
    program.add_rule(
        seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, _AF_NETLINK), seccomp.Arg(2, seccomp.EQ, ALLOWED_NETLINK)
    )
    # clone3 keeps its flags where no filter can look: it does not exist, so that libraries fall back on clone.
    program.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, NAMESPACE_FLAGS, 0))
    with tempfile.TemporaryFile() as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()


def _known_calls(seccomp: ModuleType) -> list[str]:
    """Return the names of all calls that the library knows on this architecture."""
    names = []
    for number in range(_LAST_NUMBER):
        try:
            name = seccomp.resolve_syscall(seccomp.system_arch(), number)
        except ValueError:
            continue
        names.append(name.decode() if isinstance(name, bytes) else name)
    return [name for name in names if name]
