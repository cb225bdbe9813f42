"""Exams, the machinery that runs them and what builds the release.

A notebook's test cell holds one line of it: ``__import__("grading").examine("…", globals())``.
"""

import sys
from typing import Any

# jsonschema, which nbformat brings along, would build the grammar of internationalised addresses from this package when
# it is imported: a second each time for a check that no notebook asks for. It does without where there is none.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

__all__ = ["examine"]


def __getattr__(name: str) -> Any:
    """Import `examine` when it is asked for: who needs the wire format alone loads no exams."""
    if name == "examine":
        from grading.stock import examine

        return examine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
