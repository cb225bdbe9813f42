"""The supervisor, who holds a notebook to its limits: success would be one that no longer looks."""

import os
from pathlib import Path

from tests.attacks.tools import kernels, waiting
from tests.sandboxes import Grader

STEAL = """
import os, signal, time
supervisor = get_ipython().kernel.parent.supervisor
pipes = {pipes}
children = []
for pipe in pipes:
    for _ in range(4):
        child = os.fork()
        if child == 0:
            stolen = os.open(f"/proc/self/fd/{{pipe}}", os.O_RDONLY)
            while True:
                os.read(stolen, 1)
        children.append(child)
end = time.monotonic() + 0.5
while time.monotonic() < end:
    for pipe in pipes:
        try:
            os.write(pipe, b"(")
        except OSError:
            pass
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
while True:
    pass
"""
MARK = """
import os
while True:
    try:
        os.write(get_ipython().kernel.parent.supervisor, {mark})
    except OSError:
        pass
"""
LIMITS = {"cell_cpu_seconds": 2, "grace_seconds": 1, "notebook_cpu_seconds": 3, "notebook_wall_seconds": 8}


def _held_to_its_limits(grader: Grader, cell: str) -> str:
    result = grader.run(cell, limits=LIMITS, timeout=15)
    assert result.error(0) == "KeyboardInterrupt" or result.died, result.text(0)
    assert not kernels(grader)
    assert not [line for line in result.log if "timeout" in line.lower() and "execut" in line.lower()], result.log
    return " ".join(result.log)


def test_a_supervisor_whose_marks_are_stolen_goes_on(grader: Grader) -> None:
    """What a pipe holds can be read by whoever may write: a supervisor that waits for it would wait for ever."""
    for _ in range(2):
        _held_to_its_limits(grader, STEAL.format(pipes="[supervisor]"))


def test_a_supervisor_whose_log_is_stolen_goes_on(grader: Grader) -> None:
    for _ in range(2):
        _held_to_its_limits(grader, STEAL.format(pipes="[1, 2]"))


def test_marks_that_are_closed_lift_no_limit(grader: Grader) -> None:
    _held_to_its_limits(grader, "import os\nos.close(get_ipython().kernel.parent.supervisor)\nwhile True: pass")


def test_marks_that_lie_lift_no_limit_of_the_notebook(grader: Grader) -> None:
    cell = MARK.format(mark=b")")
    log = _held_to_its_limits(grader, cell)
    assert "3 CPU seconds" in log
    flood = MARK.format(mark=b"(" * 5000)
    assert "3 CPU seconds" in _held_to_its_limits(grader, flood)


def test_a_flood_into_the_log_is_read_and_forgotten(grader: Grader) -> None:
    cell = "import os\nwhile True:\n    os.write(1, b'x' * 65536); os.write(2, b'last words ' * 5000)"
    result = grader.run(cell, "import os; os._exit(3)", limits={"cell_cpu_seconds": 1, "grace_seconds": 1})
    assert sum(map(len, result.log)) < 5000
    assert sum(len(result.text(place)) for place in (0, 1)) < 10000


FIRST = """
import os, resource, signal
for number in set(signal.Signals) - {signal.SIGINT, signal.SIGTERM, signal.SIGXCPU}:
    try:
        os.kill(1, number)
    except OSError:
        pass
"""


def test_the_first_process_is_not_stopped_or_ended(grader: Grader) -> None:
    """It buries the others and passes signals on."""
    with waiting(
        grader, FIRST, "import subprocess; print(subprocess.run(['echo', 'on'], capture_output=True).stdout)"
    ) as (
        kernel,
        results,
    ):
        first = kernel.parent()
        assert first.status() == "sleeping"
        assert Path(f"/proc/{first.pid}/stat").stat().st_uid == 0 or os.geteuid()
    assert results[0].text(1) == "b'on\\n'\n"


def test_limits_put_on_the_first_process_harm_nobody_else(grader: Grader) -> None:
    cell = """
import resource
for limit in range(16):
    try:
        resource.prlimit(1, limit, (0, 0))
    except (OSError, ValueError):
        pass
while True:
    pass
"""
    _held_to_its_limits(grader, cell)
