"""What runs on the student's side during the exams of Part III: small models that note what is asked of them.

Plain source that the exams send over, in parts: torch and NumPy alone, nothing of `grading`. Nothing here solves a task
of the notebook. The exams import it as well, to compute with the same models on their own side.
"""

import time
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_pre_hook

EVENTS: list[dict[str, Any]] = []  # what models and optimizers were asked for, in its order
MODES: list[bool] = []  # of batch norms and dropout in the last pass, in their order
CLASSES = 10


# --- models with the interface of `TransferLearningModel` ---------------------------------------------------------


def tensors_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters by name, then the statistics of batch norm."""
    statistics = {name: values for name, values in model.named_buffers() if values.is_floating_point()}
    return {**dict(model.named_parameters()), **statistics}


def state_of(model: nn.Module) -> torch.Tensor:
    """All parameters and statistics, as one vector."""
    return torch.cat([values.detach().cpu().flatten() for values in tensors_of(model).values()])


class Norm2d(nn.BatchNorm2d):
    """Batch norm that notes in which mode it is asked."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        MODES.append(self.training)
        return super().forward(x)


class Norm1d(nn.BatchNorm1d):
    """The same for vectors."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        MODES.append(self.training)
        return super().forward(x)


class Drop(nn.Dropout):
    """Dropout that drops nothing, so that losses can be computed anew, and notes its mode."""

    def __init__(self) -> None:
        super().__init__(0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        MODES.append(self.training)
        return super().forward(x)


def block(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    """One block of a backbone: a 1 × 1 convolution, batch norm, and a bend whose slope is never 0."""
    return nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), Norm2d(n_out), nn.Softsign())


class Backbone(nn.Module):
    """Six blocks with batch norm, and a head that knows its mode: batch norm and dropout before its layer."""

    def __init__(self) -> None:
        super().__init__()
        widths = [(4, 5), (5, 4), (4, 5), (5, 4), (4, 6)]
        self.features = nn.Sequential(block(3, 4, 7), *(block(*sizes) for sizes in widths))
        self.classifier = nn.Sequential(Norm1d(6), Drop(), nn.Linear(6, CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean(dim=(2, 3)))


class Miniature(nn.Module):
    """A small network in two stages for images (N, 1, 28, 28) of 7 × 7 blocks, that notes each pass in `EVENTS`.

    As in the notebook: a 1 × 1 convolution in front, a frozen `model.features`, a head that is open, and
    `unfreeze_layers`, whose calls are noted as well.
    """

    def __init__(self, state: Any = None) -> None:
        super().__init__()
        self.colour = nn.Conv2d(1, 3, 1)
        self.model = Backbone()
        self.model.features.requires_grad_(False)
        if state is not None:
            self.take(torch.tensor(state, dtype=torch.float32))

    def take(self, state: torch.Tensor) -> None:
        at = 0
        for values in tensors_of(self).values():
            values.data.copy_(state[at : at + values.numel()].view_as(values))
            at += values.numel()

    def unfreeze_layers(self, num_layers: int) -> None:
        EVENTS.append({"what": "unfreeze", "layers": num_layers})
        blocks = list(self.model.features)
        for opened in blocks[max(len(blocks) - num_layers, 0) :]:
            opened.requires_grad_(True)

    def answer(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(self.colour(images))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        state = state_of(self)
        MODES.clear()
        logits = self.answer(images)
        EVENTS.append(
            {
                "what": "pass",
                "marks": images[:, 0, 0, 0].detach().cpu().clone(),
                "modes": list(MODES),
                "with gradient": torch.is_grad_enabled(),
                "open": [all(p.requires_grad for p in part.parameters()) for part in self.model.features],
                "state": state,
            }
        )
        return logits


def watch_steps(model: nn.Module) -> Any:
    """Note at each step of an optimizer the gradients of a model, and how many frozen parameters it holds.

    Returns what ends it.
    """
    ours = {id(p): p for p in model.parameters()}

    def note(optimizer: Any, *_: Any) -> None:
        held = [p for group in optimizer.param_groups for p in group["params"]]
        frozen = sum(id(p) in ours and not p.requires_grad for p in held)
        slopes = [torch.zeros_like(p) if p.grad is None else p.grad.detach() for p in model.parameters()]
        EVENTS.append({"what": "step", "frozen": frozen, "gradient": torch.cat([s.cpu().flatten() for s in slopes])})

    return register_optimizer_step_pre_hook(note)


# --- a backbone ---------------------------------------------------------------------------------------------------


class Lens(nn.Module):
    """A backbone whose features are those of a linear map, with the other sign in train mode; it naps at each pass."""

    def __init__(self, weights: Any, nap: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 12)
        self.nap = nap
        nn.utils.vector_to_parameters(torch.tensor(weights, dtype=torch.float32), self.parameters())

    def answer(self, images: torch.Tensor) -> torch.Tensor:
        features = self.linear(images[:, 0, ::7, ::7].flatten(1))
        return -features if self.training else features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        marks = images[:, 0, 0, 0].detach().cpu().clone()
        features = self.answer(images)
        EVENTS.append({"marks": marks, "training": self.training, "with gradient": features.requires_grad})
        time.sleep(self.nap)
        return features


# --- the notebook's own network, and backbones --------------------------------------------------------------------


def front_of(model: nn.Module) -> list[str]:
    """Names of the parameters of convolutions from one channel to three."""
    sizes = {name: tuple(p.shape) for name, p in model.named_parameters() if not name.startswith("model.classifier.")}
    return [name for name, shape in sizes.items() if shape == (3,) or (len(shape) == 4 and shape[:2] == (3, 1))]


def fill(model: nn.Module, values: dict[str, Any]) -> None:
    """Give parameters new values, by name."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, new in values.items():
            parameters[name].copy_(torch.as_tensor(new))


