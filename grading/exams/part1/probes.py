"""What runs on the student's side during the exams of Part I: a trusted network and recorders.

Plain source that the exams send over: NumPy, pandas' and scikit-learn's own classes, nothing of `grading`, and no
answers. What is sent can be stolen and kept, so an exam sends no definition that solves it or a later one: nothing
from here that is not judged by an exam before it in the notebook. The exams import it as well, to compute with the same
trusted network on their own side.

Weights are *canonical* here: W1 (n_hidden, n_input), b1 (n_hidden,), W2 (n_output, n_hidden), b2 (n_output,), float64,
whatever layout and type a student's network uses.
"""

import time
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin

PARAMETERS = ("W1", "b1", "W2", "b2")
Weights = dict[str, Any]
RUNS: list[dict[str, Any]] = []  # what RecordingMLP networks were made with and trained on, one a network
STEPS: list[dict[str, Any]] = []  # what `backward` of a recording network was given
FITS: list[dict[str, Any]] = []  # what recording estimators were fitted on and asked to predict
ALIVE: list[Any] = []  # the recorders themselves: an id is only unique while its object lives


# --- the trusted network ------------------------------------------------------------------------------------------


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities, row by row."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def activations(weights: Weights, X: np.ndarray) -> Weights:
    """z1, a1, z2, a2 of the samples in the rows of X."""
    z1 = X @ weights["W1"].T + weights["b1"]
    a1 = np.maximum(z1, 0)
    z2 = a1 @ weights["W2"].T + weights["b2"]
    return {"z1": z1, "a1": a1, "z2": z2, "a2": softmax(z2)}


def gradients(weights: Weights, X: np.ndarray, y: np.ndarray) -> Weights:
    """Gradients of the mean cross-entropy by backpropagation."""
    kept = activations(weights, X)
    delta2 = kept["a2"].copy()
    delta2[np.arange(len(y)), y] -= 1
    delta2 /= len(y)
    delta1 = (delta2 @ weights["W2"]) * (kept["z1"] > 0)
    return {"W1": delta1.T @ X, "b1": delta1.sum(axis=0), "W2": delta2.T @ kept["a1"], "b2": delta2.sum(axis=0)}


def step(
    weights: Weights, velocities: Weights, X: np.ndarray, y: np.ndarray, learning_rate: float, momentum: float
) -> None:
    """One step with momentum, in place."""
    for name, gradient in gradients(weights, X, y).items():
        velocities[name] = momentum * velocities[name] - learning_rate * gradient
        weights[name] = weights[name] + velocities[name]


# --- a student's network -------------------------------------------------------------------------------------------


def bare(cls: Any) -> Any:
    """An instance whose `__init__` has not run."""
    return cls.__new__(cls)


def canonical(net: Any, n_input: int) -> Weights:
    """The weights of a student's network in the layout of this module."""
    W1, W2 = np.asarray(net.W1, dtype=float), np.asarray(net.W2, dtype=float)
    b1, b2 = np.ravel(np.asarray(net.b1, dtype=float)), np.ravel(np.asarray(net.b2, dtype=float))
    return {
        "W1": W1 if W1.shape == (b1.size, n_input) else W1.T,
        "b1": b1,
        "W2": W2 if W2.shape == (b2.size, b1.size) else W2.T,
        "b2": b2,
    }


# --- a student's network with trusted neighbours ------------------------------------------------------------------
# Each class is put in front of a student's, whose methods it stands in for. Arguments of the student's own are passed
# on or ignored: they are no mistake.


class Layers:
    """Trusted activations."""

    def relu(self, x: Any) -> Any:
        return np.maximum(x, 0)

    def relu_derivative(self, x: Any) -> Any:
        return (np.asarray(x) > 0).astype(float)

    def softmax(self, x: Any) -> Any:
        return softmax(np.asarray(x))


class Forward:
    """A trusted forward pass, which keeps its values in the layout that the student's own keeps them in."""

    def forward(self, X: Any, *more: Any, **extra: Any) -> Any:
        own = getattr(super(), "forward", None)
        if own is not None:
            own(X, *more, **extra)  # for whatever else it keeps
        right = activations(canonical(self, np.shape(X)[1]), np.asarray(X, dtype=float))
        for name, values in right.items():
            kept = np.shape(getattr(self, name, 0))
            if kept in (values.shape, values.T.shape):
                setattr(self, name, values if kept == values.shape else values.T)
        return right["a2"]


