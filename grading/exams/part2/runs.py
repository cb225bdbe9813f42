"""Runs of a student's training: what a witness noted of them, and judges of what it ought to be.

A witness (`probes.Witness`) notes what training asks of it. Its notes are claims: the last weights are read from the
model itself, and where a trusted optimizer leads from the first weights to them, its weights take the place of the
noted ones (`Run.verified`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from grading.exams.part2 import probes
from grading.exams.part2.epochs import Epoch, Measured, demand_whole, epochs_of, measured
from grading.exams.part2.trusted import N_WEIGHTS, Data, answer, backward, gradient
from grading.handle import Ref, Student, items, size, value
from grading.judge import Fail, array, cosine, ok, relative_error

HISTORY = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
MOST_PASSES = 600
"""Far more than any training here takes: each pass costs the exam a gradient or two."""
LEAST_COSINE = 0.15
"""Between a step and the gradient of its batch, in one batch of an epoch: chance gives 0.08, Adam far more."""
Zeroing = Literal["step", "epoch", "never"]
MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


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

    def epochs(self) -> list[Epoch[Pass]]:
        """Return the epochs; fail where nothing was trained."""
        return epochs_of(self.passes)

    def measure(self, passes: list[Pass], *, training: bool) -> Measured:
        """Return loss and accuracy over the samples of passes, each with the weights of its pass."""

        def answered(noted: Pass) -> tuple[torch.Tensor, torch.Tensor]:
            images, labels = self.batch(noted)
            return answer(noted.weights, images, training=training, shift=self.shift), labels

        return measured(map(answered, passes))

    def demand_steps(self, *, or_stillness: bool = False) -> None:
        """Demand in each epoch a step along the gradient of its batch: without training there is nothing to judge.

        Parameters
        ----------
        or_stillness
            Whether weights that never move will do, by which what was reported can be judged as well.
        """
        if or_stillness and not self.movers():
            return
        then, total = self.weights_after(), np.zeros(N_WEIGHTS)
        for number, epoch in enumerate(self.epochs(), start=1):
            best = 0.0
            for noted in epoch.steps:  # gradients that pile up cost elsewhere, so their sum will do as well
                moved, own = (then[id(noted)] - noted.weights).astype(float), self._slope(noted)
                total += own
                best = max(best, abs(cosine(moved, own)), abs(cosine(moved, total)))
            hint = "loss.backward() and optimizer.step() for each batch of train_loader"
            ok(best > LEAST_COSINE, expected="steps that train the model", came=f"none in epoch {number}", hint=hint)

    def _slope(self, noted: Pass) -> np.ndarray:
        """Return the gradient of the loss on the batch of a pass."""
        return gradient(noted.weights, *self.batch(noted), training=noted.training, shift=self.shift).astype(float)

    def weights_after(self) -> dict[int, np.ndarray]:
        """Return the weights that follow each pass, by the id of the pass."""
        after = [noted.weights for noted in self.passes[1:]] + [self.end]
        return {id(noted): weights for noted, weights in zip(self.passes, after, strict=True)}

    def movers(self) -> list[Pass]:
        """Return the passes after which the weights are others."""
        then = self.weights_after()
        return [noted for noted in self.passes if not np.array_equal(noted.weights, then[id(noted)])]

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
                    backward(twin.train(noted.training if training is None else training), *self.batch(noted))
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
    most = len(data.images) + len(data.val_images)
    ok(0 < len(marks) <= most, expected="batches of the loaders' images", came=f"one of {len(marks)} images")
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
    noted = events(loaded, done)
    passes = [read_pass(event, data) for event in noted if event["what"] == "pass"]
    run = Run(data, shift, start, passes, read_weights(model), came)
    if passes:
        hint = "train the model that is given: its own weights, in place"
        same = np.array_equal(passes[0].weights, start)
        ok(same, expected="training from the weights that the model has", came="from others", hint=hint)
    return run


def events(loaded: Ref, done: int) -> list[dict[str, Any]]:
    """Return what was noted behind the first `done` events; fail where it is more than any training notes."""
    noted = items(loaded.EVENTS, done + MOST_PASSES + 1)[done:]
    hint = "one pass over each loader an epoch"
    ok(len(noted) <= MOST_PASSES, expected="a pass for each batch", came=f"over {MOST_PASSES} passes", hint=hint)
    return noted


# --- histories ----------------------------------------------------------------------------------------------------


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


def judge_history(run: Run, n_epochs: int, what: str, *, validation: bool = True) -> None:
    """Judge `train_…` and perhaps `val_…`, loss or accuracy, by the weights of each pass."""
    names = [f"train_{what}", f"val_{what}"][: 1 + validation]
    came = history(run.answer, n_epochs, *names)
    epochs = run.epochs()
    hints = {
        "train_loss": "add up loss.item() * len(labels) over the batches, divide by the number of samples: "
        "the last batch is short",
        "val_loss": "add up loss.item() * len(labels) over val_loader after the epoch's last step, "
        "divide by the number of samples",
        "train_accuracy": "right answers among all of the epoch's own passes, over the number of samples, from 0 to 1",
        "val_accuracy": "right answers on val_loader after the epoch's last step, over the number of samples",
    }
    if validation:
        demand_whole(epochs, len(run.data.val_images))
    for name in names:
        passes = [epoch.checks if name.startswith("val") else epoch.steps for epoch in epochs]
        found = [run.measure(each, training=False) for each in passes]
        slack = tied(found) if what == "accuracy" else 0.0
        judge_values(came[name], [getattr(each, what) for each in found], name, hints[name], slack)


def tied(found: list[Measured]) -> float:
    """Return the share of answers that rounding could turn; where it is large, no weights were learnt."""
    return min(max(each.doubtful for each in found), 0.1)


# --- modes ------------------------------------------------------------------------------------------------------


def demand_checks(checks: list[Pass]) -> None:
    """Demand passes on validation images."""
    hint = "after each epoch's steps, a pass over val_loader"
    ok(bool(checks), expected="validation by model(images)", came="none", hint=hint)


def modes_right(epochs: list[Epoch[Pass]]) -> None:
    """Demand train mode for steps, and eval mode without gradients for checks."""
    steps = [noted for epoch in epochs for noted in epoch.steps]
    checks = [noted for epoch in epochs for noted in epoch.checks]
    demand_checks(checks)
    train_mode = all(noted.training for noted in steps)
    ok(train_mode, expected="train mode while training", came="eval mode", hint="model.train() in each epoch")
    eval_mode = not any(noted.training for noted in checks)
    ok(eval_mode, expected="eval mode while validating", came="train mode", hint="model.eval() before val_loader")
    quiet = not any(noted.with_gradient for noted in checks)
    ok(quiet, expected="validation without gradients", came="with them", hint="with torch.no_grad():")
