"""Exams, the machinery that runs them and what builds the release.

A notebook's test cell holds one line of it: ``__import__("grading").examine("…", globals())``.
"""

from typing import Any

__all__ = ["examine"]


def __getattr__(name: str) -> Any:
    """Import `examine` when it is asked for: who needs the wire format alone loads no exams."""
    if name == "examine":
        from grading.stock import examine

        return examine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
