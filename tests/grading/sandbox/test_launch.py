"""Zygotes and kernels come and go without leaving anything behind, however they go."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from grading.sandbox import cgroups, launch, walls
from grading.sandbox.errors import SandboxError
from grading.sandbox.launch import Zygote, close_all, remedy_for, shared_zygote
from tests.grading.sandbox import forks
from tests.grading.sandbox.forks import LIGHT
from tests.sandboxes import USERS
from tests.tools import eventually

MIB = 1 << 20


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    running = Zygote(LIGHT)
    yield running
    running.close()


@pytest.fixture
def shared() -> Iterator[Callable[[], Zygote]]:
    """The shared zygote of this process, which has none before and none after."""
    close_all()
    yield lambda: shared_zygote(LIGHT, sandbox=True)
    close_all()


def _running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def _grown(user: str, number: int) -> dict[str, int]:
    with forks.grader(user, "leaks", str(number)) as grader:
        assert grader.stdout
        return json.loads(grader.stdout.read())


def _nothing(found: dict[str, int]) -> bool:
    assert found.pop("memory of the zygote") < MIB
    assert found.pop("threads of the zygote") == 1
    assert found == dict.fromkeys(found, 0)
    return True


# --- Many kernels ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("user", "number"), [(user, 500 if user == USERS[0] else 50) for user in USERS])
def test_many_kernels_leave_no_memory_descriptors_processes_mounts_or_groups(user: str, number: int) -> None:
    assert _nothing(_grown(user, number))


def test_two_graders_at_once_do_not_get_into_each_others_way() -> None:
    with ThreadPoolExecutor(2) as both:
        assert all(both.map(lambda user: _nothing(_grown(user, 20)), [USERS[0], USERS[-1]]))


def test_kernels_of_one_zygote_run_at_the_same_time(zygote: Zygote) -> None:
    with forks.kernel(zygote) as one, forks.kernel(zygote) as other:
        assert one.supervisor_id != other.supervisor_id
        one.signal(signal.SIGKILL)
        assert forks.wait_for_end(one) == -signal.SIGKILL
        assert other.poll() is None


def test_a_kernel_that_is_closed_ends_with_all_its_processes(zygote: Zygote) -> None:
    before = set(forks.below(zygote.process_id))
    with forks.kernel(zygote):
        assert eventually(lambda: len(forks.below(zygote.process_id)) >= len(before) + 3)
        family = [process for process in forks.below(zygote.process_id) if process not in before]
    assert eventually(lambda: not _running(family))


def test_the_numbers_of_processes_that_are_told_are_those_seen_from_outside(zygote: Zygote) -> None:
    with forks.kernel(zygote) as process:
        assert process.supervisor_id in [member.pid for member in forks.below(zygote.process_id)]


def test_a_signal_to_a_kernel_that_has_ended_is_no_error(zygote: Zygote) -> None:
    with forks.kernel(zygote) as process:
        process.signal(signal.SIGKILL)
        forks.wait_for_end(process)
        process.signal(signal.SIGINT)
        assert process.poll() == -signal.SIGKILL


# --- The end of a zygote or of a grader -------------------------------------------------------------------------------
def test_a_process_has_one_zygote_for_the_same_modules(shared: Callable[[], Zygote]) -> None:
    assert shared() is shared()


@pytest.mark.parametrize("victim", ["bubblewrap", "the process that forks"])
def test_a_zygote_that_was_killed_is_replaced_at_the_next_launch(shared: Callable[[], Zygote], victim: str) -> None:
    first = shared()
    family = [psutil.Process(first.process_id), *forks.below(first.process_id)]
    os.kill(first.process_id if victim == "bubblewrap" else forks.inner(first).pid, signal.SIGKILL)
    assert eventually(lambda: not first.alive())
    second = shared()
    assert second is not first
    forks.end_one(second)
    assert eventually(lambda: not _running(family))


def test_a_zygote_that_is_gone_is_an_error_that_says_to_try_another_one(shared: Callable[[], Zygote]) -> None:
    first = shared()
    os.kill(forks.inner(first).pid, signal.SIGKILL)
    assert eventually(lambda: not first.alive())
    with pytest.raises(OSError), forks.kernel(first):
        pass


def test_a_kernel_that_goes_with_its_zygote_is_lost_and_one_that_ends_by_itself_is_not(
    shared: Callable[[], Zygote],
) -> None:
    first = shared()
    with forks.kernel(first) as ended, forks.kernel(first) as process:
        ended.signal(signal.SIGKILL)
        forks.wait_for_end(ended)
        assert not ended.lost
        os.kill(forks.inner(first).parent().pid, signal.SIGKILL)
        assert forks.wait_for_end(process) == -signal.SIGKILL
        assert process.lost
        assert not ended.lost


@pytest.mark.parametrize("user", USERS)
def test_nothing_is_left_running_when_a_grader_is_killed_and_its_groups_are_swept(user: str) -> None:
    with forks.grader(user, "hold") as grader:
        assert grader.stdout and grader.stdout.readline() == "ready\n"
        inside = 5 + (user != "root" and len(USERS) > 1)
        assert eventually(
            lambda: len(forks.below(grader.pid)) > inside
        )  # wall, init, zygote, supervisor, first, kernel
        family = forks.below(grader.pid)
        own = {grader.pid, *(process.pid for process in family)}
        left = {group for group in forks.groups() if int(Path(group).name.split("-")[2]) in own}
        for process in (psutil.Process(grader.pid), *family):
            with contextlib.suppress(psutil.NoSuchProcess):  # gone with the one before
                if "tests.grading.sandbox.forks" in process.cmdline() and "bwrap" not in process.cmdline()[0]:
                    process.kill()
        assert eventually(lambda: not _running(family))
        grader.wait()
    assert bool(left) == (user == "root" and "memory" in cgroups.writable_parents())
    cgroups.sweep()
    assert left & forks.groups() == set()


@pytest.mark.parametrize("user", USERS)
def test_an_interrupt_from_the_keyboard_is_the_graders_alone(user: str) -> None:
    with forks.grader(user, "hold") as grader:
        assert grader.stdin and grader.stdout and grader.stdout.readline() == "ready\n"
        if user == "root" or len(USERS) == 1:
            os.killpg(grader.pid, signal.SIGINT)
        else:  # the view in which the ordinary user runs is a program of its own, which does not handle it
            members = [process for process in forks.below(grader.pid) if os.getpgid(process.pid) == grader.pid]
            for process in members:
                if "tests.sandboxes" not in process.cmdline() and "setpriv" not in process.cmdline():
                    process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        grader.stdin.write("\n")
        grader.stdin.flush()
        assert json.loads(grader.stdout.readline()) == {"same zygote": True, "kernel": None}


def test_a_grader_that_ends_leaves_no_temporary_files_and_no_processes() -> None:
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        code = (
            "from tests.grading.sandbox import forks; from grading.sandbox.launch import shared_zygote\n"
            "for modules in (forks.LIGHT, ()): forks.end_one(shared_zygote(modules, sandbox=True))\n"
            "print([process.pid for process in forks.below(forks.os.getpid())])"
        )
        environment = {**os.environ, "TMPDIR": folder}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True, text=True
        )
        assert list(Path(folder).iterdir()) == []
        numbers = json.loads(done.stdout)
        assert len(numbers) >= 6
        assert eventually(lambda: not any(map(psutil.pid_exists, numbers)))


# --- What is imported -------------------------------------------------------------------------------------------------
@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that zygotes can import."""
    tmp_path.chmod(0o755)
    readable, environment = walls.readable_paths, launch.zygote_environment
    monkeypatch.setattr(walls, "readable_paths", lambda: sorted([*readable(), str(tmp_path)]))
    monkeypatch.setattr(launch, "zygote_environment", lambda: {**environment(), "PYTHONPATH": str(tmp_path)})
    return tmp_path


