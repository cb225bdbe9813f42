"""The exam of Task 1 about the loop of training: who is seen when, and what comes back."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from grading.exam import exam, idea
from grading.exams.part1 import probes
from grading.exams.part1.trusted import PARAMETERS, Sizes, Weights, build
from grading.exams.sides import either
from grading.handle import Ref, Student, StudentError, items, size, value
from grading.judge import Fail, array, integers, number, ok, relative_error

BEFORE = ("Layers", "Forward", "Loss", "Backward", "Predict")
"""What is judged before the training, and may be sent."""
N_TRAIN, N_VAL, EPOCHS, BATCH_SIZE, BRIGHT, RATE = 23, 40, 4, 5, 3.0, 0.05
EVERY_ONE = "one permutation of the row numbers an epoch; range(0, n, batch_size) starts a last, shorter batch too"


@exam("test-mlp-train", points=10)
def training_sees_every_sample_once_an_epoch(student: Student, rng: np.random.Generator) -> None:
    """Which samples each step sees, what comes back, and what is left alone.

    Training image i is bright at pixel i alone, so a recording `backward` can tell the samples apart. What it notes is
    a claim: the steps are replayed here from the first weights, and must lead to the weights at the end. `backward` is
    a trusted one, so that a wrong gradient costs nothing here.

    Split: every sample once an epoch with its own label, by `self.backward`, no other ones 4; a new order in each epoch
    1, the same ones from the same seed 1; histories 2; the loss falls 1; the caller's arrays stay as they are 1.
    """
    loaded = student.load(probes, "in_front", "RecordingSteps", *BEFORE)
    seed = int(rng.integers(2**31))
    helpless, helped, untouched = (
        # The last is for a train that reads what its own backward leaves behind.
        _training_side(student, loaded, _recording(student, loaded, trusted), seed)
        for trusted in (("Backward",), BEFORE, ())
    )
    for name, points, judge in (
        ("every sample once an epoch, with its own label", 4, _each_sample_once),
        ("a new order in each epoch", 1, _reshuffled),
        ("the same orders from the same seed", 1, _reproducible),
        ("histories of losses and validation accuracies", 2, _histories_right),
        ("the training loss falls", 1, _loss_falls),
        ("X_train and y_train stay as they are", 1, _untouched),
    ):
        with idea(name, points):
            either(judge, helpless, helped, untouched)
            if judge is _each_sample_once:
                _forward_precedes(helpless, untouched)


def _recording(student: Student, loaded: Ref, trusted: tuple[str, ...]) -> Ref:
    """Return a subclass of the student's network with trusted methods and a `backward` that notes its batches."""
    cls = loaded.in_front(student.MLPFromScratch, loaded.RecordingSteps, *(getattr(loaded, name) for name in trusted))
    # As a class attribute the rate is found where a network keeps its own under another name.
    cls.learning_rate = RATE
    return cls


def _training_side(student: Student, loaded: Ref, cls: Ref, seed: int) -> Any:
    @cache
    def ask() -> list[dict[str, Any]]:
        return [_train_once(student, loaded, cls, seed) for _ in range(2)]

    return ask


