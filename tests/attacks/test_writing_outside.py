"""Changing what is not the submission's: success would be a file on the machine that was not there, or is another."""

import sys
from pathlib import Path

from tests.attacks.tools import unprotected
from tests.sandboxes import ROOT, Grader

NAME = "written-by-a-student"

WRITE = """
import os
for folder in {folders!r}:
    for way in (folder, "/proc/self/root" + folder, "/proc/1/root" + folder):
        try:
            os.makedirs(way, exist_ok=True)
            with open(f"{{way}}/{name}", "w") as file:
                file.write("owned")
        except OSError:
            pass
for path in {files!r}:
    for change in (lambda: open(path, "a").write("owned"), lambda: os.chmod(path, 0o777),
                   lambda: os.utime(path, (0, 0)),
                   lambda: os.rename(path, path + ".old"), lambda: os.unlink(path), lambda: os.truncate(path, 0)):
        try:
            change()
        except OSError:
            pass
"""


def test_nothing_outside_is_written_or_changed(grader: Grader, submission: Path) -> None:
    open_folder = submission.parent / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    packages = Path(sys.prefix) / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    folders = [open_folder, packages, ROOT, ROOT / "grading", ROOT / "helpers", Path("/usr/lib"),
               Path("/usr/local/bin"),
               Path("/etc"), Path("/var/tmp"), Path("/run"), Path(sys.base_prefix), Path("/tmp")]  # fmt: skip
    files = [open_folder / "file", ROOT / "grading" / "__init__.py", packages / "numpy" / "__init__.py",
             Path(sys.executable), Path("/etc/passwd"), Path("/etc/ld.so.cache"), Path("/usr/bin/env")]  # fmt: skip
    files[0].write_text("as it was")
    files[0].chmod(0o666)
    before = [(path.stat().st_mode, path.stat().st_mtime, path.stat().st_size) for path in files]
    cell = WRITE.format(folders=[*map(str, folders)], files=[*map(str, files)], name=NAME)
    result = grader.run(cell, folder=submission)
    assert result.error(0) == "" and result.died == ""
    assert not [folder for folder in folders if (folder / NAME).exists()]
    assert [(path.stat().st_mode, path.stat().st_mtime, path.stat().st_size) for path in files] == before
    control = WRITE.format(folders=[str(open_folder)], files=[], name=NAME)
    unprotected(grader, control, folder=submission)
    assert (open_folder / NAME).read_text() == "owned"


def test_the_submissions_folder_stays_as_it_was_handed_in(grader: Grader, submission: Path) -> None:
    submission.chmod(0o777)
    (submission / "data.csv").chmod(0o666)
    cell = "open('data.csv', 'w').write('mine'); open('new.ipynb', 'w').write('{}'); print(open('data.csv').read())"
    assert grader.run(cell, folder=submission).text(0) == "mine\n"
    assert (submission / "data.csv").read_text() == "1,2,3\n"
    assert sorted(path.name for path in submission.iterdir()) == ["data.csv", "part.ipynb"]
    unprotected(grader, cell, folder=submission)
    assert (submission / "data.csv").read_text() == "mine"
