"""Runs of a student's trainers: what a small model noted of them, and judges of what they ought to be.

A model (`probes.Miniature`) notes its whole state at each pass. Its notes are claims: first and last states are read
from the model itself, and losses and accuracies are computed anew from the states, on the exam's own side.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from grading.exams.part2.runs import HISTORY, Measured, history, judge_values, tied
from grading.exams.part2.trusted import Data, mean_loss, small_data
from grading.exams.part3 import probes
from grading.handle import Ref, Student, items, size, value
from grading.judge import array, ok

MOST_EVENTS = 600
"""Far more than any training here takes."""
LEAST_COSINE = 0.1
"""Between steps and the ways down on their batches, in the mean: chance gives 0.0 ± 0.04, optimizers at least 0.19."""
N_BLOCKS = 6
BLOCKS = tuple(range(N_BLOCKS))
OPEN_ALWAYS = ("the 1 × 1 convolution", "the head")
_TWIN = probes.Miniature()  # one for all that is computed anew: making them took longer than using them
_TWIN_NORMS = [module for module in _TWIN.modules() if isinstance(module, probes.Norm1d | probes.Norm2d)]
_NAMES = {name: tuple(values.shape) for name, values in probes.tensors_of(_TWIN).items()}
_N_NORMS = N_BLOCKS + 1  # that of the head is the last


# --- the state of a model, and its parts --------------------------------------------------------------------------


def _part(name: str) -> int | str:
    """Return which part a tensor belongs to: the number of its block, or the name of what is always open."""
    if name.startswith("model.features."):
        return int(name.split(".")[2])
    return OPEN_ALWAYS[name.startswith("model.classifier")]


def _where(part: int | str, *, statistics: bool) -> np.ndarray:
    """Return a mask over the state: the weights of a part, or its statistics of batch norm."""
    flags = [
        np.full(int(np.prod(shape)), _part(name) == part and ("running" in name) is statistics)
        for name, shape in _NAMES.items()
    ]
    return np.concatenate(flags)


PARTS: tuple[int | str, ...] = (*BLOCKS, *OPEN_ALWAYS)
WEIGHTS = {part: _where(part, statistics=False) for part in PARTS}
STATISTICS = {part: _where(part, statistics=True) for part in PARTS}


def all_weights() -> np.ndarray:
    """Return a mask over the state: the weights of all parts."""
    return np.logical_or.reduce(list(WEIGHTS.values()))


def _moved(state: np.ndarray, then: np.ndarray) -> bool:
    return bool((state != then)[all_weights()].any())


def draw_state(rng: np.random.Generator) -> np.ndarray:
    """Draw weights and statistics of a small model, float32."""
    drawn = []
    for name, shape in _NAMES.items():
        values = rng.normal(size=shape)
        if "running_var" in name:
            values = rng.uniform(0.6, 1.6, size=shape)
        elif name.endswith(".1.weight") and len(shape) == 1:  # batch norm of a block
            values = rng.uniform(0.7, 1.3, size=shape)
        drawn.append(0.6 * values.ravel() if "running_var" not in name else values.ravel())
    return np.concatenate(drawn).astype(np.float32)


def read_state(model: Ref) -> np.ndarray:
    """Read the state of a small model from itself."""
    state = value(model.state_dict())
    ok(isinstance(state, dict), expected="a model with its weights", came="none")
    parts = [array(state.get(name), "the weights", shape=shape).ravel() for name, shape in _NAMES.items()]
    return np.concatenate(parts).astype(np.float32)


def lesson(rng: np.random.Generator) -> Data:
    """Draw images with labels of four classes; no batch holds one image, which batch norm could not train on."""
    data = small_data(rng, n_val=14)
    classes = torch.as_tensor(rng.permutation(10))
    return replace(data, labels=classes[data.labels % 4], val_labels=classes[data.val_labels % 4])


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
        Which of its batch norms were in train mode.
    with_gradient : bool
        Whether gradients were recorded.
    opened : list of bool
        Which blocks are trainable.
    state : ndarray
        All weights and statistics.
    """

    rows: np.ndarray
    validation: bool
    modes: list[bool]
    with_gradient: bool
    opened: list[bool]
    state: np.ndarray


