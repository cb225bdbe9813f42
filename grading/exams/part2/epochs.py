"""The epochs of a training, cut from the passes that a model noted of it, and what answers in them are worth.

Part III's models note more of a pass; where an epoch begins is the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch

from grading.exams.part2.trusted import mean_loss
from grading.judge import ok


class _Noted(Protocol):
    @property
    def rows(self) -> np.ndarray: ...
    @property
    def validation(self) -> bool: ...
    @property
    def with_gradient(self) -> bool: ...


P = TypeVar("P", bound=_Noted)


@dataclass
class Epoch(Generic[P]):
    """The passes on training images of one epoch, with gradients, and those on validation images after them."""

    steps: list[P] = field(default_factory=list)
    checks: list[P] = field(default_factory=list)


@dataclass(frozen=True)
class Measured:
    """Mean loss and accuracy, and the share of answers that rounding could turn."""

    loss: float
    accuracy: float
    doubtful: float


def epochs_of(passes: list[P]) -> list[Epoch[P]]:
    """Cut passes into epochs: one begins with the first training pass behind a validation."""
    found: list[Epoch[P]] = []
    for noted in passes:
        if noted.validation:
            if found:  # a validation before any training belongs to none
                found[-1].checks.append(noted)
        elif noted.with_gradient:  # without: another look at training images, which is free
            if not found or found[-1].checks:
                found.append(Epoch())
            found[-1].steps.append(noted)
    hint = "in each epoch: a pass over train_loader, then one over val_loader, through model(images)"
    ok(bool(found), expected="training through model(images), with gradients", came="none", hint=hint)
    return found


def demand_whole(epochs: list[Epoch[P]], n_images: int) -> None:
    """Demand that each epoch looked at all validation images."""
    for number, epoch in enumerate(epochs, start=1):
        seen = len(np.unique(np.concatenate([noted.rows for noted in epoch.checks] or [np.zeros(0)])))
        hint = "for images, labels in val_loader: to its end, the short last batch with it"
        came = f"{seen} of them in epoch {number}"
        ok(seen == n_images, expected=f"all {n_images} validation images in each epoch", came=came, hint=hint)


def measured(answers: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Measured:
    """Return loss and accuracy over the samples of passes, by the logits (N, 10) and the labels (N,) of each."""
    losses, right, ties, seen = 0.0, 0, 0, 0
    for logits, labels in answers:
        losses += mean_loss(logits, labels) * len(labels)
        right += int((logits.argmax(dim=1) == labels).sum())
        first, second = logits.topk(2, dim=1).values.T
        ties += int((first - second < 1e-5).sum())
        seen += len(labels)
    ok(seen > 0, expected="a pass over each loader in each epoch", came="none", hint="for … in val_loader")
    return Measured(losses / seen, right / seen, ties / seen)