def _train_once(student: Student, loaded: Ref, cls: Ref, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    X, y = BRIGHT * np.eye(N_TRAIN), rng.permutation(np.arange(N_TRAIN) % 4)
    X_val, y_val = rng.normal(size=(N_VAL, N_TRAIN)), rng.integers(4, size=N_VAL)
    # The network comes last: what it seeds must not be drawn from before train does.
    net = build(cls, rng, sizes=Sizes(N_TRAIN, 6, 4), learning_rate=RATE, seed=int(rng.integers(2**31)))
    start = net.weights()
    done = size(loaded.STEPS)
    X_there, y_there = student.put(X), student.put(y)
    answer = net.ref.train(
        X_there, y_there, student.put(X_val), student.put(y_val), epochs=EPOCHS, batch_size=BATCH_SIZE
    )
    return {
        "X": X,
        "y": y,
        "X after": X_there,
        "y after": y_there,
        "val": (X_val, y_val),
        "start": start,
        "end": net.weights(),
        "answer": answer,
        "steps": items(loaded.STEPS, done + 10 * EPOCHS * N_TRAIN)[done:],
        "net": net,
    }


def _steps(run: dict[str, Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return what each step was given: X_batch and y_batch, of right shapes."""
    hint = "each step of train is forward, then self.backward(X_batch, y_batch)"
    ok(len(run["steps"]) > 0, expected="steps by self.backward", came="none", hint=hint)
    steps = []
    for noted in run["steps"]:
        X = array(noted["X"], "X_batch in self.backward(X_batch, y_batch)", shape=(None, N_TRAIN))
        steps.append((X, integers(noted["y"], "y_batch in self.backward(X_batch, y_batch)", shape=(len(X),))))
    return steps


def _epochs(run: dict[str, Any]) -> list[list[int]]:
    """Cut the sequence of samples into epochs of equal length, each sample by its brightest pixel."""
    rows = [int(row) for X, _ in _steps(run) for row in X.argmax(axis=1)]
    whole = len(rows) % EPOCHS == 0
    ok(whole, expected=f"{EPOCHS} epochs of {N_TRAIN} samples", came=f"{len(rows)} samples in all", hint=EVERY_ONE)
    length = len(rows) // EPOCHS
    enough = 3 * length >= 2 * N_TRAIN
    ok(enough, expected=f"about {N_TRAIN} samples in each epoch", came=f"{length}", hint=EVERY_ONE)
    return [rows[start : start + length] for start in range(0, len(rows), length)]


def _each_sample_once(runs: list[dict[str, Any]]) -> None:
    run = runs[0]
    for X, labels in _steps(run):
        ok(len(X) <= BATCH_SIZE, expected=f"batches of at most {BATCH_SIZE}", came=f"{len(X)}", hint="use batch_size")
        rows = X.argmax(axis=1)
        hint = "X_val is there to measure the accuracy, never to step on"
        ours = bool(np.isclose(X, BRIGHT * np.eye(N_TRAIN)[rows]).all())
        ok(ours, expected="steps on rows of X_train alone", came="a step on other rows", hint=hint)
        hint = "index X and y by the same row numbers"
        matched = bool((run["y"][rows] == labels).all())
        ok(matched, expected="each sample with its own label", came="labels of other samples", hint=hint)
    for epoch in _epochs(run):
        came = f"{len(set(epoch))} different ones among {len(epoch)}"
        once = sorted(epoch) == list(range(N_TRAIN))
        ok(once, expected=f"each of {N_TRAIN} samples once in an epoch", came=came, hint=EVERY_ONE)
    n_steps, wanted = len(run["steps"]), EPOCHS * -(-N_TRAIN // BATCH_SIZE)
    ok(n_steps == wanted, expected=f"{wanted} steps in all", came=f"{n_steps}", hint="one step a batch")
    _replay_agrees(run)


def _replay(run: dict[str, Any]) -> list[Weights]:
    """Return the weights after each epoch, by trusted steps on what was noted."""
    weights, velocities = dict(run["start"]), {name: np.zeros_like(run["start"][name]) for name in PARAMETERS}
    after, seen, length = [], 0, len(_epochs(run)[0])
    for (X, labels), noted in zip(_steps(run), run["steps"], strict=True):
        learning_rate, momentum = (number(noted[name], name) for name in ("learning_rate", "momentum"))
        probes.step(weights, velocities, X, labels, learning_rate, momentum)
        seen += len(X)
        if seen % length == 0:
            after.append(dict(weights))
    return after


def _replay_agrees(run: dict[str, Any]) -> None:
    end = _replay(run)[-1]
    error = max(relative_error(run["end"][name], end[name]) for name in PARAMETERS)
    hint = "train changes the weights by its steps alone: no new start, no other update"
    came = f"others, by {error:.2g}"
    ok(bool(error < 1e-2), expected="the weights that the steps of train lead to", came=came, hint=hint)


def _forward_precedes(trusted: Callable[[], Any], untouched: Callable[[], Any]) -> None:
    """Demand a `forward` on the batch before each `backward`, unless the student's own `backward` does without."""
    try:
        prepared = all(noted["prepared"] is True for noted in trusted()[0]["steps"])
    except StudentError:  # a neighbour of train raises: that costs elsewhere
        return
    if not prepared:
        hint = "backward uses what the last forward kept: call self.forward(X_batch) right before it"
        try:
            untouched()
        except StudentError:
            raise Fail("self.forward on the batch before each self.backward", "none, or other rows", hint) from None


def _reshuffled(runs: list[dict[str, Any]]) -> None:
    orders = {tuple(epoch) for epoch in _epochs(runs[0])}
    expected = f"another order in each of {EPOCHS} epochs"
    ok(
        len(orders) == EPOCHS,
        expected=expected,
        came=f"{len(orders)} order(s)",
        hint="shuffle within the loop of epochs",
    )
    batches = [frozenset(X.argmax(axis=1).tolist()) for X, _ in _steps(runs[0])]
    length = len(batches) // EPOCHS
    together = {frozenset(batches[start : start + length]) for start in range(0, len(batches), length)}
    hint = "shuffle the samples, not the batches: rng.permutation(len(X)) in each epoch"
    ok(len(together) > 1, expected="samples that meet others in each epoch", came="the same batches", hint=hint)
    sorted_too = any(order == tuple(range(len(order))) for order in orders)
    ok(not sorted_too, expected="shuffled epochs", came="one in the given order", hint="shuffle before each epoch")


def _reproducible(runs: list[dict[str, Any]]) -> None:
    hint = "draw the order from the generator that the seed made, self.rng"
    orders = [_epochs(run) for run in runs]
    ok(orders[0] == orders[1], expected="the same training from the same seed", came="another order", hint=hint)


def _histories(run: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    answer = run["answer"]
    hint = "return train_losses, val_accuracies"
    pair = isinstance(answer, (tuple, list)) and len(answer) == 2
    ok(pair, expected="two histories from train", came=answer if not pair else "", hint=hint)
    hint = "append one value to each at the end of each epoch"
    losses = array(answer[0], "train_losses", shape=(EPOCHS,), hint=hint)
    return losses, array(answer[1], "val_accuracies", shape=(EPOCHS,), hint=hint)


def _histories_right(runs: list[dict[str, Any]]) -> None:
    run = runs[0]
    _, accuracies = _histories(run)
    X_val, y_val = run["val"]
    after = _replay(run)
    for epoch, (came, weights) in enumerate(zip(accuracies, after, strict=False)):
        right = float(np.mean(probes.activations(weights, X_val)["a2"].argmax(axis=1) == y_val))
        hint = "the share of X_val that is predicted right, from 0 to 1, after the epoch's last step"
        # One sample of slack: in float32 two logits may tie.
        expected = f"the accuracy on X_val after epoch {epoch + 1}"
        ok(bool(abs(came - right) < 1.5 / N_VAL), expected=expected, came=f"{came:.4g}", hint=hint)


def _loss_falls(runs: list[dict[str, Any]]) -> None:
    losses, _ = _histories(runs[0])
    _epochs(runs[0])
    if _labels_of_others(runs[0]):
        return  # that costs elsewhere, and nobody knows what the loss does then
    falls = bool(losses[-1] < losses[0])
    hint = "the mean of the losses of this epoch's batches; start each epoch from zero"
    ok(falls, expected="a loss that is lower in the last epoch than in the first", came=str(losses.round(3)), hint=hint)


def _labels_of_others(run: dict[str, Any]) -> bool:
    """Say whether a step was told another label of a sample than its own."""
    return any(bool((run["y"][X.argmax(axis=1)] != labels).any()) for X, labels in _steps(run))


def _untouched(runs: list[dict[str, Any]]) -> None:
    run = runs[0]
    _steps(run)
    for name, given in (("X_train", run["X"]), ("y_train", run["y"])):
        after = array(value(run[f"{name[0]} after"]), name, shape=given.shape)
        hint = "shuffle a list of row numbers, not the arrays themselves"
        ok(bool((after == given).all()), expected=f"{name} as it was", came="changed values or order", hint=hint)
