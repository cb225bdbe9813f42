"""One call that seeds every source of randomness, and the same for the workers of a loader."""

import random
import sys
from typing import Any

import numpy as np


def seed_everything(seed: int = 42) -> None:
    """Seed Python's `random`, NumPy's global generator and, where it is imported, torch on all devices.

    Parameters
    ----------
    seed : int
        In [0, 2³²).

    Raises
    ------
    ValueError
        Where NumPy can't take the seed.

    Notes
    -----
    torch is not imported for this: it costs seconds, and Part I has no use for it. A torch that is imported
    later starts from a random seed of its own, so call this again after importing it; `setup` does so for the
    parts that use torch.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"The seed is {seed}; expected a whole number from 0 to 2**32 - 1.")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (older libraries still draw from the global generator)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)  # CPU, CUDA and MPS alike


def loader_seeding(seed: int = 42) -> dict[str, Any]:
    """Make a `DataLoader` repeatable: `DataLoader(data, shuffle=True, **loader_seeding(42))`.

    Parameters
    ----------
    seed : int
        Of the generator that shuffles.

    Returns
    -------
    dict
        `generator` and `worker_init_fn`, two arguments of `torch.utils.data.DataLoader`.
    """
    import torch

    return {"generator": torch.Generator().manual_seed(seed), "worker_init_fn": seed_worker}


def seed_worker(worker_id: int) -> None:
    """Pass on a worker's torch seed to `random` and NumPy, which would else repeat the parent's numbers.

    A function of the module, since workers that are spawned (macOS, Windows) receive it pickled.
    Source: https://pytorch.org/docs/stable/notes/randomness.html
    """
    import torch

    seed = torch.initial_seed() % 2**32  # differs by worker and epoch
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
