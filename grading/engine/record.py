"""From outcomes to nbgrader's gradebook and `autograded/`, as nbgrader itself would have left them.

There is one writer. Each submission is one transaction, and is tried again where the database is locked or away.
"""

import errno
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import nbformat
from nbgrader.api import Comment, Grade, Gradebook, MissingEntry, SubmittedNotebook
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, is_task, parse_utc
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError
from traitlets.config import Config

from grading.database import GradebookError, brief, explained, is_locked, opened, own_error, release_command
from grading.engine.assignment import further_files, with_files
from grading.engine.intake import files_of
from grading.engine.job import Outcome

__all__ = ["GradebookError", "Recorder"]

_Row = TypeVar("_Row", Grade, Comment)
_PATIENCE_SECONDS = 120.0
_UNUSABLE = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTEMPTY}


class Recorder:
    """Writes outcomes of one part.

    Parameters
    ----------
    database
        The gradebook's URL.
    config
        nbgrader's configuration, which names the course and the plugin for late penalties.
    """

    def __init__(self, root: Path, part: str, notebook: str, database: str, config: Config) -> None:
        self._root, self._part, self._notebook, self._database = root, part, notebook, database
        self._course = str(config.CourseDirectory.get("course_id") or "default_course")
        penalties = AssignLatePenalties(config=config)
        penalties.init_plugin()
        self._late: LateSubmissionPlugin = penalties.plugin_inst
        self._patience = _PATIENCE_SECONDS

    def check(self) -> None:
        """Make sure that the gradebook can be reached and knows the part.

        Raises
        ------
        GradebookError
            Where it can't or doesn't, with what to do.
        """

        def look() -> None:
            with opened(self._database, self._course) as gradebook:
                gradebook.find_notebook(self._notebook, self._part)

        try:
            _patiently(look, is_locked, self._patience)
        except Exception as error:
            raise explained(error, self._database, self._root, self._part) from None

    def record(self, outcome: Outcome, folder: Path) -> None:
        """Write one graded submission.

        Parameters
        ----------
        folder
            The submission as it was handed in, with its time of submission if it says one.

        Raises
        ------
        GradebookError
            Where that is not possible now.
        """
        target = self._root / "autograded" / outcome.student / self._part
        try:
            notebook = nbformat.reads(outcome.notebook, as_version=4)
            files = files_of(folder)
            with _exchanged(target) as new:  # first what needs room on the disk
                self._lay_out(new, outcome, files)
                _patiently(
                    lambda: self._to_gradebook(outcome, notebook, _timestamp(files)), _is_passing, self._patience
                )
        except Exception as error:  # a plugin's, too: it must not keep the others from being recorded
            if _is_passing(error):
                self._patience = 0.0  # the next ones are tried, but not waited for
            known = not isinstance(error, MissingEntry)
            advice = "" if known else f"; run: {release_command(self._database, self._root, self._part)}"
            raise GradebookError(f"{outcome.student} could not be recorded: {brief(error)}{advice}") from error
        self._patience = _PATIENCE_SECONDS

    def withdraw(self, student: str) -> None:
        """Take away the autograded notebook of a student whose submission can't be graded any more.

        The gradebook keeps what it says, as it does where nbgrader fails to grade anew.

        Raises
        ------
        GradebookError
            Where that is not possible now.
        """
        target = self._root / "autograded" / student / self._part
        try:
            if target.exists():
                with _exchanged(target) as new:
                    new.rmdir()
        except OSError as error:
            raise GradebookError(f"{student}'s old grades could not be taken away: {brief(error)}") from error

    # --- the gradebook ------------------------------------------------------------------------------------------------
    def _to_gradebook(self, outcome: Outcome, notebook: nbformat.NotebookNode, submitted: datetime | None) -> None:
        with opened(self._database, self._course) as gradebook:
            database, commit = gradebook.db, gradebook.db.commit
            database.commit = database.flush  # the calls below commit each step; this is one transaction
            try:
                if database.get_bind().dialect.name == "sqlite":
                    database.execute(text("BEGIN IMMEDIATE"))  # what is read stays true until it is written
                gradebook.update_or_create_student(outcome.student)
                options = {"timestamp": submitted} if submitted else {}
                submission = gradebook.update_or_create_submission(self._part, outcome.student, **options)
                rows = _Rows(gradebook.find_submission_notebook(self._notebook, self._part, outcome.student))
                for cell in notebook.cells:
                    _write_cell(rows, outcome, cell)
                database.flush()
                database.expire_all()  # sums are the database's
                self._penalty(gradebook, outcome.student, submission.total_seconds_late)
                commit()
            except BaseException:
                database.rollback()
                raise

    def _penalty(self, gradebook: Gradebook, student: str, seconds_late: float) -> None:
        found = gradebook.find_submission_notebook(self._notebook, self._part, student)
        found.late_submission_penalty = None
        if seconds_late > 0:
            penalty = self._late.late_submission_penalty(student, found.score, seconds_late)
            if penalty is not None:
                found.late_submission_penalty = min(max(penalty, 0), found.score)

    # --- autograded/ --------------------------------------------------------------------------------------------------
    def _lay_out(self, folder: Path, outcome: Outcome, files: Mapping[str, bytes]) -> None:
        """Write the executed notebook, and the other files of the assignment and the submission."""
        _write(folder / f"{self._notebook}.ipynb", outcome.notebook.encode("utf-8", "replace"))
        ours = further_files(self._root / "source" / self._part)
        for name, content in with_files(ours, files).items():
            try:
                _write(folder / name, content)
            except OSError as error:  # a file of the student's may be called as a folder of ours
                if error.errno not in _UNUSABLE:
                    raise


