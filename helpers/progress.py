"""Progress of training."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

from .budget import budget_name

T = TypeVar("T")


def progress(epochs: Iterable[T], text: str = "", unit: str = "epoch") -> "tqdm[T]":
    """Pass on the elements of a loop, with a bar that shows how far it is: `for epoch in progress(range(5))`.

    Parameters
    ----------
    epochs : iterable
        Whatever the loop goes over.
    text : str
        What is going on.
    unit : str
        What is counted.

    Returns
    -------
    tqdm
        The same elements. The bar appears after a second, goes when the loop ends, and is never shown while grading.
    """
    silent = budget_name() == "grade"
    return tqdm(epochs, text, unit=unit, file=sys.stdout, leave=False, delay=1, ncols=80, disable=silent)
