"""One submission, from its files to its outcome: a pure function, to be run by whatever runs functions."""

import hashlib
import tempfile
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import nbformat

from grading.engine.assignment import Assignment, with_files
from grading.engine.execute import Execution, KernelLostError, execute
from grading.engine.intake import SetAsideError, prepare
from grading.exam import Reason, Verdict
from grading.sandbox.errors import SandboxError

EXAMS = Path(__file__).parents[1] / "exams"
"""The hidden tests, where no notebook may look."""
VERSION = 1
"""Of the engine's judgement: outcomes of another one are made again."""
Status = Literal["graded", "set aside", "not graded"]


@dataclass(frozen=True)
class Job:
    """What it takes to grade one submission."""

    student: str
    files: dict[str, bytes]
    assignment: Assignment
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """A hash of all that the outcome depends on."""
        settings = sorted(self.settings.items())
        digest = hashlib.sha256(f"{VERSION} {self.student} {self.assignment.key} {self.seed} {settings}".encode())
        for name, content in sorted(self.files.items()):
            digest.update(f"{name} {len(content)} ".encode() + content)
        return digest.hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What came of a submission.

    ``graded``: every test has a verdict or, in `failures`, a reason why it has none. ``set aside``: it can't be run,
    and `reason` can be passed on to the student. ``not graded``: the engine failed, and `reason` is for the instructor.
    """

    student: str
    key: str
    status: Status
    reason: str = ""
    verdicts: tuple[Verdict, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    suspicions: tuple[str, ...] = ()
    notebook: str = ""
    ended: str = ""
    sandbox: str = "full"
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every test has a verdict."""
        return self.status == "graded" and not self.failures

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        """Return the outcome that `as_dict` made plain."""
        verdicts = tuple(
            Verdict(**{**verdict, "reasons": tuple(Reason(**reason) for reason in verdict["reasons"])})
            for verdict in data["verdicts"]
        )
        texts = {name: tuple(data[name]) for name in ("notices", "suspicions")}
        return cls(**{**data, **texts, "verdicts": verdicts})


def grade(job: Job) -> Outcome:
    """Grade a submission. Never raises: what goes wrong is an outcome, too."""
    sandbox = job.settings.get("sandbox", "full")
    try:
        prepared = prepare(job.files, job.assignment)
    except SetAsideError as error:
        return Outcome(job.student, job.key, "set aside", str(error))
    except Exception as error:
        return _failed(job, error)
    try:
        done = _twice(job, prepared.notebook)
    except SandboxError as error:
        return Outcome(job.student, job.key, "not graded", str(error))
    except Exception as error:
        return _failed(job, error)
    if prepared.notices:
        text = "**What the grader repaired**\n\n" + "\n".join(f"- {notice}" for notice in prepared.notices)
        done.notebook.cells.insert(0, nbformat.v4.new_markdown_cell(text, id="notices-of-the-grader"))
    return Outcome(
        job.student,
        job.key,
        "graded",
        verdicts=tuple(done.verdicts.values()),
        failures=done.failures,
        notices=tuple(prepared.notices),
        suspicions=tuple(done.suspicions),
        notebook=nbformat.writes(done.notebook),
        ended=done.ended,
        sandbox=sandbox,
        cpu_seconds=done.cpu_seconds,
        wall_seconds=done.wall_seconds,
    )


def _failed(job: Job, error: Exception) -> Outcome:
    """Return the outcome of a mistake of the engine's own, with its place."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    reason = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
    return Outcome(job.student, job.key, "not graded", reason)


def _twice(job: Job, notebook: nbformat.NotebookNode) -> Execution:
    """Run a notebook; once more where the warm process died under it."""
    with tempfile.TemporaryDirectory() as folder:
        _lay_out(job, Path(folder))
        options: dict[str, Any] = {
            "seed": job.seed,
            "folder": folder,
            "settings": {"hidden": [str(EXAMS)], **job.settings},  # where they lie is the worker's own affair
            "exams": job.assignment.exams,
        }
        try:
            return execute(notebook, job.assignment.points, **options)
        except KernelLostError:
            return execute(notebook, job.assignment.points, **options)


def _lay_out(job: Job, folder: Path) -> None:
    """Put down the files that the notebook may read: the assignment's, and the student's where they can be."""
    ours = job.assignment.files
    for name, content in with_files(ours, job.files).items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError:  # a file of the student's may be called as a folder of ours
            if name in ours:
                raise
