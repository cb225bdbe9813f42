"""Pretrained weights as torchvision loads them where there is no network: the stand-ins that every grading uses."""

from functools import cache
from typing import Any

import torch
from torch import nn
from torchvision import models

from helpers import stand_ins

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""How names of batch norm's buffers end: all else in a checkpoint is a parameter."""


@cache
def checkpoint(name: str) -> dict[str, Any]:
    """Return the weights of a network; those of all its versions are the same."""
    stand_ins.install()
    weights: dict[str, Any] = models.get_model_weights(name).DEFAULT.get_state_dict(progress=False)
    return weights


def architecture(name: str) -> nn.Module:
    """Return a network of torchvision in eval mode without values, which costs nothing."""
    with torch.device("meta"):
        return models.get_model(name, weights=None).eval()
