"""The self-checks of Task 1 of Part I about learning: the gradient, momentum, the loop of training."""

from typing import Any

import numpy as np

from .part1_network import checks, small_batch, small_network
from .selfcheck import Names, expect

PARAMETERS = ("W1", "b1", "W2", "b2")


@checks.add(
    "mlp-backward",
    needs=("MLPFromScratch",),
    hints=(
        "Print the shape of every array that you compute. A gradient has the shape of its parameter.",
        "First all gradients, then all updates: W2 is needed as it was on the way forward.",
        "The gate of the ReLU looks at z1. The bias gradients are means over the samples, axis 0.",
        "d2 = ŷ − y, then dW2 = d2ᵀ a1 / n, d1 = (d2 W2) ⊙ 1[z1 > 0], dW1 = d1ᵀ X / n.",
    ),
)
def mlp_backward(names: Names) -> None:
    """Each parameter's step against a numerical gradient of the notebook's own loss."""
    net = small_network(names, learning_rate=0.5)
    X, y = small_batch()
    for name in PARAMETERS:  # float64, and biases that are not zero, so that each entry counts
        value = np.asarray(getattr(net, name), dtype=float)
        setattr(net, name, value + 0.1 * np.random.default_rng(2).normal(size=value.shape))
        setattr(net, "v" + name, np.zeros_like(value))
    before = {name: np.array(getattr(net, name)) for name in PARAMETERS}
    expected = {name: _numerical_gradient(net, name, X, y) for name in PARAMETERS}
    net.forward(X)
    net.backward(X, y, momentum=0.0)
    moved = any(not np.array_equal(before[name], getattr(net, name)) for name in PARAMETERS)
    expect(
        moved,
        "weights that change",
        "the same weights",
        "W ← W + v; assign the result to `self.W1` and so on.",
    )
    for name in reversed(PARAMETERS):  # from the loss backwards, as one derives them
        came = (before[name] - np.asarray(getattr(net, name))) / 0.5
        expect(
            came.shape == before[name].shape,
            f"`{name}` to keep its shape",
            f"{came.shape}",
            "Compare the shapes.",
        )
        scale = np.abs(expected[name]).max()
        error = np.abs(came - expected[name]).max() / max(scale, 1e-12)
        expect(
            error < 1e-3,
            f"the step of `{name}` to follow its numerical gradient",
            f"a relative difference of {error:.1g} (below 1e-3 is right)",
            _guess(came, expected[name], len(X)),
        )


