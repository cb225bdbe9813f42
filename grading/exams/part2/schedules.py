"""The exam of the learning rate that falls on a plateau: which rates were used, and which were logged."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from grading.exam import exam, idea
from grading.exams.part2 import probes
from grading.exams.part2.scripts import scripted_data, scripted_history
from grading.exams.part2.training import modes_right
from grading.exams.part2.trusted import CPU, HISTORY, Run, adam, draw_weights, gradient, history, train
from grading.handle import Student
from grading.judge import Fail, ok

N_EPOCHS = 10
EVERY_EPOCH = "scheduler.step(val_loss) once an epoch, after validation: ReduceLROnPlateau(optimizer, 'min', …)"


@dataclass(frozen=True)
class Plan:
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


def draw_plan(rng: np.random.Generator) -> Plan:
    """Draw a script with clear steps up and down and at least two cuts, not at an even distance."""
    rate, factor, patience = float(rng.uniform(0.02, 0.05)), float(rng.uniform(0.3, 0.6)), int(rng.integers(1, 3))
    while True:
        script = 1.2 + 0.04 * rng.permutation(N_EPOCHS)
        plan = Plan([float(loss) for loss in script], rate, patience, factor)
        cuts = np.flatnonzero(np.diff(plan.rates(plan.script)))
        if len(cuts) == 2 and np.argmin(script) > 1 and cuts[1] - cuts[0] > patience + 1:
            return plan


@exam("test-lr-scheduling", points=13)
def rate_falls_on_plateaus(student: Student, rng: np.random.Generator) -> None:
    """A model whose validation losses follow a script; the rates that were used are computed from its weights.

    Split: the four lists of train_model 3; the rate falls by factor when the validation loss has not for more than
    patience epochs 5; `lr` holds the rate used in each epoch 3; modes of training and validation 2.
    """
    loaded, plan = student.load(probes, "Scripted"), draw_plan(rng)
    data, added = scripted_data(rng)
    model = loaded.Scripted(draw_weights(rng), plan.script, data.n_batches)
    settings: dict[str, Any] = {"learning_rate": plan.learning_rate, "patience": plan.patience, "factor": plan.factor}
    run = train(student, loaded, data, model, "train_with_scheduler", epochs=N_EPOCHS, device=CPU, **settings)
    scheduled = plan.rates([loss + float(added.mean()) for loss in plan.script])
    with idea("the four lists of train_model", 3):
        history(run.answer, N_EPOCHS, *HISTORY)
        scripted_history(run, plan.script, added, N_EPOCHS)
    with idea("the rate falls when the validation loss has stopped falling", 5):
        used = _rates_used(run)
        whole = len(used) == N_EPOCHS
        ok(whole, expected=f"{N_EPOCHS} epochs", came=f"{len(used)}", hint="no early end: the rate falls instead")
        _first_difference(used, scheduled)
    with idea("`lr` holds the rate used in each epoch", 3):
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
    after = {
        id(noted): then for noted, then in zip(run.passes, [p.weights for p in run.passes[1:]] + [run.end], strict=True)
    }
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
