"""Judging answers: type, then shape, then finite, then value, and a message that teaches.

Every function here takes what a student's side answered, which may be anything, and either returns it in a
form that can be computed with or raises `Fail`. A message says what was asked, what came and where to look;
it never holds the expected values. No comparison here can be passed by NaN.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from grading.handle import is_ref, type_name
from grading.wire import printable

Shape = Sequence[int | None]


class Fail(Exception):  # noqa: N818 (a verdict on an answer)
    """An answer that loses the points of its idea.

    Attributes
    ----------
    expected, came, hint : str
        What was asked, what the student's code did, where to look; printable, for the student.
    """

    def __init__(self, expected: str, came: str, hint: str = "") -> None:
        self.expected, self.came, self.hint = printable(expected), printable(came), printable(hint)
        super().__init__(f"expected {self.expected}; came {self.came}")


def ok(condition: Any, *, expected: str, came: Any, hint: str = "") -> None:
    """Raise `Fail` unless `condition` is a true bool, Python's or NumPy's. `came` is described."""
    if not (type(condition) in (bool, np.bool_) and bool(condition)):
        raise Fail(expected, came if type(came) is str else describe(came), hint)


def array(answer: Any, what: str, *, shape: Shape | None = None, hint: str = "") -> np.ndarray:
    """Return an array of numbers as float64, of any shape.

    Parameters
    ----------
    answer
        Array, tensor, Series, number, or list or tuple of them.
    what
        What it is, for the message: "the output of forward".
    shape
        What it has to be, None for any length of a dimension.

    Raises
    ------
    Fail
        If it is of another type or shape, or holds NaN or infinity.
    """
    values = _numbers(answer, f"{what}, an array of numbers", hint)
    if shape is not None and not _fits(values.shape, shape):
        raise Fail(f"{what} of shape {_show_shape(shape)}", describe(answer), hint)
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise Fail(f"{what} without NaN or infinity", f"{values[place]}{_at(place)}", hint)
    return values


def integers(answer: Any, what: str, *, shape: Shape | None = None, hint: str = "") -> np.ndarray:
    """Return an array of whole numbers as int64; whole-valued floats are fine. Else as `array`."""
    values = array(answer, what, shape=shape, hint=hint)
    wrong = (values != np.round(values)) | (np.abs(values) > 2**53)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise Fail(f"{what} as whole numbers", f"{values[place]:.6g}{_at(place)}", hint)
    return values.astype(np.int64)


def number(answer: Any, what: str, *, hint: str = "") -> float:
    """Return one finite number: a scalar, or an array or tensor of one element. A bool is none.

    Raises
    ------
    Fail
        For anything else.
    """
    if isinstance(answer, (bool, np.bool_, list, tuple)):
        raise Fail(f"{what}, one number", describe(answer), hint)
    values = _numbers(answer, f"{what}, one number", hint)
    if values.size != 1:
        raise Fail(f"{what}, one number", describe(answer), hint)
    if not np.isfinite(values).all():
        raise Fail(f"{what}, a finite number", f"{float(values.reshape(()))}", hint)
    return float(values.reshape(()))


def close(
    actual: Any,
    desired: Any,
    what: str,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    hint: str = "",
) -> None:
    """Raise `Fail` unless an answer equals trusted values of its shape up to ``atol + rtol * |desired|``.

    Parameters
    ----------
    actual
        The answer, as for `array`.
    desired
        The trusted values.
    rtol, atol
        By default `tolerance` of the answer, and a thousandth of that.
    """
    rtol = tolerance(actual) if rtol is None else rtol
    atol = rtol * 1e-3 if atol is None else atol
    wanted = np.asarray(_plain(desired), dtype=np.float64)
    if not np.isfinite(wanted).all():
        raise ValueError("the trusted values are not finite")
    values = array(actual, what, shape=wanted.shape, hint=hint)
    near = np.abs(values - wanted) <= atol + rtol * np.abs(wanted)
    if not near.all():
        place = tuple(int(i) for i in np.argwhere(~near)[0])
        count = f"{int((~near).sum())} of {near.size} values differ, first{_at(place)}, " if near.ndim else ""
        error = relative_error(values, wanted)
        raise Fail(f"{what} up to a relative error of {rtol:.0e}", f"{count}largest relative error {error:.2g}", hint)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of the angle between two vectors (n,), float64; 0 where one of them is 0."""
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))


