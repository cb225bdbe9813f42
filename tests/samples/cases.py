"""What mutants and styles are: a part's right solution with passages exchanged."""

from dataclasses import dataclass

Passage = tuple[str, str]


@dataclass(frozen=True)
class Mutant:
    """One mistake: the passages to exchange in a right cell, and the test cells that must lose points."""

    name: str
    cell: str
    passages: tuple[Passage, ...]
    loses: frozenset[str]
    why: str


@dataclass(frozen=True)
class Style:
    """One right way of solving a task: passages to exchange in a right cell, or a whole source instead."""

    name: str
    cell: str
    passages: tuple[Passage, ...] = ()
    source: str | None = None


def mutant(cell: str, name: str, loses: set[str], why: str, *passages: Passage) -> Mutant:
    """Make a mutant; for `partial` with the cell."""
    return Mutant(name, cell, passages, frozenset(loses), why)


def style(cell: str, name: str, *passages: Passage, source: str | None = None) -> Style:
    """Make a style; for `partial` with the cell."""
    return Style(name, cell, passages, source)
