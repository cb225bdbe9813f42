"""Data, devices, figures and self-checks for the course Digits and Garments.

Importing it is quick: torch, matplotlib and scikit-learn are loaded by the functions that need them.
"""

from importlib import import_module
from importlib.metadata import version
from types import ModuleType

from .budget import get_budget
from .data import GARMENTS, load_fashion_mnist, load_mnist, split_dataset
from .device import describe_device, get_device
from .lab import setup
from .loaders import make_loader, make_loaders
from .measure import best_seconds, count_parameters
from .progress import progress
from .seeds import seed_everything

__version__ = version("digits-and-garments-helpers")

__all__ = [
    "GARMENTS",
    "best_seconds",
    "count_parameters",
    "describe_device",
    "get_budget",
    "get_device",
    "load_fashion_mnist",
    "load_mnist",
    "make_loader",
    "make_loaders",
    "plots",
    "progress",
    "seed_everything",
    "setup",
    "split_dataset",
]


def __getattr__(name: str) -> ModuleType:
    """Import `helpers.plots` on first use, since matplotlib takes its time."""
    if name == "plots":
        return import_module("helpers.plots")
    raise AttributeError(f"module 'helpers' has no attribute {name!r}")
