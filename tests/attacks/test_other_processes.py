"""Other processes: success would be to see, stop or change the grader or another notebook."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.attacks.tools import (
    SYSTEM_CALL,
    family,
    in_background,
    kernels,
    status_of,
    unprotected,
    waiting,
    zygotes,
)
from tests.sandboxes import Grader

LOOK = """
import os
print(sorted(int(name) for name in os.listdir("/proc") if name.isdigit()))
"""


def space(number: int, kind: str) -> str:
    return str(Path(f"/proc/{number}/ns/{kind}").readlink())


def test_a_submission_sees_itself_alone(grader: Grader) -> None:
    spaces = [path.name for path in Path("/proc/self/ns").iterdir()]
    with waiting(grader, LOOK) as (kernel, results):
        theirs = {kind: space(kernel.pid, kind) for kind in spaces}
        shared = {kind for kind, name in theirs.items() if name == space(os.getpid(), kind)}
        warm = zygotes(grader)[0].pid
        shared |= {kind for kind, name in theirs.items() if name == space(warm, kind)}
        assert shared <= {"time", "time_for_children"}
    assert results[0].text(0) == "[1, 2]\n"


SIGNAL = """
import os, signal
for number in (signal.SIGCONT, signal.{name}):
    for target in {targets!r}:
        try:
            os.kill(target, number)
        except OSError:
            pass
"""


def test_no_signal_reaches_a_process_outside(grader: Grader) -> None:
    victim = subprocess.Popen(["sleep", "600"])
    try:
        before = [process for process in family(grader) if process.pid != grader.process_id]
        targets = [victim.pid, grader.process_id, os.getpid(), *(process.pid for process in before)]
        result = grader.run(SIGNAL.format(name="SIGKILL", targets=targets), "print('on')")
        assert result.text(1) == "on\n"
        assert victim.poll() is None
        assert all(process.is_running() for process in before)
    finally:
        victim.kill()
        victim.wait()


GROUP = """
import os, signal
child = os.fork()
if child == 0:
    {what}
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_signal_to_ones_own_process_group_stays_inside(grader: Grader) -> None:
    """A group can reach across namespaces: a fork of the warm process is in the warm process's, unless it leaves it."""
    with waiting(grader) as (kernel, _):
        groups = {os.getpgid(process.pid) for process in family(grader) if process.pid != kernel.pid}
        assert os.getpgid(kernel.pid) not in groups - {os.getpgid(kernel.parent().pid)}
        assert os.getpgid(kernel.pid) != os.getpgid(zygotes(grader)[0].pid)
        assert os.getsid(kernel.pid) != os.getsid(zygotes(grader)[0].pid)


@pytest.mark.parametrize("name", ["SIGSTOP", "SIGKILL"])
def test_the_warm_process_outlives_a_signal_to_everybody(grader: Grader, name: str) -> None:
    warm, stopped = zygotes(grader), []
    cell = GROUP.format(what=f"os.kill(0, signal.{name})")
    with in_background(lambda: grader.run(cell, timeout=3, limits={"cell_wall_seconds": 1})) as results:
        while not results and not stopped:
            time.sleep(0.05)
            stopped = [
                process for process in warm if process.is_running() and process.status() == psutil.STATUS_STOPPED
            ]
        for process in family(grader) if stopped else ():
            process.send_signal(signal.SIGKILL if process in kernels(grader) else signal.SIGCONT)
    assert not stopped
    assert [process for process in warm if process.is_running()] == warm


SLOW_DOWN = """
import os
for which in (os.PRIO_PGRP, os.PRIO_USER, os.PRIO_PROCESS):
    for who in (0, 1, os.getuid()):
        try:
            os.setpriority(which, who, 19)
        except OSError:
            pass
"""


def test_nobody_outside_is_slowed_down(grader: Grader) -> None:
    with waiting(grader, SLOW_DOWN) as (kernel, _):
        assert kernel.nice() == 19
        warm, first = zygotes(grader)[0], kernel.parent()
        assert (warm.nice(), first.parent().nice()) == (0, 0)
        assert psutil.Process(grader.process_id).nice() == 0


