"""The student's half of the grader taken over: whatever answers there, it answers, and another process judges."""

from textwrap import dedent

import pytest

from tests.forgeries.tools import RIGHT, gains_nothing, graded, handed_in, own_output, scores

PARTS = {
    "modules that are not what they seem": """
        import sys, types
        class Fake(types.ModuleType):
            def __getattr__(self, name): return lambda *a, **k: 5.0
        for name in ("grading", "grading.agent", "grading.serve", "grading.encoder", "grading.wire", "grading.exam",
                     "grading.judge", "msgpack", "grading.exams", "grading.exams.part1"):
            sys.modules[name] = Fake(name)
        """,
    "an agent that always has an answer": """
        from grading import agent, encoder
        five = encoder.encode_value(5.0, None)
        agent.Agent.answer = lambda self, request: five
        """,
    "an agent that knows every name": """
        from grading import agent
        for name in agent._OPERATIONS:
            agent._OPERATIONS[name] = lambda self, *a: (lambda *a, **k: 5.0)
        """,
    "an encoder that writes what it likes": """
        import msgpack
        msgpack.packb = lambda tree, **k: b"\\xc3"
        """,
    "an encoder that writes no format": """
        import msgpack
        msgpack.packb = lambda tree, **k: b"\\x81\\xa1x\\xc1"
        """,
    "pickles that carry code": """
        import pickle, grading.agent, grading.wire
        class Code:
            def __reduce__(self): return print, ("5 of 5 points",)
        grading.agent.Agent.answer = lambda self, request: pickle.dumps({"score": 5.0, "passed": Code()})
        """,
    "an exception of the author's": """
        from grading import agent, wire
        agent.describe = lambda *a: wire.Raised("AuthoringError", "the exam has a mistake")
        def answer(self, request): raise wire.AuthoringError("the exam has a mistake")
        agent.Agent.answer = answer
        """,
    "no fork": "import os; os.fork = lambda: 1 / 0",
    "a fork that fails": """
        import os
        def fork(): raise BlockingIOError(11, "Resource temporarily unavailable")
        os.fork = fork
        """,
    "a fork that is none": "import os; os.fork = lambda: 0; os._exit = lambda status: None; os.setsid = lambda: None",
    "a parent that does not wait": "import os; os.waitpid = lambda *a: (1, 0); os.killpg = lambda *a: None",
    "a parent that waits without end": "import os, time; os.waitpid = lambda *a: time.sleep(1000)",
    "signals that do nothing": """
        import signal, os
        signal.signal = lambda *a: None
        os.killpg = os.kill = lambda *a: None
        """,
    "limits that do nothing": """
        import resource
        resource.setrlimit = lambda *a: None
        resource.getrlimit = lambda *a: (-1, -1)
        """,
    "sockets of another kind": """
        import socket
        class Socket:
            def __init__(self, *a, **k): pass
            def __getattr__(self, name): return lambda *a: 5
        socket.socket = Socket
        """,
    "a closed door": """
        import os
        from grading.sandbox.messages import SOCKETS
        os.close(get_ipython().kernel.parent.listeners[len(SOCKETS)])
        """,
    "another door": """
        import os, socket
        from grading.sandbox.messages import SOCKETS
        other = socket.socket(socket.AF_UNIX); other.bind("door"); other.listen()
        os.dup2(other.fileno(), get_ipython().kernel.parent.listeners[len(SOCKETS)])
        """,
    "standard streams that are gone": "import os, sys; os.closerange(0, 3); sys.stdout = sys.stderr = None",
    "no descriptor left": """
        import os
        kept = []
        try:
            while True: kept.append(os.open("/dev/null", 0))
        except OSError: pass
        """,
    "no process left": """
        import threading, time
        try:
            while True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        except RuntimeError: pass
        """,
}  # fmt: skip
# Some break the kernel with it, which then answers nothing any more.
BRIEF = {"cell_wall_seconds": 5, "grace_seconds": 1}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("part", PARTS)
def test_a_part_taken_over_gains_nothing(part: str) -> None:
    gains_nothing(graded(handed_in(dedent(PARTS[part])), limits=BRIEF, most_seconds=45))


