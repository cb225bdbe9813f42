"""What the system counts by user: success would be that others of that user get no more of it.

An ordinary user's notebooks run as that user, so that the system sees them and the grader as one.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.attacks.tools import SYSTEM_CALL, waiting
from tests.sandboxes import Grader, as_ordinary_user

OPEN = """
import os
opened = []
try:
    while True:
        opened.append(os.dup(0))
except OSError as error:
    print(error.errno, len(opened) > 100)
for number in opened:
    os.close(number)
"""


def test_a_process_has_so_many_open_files_and_goes_on(grader: Grader) -> None:
    with waiting(grader, OPEN, limits={"open_files": 512}) as (kernel, results):
        assert max(int(path.name) for path in Path(f"/proc/{kernel.pid}/fd").iterdir()) < 512
    assert results[0].text(0) == "24 True\n"


TAKE_ALL = (
    SYSTEM_CALL
    + """
import array, signal, socket
kept = []
def watchers():
    while True:
        answer = call({inotify}, 0)
        if isinstance(answer, str):
            return
        kept.append(answer)
def in_flight():
    import resource
    one, other = socket.socketpair()
    kept.append((one, other))
    null = array.array("i", [0] * 250)
    one.setblocking(False)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    for _ in range(100):
        one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, null)])
def pending():
    signal.pthread_sigmask(signal.SIG_BLOCK, [60])
    while libc.sigqueue(os.getpid(), 60, 0) == 0:
        pass
for take in (watchers, in_flight, pending):
    if os.fork() == 0:
        try:
            take()
        except OSError:
            pass
        import time
        time.sleep(600)
import time
time.sleep(1.5)
"""
)
NEED = """
import array, ctypes, os, resource, signal, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
libc = ctypes.CDLL(None, use_errno=True)
print("watcher" if libc.inotify_init1(0) >= 0 else "no watcher")
signal.pthread_sigmask(signal.SIG_BLOCK, [60])
print("signal" if libc.sigqueue(os.getpid(), 60, 0) == 0 else "no signal")
"""


def test_others_of_the_same_user_still_get_theirs(grader: Grader, neighbour: Grader) -> None:
    import pyseccomp

    number = pyseccomp.resolve_syscall(pyseccomp.system_arch(), "inotify_init1")
    command = [sys.executable, "-c", NEED]
    command = as_ordinary_user(command) if grader.user == "user" and os.geteuid() == 0 else command
    with waiting(grader, TAKE_ALL.format(inotify=number)):
        said = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
        other = neighbour.run("print('on')")
    assert (other.died, other.cells[0].outputs and other.text(0)) == ("", "on\n")
    assert said.split("\n") == ["watcher", "signal", ""]