HURRY = """
import os
for policy in (os.SCHED_FIFO, os.SCHED_RR):
    for who in (0, 1):
        try:
            os.sched_setscheduler(who, policy, os.sched_param(1))
        except OSError:
            pass
for value in range(-20, 0):
    try:
        os.setpriority(os.PRIO_PROCESS, 0, value)
    except OSError:
        pass
libc = __import__("ctypes").CDLL(None)
libc.syscall(251, 1, 0, 1 << 13)  # ioprio_set: this process, in real time
"""


def test_no_submission_gets_ahead_of_others(grader: Grader) -> None:
    with waiting(grader, HURRY) as (kernel, _):
        assert kernel.nice() >= 0
        assert os.sched_getscheduler(kernel.pid) == os.SCHED_OTHER
        assert kernel.ionice().ioclass != psutil.IOPRIO_CLASS_RT


GRADER_BY_ITS_SOCKET = (
    SYSTEM_CALL
    + """
import signal, socket, struct
kernel = get_ipython().kernel
for number in kernel.parent.listeners.values():
    listener = socket.socket(fileno=os.dup(number))
    process, = struct.unpack_from("i", listener.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    print("number", process)
    try:
        handle = listener.getsockopt(socket.SOL_SOCKET, 77)  # SO_PEERPIDFD: the process that listened first
    except OSError:
        continue
    for attempt in (lambda: signal.pidfd_send_signal(handle, signal.SIGKILL), lambda: os.close(call(438, handle, 0, 0)),
                    lambda: os.close(call(308, handle, 0x20000)), lambda: call(440, handle, 0, 0, 21, 0)):
        try:
            attempt()
        except (OSError, TypeError):
            pass
"""
)


def test_the_grader_is_not_caught_by_the_socket_that_it_made(grader: Grader) -> None:
    """The system hands out a handle of the process at the other end of a socket."""
    result = grader.run(GRADER_BY_ITS_SOCKET)
    assert result.died == "" and result.error(0) == ""
    assert set(result.text(0).split()) <= {"number", "0"}
    assert psutil.pid_exists(grader.process_id)


MEMORY = (
    SYSTEM_CALL
    + """
import resource
for number in [1, os.getppid()] + {numbers!r}:
    for name in ("mem", "environ", "maps", "stack", "syscall", "auxv", "io", "personality", "smaps"):
        try:
            with open(f"/proc/{{number}}/{{name}}", "r+b" if name == "mem" else "rb", 0) as file:
                if name == "mem":
                    file.seek(0x400000)
                print("read", number, name, len(file.read(16)))
        except OSError:
            pass
    for name in ("root", "cwd", "exe", "fd/0", "fd/3", "map_files", "ns/net"):
        try:
            print("followed", number, name, os.readlink(f"/proc/{{number}}/{{name}}"))
        except OSError:
            pass
    print("attached", in_a_child(lambda: call(101, 16, number, 0, 0)))  # PTRACE_ATTACH
    print("seized", in_a_child(lambda: call(101, 0x4206, number, 0, 0)))
    print("read", call(310, number, 0, 0, 0, 0, 0), call(311, number, 0, 0, 0, 0, 0))
"""
)


def test_no_other_process_is_looked_into(grader: Grader) -> None:
    """Not even the first process of the sandbox, which runs no code of the student's."""
    cell = MEMORY.format(numbers=[grader.process_id, zygotes(grader)[0].pid])
    with waiting(grader, cell) as (kernel, results):
        assert status_of(kernel.pid)["TracerPid"] == "0"
        assert all(status_of(process.pid)["TracerPid"] == "0" for process in family(grader))
    lines = results[0].text(0).splitlines()
    assert results[0].error(0) == ""
    assert not [line for line in lines if line.startswith(("followed", "read")) and not line.endswith("EPERM EPERM")]
    assert {line.split()[1] for line in lines if line.startswith(("attached", "seized"))} == {"EPERM"}


