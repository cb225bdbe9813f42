"""The exam of progressive unfreezing: phases that open more and more, and one history of them all."""

import itertools
from dataclasses import dataclass

import numpy as np

from grading.exam import exam, idea
from grading.exams.part2.epochs import Epoch
from grading.exams.part2.runs import HISTORY, history
from grading.exams.part2.trusted import CPU
from grading.exams.part3 import probes, stand_ins
from grading.exams.part3.judges import (
    judge_downhill,
    judge_head_mode,
    judge_history,
    judge_kept,
    judge_open,
    judge_steps,
    judge_validation,
)
from grading.exams.part3.runs import Pass, Run, train
from grading.exams.part3.states import ALL_WEIGHTS, BLOCKS, N_BLOCKS, OPEN_ALWAYS, WEIGHTS, draw_state, lesson
from grading.exams.part3.trainers import STATISTICS_HINT
from grading.exams.sides import either, once
from grading.handle import Student
from grading.judge import integers, ok

Setting = tuple[int, int, float]
ORDER_HINT = "for number, (num_layers, epochs, learning_rate) in enumerate(phases): unfreeze, train, append"


@dataclass(frozen=True)
class Phase:
    """One phase of a run: what was asked for, its epochs, and the states before and after it."""

    num_layers: int
    epochs: list[Epoch[Pass]]
    before: np.ndarray
    after: np.ndarray

    @property
    def opened(self) -> tuple[int, ...]:
        """Blocks that are open in it."""
        return BLOCKS[N_BLOCKS - self.num_layers :]

    @property
    def states(self) -> list[np.ndarray]:
        """States that were validated in it, and the one after it."""
        return [noted.state for epoch in self.epochs for noted in epoch.checks] + [self.after]


@exam("test-progressive-unfreezing", points=12)
def more_and_more_blocks_learn(student: Student, rng: np.random.Generator) -> None:
    """Three phases of a small model; wrong trainers of earlier tasks cost nothing here.

    Split: each phase opens its blocks, and what is open learns in train mode 3; each phase's own epochs and learning
    rate 2; a phase starts from the last one's weights 2; blocks that are still frozen keep weights and statistics 3;
    one exact history, with the phase of each epoch and validation in eval mode without gradients, 2.
    """
    loaded = student.load(probes, "Miniature", "watch_steps")
    state = draw_state(rng)
    data = lesson(rng, state)
    settings = _draw_phases(rng)
    n_epochs = sum(epochs for _, epochs, _ in settings)

    def unfrozen() -> Run:
        return train(student, loaded, data, state, "progressive_unfreezing", settings, device=CPU)

    def assisted() -> Run:
        names = ("train_feature_extractor", "fine_tune")
        trusted = student.load(stand_ins, *names)
        for name in names:
            student.replace(name, getattr(trusted, name))
        return unfrozen()

    sides = once(unfrozen), once(assisted)
    with idea("each phase opens its blocks, and they learn", 3):
        either(lambda run: _judge_opened(run, _phases(run, settings)), *sides)
    with idea("each phase's own epochs and learning rate", 2):
        either(lambda run: _judge_rates(_phases(run, settings), settings), *sides)
    with idea("a phase starts from the last one's weights", 2):
        either(lambda run: _judge_continued(run, _phases(run, settings)), *sides)
    with idea("what is still frozen stays as it was", 3):
        either(lambda run: _judge_frozen(_phases(run, settings)), *sides)
    with idea("one history with the phase of each epoch", 2):
        either(lambda run: _judge_history(run, settings, n_epochs), *sides)


def _draw_phases(rng: np.random.Generator) -> list[Setting]:
    """Draw three phases; the middle one takes small steps: one sees whose learning rate was used."""
    layers = [int(rng.integers(0, 2)), int(rng.integers(2, 4)), int(rng.integers(4, 6))]
    epochs = [int(n) for n in rng.permutation([1, 1, 2])]
    rates = [float(rng.uniform(0.015, 0.03)), float(rng.uniform(1e-4, 2e-4)), float(rng.uniform(0.015, 0.03))]
    return list(zip(layers, epochs, rates, strict=True))


