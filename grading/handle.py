"""The exam's side: a student's namespace that can be asked for values, and references to the rest.

In one process or in two, every request is encoded and every answer decoded, so that an exam sees the same
copies, references and errors either way. What an answer says is a claim; what an exam computes from it is its
own.
"""

import contextlib
import inspect
import types
from collections.abc import Callable
from typing import Any, NoReturn

from grading.agent import InProcess
from grading.decoder import decode_answer
from grading.excerpt import excerpt
from grading.wire import AuthoringError, Opaque, Raised, UnreadableError, encode_request

Transport = Callable[[bytes], bytes]
MAX_RECEIVED = 256 << 20


class StudentError(Exception):
    """An exception on the student's side.

    Attributes
    ----------
    kind, text : str
        Name of its type and its message, printable.
    line, where : int or None, str or None
        Line in the cell and function of the student's code; None where none of it was running.
    """

    def __init__(self, kind: str, text: str, line: int | None = None, where: str | None = None) -> None:
        super().__init__(f"{kind}: {text}" if text else kind)
        self.kind, self.text, self.line, self.where = kind, text, line, where


class SessionLostError(BaseException):
    """The student's side answers no more: it died, ran out of its time or talked beyond all bounds.

    No `Exception`, as a limit on time may strike anywhere: nothing that an exam or a decoder catches may stop it.
    """


