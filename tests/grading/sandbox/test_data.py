"""What of a submission's folder comes into the sandbox: its regular files, and nothing that they point to."""

import os
import socket
import tarfile
from pathlib import Path

import pytest

from grading.sandbox.data import OURS, pack
from grading.sandbox.errors import SandboxError
from tests.sandboxes import ORDINARY_ID

MIB = 1 << 20


def packed(folder: Path | None, most: int = MIB) -> dict[str, bytes]:
    with pack(folder, most) as file, tarfile.open(fileobj=file, mode="r:") as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def test_nothing_is_packed_without_a_folder() -> None:
    assert packed(None) == {}


def test_files_and_those_in_folders_below_are_packed_whatever_their_names(tmp_path: Path) -> None:
    names = [
        "data.csv",
        "a b.txt",
        "ünï ∇.txt",
        ".hidden",
        "-f",
        "deep/er/data.bin",
        "deep/grading.py",
        "x" * 200,
        "new\nline",
    ]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "empty").touch()
    assert packed(tmp_path) == {name: name.encode() for name in names} | {"empty": b""}


def test_a_name_that_is_no_text_is_kept(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    with pack(tmp_path, MIB) as file, tarfile.open(fileobj=file, mode="r:") as archive:
        assert [os.fsencode(name) for name in archive.getnames()] == [b"caf\xe9.txt"]


def test_times_are_kept_and_owners_and_rights_are_not(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text("x")
    path.chmod(0o4777)
    os.utime(path, (1e9, 1e9))
    with pack(tmp_path, MIB) as file, tarfile.open(fileobj=file, mode="r:") as archive:
        (entry,) = archive.getmembers()
    assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.mode) == (1e9, 0, 0, "", 0o644)


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret, folder = tmp_path / "secret", tmp_path / "submission"
    secret.mkdir()
    folder.mkdir()
    (secret / "tests.txt").write_text("hidden")
    (folder / "link").symlink_to(secret / "tests.txt")
    (folder / "folder").symlink_to(secret)
    (folder / "broken").symlink_to("nowhere")
    (folder / "round").symlink_to(".")
    (folder / "own.txt").write_text("own")
    assert packed(folder) == {"own.txt": b"own"}


def test_fifos_sockets_and_devices_are_left_out_and_nobody_waits_for_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    assert packed(tmp_path) == {}


def test_notebooks_are_left_out_wherever_they_are(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("part1.ipynb", "below/other.ipynb", "part1.ipynb.txt"):
        (tmp_path / name).write_text("x")
    assert list(packed(tmp_path)) == ["part1.ipynb.txt"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_nothing_stands_in_for_our_packages(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    for path in (
        f"{name}.py",
        f"{name}.cpython-311-x86_64-linux-gnu.so",
        f"{name}.abi3.so",
        f"{name}.pyc",
        f"{name}/__init__.py",
    ):
        (tmp_path / path).write_text("raise SystemExit")
    (tmp_path / f"{name}_notes.py").write_text("x")
    (tmp_path / f"{name}.csv").write_text("x")
    assert set(packed(tmp_path)) == {f"{name}_notes.py", f"{name}.csv"}


def test_a_folder_that_is_a_link_with_our_name_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "__init__.py").write_text("x")
    (tmp_path / "grading").symlink_to("other")
    assert list(packed(tmp_path)) == ["other/__init__.py"]


def test_files_may_be_as_large_as_the_limit_together_and_no_larger(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(bytes(MIB // 2))
    assert sum(map(len, packed(tmp_path, MIB).values())) == MIB
    (tmp_path / "three").write_bytes(b"x")
    with pytest.raises(SandboxError, match=r"more than 1 MiB.*files_bytes"):
        pack(tmp_path, MIB)


def test_a_sparse_file_counts_as_large_as_it_says(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SandboxError, match="more than"):
        pack(tmp_path, MIB)


@pytest.mark.parametrize("name", ["nbgrader_config.py", "gradebook.db"])
def test_the_folder_of_the_course_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(SandboxError, match=r"folder of the course.*one submission"):
        pack(tmp_path, MIB)


def test_an_error_leaves_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "gradebook.db").touch()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(SandboxError):
            pack(tmp_path, MIB)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def _as_ordinary_user(work: object) -> str:
    """Call a function in a child that has no rights of root, and return the error that it raised."""
    receiving, sending = os.pipe()
    if (child := os.fork()) == 0:
        text = ""
        try:
            if os.geteuid() == 0:
                os.setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID)
                os.setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID)
            work()  # type: ignore[operator]
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        finally:
            os.write(sending, text.encode())
            os._exit(0)
    os.close(sending)
    os.waitpid(child, 0)
    with os.fdopen(receiving) as file:
        return file.read()


def _opened(folder: Path) -> Path:
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.geteuid() and len(path.parts) > 2:
            path.chmod(path.stat().st_mode | 0o055)
    return folder


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = _opened(tmp_path) / "closed.csv"
    path.write_text("x")
    path.chmod(0)
    text = _as_ordinary_user(lambda: pack(tmp_path, MIB))
    assert text.startswith("SandboxError")
    assert f"{path} can't be read" in text


def test_a_folder_that_cannot_be_read_is_named_as_well(tmp_path: Path) -> None:
    folder = _opened(tmp_path) / "closed"
    folder.mkdir()
    (folder / "data.csv").write_text("x")
    folder.chmod(0)
    try:
        text = _as_ordinary_user(lambda: pack(tmp_path, MIB))
    finally:
        folder.chmod(0o700)
    assert text.startswith("SandboxError")
    assert f"{folder} can't be read" in text


def test_a_file_that_grows_while_it_is_packed_is_cut_where_it_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x" * 10)
    opened = os.open

    def open_and_grow(*arguments: object) -> int:
        if arguments[0] == path:
            path.write_bytes(b"y" * 1000)
        return opened(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", open_and_grow)
    assert packed(tmp_path) == {"growing": b"y" * 10}
