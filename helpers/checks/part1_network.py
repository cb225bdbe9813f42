"""The self-checks of Task 1 of Part I, the network from scratch: what it is made of and what it answers.

Arrays are compared loosely enough for float32, and weights may be stored as (n_out, n_in) or as (n_in, n_out).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .selfcheck import Checks, Names, expect, expect_array

checks = Checks()


def small_network(names: Names, **sizes: Any) -> Any:
    """Make a network of 5, 4 and 3 units, or of other sizes, by the notebook's class."""
    return names["MLPFromScratch"](**{"n_input": 5, "n_hidden": 4, "n_output": 3, "seed": 0, **sizes})


def _method(names: Names, name: str) -> Callable[..., Any]:
    """Return a method of a network that may not have been initialised: `softmax` works before `__init__` does."""
    try:
        return getattr(small_network(names), name)
    except NotImplementedError:
        cls = names["MLPFromScratch"]
        return getattr(cls.__new__(cls), name)


def small_batch() -> tuple[np.ndarray, np.ndarray]:
    """Draw X of shape (6, 5) and integer labels in which each of three classes occurs."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(6, 5)), np.arange(6) % 3


@checks.add(
    "mlp-init",
    needs=("MLPFromScratch",),
    hints=(
        "Each layer has its own number of inputs: n_input for W1, n_hidden for W2.",
        "`self.rng.standard_normal((n_hidden, n_input))` has a standard deviation of 1. What must it be multiplied by?",
        "A velocity has the shape of its parameter: `self.vW1 = np.zeros_like(self.W1)`, and so on.",
    ),
)
def mlp_init(names: Names) -> None:
    """Sizes, zeros, He's scale."""
    net = small_network(names, n_input=300, n_hidden=200, n_output=40)
    for name, size in (("W1", 60_000), ("b1", 200), ("W2", 8_000), ("b2", 40)):
        for attribute in (name, "v" + name):
            expect(hasattr(net, attribute), f"an attribute `{attribute}`", "none", "Set it in `__init__`.")
            count = np.size(getattr(net, attribute))
            expect(count == size, f"{size:,} numbers in `{attribute}`", f"{count:,}", "Which layer, and how large?")
    for attribute in ("b1", "b2", "vW1", "vb1", "vW2", "vb2"):
        values = np.asarray(getattr(net, attribute))
        expect(values == 0, f"zeros in `{attribute}`", "something else", "Only W1 and W2 start at random.")
    for name, n_in in (("W1", 300), ("W2", 200)):
        came, wanted = float(np.std(getattr(net, name))), float(np.sqrt(2 / n_in))
        expect(
            abs(came / wanted - 1) < 0.05,
            f"a standard deviation of √(2/{n_in}) = {wanted:.4f} in `{name}`",
            f"{came:.4f}",
            "He's rule divides by the number of inputs of *this* layer, under the root.",
        )
    first, again, other = (np.asarray(small_network(names, seed=seed).W1) for seed in (0, 0, 1))
    expect(np.array_equal(first, again), "the same seed to give the same W1", "another one", "Draw from self.rng.")
    expect(not np.array_equal(first, other), "another seed to give another W1", "the same", "Draw from self.rng.")


@checks.add(
    "mlp-activations",
    needs=("MLPFromScratch",),
    hints=(
        "`np.maximum` compares element by element; `np.max` finds one number.",
        "`x > 0` is an array of True and False. What is it as numbers?",
        "Subtract the largest logit of each row before the exponential, with `keepdims=True`.",
    ),
)
def mlp_activations(names: Names) -> None:
    """relu, its derivative, softmax."""
    x = np.array([[-2.0, 0.0, 3.0]])
    relu = expect_array(_method(names, "relu")(x), "relu(x)", (1, 3), "relu keeps the shape.")
    expect(x[0, 0] == -2, "x itself to stay as it was", "a changed x", "Return a new array; z1 is still needed.")
    expect(relu == [[0, 0, 3]], "relu of (-2, 0, 3) to be (0, 0, 3)", f"{relu.ravel()}", "max(0, x), one by one.")
    slope = expect_array(_method(names, "relu_derivative")(x), "relu_derivative(x)", (1, 3), "It keeps the shape.")
    expect(slope == [[0, 0, 1]], "slopes (0, 0, 1) at (-2, 0, 3)", f"{slope.ravel()}", "At 0 we agreed on 0.")

    softmax = _method(names, "softmax")
    ordinary = expect_array(softmax(np.array([[2.0, 1.0, 0.0], [0, 0, 0]])), "softmax(x)", (2, 3), "A row per sample.")
    expect(
        np.isclose(ordinary.sum(axis=1), 1),
        "rows that sum to 1",
        f"sums {ordinary.sum(axis=1).round(3)}",
        "Along which axis do you sum? A row is a sample.",
    )
    expect(
        np.isclose(ordinary[0], [0.665, 0.245, 0.09], atol=1e-3),
        "(0.67, 0.24, 0.09) for the logits (2, 1, 0)",
        f"{ordinary[0].round(2)}",
        "The worked example in the text goes through it step by step.",
    )
    look = "exp(1000) overflows: subtract from each row its own maximum."
    extreme = np.array([[1000.0, 0.0], [-1000.0, -1000.0]])
    stable = expect_array(softmax(extreme), "softmax of a row at 1000 and one at -1000", (2, 2), look)
    expect(np.isclose(stable, [[1, 0], [0.5, 0.5]]), "(1, 0) and (½, ½)", f"{stable.ravel().round(2)}", look)


