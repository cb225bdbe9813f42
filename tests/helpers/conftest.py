"""What the tests of the helpers share: a clean environment, no network, MNIST in miniature."""

import gzip
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers import stand_ins
from helpers.idx import format_idx
from helpers.sources import FILES

SETTINGS = ("LAB_DATA", "LAB_CACHE", "LAB_BUDGET", "LAB_DEVICE", "NBGRADER_EXECUTION", "TORCH_HOME")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """No test inherits the settings of whoever runs it."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def as_in_grading(monkeypatch):
    """No progress bars, no GPU, no network."""
    monkeypatch.setenv("LAB_BUDGET", "grade")
    monkeypatch.setenv("TORCH_HOME", str(stand_ins.install()))


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Provide an empty cache folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("LAB_CACHE", str(folder))
    return folder


@pytest.fixture
def no_network(monkeypatch):
    """Fail loudly on any connection."""

    def refuse(*args, **kwargs):
        raise OSError("the network is blocked in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def tiny_arrays(n_train: int = 40, n_test: int = 20) -> dict[str, np.ndarray]:
    """Make four arrays in the form of MNIST's files."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", n_train), ("t10k", n_test)):
        arrays[f"{part}-images-idx3-ubyte"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = np.arange(n, dtype=np.uint8) % 10
    return arrays


def lay_out(root: Path, arrays: dict[str, np.ndarray], gzipped: bool = True) -> Path:
    """Lay arrays out as a folder in torchvision's layout; returns the folder of the files."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        content = format_idx(arrays[file])
        path = raw / (f"{file}.gz" if gzipped else file)
        path.write_bytes(gzip.compress(content) if gzipped else content)
    return raw


@pytest.fixture
def write_files() -> Callable[..., Path]:
    return lay_out


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    return tiny_arrays()


@pytest.fixture
def data_folder(tmp_path, monkeypatch, arrays) -> Path:
    """Provide a folder with a small MNIST that LAB_DATA names; returns the folder `raw`."""
    root = tmp_path / "data"
    monkeypatch.setenv("LAB_DATA", str(root))
    return lay_out(root, arrays)
