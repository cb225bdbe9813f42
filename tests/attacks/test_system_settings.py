"""Settings of the machine: success would be one that has changed, or a key that is seen."""

import ast
import os
import subprocess
import sys
from pathlib import Path

from grading.sandbox.cgroups import ROOT as GROUPS
from tests.attacks.tools import SYSTEM_CALL, unprotected, waiting
from tests.sandboxes import Grader, as_ordinary_user

SETTINGS = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory",
            "/proc/sys/fs/file-max", "/proc/sys/kernel/pid_max", "/proc/sys/vm/swappiness",
            "/proc/sys/kernel/randomize_va_space")  # fmt: skip

READABLE = ("/sys/devices/system/cpu/cpu1/online", "/proc/1/oom_score_adj", "/proc/1/coredump_filter",
            "/proc/irq/default_smp_affinity")  # fmt: skip
"""What may be looked at; and the last process number, which can be opened by everybody and set by few."""

CHANGE = """
import os
opened = []
for parent, folders, names in os.walk("/proc/sys"):
    for name in names:
        try:
            os.close(os.open(os.path.join(parent, name), os.O_WRONLY))
            opened.append((os.path.join(parent, name), os.O_WRONLY))
        except OSError:
            pass
for path in ("/proc/sysrq-trigger", "/proc/kcore", "/proc/kmsg", "/proc/kpageflags", "/proc/acpi/wakeup", "/dev/mem",
             "/dev/kmsg", "/dev/kvm", "/dev/vsock", "/dev/fuse", "/dev/net/tun", "/dev/loop-control", "/dev/vda",
             "/dev/sda", "/proc/timer_list", "/proc/1/oom_score_adj", "/proc/irq/default_smp_affinity", "/proc/mtrr",
             "/sys/kernel/mm/ksm/run", "/sys/devices/system/cpu/cpu1/online", "/proc/1/coredump_filter"):
    for flags in (os.O_RDONLY, os.O_WRONLY):
        try:
            os.close(os.open(path, flags))
            opened.append((path, flags))
        except OSError:
            pass
print(opened)
for path in {paths!r}:
    try:
        open(path, "w").write("1")
    except OSError:
        pass
"""


def test_no_setting_of_the_system_is_changed(grader: Grader) -> None:
    before = [Path(path).read_text() for path in SETTINGS]
    text = grader.run(CHANGE.format(paths=SETTINGS)).text(0)
    assert [Path(path).read_text() for path in SETTINGS] == before
    harmless = {("/proc/sys/kernel/ns_last_pid", 1), *((path, 0) for path in READABLE)}
    assert set(ast.literal_eval(text)) <= harmless


GROUP_FILES = """
import os
print([path for path in {paths!r} if os.path.exists(path)])
for path in {paths!r}:
    try:
        open(path, "w").write("0")
    except OSError:
        pass
print(open("/proc/self/cgroup").read())
"""


def test_control_groups_are_out_of_sight(grader: Grader) -> None:
    own = Path("/proc/self/cgroup").read_text().splitlines()
    files = [str(path) for path in GROUPS.glob("**/cgroup.procs")][:50]
    with waiting(grader, GROUP_FILES.format(paths=[str(GROUPS), *files])) as (kernel, results):
        theirs = Path(f"/proc/{kernel.pid}/cgroup").read_text().splitlines()
        if grader.user == "root" and os.access(GROUPS, os.W_OK):
            assert [line for line in theirs if "grading-sandbox-" in line]
        else:
            assert theirs == own
    text = results[0].text(0)
    assert text.startswith("[]\n")
    assert all(line.endswith(":/") for line in text.splitlines()[1:] if line)


KEY = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if {remove}:
    found = libc.syscall(250, 10, -4, b"user", b"key-of-the-instructor", 0)
    libc.syscall(250, 9, found, -4)
else:
    assert libc.syscall(248, b"user", b"key-of-the-instructor", b"secret", 6, -4) > 0
"""


def test_keys_of_the_graders_user_are_not_listed(grader: Grader) -> None:
    """The system keeps keys by user, and an ordinary grader's notebooks run as the same user."""

    def with_keys(remove: bool) -> None:
        command = [sys.executable, "-c", KEY.format(remove=remove)]
        subprocess.run(as_ordinary_user(command) if os.geteuid() == 0 else command, check=True)

    with_keys(remove=False)
    try:
        cell = "print(open('/proc/keys').read(), open('/proc/key-users').read())"
        assert "key-of-the-instructor" not in grader.run(cell).text(0)
        if grader.user == "user":
            assert "key-of-the-instructor" in unprotected(grader, cell).text(0)
    finally:
        with_keys(remove=True)


CRASH = (
    SYSTEM_CALL
    + """
import resource, signal
for limit in range(16):
    try:
        resource.setrlimit(limit, (resource.RLIM_INFINITY,) * 2)
    except (OSError, ValueError):
        pass
    try:
        resource.prlimit(1, limit, (resource.RLIM_INFINITY,) * 2)
    except (OSError, ValueError):
        pass
print(in_a_child(lambda: os.abort()))
print(resource.getrlimit(resource.RLIMIT_CORE), os.listdir())
"""
)


def test_limits_are_not_raised_and_a_crash_leaves_no_dump(grader: Grader) -> None:
    with waiting(grader, CRASH) as (kernel, results):
        lines = Path(f"/proc/{kernel.pid}/limits").read_text().splitlines()
        first = Path(f"/proc/{kernel.ppid()}/limits").read_text().splitlines()
        wanted = {"Max core file size": "0", "Max processes": "64", "Max open files": "1024", "Max nice priority": "0",
                  "Max realtime priority": "0", "Max file size": str(256 << 20)}  # fmt: skip
        for name, value in wanted.items():
            for line in (*lines, *first):
                if line.startswith(name):
                    assert line.removeprefix(name).split()[1] == value, name
    assert results[0].text(0) == "signal 6\n(0, 0) []\n"