@checks.add(
    "mlp-forward",
    needs=("MLPFromScratch",),
    hints=(
        "Four lines: z1, a1, z2, a2, each kept on `self`, the last one returned.",
        "X (n, 784) times W1ᵀ (784, 128) gives (n, 128). `W.T` is the transpose, `@` the product.",
    ),
)
def mlp_forward(names: Names) -> None:
    """Shape, probabilities, and what is kept."""
    net = small_network(names)
    X, _ = small_batch()
    probabilities = expect_array(net.forward(X), "forward(X)", (6, 3), "One row per sample, one column per class.")
    expect(
        np.isclose(probabilities.sum(axis=1), 1, atol=1e-5),
        "rows that sum to 1",
        f"{probabilities.sum(axis=1).round(3)}",
        "The last step is the softmax, row by row.",
    )
    for name in ("z1", "a1", "z2", "a2"):
        expect(
            getattr(net, name, None) is not None,
            f"`self.{name}` to be kept",
            "nothing",
            "backward will need it.",
        )
    z1, a1 = np.asarray(net.z1), np.asarray(net.a1)
    expect(z1.min() < 0, "some z1 below zero", "none", "z1 goes *into* the ReLU; did relu change it in place?")
    expect(a1 == np.maximum(z1, 0), "a1 = ReLU(z1)", "something else", "Is relu applied to z1?")
    expect(
        np.isclose(np.asarray(net.a2).ravel().sum(), 6, atol=1e-4),
        "a2 to hold the probabilities",
        "other numbers",
        "a2 is what forward returns.",
    )
    once, twice = np.array(net.forward(X[:1])), np.array(net.forward(2 * X[:1]))
    expect(not np.allclose(once, twice), "other probabilities for another image", "the same", "Is X used at all?")
    for name in ("b1", "b2"):
        before, bias = np.array(net.forward(X[:1])), np.asarray(getattr(net, name))
        setattr(net, name, bias + np.arange(bias.size).reshape(bias.shape))
        moved = not np.allclose(before, net.forward(X[:1]))
        expect(moved, f"`{name}` to count", "the same probabilities with another one", "Each layer adds its bias.")


@checks.add(
    "mlp-loss",
    needs=("MLPFromScratch",),
    hints=(
        "Only one probability of each row matters: that of the true class.",
        "`y_pred[np.arange(n), y_true]` picks one number per row.",
    ),
)
def mlp_loss(names: Names) -> None:
    """The value of the loss on two rows."""
    compute_loss = _method(names, "compute_loss")
    y_pred, y_true = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]), np.array([0, 2])
    loss = float(expect_array(compute_loss(y_pred, y_true), "compute_loss(…)", (), "Return one number, not an array."))
    expect(
        abs(loss - 0.4581) < 1e-3,
        "−(log 0.5 + log 0.8) / 2 = 0.458",
        f"{loss:.4f}",
        "0.916 would be the sum instead of the mean; 0.153 the mean over all six entries.",
    )
    zero = float(
        expect_array(compute_loss(np.array([[0.0, 1.0]]), np.array([0])), "the loss at probability 0", (), "ε!")
    )
    expect(
        abs(zero - 18.42) < 0.5,
        "−log(1e-8) = 18.42 at probability 0",
        f"{zero:.2f}",
        "ε = 1e-8 inside the log.",
    )


@checks.add(
    "mlp-predict",
    needs=("MLPFromScratch",),
    hints=("`argmax` gives the position of the largest number; along which axis?",),
)
def mlp_predict(names: Names) -> None:
    """The position of the largest probability of each row."""
    net = small_network(names)
    X, _ = small_batch()
    predicted = expect_array(net.predict(X), "predict(X)", (6,), "One label per sample, no probabilities.")
    expect(
        predicted == np.argmax(np.asarray(net.forward(X)), axis=1),
        "the class of the largest probability",
        "another class",
        "argmax over the classes, axis=1.",
    )
