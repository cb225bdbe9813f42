"""The exams of the training loop: what it makes of the weights, in which modes, and what it reports.

The model is a witness of the exam's own, so that nothing here depends on the student's network. Each exam looks at one
side of the loop and takes the rest as it is: a gradient that is never zeroed costs `test-train-modes` alone.
"""

import numpy as np

from grading.exam import exam, idea
from grading.exams.part2 import probes
from grading.exams.part2.trusted import (
    CPU,
    HISTORY,
    Epoch,
    Pass,
    Run,
    adam,
    answer,
    draw_weights,
    gradient,
    history,
    judge_values,
    mean_loss,
    small_data,
    train,
)
from grading.handle import Student
from grading.judge import Fail, ok

# --- test-train-learns --------------------------------------------------------------------------------------------


@exam("test-train-learns", points=6)
def training_takes_adams_steps(student: Student, rng: np.random.Generator) -> None:
    """The weights that training leads to, compared with a trusted Adam on the same batches.

    Gradients that pile up are no matter here, and validation images that are trained on neither.

    Split: Adam at the given learning rate, a step a batch 3; the training loss falls 3.
    """
    loaded = student.load(probes)
    rate, data = float(rng.uniform(0.01, 0.03)), small_data(rng)
    model = loaded.Witness(draw_weights(rng))
    run = train(student, loaded, data, model, "train_model", epochs=4, learning_rate=rate)
    with idea("Adam's steps at the given learning rate, one for each batch", 3):
        _every_batch_moves(run)
        agreed = any(run.agrees(run.replay(adam(rate), zeroing=zeroing)) for zeroing in ("step", "epoch", "never"))
        hint = "one optim.Adam(model.parameters(), lr=learning_rate) for all epochs, and nn.CrossEntropyLoss on logits"
        ok(agreed, expected="the weights that Adam's steps lead to", came="others", hint=hint)
    with idea("the training loss falls", 3):
        before, after = (
            mean_loss(answer(weights, data.images, training=True), data.labels) for weights in (run.start, run.end)
        )
        came = f"{after / before:.2f} times the loss before"
        hint = "loss.backward() fills the gradients, optimizer.step() uses them; both stand in the loop over batches"
        ok(bool(after < 0.98 * before), expected="a lower loss on the training images", came=came, hint=hint)


def _every_batch_moves(run: Run) -> None:
    movers = {id(noted) for noted in run.movers()}
    for epoch in run.epochs():
        rows = np.sort(np.concatenate([noted.rows for noted in epoch.steps]))
        once = np.array_equal(rows, np.arange(len(run.data.images)))
        came, hint = f"{len(rows)} images in an epoch", "for images, labels in train_loader: to its end"
        ok(once, expected="each training image once an epoch", came=came, hint=hint)
        moved = sum(id(noted) in movers for noted in epoch.steps)
        hint = "optimizer.step() for each batch, after loss.backward()"
        ok(moved == len(epoch.steps), expected="a step for each batch", came=f"{moved} in an epoch", hint=hint)


# --- test-train-modes ---------------------------------------------------------------------------------------------


@exam("test-train-modes", points=7)
def modes_and_gradients(student: Student, rng: np.random.Generator) -> None:
    """Modes and gradients as the model sees them, backed by weights and losses: it answers otherwise in train mode.

    Split: train mode while training 2, eval mode while validating 2, no gradients while validating 1, gradients zeroed
    for each step 2.
    """
    loaded = student.load(probes)
    rate, data, shift = float(rng.uniform(0.01, 0.03)), small_data(rng), 3.0
    model = loaded.Witness(draw_weights(rng), shift)
    run = train(student, loaded, data, model, "train_model", shift=shift, epochs=3, learning_rate=rate, device=CPU)
    epochs = run.epochs()
    steps = [noted for epoch in epochs for noted in epoch.steps]
    checks = [noted for epoch in epochs for noted in epoch.checks]
    with idea("train mode while training", 2):
        wrong = sum(not noted.training for noted in steps)
        hint = "model.train() at the start of each epoch: validation has left it in eval mode"
        ok(wrong == 0, expected="train mode for each training batch", came=f"eval mode for {wrong}", hint=hint)
        _modes_agree(run, training=True, hint=hint, rate=rate)
    with idea("eval mode while validating", 2):
        _some(checks)
        wrong = sum(noted.training for noted in checks)
        hint = "model.eval() before the pass over val_loader"
        ok(wrong == 0, expected="eval mode for each validation batch", came=f"train mode for {wrong}", hint=hint)
        _reported_in_eval_mode(run, epochs, hint)
    with idea("no gradients while validating", 1):
        _some(checks)
        wrong = sum(noted.with_gradient for noted in checks)
        hint = "with torch.no_grad(): around the pass over val_loader"
        ok(wrong == 0, expected="no gradients for validation batches", came=f"gradients for {wrong}", hint=hint)
    with idea("gradients zeroed for each step", 2):
        _gradients_fresh(run, rate)


def _some(checks: list[Pass]) -> None:
    hint = "after each epoch's steps, a pass over val_loader"
    ok(bool(checks), expected="validation by model(images)", came="none", hint=hint)


