"""The self-checks of Part III about training, on a small model of the same interface that notes what is done to it."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.data import DataLoader, TensorDataset

from .part2_training import LISTS, expect_history
from .part3_model import CPU, checks
from .selfcheck import Names, expect

Rows = tuple[torch.Tensor, torch.Tensor]
N_BLOCKS = 3


def _block(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.Tanh())


class Small(nn.Module):
    """The interface of Task 1 with three small blocks; the head has dropout, and notes in which mode it is used."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Conv2d(1, 3, 1)
        self.model = nn.Sequential()
        self.model.features = nn.Sequential(_block(3), _block(6), _block(6)).requires_grad_(False)
        self.model.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(6, 10))
        self.opened: list[int] = []
        self.asked: list[tuple[bool, bool, bool, int]] = []  # training data? dropout on? gradients? images

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, 10); images whose first pixel is 1 are training data."""
        head: Any = self.model.classifier
        self.asked.append((bool(x[0, 0, 0, 0] > 0.5), head[0].training, torch.is_grad_enabled(), len(x)))
        return head(self.model.features(self.front(x)).mean(dim=(2, 3)))  # type: ignore[operator]

    def unfreeze_layers(self, num_layers: int) -> None:
        """Open the last blocks."""
        self.opened.append(num_layers)
        features: Any = self.model.features
        features[max(len(features) - num_layers, 0) :].requires_grad_(True)

    def blocks(self) -> list[nn.Module]:
        """List the blocks."""
        return list(self.model.features)  # type: ignore[arg-type]


def _small() -> Small:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Small()


def _rows(n: int, mark: float) -> Rows:
    generator = torch.Generator().manual_seed(n)
    y = torch.arange(n) % 3
    X = torch.rand(n, 1, 6, 6, generator=generator) * 0.3 + y.reshape(-1, 1, 1, 1) / 3
    X[:, 0, 0, 0] = mark
    return X, y


TRAIN, VAL = _rows(14, 1.0), _rows(7, 0.0)


def _loader(rows: Rows, batch_size: int = 5) -> DataLoader:
    return DataLoader(TensorDataset(*rows), batch_size=batch_size)


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.detach().clone() for key, value in module.state_dict().items()}


def _changed(module: nn.Module, before: dict[str, torch.Tensor], of: tuple[str, ...]) -> list[str]:
    state = module.state_dict()
    return [key for key in before if key.endswith(of) and not torch.equal(before[key], state[key])]


WEIGHTS, STATISTICS = ("weight", "bias"), ("running_mean", "running_var")


def _expect_frozen(model: Small, before: list[dict[str, torch.Tensor]], n_frozen: int) -> None:
    """Expect that the first blocks are what they were."""
    for block, state in list(zip(model.blocks(), before, strict=True))[:n_frozen]:
        moved = _changed(block, state, WEIGHTS)
        expect(not moved, "weights of frozen blocks that stay", "others", "Who opened them, or who holds them?")
        moved = _changed(block, state, STATISTICS)
        look = "They change in the forward pass in train mode: put frozen blocks into eval mode after model.train()."
        expect(not moved, "batch-norm statistics of frozen blocks that stay", "others", look)


def _expect_learning(
    module: nn.Module,
    before: dict[str, torch.Tensor],
    what: str,
    look: str = "Is it this model that is trained, in place? Has the optimizer all that is trainable now?",
) -> None:
    expect(_changed(module, before, ("weight",)), f"{what} to learn", "the same weights", look)


def _expect_modes(model: Small) -> None:
    training = [note for note in model.asked if note[0]]
    validating = [note for note in model.asked if not note[0]]
    expect(training and validating, "both loaders used", "one of them not", "Validate after each epoch.")
    look = "model.train() in each epoch, then eval() for what is frozen. nn.Dropout has no parameters: it is not."
    dropout = all(on for _, on, _, _ in training)
    expect(dropout, "the head's dropout on while training", "off in some batches", look)
    rests = not any(on for _, on, _, _ in validating)
    expect(rests, "eval mode while validating", "train mode", "model.eval() before validation, in each epoch.")
    notes = any(gradients for _, _, gradients, _ in validating)
    expect(not notes, "no gradients while validating", "gradients were recorded", "torch.no_grad() around it.")


def _expect_last_values(history: dict[str, Any], model: Small) -> None:
    """Compare the last validation values with those of all images at once."""
    X, y = VAL
    with torch.no_grad():
        logits = model.eval()(X)
    wanted = {
        "val_loss": float(F.cross_entropy(logits, y)),
        "val_accuracy": float((logits.argmax(1) == y).float().mean()),
    }
    for name, value in wanted.items():
        came = float(history[name][-1])
        look = "Measured on val_loader, after the last step of the epoch? Weigh each batch by its size."
        expect(abs(came - value) < 1e-3, f"{name} {value:.4f} at the end", f"{came:.4f}", look)


def _expect_steps(trainer: Callable[..., Any]) -> None:
    """Expect that nothing is learnt at the learning rate 0, and that each step has the gradient of its batch alone."""
    model = _small()
    weight, dropout = model.model.classifier[1].weight, model.model.classifier[0]  # type: ignore[index, union-attr]
    dropout.p = 0.0  # type: ignore[union-attr]
    before, at_steps = _state(model), []
    watch = register_optimizer_step_pre_hook(lambda *_: at_steps.append(_copy(weight.grad)))
    try:
        trainer(model, _loader(TRAIN), _loader(VAL), epochs=1, learning_rate=0.0, device=CPU)
    finally:
        watch.remove()
    moved = _changed(model, before, WEIGHTS)
    expect(not moved, "nothing learnt at the learning rate 0", "other weights", "lr=learning_rate in the optimizer.")
    own = [_gradient(model, X, y) for X, y in _loader(TRAIN)]
    last, total = own[-1], torch.stack(own).sum(dim=0)
    if at_steps and at_steps[-1] is not None:
        piled = torch.allclose(at_steps[-1], total, rtol=0.05, atol=1e-4) and not torch.allclose(total, last)
        look = "optimizer.zero_grad() before each loss.backward(): it adds to what is there."
        expect(not piled, "steps by the gradient of their own batch", "earlier batches' gradients in it too", look)


def _gradient(model: Small, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the head's weights on a batch, frozen blocks in eval mode."""
    weight = model.model.classifier[1].weight  # type: ignore[index, union-attr]
    model.train()
    for block in model.blocks():
        block.train(any(parameter.requires_grad for parameter in block.parameters()))
    (slope,) = torch.autograd.grad(F.cross_entropy(model(X), y), [weight])
    return slope


