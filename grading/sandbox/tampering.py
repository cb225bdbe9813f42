"""What a notebook has put in the place of what it found: a hint for the instructor, and no wall.

This runs in the student's process and can be silenced from there. No grade depends on it.
"""

import sys
from typing import Any

WATCHED = (
    "builtins", "inspect", "os", "pickle", "socket", "struct", "time",
    "numpy", "numpy.random", "numpy.testing", "pandas.testing", "sklearn.metrics",
    "torch", "torch.nn.functional", "torch.testing",
    "IPython.core.interactiveshell", "ipykernel.ipkernel", "ipykernel.zmqshell",
    "grading.agent", "grading.encoder", "grading.exam", "grading.serve", "grading.wire", "grading.sandbox.kernel",
)  # fmt: skip
"""Modules in which nobody needs to replace anything for an assignment."""
_OURS = ("grading.", "ipykernel.", "IPython.")


def snapshot() -> dict[str, Any]:
    """Return the functions and classes of the watched modules that are imported, by their full names.

    In the modules that run the notebook and its exams, methods and tables of functions are seen as well.
    """
    found: dict[str, Any] = {}
    for name in WATCHED:
        for key, value in list(vars(sys.modules[name]).items()) if name in sys.modules else ():
            if callable(value):
                found[f"{name}.{key}"] = value
            if name.startswith(_OURS) and not key.startswith("__"):
                found |= {f"{name}.{key}.{inner}": member for inner, member in _members(name, value)}
    return found


def _members(module: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, type) and value.__module__ == module:
        return [(key, member) for key, member in list(vars(value).items()) if callable(member)]
    if isinstance(value, dict):
        return [(str(key), member) for key, member in list(value.items()) if callable(member)]
    return []


def replaced(before: dict[str, Any]) -> list[str]:
    """Return the names of what was there in an earlier snapshot and is not, or is another thing, now."""
    now = snapshot()
    return sorted(name for name, value in before.items() if now.get(name) is not value)
