"""The exam of the comparison of optimizers: equal starts, own steps, right accuracies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from grading.exam import exam, idea
from grading.exams.part2 import probes
from grading.exams.part2.epochs import demand_whole
from grading.exams.part2.runs import Pass, Run, events, judge_values, read_pass, tied
from grading.exams.part2.trusted import CPU, N_WEIGHTS, Data, small_data
from grading.handle import Ref, Student, size
from grading.judge import Fail, array, number, ok

SHIFT = 2.5  # of `probes.Shifted`
SETTINGS: dict[str, tuple[str, dict[str, float]]] = {
    "momentum": ("SGD", {"momentum": 0.8}),
    "Adam": ("Adam", {}),
    "RMSprop": ("RMSprop", {"alpha": 0.9}),
}


@dataclass
class Contender:
    """One optimizer of a comparison: the weights and the rate that it was made with, and the passes of its model.

    One that is made again for the same model, as in each epoch, is still one: `times` tells.
    """

    name: str
    rate: float
    start: np.ndarray
    passes: list[Pass]
    times: int = 1

    def run(self, data: Data) -> Run:
        """Return its training; the last weights are those of its last pass, since nobody keeps the model."""
        ok(bool(self.passes), expected="a training for each optimizer", came="none", hint="train the model just made")
        return Run(data, SHIFT, self.start, self.passes, self.passes[-1].weights)


@dataclass(frozen=True)
class Comparison:
    """One call of `compare_optimizers`: what it answered, and each optimizer that it made."""

    answer: Any
    contenders: list[Contender]

    def of(self, name: str) -> Contender:
        """Return the one contender of a name."""
        found = [contender for contender in self.contenders if contender.name == name]
        hint = "for each item of optimizers: make(model.parameters(), lr=learning_rate), once"
        ok(len(found) == 1, expected="each optimizer made once", came=f"{len(found)} times", hint=hint)
        return found[0]


@exam("test-compare-optimizers", points=12)
def optimizers_compared(student: Student, rng: np.random.Generator) -> None:
    """Models of the exam's own, and spies that make torch's optimizers; each training is replayed from its start.

    Split: a list of accuracies for each name 2; the accuracies, in eval mode after each epoch, 3; a new model for each
    optimizer, all from the same weights 4; these by the seed 1; the optimizer's own steps at the learning rate 2.
    """
    data, n_epochs = small_data(rng, n_val=40), 4  # not the default
    rate, seeds = float(rng.uniform(0.02, 0.04)), [int(seed) for seed in rng.choice(10_000, 2, replace=False)]
    loaded = student.load(probes, "Shifted", "Spy")

    def compare(seed: int, names: list[str], epochs: int) -> Comparison:
        return _compare(student, loaded, data, names, epochs=epochs, learning_rate=rate, device=CPU, seed=seed)

    names = [str(name) for name in rng.permutation(list(SETTINGS))]
    asked = compare(seeds[0], names, n_epochs)
    with idea("a list of accuracies for each optimizer", 2):
        for name in names:
            _accuracies(asked, name, n_epochs)
    with idea("accuracies in eval mode, after each epoch", 3):
        for name in names:
            _accuracies_right(asked.of(name).run(data), _accuracies(asked, name, n_epochs))
    with idea("a new model for each optimizer, all from the same weights", 4):
        starts = [asked.of(name).start for name in names]
        equal = all(np.array_equal(starts[0], start) for start in starts[1:])
        hint = "seed torch anew before each model_class(), or load the same state_dict into each new model"
        ok(equal, expected="the same initial weights for all optimizers", came="others", hint=hint)
    with idea("initial weights by the seed", 1):
        firsts = [compare(seed, names[:1], 1).of(names[0]).start for seed in (seeds[0], seeds[1])]
        hint = "torch.manual_seed(seed) right before model_class()"
        ok(
            np.array_equal(firsts[0], asked.of(names[0]).start),
            expected="the same from a seed",
            came="others",
            hint=hint,
        )
        ok(not np.array_equal(firsts[0], firsts[1]), expected="others from another seed", came="the same", hint=hint)
    with idea("each optimizer's own steps at the learning rate", 2):
        for name in names:
            contender = asked.of(name)
            hint = "make(model.parameters(), lr=learning_rate)"
            same_rate = bool(np.isclose(contender.rate, rate))
            ok(same_rate, expected="lr=learning_rate", came=f"{contender.rate:.4g}", hint=hint)
            came = f"{contender.times} times, which forgets its momentum"
            ok(contender.times == 1, expected="each optimizer made once for all epochs", came=came, hint=hint)
            _steps_right(contender, data)


def _compare(student: Student, loaded: Ref, data: Data, names: list[str], **settings: Any) -> Comparison:
    optim, done = student.library("torch.optim"), size(loaded.EVENTS)
    spies = {
        name: loaded.Spy(name, getattr(optim, cls), **more) for name, (cls, more) in SETTINGS.items() if name in names
    }
    came = student.compare_optimizers(
        loaded.Shifted, *data.loaders(), {name: spies[name] for name in names}, **settings
    )
    contenders: list[Contender] = []
    of_model: dict[Any, Contender] = {}
    for event in events(loaded, done):
        if event["what"] == "optimizer":
            start = array(event["weights"], "the parameters", hint="make(model.parameters(), lr=learning_rate)")
            whole = start.shape == (N_WEIGHTS,)
            ok(whole, expected="all parameters of the model", came=f"{start.size} of them", hint="model.parameters()")
            known = of_model.get(event["model"])
            if known and known.name == event["name"]:
                known.times += 1
                continue
            contender = Contender(event["name"], number(event["lr"], "lr"), start.astype(np.float32), [])
            contenders.append(contender)
            of_model[event["model"]] = contender  # a model that is used again belongs to the last one
        elif event["model"] in of_model:
            of_model[event["model"]].passes.append(read_pass(event, data))
    return Comparison(came, contenders)


def _accuracies(asked: Comparison, name: str, n_epochs: int) -> np.ndarray:
    hint = "return {name: [accuracy after epoch 1, …]} with the names of optimizers"
    named = isinstance(asked.answer, dict) and name in asked.answer
    ok(named, expected="a dict with the name of each optimizer", came=asked.answer if not named else "", hint=hint)
    ok(len(asked.answer) >= len(asked.contenders), expected="all names", came=f"{len(asked.answer)}", hint=hint)
    return array(asked.answer[name], "the accuracies of an optimizer", shape=(n_epochs,), hint=hint)


def _accuracies_right(run: Run, came: np.ndarray) -> None:
    run.demand_steps()
    epochs = run.epochs()
    ok(len(epochs) == len(came), expected="as many epochs as asked for", came=f"{len(epochs)}", hint="pass epochs on")
    hint = "after each epoch: model.eval(), then the share of val_loader that is answered right, from 0 to 1"
    demand_whole(epochs, len(run.data.val_images))
    found = [run.measure(epoch.checks, training=False) for epoch in epochs]
    judge_values(came, [measured.accuracy for measured in found], "the validation accuracy", hint, tied(found))


def _steps_right(contender: Contender, data: Data) -> None:
    cls, settings = SETTINGS[contender.name]
    run = contender.run(data)
    made = getattr(torch.optim, cls)
    weights = run.replay(lambda parameters: made(parameters, lr=contender.rate, **settings), training=True)
    wanted = len(run.epochs()) * data.n_batches
    if len(weights) != wanted + 1:
        raise Fail("a step for each training batch", f"{len(weights) - 1} steps", "zero_grad, backward, step")
    hint = "for each batch: optimizer.zero_grad(), loss.backward(), optimizer.step(), in train mode"
    ok(run.agrees(weights), expected="the weights that the optimizer's steps lead to", came="others", hint=hint)
