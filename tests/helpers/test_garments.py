"""Drawn garments: the form of Fashion-MNIST, and as hard as they should be."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import nn

from helpers import load_fashion_mnist
from helpers.data import EMBEDDED_GARMENTS, GARMENTS, split_dataset
from helpers.garments import embedded_garments
from helpers.loaders import make_loaders


@pytest.fixture(scope="module")
def drawn():
    return embedded_garments()


def test_they_have_the_form_of_fashion_mnist(drawn):
    X, y = drawn
    assert (X.shape, X.dtype, y.dtype) == ((2000, 784), np.float32, np.int64)
    assert (X.min(), X.max()) == (0, 255)
    np.testing.assert_array_equal(X, np.rint(X))
    assert np.bincount(y).tolist() == [200] * 10
    assert len(GARMENTS) == 10


def test_each_is_another_one_and_a_seed_draws_the_same_again(drawn):
    X, _ = drawn
    assert len(np.unique(X, axis=0)) == len(X)
    np.testing.assert_array_equal(embedded_garments(50)[0], embedded_garments(50)[0])
    assert not np.array_equal(embedded_garments(50)[0], embedded_garments(50, seed=1)[0])


def test_garments_lie_in_the_picture_and_vary_in_brightness(drawn):
    X, y = drawn
    images = X.reshape(-1, 28, 28)
    covered = (images > 25).mean(axis=(1, 2))
    assert covered.min() > 0.02
    assert covered.max() < 0.8
    bright = np.array([image[image > 25].mean() for image in images])
    assert bright.max() > 2 * bright.min()
    classes = {name: images[y == label].mean(axis=0) for label, name in enumerate(GARMENTS)}
    # Trousers have a gap between the legs that dresses have not; shoes lie low.
    assert classes["Trouser"][22, 14] < 0.85 * classes["Dress"][22, 14]
    assert classes["Sneaker"][:10].mean() < 0.2 * classes["Coat"][:10].mean()


def test_a_small_cnn_reads_them_and_a_linear_model_clearly_less(drawn):
    """The promise of the data: 85 to 97 % for a small network that looks at neighbourhoods."""
    parts = split_dataset(*drawn)
    train, _, test = make_loaders(*parts, device="cpu")
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(20):
        for images, labels in train:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
    with torch.no_grad():
        network = float(torch.cat([model(images).argmax(1) == labels for images, labels in test]).float().mean())
    X_train, _, X_test, y_train, _, y_test = parts
    linear = LogisticRegression(C=0.1, max_iter=300).fit(X_train / 255, y_train).score(X_test / 255, y_test)
    assert 0.85 <= network <= 0.97
    assert 0.5 < linear < network - 0.08


def test_grading_loads_a_few_of_them(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    garments = load_fashion_mnist()
    assert (garments.name, len(garments)) == (EMBEDDED_GARMENTS, 500)
