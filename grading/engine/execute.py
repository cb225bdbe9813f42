"""Run a notebook in the sandbox, and examine it at the place of each of its test cells.

A test cell is not run. At its place the kernel serves an exam: a fork of it answers an examiner, who judges in a
process of its own. So a cell sees the notebook as it is up to there, and nothing behind it can change the verdict.

Exams are held in the assignment's order: one may lend what those before it have judged, and would give it away to one
that ought to have come first. A test cell that was moved forward waits for those before it.
"""

import asyncio
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nbformat.v4
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from grading.exam import WHOLE, Reason, Verdict
from grading.examiner import NOBODY, Examiner, ExaminerLostError
from grading.remote import READY_SECONDS, UNASKED, seed_over_there
from grading.sandbox.manager import SandboxKernelManager
from grading.sandbox.policy import Limits
from grading.wire import UnreadableError

_REPLY_SECONDS = 15.0
_LEAST_PATIENCE_SECONDS = 2.0
_MOST_NAMES = 20


class KernelLostError(RuntimeError):
    """The kernel went with the warm process, through no fault of the submission: it has to be run again."""


@dataclass
class Execution:
    """What came of running a notebook.

    `verdicts` are by `grade_id`; a test cell without one could not be judged, and `failures` says why. `ended` says why
    the kernel ended before the notebook did.
    """

    notebook: NotebookNode
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    ended: str = ""
    notices: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
    """What an honest submission does not do. Nobody loses points by it."""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


def is_test(cell: NotebookNode) -> bool:
    """Say whether a cell holds hidden tests: code that is graded and not the student's to write."""
    marks = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(marks.get("grade")) and not marks.get("solution")


def execute(
    notebook: NotebookNode,
    points: dict[str, float],
    *,
    seed: int,
    folder: str | None = None,
    settings: dict[str, Any] | None = None,
    exams: str = "grading.exams",
    told: Callable[[str], None] = lambda what: None,
) -> Execution:
    """Run all cells of a notebook in order, its outputs replaced by new ones, and examine it.

    Parameters
    ----------
    points
        By `grade_id`, in the assignment's order, in which the exams are held; what a dead kernel leaves unanswered is
        worth nothing of them.
    seed
        The grading seed.
    folder
        Whose data files the notebook gets.
    settings
        Traits of `SandboxProvisioner`.
    exams
        The package that holds the exams.
    told
        Called with the id of each cell before it is run.

    Raises
    ------
    KernelLostError
        If the warm process died.
    """
    client = NotebookClient(
        notebook,
        kernel_manager_class=SandboxKernelManager,
        config=Config({"SandboxProvisioner": settings or {}}),
        resources={"metadata": {"path": folder}} if folder else {},
        allow_errors=True,
        timeout=_cell_seconds(Limits.of((settings or {}).get("limits", {}))),
        shutdown_kernel="immediate",
        extra_arguments=["--HistoryManager.hist_file=:memory:"],
    )
    return asyncio.run(_Run(client, points, seed, exams, told).all_cells())


