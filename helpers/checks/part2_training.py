"""The self-checks of Part II about training, on a linear model that notes what is done to it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from .part2_network import CPU, checks
from .selfcheck import Names, expect

LISTS = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
Rows = tuple[torch.Tensor, torch.Tensor]


class Watched(nn.Module):
    """Six numbers in, ten logits out; notes modes, gradients and data. The first number is 1 in training data."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 10)
        self.asked: list[tuple[bool, bool, bool]] = []  # training data? train mode? gradients?
        self.new: list[torch.Tensor] = []  # the gradient of each backward pass …
        self.kept: list[torch.Tensor] = []  # … and what the parameter holds after it
        self.start: torch.Tensor | None = None  # the weights at the first question
        self.linear.weight.register_hook(lambda gradient: self.new.append(gradient.clone()))
        self.linear.weight.register_post_accumulate_grad_hook(self._keep)

    def _keep(self, weight: torch.Tensor) -> None:
        assert weight.grad is not None
        self.kept.append(weight.grad.clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (N, 10), and note how they were asked for."""
        if self.start is None:
            self.start = self.linear.weight.detach().clone()
        self.asked.append((bool(x[0, 0] > 0), self.training, torch.is_grad_enabled()))
        return self.linear(x)


def _rows(n: int, mark: float) -> Rows:
    generator = torch.Generator().manual_seed(n)
    y = torch.arange(n) % 3
    X = torch.randn(n, 6, generator=generator) + 2 * F.one_hot(y, 6).roll(1, dims=1)
    X[:, 0] = mark
    return X, y


TRAIN, VAL = _rows(11, 1.0), _rows(7, -1.0)


def _loader(rows: Rows, batch_size: int = 4) -> DataLoader:
    return DataLoader(TensorDataset(*rows), batch_size=batch_size)


def _watched(seed: int = 0) -> Watched:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Watched()


def expect_history(history: Any, epochs: int, lists: tuple[str, ...] = LISTS) -> dict[str, np.ndarray]:
    """Return the lists of a history as arrays, once all are there, of one number per epoch."""
    expect(isinstance(history, dict), "a dict of lists", type(history).__name__, "Is there a `return history`?")
    missing = [name for name in lists if name not in history]
    expect(not missing, f"the lists {', '.join(lists)}", f"no {missing}", "The names count, letter by letter.")
    arrays = {name: np.array([float(value) for value in history[name]]) for name in lists}
    for name, values in arrays.items():
        expect(len(values) == epochs, f"{epochs} values in {name}", f"{len(values)}", "One an epoch.")
        expect(np.isfinite(values), f"finite numbers in {name}", f"{values}", "Does the loss explode?")
        if "accuracy" in name:
            expect((values >= 0) & (values <= 1), f"{name} in [0, 1]", f"{values}", "A share, not a count.")
    return arrays


@checks.add(
    "train-learns",
    needs=("train_model",),
    hints=(
        "Two loops: over the epochs, and inside it over the batches of `train_loader`; then one over `val_loader`.",
        "`optim.Adam(model.parameters(), lr=learning_rate)`, made once, before the loops.",
        "For each batch: to the device, logits, loss, gradients to zero, backward, step.",
    ),
)
def train_learns(names: Names) -> None:
    """Four lists, a loss that falls, Adam's first step."""
    model = _watched()
    start = model.linear.weight.detach().clone()
    history = names["train_model"](model, _loader(TRAIN), _loader(VAL), epochs=6, learning_rate=0.05, device=CPU)
    loss = expect_history(history, 6)["train_loss"]
    moved = not torch.equal(start, model.linear.weight)
    expect(moved, "the given model to be trained", "the same weights", "optimizer.step(), on the model itself.")
    expect(loss[-1] < loss[0], "a training loss that falls", f"{loss.round(3)}", "Is each step after a backward?")
    model = _watched()
    names["train_model"](model, _loader(TRAIN, 11), _loader(VAL), epochs=1, learning_rate=0.02, device=CPU)
    step = float((model.linear.weight - start).abs().median())
    look = "Adam's first step moves each weight by the learning rate: optim.Adam(…, lr=learning_rate)."
    expect(abs(step - 0.02) < 1e-3, "a first step of 0.02 for learning_rate=0.02", f"{step:.4f}", look)


@checks.add(
    "train-modes",
    needs=("train_model",),
    hints=(
        "Both modes are switched in every epoch: `model.train()` before its training, `model.eval()` before its "
        "validation.",
        "`with torch.no_grad():` around the loop of validation.",
        "`optimizer.zero_grad()` for each batch, before `backward()` or after `step()`.",
    ),
)
def train_modes(names: Names) -> None:
    """In which mode each batch met the model, and what the gradients held."""
    model = _watched().eval()
    names["train_model"](model, _loader(TRAIN), _loader(VAL), epochs=2, device=CPU)
    training = [(mode, gradients) for is_training, mode, gradients in model.asked if is_training]
    validating = [(mode, gradients) for is_training, mode, gradients in model.asked if not is_training]
    expect(training and validating, "both loaders used", "one of them not", "Validate after each epoch.")
    train_mode = all(mode for mode, _ in training)
    expect(train_mode, "train mode on all training batches", "eval mode on some", "model.train(), in each epoch.")
    eval_mode = not any(mode for mode, _ in validating)
    expect(eval_mode, "eval mode on all validation batches", "train mode on some", "model.eval(), in each epoch.")
    notes = any(gradients for _, gradients in validating)
    expect(not notes, "no gradients in validation", "notes were taken", "with torch.no_grad():")
    expect(model.new, "backward passes", "none", "loss.backward()")
    alone = all(torch.allclose(a, b, atol=1e-6) for a, b in zip(model.new, model.kept, strict=False))
    expect(alone, "each gradient alone", "a sum of several", "optimizer.zero_grad(), for each batch.")


@checks.add(
    "train-history",
    needs=("train_model",),
    hints=(
        "Three running numbers an epoch: the sum of the losses, the right answers, the images.",
        "`loss.item() * len(labels)` is the sum over a batch; divide by the number of images at the very end.",
        "Training values come from the batches of the epoch as they were trained; validation follows the last step.",
    ),
)
def train_history(names: Names) -> None:
    """Values that can be computed in one go: of a model that stands still, and of one that has been trained."""
    still = _watched()
    history = names["train_model"](still, _loader(TRAIN), _loader(VAL), epochs=1, learning_rate=0.0, device=CPU)
    values = expect_history(history, 1)
    expect(len(still.new) == 3, "3 steps for 11 images in batches of 4", f"{len(still.new)}", "Train on train_loader.")
    for name, rows in (("train", TRAIN), ("val", VAL)):
        _expect_values(values, name, still, rows, "of a model that stands still (learning_rate=0)")
    trained = _watched()
    history = names["train_model"](trained, _loader(TRAIN), _loader(VAL), epochs=2, learning_rate=0.05, device=CPU)
    _expect_values(expect_history(history, 2), "val", trained, VAL, "after the last step of the epoch")


def _expect_values(values: dict[str, np.ndarray], name: str, model: Watched, rows: Rows, when: str) -> None:
    """Compare the last loss and accuracy of one kind with those of all rows at once."""
    X, y = rows
    with torch.no_grad():
        logits = model.linear(X)
    loss, accuracy = float(F.cross_entropy(logits, y)), float((logits.argmax(1) == y).float().mean())
    look = f"A mean over all {len(y)} images: weigh each batch by its size."
    for kind, wanted in (("loss", loss), ("accuracy", accuracy)):
        came = float(values[f"{name}_{kind}"][-1])
        expect(abs(came - wanted) < 1e-4, f"{name}_{kind} {wanted:.4f} {when}", f"{came:.4f}", look)


@checks.add(
    "compare-optimizers",
    needs=("compare_optimizers",),
    hints=(
        "A loop over `optimizers.items()`; in each turn a new model, a new optimizer, and a training loop.",
        "`torch.manual_seed(seed)` right before `model_class()`, in each turn.",
        "`make(model.parameters(), lr=learning_rate)`, and the validation accuracy after each epoch, in eval mode.",
    ),
)
def compare_optimizers(names: Names) -> None:
    """New models from one start, the rate passed on, an accuracy an epoch."""
    used: list[Watched] = []
    rates: list[Any] = []

    class Noted(Watched):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.start is None:
                used.append(self)  # a copy of a model counts as a new one
            return super().forward(x)

    def noting(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(*given: Any, **named: Any) -> Any:
            optimizer = make(*given, **named)
            rates.append(optimizer.param_groups[0]["lr"])
            return optimizer

        return made

    optimizers = {"a": noting(torch.optim.SGD), "b": noting(torch.optim.Adam)}
    for seed in (0, 1):
        settings = {"epochs": 2, "learning_rate": 0.05, "device": CPU, "seed": seed}
        result = names["compare_optimizers"](Noted, _loader(TRAIN), _loader(VAL), optimizers, **settings)
        expect(isinstance(result, dict), "a dict", type(result).__name__, "name → list of accuracies")
        expect(list(result) == ["a", "b"], "the names of the optimizers as keys", f"{list(result)}", "One entry each.")
        for name, accuracies in result.items():
            came = np.array([float(value) for value in accuracies])
            expect(came.shape == (2,), f"2 accuracies for {name!r}", f"{came.shape}", "One an epoch.")
            expect((came >= 0) & (came <= 1), "accuracies in [0, 1]", f"{came}", "A share, no percentage.")
    expect(rates == [0.05] * 4, "make(parameters, lr=learning_rate) for each", f"lr {rates}", "Pass the rate on.")
    expect(len(used) == 4, "a new model for each optimizer", f"{len(used)} for 4", "Call model_class() in the loop.")
    starts = [model.start for model in used if model.start is not None]
    same = torch.equal(starts[0], starts[1])
    expect(same, "the same initial weights for all", "others", "Seed right before each new model.")
    expect(not torch.equal(starts[0], starts[2]), "another start for another seed", "the same", "Use the argument.")
    X, y = VAL
    final = float((used[-1].linear(X).argmax(1) == y).float().mean())
    last = float(result["b"][-1])
    expect(abs(last - final) < 1e-4, "the validation accuracy after the last step", f"{last:.3f}", "On val_loader.")


class Stuck(Watched):
    """Learns its training data, while its answers in evaluation stay what they were."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (N, 10), all zero in eval mode."""
        logits = super().forward(x)
        return logits if self.training else torch.zeros_like(logits)


@checks.add(
    "lr-scheduling",
    needs=("train_with_scheduler",),
    hints=(
        "Begin with your `train_model`. Three lines are new: the scheduler, the rate that is noted, the step.",
        "`optim.lr_scheduler.ReduceLROnPlateau(optimizer, 'min', factor=factor, patience=patience)`",
        "Once an epoch, after validation: `scheduler.step(val_loss)`. The rate is noted before the epoch.",
    ),
)
def lr_scheduling(names: Names) -> None:
    """The rates of a model whose validation loss never falls, and of one whose does."""
    train = names["train_with_scheduler"]
    loaders = _loader(TRAIN), _loader(VAL)
    settings = {"learning_rate": 0.1, "patience": 1, "factor": 0.5, "device": CPU}
    history = expect_history(train(_watched(), *loaders, epochs=1, **settings), 1, (*LISTS, "lr"))
    first = float(history["lr"][0])
    expect(abs(first - 0.1) < 1e-9, "lr[0] = learning_rate", f"{first:g}", "The rate that is used *in* the epoch.")
    history = expect_history(train(Stuck(), *loaders, epochs=7, **settings), 7, (*LISTS, "lr"))
    lr = history["lr"]
    expect(lr[-1] < 0.1, "a rate that falls while the validation loss rests", f"{lr}", "Is it told val_loss?")
    halved = np.flatnonzero(np.diff(lr) < 0) + 2
    ratio = float(lr[halved[0] - 1] / lr[0])
    expect(abs(ratio - 0.5) < 1e-6, "half the rate for factor=0.5", f"{ratio:g} of it", "Pass factor on.")
    look = "patience=1 forgives one bad epoch, the second cuts. Is the scheduler told once per epoch?"
    came = f"lower rates from the epochs {halved.tolist()}"
    expect(halved.tolist() == [4, 6], "lower rates from the epochs 4 and 6, for patience=1", came, look)


class Scripted(Watched):
    """Has one good epoch, the third: its answers in evaluation follow a script, epoch by epoch."""

    script = (1.0, 2.0, 3.0, 0.5, 0.0, 0.0, 4.0, 5.0)

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[torch.Tensor] = []  # at the validation of each epoch
        self.trained = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (N, 10), in eval mode those of the script."""
        logits = super().forward(x)
        if self.training:
            self.trained = True
            return logits
        if self.trained:
            self.trained = False
            self.weights.append(self.linear.weight.detach().clone())
        sure = self.script[min(len(self.weights), len(self.script)) - 1]
        return torch.zeros_like(logits) + sure * F.one_hot(torch.zeros(len(x), dtype=torch.long), 10).to(logits)


@checks.add(
    "early-stopping",
    needs=("train_with_early_stopping",),
    hints=(
        "Keep two things: the lowest validation loss so far, and a copy of the weights that had it.",
        "Count the epochs since then; a new minimum sets the count to zero, and `patience` of them end the loop.",
        "`copy.deepcopy(model.state_dict())` to keep, `model.load_state_dict(…)` to restore, whichever way it ends.",
    ),
)
def early_stopping(names: Names) -> None:
    """When it stops, what it returns, and which weights are left."""
    all_zero = VAL[0], torch.zeros_like(VAL[1])
    for max_epochs, wanted in ((8, 5), (4, 4)):
        model = Scripted()
        settings = {"max_epochs": max_epochs, "patience": 2, "learning_rate": 0.05, "device": CPU}
        history = names["train_with_early_stopping"](model, _loader(TRAIN), _loader(all_zero), **settings)
        trained = len(model.weights)
        case = f"max_epochs={max_epochs}, patience=2 and the best epoch 3"
        expect(trained == wanted, f"{wanted} epochs for {case}", f"{trained}", "Two epochs without a new minimum.")
        expect_history(history, wanted)
        restored = torch.equal(model.linear.weight, model.weights[2])
        expect(restored, "the weights of epoch 3, the best", "others", "Was a copy kept, and put back at the end?")
