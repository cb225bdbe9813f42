"""Runs of a student's trainers: what a small model noted of them.

A model (`probes.Miniature`) notes its whole state at each pass. Its notes are claims: first and last states are read
from the model itself, and losses and accuracies are computed anew from the states, on the exam's own side.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from grading.exams.part2.epochs import Epoch, Measured, epochs_of, measured
from grading.exams.part2.trusted import Data
from grading.exams.part3 import probes
from grading.exams.part3.states import ALL_WEIGHTS, N_MODES, N_PARAMETERS, model_at, read_state, weights_moved
from grading.handle import Ref, Student, items, size
from grading.judge import array, cosine, ok

MOST_EVENTS = 600
"""Far more than any training here takes."""
LEAST_COSINE = 0.13
"""Between steps and the ways down on their batches, in the mean: chance gives 0.0 ± 0.04, optimizers at least 0.19."""


# --- what a model noted -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pass:
    """One pass of a batch, as the model noted it.

    Attributes
    ----------
    rows : ndarray of int
        Which images, by their positions in the data.
    validation : bool
        Whether they are validation images.
    modes : list of bool
        Which of its batch norms were in train mode, and whether its dropout was.
    with_gradient : bool
        Whether gradients were recorded.
    opened : list of bool
        Which blocks are trainable.
    state : ndarray
        All weights and statistics.
    gradient : ndarray or None
        Of all parameters, at the step of an optimizer that followed.
    """

    rows: np.ndarray
    validation: bool
    modes: list[bool]
    with_gradient: bool
    opened: list[bool]
    state: np.ndarray
    gradient: np.ndarray | None = None


@dataclass(frozen=True)
class Run:
    """One training: what it was given, what it noted and answered, and the states before and after it.

    Attributes
    ----------
    unfrozen : list
        What `unfreeze_layers` was called with.
    held : list
        How many frozen parameters the optimizer held at each step.
    """

    data: Data
    start: np.ndarray
    passes: list[Pass]
    end: np.ndarray
    answer: Any
    unfrozen: list[Any]
    held: list[Any]

    def epochs(self) -> list[Epoch[Pass]]:
        """Return the epochs; fail where nothing was trained."""
        return epochs_of(self.passes)

    def measure(self, passes: list[Pass]) -> Measured:
        """Return loss and accuracy over the samples of passes, each with the state and the modes of its pass."""
        return measured(map(self._logits, passes))

    def _logits(self, noted: Pass) -> tuple[torch.Tensor, torch.Tensor]:
        twin, images, labels = self.twin(noted)
        with torch.no_grad():
            return twin.answer(images), labels

    def twin(self, noted: Pass) -> tuple[probes.Miniature, torch.Tensor, torch.Tensor]:
        """Return a model in the state and the modes of a pass, with its images and labels: until the next call."""
        data = self.data
        images, labels = (data.val_images, data.val_labels) if noted.validation else (data.images, data.labels)
        return model_at(noted.state, noted.modes), images[noted.rows], labels[noted.rows]

    def demand_training(self) -> None:
        """Demand steps along the gradients of their batches: without training there is nothing to judge."""
        moved = (self.start != self.end)[ALL_WEIGHTS].any()
        hint = "loss.backward() and optimizer.step() for each batch of train_loader"
        ok(bool(moved), expected="weights that training changes", came="all as they were", hint=hint)
        along = abs(self.downhill) > LEAST_COSINE
        hint = "is it the cross-entropy of the logits that is minimised, and nothing far stronger beside it?"
        ok(along, expected="steps along the gradient", came="steps of another direction", hint=hint)

    @cached_property
    def downhill(self) -> float:
        """The mean cosine of the angles between steps and the ways down on their batches."""
        movers = {id(noted): then for noted, then in self.followed() if weights_moved(noted.state, then)}
        steps = [noted for epoch in self.epochs() for noted in epoch.steps if id(noted) in movers]
        return float(np.mean([self._cosine(noted, movers[id(noted)]) for noted in steps] or [0.0]))

    def _cosine(self, noted: Pass, then: np.ndarray) -> float:
        """Return that of one step, over the weights that it moved."""
        moved = (then - noted.state).astype(float)[:N_PARAMETERS]
        return -_cosine(moved, self._slope(noted))

    def _slope(self, noted: Pass) -> np.ndarray:
        """Return the gradient of a batch's cross-entropy, of all parameters."""
        twin, images, labels = self.twin(noted)
        twin.zero_grad()
        nn.functional.cross_entropy(twin.requires_grad_(True).answer(images), labels).backward()
        slopes = [torch.zeros_like(p) if p.grad is None else p.grad for p in twin.parameters()]
        return np.concatenate([slope.numpy().ravel() for slope in slopes]).astype(float)

    @cached_property
    def likeness(self) -> tuple[float, float]:
        """Mean cosines of the gradients at the steps with those of their batches, and with sums over earlier ones too.

        The sums are those of the whole training or of each epoch, whichever are nearer. Both cosines are 0 where no
        optimizer was seen to step.
        """
        own, by_run, by_epoch, total = [0.0], [0.0], [0.0], np.zeros(N_PARAMETERS)
        for epoch in self.epochs():
            of_epoch = np.zeros(N_PARAMETERS)
            for noted in epoch.steps:
                slope = self._slope(noted)
                total, of_epoch = total + slope, of_epoch + slope
                if noted.gradient is not None:
                    vectors = (slope, total, of_epoch)
                    for found, vector in zip((own, by_run, by_epoch), vectors, strict=True):
                        found.append(_cosine(noted.gradient, vector))
        return float(np.mean(own)), float(max(np.mean(by_run), np.mean(by_epoch)))

    def followed(self) -> list[tuple[Pass, np.ndarray]]:
        """Return each pass with the state that follows it."""
        return list(zip(self.passes, [noted.state for noted in self.passes[1:]] + [self.end], strict=True))

    def checked_states(self) -> list[np.ndarray]:
        """Return the states that were validated, and the last one."""
        return [noted.state for noted in self.passes if noted.validation] + [self.end]


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Return the cosine of an angle, over the numbers that are not 0 in the first vector."""
    return cosine(one[one != 0], other[one != 0])


def _read_passes(noted: list[Any], data: Data) -> list[Pass]:
    """Return the noted passes in order, each with the gradient of the step that followed it."""
    found: list[Pass] = []
    for event in noted:
        if event["what"] == "pass":
            found.append(read_pass(event, data))
        elif event["what"] == "step" and found and found[-1].gradient is None:
            hint = "do the losses stay finite?"
            gradient = array(event["gradient"], "the gradients", shape=(N_PARAMETERS,), hint=hint).astype(float)
            found[-1] = replace(found[-1], gradient=gradient)
    return found


def read_pass(event: dict[str, Any], data: Data) -> Pass:
    """Return a noted pass; fail where it was not given images of the data as they are."""
    marks = array(event["marks"], "the images of a batch", shape=(None,))
    most = len(data.images) + len(data.val_images)
    ok(0 < len(marks) <= most, expected="batches of the loaders' images", came=f"one of {len(marks)} images")
    flags = [*event["modes"], *event["open"], event["with gradient"]]
    right = all(type(flag) is bool for flag in flags) and len(event["modes"]) == N_MODES
    ok(right, expected="a pass through each block and the head", came="something else", hint="model(images)")
    hint = "hand the batches of the loaders to the model as they come"
    for validation, images in ((False, data.images), (True, data.val_images)):
        distances = np.abs(marks[:, None] - images[:, 0, 0, 0].double().numpy()[None])
        if distances.min(axis=1).max() < 1e-6:
            hint = "do the losses stay finite? The model keeps its own parameters"
            state = array(event["state"], "the weights", shape=ALL_WEIGHTS.shape, hint=hint).astype(np.float32)
            rows = distances.argmin(axis=1)
            return Pass(rows, validation, event["modes"], event["with gradient"], event["open"], state)
    ok(False, expected="images of train_loader or of val_loader in each batch", came="others, or both", hint=hint)
    raise AssertionError  # not reached


def train(student: Student, loaded: Ref, data: Data, state: np.ndarray, function: str, *args: Any, **more: Any) -> Run:
    """Let a student's function train a new small model on small data; return what came of it."""
    model, done = loaded.Miniature(state), size(loaded.EVENTS)
    watch = loaded.watch_steps(model)
    try:
        came = getattr(student, function)(model, *data.loaders(), *args, **more)
    finally:
        watch.remove()
    noted = items(loaded.EVENTS, done + MOST_EVENTS + 1)[done:]
    hint = "one pass over each loader an epoch"
    ok(len(noted) <= MOST_EVENTS, expected="a pass for each batch", came=f"over {MOST_EVENTS} events", hint=hint)
    passes = _read_passes(noted, data)
    unfrozen = [event["layers"] for event in noted if event["what"] == "unfreeze"]
    held = [event["frozen"] for event in noted if event["what"] == "step"]
    if passes:
        hint = "train the model that is given: its own weights, in place"
        same = np.array_equal(passes[0].state, state)
        ok(same, expected="training from the weights that the model has", came="from others", hint=hint)
    return Run(data, state, passes, read_state(model), came, unfrozen, held)
