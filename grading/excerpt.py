"""Cut functions and classes out of the source of a module."""

import ast
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class _Statement:
    """One at the top of a module: its text, the name that it defines (or none), and the names that it uses."""

    text: str
    name: str
    used: frozenset[str]


def excerpt(source: str, names: Collection[str]) -> str:
    """Return a module's source with these of its functions and classes alone, and whatever of it they use.

    Imports and assignments of the module stay; what stands between statements, as comments do, is lost.

    Raises
    ------
    LookupError
        Where the module defines no such function or class.
    """
    statements = _statements(source)
    definitions = {statement.name: statement for statement in statements if statement.name}
    if unknown := sorted(set(names) - set(definitions)):
        raise LookupError(f"no definition of {', '.join(unknown)}")
    kept: set[str] = set()
    left = set(names)
    while left:
        kept |= left
        left = set().union(*(definitions[name].used for name in left)) & set(definitions) - kept
    return "\n".join(statement.text for statement in statements if not statement.name or statement.name in kept)


@lru_cache(maxsize=16)  # an exam cuts several times out of one module
def _statements(source: str) -> tuple[_Statement, ...]:
    lines = source.splitlines()
    return tuple(_statement(node, lines) for node in ast.parse(source).body)


def _statement(node: ast.stmt, lines: list[str]) -> _Statement:
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    text = "\n".join(lines[first - 1 : node.end_lineno])
    if not isinstance(node, _DEFINITIONS):
        return _Statement(text, "", frozenset())
    return _Statement(text, node.name, frozenset(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)))