def _copy(values: torch.Tensor | None) -> torch.Tensor | None:
    return None if values is None else values.detach().clone()


class _Watch:
    """Notes what each optimizer of torch is given when it is made, while it is active."""

    def __enter__(self) -> "_Watch":
        self.made: list[torch.optim.Optimizer] = []
        self._original: Callable[..., Any] = torch.optim.Optimizer.__init__
        original, made = self._original, self.made

        def init(optimizer: torch.optim.Optimizer, *given: Any, **named: Any) -> None:
            original(optimizer, *given, **named)
            made.append(optimizer)

        torch.optim.Optimizer.__init__ = init  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *_: object) -> None:
        torch.optim.Optimizer.__init__ = self._original  # type: ignore[method-assign]


@checks.add(
    "feature-extraction",
    needs=("train_feature_extractor",),
    hints=(
        "The loop of Part II with two changes: what the optimizer gets, and which modules are in train mode.",
        "`[p for p in model.parameters() if p.requires_grad]` are the trainable parameters.",
        "After `model.train()`: go through `model.modules()`, and put into eval mode each that has parameters of which "
        "none is trainable.",
    ),
)
def feature_extraction(names: Names) -> None:
    """What learns, what stays, what the optimizer holds."""
    model = _small()
    before = [_state(block) for block in model.blocks()]
    head, front = _state(model.model.classifier), _state(model.front)  # type: ignore[arg-type]
    with _Watch() as watch:
        history = names["train_feature_extractor"](
            model, _loader(TRAIN), _loader(VAL), epochs=3, learning_rate=0.02, device=CPU
        )
    expect_history(history, 3)
    _expect_frozen(model, before, N_BLOCKS)
    _expect_learning(model.model.classifier, head, "the head")  # type: ignore[arg-type]
    _expect_learning(model.front, front, "the 1 × 1 convolution")
    frozen = {id(p) for p in model.parameters() if not p.requires_grad}
    held = {id(p) for optimizer in watch.made for group in optimizer.param_groups for p in group["params"]}
    expect(
        not frozen & held,
        "an optimizer with the trainable parameters alone",
        "one that holds frozen ones",
        "Leave out those without requires_grad.",
    )
    _expect_modes(model)
    _expect_last_values(history, model)
    _expect_steps(names["train_feature_extractor"])