def relative_error(a: Any, b: Any) -> float:
    """Return the largest difference of two arrays over their largest magnitude; NaN if either holds NaN.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    a, b = (np.asarray(_plain(x), dtype=np.float64) for x in (a, b))
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} differ")
    if a.size == 0:
        return 0.0
    return float(np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max(), 1e-12))


def tolerance(dtype: Any) -> float:
    """Return the relative error to allow, by a dtype or a value: 1e-5 in float64, else 1e-3."""
    if isinstance(dtype, (list, tuple)):
        return tolerance(dtype[0]) if dtype else 1e-5
    known = is_ref(dtype) or isinstance(dtype, type)  # np.float32 has a `dtype` too, which is none
    found = dtype if known else getattr(dtype, "dtype", dtype)
    name = found.__name__ if isinstance(found, type) else str(found)
    return 1e-3 if name.removeprefix("torch.") in ("float32", "float16", "bfloat16") else 1e-5


def frame(answer: Any, what: str, *, columns: Iterable[str] = (), hint: str = "") -> Any:
    """Return a pandas DataFrame that has at least the given columns.

    Raises
    ------
    Fail
        If it is something else or lacks a column.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(answer, pandas.DataFrame):
        raise Fail(f"{what}, a plain DataFrame", describe(answer), hint)
    missing = [name for name in columns if name not in list(answer.columns)]
    if missing:
        raise Fail(f"{what} with the columns {', '.join(columns)}", f"no column {', '.join(missing)}", hint)
    return answer


def describe(x: Any) -> str:
    """Return in a few words what an answer is: its type and shape, or a short value."""
    if x is None:
        return "None (is a return missing?)"
    if is_ref(x):
        return f"an object of type {type_name(x)}"
    if isinstance(x, (bool, int, float, np.generic)):
        return f"{x!s} ({type(x).__name__})"
    if isinstance(x, str):
        return f"the text {printable(x, 60)!r}"
    if isinstance(x, np.ndarray) or _is_tensor(x):
        kind = "a tensor" if _is_tensor(x) else "an array"
        return f"{kind} of shape {_show_shape(tuple(x.shape))} and type {str(x.dtype).removeprefix('torch.')}"
    if type(x).__name__ == "DataFrame":
        return f"a DataFrame with the columns {printable(', '.join(map(str, list(x.columns)[:20])), 200)}"
    if isinstance(x, (list, tuple, dict)) or type(x).__name__ == "Series":
        return f"a {type(x).__name__} of {len(x)}"
    return f"an object of type {type(x).__name__}"


def _numbers(answer: Any, asked: str, hint: str) -> np.ndarray:
    """Return an array of bools, integers or floats, whichever came."""
    try:
        values = np.asarray(_plain(answer))
    except (TypeError, ValueError, OverflowError):  # ragged lists, references within
        mixed = " with other things in it" if isinstance(answer, (list, tuple)) else ""
        raise Fail(asked, f"{describe(answer)}{mixed}", hint) from None
    if values.dtype.kind not in "biuf":
        raise Fail(asked, describe(answer), hint)
    return values


def _plain(x: Any) -> Any:
    """Return tensors as arrays, in lists and tuples as well."""
    if _is_tensor(x):
        return x.detach().cpu().numpy()
    if type(x) in (list, tuple):
        return [_plain(y) for y in x]
    if is_ref(x):
        raise TypeError("a reference is no number")
    return x


def _is_tensor(x: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def _fits(shape: tuple[int, ...], asked: Shape) -> bool:
    return len(shape) == len(asked) and all(n is None or m == n for m, n in zip(shape, asked, strict=True))


def _show_shape(shape: Shape) -> str:
    inner = ", ".join("any" if n is None else str(n) for n in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def _at(place: tuple[int, ...]) -> str:
    return f" at index {place[0] if len(place) == 1 else place}" if place else ""