class _Rows:
    """The grades and comments of a submitted notebook by the names of their cells, read with a query each."""

    def __init__(self, submitted: SubmittedNotebook) -> None:
        known = submitted.notebook
        names = {cell.id: cell.name for cell in (*known.grade_cells, *known.solution_cells, *known.task_cells)}
        self._grades = {names[grade.cell_id]: grade for grade in submitted.grades}
        self._comments = {names[comment.cell_id]: comment for comment in submitted.comments}

    def grade(self, name: str) -> Grade:
        """Return the grade of a cell; `MissingEntry` where the gradebook knows an older release."""
        return _known(self._grades, name)

    def comment(self, name: str) -> Comment:
        """Return the comment on a cell; `MissingEntry` as above."""
        return _known(self._comments, name)


def _known(rows: Mapping[str, _Row], name: str) -> _Row:
    if name not in rows:
        raise MissingEntry(f"the gradebook has no cell {name}: it knows another release")
    return rows[name]


def _write_cell(rows: _Rows, outcome: Outcome, cell: nbformat.NotebookNode) -> None:
    """Write what nbgrader's `SaveAutoGrades` writes of a cell."""
    if is_grade(cell):
        name = cell.metadata.nbgrader.grade_id
        grade = rows.grade(name)
        failed = name in outcome.failures  # no verdict is no score: a person has to look
        grade.auto_score = None if failed else determine_grade(cell)[0]
        grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
    if is_solution(cell) or is_task(cell):
        blank = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell) and not is_task(cell)
        rows.comment(cell.metadata.nbgrader.grade_id).auto_comment = "No response." if blank else None


@contextmanager
def _exchanged(target: Path) -> Iterator[Path]:
    """Give an empty folder to fill, which then takes a folder's place; if the block raises, nothing has changed.

    A process that is killed in between leaves hidden folders, which the next one takes away.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    new, old = (target.with_name(f".{target.name}.{age}") for age in ("new", "old"))
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    new.mkdir()
    try:
        yield new
        if target.exists():
            target.replace(old)
        if new.exists():
            new.replace(target)
    finally:
        if old.exists() and new.exists():
            old.replace(target)
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)


def _timestamp(files: Mapping[str, bytes]) -> datetime | None:
    """Return when a submission was handed in, as nbgrader's `timestamp.txt` says it."""
    try:
        told = files.get("timestamp.txt", b"")[:100].decode().strip()
        return parse_utc(told) if told else None
    except (ValueError, OverflowError, TypeError):
        return None


# --- Errors that pass -------------------------------------------------------------------------------------------------
def _patiently(action: Callable[[], None], passes: Callable[[BaseException], bool], seconds: float) -> None:
    """Do something, again and again for some time while it fails for a reason that passes."""
    deadline, pause = time.monotonic() + seconds, 0.1
    while True:
        try:
            return action()
        except Exception as error:
            if not passes(error) or time.monotonic() > deadline:
                raise
            time.sleep(pause)
            pause = min(2 * pause, 2.0)


def _is_passing(error: BaseException) -> bool:
    """Say whether a database is locked, or its server is away for the moment."""
    found = own_error(error)
    if found is None or hasattr(found.orig, "sqlite_errorcode"):
        return is_locked(error)
    return found.connection_invalidated or isinstance(found, OperationalError | InterfaceError)
