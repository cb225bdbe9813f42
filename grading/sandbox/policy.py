"""What a submission may do, and how much of it: the one place that says so.

Everything else in this package carries out what stands here. `Limits` are numbers that a course may change;
the rest is the wall itself.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How much one submission may use. Seconds of CPU time count its whole tree of processes.

    Raises
    ------
    ValueError
        Where a limit is not a positive whole number; naming it.
    """

    cell_cpu_seconds: int = 60
    """A cell that uses more is interrupted; the cells after it run."""
    exam_cpu_seconds: int = 30
    """An exam that needs more of the submission gets no further answer. It does not count for the notebook."""
    notebook_cpu_seconds: int = 300
    """A notebook that uses more is ended."""
    cell_wall_seconds: int = 240
    """As for a cell's CPU time; a wide net for code that sleeps."""
    notebook_wall_seconds: int = 1800
    """As for a notebook's CPU time."""
    grace_seconds: int = 10
    """What an interrupted cell has left to end before its notebook is ended."""
    memory_bytes: int = 2048 * MIB
    """Of all processes and files together. One process gets a `MemoryError` somewhat below it."""
    processes: int = 64
    """Processes and threads."""
    files_bytes: int = 256 * MIB
    """All files together, shared memory included; also the largest single file."""
    files: int = 16384
    """Files and folders."""
    open_files: int = 1024
    """Open files of a process."""
    output_bytes: int = MIB
    """What a cell may print and display, counted as it arrives."""
    message_bytes: int = 2 * MIB
    """The largest message that is read from a kernel at all."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1:
                raise ValueError(f"the sandbox's limit {field.name} has to be a whole number from 1 on, not {value!r}")

    @classmethod
    def of(cls, changed: Mapping[str, Any]) -> Self:
        """Return the limits with some of them changed; a name that is none raises `ValueError`."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(changed) - known):
            raise ValueError(f"the sandbox has no limit {', '.join(unknown)}; it has {', '.join(sorted(known))}")
        return cls(**changed)

    def as_dict(self) -> dict[str, int]:
        """Return all limits by name."""
        return asdict(self)

    @property
    def process_memory_bytes(self) -> int:
        """What one process may allocate: less than the whole, so that it gets a `MemoryError` and lives on.

        The eighth that is left is for pages of the warm process that a kernel writes to, and for files.
        """
        return self.memory_bytes - self.memory_bytes // 8


# --- Who and where ------------------------------------------------------------------------------------------------
USER, USER_ID = "student", 1000
"""The name and number that a submission sees itself under. It has no rights beyond its own files."""
THROWAWAY_ID = 65533
"""Whom submissions run as on the machine where root grades. Nobody else should use the number."""
FILES, HOME, WORK = "/student", "/student/home", "/student/home/work"
"""Where its only writable file system, its home and its working folder are."""
WRITABLE = {"/tmp": f"{FILES}/tmp", "/dev/shm": f"{FILES}/shm"}
"""Other folders that programs write to, and where in the same file system, under the same limit, they lie."""

# --- What can be read ---------------------------------------------------------------------------------------------
SYSTEM_PATHS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Programs and libraries. Where one of these is a link, it is the same link inside."""
SETTINGS_PATHS = (
    "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
    "/sys/devices/system/cpu", "/sys/devices/system/node",
)  # fmt: skip
"""Files that libraries look for. Interpreters and packages are added where they lie; see `walls.readable_paths`."""
SETTINGS_FILES = {
    "/etc/passwd": f"root:x:0:0:root:/root:/bin/sh\n{USER}:x:{USER_ID}:{USER_ID}:{USER}:{HOME}:/bin/sh\n",
    "/etc/group": f"root:x:0:\n{USER}:x:{USER_ID}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
"""Files with a content of our own."""

# --- What of the environment --------------------------------------------------------------------------------------
PASSED_VARIABLES = re.compile(
    r"LANG|LANGUAGE|LC_[A-Z]+|TZ|GRADING_SEED|NBGRADER_(EXECUTION|VALIDATING)|OPENBLAS_(CORETYPE|L2_SIZE)"
)
"""What a submission gets of the grader's environment; a course can add names (`SandboxProvisioner.pass_variables`)."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
"""What libraries of numbers read when they are loaded."""
FIXED_VARIABLES = {
    "HOME": HOME,
    "USER": USER,
    "LOGNAME": USER,
    "SHELL": "/bin/sh",
    "PYTHONHASHSEED": "0",  # all forks share the hash seed of the process that they come from; so let it be known
    "JPY_PARENT_PID": "1",  # tells ipykernel not to look for its parent
    # A submission has one thread, and so has the process that it is forked from.
    **ONE_THREAD,
    "LOKY_MAX_CPU_COUNT": "1",
}


def environment(outside: Mapping[str, str], programs: str, also: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the environment of a submission.

    Parameters
    ----------
    outside
        The environment that the kernel would get without a sandbox.
    programs
        The folder with the interpreter's programs.
    also
        Further names that are passed on.
    """
    passed = {name: text for name, text in outside.items() if PASSED_VARIABLES.fullmatch(name) or name in also}
    return {**passed, "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin", **FIXED_VARIABLES}


# --- What may be asked of the system ------------------------------------------------------------------------------
REFUSED_CALLS = {
    "looks into other processes": (
        "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_getfd", "kcmp",
        "perf_event_open", "userfaultfd", "move_pages", "migrate_pages",
    ),
    "changes what is mounted": (
        "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "mount_setattr",
        "fsopen", "fsconfig", "fsmount", "fspick", "quotactl", "quotactl_fd", "swapon", "swapoff", "name_to_handle_at",
        "open_by_handle_at", "fanotify_init", "fanotify_mark", "sysfs", "ustat", "uselib", "acct",
    ),
    "makes or enters namespaces": ("unshare", "setns"),
    "runs code in the system": ("bpf", "init_module", "finit_module", "create_module", "delete_module",
                                "kexec_load", "kexec_file_load", "query_module", "get_kernel_syms"),
    "reaches keys that outlive it": ("keyctl", "add_key", "request_key"),
    "works around this filter": ("io_uring_setup", "io_uring_enter", "io_uring_register"),
    "keeps memory that no limit counts": (
        "memfd_create", "memfd_secret", "shmget", "shmat", "shmctl", "shmdt", "msgget", "msgsnd", "msgrcv", "msgctl",
        "semget", "semop", "semctl", "semtimedop", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive",
        "mq_notify", "mq_getsetattr", "vmsplice", "io_setup",
    ),
    "takes what all processes of a user share": (
        "inotify_init", "inotify_init1",
    ),
    "is for whoever runs the machine": (
        "reboot", "sethostname", "setdomainname", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
        "syslog", "iopl", "ioperm", "modify_ldt", "vhangup", "lookup_dcookie", "nfsservctl", "personality", "_sysctl",
        "mknod", "mknodat", "vserver", "security", "tuxcall", "afs_syscall", "getpmsg", "putpmsg",
    ),
}  # fmt: skip
"""Every call that the filter's library knows is allowed, but for these; one that it doesn't know does not exist."""
ALLOWED_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
"""Sockets of these families, into a network that holds nothing but the submission itself. (AF_VSOCK would leave it.)"""
ALLOWED_NETLINK = 0
"""And of NETLINK_ROUTE: ZeroMQ asks it for the network's interfaces."""
NAMESPACE_FLAGS = 0x7E020000
"""The flags of `clone` that make namespaces."""
