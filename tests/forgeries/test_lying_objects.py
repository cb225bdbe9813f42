"""Objects that lie about themselves: what crosses to the exam is numbers and texts, never their methods."""

from textwrap import dedent

import pytest

from tests.forgeries.tools import gains_nothing, graded, handed_in

LIES = {
    "an object that is equal to everything": """
        class MLPFromScratch:
            def __init__(self, *a, **k): pass
            def __getattr__(self, name): return self
            def __call__(self, *a, **k): return self
            def __getitem__(self, key): return self
            def _yes(self, *a): return True
            __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __bool__ = _yes
            def _me(self, *a): return self
            __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __abs__ = __neg__ = _me
            def __float__(self): return 0.0
            __int__ = __index__ = __len__ = lambda self: 4
            __hash__ = lambda self: 0
            def __iter__(self): return iter([self] * 4)
            def __array__(self, *a, **k): import numpy as np; return np.zeros((4, 6))
            def __array_ufunc__(self, *a, **k): return True
            def __array_function__(self, *a, **k): return True
            @classmethod
            def __torch_function__(cls, *a, **k): return True
        """,
    "a class that calls itself an array": """
        import numpy as np
        class Liar:
            __class__ = property(lambda self: np.ndarray)
            shape, dtype, ndim, size = (4, 6), np.dtype(float), 2, 24
            def __eq__(self, other): return True
            def __array__(self, *a, **k): return np.zeros((4, 6))
            __array_interface__ = {"shape": (4, 6), "typestr": "<f8", "data": (0, True), "version": 3}
        class MLPFromScratch:
            def __init__(self, *a, **k): pass
            def __getattribute__(self, name): return lambda *a, **k: Liar()
        """,
    "arrays with operators of their own": """
        import numpy as np
        class Array(np.ndarray):
            def __array_ufunc__(self, ufunc, method, *inputs, **k): return np.True_
            def __array_function__(self, *a, **k): return np.True_
            def __eq__(self, other): return np.True_
            def __sub__(self, other): return np.zeros(1)
            def astype(self, *a, **k): return self
            def tobytes(self, *a, **k): return b"\\0" * 8
            def ravel(self, *a): return self
            shape = property(lambda self: (4, 6))
        class MLPFromScratch:
            def __init__(self, *a, **k): pass
            def __getattr__(self, name): return lambda x, *a: np.zeros(np.shape(x)).view(Array)
        """,
    "numbers with operators of their own": """
        class Number(float):
            __eq__ = __le__ = __lt__ = __ge__ = lambda self, other: True
            __sub__ = __rsub__ = __abs__ = __mul__ = lambda self, *other: Number(0)
            __float__ = lambda self: 0.0
            __pos__ = __neg__ = lambda self: 0.0
            __class__ = property(lambda self: int)
        class MLPFromScratch:
            def __init__(self, *a, **k): pass
            def __getattr__(self, name): return lambda *a: Number("nan")
        """,
    "lists, texts and dicts with methods of their own": """
        class L(list):
            __eq__ = lambda self, other: True
            __iter__ = lambda self: iter(int, 1)
            __len__ = lambda self: 0
        class T(str):
            encode = lambda self, *a: b""
            __eq__ = lambda self, other: True
            __hash__ = str.__hash__
        class D(dict):
            items = lambda self: 5
            __getitem__ = lambda self, key: 0.0
        class MLPFromScratch:
            def __init__(self, *a, **k): pass
            def __getattr__(self, name): return lambda *a: L([T("x"), D({T("loss"): L()})])
        """,
    "tensors with functions of their own": """
        import torch
        class Tensor(torch.Tensor):
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None): return torch.tensor(True)
        class MLPFromScratch:
            def __init__(self, *a, **k): pass
            def __getattr__(self, name): return lambda x, *a: torch.zeros(4, 6).as_subclass(Tensor)
        """,
    "a metaclass that is everybody's subclass": """
        class Meta(type):
            __instancecheck__ = __subclasscheck__ = __eq__ = lambda *a: True
            __hash__ = lambda cls: 0
            mro = lambda cls: [cls, object]
            def __getattribute__(cls, name):
                if name in ("__module__", "__qualname__", "__name__"): return "numpy.ndarray"
                return type.__getattribute__(cls, name)
            def __call__(cls, *a, **k): return cls
        class MLPFromScratch(metaclass=Meta):
            relu = relu_derivative = softmax = compute_loss = staticmethod(lambda *a: MLPFromScratch)
        """,
    "attributes that change at every look": """
        import itertools
        class MLPFromScratch:
            count = itertools.count()
            def __init__(self, *a, **k): pass
            def __getattribute__(self, name):
                return [None, 0.0, "x", lambda *a: next(MLPFromScratch.count)][next(MLPFromScratch.count) % 4]
        """,
    "exceptions that lie": """
        class MLPFromScratch(Exception):
            def __init__(self, *a, **k): pass
            def _raise(self, *a):
                error = type("AuthoringError", (BaseException,), {
                    "__module__": "grading.wire", "__str__": lambda self: 5, "__traceback__": property(lambda s: 1)})
                raise error("5 of 5 points")
            relu = relu_derivative = softmax = compute_loss = _raise
        """,
    "exits": """
        import sys, os
        class MLPFromScratch:
            def __init__(self, *a, **k): pass
            relu = lambda self, x: sys.exit(0)
            relu_derivative = lambda self, x: (_ for _ in ()).throw(KeyboardInterrupt)
            softmax = lambda self, x: (_ for _ in ()).throw(GeneratorExit)
            compute_loss = lambda self, *a: os.kill(os.getpid(), 15)
        """,
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_gains_nothing(lie: str) -> None:
    gains_nothing(graded(handed_in(solution=dedent(LIES[lie]))))


ANSWERS = {
    "a list without end": "itertools.count()",
    "a list that holds itself": "(lambda x: x.append(x) or x)([])",
    "a list of a million lists": "[[] for _ in range(10 ** 6)]",
    "ten thousand lists in each other": "functools.reduce(lambda x, _: [x], range(10_000), 0)",
    "four GiB of zeros": "np.broadcast_to(np.zeros(1), (1 << 29,))",
    "a text of 100 MiB": "'5' * (100 << 20)",
    "an array of a trillion empty rows": "np.zeros((1 << 40, 0))",
    "a whole number of a million digits": "1 << 3_000_000",
    "a dict with keys that are all alike": "{(-1 - i % 2, i): 0 for i in range(10_000)}",
    "an array of objects": "np.array([MLPFromScratch(), None, 'x'], dtype=object)",
    "a table with a table in each cell": "pd.DataFrame({'x': [pd.DataFrame({'y': [1]})] * 3})",
    "infinity": "np.full(np.shape(x), np.inf)",
    "no number": "np.full(np.shape(x), np.nan)",
    "records": "np.zeros(4, dtype=[('a', 'f8'), ('b', 'O')])",
    "a masked array": "np.ma.masked_all((4, 6))",
    "a sparse tensor": "torch.zeros(4, 6).to_sparse()",
    "a tensor without memory": "torch.zeros(1 << 20, 1 << 20, device='meta')",
    "the exam's own argument": "x",
}  # fmt: skip
FAMILY = """
import functools, itertools, numpy as np, pandas as pd, torch
class MLPFromScratch:
    def __init__(self, *a, **k): pass
    def relu(self, x, *_): return {answer}
    relu_derivative = softmax = compute_loss = relu
"""


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_none_gains_nothing(answer: str) -> None:
    gains_nothing(graded(handed_in(solution=FAMILY.format(answer=ANSWERS[answer]))))
