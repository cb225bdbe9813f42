"""Files that others read while they are written: whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to under another name, and rename it in the end: no reader ever meets half of it.

    Where writing fails, nothing is left of it, and what was there before stays.

    Raises
    ------
    OSError
        Where the folder can't be written, as on a disk that is full.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as part:
        try:
            yield part
            part.close()
            # Temporary files are private; a cache may be shared by a class, and a sandbox reads as somebody else.
            Path(part.name).chmod(0o666 & ~_umask())
            os.replace(part.name, path)  # noqa: PTH105 (atomic, on Windows too)
        except BaseException:
            part.close()
            Path(part.name).unlink(missing_ok=True)
            raise


def _umask() -> int:
    """Return the permissions that new files lack; to read them one has to set them."""
    current = os.umask(0)
    os.umask(current)
    return current
