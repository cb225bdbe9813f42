"""The exams of feature extraction and fine-tuning: what learns, what stays, and what is reported.

The model is a small one of the exam's own with the notebook's interface, so that nothing here depends on the student's
network: six blocks with batch norm, frozen, a 1 × 1 convolution in front and a head with batch norm.
"""

import numpy as np

from grading.exam import exam, idea
from grading.exams.part2.trusted import CPU
from grading.exams.part3 import probes, stand_ins
from grading.exams.part3.judges import (
    judge_head_mode,
    judge_history,
    judge_kept,
    judge_learning,
    judge_open,
    judge_rate,
    judge_validation,
)
from grading.exams.part3.runs import Run, train
from grading.exams.part3.states import BLOCKS, N_BLOCKS, OPEN_ALWAYS, draw_state, lesson
from grading.exams.sides import either, once
from grading.handle import Student
from grading.judge import Fail, integers, ok

TINY = 1e-7
STATISTICS_HINT = "train mode updates running_mean and running_var whatever is frozen: eval() on the frozen blocks"

# --- test-feature-extraction --------------------------------------------------------------------------------------


@exam("test-feature-extraction", points=16)
def the_backbone_stays(student: Student, rng: np.random.Generator) -> None:
    """A small model with a frozen backbone; the states that it goes through are compared, losses computed anew.

    Split: head and 1 × 1 convolution learn, the training loss falls 3; frozen weights stay and the optimizer holds the
    trainable parameters alone 3; statistics of frozen batch norm stay 4; a head with batch norm trains in train mode 2;
    validation in eval mode, without gradients, never trained on 2; the history is exact 2.
    """
    loaded = student.load(probes, "Miniature", "watch_steps")
    rate, n_epochs, state = float(rng.uniform(0.015, 0.035)), 3, draw_state(rng)
    data = lesson(rng, state)

    def trained(epochs: int, learning_rate: float) -> Run:
        settings = {"epochs": epochs, "learning_rate": learning_rate, "device": CPU}
        return train(student, loaded, data, state, "train_feature_extractor", **settings)

    run = trained(n_epochs, rate)
    with idea("head and 1 × 1 convolution learn", 3):
        judge_learning(run, OPEN_ALWAYS)
        judge_rate(run, trained(1, rate * TINY))
    with idea("frozen weights stay, and the optimizer does without them", 3):
        run.demand_training()
        hint = "requires_grad stays as it is; the optimizer takes [p for p in model.parameters() if p.requires_grad]"
        judge_kept(run.checked_states(), run.start, BLOCKS, "weights", hint)
        came = "frozen ones among them"
        ok(not any(run.held), expected="trainable parameters in the optimizer", came=came, hint=hint)
    with idea("statistics of frozen batch norm stay", 4):
        run.demand_training()
        judge_kept(run.checked_states(), run.start, BLOCKS, "batch-norm statistics", STATISTICS_HINT)
    with idea("the head trains in train mode", 2):
        judge_head_mode(run)
    with idea("validation in eval mode, without gradients", 2):
        judge_validation(run)
    with idea("the history is exact", 2):
        judge_history(run, n_epochs)


# --- test-fine-tuning ---------------------------------------------------------------------------------------------


@exam("test-fine-tuning", points=15)
def last_blocks_learn(student: Student, rng: np.random.Generator) -> None:
    """The small model again, of which the last blocks are opened; a wrong `train_feature_extractor` costs nothing here.

    Split: `unfreeze_layers` is called, what is open learns, the training loss falls 4; frozen blocks keep their weights
    2 and the statistics of their batch norm 3; a head with batch norm trains in train mode 1; validation in eval mode,
    without gradients, never trained on 2; the history is exact 3.
    """
    loaded = student.load(probes, "Miniature", "watch_steps")
    rate, n_epochs, state = float(rng.uniform(0.015, 0.035)), 3, draw_state(rng)
    data = lesson(rng, state)
    n_open = int(rng.choice([2, 4]))  # not the default
    opened, frozen = BLOCKS[-n_open:], BLOCKS[:-n_open]

    def tuned(epochs: int, learning_rate: float) -> Run:
        settings = {"num_layers": n_open, "epochs": epochs, "learning_rate": learning_rate, "device": CPU}
        return train(student, loaded, data, state, "fine_tune", **settings)

    def both() -> tuple[Run, Run]:
        return tuned(n_epochs, rate), tuned(1, rate * TINY)

    def assisted() -> tuple[Run, Run]:
        trusted = student.load(stand_ins, "train_feature_extractor")
        student.replace("train_feature_extractor", trusted.train_feature_extractor)
        return both()

    sides = once(both), once(assisted)

    def learns(runs: tuple[Run, Run]) -> None:
        run, slow = runs
        _called(run, n_open)
        judge_open(run.epochs(), n_open)
        judge_learning(run, (*opened, *OPEN_ALWAYS))
        judge_rate(run, slow)

    def keeps(runs: tuple[Run, Run], kind: str, hint: str) -> None:
        run, _ = runs
        run.demand_training()
        judge_kept(run.checked_states(), run.start, frozen, kind, hint)

    with idea("the last blocks are opened and learn", 4):
        either(learns, *sides)
    with idea("frozen blocks keep their weights", 2):
        either(lambda runs: keeps(runs, "weights", "only what unfreeze_layers opens is trained"), *sides)
    with idea("frozen blocks keep the statistics of batch norm", 3):
        either(lambda runs: keeps(runs, "batch-norm statistics", STATISTICS_HINT), *sides)
    with idea("the head trains in train mode", 1):
        either(lambda runs: judge_head_mode(runs[0]), *sides)
    with idea("validation in eval mode, without gradients", 2):
        either(lambda runs: judge_validation(runs[0]), *sides)
    with idea("the history is exact", 3):
        either(lambda runs: judge_history(runs[0], n_epochs), *sides)


def _called(run: Run, num_layers: int) -> None:
    hint = "model.unfreeze_layers(num_layers) at the beginning"
    if not run.unfrozen:
        raise Fail("unfreeze_layers(num_layers) called", "no call", hint)
    numbers = [int(integers(each, "num_layers", shape=()).item()) for each in run.unfrozen]
    came = f"num_layers {numbers[0]} of {N_BLOCKS} blocks"
    ok(max(numbers) == num_layers, expected="the number of layers that is asked for", came=came, hint=hint)
