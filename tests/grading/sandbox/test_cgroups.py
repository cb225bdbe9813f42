"""Control groups of both versions, on made-up trees of folders, and real ones where this machine lets us make them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grading.sandbox import cgroups
from grading.sandbox.policy import Limits
from tests.sandboxes import USERS

LIMITS = Limits.of({"memory_bytes": 96 << 20, "processes": 10})
FILES = {
    "memory": (
        "memory.limit_in_bytes",
        "memory.memsw.limit_in_bytes",
        "memory.oom_control",
        "memory.max_usage_in_bytes",
    ),
    "pids": ("pids.max",),
    "cpuacct": ("cpuacct.usage",),
    "cpu": ("cpu.shares",),
}
UNIFIED = ("memory.max", "memory.swap.max", "memory.events", "memory.peak", "pids.max", "cpu.stat")


class Machine:
    """A made-up machine: what the groups' file system and /proc/self/cgroup say."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.own = folder / "cgroup", folder / "self"
        self.root.mkdir()
        writable = cgroups.writable_parents
        monkeypatch.setattr(cgroups, "writable_parents", lambda: writable(self.root, self.own))
        made, removed = Path.mkdir, Path.rmdir

        def mkdir(path: Path, *arguments: object, **options: object) -> None:
            made(path, *arguments, **options)  # type: ignore[arg-type]
            if path.name.startswith(cgroups._PREFIX):
                names = (
                    UNIFIED
                    if (path.parent / "cgroup.controllers").exists()
                    else FILES[path.relative_to(self.root).parts[0]]
                )
                for name in names:
                    (path / name).write_text("0")

        def rmdir(path: Path) -> None:
            for file in path.iterdir():
                file.unlink()
            removed(path)

        monkeypatch.setattr(Path, "mkdir", mkdir)
        monkeypatch.setattr(Path, "rmdir", rmdir)

    def first_version(self, path: str = "/", controllers: tuple[str, ...] = tuple(FILES)) -> None:
        for name in controllers:
            (self.root / name / path.lstrip("/")).mkdir(parents=True)
        lines = [f"{number}:{name}:{path}" for number, name in enumerate(controllers, start=2)]
        self.own.write_text("\n".join([*lines, "1:name=systemd:/", "0::/"]) + "\n")

    def second_version(self, path: str, active: str) -> Path:
        folder = self.root / path.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        parent = folder.parent if path != "/" else folder
        (parent / "cgroup.subtree_control").write_text(active)
        (parent / "cgroup.controllers").write_text(active)
        self.own.write_text(f"0::{path}\n")
        return parent


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize("path", ["/", "/user.slice/x"])
def test_in_version_1_a_group_is_made_below_ones_own_in_each_controller(machine: Machine, path: str) -> None:
    machine.first_version(path)
    below = {name: machine.root / name / path.lstrip("/") for name in ("memory", "pids", "cpuacct")}
    assert cgroups.writable_parents() == below
    group = cgroups.make_group(LIMITS, "a")
    assert group
    assert {name: folder.parent for name, folder in group.folders.items()} == below
    assert (group.folders["memory"] / "memory.limit_in_bytes").read_text() == str(96 << 20)
    assert (group.folders["memory"] / "memory.memsw.limit_in_bytes").read_text() == str(96 << 20)
    assert (group.folders["pids"] / "pids.max").read_text() == "18"


def test_in_version_1_controllers_that_share_a_folder_are_found(machine: Machine) -> None:
    for name in ("cpu,cpuacct", "memory"):
        (machine.root / name).mkdir()
    (machine.root / "cpu").symlink_to("cpu,cpuacct")
    (machine.root / "cpuacct").symlink_to("cpu,cpuacct")
    machine.own.write_text("3:cpu,cpuacct:/\n2:memory:/\n0::/\n")
    assert set(cgroups.writable_parents()) == {"memory", "cpuacct"}


def test_in_version_2_a_group_is_made_beside_ones_own(machine: Machine) -> None:
    parent = machine.second_version("/user.slice/run.scope/mine", "cpu memory pids\n")
    assert cgroups.writable_parents() == dict.fromkeys(("cpu", "memory", "pids"), parent)
    group = cgroups.make_group(LIMITS, "a")
    assert group
    (folder,) = set(group.folders.values())
    assert folder.parent == parent
    assert [(folder / name).read_text() for name in ("memory.max", "memory.swap.max", "pids.max")] == [
        str(96 << 20),
        "0",
        "18",
    ]