class Session:
    """One exam's conversation with one student's side.

    Parameters
    ----------
    transport
        Takes an encoded request, returns the encoded answer; raises `SessionLostError` when there is none.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._received = 0

    def ask(self, *request: Any) -> Any:
        """Send ``(op, …)`` and return the answer: a value or a `Ref`.

        Raises
        ------
        StudentError
            If answering raised an exception over there.
        UnreadableError
            If the answer is outside the format.
        SessionLostError
            If none came.
        AuthoringError
            If the request can't be sent.
        """
        frame = self._transport(encode_request(request, self._identify))
        self._received += len(frame)
        if self._received > MAX_RECEIVED:
            raise SessionLostError("the answers take too much memory")
        answer = decode_answer(frame, lambda opaque: Ref(self, opaque))
        if isinstance(answer, Raised):
            raise StudentError(answer.kind, answer.text, answer.line, answer.where)
        return answer

    def _identify(self, obj: Any) -> int | None:
        if type(obj) is not Ref:
            return None
        session, opaque = _parts(obj)
        if session is not self:
            raise AuthoringError("a reference belongs to the session that it came from")
        return opaque.id


class Student:
    """A student's namespace. ``student.name`` is a copy of a value, or a `Ref` to what can't be copied.

    Reading a name that the notebook does not define raises a `StudentError` of kind NameError.
    A context manager: leaving it undoes the replacements.
    """

    def __init__(self, session: Session) -> None:
        object.__setattr__(self, "_session", session)

    _session: Session

    def __getattr__(self, name: str) -> Any:
        if _is_dunder(name):
            raise AttributeError(name)
        return self._session.ask("name", name)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AuthoringError(f"use student.replace({name!r}, …), which is undone after the exam")

    def replace(self, name: str, stand_in: Any) -> None:
        """Bind a name of the notebook to a value or a reference's object until `close`."""
        self._session.ask("replace", name, stand_in)

    def load(self, module: types.ModuleType, *names: str) -> "Ref":
        """Run the source of a module over there and return the fresh module that it makes.

        Such a module is plain source: it imports what it needs and nothing of `grading`, and holds no
        answers. Whatever is sent may be read over there and kept: with `names`, only these functions and classes are,
        and what they use.
        """
        try:
            source = inspect.getsource(module)
            source = excerpt(source, names) if names else source
        except (OSError, TypeError, LookupError) as error:
            raise AuthoringError(f"{module.__name__} has no source to send: {error}") from error
        return self._session.ask("load", module.__name__.rpartition(".")[2], source)

    def put(self, value: Any) -> "Ref":
        """Send a value and return the reference to it, to pass it on and to look at it again afterwards."""
        return self._session.ask("put", value)

    def library(self, name: str) -> "Ref":
        """Return the module of that name as it is over there."""
        return self._session.ask("library", name)

    def close(self) -> None:
        """Undo the replacements, if the other side still answers."""
        # It may answer garbage just now; the exam is over, and nothing depends on it any more.
        with contextlib.suppress(Exception, SessionLostError):
            self._session.ask("restore")

    def __enter__(self) -> "Student":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _misuse(doing: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(self: "Ref", *_: object) -> NoReturn:
        raise TypeError(f"{doing} {self!r}, which stays on the student's side: {instead}")

    return refuse


class Ref:
    """An object that stays on the student's side: attributes can be read and set, and it can be called.

    Reading and calling give a copy of a value or another `Ref`. Arguments may hold values and references
    anywhere inside. It can't be compared, hashed, counted, iterated, copied or turned into a number or truth
    value.
    """

    __slots__ = ("_remote",)
    _remote: tuple[Session, Opaque]

    def __init__(self, session: Session, opaque: Opaque) -> None:
        object.__setattr__(self, "_remote", (session, opaque))

    def __getattr__(self, name: str) -> Any:
        if _is_dunder(name):  # NumPy and copy ask every object for these
            raise AttributeError(name)
        session, _ = _parts(self)
        return session.ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        session, _ = _parts(self)
        session.ask("set", self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the object over there."""
        session, _ = _parts(self)
        return session.ask("call", self, args, kwargs)

    def __repr__(self) -> str:
        _, opaque = _parts(self)
        return f"<Ref {opaque.id}: {type_name(self)}>"

    __eq__ = _misuse("can't compare", "fetch what is to be compared, or use same(a, b)")
    __ne__ = _misuse("can't compare", "fetch what is to be compared, or use same(a, b)")
    __hash__ = _misuse("can't hash", "keep references in lists")
    __bool__ = _misuse("no truth value for", "use is_a or fetch a value")
    __float__ = __int__ = __index__ = __complex__ = _misuse("can't make a number of", "fetch a value")
    __len__ = _misuse("no length of", "use size(ref)")
    __iter__ = _misuse("can't iterate over", "use items(ref, limit)")
    __contains__ = _misuse("can't look into", "use items(ref, limit)")
    __copy__ = __deepcopy__ = __reduce_ex__ = _misuse("can't copy", "use value(ref)")


def in_process(namespace: dict[str, Any]) -> Student:
    """Return the handle of a namespace in this process, for stock nbgrader and for tests of exams."""
    return Student(Session(InProcess(namespace)))


def value(ref: Any) -> Any:
    """Return a copy of what a reference points to; a `Ref` again if it has none. Values pass through."""
    return _session(ref).ask("value", ref) if type(ref) is Ref else ref


def size(ref: Any) -> int:
    """Return ``len`` of what a reference points to, or of a value."""
    found = _session(ref).ask("size", ref) if type(ref) is Ref else len(ref)
    if type(found) is not int or found < 0:
        raise UnreadableError("a size is a whole number")
    return found


def items(ref: Any, limit: int) -> list[Any]:
    """Return the first `limit` items of what a reference points to, or of a value; never more."""
    found = _session(ref).ask("items", ref, limit) if type(ref) is Ref else ref
    return list(found)[:limit]


def item(ref: Any, key: Any) -> Any:
    """Return ``ref[key]`` over there, or of a value."""
    return _session(ref).ask("item", ref, key) if type(ref) is Ref else ref[key]


def is_a(x: Any, name: str) -> bool:
    """Say whether a class of that full name (module and class) is among the classes of an object.

    The names of a reference's classes are what its side says: back them by behaviour.
    """
    return name in class_names(x)


def is_ref(x: Any) -> bool:
    """Say whether something stays on the student's side."""
    return type(x) is Ref


def is_callable(x: Any) -> bool:
    """Say whether something is a reference that can be called."""
    return type(x) is Ref and _parts(x)[1].can_call


def same(a: Any, b: Any) -> bool:
    """Say whether two references mean the same object. Values are copies, never the same."""
    return type(a) is Ref and type(b) is Ref and _parts(a)[1].id == _parts(b)[1].id


def class_names(x: Any) -> tuple[str, ...]:
    """Return the full names of an object's class and its bases, nearest first."""
    if type(x) is Ref:
        return _parts(x)[1].classes
    return tuple(f"{cls.__module__}.{cls.__qualname__}" for cls in type(x).__mro__)


def type_name(x: Any) -> str:
    """Return the short name of an object's class, for messages."""
    return next(iter(class_names(x)), "object").rpartition(".")[2]


def _parts(ref: Ref) -> tuple[Session, Opaque]:
    return object.__getattribute__(ref, "_remote")


def _session(ref: Ref) -> Session:
    return _parts(ref)[0]


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
