"""The exams of what follows the validation loss: the learning rate that falls on a plateau, and the early stop.

Their model is `probes.Scripted`, whose validation losses the exam decides.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from grading.exam import exam, idea
from grading.exams.part2 import probes
from grading.exams.part2.runs import HISTORY, Run, adam, history, judge_history, judge_values, modes_right, train
from grading.exams.part2.trusted import CPU, Data, draw_weights, gradient, images_of_blocks, small_data
from grading.handle import Ref, Student
from grading.judge import Fail, ok

N_EPOCHS = 10
EVERY_EPOCH = "scheduler.step(val_loss) once an epoch, after validation: ReduceLROnPlateau(optimizer, 'min', …)"


def _scripted_data(rng: np.random.Generator) -> tuple[Data, np.ndarray]:
    """Return data whose validation images tell a scripted model what to answer, and what each adds to the loss.

    Some images add so much that they are always answered wrong, the others are always right: the accuracy tells
    nothing about the loss. The short last batch is unlike the rest: it sways against the others.
    """
    n = 13
    data, images = small_data(rng, n_val=n), images_of_blocks(rng, n)
    added = np.where(np.arange(n) % 3 == 1, 2.0, rng.uniform(0.0, 0.2, n)).astype(np.float32)
    added[-1] = 2.0
    labels = torch.as_tensor(rng.permutation(np.arange(n) % 10))
    images[:, 0, -1, -1] = 1.0
    images[:, 0, -1, -2], images[:, 0, -1, -3] = torch.as_tensor(added) / 10, labels / 10
    n_last = n % data.val_batch_size
    images[:, 0, -1, -4] = -n_last / (n - n_last)
    images[-n_last:, 0, -1, -4] = 1.0
    return replace(data, val_images=images, val_labels=labels), added


def _judge_scripted_history(run: Run, script: list[float], added: np.ndarray, n_epochs: int) -> None:
    """Judge the four lists: the training ones by the weights, the validation ones by the script."""
    came = history(run.answer, n_epochs, "val_loss", "val_accuracy")
    losses = [loss + float(added.mean()) for loss in script[:n_epochs]]
    hint = "the mean over the samples of val_loader after each epoch: a short last batch weighs less"
    judge_values(came["val_loss"], losses, "val_loss", hint)
    hint = "the share of val_loader that is answered right, from 0 to 1"
    judge_values(came["val_accuracy"], [float(np.mean(added < 1.0))] * n_epochs, "val_accuracy", hint)
    judge_history(run, n_epochs, "loss", validation=False)
    judge_history(run, n_epochs, "accuracy", validation=False)


def _draw_sways(script: list[float], seen: Callable[[list[float]], Any], rng: np.random.Generator) -> list[float]:
    """Draw what the last batch's losses differ by from the script's, so that by them alone other things are seen."""
    while True:
        sways = rng.uniform(-0.3, 0.3, size=len(script))
        if not np.array_equal(seen(script), seen([loss + sway for loss, sway in zip(script, sways, strict=True)])):
            return [float(sway) for sway in sways]


# --- test-lr-scheduling -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Schedule:
    """A script of validation losses and the rates that a plateau scheduler makes of it."""

    script: list[float]
    learning_rate: float
    patience: int
    factor: float

    def rates(self, losses: list[float]) -> np.ndarray:
        """Return the rate of each epoch, by torch's scheduler."""
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=self.learning_rate)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, "min", factor=self.factor, patience=self.patience
        )
        rates = []
        for loss in losses:
            rates.append(optimizer.param_groups[0]["lr"])
            scheduler.step(loss)
        return np.array(rates)


def _draw_schedule(rng: np.random.Generator) -> Schedule:
    """Draw a script with clear steps up and down and two cuts, further apart than patience alone would put them."""
    rate, factor, patience = float(rng.uniform(0.02, 0.05)), float(rng.uniform(0.3, 0.6)), int(rng.integers(1, 3))
    while True:
        script = 1.2 + 0.04 * rng.permutation(N_EPOCHS)
        plan = Schedule([float(loss) for loss in script], rate, patience, factor)
        cuts = np.flatnonzero(np.diff(plan.rates(plan.script)))
        if len(cuts) == 2 and np.argmin(script) > 1 and cuts[1] - cuts[0] > patience + 1:
            return plan


