"""Cut functions and classes out of the source of a module."""

import ast
from collections.abc import Collection

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def excerpt(source: str, names: Collection[str]) -> str:
    """Return a module's source with these of its functions and classes alone, and whatever of it they use.

    Imports and assignments of the module stay; comments are lost.

    Raises
    ------
    LookupError
        Where the module defines no such function or class.
    """
    body = ast.parse(source).body
    definitions = {node.name: node for node in body if isinstance(node, _DEFINITIONS)}
    if unknown := sorted(set(names) - set(definitions)):
        raise LookupError(f"no definition of {', '.join(unknown)}")
    kept: set[str] = set()
    left = set(names)
    while left:
        kept |= left
        used = {node.id for name in left for node in ast.walk(definitions[name]) if isinstance(node, ast.Name)}
        left = (used & set(definitions)) - kept
    tree = ast.Module([node for node in body if not isinstance(node, _DEFINITIONS) or node.name in kept], [])
    return ast.unparse(tree)
