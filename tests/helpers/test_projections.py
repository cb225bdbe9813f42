"""Features in the plane, with and without UMAP."""

import sys
import types

import numpy as np
import pytest

from helpers import projections

FEATURES = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)


@pytest.fixture
def fake_umap(monkeypatch):
    """Stand in for the package, which is an extra: it need not be installed here."""

    class UMAP:
        def __init__(self, **settings):
            assert settings["n_neighbors"] < len(FEATURES)

        def fit_transform(self, X):
            return X[:, :2]

    module = types.ModuleType("umap")
    module.UMAP = UMAP
    monkeypatch.setitem(sys.modules, "umap", module)
    monkeypatch.setattr(projections, "find_spec", lambda name: name == "umap" or None)


def test_without_umap_there_are_two_planes(monkeypatch):
    monkeypatch.setattr(projections, "find_spec", lambda _: None)
    planes = projections.project(FEATURES, 250)
    assert list(planes) == ["PCA", "t-SNE"]
    assert all(plane.shape == (20, 2) for plane in planes.values())


def test_with_umap_there_are_three(fake_umap):
    assert projections.umap_is_there()
    assert list(projections.project(FEATURES, 250)) == ["PCA", "t-SNE", "UMAP"]


def test_while_grading_umap_is_left_alone(fake_umap, monkeypatch):
    monkeypatch.setenv("LAB_BUDGET", "grade")
    assert not projections.umap_is_there()
    assert list(projections.project(FEATURES, 250)) == ["PCA", "t-SNE"]


def test_the_same_features_give_the_same_planes():
    first, second = (projections.project(FEATURES, 250) for _ in range(2))
    for name in ("PCA", "t-SNE"):
        np.testing.assert_allclose(first[name], second[name])