@exam("test-lr-scheduling", points=13)
def rate_falls_on_plateaus(student: Student, rng: np.random.Generator) -> None:
    """A model whose validation losses follow a script; the rates that were used are computed from its weights.

    Split: the four lists of train_model 3; the rate falls by factor when the validation loss has not for more than
    patience epochs 5; `lr` holds the rate used in each epoch 3; modes of training and validation 2.
    """
    loaded, plan = student.load(probes, "Scripted"), _draw_schedule(rng)
    data, added = _scripted_data(rng)
    sways = _draw_sways(plan.script, plan.rates, rng)
    model = loaded.Scripted(draw_weights(rng), plan.script, sways, data.n_batches)
    settings: dict[str, Any] = {"learning_rate": plan.learning_rate, "patience": plan.patience, "factor": plan.factor}
    run = train(student, loaded, data, model, "train_with_scheduler", epochs=N_EPOCHS, device=CPU, **settings)
    scheduled = plan.rates([loss + float(added.mean()) for loss in plan.script])
    with idea("the four lists of train_model", 3):
        run.demand_steps()
        history(run.answer, N_EPOCHS, *HISTORY)
        _judge_scripted_history(run, plan.script, added, N_EPOCHS)
    with idea("the rate falls when the validation loss has stopped falling", 5):
        used = _rates_used(run)
        whole = len(used) == N_EPOCHS
        ok(whole, expected=f"{N_EPOCHS} epochs", came=f"{len(used)}", hint="no early end: the rate falls instead")
        _first_difference(used, scheduled)
    with idea("`lr` holds the rate used in each epoch", 3):
        run.demand_steps()
        logged = history(run.answer, N_EPOCHS, "lr")["lr"]
        _logged_right(logged, run, scheduled)
    with idea("train mode while training, eval mode without gradients while validating", 2):
        modes_right(run.epochs())


def _rates_used(run: Run) -> list[np.ndarray]:
    """Return the rates of the steps of each epoch: how far the weights moved along Adam's direction.

    Gradients that pile up are no matter here.
    """
    for piles_up in (False, True):
        rates, error = _rates_along(run, piles_up)
        if error < 1e-2:
            return rates
    hint = "as in train_model: one optim.Adam(model.parameters(), lr=learning_rate) for all epochs"
    raise Fail("steps along Adam's direction", f"others, by {error:.2g}", hint)


def _rates_along(run: Run, piles_up: bool) -> tuple[list[np.ndarray], float]:
    after = run.weights_after()
    first, second = adam(1.0)([torch.nn.Parameter(torch.zeros(1))]).defaults["betas"]
    mean, square, total = (np.zeros_like(run.start, dtype=float) for _ in range(3))
    t, worst = 0, 0.0
    rates = []
    for epoch in run.epochs():
        rates.append(np.zeros(len(epoch.steps)))
        for i, noted in enumerate(epoch.steps):
            t += 1
            own = gradient(noted.weights, *run.batch(noted), training=True).astype(float)
            total = own + (total if piles_up else 0)
            mean, square = first * mean + (1 - first) * total, second * square + (1 - second) * total**2
            direction = (mean / (1 - first**t)) / (np.sqrt(square / (1 - second**t)) + 1e-8)
            moved = (noted.weights - after[id(noted)]).astype(float)
            rates[-1][i] = moved @ direction / (direction @ direction)
            largest = max(float(np.abs(moved).max()), 1e-9)
            worst = max(worst, float(np.abs(moved - rates[-1][i] * direction).max()) / largest)
    return rates, worst


def _first_difference(used: list[np.ndarray], scheduled: np.ndarray) -> None:
    for epoch, (rates, wanted) in enumerate(zip(used, scheduled, strict=True), start=1):
        same = bool(np.allclose(rates, wanted, rtol=2e-2))
        varies = bool(np.ptp(rates) > 2e-2 * np.max(rates))
        came = "rates that change within the epoch" if varies else f"a rate of {rates[0]:.4g}"
        ok(same, expected=f"in epoch {epoch} the rate that the plateau rule gives", came=came, hint=EVERY_EPOCH)


def _logged_right(logged: np.ndarray, run: Run, scheduled: np.ndarray) -> None:
    """Accept the rates that were used, right or not, or else those of the schedule."""
    if np.allclose(logged, scheduled, rtol=1e-3):
        return
    hint = "log optimizer.param_groups[0]['lr'] before the scheduler's step of that epoch"
    for epoch, (rates, came) in enumerate(zip(_rates_used(run), logged, strict=True), start=1):
        within = bool(rates.min() * 0.98 <= came <= rates.max() * 1.02)
        ok(within, expected=f"the rate that epoch {epoch} used", came=f"{came:.4g}", hint=hint)


