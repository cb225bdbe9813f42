"""What Part III's trainers are held to: judges of a run, each raising `Fail` with what was expected."""

import numpy as np

from grading.exams.part2.epochs import Epoch, demand_whole
from grading.exams.part2.runs import HISTORY, history, judge_values, tied
from grading.exams.part3.runs import LEAST_COSINE, Pass, Run
from grading.exams.part3.states import ALL_WEIGHTS, N_BLOCKS, OPEN_ALWAYS, STATISTICS, WEIGHTS, weights_moved
from grading.judge import ok


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
    movers = {id(noted) for noted, then in run.followed() if weights_moved(noted.state, then)}
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
    own, sums = run.likeness
    hint = "optimizer.zero_grad() for each batch, before loss.backward()"
    ok(sums < own + 0.05, expected="each step by the gradient of its batch", came="sums with earlier ones", hint=hint)


def judge_open(epochs: list[Epoch[Pass]], n_open: int) -> None:
    """Demand that the last blocks are trainable from the first batch on."""
    late = sum(not all(noted.opened[N_BLOCKS - n_open :]) for epoch in epochs for noted in epoch.steps)
    hint = "model.unfreeze_layers(num_layers) before the first batch"
    ok(late == 0, expected=f"the last {n_open} blocks open", came=f"frozen ones for {late} batches", hint=hint)


def judge_rate(run: Run, slow: Run) -> None:
    """Demand that a far smaller learning rate moves the weights far less."""
    hint = "the optimizer gets lr=learning_rate"
    far, near = (float(np.abs(each.end - each.start)[ALL_WEIGHTS].max()) for each in (run, slow))
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
    wrong = sum(not all(noted.modes[N_BLOCKS:]) for noted in steps)
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
    hint = "cross-entropy of the logits, and right answers: sums over the samples, divided by their number"
    demand_whole(epochs, len(run.data.val_images))
    steps, checks = ([run.measure(each) for each in passes] for passes in _both(epochs))
    for name, found in (("train", steps), ("val", checks)):
        judge_values(came[f"{name}_loss"], [measured.loss for measured in found], f"{name}_loss", hint)
        wanted = [measured.accuracy for measured in found]
        judge_values(came[f"{name}_accuracy"], wanted, f"{name}_accuracy", hint, tied(found))


def _both(epochs: list[Epoch[Pass]]) -> tuple[list[list[Pass]], list[list[Pass]]]:
    return [epoch.steps for epoch in epochs], [epoch.checks for epoch in epochs]
