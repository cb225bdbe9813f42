"""Where the files of a data set may lie, and what is wrong when they don't.

Folders are laid out as torchvision does it: `<root>/MNIST/raw/train-images-idx3-ubyte`, gzipped or not.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .idx import IdxError, read_idx

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
SIDE = 28  # of an image, in pixels
CLASSES = 10


class DataUnavailable(RuntimeError):  # noqa: N818 (reads as a sentence in a student's notebook)
    """No source has the data; the text says what was tried and what to do."""


class CorruptData(RuntimeError):  # noqa: N818
    """A file is there but damaged; the text names it and says how to mend it."""


@dataclass(frozen=True)
class Archive:
    """A data set of four IDX files, and where copies of it are published."""

    name: str  # in figures
    folder: str  # torchvision's, below the root
    loader: str  # the function that loads it
    mirrors: tuple[str, ...]  # addresses to which a file's name and `.gz` are appended
    openml: str
    md5: Mapping[str, str]  # of each file in `FILES`, decompressed: mirrors compress differently
    megabytes: int  # of all four, compressed


# Addresses as in torchvision.datasets.MNIST and FashionMNIST.
MNIST = Archive(
    name="MNIST",
    folder="MNIST",
    loader="load_mnist",
    mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
    openml="mnist_784",
    md5={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    megabytes=11,
)
FASHION_MNIST = Archive(
    name="Fashion-MNIST",
    folder="FashionMNIST",
    loader="load_fashion_mnist",
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    openml="Fashion-MNIST",
    md5={
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
    megabytes=30,
)


def data_root() -> Path | None:
    """Return the folder that `LAB_DATA` names, or None where it is unset.

    Raises
    ------
    DataUnavailable
        Where it names no folder: a slip that should not end in a download.
    """
    setting = os.environ.get("LAB_DATA")
    if not setting:
        return None
    root = Path(setting).expanduser()
    with readable(root):
        found = root.is_dir()
    if not found:
        raise DataUnavailable(f"LAB_DATA names {root}, and there is no such folder. Correct LAB_DATA or unset it.")
    return root


def cache_root() -> Path:
    """Return the folder that keeps downloads: `LAB_CACHE`, else the system's place for caches."""
    setting = os.environ.get("LAB_CACHE")
    if setting:
        return Path(setting).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("digits-and-garments", appauthor=False)


def raw_folder(root: Path, archive: Archive) -> Path:
    """Return the folder of the four files under a root."""
    return root / archive.folder / "raw"


def locate(folder: Path, file: str) -> Path | None:
    """Find one of the four files, decompressed or gzipped; None where it is missing."""
    candidates = (folder / file, folder / f"{file}.gz")
    with readable(folder):
        return next((path for path in candidates if path.is_file()), None)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the system has against reading a path into an error that names it and says what to do."""
    try:
        yield
    except OSError as error:
        raise DataUnavailable(
            f"{path} can't be read: {error.strerror or error}. Give yourself the right to read it, "
            "or name another folder: LAB_DATA for your own copy of the data, LAB_CACHE for downloads."
        ) from error


def missing_files(folder: Path) -> list[str]:
    """List which of the four files a folder lacks."""
    return [file for file in FILES if locate(folder, file) is None]


def read_folder(folder: Path, remedy: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read the four files of a folder that has them all.

    Parameters
    ----------
    folder : Path
        The folder `raw`.
    remedy : str
        How to replace a damaged file, as the end of an error's text.

    Returns
    -------
    X : ndarray of float32, shape (n, 784)
        In [0, 255]; the training part first, then the test part.
    y : ndarray of int64, shape (n,)
        In 0 … 9.

    Raises
    ------
    CorruptData
        Where a file's form, length or values are wrong, or images and labels differ in number.
    """
    parts = [_read_pair(folder, images, labels, remedy) for images, labels in (FILES[:2], FILES[2:])]
    X = np.concatenate([images for images, _ in parts]).astype(np.float32)
    y = np.concatenate([labels for _, labels in parts]).astype(np.int64)
    return X.reshape(len(X), SIDE * SIDE), y


def _read_pair(folder: Path, images: str, labels: str, remedy: str) -> tuple[NDArray, NDArray]:
    X, X_path = _read_file(folder, images, remedy)
    y, y_path = _read_file(folder, labels, remedy)
    if X.ndim != 3 or X.shape[1:] != (SIDE, SIDE):
        raise CorruptData(f"{X_path}: expected images of shape (n, 28, 28), found {X.shape}. {remedy}")
    if y.ndim != 1 or y.max(initial=0) >= CLASSES:
        raise CorruptData(
            f"{y_path}: expected labels from 0 to 9 in one dimension, found the shape {y.shape} "
            f"and values up to {y.max(initial=0)}. {remedy}"
        )
    if len(X) != len(y):
        raise CorruptData(f"{X_path} holds {len(X):,} images, {y_path.name} {len(y):,} labels. {remedy}")
    return X, y


def _read_file(folder: Path, file: str, remedy: str) -> tuple[NDArray[np.uint8], Path]:
    path = locate(folder, file)
    if path is None:
        raise CorruptData(f"{folder / file} is missing. {remedy}")
    try:
        with readable(path):
            return read_idx(path), path
    except IdxError as error:
        raise CorruptData(f"{path}: {error}. {remedy}") from error


def how_to_supply(archive: Archive) -> str:
    """Say in full how to put the files in place by hand, and what to do without them."""
    layout = "\n".join(f"       <folder>/{archive.folder}/raw/{file}.gz" for file in FILES)
    return (
        f"What to do, one of the two:\n"
        f"  1. Put the four files (gzipped or not) into a folder of yours, exactly so:\n{layout}\n"
        f"     and name it before loading: %env LAB_DATA=<folder> in a cell, or export LAB_DATA=<folder>\n"
        f"     in the terminal that starts Jupyter.\n"
        f'  2. Work with the small embedded data, offline: {archive.loader}(source="embedded")'
    )