def _zygote(*preload: str) -> dict[str, str]:
    zygote = Zygote(preload)
    try:
        return zygote.skipped
    finally:
        zygote.close()


def test_a_module_that_does_not_exist_is_skipped_and_named(modules: Path) -> None:
    (modules / "needs_more.py").write_text("import not_there_either")
    skipped = _zygote("not_there", "json", "needs_more")
    assert {name: "not_there" in reason for name, reason in skipped.items()} == {"not_there": True, "needs_more": True}


def test_a_module_that_starts_a_thread_is_an_error_that_names_it(modules: Path) -> None:
    (modules / "restless.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()"
    )
    with pytest.raises(SandboxError, match="thread") as caught:
        _zygote("json", "restless", "email")
    assert "restless" in str(caught.value)


def test_a_module_that_can_be_imported_and_fails_is_an_error_with_its_words(modules: Path) -> None:
    (modules / "failing.py").write_text("raise ValueError('these words')")
    with pytest.raises(SandboxError, match="these words"):
        _zygote("failing")


def test_a_module_that_writes_to_the_terminal_is_not_heard(modules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (modules / "loud.py").write_text("import os; print('loud'); os.write(2, b'loud')")
    assert _zygote("loud") == {}
    assert capfd.readouterr() == ("", "")


def test_an_error_at_the_start_leaves_no_files_and_no_descriptors(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "failing.py").write_text("raise ValueError")
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(2):
        with pytest.raises(SandboxError):
            _zygote("failing")
    assert list(folder.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_without_walls_kernels_start_and_end_as_well() -> None:
    zygote = Zygote(LIGHT, sandbox=False)
    forks.end_one(zygote)
    with forks.kernel(zygote) as process:
        assert eventually(lambda: len(forks.below(process.supervisor_id)) > 0)
        family = forks.below(process.supervisor_id)
    zygote.close()
    assert eventually(lambda: not _running(family))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bwrap: No permissions to create a new namespace", "unprivileged_userns_clone"),
        ("bwrap: setting up uid map: Permission denied", "apparmor_restrict_unprivileged_userns"),
        ("PermissionError: [Errno 13] Permission denied: 'x'", "chmod"),
        ("it said nothing", "make install"),
    ],
)
def test_the_remedy_fits_the_last_words(text: str, words: str) -> None:
    assert words in remedy_for(text)
