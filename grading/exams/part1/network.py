"""Exams of Task 1, the network from scratch: what it is made of and what it answers.

Every exam but the first sets the weights that it judges by, and judges a method with trusted neighbours where the
student's own are wrong (`either`). What remains dependent is said in the docstrings.
"""

from functools import cache
from typing import Any

import numpy as np

from grading.exam import exam, idea
from grading.exams.part1 import probes
from grading.exams.part1.trusted import (
    PARAMETERS,
    Network,
    Sizes,
    batch,
    build,
    own_and_assisted,
    with_seed,
)
from grading.exams.sides import either
from grading.handle import Ref, Student, StudentError, value
from grading.judge import Fail, array, close, integers, number, ok

# --- test-mlp-init ------------------------------------------------------------------------------------------------


@exam("test-mlp-init", points=4)
def initial_weights(student: Student, rng: np.random.Generator) -> None:
    """Sizes, zeros, He's scale and the seed of a new network.

    Split: sizes of parameters and velocities 1, zero biases and velocities 1, weights of mean 0 and standard
    deviation √(2/n_in) 1.5, the same weights from the same seed 0.5.
    """
    # Large enough for the deviation to show within 1 % (W2: 16,000 weights, standard error 0.6 %).
    sizes = Sizes(n_input=400, n_hidden=320, n_output=50)
    settings = {"n_input": 400, "n_hidden": 320, "n_output": 50}
    seeds = [int(seed) for seed in rng.choice(2**31, size=2, replace=False)]
    net = student.MLPFromScratch(**settings, learning_rate=0.1, seed=seeds[0])
    with idea("sizes of the parameters and their velocities", 1):
        _sizes_fit(net, sizes)
        _sizes_fit(student.MLPFromScratch(), Sizes(784, 128, 10))
    with idea("biases and velocities start at zero", 1):
        for name in ("b1", "b2", *("v" + name for name in PARAMETERS)):
            values = array(getattr(net, name), f"`{name}`")
            came = f"{np.count_nonzero(values)} of {values.size} entries differ from zero"
            ok(not values.any(), expected=f"zeros in `{name}`", came=came, hint="only W1 and W2 start at random")
    with idea("weights of mean 0 and standard deviation √(2/n_in)", 1.5):
        _scale_is(net.W1, "W1", sizes.n_input)
        _scale_is(net.W2, "W2", sizes.n_hidden)
    with idea("the seed decides the weights", 0.5):
        again = student.MLPFromScratch(**settings, learning_rate=0.1, seed=seeds[0])
        other = student.MLPFromScratch(**settings, learning_rate=0.1, seed=seeds[1])
        for name in ("W1", "W2"):
            first = array(getattr(net, name), f"`{name}`")
            second, third = array(getattr(again, name), f"`{name}`"), array(getattr(other, name), f"`{name}`")
            equal = np.array_equal(first, second)
            ok(equal, expected=f"the same `{name}` from the same seed", came="others", hint="draw from self.rng")
            differs = not np.array_equal(first, third)
            ok(differs, expected=f"other `{name}` from another seed", came="the same", hint="is `seed` used?")


def _sizes_fit(net: Ref, sizes: Sizes) -> None:
    n_in, n_hidden, n_out = sizes.n_input, sizes.n_hidden, sizes.n_output
    wanted = {"W1": {n_in, n_hidden}, "b1": {n_hidden}, "W2": {n_hidden, n_out}, "b2": {n_out}}
    for name, lengths in wanted.items():
        for attribute in (name, "v" + name):
            values = array(getattr(net, attribute), f"`{attribute}`")
            fits = {length for length in values.shape if length != 1} == lengths and values.ndim <= 2
            expected = f"`{attribute}` with the dimensions {' and '.join(map(str, sorted(lengths)))}, in either order"
            ok(fits, expected=expected, came=f"shape {values.shape}", hint="which layers does it connect?")


def _scale_is(answer: Any, name: str, n_in: int) -> None:
    weights = array(answer, f"`{name}`")
    deviation, wanted = float(weights.std()), float(np.sqrt(2 / n_in))
    ok(
        abs(deviation / wanted - 1) < 0.05,
        expected=f"a standard deviation of √(2/n_in) in `{name}`",
        came=f"{deviation / wanted:.2f} times that",
        hint="n_in is the number of inputs of this layer; 0.71 times is √(1/n_in)",
    )
    # Six standard errors of the mean.
    centred = abs(float(weights.mean())) < 6 * wanted / np.sqrt(weights.size)
    ok(bool(centred), expected=f"a mean of 0 in `{name}`", came=f"{weights.mean():.3g}", hint="is the draw symmetric?")


