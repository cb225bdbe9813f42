"""Links and odd files in a submission's folder.

Success would be a secret that comes in, a write that goes out, or a grader that waits for ever.
"""

import os
import socket
from pathlib import Path

import pytest

from tests.attacks.tools import unprotected
from tests.sandboxes import Grader

SHOW = """
import os
for parent, folders, names in os.walk("."):
    for name in folders + names:
        path = os.path.join(parent, name)
        try:
            print(path, open(path).read() if os.path.isfile(path) else "")
        except OSError as error:
            print(path, error)
"""


@pytest.fixture
def secret(submission: Path) -> Path:
    """A file beside the submission, which everybody may read and write."""
    folder = submission.parent / "vault"
    folder.mkdir()
    folder.chmod(0o777)
    path = folder / "secret"
    path.write_text("the secret")
    path.chmod(0o666)
    return path


def test_links_in_a_submission_are_not_followed(grader: Grader, submission: Path, secret: Path) -> None:
    (submission / "file.txt").symlink_to(secret)
    (submission / "near.txt").symlink_to("../vault/secret")
    (submission / "folder").symlink_to(secret.parent)
    (submission / "everything").symlink_to("/")
    (submission / "more").mkdir()
    (submission / "more" / "deep").symlink_to(secret.parent)
    result = grader.run(SHOW, folder=submission)
    assert result.error(0) == "" and "./data.csv 1,2,3" in result.text(0)
    assert "the secret" not in result.text(0)
    assert "vault" not in result.text(0)
    assert "the secret" in unprotected(grader, SHOW, folder=submission).text(0)


CHANGE_THROUGH_LINKS = """
import os
target = {target!r}
for name, make in (("soft", os.symlink), ("hard", os.link)):
    try:
        make(target, name)
        with open(name, "a") as file:
            file.write("changed")
        os.chmod(name, 0o600)
    except OSError:
        pass
for name in os.listdir():
    try:
        with open(name, "a") as file:
            file.write("changed")
    except OSError:
        pass
"""


def test_no_link_that_a_student_makes_leads_out(grader: Grader, submission: Path, secret: Path) -> None:
    submission.chmod(0o777)
    os.link(secret, submission / "handed-in-hard-link")
    cell = CHANGE_THROUGH_LINKS.format(target=str(secret))
    grader.run(cell, folder=submission)
    assert secret.read_text() == "the secret" and secret.stat().st_mode & 0o777 == 0o666
    assert not (submission / "soft").is_symlink()
    unprotected(grader, cell, folder=submission)
    assert "changed" in secret.read_text()


def test_pipes_sockets_and_devices_are_left_out_and_nobody_waits_for_them(grader: Grader, submission: Path) -> None:
    os.mkfifo(submission / "pipe.csv", 0o666)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(submission / "socket"))
    if os.geteuid() == 0:
        os.mknod(submission / "disk", 0o60666, os.makedev(7, 0))
    with listener:
        assert grader.run("import os; sorted(os.listdir())", folder=submission).text(0) == "['data.csv']"


def test_strange_names_come_in_as_they_are(grader: Grader, submission: Path) -> None:
    names = [b"\xff\xfe.csv", b"-rf", b"two\nlines", b"n" * 255, "später ∇.csv".encode(), b"..x", b"$(id)"]
    for name in names:
        Path(os.fsdecode(os.fsencode(submission) + b"/" + name)).write_text("x")
    result = grader.run("import os; print(sorted(os.listdir(b'.')) )", folder=submission)
    assert result.text(0) == f"{sorted([*names, b'data.csv'])}\n"


def test_a_file_that_is_larger_than_all_memory_is_refused_unread(grader: Grader, submission: Path) -> None:
    with (submission / "sparse.bin").open("wb") as file:
        file.truncate(1 << 40)
    result = grader.run("1", folder=submission)
    assert "SandboxError" in result.died and "256 MiB" in result.died


def test_more_files_than_fit_end_this_submission_with_the_reason(grader: Grader, submission: Path) -> None:
    for number in range(100):
        (submission / f"{number}.csv").touch()
    result = grader.run("print('ran')", folder=submission, limits={"files": 60})
    assert "ran" not in result.text(0)
    assert "files" in result.died or "space" in f"{result.died}{result.log}"