# --- who answers ------------------------------------------------------------------------------------------------------
DOOR = """
import os, socket, threading, time
from grading.sandbox.messages import SOCKETS
from grading.serve import READY, LENGTH, serve
number = get_ipython().kernel.parent.listeners[len(SOCKETS)]

def accept():
    door = socket.socket(fileno=os.dup(number))
    door.settimeout(None)
    while True:
        try:
            connection, _ = door.accept()
            connection.settimeout(None)
            connection.sendall(READY)
            talk(connection)
        except Exception:
            time.sleep(0.01)

def daemon():
    "Be a process that outlives the cell and every exam."
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            accept()
        os._exit(0)
"""
FIVE = """
from grading.encoder import encode_value
def talk(connection):
    while connection.recv(1 << 16):
        connection.sendall(encode_value(5.0, None))
"""
TALKS = {
    "five": FIVE,
    "garbage": "def talk(connection): connection.sendall(os.urandom(1 << 16)); time.sleep(1)",
    "http": "def talk(connection): connection.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n5.0'); time.sleep(1)",
    "nothing": "def talk(connection): connection.close()",
    "another namespace": """
class Names(dict):
    __contains__ = lambda self, key: True
    __getitem__ = lambda self, key: lambda *a, **k: 5.0
def talk(connection): serve(connection, Names())
""",
}
WHO = {
    "a thread": "threading.Thread(target=accept, daemon=True).start()",
    "many threads": "for _ in range(8): threading.Thread(target=accept, daemon=True).start()",
    "a daemon": "daemon()",
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("talk", TALKS)
@pytest.mark.parametrize("who", WHO)
def test_another_one_who_answers_gains_nothing(who: str, talk: str) -> None:
    gains_nothing(graded(handed_in(DOOR + TALKS[talk] + "\n" + WHO[who])))


SERVING = {
    "unasked": "connection.sendall(2 * encode_value(5.0, None)); connection.recv(1 << 16); connection.recv(1)",
    "twice": "connection.recv(1 << 16); connection.sendall(2 * encode_value(5.0, None)); connection.recv(1)",
    "four GiB": "connection.recv(1 << 16); connection.sendall(b'\\xff' * 8 + b'x' * 1000); time.sleep(1)",
    "64 MiB": "connection.recv(1 << 16); connection.sendall(HEADER.pack(1, 64 << 20) + bytes(1 + (64 << 20)))",
    "half": "connection.recv(1 << 16); connection.sendall(encode_value([1.0] * 9, None)[:30])",
}
REPLACED = """
import time, grading.serve
from grading.encoder import encode_value
from grading.wire import HEADER
def serve(connection, names):
    {code}
grading.serve.serve = serve
"""


@pytest.mark.parametrize("way", SERVING)
def test_answers_that_break_the_protocol_gain_nothing(way: str) -> None:
    outcome = graded(handed_in(REPLACED.format(code=SERVING[way])))
    gains_nothing(outcome)


@pytest.mark.parametrize("way", ["unasked", "twice"])
def test_who_speaks_unasked_is_noticed(way: str) -> None:
    outcome = graded(handed_in(REPLACED.format(code=SERVING[way])))
    assert any("what nobody had asked" in suspicion for suspicion in outcome.suspicions)


# --- slow and endless -------------------------------------------------------------------------------------------------
LIMITS = {"exam_cpu_seconds": 2, "cell_wall_seconds": 4, "grace_seconds": 2}
SLOW = {
    "a drip": """
        import time, grading.serve
        from grading.encoder import encode_value
        def serve(connection, names):
            frame = encode_value([0.0] * 1000, None)
            while connection.recv(1 << 16):
                for place in range(len(frame)):
                    connection.sendall(frame[place : place + 1])
                    time.sleep(0.5)
        grading.serve.serve = serve
        """,
    "a drip of whole answers": """
        import time
        from grading import agent
        inner = agent.Agent.answer
        agent.Agent.answer = lambda self, request: time.sleep(0.7) or inner(self, request)
        """,
    "an attribute without end": """
        class MLPFromScratch:
            def __getattribute__(self, name):
                while True: pass
        """,
    "a class without end, that catches all": """
        class MLPFromScratch:
            def __init__(self, *a, **k):
                while True:
                    try:
                        while True: pass
                    except BaseException: pass
        """,
    "a function that sleeps": """
        import time
        class MLPFromScratch:
            def __init__(self, *a, **k): time.sleep(1000)
        """,
    "a C function without end": """
        class MLPFromScratch:
            def __init__(self, *a, **k): 7 ** (10 ** 9) // 3 ** (10 ** 8)
        """,
    "processes without end": """
        import os, time
        class MLPFromScratch:
            def __init__(self, *a, **k):
                if os.fork() == 0:
                    os.setsid()
                    while True: pass
                time.sleep(1000)
        """,
    "the kernel stopped": """
        import os, signal
        class MLPFromScratch:
            def __init__(self, *a, **k):
                os.kill(os.getppid(), signal.SIGSTOP)
                os.kill(os.getpid(), signal.SIGSTOP)
        """,
}  # fmt: skip


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("way", SLOW)
def test_slow_answers_cost_points_and_never_the_verdict(way: str) -> None:
    gains_nothing(graded(handed_in(behind=dedent(SLOW[way]), before=dedent(SLOW[way])), limits=LIMITS))


# --- from one exam to the next ----------------------------------------------------------------------------------------
@pytest.mark.usefixtures("impatient")
def test_a_daemon_left_by_an_exam_changes_no_later_one() -> None:
    code = """
        class MLPFromScratch:
            def __init__(self, *a, **k):
                daemon()
                raise ValueError
        """
    gains_nothing(graded(handed_in(DOOR + FIVE + dedent(code), solution="pass")))


@pytest.mark.usefixtures("impatient")
def test_a_daemon_that_kills_the_next_exam_s_process_costs_its_own_submission_alone() -> None:
    code = """
        import signal
        def hunt():
            me = os.getpid()
            while True:
                for name in os.listdir("/proc"):
                    if name.isdigit() and int(name) > 2 and int(name) != me:
                        try: os.kill(int(name), signal.SIGKILL)
                        except OSError: pass
                time.sleep(0.02)
        if os.fork() == 0:
            os.setsid()
            hunt()
        """
    gains_nothing(graded(handed_in(DOOR + dedent(code))))


def test_a_file_that_an_exam_wrote_holds_no_point() -> None:
    code = """
        import pickle, grading.agent
        inner = grading.agent.Agent.answer
        def answer(self, request):
            with open("asked", "ab") as file: file.write(request)
            given = inner(self, request)
            with open("given", "ab") as file: file.write(given)
            return given
        grading.agent.Agent.answer = answer
        """
    look = "import os; print(os.path.exists('asked') and open('asked', 'rb').read())"
    outcome = graded(handed_in(dedent(code), behind=look))
    gains_nothing(outcome)
    assert "MLPFromScratch" in own_output(outcome, 1)  # it was written, and says nothing of what is right


def test_replacements_of_an_exam_are_gone_after_it() -> None:
    outcome = graded(handed_in(solution=RIGHT, behind="print(MLPFromScratch.__module__, 'asked' in globals())"))
    assert scores(outcome) == {"test-mlp-activations": 6.0, "test-mlp-loss": 5.0}
    assert "__main__ False" in own_output(outcome, 0)