def gradients(model: nn.Module, images: torch.Tensor, names: list[str]) -> dict[str, Any]:
    """Gradients of some parameters, or None, of a sum over the answers to images."""
    model.zero_grad()
    for name, p in model.named_parameters():
        p.requires_grad_(p.requires_grad or name in names)
    logits = model(images)
    (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
    found = {name: p.grad for name, p in model.named_parameters() if name in names}
    return {name: None if gradient is None else gradient.clone() for name, gradient in found.items()}


def freeze_blocks(model: nn.Module) -> None:
    """Freeze the blocks and nothing else."""
    model.requires_grad_(True)
    front = front_of(model)
    for name, p in model.named_parameters():
        if name.startswith("model.features.") and name not in front:
            p.requires_grad_(False)


def flags(model: Any) -> dict[str, Any]:
    """What is trainable: parameters of each block, and all others; with a sum over all weights."""
    front = front_of(model)
    blocks = [
        [p.requires_grad for name, p in part.named_parameters() if f"model.features.{key}.{name}" not in front]
        for key, part in model.model.features.named_children()
    ]
    mine = [name.startswith("model.features.") and name not in front for name, _ in model.named_parameters()]
    others = [p.requires_grad for own, p in zip(mine, model.parameters(), strict=True) if not own]
    return {
        "blocks": blocks,
        "others": others,
        "sum": float(sum(p.detach().double().sum() for p in model.parameters())),
    }


def watch_colours() -> Any:
    """Note what comes to convolutions of three channels, in which mode and with which weights; return what ends it."""

    def note(module: nn.Module, inputs: Any) -> None:
        if not (isinstance(module, nn.Conv2d) and module.in_channels == 3):
            return
        images = inputs[0].detach().cpu()
        stride = max(images.shape[-1] // 28, 1)
        EVENTS.append(
            {
                "images": images[:2, :, ::stride, ::stride].clone(),
                "training": module.training,
                "weights": module.weight.detach().cpu().clone(),
            }
        )

    return register_module_forward_pre_hook(note)
