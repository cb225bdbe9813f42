"""Processes that want to outlive their notebook: success would be one that is there after it."""

from tests.attacks.tools import family, survivors, waiting
from tests.sandboxes import Grader

DAEMON = """
import os, signal, subprocess, time
for way in range(4):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 65):
                try: signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError): pass
            os.chdir("/")
            if way: os.closerange(0, 1024)
            if way == 2: os.prctl = None
            while True: time.sleep(1)
        os._exit(0)
subprocess.Popen(["setsid", "nohup", "sleep", "1000"], stdin=subprocess.DEVNULL)
subprocess.Popen(["sh", "-c", "trap '' TERM HUP INT; while :; do sleep 1; done &"])
time.sleep(0.2)
"""


def test_no_daemon_outlives_its_notebook(grader: Grader) -> None:
    usual = len(family(grader))
    with waiting(grader, DAEMON) as (kernel, _):
        during = family(grader)
        assert len(during) >= usual + 3 + 6
        theirs = [kernel, kernel.parent(), *kernel.parent().children(recursive=True)]
    assert survivors(theirs) == []
    assert len(family(grader)) <= usual


def test_no_daemon_outlives_a_kernel_that_ends_itself(grader: Grader) -> None:
    usual = len(family(grader))
    result = grader.run(DAEMON + "\nos._exit(0)")
    assert result.died
    assert len(family(grader)) <= usual