# --- test-mlp-activations -----------------------------------------------------------------------------------------


@exam("test-mlp-activations", points=6)
def activations(student: Student, rng: np.random.Generator) -> None:
    """Values of relu, its derivative and softmax; needs no working `__init__`.

    Split: relu 1, relu_derivative 2 (at 0 and below it is 0), softmax 1, softmax at ±1000 2.
    """
    net = _network_or_bare(student)
    x = rng.normal(size=(4, 6))
    x[rng.integers(4), rng.integers(6)] = 0.0
    with idea("relu", 1):
        hint = "max(0, x), entry by entry, in the shape of x"
        close(_of_kept(student, net.relu, x), np.maximum(x, 0), "relu(x)", hint=hint)
    with idea("relu_derivative, 0 at 0 and below", 2):
        hint = "1 where x > 0, else 0, at x = 0 as well"
        close(_of_kept(student, net.relu_derivative, x), x > 0, "relu_derivative(x)", hint=hint)
    with idea("softmax of ordinary logits", 1):
        for n_samples in (3, 5):  # 5 × 5: a sum over the wrong axis has the right shape
            logits = 2 * rng.normal(size=(n_samples, 5))
            probabilities = array(net.softmax(logits), "softmax(x)", shape=(n_samples, 5), hint="a row a sample")
            sums = probabilities.sum(axis=1)
            came = f"sums from {sums.min():.3g} to {sums.max():.3g}"
            ok(bool(np.abs(sums - 1).max() < 1e-4), expected="rows that sum to 1", came=came, hint="sum over axis 1")
            close(probabilities, probes.softmax(logits), "softmax(x)", hint="exp(x), over the sum of its row")
    with idea("softmax at ±1000", 2):
        # Rows around -1000, 0 and 1000: one maximum for the whole array would leave zeros in the low rows.
        logits = rng.permutation([-1000.0, 0.0, 1000.0, 1000.0])[:, None] + 2 * rng.normal(size=(4, 5))
        logits[0, rng.integers(5)] += 1000.0
        hint = "subtract each row's own maximum before the exponential"
        close(net.softmax(logits), probes.softmax(logits), "softmax of large logits", rtol=1e-3, atol=1e-6, hint=hint)


def _of_kept(student: Student, function: Ref, x: np.ndarray) -> Any:
    """Return the answer to an array, which has to stay as it is."""
    given = student.put(x)
    answer = function(given)
    same = np.array_equal(array(value(given), "x", shape=x.shape), x)
    hint = "z1 is needed again for the gradient: return a new array, as np.maximum(x, 0) does"
    ok(same, expected="x as it was", came="an x that was changed in place", hint=hint)
    return answer


def _network_or_bare(student: Student) -> Ref:
    """A network, or one without initialisation where that fails: softmax may exist before `__init__` works."""
    try:
        return student.MLPFromScratch(n_input=6, n_hidden=5, n_output=4, seed=0)
    except StudentError:
        return student.load(probes, "bare").bare(student.MLPFromScratch)


# --- test-mlp-forward ---------------------------------------------------------------------------------------------


@exam("test-mlp-forward", points=8)
def forward_pass(student: Student, rng: np.random.Generator) -> None:
    """Probabilities and kept values of the forward pass, on weights that the exam sets.

    Split: the probabilities 4; z1, a1, z2, a2 kept on the network 4. Needs an `__init__` that sets W1, b1, W2, b2.
    """
    sides = [_forward_side(cls, seed) for cls, seed in with_seed(own_and_assisted(student, "Layers"), rng)]
    with idea("probabilities of shape (n_samples, n_output)", 4):
        either(_probabilities_right, *sides)
    with idea("z1, a1, z2, a2 kept on self", 4):
        either(_kept_right, *sides)


def _forward_side(cls: Ref, seed: int) -> Any:
    @cache
    def ask() -> list[tuple[Network, dict, Any, dict]]:
        rng = np.random.default_rng(seed)
        answers = []
        for n_samples in (6, 1):
            net = build(cls, rng)
            X, _ = batch(rng, n_samples, net.sizes)
            right = probes.activations(net.weights(), X)
            answer = net.ref.forward(X)
            kept = {name: _attribute(net.ref, name) for name in right}
            answers.append((net, right, answer, kept))
        return answers

    return ask


def _attribute(ref: Ref, name: str) -> Any:
    try:
        return getattr(ref, name)
    except StudentError:
        return None