class _Run:
    def __init__(
        self, client: NotebookClient, points: dict[str, float], seed: int, exams: str, told: Callable[[str], None]
    ) -> None:
        self._client, self._points, self._seed, self._exams, self._told = client, points, seed, exams, told
        self._result = Execution(client.nb)
        tests = {cell.metadata.nbgrader.grade_id: cell for cell in client.nb.cells if is_test(cell)}
        self._to_come = {exam_id: tests[exam_id] for exam_id in points if exam_id in tests}
        self._reached: set[str] = set()
        self._examiner: Examiner | None = None
        self._patience = READY_SECONDS

    async def all_cells(self) -> Execution:
        started = time.monotonic()
        client, result = self._client, self._result
        for cell in result.notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        try:
            async with client.async_setup_kernel(env={**os.environ, "NBGRADER_EXECUTION": "autograde"}):
                provisioner = _manager(client).provisioner
                for place, cell in enumerate(result.notebook.cells):
                    if cell.cell_type == "code" and not result.ended:
                        self._told(cell.get("id", ""))
                        await self._cell(cell, place)
        finally:
            self._dismiss()
        ended = provisioner.ended
        if provisioner.lost:
            raise KernelLostError(
                "the process that kernels are forked from died; run again, and after a second time look at what was "
                "logged above, and at the system's log: was there no memory left?"
            )
        if result.ended and ended is not None and ended.reason:
            result.ended = ended.reason
        result.cpu_seconds = ended.cpu_seconds if ended else 0.0
        self._leave_no_test_without_outcome()
        result.wall_seconds = time.monotonic() - started
        return result

    async def _cell(self, cell: NotebookNode, place: int) -> None:
        try:
            if is_test(cell):
                await self._examine_from(cell.metadata.nbgrader.grade_id)
            else:
                await self._client.async_execute_cell(cell, place)
        except DeadKernelError:
            self._result.ended = "the notebook ended its own kernel"
        except CellTimeoutError:
            # The supervisor has interrupted the cell long ago, and it would have ended a kernel that went on.
            self._result.ended = "the notebook's kernel did not answer any more"
            cell.outputs.append(_error("CellTimeoutError", self._result.ended))
            await _manager(self._client).provisioner.kill()

    async def _examine_from(self, exam_id: str) -> None:
        """Hold the exam of a test cell, if all before it have been held, and those that waited for it."""
        self._reached.add(exam_id)
        while self._to_come and (first := next(iter(self._to_come))) in self._reached:
            await self._examine(first, self._to_come.pop(first))

    async def _examine(self, exam_id: str, cell: NotebookNode) -> None:
        """Let the kernel serve an exam, let the examiner judge, and write the verdict below the cell."""
        if not await _alive(self._client):
            raise DeadKernelError("Kernel died")
        provisioner, kernel = _manager(self._client).provisioner, self._client.kc
        assert kernel is not None
        for attempt in ("first", "second"):
            provisioner.exam(begins=True)
            request = kernel.session.msg("exam_request", {"seed": seed_over_there(exam_id, self._seed)})
            kernel.shell_channel.send(request)
            try:
                verdict = await asyncio.to_thread(self._judge, exam_id, provisioner.exam_address)
            except ExaminerLostError as error:
                self._dismiss()
                if attempt == "second":
                    self._result.failures[exam_id] = str(error)
                continue
            finally:
                await self._over(request["header"]["msg_id"])
                provisioner.exam(begins=False)
            self._result.verdicts[exam_id] = verdict
            self._result.suspicions += suspicions(verdict, self._examiner.lost if self._examiner else "")
            cell.outputs = outputs(verdict)
            return

    def _judge(self, exam_id: str, address: str) -> Verdict:
        if self._examiner is None:
            self._examiner = Examiner(self._exams)
        verdict = self._examiner.judge(exam_id, self._seed, address, ready_seconds=self._patience)
        # A kernel that has not been there for one exam is hardly there for the next: no 20 seconds for each of many.
        absent = any(reason.expected == NOBODY for reason in verdict.reasons)
        self._patience = max(self._patience / 4, _LEAST_PATIENCE_SECONDS) if absent else READY_SECONDS
        return verdict

    def _dismiss(self) -> None:
        if self._examiner is not None:
            self._examiner.close()
            self._examiner = None

    async def _over(self, request: str) -> None:
        """Wait until the kernel is done with an exam; interrupt it where it isn't, then end it."""
        manager, kernel = _manager(self._client), self._client.kc
        assert kernel is not None
        for _ in range(2):
            deadline = time.monotonic() + _REPLY_SECONDS
            while (left := deadline - time.monotonic()) > 0:
                if not await _alive(self._client):
                    return
                try:
                    reply = await kernel.shell_channel.get_msg(timeout=min(left, 1.0))
                    answered = reply["parent_header"]["msg_id"]
                except Exception:  # none yet, or one that can't be read
                    continue
                if answered == request:
                    self._notice_replaced(reply)
                    return
            await manager.interrupt_kernel()
        await manager.provisioner.kill()

    def _notice_replaced(self, reply: dict[str, Any]) -> None:
        """Keep what the kernel says was replaced in it: a claim, as all that comes from there."""
        content = reply.get("content")
        claimed = content.get("replaced") if isinstance(content, dict) else None
        names = claimed[:_MOST_NAMES] if isinstance(claimed, list) else []
        for name in [name for name in names if isinstance(name, str) and name.isprintable()]:
            told = f"the notebook has put something of its own in the place of {name[:100]}"
            if told not in self._result.suspicions:
                self._result.suspicions.append(told)

    def _leave_no_test_without_outcome(self) -> None:
        """Give the exams behind a kernel's end the verdict that nobody answered."""
        result = self._result
        for cell in filter(is_test, result.notebook.cells):
            exam_id = cell.metadata.nbgrader.grade_id
            if exam_id in result.verdicts or exam_id in result.failures:
                continue
            points = self._points[exam_id]
            reason = Reason(
                WHOLE, points, False, "a notebook that runs up to here", result.ended or "no answer",
                "run your notebook from top to bottom after a restart", "error",
            )  # fmt: skip
            result.verdicts[exam_id] = Verdict(exam_id, points, 0.0, (reason,), self._seed, 0.0)
            cell.outputs = outputs(result.verdicts[exam_id])


def outputs(verdict: Verdict) -> list[NotebookNode]:
    """Return a verdict as the outputs of its cell: text for people, and the score as nbgrader reads it."""
    return [
        nbformat.v4.new_output("stream", name="stdout", text="\n".join(verdict.lines()) + "\n"),
        nbformat.v4.new_output("execute_result", data={"text/plain": repr(float(verdict.score))}, execution_count=None),
    ]


def suspicions(verdict: Verdict, lost: str) -> list[str]:
    """Return what in an exam says that the agent of `grading.serve` was not alone in answering.

    It never speaks unasked, and never writes what can't be read. Whoever takes its place with care is not found out.
    """
    found = [f"{verdict.exam_id}: {UNASKED}"] if lost == UNASKED else []
    forged = f"{UnreadableError.__name__}: "
    details = dict.fromkeys(reason.detail for reason in verdict.reasons if reason.detail.startswith(forged))
    return found + [f"{verdict.exam_id}: an answer was forged: no value is written like that ({it})" for it in details]


def _cell_seconds(limits: Limits) -> int:
    """Return how long to wait for a cell: until a kernel that still works would have been ended."""
    return math.ceil(limits.cell_wall_seconds + limits.grace_seconds + _REPLY_SECONDS)


def _error(name: str, text: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


def _manager(client: NotebookClient) -> Any:
    manager = client.km
    assert isinstance(manager, AsyncKernelManager)
    return manager


async def _alive(client: NotebookClient) -> bool:
    return bool(await _manager(client).is_alive())