@dataclass
class Epoch:
    """The passes on training images of one epoch, with gradients, and those on validation images after them."""

    steps: list[Pass] = field(default_factory=list)
    checks: list[Pass] = field(default_factory=list)


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

    def measure(self, passes: list[Pass]) -> Measured:
        """Return loss and accuracy over the samples of passes, each with the state and the modes of its pass."""
        ok(bool(passes), expected="a pass over each loader in each epoch", came="none", hint="for … in val_loader")
        losses, right, ties, seen = 0.0, 0, 0, 0
        for noted in passes:
            logits, labels = self._logits(noted)
            losses += mean_loss(logits, labels) * len(labels)
            right += int((logits.argmax(dim=1) == labels).sum())
            first, second = logits.topk(2, dim=1).values.T
            ties += int((first - second < 1e-5).sum())
            seen += len(labels)
        return Measured(losses / seen, right / seen, ties / seen)

    def _logits(self, noted: Pass) -> tuple[torch.Tensor, torch.Tensor]:
        twin, images, labels = self.twin(noted)
        with torch.no_grad():
            return twin.answer(images), labels

    def twin(self, noted: Pass) -> tuple[probes.Miniature, torch.Tensor, torch.Tensor]:
        """Return a model in the state and the modes of a pass, with its images and labels: until the next call."""
        data = self.data
        images, labels = (data.val_images, data.val_labels) if noted.validation else (data.images, data.labels)
        _TWIN.take(torch.as_tensor(noted.state))
        for norm, mode in zip(_TWIN_NORMS, noted.modes, strict=True):
            norm.training = mode
        return _TWIN, images[noted.rows], labels[noted.rows]

    def demand_training(self) -> None:
        """Demand steps along the gradients of their batches: without training there is nothing to judge."""
        moved = (self.start != self.end)[all_weights()].any()
        hint = "loss.backward() and optimizer.step() for each batch of train_loader"
        ok(bool(moved), expected="weights that training changes", came="all as they were", hint=hint)
        along = abs(self.downhill) > LEAST_COSINE
        ok(along, expected="steps along the gradient", came="steps of another direction", hint=hint)

    @cached_property
    def downhill(self) -> float:
        """The mean cosine of the angles between steps and the ways down on their batches."""
        movers = {id(noted): then for noted, then in self.followed() if _moved(noted.state, then)}
        steps = [noted for epoch in self.epochs() for noted in epoch.steps if id(noted) in movers]
        return float(np.mean([self._cosine(noted, movers[id(noted)]) for noted in steps] or [0.0]))

    def _cosine(self, noted: Pass, then: np.ndarray) -> float:
        """Return that of one step, over the weights that it moved."""
        twin, images, labels = self.twin(noted)
        twin.zero_grad()
        nn.functional.cross_entropy(twin.requires_grad_(True).answer(images), labels).backward()
        slopes = [torch.zeros_like(v) if v.grad is None else v.grad for v in probes.tensors_of(twin).values()]
        gradient = np.concatenate([slope.numpy().ravel() for slope in slopes]).astype(float)
        moved = (then - noted.state).astype(float)
        mask = all_weights() & (moved != 0)
        size = np.linalg.norm(moved[mask]) * np.linalg.norm(gradient[mask])
        return float(-(moved[mask] @ gradient[mask]) / max(size, 1e-30))

    def followed(self) -> list[tuple[Pass, np.ndarray]]:
        """Return each pass with the state that follows it."""
        return list(zip(self.passes, [noted.state for noted in self.passes[1:]] + [self.end], strict=True))

    def checked_states(self) -> list[np.ndarray]:
        """Return the states that were validated, and the last one."""
        return [noted.state for noted in self.passes if noted.validation] + [self.end]