def _numerical_gradient(net: Any, name: str, X: np.ndarray, y: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Central differences of the student's own loss by one parameter, which is restored."""
    original = getattr(net, name)
    gradient = np.zeros_like(original)
    for index in np.ndindex(*original.shape):
        losses = []
        for step in (h, -h):
            nudged = original.copy()
            nudged[index] += step
            setattr(net, name, nudged)
            losses.append(-np.log(np.asarray(net.forward(X))[np.arange(len(y)), y]).mean())
        gradient[index] = (losses[0] - losses[1]) / (2 * h)
    setattr(net, name, original)
    return gradient


def _guess(came: np.ndarray, expected: np.ndarray, n_samples: int) -> str:
    """Name the usual cause where the two differ by a factor."""
    if not came.any():
        return "It did not move at all: is it updated?"
    ratio = float((came * expected).sum() / (expected**2).sum())
    if np.allclose(came, ratio * expected, rtol=1e-2, atol=1e-6):
        if abs(ratio - n_samples) < 0.05 * n_samples:
            return f"It is {n_samples} times too long for {n_samples} samples: the mean, not the sum."
        if ratio < 0:
            return "It points uphill: v ← momentum·v − lr·∇L, then W ← W + v."
        return f"It is {ratio:.3g} times as long as it should be; is it divided by n exactly once?"
    return "The direction differs: go through its step of the derivation. Is W2 still the old one in δ1?"


@checks.add(
    "mlp-momentum",
    needs=("MLPFromScratch",),
    hints=(
        "Each parameter has a velocity of its own, and the velocity outlives the call: keep it on `self`.",
        "v ← momentum·v − lr·gradient, then W ← W + v. The argument is called `momentum`; do you use it?",
    ),
)
def mlp_momentum(names: Names) -> None:
    """The second step with momentum is the plain step plus momentum times the first."""
    X, y = small_batch()
    net, plain = small_network(names, learning_rate=0.1), small_network(names, learning_rate=0.1)
    start = {name: np.array(getattr(net, name)) for name in PARAMETERS}
    net.forward(X)
    net.backward(X, y, momentum=0.8)
    middle = {name: np.array(getattr(net, name)) for name in PARAMETERS}
    for name, value in middle.items():
        setattr(plain, name, value.copy())
    net.forward(X)
    net.backward(X, y, momentum=0.8)
    plain.forward(X)
    plain.backward(X, y, momentum=0.0)
    expect(
        not np.array_equal(start["W2"], middle["W2"]),
        "weights that change",
        "the same",
        "Write backward first.",
    )
    for name in PARAMETERS:
        remembered = np.asarray(getattr(net, name)) - np.asarray(getattr(plain, name))
        first = middle[name] - start[name]
        expect(
            np.allclose(remembered, 0.8 * first, atol=1e-5),
            f"the second step of `{name}` to be the plain one plus 0.8 times the first",
            f"plus {float((remembered * first).sum() / max((first**2).sum(), 1e-30)):.2f} times the first",
            "v ← momentum·v − lr·∇L: does v remember, and is the argument used? (Is `mlp-backward` passed?)",
        )


_Steps = list[tuple[list[int], list[int]]]
"""The row numbers and the labels of each batch."""


@checks.add(
    "mlp-train",
    needs=("MLPFromScratch",),
    hints=(
        "Two loops: over epochs, and inside it over the batches.",
        "`range(0, n, batch_size)` gives the starts of all batches; a slice that runs past the end is simply shorter.",
        "Draw one permutation per epoch and index X and y by the same piece of it. X_train itself stays as it is.",
    ),
)
def mlp_train(names: Names) -> None:
    """Which samples each epoch steps on, what comes back, and what is left alone."""
    X, y = np.eye(11), np.arange(11) % 3
    seen: _Steps = []

    network_class: Any = names["MLPFromScratch"]

    class Watched(network_class):
        def backward(self, X: Any, y_true: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append((np.argmax(X, axis=1).tolist(), np.asarray(y_true).tolist()))
            return super().backward(X, y_true, *args, **kwargs)

    net = Watched(n_input=11, n_hidden=8, n_output=3, learning_rate=0.1, seed=0)
    X_given, y_given = X.copy(), y.copy()
    answer = net.train(X_given, y_given, X[:5], y[:5], epochs=4, batch_size=4)
    expect(
        isinstance(answer, tuple | list) and len(answer) == 2 and all(np.shape(part) == (4,) for part in answer),
        "two lists of four numbers, one per epoch",
        type(answer).__name__ if not isinstance(answer, tuple) else f"shapes {[np.shape(part) for part in answer]}",
        "Return (train_losses, val_accuracies).",
    )
    expect(seen, "steps by `self.backward(X_batch, y_batch)`", "none", "train calls backward after each forward.")
    unchanged = np.array_equal(X_given, X) and np.array_equal(y_given, y)
    expect(unchanged, "X_train and y_train unchanged", "changed arrays", "Shuffle row numbers, not the arrays.")
    _sees_all(seen, y)
    losses, accuracies = (np.asarray(part, dtype=float) for part in answer)
    expect(losses[-1] < losses[0], "a loss that falls", f"{losses.round(3)}", "Losses first? Is backward right?")
    expect(
        (accuracies >= 0) & (accuracies <= 1),
        "accuracies from 0 to 1",
        f"{accuracies}",
        "A share, no percentage.",
    )


def _sees_all(seen: _Steps, y: np.ndarray) -> None:
    """In each of four epochs every sample once, with its label, in a new order."""
    rows = [row for batch, _ in seen for row in batch]
    labels = [int(label) for _, batch in seen for label in batch]
    largest = max(len(batch) for batch, _ in seen)
    expect(largest <= 4, "batches of at most 4 for batch_size=4", f"one of {largest}", "Is batch_size used?")
    expect(
        len(rows) == 44,
        "4 × 11 samples in 4 epochs",
        f"{len(rows)}",
        "Is the short last batch used? It has 3.",
    )
    epochs = [rows[start : start + 11] for start in range(0, 44, 11)]
    expect(
        all(sorted(epoch) == list(range(11)) for epoch in epochs),
        "every sample once per epoch",
        "some twice, some never",
        "A permutation holds each row number once.",
    )
    matched = labels == [int(y[row]) for row in rows]
    expect(matched, "each image with its own label", "labels of other images", "Index both by the same rows.")
    expect(
        len({tuple(epoch) for epoch in epochs}) == 4,
        "a new order each epoch",
        "one twice",
        "Shuffle in the loop.",
    )
