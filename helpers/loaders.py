"""From arrays to torch's loaders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .seeds import loader_seeding

if TYPE_CHECKING:
    from torch.utils.data import DataLoader, TensorDataset


def make_loaders(
    X_train: NDArray,
    X_val: NDArray,
    X_test: NDArray,
    y_train: NDArray,
    y_val: NDArray,
    y_test: NDArray,
    batch_size: int = 64,
    seed: int = 42,
) -> tuple[DataLoader, DataLoader, DataLoader]:
    """Make loaders of training, validation and test data: `make_loaders(*split_dataset(X, y))`.

    Parameters
    ----------
    X_train, X_val, X_test : ndarray, shape (n, 784)
        Pixels in [0, 255], divided by 255 here.
    y_train, y_val, y_test : ndarray of int, shape (n,)
        Labels.
    batch_size : int
        At least 2.
    seed : int
        Of the order of the training images.

    Returns
    -------
    train, val, test : DataLoader
        Batches of float32 (N, 1, 28, 28) in [0, 1] and int64 (N,); only training data are shuffled. A last
        training batch of one image is left out: batch norm has no variance to go by in a single value.

    Raises
    ------
    ValueError
        Where pixels are scaled already, or there are fewer than two in a training batch.
    """
    from torch.utils.data import DataLoader

    if batch_size < 2 or len(X_train) < 2:
        raise ValueError(
            f"A training batch needs 2 images or more; batch_size is {batch_size}, X_train has {len(X_train)} images."
        )
    train = DataLoader(
        _tensors(X_train, y_train, "X_train"),
        batch_size=batch_size,
        shuffle=True,
        drop_last=len(X_train) % batch_size == 1,
        **loader_seeding(seed),
    )
    val = DataLoader(_tensors(X_val, y_val, "X_val"), batch_size=batch_size)
    test = DataLoader(_tensors(X_test, y_test, "X_test"), batch_size=batch_size)
    return train, val, test


def _tensors(X: NDArray, y: NDArray, name: str) -> TensorDataset:
    import torch
    from torch.utils.data import TensorDataset

    highest = float(X.max(initial=0))
    if not 1 < highest <= 255 or X.min() < 0:
        raise ValueError(
            f"{name} has values from {X.min()} to {highest}; expected pixels in [0, 255], not scaled yet, "
            "as load_mnist gives them."
        )
    images = torch.from_numpy(np.asarray(X, dtype=np.float32) / 255).reshape(-1, 1, 28, 28)
    return TensorDataset(images, torch.from_numpy(np.asarray(y, dtype=np.int64)))
