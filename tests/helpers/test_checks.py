"""Self-checks: three outcomes, never an exception, and hints that open one by one."""

import re

import pytest

from helpers.checks import part1
from helpers.checks.selfcheck import NOT_ATTEMPTED, NOT_YET, PASSED, Checks, NotYet, expect
from tests.samples import exchange, namespace, read_cells, solution_cells
from tests.samples.part1.classroom import RIGHT

REFERENCE = solution_cells("source", "part1")
NAMES = list(part1.checks)


@pytest.fixture(scope="module")
def data():
    """Names that the notebook's own cells define before the tasks."""
    import numpy as np

    rng = np.random.default_rng(0)
    X, y = rng.random((40, 784)), np.arange(40) % 10
    return {"X_train": X, "y_train": y, "X_val": X[:10], "y_val": y[:10]}


def filled(cells, data):
    """Run solution cells and add the data: their functions look names up there."""
    names = namespace("part1", cells)
    names.update(data)
    return names


def outcome(capsys, name, names):
    part1.check(name, names)
    return capsys.readouterr().out


@pytest.mark.parametrize("style", ["reference", "rows", "loops", "columns"])
def test_right_solutions_pass_every_check(style, data, capsys):
    cells = REFERENCE if style == "reference" else {**REFERENCE, **read_cells(RIGHT / f"{style}.py")}
    names = filled(cells, data)
    for name in NAMES:
        assert PASSED in outcome(capsys, name, names)


@pytest.mark.parametrize("name", NAMES)
def test_stubs_are_not_attempted(name, data, capsys):
    names = filled(solution_cells("release", "part1"), data)
    assert NOT_ATTEMPTED in outcome(capsys, name, names)


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_that_has_not_run_is_not_attempted(name, capsys):
    text = outcome(capsys, name, {})
    assert NOT_ATTEMPTED in text
    assert "run its cell first" in text


def test_methods_are_checked_one_by_one(data, capsys):
    """`softmax` can be checked before `__init__` is written."""
    stub, done = solution_cells("release", "part1")["mlp-from-scratch"], REFERENCE["mlp-from-scratch"]
    methods = re.split(r"(?=^    def )", done, flags=re.M)
    kept = [m for m in methods if re.match(r"    def (relu|relu_derivative|softmax|compute_loss)\(", m)]
    header = stub[: stub.index("    def relu(")]
    names = filled({**REFERENCE, "mlp-from-scratch": header + "".join(kept)}, data)
    assert PASSED in outcome(capsys, "mlp-activations", names)
    assert PASSED in outcome(capsys, "mlp-loss", names)
    assert NOT_ATTEMPTED in outcome(capsys, "mlp-init", names)


MISTAKES = [
    ("mlp-init", "np.sqrt(2 / n_in)", "np.sqrt(1 / n_in)", "√(2/300)"),
    ("mlp-activations", "(x > 0)", "(x >= 0)", "At 0 we agreed on 0"),
    ("mlp-activations", "np.exp(x - x.max(axis=1, keepdims=True))", "np.exp(x)", "overflows"),
    ("mlp-activations", "x.max(axis=1, keepdims=True)", "x.max()", "its own maximum"),
    ("mlp-forward", "self.a1 @ self.W2.T + self.b2", "self.a1 @ self.W2.T", "`b2` to count"),
    ("mlp-loss", "+ 1e-8).mean()", "+ 1e-8).sum()", "0.916 would be the sum"),
    ("mlp-backward", "delta2 /= n_samples", "delta2 = delta2 * 1", "6 times too long"),
    ("mlp-backward", "+ velocity)", "- velocity)", "points uphill"),
    ("mlp-momentum", "velocity = momentum *", "velocity = 0 *", "plus 0.00 times"),
    (
        "mlp-train",
        "range(0, len(order), batch_size)",
        "range(0, len(order) - batch_size + 1, batch_size)",
        "short last",
    ),
    ("mlp-train", "y_train[batch]", "y_train[start : start + batch_size]", "its own label"),
    ("mlp-predict", "argmax(axis=1)", "argmax(axis=0)", "shape"),
]


@pytest.mark.parametrize(("name", "old", "new", "said"), MISTAKES)
def test_a_mistake_is_named(name, old, new, said, data, capsys):
    names = filled(exchange(REFERENCE, "mlp-from-scratch", (old, new)), data)
    text = outcome(capsys, name, names)
    assert NOT_YET in text
    assert said in text


def test_calls_by_keyword_are_fine(data, capsys):
    keyword = ("self.backward(X_batch, y_batch)", "self.backward(X=X_batch, y_true=y_batch)")
    names = filled(exchange(REFERENCE, "mlp-from-scratch", keyword), data)
    assert PASSED in outcome(capsys, "mlp-train", names)


class Hostile:
    """An object that answers nothing well."""

    def __getattr__(self, name):
        raise RuntimeError("no")

    def __call__(self, *_, **__):
        raise SystemExit(3)


@pytest.mark.parametrize(
    "value", [None, 5, "text", Hostile(), lambda *_, **__: None], ids=["none", "int", "str", "hostile", "lambda"]
)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_a_notebook_defines_makes_a_check_raise(name, value, data, capsys):
    names = {needed: value for check in part1.checks._checks.values() for needed in check.needs}
    text = outcome(capsys, name, {**names, **data})
    assert NOT_YET in text or NOT_ATTEMPTED in text


def test_an_unknown_name_lists_the_known_ones(capsys):
    part1.check("mlp-forwards")
    assert "mlp-forward" in capsys.readouterr().out
    part1.hint("mlp-forwards")
    assert "mlp-forward" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_hints_open_one_by_one(name, capsys):
    part1.checks._hints_open.clear()
    count = len(part1.checks._checks[name].hints)
    assert count >= 1
    for number in range(1, count + 1):
        part1.hint(name)
        text = capsys.readouterr().out
        assert f"hint {number} of {count}" in text
        assert ("again for the next" in text) == (number < count)


def test_names_are_looked_up_where_the_check_is_called(capsys):
    checks = Checks()

    @checks.add("twice", needs=("REFERENCE",), hints=("none",))
    def twice(names):
        expect(names["REFERENCE"] is REFERENCE, "this module's names", "others", "here")

    checks.check("twice")
    assert PASSED in capsys.readouterr().out


def test_an_exception_names_function_and_line(data, capsys):
    names = filled(exchange(REFERENCE, "mlp-from-scratch", ("return self.a2", "return self.a3")), data)
    text = outcome(capsys, "mlp-forward", names)
    assert "AttributeError" in text
    assert re.search(r"in `forward`, line \d+ of its cell", text)


def test_a_condition_may_be_an_array_a_list_or_a_bool():
    import numpy as np

    expect(np.array([True, True]), "", "", "")
    expect([np.zeros(2), np.zeros(3)], "", "", "")
    for nothing in (np.array([True, False]), [], False):
        with pytest.raises(NotYet):
            expect(nothing, "", "", "")