def read_pass(event: dict[str, Any], data: Data) -> Pass:
    """Return a noted pass; fail where it was not given images of the data as they are."""
    marks = array(event["marks"], "the images of a batch", shape=(None,))
    most = len(data.images) + len(data.val_images)
    ok(0 < len(marks) <= most, expected="batches of the loaders' images", came=f"one of {len(marks)} images")
    flags = [*event["modes"], *event["open"], event["with gradient"]]
    right = all(type(flag) is bool for flag in flags) and len(event["modes"]) == _N_NORMS
    ok(right, expected="a pass through each block and the head", came="something else", hint="model(images)")
    hint = "hand the batches of the loaders to the model as they come"
    for validation, images in ((False, data.images), (True, data.val_images)):
        distances = np.abs(marks[:, None] - images[:, 0, 0, 0].double().numpy()[None])
        if distances.min(axis=1).max() < 1e-6:
            hint = "do the losses stay finite? The model keeps its own parameters"
            length = sum(int(np.prod(shape)) for shape in _NAMES.values())
            state = array(event["state"], "the weights", shape=(length,), hint=hint).astype(np.float32)
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
    passes = [read_pass(event, data) for event in noted if event["what"] == "pass"]
    unfrozen = [event["layers"] for event in noted if event["what"] == "unfreeze"]
    held = [event["frozen"] for event in noted if event["what"] == "step"]
    if passes:
        hint = "train the model that is given: its own weights, in place"
        same = np.array_equal(passes[0].state, state)
        ok(same, expected="training from the weights that the model has", came="from others", hint=hint)
    return Run(data, state, passes, read_state(model), came, unfrozen, held)


# --- judges that the trainers share -------------------------------------------------------------------------------


def judge_learning(run: Run, parts: tuple[int | str, ...]) -> None:
    """Demand that the weights of each part are learnt, and that the training loss falls."""
    judge_steps(run)
    for part in parts:
        name = part if isinstance(part, str) else f"block {part} of {N_BLOCKS}, counted from 0,"
        moved = bool((run.start != run.end)[WEIGHTS[part]].any())
        hint = "give the optimizer each parameter with requires_grad, after unfreezing"
        ok(moved, expected=f"{name} to learn", came="the weights that it had", hint=hint)
    judge_downhill(run)
    first, *later = (run.measure(epoch.steps).loss for epoch in run.epochs())
    best = min(later, default=first)
    hint = "zero_grad, backward and step for each batch, on the cross-entropy of the logits"
    ok(bool(best < 0.98 * first), expected="a training loss that falls", came=f"{best / first:.3f} of it", hint=hint)


def judge_steps(run: Run) -> None:
    """Demand a step for each batch of each epoch."""
    run.demand_training()
    movers = {id(noted) for noted, then in run.followed() if _moved(noted.state, then)}
    for epoch in run.epochs():
        rows = np.sort(np.concatenate([noted.rows for noted in epoch.steps]))
        whole = np.array_equal(rows, np.arange(len(run.data.images)))
        hint = "for images, labels in train_loader: to its end, in each epoch"
        ok(whole, expected="each training image once an epoch", came=f"{len(rows)} in one of them", hint=hint)
        still = sum(id(noted) not in movers for noted in epoch.steps)
        hint = "optimizer.step() for each batch, after loss.backward()"
        ok(still == 0, expected="a step for each training batch", came=f"none for {still} batches", hint=hint)


def judge_downhill(run: Run) -> None:
    """Demand steps that lower the losses of their batches, on the whole."""
    hint = "zero_grad, backward and step for each batch, on the cross-entropy of the logits"
    ok(run.downhill > LEAST_COSINE, expected="steps that lower the loss", came="steps of another direction", hint=hint)


