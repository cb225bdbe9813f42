"""The journal: every outcome in a file of its own, written as it comes, so that no work is lost or done twice."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grading.engine.job import Outcome

_UNFINISHED = ".unfinished"
_LONGEST_NAME = 200  # of a student in a file's name; a folder's may have 255 bytes, and here comes an ending


class BusyError(RuntimeError):
    """Another run is at work on the same part."""


class Journal:
    """The outcomes of one part, in ``.grading/<part>/`` of the course."""

    def __init__(self, root: Path, part: str) -> None:
        self.folder = root / ".grading" / part

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs away.

        Raises
        ------
        BusyError
            Where one is at work, naming its process.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                process = file.read() or "?"
                raise BusyError(
                    f"process {process} is grading {self.folder.name} already; wait for it, or end it by "
                    f"`kill {process}`: what it has graded is kept"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            for left in self.folder.rglob(f"*{_UNFINISHED}"):  # of runs that were killed
                left.unlink()
            yield

    def seed(self) -> int:
        """Return the part's seed; drawn once, so that all students get the same numbers, latecomers too."""
        seed = self.known_seed()
        if seed is None:
            seed = secrets.randbelow(1 << 32)
            self._write(self.folder / "seed", str(seed))
        return seed

    def known_seed(self) -> int | None:
        """Return the part's seed if there is one yet."""
        try:
            return int((self.folder / "seed").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None

    def find(self, student: str, key: str) -> tuple[Outcome | None, bool]:
        """Return a student's outcome for a key, and whether it is in the gradebook; None where there is none."""
        outcome, recorded = self.last(student)
        return (outcome, recorded) if outcome and outcome.key == key else (None, False)

    def last(self, student: str) -> tuple[Outcome | None, bool]:
        """Return a student's outcome, whatever it was for, and whether it is in the gradebook."""
        try:
            return _read(self._path(student))
        except (OSError, ValueError, KeyError, TypeError):  # none, or one of another version
            return None, False

    def put(self, outcome: Outcome, *, recorded: bool) -> None:
        """Write an outcome; whole or not at all."""
        self._write(self._path(outcome.student), json.dumps({"recorded": recorded, "outcome": outcome.as_dict()}))

    def outcomes(self) -> dict[str, Outcome]:
        """Return the last outcome of every student."""
        found = {}
        for path in self.folder.glob("students/*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                outcome, _ = _read(path)
                found[outcome.student] = outcome
        return dict(sorted(found.items()))

    def write_result(self, result: dict) -> Path:
        """Write what a run came to, as JSON, and return the file."""
        path = self.folder / "result.json"
        self._write(path, json.dumps(result, indent=2))
        return path

    def _path(self, student: str) -> Path:
        long = len(os.fsencode(student)) > _LONGEST_NAME
        name = hashlib.sha256(os.fsencode(student)).hexdigest() if long else student
        return self.folder / "students" / f"{name}.json"

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=_UNFINISHED, delete=False, encoding="utf-8"
        ) as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise


def _read(path: Path) -> tuple[Outcome, bool]:
    data = json.loads(path.read_text(encoding="utf-8"))
    return Outcome.of(data["outcome"]), bool(data["recorded"])