def _probabilities_right(answers: list[tuple[Network, dict, Any, dict]]) -> None:
    for net, right, answer, _ in answers:
        hint = "softmax(W2 ReLU(W1 x + b1) + b2), one row a sample: are both biases in it?"
        close(answer, right["a2"], "forward(X)", rtol=10 * net.tolerance, atol=net.tolerance, hint=hint)


def _kept_right(answers: list[tuple[Network, dict, Any, dict]]) -> None:
    for net, right, _, kept in answers:
        for name, values in right.items():
            ok(
                kept[name] is not None,
                expected=f"`self.{name}` after forward",
                came="no such attribute",
                hint="keep it",
            )
            came = array(kept[name], f"`self.{name}`")
            if came.shape == values.T.shape:
                values = values.T
            hint = "z before, a after the activation; does relu change its argument?"
            close(came, values, f"`self.{name}`", rtol=10 * net.tolerance, atol=net.tolerance, hint=hint)


# --- test-mlp-loss ------------------------------------------------------------------------------------------------


@exam("test-mlp-loss", points=5)
def loss_is_mean_cross_entropy(student: Student, rng: np.random.Generator) -> None:
    """Mean cross-entropy of given probabilities; needs no working `__init__`.

    Split: the value for single samples 2, the mean over a batch (relative to the student's own single values) 2, a
    finite loss at probability 0 1.
    """
    net = _network_or_bare(student)
    y_pred, y_true = rng.dirichlet(np.full(4, 2.0), size=7) * 0.96 + 0.01, rng.integers(4, size=7)

    def loss_of(rows: slice) -> float:
        hint = "return one number for the whole batch"
        return number(net.compute_loss(y_pred[rows], y_true[rows]), "compute_loss(y_pred, y_true)", hint=hint)

    with idea("minus the logarithm of the true class's probability", 2):
        for row in range(3):
            wanted = -np.log(y_pred[row, y_true[row]] + 1e-8)
            hint = "which probability counts? y_true holds the number of the true class"
            close(loss_of(slice(row, row + 1)), wanted, "the loss of one sample", rtol=1e-4, atol=1e-5, hint=hint)
    with idea("the mean over the samples", 2):
        singles = np.array([loss_of(slice(row, row + 1)) for row in range(7)])
        hint = "the mean over the samples: neither their sum, nor the mean over samples and classes"
        ok(bool(singles.std() > 1e-3), expected="losses that depend on the sample", came="one loss for all", hint=hint)
        close(loss_of(slice(0, 7)), singles.mean(), "the loss of a batch", rtol=1e-4, atol=1e-5, hint=hint)
    with idea("finite at probability 0", 1):
        loss = number(net.compute_loss(np.array([[0.0, 0.6, 0.4]]), np.array([0])), "the loss at probability 0")
        expected = "−log(0 + 1e-8), about 18.4, at probability 0"
        ok(abs(loss - 18.42) < 0.2, expected=expected, came=f"{loss:.3g}", hint="ε = 1e-8 goes inside the logarithm")


# --- test-mlp-predict ---------------------------------------------------------------------------------------------


@exam("test-mlp-predict", points=3)
def prediction_is_the_most_probable_class(student: Student, rng: np.random.Generator) -> None:
    """The class of the largest probability of each sample, on weights that the exam sets."""
    sides = [_predict_side(cls, seed) for cls, seed in with_seed(own_and_assisted(student, "Layers", "Forward"), rng)]
    either(_classes_right, *sides)


def _predict_side(cls: Ref, seed: int) -> Any:
    @cache
    def ask() -> list[tuple[np.ndarray, Any]]:
        rng = np.random.default_rng(seed)
        net = build(cls, rng)
        X, _ = batch(rng, 400, net.sizes)
        probabilities = np.sort(probes.activations(net.weights(), X)["a2"], axis=1)
        X = X[probabilities[:, -1] - probabilities[:, -2] > 0.01][:60]  # no near ties
        right = probes.activations(net.weights(), X)["a2"].argmax(axis=1)
        return [(right[:n], net.ref.predict(X[:n])) for n in (60, 1)]

    return ask


def _classes_right(answers: list[tuple[np.ndarray, Any]]) -> None:
    for right, answer in answers:
        hint = "argmax over the classes, axis=1: one whole number a sample"
        came = integers(answer, "predict(X)", shape=right.shape, hint=hint)
        whole = np.asarray(value(answer)).dtype.kind in "iu"
        ok(whole, expected="classes of an integer type", came="3.0 for 3: they can't index an array", hint=hint)
        wrong = int((came != right).sum())
        if wrong:
            raise Fail("the most probable class of each sample", f"another one for {wrong} of {len(right)}", hint)
