"""From arrays to torch's loaders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .seeds import loader_seeding

if TYPE_CHECKING:
    import torch
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
    device: torch.device | str | None = None,
    size: int | None = None,
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
    device, size
        As for `make_loader`.

    Returns
    -------
    train, val, test : DataLoader
        Batches of float32 (N, 1, 28, 28), or (N, 1, size, size), in [0, 1] and int64 (N,); only training data are
        shuffled. A last training batch of one image is left out: batch norm has no variance to go by in a single value.

    Raises
    ------
    ValueError
        Where pixels are scaled already, or there are fewer than two in a training batch.
    """
    if batch_size < 2 or len(X_train) < 2:
        raise ValueError(
            f"A training batch needs 2 images or more; batch_size is {batch_size}, X_train has {len(X_train)} images."
        )
    train = make_loader(X_train, y_train, batch_size, shuffle=True, seed=seed, device=device, name="X_train", size=size)
    val = make_loader(X_val, y_val, batch_size, device=device, name="X_val", size=size)
    test = make_loader(X_test, y_test, batch_size, device=device, name="X_test", size=size)
    return train, val, test


def make_loader(
    X: NDArray,
    y: NDArray,
    batch_size: int = 64,
    shuffle: bool = False,
    seed: int = 42,
    device: torch.device | str | None = None,
    name: str = "X",
    size: int | None = None,
) -> DataLoader:
    """Make one loader.

    Parameters
    ----------
    X, y : ndarray, shapes (n, 784) and (n,)
        Pixels in [0, 255], and integer labels.
    batch_size : int
        Of all batches but the last, which may be shorter.
    shuffle : bool
        For training: a new order an epoch, and no last batch of a single image.
    seed : int
        Of that order.
    device : torch.device or str, optional
        Where given, all images are moved there once, and batches are cut out of them there; otherwise they stay in
        ordinary memory and are gathered image by image, as `DataLoader` does it for any data set.
    name : str
        Of `X`, for messages.
    size : int, optional
        Rows and columns to which images are enlarged, batch by batch as they are handed out; by default none are.

    Returns
    -------
    DataLoader
        Batches of float32 (N, 1, 28, 28), or (N, 1, size, size), in [0, 1] and int64 (N,).

    Raises
    ------
    ValueError
        Where pixels are scaled already.
    """
    from torch.utils.data import DataLoader

    options: dict[str, Any] = {"batch_size": batch_size}
    if shuffle:
        options |= {"shuffle": True, "drop_last": len(X) % batch_size == 1, **loader_seeding(seed)}
    data = _tensors(X, y, name)
    if device is None and size is None:
        return DataLoader(data, **options)
    return DataLoader(_resident(data, device or "cpu", size), collate_fn=_as_it_is, **options)


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


def _resident(data: TensorDataset, device: torch.device | str, size: int | None) -> TensorDataset:
    """Move a data set to a device for good, in a form that hands out whole batches, enlarged where a size is given."""
    import torch
    import torch.nn.functional as F
    from torch.utils.data import TensorDataset

    class Resident(TensorDataset):
        def __getitems__(self, rows: list[int]) -> tuple[torch.Tensor, ...]:
            """Where a data set has this method, `DataLoader` asks it for a batch at once."""
            images, labels = self[torch.tensor(rows, device=self.tensors[0].device)]
            if size is None or size == images.shape[-1]:
                return images, labels
            return F.interpolate(images, size=(size, size), mode="bilinear"), labels

    return Resident(*(tensor.to(device) for tensor in data.tensors))


def _as_it_is(batch: Any) -> Any:
    """Take the place of the function that would stack single images."""
    return batch
