"""Where to compute: the fastest device there is, unless `LAB_DEVICE` or the grading says otherwise."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from .budget import budget_name

if TYPE_CHECKING:
    import torch

DEVICE_NAMES = "cpu, cuda, cuda:N (N counts from 0), mps"
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def requested_device() -> str | None:
    """Read what `LAB_DEVICE` asks for, without importing torch.

    Returns
    -------
    str or None
        A name that torch understands; None where the choice is free. Always "cpu" in the `grade` budget,
        whatever the setting: grades must not depend on the machine.

    Raises
    ------
    ValueError
        Where the setting is no device's name.
    """
    if budget_name() == "grade":
        return "cpu"
    name = os.environ.get("LAB_DEVICE") or None
    if name is not None and not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise ValueError(f"LAB_DEVICE is {name!r}; expected one of {DEVICE_NAMES}.")
    return name


def get_device() -> torch.device:
    """Choose the device: CUDA, else Apple's MPS, else the CPU; `LAB_DEVICE` overrides.

    Returns
    -------
    torch.device
        One that works here.

    Raises
    ------
    ValueError
        Where `LAB_DEVICE` is no device's name.
    RuntimeError
        Where it names a device that this machine, or this build of torch, does not have.
    """
    import torch

    available = _available_devices()
    name = requested_device() or available[0]
    if name not in available:
        raise RuntimeError(
            f"LAB_DEVICE is {name!r}, which is not available here; available: {', '.join(available)}. "
            "Change LAB_DEVICE or unset it, then restart the kernel."
        )
    return torch.device(name)


def _available_devices() -> list[str]:
    """Names of all devices that work here, the preferred one first."""
    import torch

    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cuda", *cuda, *mps, "cpu"] if cuda else [*mps, "cpu"]


def describe_device(device: torch.device | None = None) -> str:
    """Describe a device in one line for people.

    Parameters
    ----------
    device : torch.device, optional
        By default the one that `get_device` chooses.

    Returns
    -------
    str
        Such as "NVIDIA H200 (cuda, 140 GiB)" or "CPU, 8 cores".
    """
    import torch

    device = get_device() if device is None else device
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name} ({device}, {properties.total_memory / 2**30:.0f} GiB)"
    return "Apple GPU (mps)" if device.type == "mps" else describe_cpu()


def describe_cpu() -> str:
    """Say how many cores this process may use, without importing torch."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    cores = 1 if budget_name() == "grade" else allowed
    return "CPU, one thread" if cores == 1 else f"CPU, {cores} cores"


def use_one_thread() -> None:
    """Keep NumPy, scikit-learn and torch to one thread from here on.

    Libraries that are loaded already are told so; those that are still to come read the environment.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    os.environ.update(dict.fromkeys(THREAD_SETTINGS, "1"))
    threadpool_limits(limits=1)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