OTHER_KEY = """
import glob, json, os
found = []
for path in glob.glob("/student/*.json") + glob.glob("/tmp/**", recursive=True):
    try:
        found.append(json.load(open(path))["key"])
    except Exception:
        pass
print(*found)
"""


def test_two_notebooks_at_once_know_nothing_of_each_other(grader: Grader, neighbour: Grader) -> None:
    with waiting(neighbour, OTHER_KEY + "open('/dev/shm/mine', 'w'); open('/tmp/mine', 'w'); os.openpty()") as (
        kernel,
        them,
    ):
        targets = [process.pid for process in family(neighbour)]
        look = "print(os.listdir('/tmp'), os.listdir('/dev/shm'), os.listdir('/dev/pts'))"
        us = grader.run(OTHER_KEY, look, SIGNAL.format(name="SIGKILL", targets=targets))
        assert kernel.is_running()
    assert us.text(1) == "[] [] ['ptmx']\n"
    assert us.text(0).strip() and us.text(0) != them[0].text(0)
    assert us.text(0).strip() not in them[0].text(0)
    assert them[0].died == ""


DESCRIPTORS_TO_THE_GRADER = """
import array, os, socket, time
kernel = get_ipython().kernel
opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(100)]
for name in os.listdir("/proc/self/fd"):
    try:
        link = socket.socket(fileno=os.dup(int(name)))
        for _ in range(5):
            link.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", opened))], socket.MSG_DONTWAIT)
    except OSError:
        pass
for number in kernel.parent.listeners.values():
    listener = socket.socket(fileno=os.dup(number))
    listener.setblocking(False)
    try:
        link, _ = listener.accept()
        link.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", opened))])
    except OSError:
        pass
"""


def test_no_descriptor_is_pushed_into_the_grader(grader: Grader) -> None:
    numbers = [process.pid for process in family(grader) if process.name().startswith("python")]
    before = {number: len(list(Path(f"/proc/{number}/fd").iterdir())) for number in numbers}
    result = grader.run(DESCRIPTORS_TO_THE_GRADER, limits={"cell_wall_seconds": 5})
    assert result.cells
    after = {number: len(list(Path(f"/proc/{number}/fd").iterdir())) for number in numbers if psutil.pid_exists(number)}
    assert set(after) == set(before)
    assert all(after[number] - before[number] < 20 for number in numbers)


def test_terminals_are_out_of_reach(grader: Grader) -> None:
    """Pushing characters into the instructor's terminal would run commands there."""
    cell = """
import fcntl, os, termios
for path in ["/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1"] + [f"/dev/pts/{n}" for n in range(20)]:
    try:
        terminal = os.open(path, os.O_RDWR)
        print("opened", path)
        fcntl.ioctl(terminal, termios.TIOCSTI, b"x")
    except OSError:
        pass
for number in range(60):
    try:
        fcntl.ioctl(number, termios.TIOCSTI, b"x")
        print("typed", number)
    except OSError:
        pass
"""
    with waiting(grader, cell) as (kernel, results):
        assert kernel.terminal() is None
        assert Path(f"/proc/{kernel.pid}/stat").read_text().rpartition(")")[2].split()[4] == "0"
    assert results[0].text(0) == ""


def test_without_a_sandbox_the_same_signal_arrives(grader: Grader) -> None:
    victim = subprocess.Popen(["sleep", "600"], preexec_fn=_become(grader))
    try:
        unprotected(grader, f"import os; os.kill({victim.pid}, 9)")
        assert victim.wait(10) == -signal.SIGKILL
    finally:
        victim.kill()
        victim.wait()


def _become(grader: Grader):
    from tests.sandboxes import ORDINARY_ID

    return (lambda: os.setuid(ORDINARY_ID)) if grader.user == "user" and os.geteuid() == 0 else None
