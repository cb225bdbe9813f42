"""What tests of all kinds share: to wait for something, and to read what stands below a cell."""

import time
from collections.abc import Callable

from nbformat import NotebookNode


def eventually(holds: Callable[[], object], seconds: float = 20.0) -> bool:
    """Say whether something comes to hold within some seconds."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def text_of(cell: NotebookNode) -> str:
    """Return what a cell printed and showed as text, errors included."""
    return "".join(map(_text, cell.outputs))


def _text(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return output.data.get("text/plain", "")