def _modes_agree(run: Run, *, training: bool, hint: str, rate: float) -> None:
    """Fail where the weights say that training was in the other mode than was noted."""
    if run.agrees(run.replay(adam(rate), training=not training)):
        raise Fail("weights as train mode leads to", "those of eval mode", hint)


def _reported_in_eval_mode(run: Run, epochs: list[Epoch], hint: str) -> None:
    """Fail where the losses that came are those of train mode; any other mistake in them costs elsewhere."""
    if not isinstance(run.answer, dict) or np.shape(run.answer.get("val_loss")) != (len(epochs),):
        return
    came = history(run.answer, len(epochs), "val_loss")["val_loss"]
    other = np.array([run.measure(epoch.checks, training=True)[0] for epoch in epochs])
    ok(not np.allclose(came, other, rtol=1e-4), expected="losses of eval mode", came="those of train mode", hint=hint)


def _gradients_fresh(run: Run, rate: float) -> None:
    """Demand that what is gathered after each step is nothing, or that step's own gradient, up to a factor."""
    hint = "optimizer.zero_grad() in each turn of the loop, before loss.backward()"
    last: Pass | None = None
    for noted in run.passes:
        if noted.gradient is not None and noted.gradient.any():
            kept = noted.gradient if last is None else _across(noted.gradient, run, last)
            came = "that of several batches together"
            fresh = bool(np.abs(kept).max() < 2e-3 * np.abs(noted.gradient).max())
            ok(fresh, expected="the gradient of one batch for each step", came=came, hint=hint)
        if noted.with_gradient and not noted.validation:
            last = noted
    for zeroing in ("epoch", "never"):
        piled_up = run.agrees(run.replay(adam(rate), zeroing=zeroing)) and not run.agrees(run.replay(adam(rate)))
        ok(not piled_up, expected="steps by one batch's gradient", came="steps by the sum of several", hint=hint)


def _across(gathered: np.ndarray, run: Run, step: Pass) -> np.ndarray:
    """Return the part of a gathered gradient that a step's own one does not explain."""
    images, labels = run.batch(step)
    own = gradient(step.weights, images, labels, training=step.training, shift=run.shift).astype(float)
    return gathered - own * (gathered @ own) / (own @ own)


# --- test-train-history -------------------------------------------------------------------------------------------


@exam("test-train-history", points=7)
def history_is_exact(student: Student, rng: np.random.Generator) -> None:
    """What is reported, compared with the losses and accuracies of the weights that training went through.

    Split: four lists, a value an epoch 1; losses 2 and accuracies 2, means over the samples, of the epoch's own passes
    and of the validation after its last step; validation images never trained on 2.
    """
    loaded = student.load(probes)
    rate, data, n_epochs = float(rng.uniform(0.02, 0.05)), small_data(rng), 3
    model = loaded.Witness(draw_weights(rng))
    run = train(student, loaded, data, model, "train_model", epochs=n_epochs, learning_rate=rate, device=CPU)
    with idea("four lists, one value an epoch", 1):
        history(run.answer, n_epochs, *HISTORY)
    trusted = run.verified(adam(rate))
    with idea("losses: means over the samples", 2):
        judge_history(trusted, n_epochs, "loss")
    with idea("accuracies: shares of the samples", 2):
        judge_history(trusted, n_epochs, "accuracy")
    with idea("validation images are never trained on", 2):
        checks = sum(noted.validation for noted in run.movers())
        hint = "the pass over val_loader measures: no backward and no step in it"
        ok(checks == 0, expected="weights as they were after validation", came=f"others, {checks} times", hint=hint)


def judge_history(run: Run, n_epochs: int, what: str, *, validation: bool = True) -> None:
    """Judge `train_…` and perhaps `val_…`, loss or accuracy, by the weights of each pass."""
    names = [f"train_{what}", f"val_{what}"][: 1 + validation]
    came = history(run.answer, n_epochs, *names)
    epochs, place = run.epochs(), ("loss", "accuracy").index(what)
    hints = {
        "train_loss": "add up loss.item() * len(labels) over the batches, divide by the number of samples: "
        "the last batch is short",
        "val_loss": "add up loss.item() * len(labels) over val_loader after the epoch's last step, "
        "divide by the number of samples",
        "train_accuracy": "right answers among all of the epoch's own passes, over the number of samples, from 0 to 1",
        "val_accuracy": "right answers on val_loader after the epoch's last step, over the number of samples",
    }
    for name in names:
        passes = [epoch.checks if name.startswith("val") else epoch.steps for epoch in epochs]
        judge_values(came[name], [run.measure(each, training=False)[place] for each in passes], name, hints[name])


def modes_right(epochs: list[Epoch]) -> None:
    """Demand train mode for steps, and eval mode without gradients for checks."""
    steps = [noted for epoch in epochs for noted in epoch.steps]
    checks = [noted for epoch in epochs for noted in epoch.checks]
    _some(checks)
    train_mode = all(noted.training for noted in steps)
    ok(train_mode, expected="train mode while training", came="eval mode", hint="model.train() in each epoch")
    eval_mode = not any(noted.training for noted in checks)
    ok(eval_mode, expected="eval mode while validating", came="train mode", hint="model.eval() before val_loader")
    quiet = not any(noted.with_gradient for noted in checks)
    ok(quiet, expected="validation without gradients", came="with them", hint="with torch.no_grad():")
