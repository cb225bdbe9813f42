"""Pages that show what was measured."""

import os
import platform
from pathlib import Path


def put_between(path: Path, text: str, command: str) -> None:
    """Put a text between the two marks of a page that name the command which measures."""
    start, end = f"<!-- measured: {command} -->", "<!-- end measured -->"
    page = path.read_text(encoding="utf-8")
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def machine() -> str:
    """Return what the numbers depend on."""
    return f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}, Python {platform.python_version()}"
