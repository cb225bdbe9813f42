"""The exam of early stopping: when training ends, and with which weights."""

from dataclasses import dataclass

import numpy as np

from grading.exam import exam, idea
from grading.exams.part2 import probes
from grading.exams.part2.scripts import scripted_data
from grading.exams.part2.training import modes_right
from grading.exams.part2.trusted import CPU, Run, draw_weights, history, judge_values, train
from grading.handle import Ref, Student
from grading.judge import ok


@dataclass(frozen=True)
class Plan:
    """A script of validation losses, and the epoch (from 1) after which training has to stop."""

    script: list[float]
    patience: int
    stop: int


def draw_plan(rng: np.random.Generator) -> Plan:
    """Draw a script that tells rules of stopping apart.

    Before the first minimum there are as many epochs without a new one as patience allows, but not in a row; behind the
    last, losses fall from one epoch to the next without a new minimum; lower ones wait for those who go on.
    """
    patience = int(rng.integers(3, 5))
    levels = 1.6 - 0.1 * np.arange(3)  # minima
    script = [levels[0], *(levels[0] + 0.2 - 0.02 * np.arange(patience - 1)), levels[1], levels[1] + 0.1, levels[2]]
    script += [levels[2] + 0.3 - 0.03 * i for i in range(patience)]
    stop = len(script)
    script += [levels[2] + 0.25, *(1.0 - 0.05 * np.arange(3))]
    return Plan([float(loss + 0.01 * rng.random()) for loss in script], patience, stop)


@exam("bonus-early-stopping", points=8)
def stops_and_restores(student: Student, rng: np.random.Generator) -> None:
    """A model whose validation losses follow a script; the optimizer is free.

    Split: stops after patience epochs in a row without a new minimum 3; the best weights restored 3; the validation
    losses of the epochs that ran, in eval mode without gradients 1; max_epochs obeyed 1.
    """
    loaded, plan = student.load(probes, "Scripted"), draw_plan(rng)
    run, added = _train(student, loaded, rng, plan.script, len(plan.script) + 8, plan.patience)
    epochs = run.epochs()
    with idea("stops after patience epochs in a row without a new minimum", 3):
        hint = "keep the lowest val_loss so far; count the epochs since, and start the count anew at each new minimum"
        came = f"{len(epochs)} epochs"
        ok(len(epochs) == plan.stop, expected="as many epochs as patience allows", came=came, hint=hint)
    with idea("the best weights restored", 3):
        losses = (plan.script + plan.script[-1:] * len(epochs))[: len(epochs)]
        best = epochs[int(np.argmin(losses))].checks
        hint = "copy.deepcopy(model.state_dict()) at each new minimum, model.load_state_dict at the end"
        restored = bool(best) and np.array_equal(run.end, best[-1].weights)
        ok(restored, expected="the weights of the epoch with the lowest val_loss", came="others", hint=hint)
    with idea("validation losses, in eval mode without gradients", 1):
        losses = [loss + float(added.mean()) for loss in (plan.script + plan.script[-1:] * len(epochs))[: len(epochs)]]
        came_losses = history(run.answer, len(epochs), "val_loss")["val_loss"]
        judge_values(came_losses, losses, "val_loss", "a value for each epoch that ran, the mean over the samples")
        modes_right(epochs)
    with idea("no more than max_epochs", 1):
        n_epochs = int(rng.integers(4, 7))
        run, _ = _train(student, loaded, rng, [1.5 - 0.05 * epoch for epoch in range(12)], n_epochs, plan.patience)
        hint = "for epoch in range(max_epochs), and break when patience has run out"
        came_n = len(run.epochs())
        ok(came_n == n_epochs, expected=f"{n_epochs} epochs while the loss falls", came=f"{came_n}", hint=hint)


def _train(
    student: Student, loaded: Ref, rng: np.random.Generator, script: list[float], max_epochs: int, patience: int
) -> tuple[Run, np.ndarray]:
    data, added = scripted_data(rng)
    model = loaded.Scripted(draw_weights(rng), script, data.n_batches)
    function, limits = "train_with_early_stopping", {"max_epochs": max_epochs, "patience": patience}
    return train(student, loaded, data, model, function, **limits, learning_rate=0.01, device=CPU), added
