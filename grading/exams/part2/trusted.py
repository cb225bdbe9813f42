"""What the exams of training share: small data, runs of a student's training, and what it ought to have done.

A witness (`probes.Witness`) notes what training asks of it. Its notes are claims: the last weights are read from the
model itself, and where a trusted optimizer leads from the first weights to them, its weights take the place of the
noted ones (`Run.verified`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from grading.exams.part2 import probes
from grading.handle import Ref, Student, items, size, value
from grading.judge import Fail, array, ok, relative_error

N_WEIGHTS = 172
CPU = torch.device("cpu")
Zeroing = Literal["step", "epoch", "never"]
MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


@dataclass(frozen=True)
class Data:
    """Images made of 7 × 7 blocks, float32 (N, 1, 28, 28) in [0, 1], and their labels; the last batches are short."""

    images: torch.Tensor
    labels: torch.Tensor
    val_images: torch.Tensor
    val_labels: torch.Tensor
    batch_size: int = 8
    val_batch_size: int = 6

    @property
    def n_batches(self) -> int:
        """Number of training batches an epoch."""
        return -(-len(self.images) // self.batch_size)

    def loaders(self) -> tuple[DataLoader, DataLoader]:
        """Return a training loader in the order of the data, and a validation loader."""
        train, val = TensorDataset(self.images, self.labels), TensorDataset(self.val_images, self.val_labels)
        return DataLoader(train, self.batch_size), DataLoader(val, self.val_batch_size)


def images_of_blocks(rng: np.random.Generator, n: int) -> torch.Tensor:
    """Draw images (n, 1, 28, 28) in [0, 1] of 4 × 4 blocks; their last pixel is 0."""
    blocks = torch.as_tensor(rng.random((n, 1, 4, 4)), dtype=torch.float32)
    images = blocks.repeat_interleave(7, dim=2).repeat_interleave(7, dim=3)
    images[:, :, -1, -1] = 0
    return images


def small_data(rng: np.random.Generator, n: int = 19, n_val: int = 13) -> Data:
    """Draw training and validation images with labels that are hard to learn, of all ten classes."""
    labels = torch.as_tensor(rng.permutation(np.arange(n) % 10))
    val_labels = torch.as_tensor(rng.permutation(np.arange(n_val) % 10))
    return Data(images_of_blocks(rng, n), labels, images_of_blocks(rng, n_val), val_labels)


def draw_weights(rng: np.random.Generator) -> np.ndarray:
    """Draw weights (172,) of a witness, float32."""
    return (0.7 * rng.normal(size=N_WEIGHTS)).astype(np.float32)


# --- the trusted side of a witness --------------------------------------------------------------------------------


def answer(weights: np.ndarray, images: torch.Tensor, *, training: bool, shift: float = 0.0) -> torch.Tensor:
    """Return the logits (N, 10) of a witness with these weights."""
    twin = probes.Witness(weights, shift).train(training)
    with torch.no_grad():
        return twin.answer(images[:, 0, ::7, ::7].flatten(1))


def gradient(
    weights: np.ndarray, images: torch.Tensor, labels: torch.Tensor, *, training: bool, shift: float = 0.0
) -> np.ndarray:
    """Return the gradient (172,) of the mean cross-entropy of a witness."""
    twin = probes.Witness(weights, shift).train(training)
    _backward(twin, images, labels)
    found = probes.gradient_of(list(twin.parameters()))
    assert found is not None
    return found.numpy()


def mean_loss(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the mean cross-entropy."""
    return float(nn.functional.cross_entropy(logits, labels))


def _backward(twin: probes.Witness, images: torch.Tensor, labels: torch.Tensor) -> None:
    with torch.enable_grad():
        logits = twin.answer(images[:, 0, ::7, ::7].flatten(1))
        nn.functional.cross_entropy(logits, labels).backward()


def adam(lr: float) -> MakeOptimizer:
    """Return a maker of Adam at a learning rate."""
    return lambda parameters: torch.optim.Adam(parameters, lr=lr)


