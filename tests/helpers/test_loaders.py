"""Loaders on a device look like plain ones, batch for batch."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from helpers.loaders import make_loader

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (70, 784)).astype(np.float32)
Y = np.arange(70) % 10


@pytest.mark.parametrize("shuffle", [True, False])
def test_both_kinds_give_the_same_batches(shuffle):
    plain, resident = (make_loader(X, Y, 32, shuffle=shuffle, device=device) for device in (None, "cpu"))
    assert isinstance(resident, DataLoader)
    assert len(plain) == len(resident) == 3
    assert (resident.batch_size, len(resident.dataset)) == (32, 70)
    for _ in range(2):
        for (images, labels), (others, their_labels) in zip(plain, resident, strict=True):
            assert (others.dtype, their_labels.dtype) == (torch.float32, torch.int64)
            torch.testing.assert_close(images, others, rtol=0, atol=0)
            torch.testing.assert_close(labels, their_labels)


def test_a_loader_for_training_shuffles_anew_each_epoch_and_uses_all():
    loader = make_loader(X, Y, 32, shuffle=True, device="cpu")
    epochs = [torch.cat([images[:, 0, 0, :3] for images, _ in loader]) for _ in range(2)]
    assert not torch.equal(*epochs)
    rows = [sorted(map(tuple, epoch.tolist())) for epoch in epochs]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 70


def test_single_images_can_be_asked_for():
    image, label = make_loader(X, Y, device="cpu").dataset[3]
    assert image.shape == (1, 28, 28)
    assert label == 3


@pytest.mark.parametrize("device", [None, "cpu"])
def test_images_are_enlarged_as_they_are_handed_out(device):
    loader = make_loader(X, Y, 32, device=device, size=56)
    images, labels = next(iter(loader))
    assert images.shape == (32, 1, 56, 56)
    assert labels.tolist() == Y[:32].tolist()
    assert images.min() >= 0
    assert images.max() <= 1
    assert loader.dataset[0][0].shape == (1, 28, 28), "what is kept stays small"


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_last_batch_of_one_is_left_out_in_training_alone(device):
    sizes = [[len(y) for _, y in make_loader(X[:65], Y[:65], 64, s, device=device)] for s in (True, False)]
    assert sizes == [[64], [64, 1]]
