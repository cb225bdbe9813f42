"""From outcomes to nbgrader's gradebook and `autograded/`, as nbgrader itself would have left them.

There is one writer. Each submission is one transaction, and is tried again where the database is locked.
"""

import os
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, parse_utc
from sqlalchemy.exc import OperationalError
from traitlets.config import Config

from grading.engine.job import Outcome

_PATIENCE_SECONDS = 120.0


class GradebookError(RuntimeError):
    """The gradebook or `autograded/` can't be written; the outcome waits in the journal."""


class Recorder:
    """Writes outcomes of one part.

    Parameters
    ----------
    database
        The gradebook's URL.
    config
        nbgrader's configuration, which names the plugin for late penalties.
    """

    def __init__(self, root: Path, part: str, notebook: str, database: str, config: Config) -> None:
        self._root, self._part, self._notebook, self._database = root, part, notebook, database
        penalties = AssignLatePenalties(config=config)
        penalties.init_plugin()
        self._late: LateSubmissionPlugin = penalties.plugin_inst

    def check(self) -> None:
        """Make sure that the gradebook can be reached and knows the part.

        Raises
        ------
        GradebookError
            Where it can't or doesn't, with what to do.
        """

        def look() -> None:
            with Gradebook(self._database) as gradebook:
                gradebook.find_notebook(self._notebook, self._part)

        try:
            _patiently(look)
        except Exception as error:
            raise GradebookError(
                f"the gradebook {_without_password(self._database)} does not know {self._part} ({error}); "
                f"run: make release PART={self._part}"
            ) from None

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
        notebook = nbformat.reads(outcome.notebook, as_version=4)
        try:
            _patiently(lambda: self._to_gradebook(outcome, notebook, _timestamp(folder)))
            self._to_autograded(outcome, folder)
        except (OSError, OperationalError) as error:
            raise GradebookError(f"{outcome.student} could not be recorded: {error}") from error

    def _to_gradebook(self, outcome: Outcome, notebook: nbformat.NotebookNode, submitted: datetime | None) -> None:
        with Gradebook(self._database) as gradebook:
            commit = gradebook.db.commit
            gradebook.db.commit = gradebook.db.flush  # the calls below commit each step; this is one transaction
            try:
                gradebook.update_or_create_student(outcome.student)
                options = {"timestamp": submitted} if submitted else {}
                submission = gradebook.update_or_create_submission(self._part, outcome.student, **options)
                for cell in notebook.cells:
                    self._cell(gradebook, outcome, cell)
                self._penalty(gradebook, outcome.student, submission.total_seconds_late)
                commit()
            except BaseException:
                gradebook.db.rollback()
                raise

    def _cell(self, gradebook: Gradebook, outcome: Outcome, cell: nbformat.NotebookNode) -> None:
        """Write what nbgrader's `SaveAutoGrades` writes of a cell."""
        if is_grade(cell):
            name = cell.metadata.nbgrader.grade_id
            grade = gradebook.find_grade(name, self._notebook, self._part, outcome.student)
            failed = name in outcome.failures  # no verdict is no score: a person has to look
            grade.auto_score = None if failed else determine_grade(cell)[0]
            grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
        if is_solution(cell):
            name = cell.metadata.nbgrader.grade_id
            comment = gradebook.find_comment(name, self._notebook, self._part, outcome.student)
            blank = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
            comment.auto_comment = "No response." if blank else None

    def _penalty(self, gradebook: Gradebook, student: str, seconds_late: float) -> None:
        found = gradebook.find_submission_notebook(self._notebook, self._part, student)
        found.late_submission_penalty = None
        if seconds_late > 0:
            penalty = self._late.late_submission_penalty(student, found.score, seconds_late)
            if penalty is not None:
                found.late_submission_penalty = min(max(penalty, 0), found.score)

    def _to_autograded(self, outcome: Outcome, folder: Path) -> None:
        """Put the executed notebook, and the other files of the submission, where nbgrader looks for them."""
        target = self._root / "autograded" / outcome.student / self._part
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
            new = Path(temporary) / "new"
            new.mkdir()
            for name, content in files_of(folder).items():
                if not name.endswith(".ipynb"):
                    (new / name).parent.mkdir(parents=True, exist_ok=True)
                    (new / name).write_bytes(content)
            path = new / f"{self._notebook}.ipynb"
            path.write_text(outcome.notebook, encoding="utf-8")
            path.chmod(0o444)
            if target.exists():
                target.replace(Path(temporary) / "old")
            new.replace(target)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the regular files of a submission by relative path. Links are not followed."""
    found = {}
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def _timestamp(folder: Path) -> datetime | None:
    """Return when a submission was handed in, as nbgrader's `timestamp.txt` says it."""
    try:
        text = (folder / "timestamp.txt").read_text(encoding="utf-8").strip()
        return parse_utc(text) if text else None
    except (OSError, ValueError, OverflowError):
        return None


def _patiently(action: Callable[[], Any]) -> Any:
    """Do something, again and again while the database is locked."""
    deadline, pause = time.monotonic() + _PATIENCE_SECONDS, 0.1
    while True:
        try:
            return action()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(pause)
            pause = min(2 * pause, 2.0)


def _without_password(url: str) -> str:
    head, separator, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if separator else url
