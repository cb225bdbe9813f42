"""The exams of the training loop: what it makes of the weights, in which modes, and what it reports.

The model is a witness of the exam's own, so that nothing here depends on the student's network. Each exam looks at one
side of the loop and takes the rest as it is: a gradient that is never zeroed costs `test-train-modes` alone.
"""

import numpy as np

from grading.exam import exam, idea
from grading.exams.part2 import probes
from grading.exams.part2.epochs import Epoch
from grading.exams.part2.runs import (
    HISTORY,
    Pass,
    Run,
    adam,
    demand_checks,
    history,
    judge_history,
    train,
)
from grading.exams.part2.trusted import CPU, answer, draw_lesson, draw_weights, gradient, mean_loss, small_data
from grading.handle import Student
from grading.judge import ok

# --- test-train-learns --------------------------------------------------------------------------------------------


@exam("test-train-learns", points=6)
def training_takes_adams_steps(student: Student, rng: np.random.Generator) -> None:
    """The weights that training leads to, compared with a trusted Adam on the same batches.

    Gradients that pile up are no matter here, and validation images that are trained on neither.

    Split: Adam at the given learning rate, a step a batch 3; the training loss falls 3.
    """
    loaded = student.load(probes, "Witness")
    rate, data = float(rng.uniform(0.01, 0.03)), small_data(rng)
    model = loaded.Witness(draw_weights(rng))
    run = train(student, loaded, data, model, "train_model", epochs=4, learning_rate=rate)
    with idea("Adam's steps at the given learning rate, one for each batch", 3):
        _every_batch_moves(run)
        agreed = any(run.agrees(run.replay(adam(rate), zeroing=zeroing)) for zeroing in ("step", "epoch", "never"))
        hint = "one optim.Adam(model.parameters(), lr=learning_rate) for all epochs, and nn.CrossEntropyLoss on logits"
        ok(agreed, expected="the weights that Adam's steps lead to", came="others", hint=hint)
    with idea("the training loss falls", 3):
        run.demand_steps()
        before, after = (
            mean_loss(answer(weights, data.images, training=True), data.labels) for weights in (run.start, run.end)
        )
        came = f"{after / before:.2f} times the loss before"
        hint = "loss.backward() fills the gradients, optimizer.step() uses them; both stand in the loop over batches"
        ok(bool(after < 0.98 * before), expected="a lower loss on the training images", came=came, hint=hint)


def _every_batch_moves(run: Run) -> None:
    movers = {id(noted) for noted in run.movers()}
    steps = [noted for epoch in run.epochs() for noted in epoch.steps]
    times = np.bincount(np.concatenate([noted.rows for noted in steps]), minlength=len(run.data.images))
    came, hint = f"some {times.min()}, some {times.max()} times", "for images, labels in train_loader: to its end"
    ok(times.min() == times.max(), expected="each training image once an epoch", came=came, hint=hint)
    moved = sum(id(noted) in movers for noted in steps)
    hint = "optimizer.step() for each batch, after loss.backward()"
    ok(moved == len(steps), expected="a step for each batch", came=f"{moved} for {len(steps)} batches", hint=hint)


# --- test-train-modes ---------------------------------------------------------------------------------------------


@exam("test-train-modes", points=7)
def modes_and_gradients(student: Student, rng: np.random.Generator) -> None:
    """Modes and gradients as the model sees them, backed by weights and losses: it answers otherwise in train mode.

    Split: train mode while training 2, eval mode while validating 2, no gradients while validating 1, gradients zeroed
    for each step 2.
    """
    loaded = student.load(probes, "Witness")
    rate, data, shift = float(rng.uniform(0.01, 0.03)), small_data(rng), 3.0
    model = loaded.Witness(draw_weights(rng), shift)
    run = train(student, loaded, data, model, "train_model", shift=shift, epochs=3, learning_rate=rate, device=CPU)
    epochs = run.epochs()
    steps = [noted for epoch in epochs for noted in epoch.steps]
    checks = [noted for epoch in epochs for noted in epoch.checks]
    checks = checks or [noted for noted in run.passes if not noted.with_gradient]  # on other images: costs elsewhere
    with idea("train mode while training", 2):
        wrong = sum(not noted.training for noted in steps)
        hint = "model.train() at the start of each epoch: validation has left it in eval mode"
        ok(wrong == 0, expected="train mode for each training batch", came=f"eval mode for {wrong}", hint=hint)
        in_eval_mode = run.agrees(run.replay(adam(rate), training=False))
        ok(not in_eval_mode, expected="weights as train mode leads to", came="those of eval mode", hint=hint)
    with idea("eval mode while validating", 2):
        demand_checks(checks)
        wrong = sum(noted.training for noted in checks)
        hint = "model.eval() before the pass over val_loader"
        ok(wrong == 0, expected="eval mode for each validation batch", came=f"train mode for {wrong}", hint=hint)
        _reported_in_eval_mode(run, epochs, hint)
    with idea("no gradients while validating", 1):
        demand_checks(checks)
        wrong = sum(noted.with_gradient for noted in checks)
        hint = "with torch.no_grad(): around the pass over val_loader"
        ok(wrong == 0, expected="no gradients for validation batches", came=f"gradients for {wrong}", hint=hint)
    with idea("gradients zeroed for each step", 2):
        run.demand_steps(or_stillness=True)
        gathered = any(noted.gradient is not None and noted.gradient.any() for noted in run.passes)
        hint = "optimizer.zero_grad(), loss.backward(), optimizer.step(): in this order, for each batch"
        ok(gathered or bool(run.movers()), expected="gradients of batches", came="none", hint=hint)
        _gradients_fresh(run, rate)