# --- what a witness noted -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pass:
    """One pass of a batch through a witness, as it noted it.

    Attributes
    ----------
    rows : ndarray of int
        Which images, by their positions in the data.
    validation : bool
        Whether they are validation images.
    training, with_gradient : bool
        The mode of the model, and whether gradients were recorded.
    weights : ndarray, shape (172,)
    gradient : ndarray or None
        What the parameters had gathered before this pass.
    """

    rows: np.ndarray
    validation: bool
    training: bool
    with_gradient: bool
    weights: np.ndarray
    gradient: np.ndarray | None


@dataclass
class Epoch:
    """The passes on training images of one epoch, with gradients, and those on validation images after them."""

    steps: list[Pass] = field(default_factory=list)
    checks: list[Pass] = field(default_factory=list)


@dataclass(frozen=True)
class Measured:
    """Mean loss and accuracy, and the share of answers that rounding could turn."""

    loss: float
    accuracy: float
    doubtful: float


@dataclass(frozen=True)
class Run:
    """One training: what it was given, what it noted and answered, and the weights before and after it."""

    data: Data
    shift: float
    start: np.ndarray
    passes: list[Pass]
    end: np.ndarray
    answer: Any = None

    def batch(self, noted: Pass) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images and labels of a pass."""
        data = self.data
        images, labels = (data.val_images, data.val_labels) if noted.validation else (data.images, data.labels)
        return images[noted.rows], labels[noted.rows]

    def epochs(self) -> list[Epoch]:
        """Cut the passes into epochs: one begins with the first training pass behind a validation."""
        found: list[Epoch] = []
        for noted in self.passes:
            if noted.validation:
                if found:  # a validation before any training belongs to none
                    found[-1].checks.append(noted)
            elif noted.with_gradient:  # without: another look at training images, which is free
                if not found or found[-1].checks:
                    found.append(Epoch())
                found[-1].steps.append(noted)
        hint = "in each epoch: a pass over train_loader, then one over val_loader, through model(images)"
        ok(bool(found), expected="training through model(images), with gradients", came="none", hint=hint)
        return found

    def measure(self, passes: list[Pass], *, training: bool) -> "Measured":
        """Return loss and accuracy over the samples of passes, each with the weights of its pass."""
        ok(bool(passes), expected="a pass over each loader in each epoch", came="none", hint="for … in val_loader")
        losses, right, ties, seen = 0.0, 0, 0, 0
        for noted in passes:
            images, labels = self.batch(noted)
            logits = answer(noted.weights, images, training=training, shift=self.shift)
            losses += mean_loss(logits, labels) * len(labels)
            right += int((logits.argmax(dim=1) == labels).sum())
            first, second = logits.topk(2, dim=1).values.T
            ties += int((first - second < 1e-5).sum())
            seen += len(labels)
        return Measured(losses / seen, right / seen, ties / seen)

    def movers(self) -> list[Pass]:
        """Return the passes after which the weights are others."""
        after = [noted.weights for noted in self.passes[1:]] + [self.end]
        return [
            noted for noted, then in zip(self.passes, after, strict=True) if not np.array_equal(noted.weights, then)
        ]

    def replay(
        self, make: MakeOptimizer, *, zeroing: Zeroing = "step", training: bool | None = None
    ) -> list[np.ndarray]:
        """Return the weights before and after each step of a trusted optimizer, on the batches that moved them.

        Parameters
        ----------
        zeroing
            When gradients are set to zero; only "step" is right.
        training
            Mode of the model; by default as noted.
        """
        twin = probes.Witness(self.start, self.shift)
        optimizer = make(list(twin.parameters()))
        firsts = {id(epoch.steps[0]) for epoch in self.epochs()}
        weights = [self.start]
        movers = {id(noted) for noted in self.movers()}
        for noted in self.passes:
            moves = id(noted) in movers
            if noted.with_gradient:  # a step without a pass of its own takes the last gradient once more
                if zeroing == "step" or (zeroing == "epoch" and id(noted) in firsts):
                    optimizer.zero_grad()
                if moves or not noted.validation:
                    _backward(twin.train(noted.training if training is None else training), *self.batch(noted))
            if moves:
                optimizer.step()
                weights.append(probes.weights_of(twin.parameters()).numpy())
        return weights

    def agrees(self, weights: list[np.ndarray]) -> bool:
        """Say whether a replay moves the weights as this training did; never where it did not move them."""
        moved = self.end - self.start
        return bool(moved.any()) and relative_error(weights[-1] - weights[0], moved) < 2e-3

    def verified(self, make: MakeOptimizer) -> "Run":
        """Return this run with the weights of a replay in place of the noted ones, if it comes to the same end."""
        weights = self.replay(make)
        if not self.agrees(weights):
            return self  # a mistake in the steps themselves, which costs elsewhere
        movers, taken, passes = {id(noted) for noted in self.movers()}, 0, []
        for noted in self.passes:
            passes.append(replace(noted, weights=weights[taken]))
            taken += id(noted) in movers
        return replace(self, passes=passes)


def read_pass(event: dict[str, Any], data: Data) -> Pass:
    """Return a noted pass; fail where it was not given images of the data as they are."""
    marks = array(event["marks"], "the images of a batch", shape=(None,))
    ok(len(marks) > 0, expected="batches of images", came="an empty one")
    for validation, images in ((False, data.images), (True, data.val_images)):
        known = images[:, 0, 0, 0].double().numpy()
        distances = np.abs(marks[:, None] - known[None])
        if distances.min(axis=1).max() < 1e-6:
            weights = _vector(event["weights"], "the weights")
            noted = event["gradient"]
            found = None if noted is None else _vector(noted, "the gradients")
            flags = (event["training"], event["with gradient"])
            if not all(type(flag) is bool for flag in flags):
                raise Fail("the modes of the model", "something else")
            return Pass(distances.argmin(axis=1), validation, *flags, weights, found)
    hint = "hand the batches of the loaders to the model as they come"
    raise Fail("images of train_loader or of val_loader in each batch", "others, or both in one", hint)


def _vector(answered: Any, what: str) -> np.ndarray:
    hint = "do the losses stay finite? The model keeps its own parameters"
    return array(answered, what, shape=(N_WEIGHTS,), hint=hint).astype(np.float32)


def read_weights(model: Ref) -> np.ndarray:
    """Read the weights (172,) of a witness from itself."""
    state = value(model.state_dict())
    ok(isinstance(state, dict), expected="a model with its weights", came="none")
    return _vector(np.concatenate([array(tensor, "the weights").ravel() for tensor in state.values()]), "the weights")


def train(
    student: Student, loaded: Ref, data: Data, model: Ref, function: str, *, shift: float = 0.0, **settings: Any
) -> Run:
    """Let a student's function train a witness on small data; return what came of it."""
    start, done = read_weights(model), size(loaded.EVENTS)
    came = getattr(student, function)(model, *data.loaders(), **settings)
    noted = items(loaded.EVENTS, done + 3000)[done:]
    passes = [read_pass(event, data) for event in noted if event["what"] == "pass"]
    run = Run(data, shift, start, passes, read_weights(model), came)
    if passes:
        hint = "train the model that is given: its own weights, in place"
        same = np.array_equal(passes[0].weights, start)
        ok(same, expected="training from the weights that the model has", came="from others", hint=hint)
    return run


