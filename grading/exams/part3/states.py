"""The small model that Part III's trainers are given: its whole state as one vector, and what belongs to which part."""

from dataclasses import replace

import numpy as np
import torch

from grading.exams.part2.trusted import Data, small_data
from grading.exams.part3 import probes
from grading.handle import Ref, value
from grading.judge import array, ok

N_BLOCKS = 6
BLOCKS = tuple(range(N_BLOCKS))
OPEN_ALWAYS = ("the 1 × 1 convolution", "the head")
_TWIN = probes.Miniature()  # one for all that is computed anew: making them took longer than using them
_TWIN_PARTS = [module for module in _TWIN.modules() if isinstance(module, probes.Norm1d | probes.Norm2d | probes.Drop)]
SHAPES = {name: tuple(values.shape) for name, values in probes.tensors_of(_TWIN).items()}
N_MODES = N_BLOCKS + 2  # those of the head are the last
N_PARAMETERS = sum(p.numel() for p in _TWIN.parameters())  # they come first in a state


def _part(name: str) -> int | str:
    """Return which part a tensor belongs to: the number of its block, or the name of what is always open."""
    if name.startswith("model.features."):
        return int(name.split(".")[2])
    return OPEN_ALWAYS[name.startswith("model.classifier")]


def _where(part: int | str, *, statistics: bool) -> np.ndarray:
    """Return a mask over the state: the weights of a part, or its statistics of batch norm."""
    flags = [
        np.full(int(np.prod(shape)), _part(name) == part and ("running" in name) is statistics)
        for name, shape in SHAPES.items()
    ]
    return np.concatenate(flags)


PARTS: tuple[int | str, ...] = (*BLOCKS, *OPEN_ALWAYS)
WEIGHTS = {part: _where(part, statistics=False) for part in PARTS}
STATISTICS = {part: _where(part, statistics=True) for part in PARTS}
ALL_WEIGHTS = np.logical_or.reduce(list(WEIGHTS.values()))
"""A mask over the state: the weights of all parts."""


def weights_moved(state: np.ndarray, then: np.ndarray) -> bool:
    """Say whether any weight of one state is another in the next."""
    return bool((state != then)[ALL_WEIGHTS].any())


def draw_state(rng: np.random.Generator) -> np.ndarray:
    """Draw weights and statistics of a small model, float32."""
    drawn = []
    for name, shape in SHAPES.items():
        values = rng.normal(size=shape)
        if "running_var" in name:
            values = rng.uniform(0.6, 1.6, size=shape)
        elif name.endswith(".1.weight") and len(shape) == 1:  # batch norm of a block
            values = rng.uniform(0.7, 1.3, size=shape)
        drawn.append(0.6 * values.ravel() if "running_var" not in name else values.ravel())
    return np.concatenate(drawn).astype(np.float32)


def read_state(model: Ref) -> np.ndarray:
    """Read the state of a small model from itself."""
    state = value(model.state_dict())
    ok(isinstance(state, dict), expected="a model with its weights", came="none")
    parts = [array(state.get(name), "the weights", shape=shape).ravel() for name, shape in SHAPES.items()]
    return np.concatenate(parts).astype(np.float32)


def lesson(rng: np.random.Generator, state: np.ndarray) -> Data:
    """Draw images with labels of four classes; no batch holds one image, which batch norm could not train on.

    The classes are those that a model in this state answers most often: where it answered none of them, all accuracies
    would be 0, and whichever was returned would be right.
    """
    data = small_data(rng, n_val=14)
    answered = model_at(state, [False] * N_MODES).answer(torch.cat([data.images, data.val_images])).argmax(dim=1)
    classes = torch.bincount(answered, minlength=10).argsort(descending=True, stable=True)
    classes = classes[rng.permutation(4)]
    return replace(data, labels=classes[data.labels % 4], val_labels=classes[data.val_labels % 4])


def model_at(state: np.ndarray, modes: list[bool]) -> probes.Miniature:
    """Return a model in a state, with these modes: until the next call."""
    _TWIN.take(torch.as_tensor(state))
    for part, mode in zip(_TWIN_PARTS, modes, strict=True):
        part.training = mode
    return _TWIN
