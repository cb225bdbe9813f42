"""The first cell of every notebook."""

from dataclasses import dataclass
from importlib.metadata import version
from platform import python_version

from .budget import Budget, budget_name, get_budget
from .data import where_is_fashion_mnist, where_is_mnist
from .device import describe_cpu, describe_device, requested_device, use_one_thread
from .seeds import seed_everything


@dataclass(frozen=True)
class Lab:
    """What `setup` found; `budget` may be changed field by field."""

    part: str
    budget: Budget
    device_line: str
    data_line: str


def setup(part: str) -> Lab:
    """Prepare a notebook: seeds, figure style, threads; say in four lines what it will work with.

    Parameters
    ----------
    part : str
        Such as "part1".

    Returns
    -------
    Lab
        With the part's budget.

    Raises
    ------
    ValueError
        Where the part, `LAB_BUDGET` or `LAB_DEVICE` is none that exists.
    """
    budget = get_budget(part)
    requested_device()  # a wrong LAB_DEVICE should stop here, not half-way through
    if budget_name() == "grade":
        use_one_thread()
        if part == "part3":
            from . import stand_ins  # not above: `python -m helpers.stand_ins` would find itself imported already

            stand_ins.install()  # whatever asks torchvision for pretrained weights finds these

    from . import plots

    plots.use_style()
    data_line = where_is_fashion_mnist() if part == "part3" else where_is_mnist()
    lab = Lab(part, budget, _device_line(part), data_line)
    seed_everything(42)  # after the line above, which may have imported torch
    packages = ("NumPy", "scikit-learn", "matplotlib") if part == "part1" else ("NumPy", "torch", "scikit-learn")
    versions = ", ".join([f"Python {python_version()}", *(f"{name} {version(name)}" for name in packages)])
    for label, text in (
        ("versions", versions),
        ("device", lab.device_line),
        ("budget", budget.describe()),
        ("data", lab.data_line),
    ):
        print(f"{label:<10}{text}")
    return lab


def _device_line(part: str) -> str:
    """Describe where a part computes; Part I needs no torch, so none is imported to find out."""
    return f"{describe_cpu()} (Part I is NumPy: no GPU is used)" if part == "part1" else describe_device()
