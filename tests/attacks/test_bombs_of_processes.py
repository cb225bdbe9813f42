"""More and more processes and threads: success would be more of them on the machine than the limit says."""

from tests.attacks.tools import family, kernels, survivors, watched, zygotes
from tests.sandboxes import Grader
from tests.tools import eventually

FORK = """
import os, time
end = time.monotonic() + 1.5
made = 0
while time.monotonic() < end:
    try:
        if os.fork() == 0:
            made = 0
            {session}
            time.sleep(0.02)
            continue
        made += 1
    except OSError:
        time.sleep(0.01)
if os.getpid() != 2:
    time.sleep(600)
"""
THREADS = """
import threading, time
go = threading.Event()
made = 0
try:
    for _ in range(1000):
        threading.Thread(target=go.wait, daemon=True).start()
        made += 1
except RuntimeError as error:
    print(error)
time.sleep(0.3)
go.set()
time.sleep(0.1)
print(made)
"""


def test_a_fork_bomb_stays_small_and_goes_with_its_notebook(grader: Grader) -> None:
    seen_processes = []

    def count() -> float:
        found = family(grader)
        seen_processes[:] = found
        return len(found)

    assert eventually(lambda: not any(warm.children() for warm in zygotes(grader)))  # of an earlier notebook
    usual = len(family(grader))
    with watched(count) as seen:
        result = grader.run(FORK.format(session="os.setsid()"), "print('on')", limits={"processes": 40})
    assert usual + 20 < max(seen) <= usual + 40 + 8
    assert result.cells and not kernels(grader)
    assert len(family(grader)) == usual
    assert survivors(seen_processes[usual:]) == []


def test_a_bomb_of_threads_is_an_error_in_its_cell(grader: Grader) -> None:
    usual = sum(process.num_threads() for process in family(grader))
    with watched(lambda: sum(process.num_threads() for process in family(grader))) as seen:
        result = grader.run(THREADS, "print('on')", limits={"processes": 40})
    assert "can't start new thread" in result.text(0)
    assert result.text(1) == "on\n"
    assert max(seen) <= usual + 40 + 8


def test_programs_run_within_the_same_number(grader: Grader) -> None:
    cell = """
import subprocess, time
started = []
try:
    for _ in range(200):
        started.append(subprocess.Popen(["sleep", "600"], start_new_session=True))
except OSError as error:
    print("refused")
print(len(started))
"""
    result = grader.run(cell, limits={"processes": 40})
    assert result.text(0).startswith("refused\n")
    assert 10 < int(result.text(0).split()[1]) < 40
    assert not kernels(grader)