@checks.add(
    "fine-tuning",
    needs=("fine_tune",),
    hints=(
        "First `model.unfreeze_layers(num_layers)`, then the optimizer, then the loop of Task 2.",
        "The blocks that stay frozen are put into eval mode in each epoch, after `model.train()`.",
        "`learning_rate` is passed on to the optimizer, made anew here.",
    ),
)
def fine_tuning(names: Names) -> None:
    """Which blocks open and learn, which stay."""
    model = _small()
    before, head = [_state(block) for block in model.blocks()], _state(model.model.classifier)  # type: ignore[arg-type]
    history = names["fine_tune"](
        model, _loader(TRAIN), _loader(VAL), num_layers=1, epochs=2, learning_rate=0.02, device=CPU
    )
    expect(model.opened, "model.unfreeze_layers(num_layers) to be called", "no call", "As the first line.")
    expect(model.opened[-1] == 1, "1 block opened for num_layers=1", f"{model.opened[-1]}", "Pass the argument on.")
    expect_history(history, 2)
    _expect_frozen(model, before, N_BLOCKS - 1)
    _expect_learning(model.blocks()[-1], before[-1], "the open block")
    _expect_learning(model.model.classifier, head, "the head")  # type: ignore[arg-type]
    _expect_modes(model)
    _expect_last_values(history, model)
    _expect_steps(names["fine_tune"])


@checks.add(
    "progressive-unfreezing",
    needs=("progressive_unfreezing",),
    hints=(
        "A loop over `phases`, and in it the loop over the epochs of this phase.",
        "In each phase: open the blocks, make a new optimizer with this phase's learning rate, train, go on writing "
        "into the same lists.",
        "`for phase, (num_layers, epochs, learning_rate) in enumerate(phases, start=1):`",
    ),
)
def progressive_unfreezing(names: Names) -> None:
    """Epochs and numbers of the phases, what opens when, and that the weights go on."""
    model = _small()
    before = [_state(block) for block in model.blocks()]
    phases = [(0, 1, 0.02), (2, 2, 0.01)]
    history = names["progressive_unfreezing"](model, _loader(TRAIN), _loader(VAL), phases, device=CPU)
    expect_history(history, 3, (*LISTS, "phase"))
    numbers = [int(phase) for phase in history["phase"]]
    look = "One number per epoch, one more with each phase."
    expect(numbers in ([0, 1, 1], [1, 2, 2]), "phase 1, 2, 2 for epochs 1 + 2", f"{numbers}", look)
    expect(model.opened == [0, 2], "blocks opened: 0, then 2", f"{model.opened}", "unfreeze_layers, once per phase.")
    _expect_frozen(model, before, N_BLOCKS - 2)
    _expect_learning(model.blocks()[-1], before[-1], "the blocks that the second phase opens")
    _expect_modes(model)
    _expect_last_values(history, model)
    still = _small()
    start = _state(still.model.classifier)  # type: ignore[arg-type]
    names["progressive_unfreezing"](still, _loader(TRAIN), _loader(VAL), [(0, 1, 0.02), (1, 1, 0.0)], device=CPU)
    look = "Each phase goes on with the weights that it finds; nothing is set back."
    _expect_learning(still.model.classifier, start, "the head in the first of two phases", look)  # type: ignore[arg-type]
    unmoved = not _changed(still.blocks()[-1], before[-1], ("weight",))
    expect(
        unmoved, "nothing learnt at the learning rate 0 of a second phase", "other weights", "Each has its own rate."
    )