# --- histories ----------------------------------------------------------------------------------------------------

HISTORY = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")


def history(answered: Any, epochs: int, *names: str) -> dict[str, np.ndarray]:
    """Return the lists of a history that are asked for, float64 (epochs,) each."""
    hint = "return a dict with these four keys" if set(names) <= set(HISTORY) else "return a dict with all its keys"
    ok(isinstance(answered, dict), expected="a dict of lists", came=answered, hint=hint)
    for name in names:
        if name not in answered:
            raise Fail(f"`{name}` in the history", f"the keys {', '.join(map(str, list(answered)[:8]))}", hint)
    hint = "append one value to each list at the end of each epoch"
    return {name: array(answered[name], f"`{name}`", shape=(epochs,), hint=hint) for name in names}


def judge_values(came: np.ndarray, wanted: list[float], name: str, hint: str, slack: float = 0.0) -> None:
    """Demand the trusted values of a history, up to rounding of float32 and a slack."""
    ok(len(came) == len(wanted), expected="as many epochs as values", came=f"{len(wanted)} epochs", hint=hint)
    far = np.abs(came - np.array(wanted)) > slack + 1e-4 + 2e-4 * np.abs(wanted)
    if far.any():
        first = int(far.argmax())
        raise Fail(f"`{name}` of each epoch", f"{came[first]:.4g} in epoch {first + 1}, which is something else", hint)