def test_in_version_2_only_controllers_that_were_handed_on_count(machine: Machine) -> None:
    machine.second_version("/a/b", "pids\n")
    assert set(cgroups.writable_parents()) == {"pids"}
    assert cgroups.make_group(LIMITS, "a") is None


def test_the_root_of_version_2_is_its_own_parent(machine: Machine) -> None:
    assert machine.second_version("/", "memory\n") == machine.root
    assert cgroups.writable_parents() == {"memory": machine.root}


@pytest.mark.parametrize("text", ["", "0::/gone/away\n", "4:memory:/gone\n"])
def test_where_there_are_no_groups_none_is_made(machine: Machine, text: str) -> None:
    machine.own.write_text(text)
    assert cgroups.writable_parents() == {}
    assert cgroups.make_group(LIMITS, "a") is None


def test_where_nobody_says_which_group_one_is_in_none_is_made(machine: Machine) -> None:
    assert cgroups.writable_parents() == {}


def test_a_path_with_colons_is_read_whole(machine: Machine) -> None:
    machine.first_version("/docker/a:b", ("memory",))
    assert cgroups.writable_parents() == {"memory": machine.root / "memory/docker/a:b"}


def test_where_a_limit_cannot_be_written_there_is_no_group_and_no_folder(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.first_version()

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(cgroups, "_write_first", refuse)
    assert cgroups.make_group(LIMITS, "a") is None
    assert list(machine.root.rglob(f"{cgroups._PREFIX}*")) == []


def test_no_swap_is_no_reason_to_do_without(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILES, "memory", ("memory.limit_in_bytes",))
    machine.first_version()
    assert cgroups.make_group(LIMITS, "a")


@pytest.mark.parametrize(
    ("version", "text"), [("1", "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"), ("2", "low 0\noom 9\noom_kill {}\n")]
)
def test_the_want_of_memory_is_seen(machine: Machine, version: str, text: str) -> None:
    machine.first_version() if version == "1" else machine.second_version("/a/b", "memory")
    group = cgroups.make_group(LIMITS, "a")
    assert group
    assert not group.out_of_memory()
    path = group.folders["memory"] / ("memory.oom_control" if version == "1" else "memory.events")
    for number in (0, 3):
        path.write_text(text.format(number))
        assert group.out_of_memory() == bool(number)


def test_a_group_that_is_gone_is_asked_without_error(machine: Machine) -> None:
    machine.first_version()
    group = cgroups.make_group(LIMITS, "a")
    assert group
    group.remove()
    group.remove()
    assert (group.out_of_memory(), group.cpu_counter()) == (False, None)


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_counter_of_cpu_time_can_be_read(machine: Machine, version: str) -> None:
    machine.first_version() if version == "1" else machine.second_version("/a/b", "cpu memory")
    group = cgroups.make_group(LIMITS, "a")
    assert group
    counter = group.cpu_counter()
    assert counter is not None
    assert os.pread(counter, 9, 0) == b"0"
    os.close(counter)


def test_sweeping_removes_the_groups_of_graders_that_are_gone_and_no_others(machine: Machine) -> None:
    machine.first_version()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {
        f"{cgroups._PREFIX}{ended.pid}-0": False,
        f"{cgroups._PREFIX}{os.getpid()}-0": True,
        f"{cgroups._PREFIX}of-somebody": True,
        "somebody-else": True,
    }
    for name in names:
        (machine.root / "memory" / name).mkdir()
    cgroups.sweep()
    assert {name: (machine.root / "memory" / name).exists() for name in names} == names


@pytest.mark.parametrize("user", [user for user in USERS if "memory" in cgroups.writable_parents() and user == "root"])
def test_a_real_group_holds_processes_to_their_memory(user: str) -> None:
    group = cgroups.make_group(LIMITS, "test")
    assert group
    code = "import sys; sys.stdin.read(1); kept = [b'x' * (1 << 20) for _ in range(300)]"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        group.add(process.pid)
        assert process.stdin
        process.stdin.write(b"go")
        process.stdin.close()
        assert process.wait() == -9
    counter = group.cpu_counter()
    assert counter is not None and int(os.pread(counter, 99, 0)) > 0
    os.close(counter)
    assert group.out_of_memory()
    group.remove()
    assert not any(folder.exists() for folder in group.folders.values())
