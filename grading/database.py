"""Where nbgrader's gradebook is, and what to do where it can't be used."""

import os
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SAWarning
from traitlets.config import Config, PyFileConfigLoader

CONFIGURATION = "nbgrader_config.py"
_LOCKED = (5, 6)  # SQLite's codes for a database or table that another one is writing


class GradebookError(RuntimeError):
    """The gradebook or `autograded/` can't be read or written; the text says what to do."""


def configuration(root: Path) -> Config:
    """Return what the course's `nbgrader_config.py` says; nothing where there is none."""
    if not (root / CONFIGURATION).is_file():
        return Config()
    environment = dict(os.environ)
    try:
        return PyFileConfigLoader(CONFIGURATION, path=str(root)).load_config()
    finally:
        os.environ.clear()
        os.environ.update(environment)  # the file sets a seed for stock nbgrader


def gradebook_url(root: Path, given: str = "") -> str:
    """Return the gradebook's URL: the one that is given, else the configured one, else that of nbgrader's own file."""
    return str(given or configuration(root).CourseDirectory.get("db_url") or f"sqlite:///{root / 'gradebook.db'}")


@contextmanager
def opened(url: str, course: str = "default_course") -> Iterator[Gradebook]:
    """Open a gradebook.

    Raises
    ------
    FileNotFoundError
        Where it is a file that is not there: nbgrader would make it.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        raise FileNotFoundError("there is no such file")
    with warnings.catch_warnings():
        # nbgrader builds a submission's rows in an order that SQLAlchemy remarks on, each time
        warnings.filterwarnings("ignore", r"Object of type <\w+> not in session", SAWarning)
        with Gradebook(url, course) as gradebook:
            yield gradebook


def explained(error: Exception, url: str, root: Path, part: str) -> GradebookError:
    """Return what an error means that was met when a part was looked up in a gradebook, and what to do."""
    return GradebookError(f"the gradebook {without_password(url)} {_told(error, url, root, part)}")


def _told(error: Exception, url: str, root: Path, part: str) -> str:
    said = brief(error)
    if isinstance(error, ImportError):
        return (
            f"needs a driver ({said}); with `pip install psycopg2-binary`, its address begins with "
            "postgresql+psycopg2://"
        )
    if isinstance(error, ArgumentError):  # its text may show the password
        return (
            "has no URL of a database; expected one like sqlite:////folder/gradebook.db or "
            "postgresql+psycopg2://user:password@host/database"
        )
    address = make_url(url)
    folder = Path(address.database or "").parent
    if isinstance(error, FileNotFoundError) and not folder.is_dir():
        return f"is to lie in {folder}, and there is no such folder; check its URL: sqlite:////folder/gradebook.db"
    if isinstance(error, FileNotFoundError | MissingEntry):
        return f"does not know {part} ({said}); run: {release_command(url, root, part)}"
    if is_locked(error):
        return f"is being written by another process ({said}); wait for that one or end it, then run again"
    if isinstance(error, OperationalError | InterfaceError) and address.get_backend_name() != "sqlite":
        return f"can't be reached ({said}); check that its server runs, and host, user, password and name in its URL"
    return (
        f"can't be used ({said}); expected a gradebook of this nbgrader that you may write to: check its URL (--db, or "
        f"c.CourseDirectory.db_url in {CONFIGURATION})"
    )


def release_command(url: str, root: Path, part: str) -> str:
    """Return the command that makes a gradebook know a part."""
    if url == gradebook_url(root):
        return f"make release PART={part}"
    return f"python -m grading release {part} --db {shlex.quote(without_password(url))}"


def is_locked(error: BaseException) -> bool:
    """Say whether an SQLite database is being written by another process."""
    found = own_error(error)
    return found is not None and (getattr(found.orig, "sqlite_errorcode", 0) & 0xFF) in _LOCKED


def own_error(error: BaseException | None) -> DBAPIError | None:
    """Return the database's own error; nbgrader wraps some."""
    while error is not None and not isinstance(error, DBAPIError):
        error = error.__cause__ or error.__context__
    return error


def brief(error: BaseException) -> str:
    """Return an error in one line, without the statement that met it."""
    found = own_error(error)
    told = str(found.orig if found is not None else error).strip()
    return " ".join(told.split()) or type(error).__name__


def without_password(text: str) -> str:
    """Return a URL, or an option with one, without the name and password that may stand in it."""
    head, separator, tail = text.rpartition("@")
    scheme, found, _ = head.partition("://")
    return f"{scheme}://…@{tail}" if found else f"…@{tail}" if separator else text
