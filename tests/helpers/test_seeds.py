"""The same seed gives the same numbers, in every library and every worker."""

import pickle
import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from helpers.loaders import make_loaders
from helpers.seeds import loader_seeding, seed_everything, seed_worker


def draw_global():
    return random.random(), np.random.rand()  # noqa: NPY002


def draw():
    return *draw_global(), torch.rand(1).item()


def test_one_call_seeds_all_three():
    seed_everything(7)
    first = draw()
    assert all(a != b for a, b in zip(first, draw(), strict=True))
    seed_everything(7)
    assert draw() == first
    seed_everything(8)
    assert all(a != b for a, b in zip(first, draw(), strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_named(seed):
    with pytest.raises(ValueError, match=str(seed)):
        seed_everything(seed)


def order(seed):
    return [int(batch) for batch in DataLoader(range(20), shuffle=True, **loader_seeding(seed))]


def test_a_seeded_loader_repeats_its_order():
    seed_everything(1)
    first = order(3)
    seed_everything(2)
    assert order(3) == first != order(4)


def test_workers_can_be_spawned_and_are_seeded_by_torch():
    assert pickle.loads(pickle.dumps(loader_seeding()["worker_init_fn"])) is seed_worker
    torch.manual_seed(5)
    seed_worker(0)
    first = draw_global()
    torch.manual_seed(6)
    seed_worker(0)
    assert draw_global() != first


def parts(n_train, n=5):
    X = [np.full((m, 784), 255, np.float32) for m in (n_train, n, n)]
    y = [np.arange(m) % 10 for m in (n_train, n, n)]
    return *X, *y


@pytest.mark.parametrize(("n", "sizes"), [(128, [64, 64]), (129, [64, 64]), (130, [64, 64, 2]), (2, [2])])
def test_training_never_ends_in_a_batch_of_one(n, sizes):
    train, _, _ = make_loaders(*parts(n))
    assert [len(labels) for _, labels in train] == sizes


def test_loaders_give_images_between_0_and_1_and_leave_out_no_held_out_image():
    train, val, test = make_loaders(*parts(70, n=65))
    images, labels = next(iter(train))
    assert (images.shape, images.dtype, labels.dtype) == ((64, 1, 28, 28), torch.float32, torch.int64)
    assert images.max() == 1
    assert sum(len(y) for _, y in val) == sum(len(y) for _, y in test) == 65
    first = [y.tolist() for _, y in make_loaders(*parts(70))[0]]
    assert first == [y.tolist() for _, y in make_loaders(*parts(70))[0]]
    assert first != [y.tolist() for _, y in make_loaders(*parts(70), seed=1)[0]]


def test_scaled_pixels_and_single_images_are_refused():
    X_train, *others = parts(10)
    with pytest.raises(ValueError, match=r"X_train .*not scaled yet"):
        make_loaders(X_train / 255, *others)
    with pytest.raises(ValueError, match="X_train has 1"):
        make_loaders(X_train[:1], *others)
