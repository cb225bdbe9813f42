"""Stock nbgrader: what a test cell calls in the student's own kernel.

A test cell is one line, which leaves no name behind, and the score is its last expression::

    __import__("grading").examine("test-mean", globals())

nbgrader reads points off a cell's outputs: any text on stderr is zero, a result that it can't parse is full
marks, one above the maximum drops the whole submission. So while an exam runs nothing reaches the outputs,
and afterwards they hold the verdict as text on stdout and a plain float.

Known limit: here the exam shares a process with the student's code, which can replace anything that this
module uses, IPython itself, or put a ``grading.py`` of its own into its folder. Stock grading is for honest
work and for trying things out; the engine judges from another process.
"""

import contextlib
import ctypes
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grading.exam import Verdict, find, run
from grading.handle import in_process

SEED_VARIABLE = "GRADING_SEED"


def examine(exam_id: str, namespace: dict[str, Any]) -> float:
    """Run an exam on a notebook's globals, print the verdict and return the score for nbgrader.

    Parameters
    ----------
    namespace
        The notebook's ``globals()``, the same afterwards as before.

    Returns
    -------
    float
        From 0 to the exam's points; always finite, always a plain float.

    Raises
    ------
    RuntimeError
        If the exam or its machinery fails, so that the cell shows an error instead of passing; naming the
        exam. A failure of the student's code never raises.
    """
    try:
        verdict = _judge(exam_id, namespace)
    except Exception as error:
        raise RuntimeError(f"{exam_id} could not be graded, which is no fault of the notebook: {error}") from error
    print("\n".join(verdict.lines()))
    score = float(verdict.score)
    _make_sure_it_shows(score)
    return score


def _judge(exam_id: str, namespace: dict[str, Any]) -> Verdict:
    seed = _seed()
    with _silence(), _surroundings(namespace):
        return run(find(exam_id), in_process(namespace), seed)


def _seed() -> int:
    """Return the seed from the environment, else a fresh one."""
    text = os.environ.get(SEED_VARIABLE)
    if text is None:
        return secrets.randbelow(1 << 32)
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{SEED_VARIABLE} has to be a whole number from 0 on, not {text!r}")
    return int(text)


@contextlib.contextmanager
def _surroundings(namespace: dict[str, Any]) -> Iterator[None]:
    """Put back what student code may change: names, working folder, environment, figures, their style."""
    names, environment = dict(namespace), dict(os.environ)
    folder = Path.cwd()
    pyplot = sys.modules.get("matplotlib.pyplot")
    figures = set(pyplot.get_fignums()) if pyplot else set()
    style = pyplot.matplotlib.rcParams.copy() if pyplot else None
    try:
        yield
    finally:
        os.chdir(folder)
        _put_back(os.environ, environment)
        _put_back(namespace, names)
        if pyplot := sys.modules.get("matplotlib.pyplot"):  # may have been imported meanwhile
            for number in set(pyplot.get_fignums()) - figures:
                pyplot.close(number)
            if style is not None:
                dict.update(pyplot.matplotlib.rcParams, style)


def _put_back(mapping: Any, before: dict[str, Any]) -> None:
    for name in [name for name in mapping if name not in before]:
        del mapping[name]
    for name, value in before.items():
        if name not in mapping or mapping[name] is not value:
            mapping[name] = value


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep everything that is written or displayed within the block out of the cell's outputs.

    Swapping ``sys.stderr`` alone would miss handlers and progress bars that hold the kernel's stream since an
    earlier cell, displays, and C code that writes to the descriptor; so each of the ways out is closed.
    """
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
    _flush(streams)
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123
        for thread in {getattr(stream, "pub_thread", None) for stream in streams} - {None}:
            stack.enter_context(_unpublished(thread))
        # Leaving the block, what the streams have gathered is flushed while nothing is published yet.
        stack.callback(_flush, streams)
        for descriptor in (1, 2):
            stack.enter_context(_into(descriptor, sink.fileno()))
        stack.enter_context(contextlib.redirect_stdout(sink))
        stack.enter_context(contextlib.redirect_stderr(sink))
        yield


@contextlib.contextmanager
def _unpublished(thread: Any) -> Iterator[None]:
    """Drop what an ipykernel would send to the notebook: streams, displays, widgets."""
    thread.send_multipart = lambda *args, **kwargs: None  # hides the method of its class
    try:
        yield
    finally:
        del thread.send_multipart


@contextlib.contextmanager
def _into(descriptor: int, target: int) -> Iterator[None]:
    """Let a file descriptor of the process lead to another file."""
    try:
        kept = os.dup(descriptor)
    except OSError:  # a process without it
        yield
        return
    os.dup2(target, descriptor)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # what C code holds back would come out later
            ctypes.CDLL(None).fflush(None)
        os.dup2(kept, descriptor)
        os.close(kept)


def _flush(streams: list[Any]) -> None:
    for stream in streams:
        with contextlib.suppress(Exception):
            stream.flush()


def _make_sure_it_shows(score: float) -> None:
    """Undo what a notebook may have set so that a cell's result is shown rounded or not at all."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return
    shell.display_formatter.formatters["text/plain"].float_precision = ""
    if shell.ast_node_interactivity == "none":
        shell.displayhook(score)