# --- bonus-early-stopping ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """A script of validation losses, and the epoch (from 1) after which training has to stop."""

    script: list[float]
    patience: int
    stop: int


def _draw_plan(rng: np.random.Generator) -> Plan:
    """Draw a script that tells rules of stopping apart.

    Before the first minimum there are as many epochs without a new one as patience allows, but not in a row; behind the
    last, losses fall from one epoch to the next without a new minimum; lower ones wait for those who go on.
    """
    patience = int(rng.integers(3, 5))
    levels = 1.4 - 0.1 * np.arange(3)  # minima
    script = [levels[0], *(levels[0] + 0.2 - 0.02 * np.arange(patience - 1)), levels[1], levels[1] + 0.1, levels[2]]
    script += [levels[2] + 0.3 - 0.03 * i for i in range(patience)]
    stop = len(script)
    script += [levels[2] + 0.25, *(0.9 - 0.05 * np.arange(3))]
    return Plan([float(loss + 0.01 * rng.random()) for loss in script], patience, stop)


@exam("bonus-early-stopping", points=8)
def stops_and_restores(student: Student, rng: np.random.Generator) -> None:
    """A model whose validation losses follow a script; the optimizer is free.

    Split: stops after patience epochs in a row without a new minimum 3; the best weights restored 3; the validation
    losses of the epochs that ran, in eval mode without gradients 1; max_epochs obeyed 1.
    """
    loaded, plan = student.load(probes, "Scripted"), _draw_plan(rng)
    run, added = _stopped(student, loaded, rng, plan.script, len(plan.script) + 8, plan.patience)
    epochs = run.epochs()
    # A second one that max_epochs ends, one epoch behind its minimum.
    n_epochs = int(rng.integers(4, 7))
    falling = [1.4 - 0.05 * epoch for epoch in range(n_epochs - 1)]
    short, _ = _stopped(student, loaded, rng, [*falling, falling[-1] + 0.1], n_epochs, plan.patience)
    with idea("stops after patience epochs in a row without a new minimum", 3):
        run.demand_steps()
        hint = "keep the lowest val_loss so far; count the epochs since, and start the count anew at each new minimum"
        came = f"{len(epochs)} epochs"
        ok(len(epochs) == plan.stop, expected="as many epochs as patience allows", came=came, hint=hint)
    with idea("the best weights restored", 3):
        _restored(run, plan.script, "when it stops early")
        _restored(short, [*falling, falling[-1] + 0.1], "when max_epochs ends it")
    with idea("validation losses, in eval mode without gradients", 1):
        losses = [loss + float(added.mean()) for loss in (plan.script + plan.script[-1:] * len(epochs))[: len(epochs)]]
        came_losses = history(run.answer, len(epochs), "val_loss")["val_loss"]
        judge_values(came_losses, losses, "val_loss", "a value for each epoch that ran, the mean over the samples")
        modes_right(epochs)
    with idea("no more than max_epochs", 1):
        short.demand_steps()
        hint = "for epoch in range(max_epochs), and break when patience has run out"
        came_n = len(short.epochs())
        ok(came_n <= n_epochs, expected=f"at most {n_epochs} epochs", came=f"{came_n}", hint=hint)


def _minima(losses: list[float], patience: int) -> list[int]:
    """Return the epochs that have a new minimum, up to where patience runs out."""
    found = [0]
    for epoch, loss in enumerate(losses):
        if loss < losses[found[-1]]:
            found.append(epoch)
        if epoch - found[-1] >= patience:
            break
    return found


def _restored(run: Run, script: list[float], when: str) -> None:
    run.demand_steps()
    epochs = run.epochs()
    losses = (script + script[-1:] * len(epochs))[: len(epochs)]
    best = epochs[int(np.argmin(losses))].checks
    hint = "copy.deepcopy(model.state_dict()) at each new minimum, model.load_state_dict at the end"
    restored = bool(best) and np.array_equal(run.end, best[-1].weights)
    ok(restored, expected=f"the weights of the epoch with the lowest val_loss, {when}", came="others", hint=hint)


def _stopped(
    student: Student, loaded: Ref, rng: np.random.Generator, script: list[float], max_epochs: int, patience: int
) -> tuple[Run, np.ndarray]:
    data, added = _scripted_data(rng)
    sways = _draw_sways(script, lambda losses: _minima(losses, patience), rng)
    model = loaded.Scripted(draw_weights(rng), script, sways, data.n_batches)
    function, limits = "train_with_early_stopping", {"max_epochs": max_epochs, "patience": patience}
    return train(student, loaded, data, model, function, **limits, learning_rate=0.01, device=CPU), added