def _phases(run: Run, settings: list[Setting]) -> list[Phase]:
    """Cut a run into its phases by their numbers of epochs; the last phase takes what there is."""
    run.demand_training()
    epochs, at, found = run.epochs(), 0, []
    starts = [epoch.steps[0].state for epoch in epochs]
    for number, (num_layers, n_epochs, _) in enumerate(settings):
        last = number == len(settings) - 1
        own = epochs[at:] if last else epochs[at : at + n_epochs]
        ok(bool(own), expected="as many epochs as all phases have", came=f"{len(epochs)}", hint=ORDER_HINT)
        end = at + len(own)
        # The weights after a phase are those that it was validated with: what follows may begin with others.
        after = own[-1].checks[-1].state if own[-1].checks else run.end
        found.append(Phase(num_layers, own, starts[at], after))
        at = end
    return found


def _judge_opened(run: Run, phases: list[Phase]) -> None:
    for number, phase in enumerate(phases, start=1):
        judge_open(phase.epochs, phase.num_layers)
        learning: tuple[int | str, ...] = (*phase.opened, *OPEN_ALWAYS)
        for part in learning:
            moved = bool((phase.before != phase.after)[WEIGHTS[part]].any())
            name = part if isinstance(part, str) else f"block {part} of {N_BLOCKS}, counted from 0,"
            hint = "model.unfreeze_layers(num_layers) first in each phase, then an optimizer of what is open"
            ok(moved, expected=f"{name} to learn in phase {number}", came="the weights that it had", hint=hint)
    judge_steps(run)
    judge_downhill(run)
    judge_head_mode(run)


def _judge_rates(phases: list[Phase], settings: list[Setting]) -> None:
    ok(
        len(phases[-1].epochs) == settings[-1][1],
        expected="as many epochs as all phases have",
        came=f"{sum(len(phase.epochs) for phase in phases)}",
        hint=ORDER_HINT,
    )
    moved = [float(np.abs(phase.after - phase.before)[ALL_WEIGHTS].max()) for phase in phases]
    first, middle, last = moved
    small = middle < 0.1 * first and middle < 0.1 * last
    hint = "each phase has an optimizer with its own learning rate"
    ok(small, expected="small steps in the phase of the small rate alone", came="steps of another size", hint=hint)


def _judge_continued(run: Run, phases: list[Phase]) -> None:
    for number, (phase, then) in enumerate(itertools.pairwise(phases), start=2):
        same = np.array_equal(phase.after, then.before)
        hint = "one model throughout: no copy, no second load of its first weights"
        ok(same, expected="the weights of the phase before", came=f"others at the start of phase {number}", hint=hint)
    same = np.array_equal(phases[-1].after, run.end)
    ok(same, expected="the last phase's weights in the model", came="others", hint="train the model that is given")


def _judge_frozen(phases: list[Phase]) -> None:
    for phase in phases:
        frozen = tuple(number for number in BLOCKS if number not in phase.opened)
        hint = "what no phase has opened yet is frozen"
        judge_kept(phase.states, phase.before, frozen, "weights", hint)
        judge_kept(phase.states, phase.before, frozen, "batch-norm statistics", STATISTICS_HINT)


def _judge_history(run: Run, settings: list[Setting], n_epochs: int) -> None:
    hint = "`phase` has the number of the phase once for each of its epochs"
    came = integers(history(run.answer, n_epochs, *HISTORY, "phase")["phase"], "`phase`", hint=hint)
    counted = np.repeat(np.arange(len(settings)), [epochs for _, epochs, _ in settings])
    right = any(np.array_equal(came, counted + first) for first in (0, 1))
    ok(right, expected="phases that count up by one from 0 or 1", came="other numbers", hint=hint)
    judge_history(run, n_epochs)
    judge_validation(run)
