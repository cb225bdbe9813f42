"""Right but unusual solutions of Part II's tasks: each keeps every point."""

from dataclasses import dataclass
from functools import partial

Passage = tuple[str, str]


@dataclass(frozen=True)
class Style:
    """One right way of solving a task: passages to exchange in a cell of `mutants.BASE`, or a whole source instead."""

    name: str
    cell: str
    passages: tuple[Passage, ...] = ()
    source: str | None = None


def _style(cell: str, name: str, *passages: Passage, source: str | None = None) -> Style:
    return Style(name, cell, passages, source)


STYLES: list[Style] = []