class Loss:
    """A trusted loss."""

    def compute_loss(self, y_pred: Any, y_true: Any, *_: Any, **__: Any) -> float:
        return float(-np.log(np.asarray(y_pred)[np.arange(len(y_true)), y_true] + 1e-8).mean())


class Backward:
    """A trusted step."""

    learning_rate: float

    def backward(self, X: Any, y_true: Any, momentum: float = 0.9, *_: Any, **__: Any) -> None:
        weights = canonical(self, np.shape(X)[1])
        velocities = self.__dict__.setdefault("trusted_velocities", {name: 0 * weights[name] for name in PARAMETERS})
        step(weights, velocities, np.asarray(X, dtype=float), np.asarray(y_true), self.learning_rate, momentum)
        for name in PARAMETERS:
            mine = np.asarray(getattr(self, name))
            values = weights[name] if mine.ndim < 2 or mine.shape == weights[name].shape else weights[name].T
            setattr(self, name, values.reshape(mine.shape).astype(mine.dtype))


class Predict:
    """A trusted prediction."""

    def predict(self, X: Any, *_: Any, **__: Any) -> Any:
        return activations(canonical(self, np.shape(X)[1]), np.asarray(X, dtype=float))["a2"].argmax(axis=1)


class RecordingSteps:
    """Notes in `STEPS` what `backward` is given, and whether `forward` saw it before."""

    def forward(self, X: Any, *more: Any, **extra: Any) -> Any:
        vars(self)["last_forward"] = np.array(X, dtype=float)
        return super().forward(X, *more, **extra)  # type: ignore[misc]

    def backward(self, X: Any, y_true: Any, momentum: float = 0.9, *more: Any, **extra: Any) -> None:
        last = vars(self).get("last_forward")
        prepared = last is not None and last.shape == np.shape(X) and bool(np.allclose(last, X, atol=1e-5))
        settings = {"momentum": float(momentum), "learning_rate": float(self.learning_rate)}  # type: ignore[attr-defined]
        STEPS.append({"X": np.array(X), "y": np.array(y_true), "prepared": prepared, **settings})
        super().backward(X, y_true, momentum, *more, **extra)  # type: ignore[misc]


def in_front(cls: Any, *parts: type) -> type:
    """A subclass of a student's network in which the parts stand in for its own methods."""
    return type(cls.__name__, (*parts, cls), {})


# --- the whole network, where it is what a later task builds on ----------------------------------------------------


class TrustedMLP(Predict, Backward, Loss, Forward, Layers):
    """The network of Task 1 as its statement has it; arguments beyond those are taken and ignored.

    Where `stumbles` is set, the labels of the last epoch are rolled by one, so that it is not the best one.
    """

    stumbles = False

    def __init__(
        self,
        n_input: int = 784,
        n_hidden: int = 128,
        n_output: int = 10,
        learning_rate: float = 0.01,
        seed: Any = None,
        **extra: Any,
    ) -> None:
        self.learning_rate = learning_rate
        self.seed = seed
        self.rng = np.random.default_rng(seed or 0)  # without one as well: what follows has to be computed anew
        self.W1 = self.rng.normal(0, np.sqrt(2 / n_input), (n_hidden, n_input))
        self.W2 = self.rng.normal(0, np.sqrt(2 / n_hidden), (n_output, n_hidden))
        self.b1, self.b2 = np.zeros(n_hidden), np.zeros(n_output)

    def train(
        self, X_train: Any, y_train: Any, X_val: Any, y_val: Any, epochs: int = 50, batch_size: int = 128, **extra: Any
    ) -> tuple[list[float], list[float]]:
        X_train, y_train = np.asarray(X_train), np.asarray(y_train)
        losses, accuracies = [], []
        for epoch in range(epochs):
            if self.stumbles and epoch == epochs - 1:
                y_train = np.roll(y_train, 1)
            order = self.rng.permutation(len(X_train))
            total = 0.0
            for start in range(0, len(order), batch_size):
                batch = order[start : start + batch_size]
                total += self.compute_loss(self.forward(X_train[batch]), y_train[batch]) * len(batch)
                self.backward(X_train[batch], y_train[batch])
            losses.append(total / len(X_train))
            accuracies.append(float(np.mean(self.predict(X_val) == np.asarray(y_val))))
        return losses, accuracies


