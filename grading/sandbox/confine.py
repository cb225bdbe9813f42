"""Inside, before any of the student's code: from a fork of the zygote to a process that can do little.

`enter_namespaces` is called by the supervisor and holds for all its children; `confine` by the first process in
there, the ancestor of everything that the submission starts.
"""

import os
import resource
import tarfile
from pathlib import Path

from grading.sandbox import syscalls
from grading.sandbox.policy import FILES, HOME, USER_ID, WORK, WRITABLE, Limits

_NAMESPACES = (
    syscalls.CLONE_NEWUSER
    | syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWNET
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUTS
    | syscalls.CLONE_NEWCGROUP
)
_PLAIN = syscalls.MS_NOSUID | syscalls.MS_NODEV


def enter_namespaces(limits: Limits, data: int, readable: list[str]) -> None:
    """Leave everything shared behind, and mount the submission's own file system with its data.

    The process itself stays where it can be reached from outside alone: only its children see themselves as all
    there is.

    Parameters
    ----------
    data
        A descriptor of a tar archive for the working folder.
    readable
        Folders that stay visible where the submission's own are mounted over them.
    """
    user, group = os.getuid(), os.getgid()
    syscalls.unshare(_NAMESPACES)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{USER_ID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{USER_ID} {group} 1")
    syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.set_hostname("sandbox")
    syscalls.bring_up_loopback()
    _mount_files(limits.files_bytes + os.fstat(data).st_size, limits.files, readable)
    with os.fdopen(data, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
        archive.extractall(WORK, filter="data")


def _mount_files(size: int, files: int, readable: list[str]) -> None:
    """Mount one file system of limited size for all that the submission writes, and terminals of its own."""
    syscalls.mount("tmpfs", FILES, "tmpfs", _PLAIN, f"size={size},nr_inodes={files},mode=0755")
    for path in (HOME, WORK, *WRITABLE.values()):
        Path(path).mkdir(0o700 if path in (HOME, WORK) else 0o1777)
    for path, own in WRITABLE.items():
        kept = {folder: os.open(folder, os.O_PATH) for folder in readable if Path(folder).is_relative_to(path)}
        for folder in kept:
            Path(own + folder.removeprefix(path)).mkdir(parents=True)
        syscalls.mount(own, path, "", syscalls.MS_BIND)
        for folder, descriptor in kept.items():
            syscalls.mount(f"/proc/self/fd/{descriptor}", folder, "", syscalls.MS_BIND | syscalls.MS_REC)
            os.close(descriptor)
    syscalls.mount("devpts", "/dev/pts", "devpts", syscalls.MS_NOSUID, "newinstance,ptmxmode=0666,mode=0620")


def confine(limits: Limits, seccomp: bytes) -> None:
    """Give up every right, and set the limits that the system itself holds a process to.

    The process is the first in its namespace. It can't be undone, and holds for all that it starts.
    """
    # The supervisor goes on in the namespaces that it made, and needs its own view of the processes.
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("proc", "/proc", "proc", _PLAIN | syscalls.MS_NOEXEC)
    for path in ("/proc/keys", "/proc/key-users", "/dev/zero"):  # keys of the user; shared memory without a file
        if Path(path).exists():
            syscalls.mount("/dev/null", path, "", syscalls.MS_BIND)
    # Where the group has no memory left, one of these processes is ended, and not the supervisor beside them, which
    # looks large as it shows all that the zygote has. Asking for more than one's share of the danger needs no right.
    Path("/proc/self/oom_score_adj").write_text("1000")
    syscalls.drop_capabilities()
    memory = data_bytes() + limits.process_memory_bytes
    for what, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, limits.notebook_cpu_seconds + 60),
        (resource.RLIMIT_FSIZE, limits.files_bytes),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_MEMLOCK, 1 << 16),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 1024),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    syscalls.load_seccomp(seccomp)


def data_bytes() -> int:
    """Return what the system counts against RLIMIT_DATA already: a fork has all that its parent had."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) << 10
    return 0
