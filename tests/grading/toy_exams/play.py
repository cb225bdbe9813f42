"""Exams that are quick, and exams that go wrong in every way that their author can think of."""

import contextlib
import os
from pathlib import Path

import numpy as np

from grading.exam import exam, idea
from grading.judge import close, number, ok


@exam("play-double", points=2)
def doubles(student, rng):
    """Twice what it gets."""
    x = rng.normal(size=3)
    close(student.double(x), 2 * x, "the double")


@exam("play-add", points=3)
def adds(student, rng):
    """A sum. Split: of numbers 2, of arrays 1."""
    x, y = rng.normal(size=2)
    with idea("numbers", 2):
        close(number(student.add(float(x), float(y)), "the sum"), x + y, "the sum")
    with idea("arrays", 1):
        close(student.add(np.array([x]), np.array([y])), [x + y], "the sum")


@exam("play-broken", points=4)
def awards_too_little(student, rng):
    """Award three of four points: a mistake of the author's."""
    with idea("something", 3):
        number(student.double(1.0), "a number")


@exam("play-fatal", points=1)
def ends_the_examiner(student, rng):
    """End the process that judges."""
    os._exit(3)


@exam("play-fatal-once", points=1)
def ends_the_first_examiner(student, rng):
    """End the process that judges, but for the second time."""
    mark = Path(student.mark)
    if not mark.exists():
        mark.touch()
        os._exit(3)
    ok(True, expected="", came="")


@exam("play-greedy", points=1)
def needs_more_memory_than_there_is(student, rng):
    """Allocate far more than an examiner may."""
    np.ones(1 << 32)


@exam("play-endless", points=2)
def computes_for_ever(student, rng):
    """Compute from what it is given without end. Split: before 1, without end 1."""
    with idea("before", 1):
        number(student.double(1.0), "a number")
    with idea("without end", 1):
        while True:
            with contextlib.suppress(Exception):  # as where something that was forged is read
                while True:
                    pass


@exam("play-imports", points=1)
def imports_from_the_working_folder(student, rng):
    """Import a module that lies in the working folder alone."""
    try:
        import lies_in_the_working_folder  # noqa: F401
    except ModuleNotFoundError:
        return
    ok(False, expected="no such module", came="one")
