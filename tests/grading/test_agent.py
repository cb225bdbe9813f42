"""The student's side: what it answers, whatever the student's code does."""

import sys
import textwrap

import pytest

from grading.agent import Agent
from grading.decoder import decode_answer
from grading.wire import AuthoringError, Opaque, Raised, encode_request

CODE = """
class Rude(Exception):
    def __str__(self): raise self
class Odd(Exception):
    __traceback__ = property(lambda self: 1 / 0)
    def __str__(self): return 7
class Meta(type):
    __name__ = property(lambda cls: 1 / 0)
    def __getattribute__(cls, name): raise SystemExit
class Strange(metaclass=Meta): pass
class Lazy:
    def __getattr__(self, name): raise KeyboardInterrupt(name)

def rude(): raise Rude()
def odd(): raise Odd()
def strange(): return Strange()
def leave(): raise SystemExit("bye")
def deep(): return deep()
def hungry(): raise MemoryError
def chatty(): raise ValueError("x" * 10**6 + "\\x1b[31m")
def numbers():
    i = 0
    while True:
        yield i
        i += 1
class Net:
    def forward(self, x):
        return x + "one"
net, lazy, shared = Net(), Lazy(), [Net()]
"""


@pytest.fixture
def namespace():
    namespace = {"__name__": "__main__"}
    exec(CODE, namespace)
    return namespace


@pytest.fixture
def ask(namespace):
    agent = Agent(namespace)

    def ask(*request):
        data = encode_request(request, lambda obj: obj.id if isinstance(obj, Opaque) else None)
        return decode_answer(agent.answer(data), lambda opaque: opaque)

    return ask


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("rude", "Rude", "(an exception that can't be printed)"),
        ("odd", "Odd", "(an exception that can't be printed)"),
        ("leave", "SystemExit", "bye"),
        ("hungry", "MemoryError", ""),
    ],
)
def test_every_exception_is_answered(ask, name, kind, text):
    came = ask("call", ask("name", name), (), {})
    assert (came.kind, came.text, came.where) == (kind, text, name)


def test_recursion_and_long_texts(ask):
    assert ask("call", ask("name", "deep"), (), {}).kind == "RecursionError"
    assert len(ask("call", ask("name", "chatty"), (), {}).text) == 300


def test_line_and_function_are_the_students_own(ask):
    came = ask("call", ask("get", ask("name", "net"), "forward"), (1,), {})
    line = textwrap.dedent(CODE).splitlines().index('        return x + "one"') + 1
    assert (came.kind, came.line, came.where) == ("TypeError", line, "Net.forward")
    assert ask("get", ask("name", "net"), "missing") == Raised(
        "AttributeError", "'Net' object has no attribute 'missing'"
    )
    assert ask("name", "missing") == Raised("NameError", "the notebook does not define `missing`")


def test_objects_are_not_asked_what_they_are(ask):
    assert ask("call", ask("name", "strange"), (), {}).classes == ("__main__.Strange", "builtins.object")
    assert ask("get", ask("name", "lazy"), "anything").kind == "KeyboardInterrupt"


def test_same_object_same_reference(ask):
    net = ask("name", "net")
    assert ask("name", "net") == net
    assert ask("name", "shared")[0] != net
    assert ask("value", net) == net


def test_the_other_operations(ask, namespace):
    net = ask("name", "net")
    assert ask("set", net, "W", [1, 2]) is None
    assert namespace["net"].W == [1, 2]
    put = ask("put", [1, 2, 3])
    assert isinstance(put, Opaque)
    assert (ask("value", put), ask("size", put), ask("item", put, 1)) == ([1, 2, 3], 3, 2)
    assert ask("items", ask("call", ask("name", "numbers"), (), {}), 3) == [0, 1, 2]
    math = ask("library", "math")
    assert ask("call", ask("get", math, "floor"), (2.5,), {}) == 2
    assert ask("library", "no.such").kind == "ModuleNotFoundError"
    assert ask("nonsense").kind == "KeyError"


def test_modules_are_fresh_and_not_to_be_found(ask):
    source = "import math\nlog = []\ndef area(r): return math.pi * r * r"
    first, second = ask("load", "hidden", source), ask("load", "hidden", source)
    assert first != second
    assert ask("call", ask("get", first, "area"), (1,), {}) == pytest.approx(3.14159, abs=1e-4)
    assert "hidden" not in sys.modules
    assert ask("load", "hidden", "1 +").kind == "SyntaxError"


def test_replacements_are_undone(ask, namespace):
    before = dict(namespace)
    ask("replace", "net", ask("name", "leave"))
    ask("replace", "net", 3)
    ask("replace", "new", 4)
    assert (namespace["net"], namespace["new"]) == (3, 4)
    ask("restore")
    assert namespace == before
    ask("restore")


def test_no_code_of_the_exams_side(namespace):
    with pytest.raises(AuthoringError):
        Agent(namespace).answer(b"cgrading.judge\nok\n.")
    answer = decode_answer(Agent(namespace).answer(b"garbage"), lambda opaque: opaque)
    assert isinstance(answer, Raised)