def judge_rate(run: Run, slow: Run) -> None:
    """Demand that a far smaller learning rate moves the weights far less."""
    hint = "the optimizer gets lr=learning_rate"
    far, near = (float(np.abs(each.end - each.start)[all_weights()].max()) for each in (run, slow))
    ok(near < 0.01 * far, expected="small steps at a tiny learning rate", came="large ones", hint=hint)


def judge_kept(states: list[np.ndarray], start: np.ndarray, blocks: tuple[int, ...], kind: str, hint: str) -> None:
    """Demand weights or statistics of blocks bit for bit as they were."""
    masks = WEIGHTS if kind == "weights" else STATISTICS
    for number in blocks:
        same = all(np.array_equal(state[masks[number]], start[masks[number]]) for state in states)
        came = f"others in block {number} of {N_BLOCKS}, counted from 0"
        ok(same, expected=f"the {kind} of frozen blocks as they were", came=came, hint=hint)


def judge_head_mode(run: Run) -> None:
    """Demand train mode in the head wherever a batch is trained on."""
    run.demand_training()
    steps = [noted for epoch in run.epochs() for noted in epoch.steps]
    wrong = sum(not noted.modes[-1] for noted in steps)
    hint = "only what is frozen goes to eval mode: model.train() in each epoch, then eval() on the frozen blocks"
    ok(wrong == 0, expected="the head in train mode for each batch", came=f"eval mode for {wrong}", hint=hint)
    moved = bool((run.start != run.end)[STATISTICS[OPEN_ALWAYS[1]]].any())
    ok(moved, expected="batch norm of the head that gathers statistics", came="those of before", hint=hint)


def judge_validation(run: Run) -> None:
    """Demand validation in eval mode, without gradients, that changes nothing."""
    run.demand_training()
    checks = [noted for noted in run.passes if noted.validation]
    hint = "after each epoch's steps, a pass over val_loader"
    ok(bool(checks), expected="validation by model(images)", came="none", hint=hint)
    wrong = sum(any(noted.modes) for noted in checks)
    ok(wrong == 0, expected="eval mode while validating", came=f"train mode for {wrong}", hint="model.eval()")
    quiet = not any(noted.with_gradient for noted in checks)
    ok(quiet, expected="validation without gradients", came="with them", hint="with torch.no_grad():")
    changed = sum(noted.validation and not np.array_equal(noted.state, then) for noted, then in run.followed())
    hint = "the pass over val_loader measures: no backward and no step in it"
    ok(changed == 0, expected="the model as it was after validation", came=f"another, {changed} times", hint=hint)


def judge_history(run: Run, n_epochs: int) -> None:
    """Demand losses and accuracies of each epoch as they follow from the states that the model went through."""
    run.demand_training()
    came, epochs = history(run.answer, n_epochs, *HISTORY), run.epochs()
    hint = "sum loss.item() * len(labels), and the right answers, over the batches; divide by the number of samples"
    steps, checks = ([run.measure(each) for each in passes] for passes in _both(epochs))
    for name, found in (("train", steps), ("val", checks)):
        judge_values(came[f"{name}_loss"], [measured.loss for measured in found], f"{name}_loss", hint)
        wanted = [measured.accuracy for measured in found]
        judge_values(came[f"{name}_accuracy"], wanted, f"{name}_accuracy", hint, tied(found))


def _both(epochs: list[Epoch]) -> tuple[list[list[Pass]], list[list[Pass]]]:
    return [epoch.steps for epoch in epochs], [epoch.checks for epoch in epochs]


# --- sides of an exam ---------------------------------------------------------------------------------------------


def once(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that makes something at its first call; what it raised then, it raises again."""
    made: list[Any] = []
    raised: list[Exception] = []

    def get() -> Any:
        if raised:
            raise raised[0]
        if not made:
            try:
                made.append(make())
            except Exception as error:
                raised.append(error)
                raise
        return made[0]

    return get
