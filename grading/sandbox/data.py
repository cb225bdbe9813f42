"""The data files of an assignment, packed for a submission's working folder.

Copies go in, nothing comes out. What is packed is regular files alone: a link in a submission is not followed, or it
would bring in whatever it points to.
"""

import os
import stat
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from grading.sandbox.errors import SandboxError

OURS = frozenset({"grading", "helpers"})
"""Packages that no file of a submission may stand in for."""
_COURSE = ("nbgrader_config.py", "gradebook.db")


def pack(folder: Path | None, most: int) -> IO[bytes]:
    """Return a tar archive of a folder's files, without notebooks and without what would shadow our packages.

    Parameters
    ----------
    folder
        None for an empty archive.
    most
        How many bytes the files may have together.

    Raises
    ------
    SandboxError
        Where the folder is the course itself, with all submissions in it, or where the files are too large.
    """
    # The descriptor is handed to another process: the file must have no name, and needs none.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    with tarfile.open(fileobj=file, mode="w") as archive:
        if folder is not None:
            _add(archive, folder, most)
    file.seek(0)
    return file


def _add(archive: tarfile.TarFile, folder: Path, most: int) -> None:
    if any((folder / name).exists() for name in _COURSE):
        raise SandboxError(
            f"{folder} is the folder of the course, and its files would be copied into the sandbox",
            "name the folder of one submission as the notebook's working folder",
        )
    total = 0
    for path, information in _files(folder):
        total += information.st_size
        if total > most:
            raise SandboxError(
                f"the files in {folder} have more than {most >> 20} MiB together",
                "remove what the notebook does not need, or raise the limit files_bytes",
            )
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise SandboxError(f"{path} can't be read: {error.strerror}", "mend its rights, or remove it") from None
        with os.fdopen(descriptor, "rb") as content:
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size, entry.mtime = information.st_size, int(information.st_mtime)
            try:
                archive.addfile(entry, content)
            except OSError as error:  # it has become shorter meanwhile
                raise SandboxError(f"{path} can't be read: {error}", "try again once nobody writes to it") from None


def _refuse(error: OSError) -> None:
    raise SandboxError(f"{error.filename} can't be read: {error.strerror}", "mend its rights, or remove it") from None


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        folders.sort()
        here = Path(parent)
        if here == folder:
            folders[:] = [name for name in folders if name not in OURS]
        for name in sorted(names):
            shadows = here == folder and name.split(".")[0] in OURS and name.endswith((".py", ".so", ".pyc"))
            information = (here / name).lstat()
            if stat.S_ISREG(information.st_mode) and not shadows and not name.endswith(".ipynb"):
                found.append((here / name, information))
    return found
