"""What the exams of the network share: a student's network with known weights, and what it ought to do."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from grading.exams.part1 import probes
from grading.handle import Ref, Student
from grading.judge import Fail, array, number, tolerance

PARAMETERS = probes.PARAMETERS

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sizes:
    """Sizes of a test network, all different so that a shape tells its layout."""

    n_input: int = 7
    n_hidden: int = 5
    n_output: int = 4


@dataclass(frozen=True)
class Network:
    """A student's network that carries weights of the exam's choice.

    Attributes
    ----------
    ref : Ref
        The student's object.
    sizes : Sizes
    learning_rate : float
    tolerance : float
        Relative error to allow for the type of its weights.
    """

    ref: Ref
    sizes: Sizes
    learning_rate: float
    tolerance: float

    def weights(self) -> Weights:
        """Read the four parameters, in canonical layout and float64.

        Raises
        ------
        Fail
            Where one has another size than its layer.
        """
        n_in, n_hidden, n_out = self.sizes.n_input, self.sizes.n_hidden, self.sizes.n_output
        shapes = {"W1": (n_hidden, n_in), "b1": (n_hidden,), "W2": (n_out, n_hidden), "b2": (n_out,)}
        return {name: _canonical(getattr(self.ref, name), name, shape) for name, shape in shapes.items()}

    def step(self, X: np.ndarray, y: np.ndarray, **momentum: float) -> Weights:
        """Run forward and backward once; return what each parameter moved by."""
        before = self.weights()
        self.ref.forward(X)
        self.ref.backward(X, y, **momentum)
        after = self.weights()
        return {name: after[name] - before[name] for name in PARAMETERS}


def _canonical(answer: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    values = array(answer, f"`{name}`", hint="it is read before and after a step")
    if len(shape) == 1 and values.size == shape[0]:
        return values.reshape(shape)
    if values.shape == shape:
        return values
    if values.shape == shape[::-1]:
        return values.T
    came = f"shape {values.shape}"
    raise Fail(f"`{name}` with one entry a connection: {shape} or transposed", came, "compare with the layers' sizes")


def build(
    cls: Ref,
    rng: np.random.Generator,
    *,
    sizes: Sizes | None = None,
    learning_rate: float = 0.5,
    seed: int | None = None,
) -> Network:
    """Make a student's network and give it fresh weights, biases that are not zero, and velocities at rest.

    So a mistake in the student's own initial weights costs no exam but its own.
    """
    sizes = sizes or Sizes()
    seed = int(rng.integers(2**31)) if seed is None else seed
    ref = cls(
        n_input=sizes.n_input,
        n_hidden=sizes.n_hidden,
        n_output=sizes.n_output,
        learning_rate=learning_rate,
        seed=seed,
    )
    drawn = {
        "W1": rng.normal(size=(sizes.n_hidden, sizes.n_input)) / np.sqrt(sizes.n_input),
        "b1": rng.normal(size=sizes.n_hidden) / 2,
        "W2": rng.normal(size=(sizes.n_output, sizes.n_hidden)) / np.sqrt(sizes.n_hidden),
        "b2": rng.normal(size=sizes.n_output) / 2,
    }
    give(ref, drawn)
    return Network(ref, sizes, learning_rate, tolerance(ref.W1))


def give(ref: Ref, weights: Weights) -> None:
    """Set canonical weights on a student's network in its own layout and type, and its velocities to zero."""
    for name, values in weights.items():
        own = np.asarray(getattr(ref, name))
        if own.dtype.kind != "f":
            own = own.astype(np.float64)
        if own.size == values.size and own.ndim != values.ndim:
            values = values.reshape(own.shape)
        elif own.shape == values.shape[::-1]:
            values = values.T
        setattr(ref, name, np.ascontiguousarray(values, dtype=own.dtype))
        setattr(ref, "v" + name, np.zeros(values.shape, dtype=own.dtype))


def batch(rng: np.random.Generator, n_samples: int, sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """Draw X (n_samples, n_input) and labels y in which neighbouring classes occur."""
    X = rng.normal(size=(n_samples, sizes.n_input))
    return X, rng.integers(sizes.n_output, size=n_samples)


def smooth_batch(
    rng: np.random.Generator, n_samples: int, network: Network, margin: float = 1e-2
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a batch on which no hidden unit is near the kink of its ReLU, so that differences are derivatives."""
    weights = network.weights()
    X, y = batch(rng, 20 * n_samples, network.sizes)
    clear = np.abs(probes.activations(weights, X)["z1"]).min(axis=1) > margin
    if clear.sum() < n_samples:
        return smooth_batch(rng, n_samples, network, margin / 2)
    return X[clear][:n_samples], y[clear][:n_samples]


def mean_loss(weights: Weights, X: np.ndarray, y: np.ndarray) -> float:
    """Mean cross-entropy in float64."""
    return float(-np.log(probes.activations(weights, X)["a2"][np.arange(len(y)), y]).mean())


def numerical_gradient(weights: Weights, X: np.ndarray, y: np.ndarray, h: float = 1e-5) -> Weights:
    """Central differences of the trusted mean loss by every entry of every parameter."""
    result = {}
    for name, values in weights.items():
        gradient = np.zeros_like(values)
        for index in np.ndindex(*values.shape):
            ends = []
            for nudge in (h, -h):
                nudged = values.copy()
                nudged[index] += nudge
                ends.append(mean_loss({**weights, name: nudged}, X, y))
            gradient[index] = (ends[0] - ends[1]) / (2 * h)
        result[name] = gradient
    return result


def own_and_assisted(student: Student, *trusted: str) -> tuple[Ref, Ref]:
    """Return the student's class, and a subclass with trusted methods: `Layers` and what else of `probes` is named."""
    loaded = student.load(probes, "in_front", *trusted)
    own = student.MLPFromScratch
    return own, loaded.in_front(own, *(getattr(loaded, name) for name in trusted))


def with_seed(classes: tuple[Ref, ...], rng: np.random.Generator) -> list[tuple[Ref, int]]:
    """Give each class the same seed, so that all sides of `either` are asked the same."""
    seed = int(rng.integers(2**31))
    return [(cls, seed) for cls in classes]


def recorded_settings(run: dict[str, Any]) -> dict[str, Any]:
    """Return what a recording network says it was made with, as plain numbers."""
    settings = dict(run["settings"])
    seed = settings.pop("seed")
    if not (seed is None or isinstance(seed, (int, np.integer))):
        raise Fail("a network with a whole number as its seed", f"{type(seed).__name__}", "pass random_state on")
    sizes = {name: int(settings[name]) for name in ("n_input", "n_hidden", "n_output")}
    if max(sizes.values()) > 5000:
        raise Fail(
            "a network of the sizes that the data asks for", "one far larger", "n_input is the number of columns"
        )
    learning_rate = number(settings["learning_rate"], "learning_rate")
    if not 0 < learning_rate < 100:
        raise Fail("a network with a positive learning rate", f"{learning_rate:.4g}", "pass learning_rate on")
    steps = number(run["epochs"], "epochs") * len(run["X"]) / max(number(run["batch_size"], "batch_size"), 1)
    if steps > 20_000:
        raise Fail("a training of as many epochs as asked for", "one far longer", "pass epochs and batch_size on")
    return {**sizes, "learning_rate": learning_rate, "seed": None if seed is None else int(seed)}