def _reported_in_eval_mode(run: Run, epochs: list[Epoch[Pass]], hint: str) -> None:
    """Fail where the losses that came are those of train mode; any other mistake in them costs elsewhere."""
    if not isinstance(run.answer, dict) or np.shape(run.answer.get("val_loss", ())) != (len(epochs),):
        return
    came = history(run.answer, len(epochs), "val_loss")["val_loss"]
    other = np.array([run.measure(epoch.checks, training=True).loss for epoch in epochs if epoch.checks])
    if other.shape != came.shape:
        return
    ok(not np.allclose(came, other, rtol=1e-4), expected="losses of eval mode", came="those of train mode", hint=hint)


def _gradients_fresh(run: Run, rate: float) -> None:
    """Fail where a gradient that was gathered is one batch's own and an earlier one together.

    Anything else that may be done to gradients, as clipping, is no matter here.
    """
    expected, hint = (
        "one batch's gradient for each step",
        "optimizer.zero_grad() for each batch, before loss.backward()",
    )
    learning = run.start != run.end  # what the optimizer does not know is not zeroed either
    step: Pass | None = None
    before = np.zeros(0)
    for noted in run.passes:
        if step is not None and noted.gradient is not None and learning.any():
            gathered, own = noted.gradient[learning].astype(float), _own_gradient(run, step)[learning]
            piled_up = len(before) > 0 and _is_sum(gathered, own, before)
            ok(not piled_up, expected=expected, came="that of several batches together", hint=hint)
            before = gathered
        step = noted if noted.with_gradient and not noted.validation else None
    for zeroing in ("epoch", "never"):
        piled_up = run.agrees(run.replay(adam(rate), zeroing=zeroing)) and not run.agrees(run.replay(adam(rate)))
        ok(not piled_up, expected=expected, came="steps by the sum of several", hint=hint)


def _own_gradient(run: Run, step: Pass) -> np.ndarray:
    images, labels = run.batch(step)
    return gradient(step.weights, images, labels, training=step.training, shift=run.shift).astype(float)


def _is_sum(gathered: np.ndarray, own: np.ndarray, before: np.ndarray) -> bool:
    """Say whether a gathered gradient is a multiple of its own one plus the earlier one."""
    parts = np.stack([own, before], axis=1)
    factors, *_ = np.linalg.lstsq(parts, gathered, rcond=None)
    left, share = np.linalg.norm(gathered - parts @ factors), np.linalg.norm(factors[0] * own)
    size = np.linalg.norm(gathered)
    return bool(abs(factors[1] - 1) < 0.05 and left < 1e-2 * size and share > 1e-2 * size)


# --- test-train-history -------------------------------------------------------------------------------------------


@exam("test-train-history", points=7)
def history_is_exact(student: Student, rng: np.random.Generator) -> None:
    """What is reported, compared with the losses and accuracies of the weights that training went through.

    Split: four lists, a value an epoch 1; losses 2 and accuracies 2, means over the samples, of the epoch's own passes
    and of the validation after its last step; validation images never trained on 2.
    """
    loaded = student.load(probes, "Witness")
    rate, n_epochs = float(rng.uniform(0.02, 0.05)), 3
    data, weights = draw_lesson(rng, rate, n_epochs)
    model = loaded.Witness(weights)
    run = train(student, loaded, data, model, "train_model", epochs=n_epochs, learning_rate=rate, device=CPU)
    with idea("four lists, one value an epoch", 1):
        history(run.answer, n_epochs, *HISTORY)
    trusted = run.verified(adam(rate))
    with idea("losses: means over the samples", 2):
        run.demand_steps(or_stillness=True)
        judge_history(trusted, n_epochs, "loss")
    with idea("accuracies: shares of the samples", 2):
        run.demand_steps(or_stillness=True)
        judge_history(trusted, n_epochs, "accuracy")
    with idea("validation images are never trained on", 2):
        run.demand_steps(or_stillness=True)
        # What becomes of the weights behind the last pass of all, as where others are put back, costs elsewhere.
        checks = sum(noted.validation and noted is not run.passes[-1] for noted in run.movers())
        hint = "the pass over val_loader measures: no backward and no step in it"
        ok(checks == 0, expected="weights as they were after validation", came=f"others, {checks} times", hint=hint)
