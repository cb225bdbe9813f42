"""What runs on the student's side during the exams of Part II: models that note what is asked of them, and spies.

Plain source that the exams send over, in parts: torch alone, nothing of `grading`. Nothing here solves a task of the
notebook: the models are tiny and of another kind than the notebook's, and nothing trains or measures a model. The exams
import it as well, to compute with the same models on their own side.
"""

from typing import Any

import torch
from torch import nn

EVENTS: list[dict[str, Any]] = []  # passes through models and optimizers made, in their order
ALIVE: list[Any] = []  # what has been noted by its id: an id is only unique while its object lives


def weights_of(parameters: Any) -> torch.Tensor:
    """All weights, as one vector."""
    return torch.cat([p.detach().cpu().flatten() for p in parameters])


def gradient_of(parameters: Any) -> torch.Tensor | None:
    """All gradients as one vector; None where there are none."""
    if all(p.grad is None for p in parameters):
        return None
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).cpu().flatten() for p in parameters])


class Witness(nn.Module):
    """A small classifier of images (N, 1, 28, 28), made of 7 × 7 blocks, that notes each pass in `EVENTS`.

    Weights from a vector, or drawn as torch does. In train mode its logits are moved by `shift`, some up and some down:
    what it answers tells in which mode it was asked, without any randomness.
    """

    def __init__(self, weights: Any = None, shift: float = 0.0) -> None:
        super().__init__()
        self.hidden = nn.Linear(16, 6)
        self.output = nn.Linear(6, 10)
        self.shift = shift
        if weights is not None:
            nn.utils.vector_to_parameters(torch.tensor(weights, dtype=torch.float32), self.parameters())

    def answer(self, blocks: torch.Tensor) -> torch.Tensor:
        logits = self.output(torch.tanh(self.hidden(blocks)))
        if not self.training:
            return logits
        return logits + self.shift * torch.cos(torch.arange(10.0, device=logits.device))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        parameters = list(self.parameters())
        ALIVE.append(parameters[0])
        EVENTS.append(
            {
                "what": "pass",
                "model": id(parameters[0]),
                "marks": images[:, 0, 0, 0].detach().clone(),
                "training": self.training,
                "with gradient": torch.is_grad_enabled(),
                "weights": weights_of(parameters),
                "gradient": gradient_of(parameters),
            }
        )
        return self.answer(images[:, 0, ::7, ::7].flatten(1))


class Shifted(Witness):
    """A witness for those who make their models themselves: fresh weights, other answers in train mode."""

    def __init__(self) -> None:
        super().__init__(shift=2.5)


class Scripted(Witness):
    """A witness whose loss on validation images follows a script, whatever its weights.

    Validation images carry a 1 in their last pixel; in the two before it, in tenths, their label and the loss that they
    add to the script's, and in the one before these their part in the sway: by it their losses differ from epoch to
    epoch, and the mean of all does not. Entry e of script and sways is for the time after `n_batches` · (e + 1) passes
    on training images.
    """

    def __init__(self, weights: Any, script: list[float], sways: list[float], n_batches: int) -> None:
        super().__init__(weights)
        self.script, self.sways, self.n_batches, self.n_passes = script, sways, n_batches, 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = super().forward(images)
        if images[0, 0, -1, -1] < 0.5:
            self.n_passes += torch.is_grad_enabled()
            return logits
        epoch = max(self.n_passes // self.n_batches - 1, 0)
        epoch = min(epoch, len(self.script) - 1)
        losses = self.script[epoch] + self.sways[epoch] * images[:, 0, -1, -4] + 10 * images[:, 0, -1, -2]
        others = torch.log((torch.exp(losses) - 1) / 9)
        labels = torch.round(10 * images[:, 0, -1, -3]).long()
        scripted = others[:, None].repeat(1, 10)
        scripted[torch.arange(len(images)), labels] = 0.0
        return scripted + 0.0 * logits  # so that a gradient, if asked for, is zero and no error


def reached(model: nn.Module, images: Any) -> list[bool]:
    """Which of a model's parameters a gradient comes to from the logits of images, or are frozen."""
    model.zero_grad()
    logits = model(torch.as_tensor(images))
    if logits.requires_grad:
        (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
    return [not p.requires_grad or (p.grad is not None and bool((p.grad != 0).any())) for p in model.parameters()]


class Spy:
    """Makes optimizers of one of torch's classes and notes it in `EVENTS`, with the weights that each is given."""

    def __init__(self, name: str, cls: Any, **settings: Any) -> None:
        self.name, self.cls, self.settings = name, cls, settings

    def __call__(self, params: Any, lr: float) -> Any:
        optimizer = self.cls(params, lr=lr, **self.settings)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        ALIVE.append(parameters[0])
        EVENTS.append(
            {
                "what": "optimizer",
                "name": self.name,
                "model": id(parameters[0]),
                "lr": float(lr),
                "weights": weights_of(parameters),
            }
        )
        return optimizer


class Embedder(nn.Module):
    """A model whose `features20` are those of a linear map, others in train mode; it notes each pass in `EVENTS`."""

    def __init__(self, weights: Any) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 20)
        nn.utils.vector_to_parameters(torch.tensor(weights, dtype=torch.float32), self.parameters())

    def features20(self, images: torch.Tensor) -> torch.Tensor:
        EVENTS.append({"what": "pass", "training": self.training, "with gradient": torch.is_grad_enabled()})
        features = self.linear(images[:, 0, ::7, ::7].flatten(1))
        return -features if self.training else features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.features20(images)[:, :10]


class Oracle(nn.Module):
    """A classifier that reads what to answer from two pixels of each image: one for eval mode, one for train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.confidence = nn.Parameter(torch.tensor(3.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        EVENTS.append({"what": "pass", "training": self.training, "with gradient": torch.is_grad_enabled()})
        answers = torch.round(10 * images[:, 0, 0, 1 if self.training else 0]).long()
        return self.confidence * nn.functional.one_hot(answers, 10) - 5.0
