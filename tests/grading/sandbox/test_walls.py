"""The command line of the outer wall: what can be seen through it is listed, and nothing else."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import grading
import helpers
from grading.sandbox import walls
from grading.sandbox.errors import SandboxError
from grading.sandbox.policy import FILES, SETTINGS_FILES, SETTINGS_PATHS, SYSTEM_PATHS

ASK = f"""
import sys
sys.path.append({str(Path(grading.__file__).parents[1])!r})
from grading.sandbox import walls
print(walls.readable_paths())
"""


def argv() -> list[str]:
    return walls.wrapped(["program", "argument"], {"NAME": "text"}, dict.fromkeys(SETTINGS_FILES, 9))


def _pairs(words: list[str], *options: str) -> list[tuple[str, str]]:
    return [(words[place + 1], words[place + 2]) for place, word in enumerate(words) if word in options]


def test_every_readable_path_is_shown_and_can_only_be_read() -> None:
    words = argv()
    bound = _pairs(words, "--ro-bind")
    assert {(path, path) for path in walls.readable_paths()} <= set(bound)
    assert not [word for word in words if word.startswith(("--bind", "--dev-bind"))]


def test_nothing_is_shown_but_the_system_its_settings_and_this_interpreter() -> None:
    shown = {source for source, _ in _pairs(argv(), "--ro-bind", "--ro-bind-try")}
    assert shown <= {*SYSTEM_PATHS, *SETTINGS_PATHS, *walls.readable_paths()}


def test_no_home_no_temporary_files_and_nothing_of_the_course_is_shown() -> None:
    shown = [Path(source) for source, _ in _pairs(argv(), "--ro-bind", "--ro-bind-try")]
    root = Path(grading.__file__).parents[1]
    for secret in (
        Path.home(),
        Path("/tmp"),
        Path("/etc"),
        Path("/proc"),
        root,
        root / "source",
        root / "gradebook.db",
    ):
        assert not any(secret.is_relative_to(path) for path in shown), secret


def test_our_packages_and_those_beside_the_interpreter_are_readable() -> None:
    wanted = [grading.__path__[0], helpers.__path__[0], sys.prefix, sys.base_prefix, pytest.__file__]
    for path in wanted:
        assert any(Path(path).is_relative_to(folder) for folder in (*walls.readable_paths(), *SYSTEM_PATHS))


def test_no_readable_path_lies_within_another() -> None:
    paths = walls.readable_paths()
    assert [(one, other) for one in paths for other in paths if one != other and Path(one).is_relative_to(other)] == []


def test_folders_above_readable_paths_let_everybody_through() -> None:
    words = argv()
    opened = {
        words[place + 3] for place, word in enumerate(words) if words[place : place + 3] == ["--perms", "0755", "--dir"]
    }
    above = {str(parent) for path in walls.readable_paths() for parent in Path(path).parents} - {"/", "/tmp"}
    assert above <= opened


def test_folders_above_settings_let_everybody_through() -> None:
    words = argv()
    opened = {
        words[place + 3] for place, word in enumerate(words) if words[place : place + 3] == ["--perms", "0755", "--dir"]
    }
    assert {"/etc", "/sys", "/sys/devices", "/sys/devices/system"} <= opened


def test_everything_is_read_only_before_the_command_starts() -> None:
    words = argv()
    place = words.index("--remount-ro")
    assert place > max(
        place for place, word in enumerate(words) if word in ("--ro-bind", "--ro-bind-data", "--dir", "--tmpfs")
    )
    assert words[words.index("--") + 1 :] == ["program", "argument"]


def test_the_environment_is_the_one_that_is_given() -> None:
    words = argv()
    assert "--clearenv" in words
    assert _pairs(words, "--setenv") == [("NAME", "text")]


def test_namespaces_are_left_behind() -> None:
    assert {"--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--new-session"} <= set(argv())


def test_there_is_a_place_for_the_submissions_files() -> None:
    words = argv()
    assert words[words.index(FILES) - 1] == "--dir"


def test_links_of_the_system_stay_links() -> None:
    for path in map(Path, SYSTEM_PATHS):
        if path.is_symlink():
            assert (str(path.readlink()), str(path)) in _pairs(argv(), "--symlink")


def test_texts_of_settings_are_handed_over_from_the_start() -> None:
    found = walls.settings_descriptors()
    assert {path: os.read(descriptor, 1 << 16).decode() for path, descriptor in found.items()} == SETTINGS_FILES
    for descriptor in found.values():
        os.close(descriptor)


def test_without_bubblewrap_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxError, match=r"bubblewrap is not installed.*apt install bubblewrap.*doctor"):
        argv()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_on_another_system_the_error_says_where_to_grade(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(SandboxError, match=rf"{platform}.*WSL"):
        walls.bubblewrap()


def test_packages_of_the_user_are_readable_where_python_uses_them(tmp_path: Path) -> None:
    """Those of `pip install --user`."""
    packages = tmp_path / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    environment = {"PYTHONUSERBASE": str(tmp_path), "PATH": os.environ["PATH"]}
    interpreter = Path(sys.base_prefix, "bin", "python3")
    done = subprocess.run([interpreter, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert any(packages.is_relative_to(path) for path in eval(done.stdout))


def test_an_interpreter_in_an_environment_of_its_own_names_both_folders(tmp_path: Path) -> None:
    venv.create(tmp_path / "own", system_site_packages=False, with_pip=False, symlinks=True)
    done = subprocess.run([tmp_path / "own/bin/python", "-c", ASK], capture_output=True, text=True, check=True)
    shown = [*eval(done.stdout), *SYSTEM_PATHS]
    assert all(
        any(Path(path).is_relative_to(folder) for folder in shown) for path in (tmp_path / "own", sys.base_prefix)
    )


def test_a_folder_that_can_not_be_hidden_is_no_wall_less(tmp_path: Path) -> None:
    """As where a worker's packages lie elsewhere than those of whoever named the folder."""
    missing = str(tmp_path / "exams")
    with pytest.raises(SandboxError, match="exams was to be hidden and does not exist"):
        walls.wrapped(["program"], {}, dict.fromkeys(SETTINGS_FILES, 9), (missing,))