class RecordingMLP(TrustedMLP):
    """A trusted network that notes how it was made and trained, and takes at least `nap` seconds to train."""

    nap = 0.0

    def train(
        self, X_train: Any, y_train: Any, X_val: Any, y_val: Any, epochs: int = 50, batch_size: int = 128, **extra: Any
    ) -> tuple[list[float], list[float]]:
        started = time.perf_counter()
        time.sleep(self.nap)
        history = super().train(X_train, y_train, X_val, y_val, epochs, batch_size)
        RUNS.append(
            {
                "settings": {
                    "n_input": self.W1.shape[1],
                    "n_hidden": self.W1.shape[0],
                    "n_output": self.W2.shape[0],
                    "learning_rate": float(self.learning_rate),
                    "seed": self.seed,
                },
                "network": id(self),
                "epochs": int(epochs),
                "batch_size": int(batch_size),
                "X": np.array(X_train, dtype=float),
                "y": np.array(y_train),
                "seconds": time.perf_counter() - started,
            }
        )
        ALIVE.append(self)
        return history


# --- recording estimators -----------------------------------------------------------------------------------------


class NearestMean(ClassifierMixin, BaseEstimator):
    """A classifier by the nearest class mean; column 0 of X numbers the samples and is not used.

    Notes in `FITS` the samples of each fit and of each prediction, with the object that was asked.
    """

    def __init__(self, spread: float = 1.0) -> None:
        self.spread = spread

    def fit(self, X: np.ndarray, y: np.ndarray) -> "NearestMean":
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == label, 1:].mean(axis=0) for label in self.classes_])
        FITS.append({"what": "fit", "model": id(self), "rows": X[:, 0].astype(int)})
        ALIVE.append(self)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        FITS.append({"what": "predict", "model": id(self), "rows": X[:, 0].astype(int)})
        distances = ((X[:, None, 1:] - self.means_[None]) ** 2).sum(axis=2)
        return self.classes_[distances.argmin(axis=1)]


class RecordingScaler(TransformerMixin, BaseEstimator):
    """A transformer that changes nothing and notes the samples that it is fitted on."""

    def fit(self, X: np.ndarray, y: Any = None) -> "RecordingScaler":
        self.fitted_ = True
        FITS.append({"what": "scaler", "rows": X[:, 0].astype(int)})
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        return X


class Scripted(ClassifierMixin, BaseEstimator):
    """An estimator that answers from a table by the sample's number, in column 0, and naps as long as it is told."""

    def __init__(self, table: Any = None, fit_nap: float = 0.0, predict_nap: float = 0.0, name: str = "") -> None:
        self.table = table
        self.fit_nap = fit_nap
        self.predict_nap = predict_nap
        self.name = name

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Scripted":
        started = time.perf_counter()
        time.sleep(self.fit_nap)
        self.classes_ = np.unique(y)
        self._note("fit", X, started)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        self.classes_  # noqa: B018 (absent before fit: then this raises, as scikit-learn's own would)
        time.sleep(self.predict_nap)
        answer = np.asarray(self.table)[X[:, 0].astype(int) % len(self.table)]
        self._note("predict", X, started)
        return answer

    def _note(self, what: str, X: np.ndarray, started: float) -> None:
        seconds = time.perf_counter() - started
        FITS.append({"what": what, "name": self.name, "rows": X[:, 0].astype(int), "seconds": seconds})


def forgiving(cls: Any) -> type:
    """A subclass of LogisticRegression that takes, and drops, an argument which newer versions no longer have."""

    def init(self: Any, **settings: Any) -> None:
        settings.pop("multi_class", None)
        cls.__init__(self, **settings)

    return type(cls.__name__, (cls,), {"__init__": init, "__module__": cls.__module__})
