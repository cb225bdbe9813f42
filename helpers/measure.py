"""What a model costs: the numbers that it keeps, and the seconds that it takes."""

import time
from collections.abc import Callable
from typing import Any


def count_parameters(model: Any) -> int:
    """Count the numbers that a fitted model keeps to predict.

    Parameters
    ----------
    model : torch.nn.Module or fitted estimator of scikit-learn
        Of a network all weights and biases; of a linear model its coefficients and intercepts; of a forest two
        numbers a split (which pixel, which threshold) and the ten shares of the classes a leaf.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        For any other model.
    """
    if callable(getattr(model, "parameters", None)):
        return sum(parameter.numel() for parameter in model.parameters())
    if hasattr(model, "coef_"):
        return int(model.coef_.size + model.intercept_.size)
    if hasattr(model, "estimators_"):
        trees = [tree.tree_ for tree in model.estimators_]
        leaves = sum(int(tree.n_leaves) for tree in trees)
        splits = sum(int(tree.node_count) for tree in trees) - leaves
        return 2 * splits + len(model.classes_) * leaves
    raise TypeError(f"How many numbers a {type(model).__name__} keeps is not known here.")


def best_seconds(action: Callable[[], Any], repeats: int = 3) -> float:
    """Time an action: the shortest of some runs, which other work on the machine has disturbed least.

    Parameters
    ----------
    action : callable
        Called without arguments. What it starts on a GPU must have ended when it returns, as it has wherever a
        result arrives as a NumPy array.
    repeats : int
        How often, 1 or more.

    Returns
    -------
    float
        Seconds of wall time.
    """
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
