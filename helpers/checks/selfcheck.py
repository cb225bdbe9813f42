"""What a self-check is: three outcomes, messages that teach, hints that open one by one.

A module of checks (`part1`) makes one `Checks` and fills it with functions; its `check` and `hint` are what a
notebook imports. A check looks at the names that the notebook defines, so it needs no argument but its name.
"""

import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np

Names = Mapping[str, Any]

NOT_ATTEMPTED = "not attempted"
NOT_YET = "not yet"
PASSED = "visible checks passed"


class NotYet(Exception):  # noqa: N818 (an outcome, no error)
    """A check found something amiss: what it expected, what came, and where to look."""

    def __init__(self, expected: str, came: str, look: str) -> None:
        super().__init__(expected)
        self.expected, self.came, self.look = expected, came, look


def expect(condition: Any, expected: str, came: str, look: str) -> None:
    """Raise `NotYet` with these three texts unless the condition holds; an array or a table must hold throughout."""
    if not (np.all(condition) if hasattr(condition, "shape") else condition):
        raise NotYet(expected, came, look)


def expect_array(value: Any, what: str, shape: tuple[int, ...], look: str) -> np.ndarray:
    """Return `value` as an array once its shape is right and its numbers are finite.

    Raises
    ------
    NotYet
        Where the value is missing, no array of numbers, of another shape or not finite.
    """
    expect(value is not None, f"{what} of shape {shape}", "None", "Did you forget a `return`?")
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise NotYet(f"{what} as an array of numbers", type(value).__name__, look) from None
    expect(array.shape == shape, f"{what} of shape {shape}", f"shape {array.shape}", look)
    expect(np.isfinite(array), f"{what} with finite numbers", "nan or inf in it", look)
    return array


@dataclass(frozen=True)
class Check:
    """One self-check: the function, the names that it needs, and its hints, from a nudge to nearly the answer."""

    function: Callable[[Names], None]
    needs: tuple[str, ...]
    hints: tuple[str, ...]


class Checks:
    """The self-checks of one part, by name."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._hints_open: dict[str, int] = {}

    def add(self, name: str, needs: tuple[str, ...], hints: tuple[str, ...]) -> Callable[..., Any]:
        """Decorate a function of the notebook's names that raises `NotYet` where something is amiss."""

        def register(function: Callable[[Names], None]) -> Callable[[Names], None]:
            self._checks[name] = Check(function, needs, hints)
            return function

        return register

    def __iter__(self) -> Iterator[str]:
        return iter(self._checks)

    def check(self, name: str, names: Names | None = None) -> None:
        """Run one self-check on the notebook's names and print its outcome; never raises.

        Parameters
        ----------
        name : str
            As it stands in the notebook, such as "mlp-forward".
        names : mapping, optional
            Where to look names up; by default the caller's global names, which are the notebook's.
        """
        if name not in self._checks:
            print(f"There is no check {name!r}. There are: {', '.join(self._checks)}.")
            return
        names = _caller().f_globals if names is None else names
        outcome = _outcome(self._checks[name], names)
        print(f"{name}: {outcome}")
        if outcome.startswith(NOT_YET):
            print(f'  a hint is there if you want one: hint("{name}")')

    def hint(self, name: str) -> None:
        """Print the next hint of a check; after the last one it starts again. Never raises."""
        check = self._checks.get(name)
        if check is None:
            print(f"There are no hints for {name!r}. There are some for: {', '.join(self._checks)}.")
            return
        shown = self._hints_open.get(name, 0) % len(check.hints)
        self._hints_open[name] = shown + 1
        print(f"{name}, hint {shown + 1} of {len(check.hints)}: {check.hints[shown]}")
        if shown + 1 < len(check.hints):
            print(f'  call hint("{name}") again for the next')


def _outcome(check: Check, names: Names) -> str:
    missing = [needed for needed in check.needs if needed not in names]
    if missing:
        return f"{NOT_ATTEMPTED} ({' and '.join(missing)} is not defined: run its cell first)"
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            check.function(names)
    except NotImplementedError as error:
        place = _where(error, names)
        return f"{NOT_ATTEMPTED} (`{place[0] if place else 'it'}` still says NotImplementedError)"
    except NotYet as error:
        return f"{NOT_YET}\n  expected  {error.expected}\n  came      {error.came}\n  look      {error.look}"
    except (Exception, SystemExit) as error:
        place = _where(error, names)
        came = f"{type(error).__name__}: {_text(error)}"
        look = f"in `{place[0]}`, line {place[1]} of its cell" if place else "at what your code returns: type and shape"
        return f"{NOT_YET}\n  expected  an answer\n  came      {came}\n  look      {look}"
    return f"{PASSED}; other inputs follow when your work is graded"


def _caller() -> FrameType:
    """Find the first frame outside this module: the notebook's cell."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals["__name__"] == __name__:
        frame = frame.f_back
    return frame


def _where(error: BaseException, names: Names) -> tuple[str, int] | None:
    """Name the innermost function of the notebook's own code in a traceback and the line in its cell, if any ran."""
    frames = traceback.walk_tb(error.__traceback__)
    own = [(frame.f_code.co_name, line) for frame, line in frames if frame.f_globals is names]
    return own[-1] if own else None


def _text(error: BaseException) -> str:
    """Return an exception's text, cut to one line; a text that can't be made must not break the check."""
    try:
        lines = str(error).splitlines() or [""]
    except Exception:
        return "(its text can't be shown)"
    return lines[0][:200]
