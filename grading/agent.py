"""The student's side: answers one request after another about a namespace.

The agent holds the student's objects, acts on them as asked and describes what came of it. It decides nothing
about points, and whatever the student's code does ends up as an answer: a value, a reference or an exception.
"""

import contextlib
import importlib
import itertools
import signal
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

from grading.encoder import encode_raised, encode_reference, encode_value
from grading.wire import AuthoringError, Opaque, Raised, decode_request, printable

_MISSING = object()
_TRACEBACK: Any = BaseException.__dict__["__traceback__"]


class Agent:
    """Answers requests about a student's namespace.

    Parameters
    ----------
    namespace
        The globals of the student's code. Only `replace` changes it, until `restore`.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._originals: dict[str, Any] = {}

    def answer(self, request: bytes) -> bytes:
        """Do what an encoded request asks for and return the encoded answer.

        Raises
        ------
        AuthoringError
            If the request names code of an exam. Nothing else, whatever the student's code raises.
        """
        try:
            op, *arguments = decode_request(request, self._objects.__getitem__)
        except AuthoringError:
            raise
        except BaseException as error:
            return encode_raised(describe(error, self._namespace))
        try:
            result = _OPERATIONS[op](self, *arguments)
            if op in _REFERRING:
                return encode_reference(self.refer(result))
            return encode_value(result, self.refer)
        except BaseException as error:  # SystemExit and KeyboardInterrupt of the student's code as well
            return encode_raised(describe(error, self._namespace))

    def refer(self, obj: Any) -> Opaque:
        """Return the reference to an object, the same for the same object. The agent keeps it alive."""
        number = self._numbers.setdefault(id(obj), len(self._objects))
        if number == len(self._objects):
            self._objects.append(obj)
        return Opaque(number, tuple(map(_class_name, _mro(type(obj)))), callable(obj))

    def _get(self, owner: Any, name: str) -> Any:
        return getattr(owner, name)

    def _get_name(self, name: str) -> Any:
        if name not in self._namespace:
            raise NameError(f"the notebook does not define `{name}`")
        return self._namespace[name]

    def _set(self, owner: Any, name: str, value: Any) -> None:
        setattr(owner, name, value)

    def _call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return function(*args, **kwargs)

    def _same(self, obj: Any) -> Any:
        return obj

    def _item(self, obj: Any, key: Any) -> Any:
        return obj[key]

    def _items(self, obj: Any, limit: int) -> list[Any]:
        return list(itertools.islice(obj, limit))

    def _size(self, obj: Any) -> int:
        return len(obj)

    def _library(self, name: str) -> Any:
        return importlib.import_module(name)

    def _load(self, name: str, source: str) -> types.ModuleType:
        # Not in sys.modules: the student's code has no business with it, and the next exam gets a fresh one.
        module = types.ModuleType(name)
        exec(compile(source, f"<{name}>", "exec"), module.__dict__)
        return module

    def _replace(self, name: str, value: Any) -> None:
        self._originals.setdefault(name, self._namespace.get(name, _MISSING))
        self._namespace[name] = value

    def _restore(self) -> None:
        while self._originals:
            name, original = self._originals.popitem()
            if original is _MISSING:
                self._namespace.pop(name, None)
            else:
                self._namespace[name] = original


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "name": Agent._get_name,
    "get": Agent._get,
    "set": Agent._set,
    "call": Agent._call,
    "put": Agent._same,
    "value": Agent._same,
    "item": Agent._item,
    "items": Agent._items,
    "size": Agent._size,
    "library": Agent._library,
    "load": Agent._load,
    "replace": Agent._replace,
    "restore": Agent._restore,
}
_REFERRING = frozenset({"put", "library", "load"})


class InProcess:
    """A transport without a wire: the agent lives here. A real interrupt still ends the exam."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._agent = Agent(namespace)

    def __call__(self, request: bytes) -> bytes:
        """Answer a request."""
        with _interrupts() as pending:
            answer = self._agent.answer(request)
        if pending:
            raise KeyboardInterrupt
        return answer


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Take note of SIGINT, which to the agent looks like a KeyboardInterrupt of the student's code."""
    pending: list[int] = []

    def note(number: int, frame: types.FrameType | None) -> None:
        pending.append(number)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield pending
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield pending
    finally:
        signal.signal(signal.SIGINT, before)


def describe(error: BaseException, namespace: dict[str, Any]) -> Raised:
    """Return what may be told of an exception.

    Parameters
    ----------
    namespace
        The globals of the student's code: the innermost frame that runs in it gives line and function.
    """
    line, where = None, None
    trace = _TRACEBACK.__get__(error)  # the attribute could be a property of the student's
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals is namespace:
            line, where = trace.tb_lineno, frame.f_code.co_qualname
        trace = trace.tb_next
    return Raised(printable(_name(type(error)), 100), printable(_text(error)), line, where)


def _text(error: BaseException) -> str:
    try:
        text = str(error)
        return text if type(text) is str else str.__str__(text)
    except BaseException:  # the student's own exceptions have a `__str__` of their own
        return "(an exception that can't be printed)"


def _name(cls: type) -> str:
    return type.__dict__["__name__"].__get__(cls)


def _mro(cls: type) -> tuple[type, ...]:
    return type.__dict__["__mro__"].__get__(cls)


def _class_name(cls: type) -> str:
    """Return module and qualified name, without running a metaclass of the student's."""
    module, name = (type.__dict__[what].__get__(cls) for what in ("__module__", "__qualname__"))
    return printable(f"{module}.{name}" if type(module) is str else name, 200)
