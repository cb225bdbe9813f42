"""What the exams of training share: small data, and what a witness with given weights answers and learns."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from grading.exams.part2 import probes

N_WEIGHTS = 172
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Data:
    """Images made of 7 × 7 blocks, float32 (N, 1, 28, 28) in [0, 1], and their labels; the last batches are short."""

    images: torch.Tensor
    labels: torch.Tensor
    val_images: torch.Tensor
    val_labels: torch.Tensor
    batch_size: int = 8
    val_batch_size: int = 6

    @property
    def n_batches(self) -> int:
        """Number of training batches an epoch."""
        return -(-len(self.images) // self.batch_size)

    def loaders(self) -> tuple[DataLoader, DataLoader]:
        """Return a training loader in the order of the data, and a validation loader."""
        train, val = TensorDataset(self.images, self.labels), TensorDataset(self.val_images, self.val_labels)
        return DataLoader(train, self.batch_size), DataLoader(val, self.val_batch_size)


def images_of_blocks(rng: np.random.Generator, n: int) -> torch.Tensor:
    """Draw images (n, 1, 28, 28) in [0, 1] of 4 × 4 blocks; their last pixel is 0."""
    blocks = torch.as_tensor(rng.random((n, 1, 4, 4)), dtype=torch.float32)
    images = blocks.repeat_interleave(7, dim=2).repeat_interleave(7, dim=3)
    images[:, :, -1, -1] = 0
    return images


def small_data(rng: np.random.Generator, n: int = 19, n_val: int = 13) -> Data:
    """Draw training and validation images with labels that are hard to learn, of all ten classes."""
    labels = torch.as_tensor(rng.permutation(np.arange(n) % 10))
    val_labels = torch.as_tensor(rng.permutation(np.arange(n_val) % 10))
    return Data(images_of_blocks(rng, n), labels, images_of_blocks(rng, n_val), val_labels)


def draw_weights(rng: np.random.Generator) -> np.ndarray:
    """Draw weights (172,) of a witness, float32."""
    return (0.7 * rng.normal(size=N_WEIGHTS)).astype(np.float32)


# --- the trusted side of a witness --------------------------------------------------------------------------------


def answer(weights: np.ndarray, images: torch.Tensor, *, training: bool, shift: float = 0.0) -> torch.Tensor:
    """Return the logits (N, 10) of a witness with these weights."""
    twin = probes.Witness(weights, shift).train(training)
    with torch.no_grad():
        return twin.answer(images[:, 0, ::7, ::7].flatten(1))


def gradient(
    weights: np.ndarray, images: torch.Tensor, labels: torch.Tensor, *, training: bool, shift: float = 0.0
) -> np.ndarray:
    """Return the gradient (172,) of the mean cross-entropy of a witness."""
    twin = probes.Witness(weights, shift).train(training)
    backward(twin, images, labels)
    found = probes.gradient_of(list(twin.parameters()))
    assert found is not None
    return found.numpy()


def mean_loss(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the mean cross-entropy."""
    return float(nn.functional.cross_entropy(logits, labels))


def backward(twin: probes.Witness, images: torch.Tensor, labels: torch.Tensor) -> None:
    """Add the gradient of the mean cross-entropy of a batch to a witness."""
    with torch.enable_grad():
        logits = twin.answer(images[:, 0, ::7, ::7].flatten(1))
        nn.functional.cross_entropy(logits, labels).backward()


def draw_lesson(rng: np.random.Generator, rate: float, epochs: int) -> tuple[Data, np.ndarray]:
    """Draw data and first weights from which Adam learns some labels, not all, of training and validation images."""
    while True:
        data, weights = small_data(rng), draw_weights(rng)
        end = _after_adam(weights, data, rate, epochs)
        right = answer(end, data.images, training=False).argmax(dim=1) == data.labels
        learnt = answer(end, data.val_images, training=False).argmax(dim=1)
        labels = torch.where(torch.arange(len(learnt)) % 3 > 0, learnt, data.val_labels)
        if 0.3 < right.float().mean() < 0.9 and not torch.equal(labels, learnt):
            return replace(data, val_labels=labels), weights


def _after_adam(weights: np.ndarray, data: Data, rate: float, epochs: int) -> np.ndarray:
    twin = probes.Witness(weights)
    optimizer = torch.optim.Adam(twin.parameters(), lr=rate)
    for _ in range(epochs):
        for images, labels in data.loaders()[0]:
            optimizer.zero_grad()
            backward(twin, images, labels)
            optimizer.step()
    return probes.weights_of(twin.parameters()).numpy()
