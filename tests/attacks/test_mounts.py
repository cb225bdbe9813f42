"""What is mounted, and who one is: success would be a new view of the machine, with rights in it."""

import os
from pathlib import Path

from tests.attacks.tools import SYSTEM_CALL, unprotected, waiting
from tests.sandboxes import Grader

MOUNT = (
    SYSTEM_CALL
    + """
os.makedirs("here", exist_ok=True)
attempts = {
    "tmpfs": lambda: call(165, b"none", b"here", b"tmpfs", 0, 0),
    "proc": lambda: call(165, b"none", b"here", b"proc", 0, 0),
    "cgroup": lambda: call(165, b"none", b"here", b"cgroup2", 0, 0),
    "old cgroup": lambda: call(165, b"none", b"here", b"cgroup", 0, b"memory"),
    "bind": lambda: call(165, b"/usr", b"here", 0, 4096, 0),
    "write to /": lambda: call(165, b"none", b"/", 0, 32 | 4096, 0),
    "write to /usr": lambda: call(165, b"none", b"/usr", 0, 32 | 4096, 0),
    "umount /tmp": lambda: call(166, b"/tmp", 2),
    "umount /student": lambda: call(166, b"/student", 2),
    "umount /proc": lambda: call(166, b"/proc", 2),
    "pivot_root": lambda: call(155, b"here", b"here"),
    "chroot": lambda: call(161, b"here"),
    "fsopen": lambda: call(430, b"tmpfs", 0),
    "open_tree": lambda: call(428, -100, b"/usr", 1),
    "move_mount": lambda: call(429, -100, b"/usr", -100, b"here", 0),
    "mount_setattr": lambda: call(442, -100, b"/", 0, (ctypes.c_uint64 * 4)(0, 1, 0, 0), 32),
}
spaces = {"user": 0x10000000, "mount": 0x20000, "net": 0x40000000, "pid": 0x20000000, "ipc": 0x8000000,
          "uts": 0x4000000,
          "cgroup": 0x2000000, "time": 0x80}

def cloned(number, *arguments):
    answer = call(number, *arguments)
    if answer == 0:
        os._exit(0)
    return answer

for name, flag in spaces.items():
    attempts[f"unshare {name}"] = lambda flag=flag: call(272, flag)
    attempts[f"unshare user and {name}"] = lambda flag=flag: call(272, flag | 0x10000000)
    if flag != 0x80:
        attempts[f"clone {name}"] = lambda flag=flag: cloned(56, flag | 0x10000000 | 17, 0, 0, 0, 0)
    sized = (ctypes.c_uint64 * 11)(flag | 0x10000000, 0, 0, 0, 17)
    attempts[f"clone3 {name}"] = lambda sized=sized: cloned(435, sized, 88)
    attempts[f"setns {name}"] = lambda name=name, flag=flag: call(308, os.open(f"/proc/1/ns/{name}", 0), flag)
    attempts[f"setns own {name}"] = lambda name=name, flag=flag: call(
        308, os.open("/proc/self/ns/" + {"mount": "mnt"}.get(name, name), 0), flag)
print({name: in_a_child(attempt) for name, attempt in attempts.items()})
worked = [name for name, attempt in attempts.items() if in_a_child(attempt) == "worked"]
"""
)


def test_nothing_is_mounted_and_no_namespace_is_made(grader: Grader) -> None:
    with waiting(grader, "1", MOUNT, "print(worked)", "open('/student/home/still', 'w'); os.listdir('/tmp')") as (
        kernel,
        results,
    ):
        mounted = Path(f"/proc/{kernel.pid}/mountinfo").read_text().splitlines()
        assert not [line for line in mounted if " /student/home/work/here " in line]
        assert not [line for line in mounted if " cgroup" in line]
        writable = {line.split()[4] for line in mounted if line.split()[5].startswith("rw")}
        assert {place for place in writable if not place.startswith(("/dev/", "/proc"))} == {"/student", "/tmp"}
        assert not [line for line in mounted if " ext4 " in line and line.split()[5].startswith("rw")]
    assert results[0].text(2) == "[]\n"
    assert "EINVAL" not in results[0].text(1).replace("EINVAL unshare", "")
    assert results[0].error(3) == ""


def test_without_a_sandbox_some_of_it_works(grader: Grader) -> None:
    """The children of an ordinary process can have a user namespace."""
    user_namespaces = "attempts = {name: attempts[name] for name in ('unshare user', 'clone user', 'clone3 user')}"
    cell = MOUNT.replace("\nprint(", f"\n{user_namespaces}\nprint(")
    cell = cell.replace('os.makedirs("here", exist_ok=True)', "")
    assert unprotected(grader, cell, "print(worked)").text(1) == "['unshare user', 'clone user', 'clone3 user']\n"


IDENTITY = (
    SYSTEM_CALL
    + """
import shutil, stat, subprocess
said = []
for number, change in enumerate((lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setresuid(0, 0, 0),
               lambda: os.setgroups([0]),
               lambda: os.setuid(65533), lambda: os.seteuid(0), lambda: os.chown("/student", 0, 0),
               lambda: os.write(os.open("/proc/self/uid_map", os.O_WRONLY), b"0 0 4294967295"),
               lambda: os.write(os.open("/proc/self/setgroups", os.O_WRONLY), b"allow"),
               lambda: libc.capset(
                   (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)) and 1 / 0,
               lambda: libc.prctl(38, 0, 0, 0, 0) and 1 / 0, lambda: libc.prctl(47, 2, 21, 0, 0) and 1 / 0)):
    try:
        change()
        said.append(number)
    except (OSError, ZeroDivisionError):
        pass
shutil.copy("/usr/bin/id", "mine")
os.chmod("mine", 0o6755)
commands = [["./mine", "-u"], ["su", "-c", "id -u"], ["sudo", "-n", "id", "-u"], ["mount"], ["passwd", "-S"],
            ["newgrp"], ["chsh"], ["unshare", "-r", "id", "-u"], ["bwrap", "--bind", "/", "/", "id", "-u"]]
for command in commands:
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
        if done.stdout.strip() in ("0", "65534", "65533"):
            said.append(command)
    except OSError:
        pass
print(said)
"""
)


def test_no_program_gives_rights(grader: Grader) -> None:
    """Programs that run as their owner, and everything that changes who one is."""
    with waiting(grader, IDENTITY) as (kernel, results):
        lines = Path(f"/proc/{kernel.pid}/status").read_text().splitlines()
        status = {line.split(":")[0]: line.split()[1:] for line in lines}
        assert {status[name][0] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert status["NoNewPrivs"] == ["1"] and status["Seccomp"] == ["2"] and status["Groups"] in ([], ["65534"])
        assert len(set(status["Uid"])) == 1
        if os.geteuid() == 0:
            assert status["Uid"][0] not in ("0", str(os.getuid()))
    assert results[0].text(0) == "[]\n"
