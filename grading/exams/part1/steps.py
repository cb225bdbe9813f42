"""Exams of Task 1 about a single step: the gradient and momentum."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from grading.exam import exam, idea
from grading.exams.part1.probes import activations
from grading.exams.part1.trusted import (
    PARAMETERS,
    Network,
    Weights,
    batch,
    build,
    give,
    numerical_gradient,
    own_and_assisted,
    smooth_batch,
    with_seed,
)
from grading.exams.sides import either
from grading.handle import Ref, Student
from grading.judge import ok, relative_error

BEFORE = ("Layers", "Forward", "Loss")
"""What is judged before the step, and may be sent."""

# --- test-mlp-backward --------------------------------------------------------------------------------------------

MEANING = {
    "W2": "δ2 a1ᵀ with δ2 = ŷ − y, from the values that forward kept",
    "b2": "δ2 = ŷ − y, summed over the samples (axis 0), not over the classes",
    "W1": "δ1 xᵀ with δ1 = (W2ᵀ δ2) ⊙ 1[z1 > 0]: W2 as it was before the update, the gate at z1",
    "b1": "δ1 = (W2ᵀ δ2) ⊙ 1[z1 > 0], summed over the samples (axis 0)",
}


@exam("test-mlp-backward", points=18)
def backward_follows_the_gradient(student: Student, rng: np.random.Generator) -> None:
    """One step at momentum 0 against central differences of a trusted float64 loss.

    Split: W2 4, b2 3, W1 5, b1 3, each on batches of 1, 4 and 9 samples and up to the factor between mean and sum; the
    mean over the batch 3 (a batch repeated moves the weights as much as the batch). Needs an `__init__` that sets the
    weights and a `forward` that returns; wrong values in what it keeps are put right.
    """
    sides = [_backward_side(cls, seed) for cls, seed in with_seed(own_and_assisted(student, *BEFORE), rng)]
    for name, points in (("W2", 4), ("b2", 3), ("W1", 5), ("b1", 3)):
        with idea(f"gradient of {name}", points):
            either(partial(_gradient_right, name), *sides)
    with idea("mean over the batch", 3):
        either(_mean_right, *sides)


def _backward_side(cls: Ref, seed: int) -> Any:
    @cache
    def ask() -> list[tuple[Network, int, Weights, Weights, Weights]]:
        rng = np.random.default_rng(seed)
        steps = []
        for n_samples in (4, 1, 9):
            net = build(cls, rng)
            X, y = smooth_batch(rng, n_samples, net)
            gradient = numerical_gradient(net.weights(), X, y)
            weights = net.weights()
            moved = net.step(X, y, momentum=0.0)
            twin = build(cls, rng)
            give(twin.ref, weights)
            repeated = twin.step(np.tile(X, (3, 1)), np.tile(y, 3), momentum=0.0)
            scale = -net.learning_rate
            steps.append((net, n_samples, gradient, _over(moved, scale), _over(repeated, scale)))
        return steps

    return ask


def _over(weights: Weights, divisor: float) -> Weights:
    return {name: values / divisor for name, values in weights.items()}


def _gradient_right(name: str, steps: list[tuple[Network, int, Weights, Weights, Weights]]) -> None:
    for net, n_samples, gradient, moved, _ in steps:
        wanted, came = gradient[name], moved[name]
        # A sum in place of the mean is one mistake for all parameters and costs its own idea, below.
        error = min(relative_error(came, factor * wanted) for factor in (1, n_samples))
        ok(
            bool(error <= 5 * net.tolerance),
            expected=f"`{name}` to move by −learning_rate times its gradient, for a batch of {n_samples}",
            came=_difference(came, wanted, error),
            hint=MEANING[name],
        )


def _difference(came: np.ndarray, wanted: np.ndarray, error: float) -> str:
    """Describe a wrong step without giving the right one away."""
    if not came.any():
        return "it did not move"
    if relative_error(-came, wanted) < 1e-2:
        return "the opposite: it moved uphill"
    return f"a relative difference of {error:.2g} from the numerical gradient"


def _mean_right(steps: list[tuple[Network, int, Weights, Weights, Weights]]) -> None:
    for net, n_samples, _, moved, repeated in steps:
        ok(
            any(values.any() for values in moved.values()),
            expected="weights that move",
            came="none did",
            hint="W ← W + v",
        )
        for name in PARAMETERS:
            error = relative_error(repeated[name], moved[name])
            ok(
                bool(error <= 5 * net.tolerance),
                expected=f"the same step of `{name}` when each of {n_samples} samples comes three times",
                came=f"a relative difference of {error:.2g}; 0.67 is a sum in place of the mean",
                hint="divide by the number of samples in the batch, once",
            )


# --- test-mlp-momentum --------------------------------------------------------------------------------------------


@exam("test-mlp-momentum", points=6)
def second_step_remembers_the_first(student: Student, rng: np.random.Generator) -> None:
    """Two steps with momentum µ, the second where the gradient is zero: it must be µ times the first.

    Between the steps the exam makes the network sure of the right answer, so that ŷ = y and nothing but the velocity
    moves; what a network at rest moves by from the same weights is taken off, for gradients that are wrong. Mistakes in
    the gradient therefore cost nothing here; a `backward` that raises does. A third step must be µ times the second.

    Split: weights 3, biases 1, the argument `momentum` and its default of 0.9 are obeyed 2.
    """
    own, assisted = own_and_assisted(student, *BEFORE)
    seed = int(rng.integers(2**31))
    # A batch of one as well: a bias gradient over the wrong axis may raise for more.
    sides = [_momentum_side(cls, seed, n_samples) for cls, n_samples in ((own, 5), (assisted, 5), (assisted, 1))]
    with idea("the weights remember", 3):
        either(lambda runs: _remembers(runs[:1], ("W1", "W2")), *sides)
    with idea("the biases remember", 1):
        either(lambda runs: _remembers(runs[:1], ("b1", "b2")), *sides)
    with idea("by as much as the argument says, 0.9 by default", 2):
        either(lambda runs: _remembers(runs[1:], ("W1", "W2")), *sides)


def _momentum_side(cls: Ref, seed: int, n_samples: int) -> Any:
    @cache
    def ask() -> list[TwoSteps]:
        rng = np.random.default_rng(seed)
        return [_two_steps(cls, rng, n_samples, settings) for settings in ({"momentum": 0.8}, {"momentum": 0.3}, {})]

    return ask


@dataclass(frozen=True)
class TwoSteps:
    """What moved in a first step, by velocity alone in two more, in all in the second, and in a first at momentum 0."""

    net: Network
    momentum: float
    first: Weights
    second: Weights
    third: Weights
    carried: Weights
    plain: Weights


def _two_steps(cls: Ref, rng: np.random.Generator, n_samples: int, settings: dict[str, float]) -> TwoSteps:
    net, twin = build(cls, rng, learning_rate=0.2), build(cls, rng, learning_rate=0.2)
    (X1, y1), (X2, _) = _lively_batch(rng, n_samples, net), batch(rng, n_samples, net.sizes)
    give(twin.ref, net.weights())
    plain = twin.step(X1, y1, momentum=0.0)
    first = net.step(X1, y1, **settings)
    sure = int(rng.integers(net.sizes.n_output))
    biases = np.array(net.ref.b2)
    biases.reshape(-1)[sure] += 60.0  # e⁻⁶⁰: the other probabilities are zero for all purposes
    net.ref.b2 = biases
    y2, later = np.full(n_samples, sure), []
    for _ in range(2):
        resting = build(cls, rng, learning_rate=0.2)
        give(resting.ref, net.weights())
        by_gradient, in_all = resting.step(X2, y2, **settings), net.step(X2, y2, **settings)
        later.append((in_all, {name: in_all[name] - by_gradient[name] for name in PARAMETERS}))
    (carried, second), (_, third) = later
    return TwoSteps(net, settings.get("momentum", 0.9), first, second, third, carried, plain)


def _lively_batch(rng: np.random.Generator, n_samples: int, net: Network) -> tuple[np.ndarray, np.ndarray]:
    """Draw a batch in which each sample wakes a hidden unit: others move the biases of the output alone."""
    X, y = batch(rng, 40 * n_samples, net.sizes)
    lively = activations(net.weights(), X)["z1"].max(axis=1) > 0.2
    return X[lively][:n_samples], y[lively][:n_samples]


def _remembers(runs: list[TwoSteps], names: tuple[str, ...]) -> None:
    for run in runs:
        moved = any(run.first[name].any() for name in names)
        ok(moved, expected=f"{' and '.join(names)} to move in the first step", came="none did", hint="W ← W + v")
        for name in names:
            first, second = run.first[name], run.second[name]
            slack = run.net.tolerance * max(10 * float(np.abs(first).max()), 0.01)
            hint = "v starts at zero, so the first step is −learning_rate times the gradient, whatever the momentum"
            plain = bool(np.abs(first - run.plain[name]).max() <= slack)
            ok(plain, expected=f"a plain first step of `{name}`", came="a step of another length", hint=hint)
            ratio = float((second * first).sum() / max((first**2).sum(), 1e-30))
            remembers = bool(np.abs(second - run.momentum * first).max() <= slack)
            expected = f"the next step of `{name}` to carry {run.momentum:g} times this one"
            hint = "v ← momentum·v − learning_rate·gradient; W ← W + v; keep v between calls"
            ok(remembers, expected=expected, came=f"about {ratio:.2f} times this one", hint=hint)
            goes_on = bool(np.abs(run.third[name] - run.momentum * run.carried[name]).max() <= slack)
            came = "something else: the velocity kept is not the one that the weights moved by"
            ok(goes_on, expected=f"the third step of `{name}` to carry the second", came=came, hint=hint)
