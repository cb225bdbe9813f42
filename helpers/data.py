"""Loading MNIST and Fashion-MNIST from wherever they are, and splitting them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import sources
from .budget import budget_name
from .download import DownloadFailed, download
from .embedded import embedded_digits
from .garments import GARMENTS, embedded_garments
from .sources import Archive, DataUnavailable

SOURCES = ("folder", "cache", "download", "embedded")
EMBEDDED_DIGITS = "scikit-learn digits (embedded)"
EMBEDDED_GARMENTS = "drawn garments (embedded)"

__all__ = [
    "GARMENTS",
    "Dataset",
    "load_fashion_mnist",
    "load_mnist",
    "split_dataset",
    "train_and_test",
    "where_is_fashion_mnist",
    "where_is_mnist",
]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and their labels, with a name for figures.

    `X` is float32 of shape (n, 784) in [0, 255], `y` int64 of shape (n,). `name` is what figures show,
    `origin` says where the data came from.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    name: str
    origin: str

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self):,} images, {self.origin}>"

    def subset(self, n: int, seed: int = 42) -> "Dataset":
        """Draw `n` images at random, each class in its proportion, in their old order.

        Parameters
        ----------
        n : int
            At least 1; where it is not below the number of images, the data set itself comes back.
        seed : int
            Of the choice. Smaller subsets lie in larger ones of the same seed.

        Returns
        -------
        Dataset
            Of the same name.

        Raises
        ------
        ValueError
            Where `n` is below 1.
        """
        if n < 1:
            raise ValueError(f"n is {n}; expected the number of images to draw, 1 or more.")
        if n >= len(self):
            return self
        # Each class is shuffled, then spread evenly over [0, 1]: any first stretch holds all in proportion.
        rng = np.random.default_rng(seed)
        place = np.empty(len(self))
        for label in np.unique(self.y):
            members = rng.permutation(np.flatnonzero(self.y == label))
            place[members] = (np.arange(len(members)) + 0.5) / len(members)
        chosen = np.sort(np.argsort(place, kind="stable")[:n])
        return replace(self, X=self.X[chosen], y=self.y[chosen])


def load_mnist(source: str | None = None) -> Dataset:
    """Load MNIST, the training part first, then the test part: 70,000 images in OpenML's order.

    Looks in the folder named by `LAB_DATA`, then in the cache (`LAB_CACHE` moves it), then downloads to the
    cache. In the `grade` budget it is always the embedded digits: no network, the same everywhere.

    Parameters
    ----------
    source : {"folder", "cache", "download", "embedded"}, optional
        To use this source and no other. "download" fetches anew what the cache holds already;
        "embedded" gives scikit-learn's 1,797 digits of 8 × 8 pixels, enlarged to the form of MNIST.

    Returns
    -------
    Dataset
        `X` float32 (n, 784) in [0, 255], `y` int64 (n,).

    Raises
    ------
    ValueError
        Where `source` is none of these.
    DataUnavailable
        Where no source has the data; the text lists what was tried and how to go on.
    CorruptData
        Where a file is damaged; the text names it.
    """
    if _wants_embedded(source):
        return Dataset(*embedded_digits(), name=EMBEDDED_DIGITS, origin="shipped with scikit-learn, enlarged from 8×8")
    return _load(sources.MNIST, source)


def load_fashion_mnist(source: str | None = None) -> Dataset:
    """Load Fashion-MNIST, in the form and by the ways of `load_mnist`; `GARMENTS` names its ten classes.

    Parameters
    ----------
    source : {"folder", "cache", "download", "embedded"}, optional
        As for `load_mnist`; "embedded" gives 2,000 garments of the same ten classes, drawn by `helpers.garments`;
        500 in the `grade` budget.

    Returns
    -------
    Dataset
        `X` float32 (n, 784) in [0, 255], `y` int64 (n,).

    Raises
    ------
    ValueError, DataUnavailable, CorruptData
        As for `load_mnist`.
    """
    if _wants_embedded(source):
        n = 500 if budget_name() == "grade" else 2000  # drawing takes a tenth of a millisecond an image
        return Dataset(*embedded_garments(n), name=EMBEDDED_GARMENTS, origin="drawn by helpers.garments")
    return _load(sources.FASHION_MNIST, source)


def _wants_embedded(source: str | None) -> bool:
    if source is not None and source not in SOURCES:
        raise ValueError(f"source is {source!r}; expected one of {', '.join(SOURCES)}, or None to try them in turn.")
    return budget_name() == "grade" or source == "embedded"


def _load(archive: Archive, source: str | None) -> Dataset:
    """Load an archive from the one source that is asked for, else from the first that has it."""
    tried: list[str] = []
    for name, load in _IN_TURN.items() if source is None else [(source, _LOADERS[source])]:
        found = load(archive)
        if isinstance(found, Dataset):
            return found
        if name == "folder" and source is None and sources.data_root() is not None:
            print(f"{found[0]}; looking in the cache, then on the network.")
        tried += found
    reasons = "\n".join(f"  - {reason}" for reason in tried)
    raise DataUnavailable(f"{archive.name} can't be loaded. Tried:\n{reasons}\n{sources.how_to_supply(archive)}")


# Each of the three returns the data, or the reasons why it has none.


def _from_folder(archive: Archive) -> Dataset | list[str]:
    root = sources.data_root()
    if root is None:
        return ["folder: LAB_DATA is not set"]
    folder = sources.raw_folder(root, archive)
    missing = sources.missing_files(folder)
    if missing:
        return [f"folder (LAB_DATA): {folder} lacks {', '.join(missing)}"]
    remedy = "Copy the file into the folder again, or unset LAB_DATA to have it downloaded."
    return Dataset(*sources.read_folder(folder, remedy), name=archive.name, origin=f"from the folder {root} (LAB_DATA)")


def _from_cache(archive: Archive) -> Dataset | list[str]:
    folder = sources.raw_folder(sources.cache_root(), archive)
    missing = sources.missing_files(folder)
    if missing:
        return [f"cache: {folder} lacks {', '.join(missing)}"]
    return _read_cache(archive, f"from the cache {_tilde(folder)}")


def _from_network(archive: Archive) -> Dataset | list[str]:
    return _fetched(archive, sources.missing_files(sources.raw_folder(sources.cache_root(), archive)))


def _from_network_anew(archive: Archive) -> Dataset | list[str]:
    return _fetched(archive, sources.FILES)


def _fetched(archive: Archive, files: Sequence[str]) -> Dataset | list[str]:
    try:
        address = download(archive, sources.raw_folder(sources.cache_root(), archive), files)
    except DownloadFailed as error:
        return [f"download: {reason}" for reason in error.reasons]
    return _read_cache(archive, f"downloaded from {address}")


_LOADERS = {"folder": _from_folder, "cache": _from_cache, "download": _from_network_anew}
_IN_TURN = {**_LOADERS, "download": _from_network}  # what an interrupted download has left is kept


def _read_cache(archive: Archive, origin: str) -> Dataset:
    remedy = "Delete the file and load again: what the cache lacks is downloaded."
    folder = sources.raw_folder(sources.cache_root(), archive)
    return Dataset(*sources.read_folder(folder, remedy), name=archive.name, origin=origin)


def where_is_mnist() -> str:
    """Say in one line which source `load_mnist()` would use now, without loading anything.

    Returns
    -------
    str
        For people. A folder that is missing or can't be read is reported here and raised by `load_mnist`.
    """
    return "scikit-learn digits, embedded (budget grade)" if budget_name() == "grade" else _where(sources.MNIST)


def where_is_fashion_mnist() -> str:
    """Say the same of `load_fashion_mnist()`; returns and errors as for `where_is_mnist`."""
    return "drawn garments, embedded (budget grade)" if budget_name() == "grade" else _where(sources.FASHION_MNIST)


def _where(archive: Archive) -> str:
    try:
        root = sources.data_root()
        if root is not None and not sources.missing_files(sources.raw_folder(root, archive)):
            return f"{archive.name} in the folder {root} (LAB_DATA)"
        folder = sources.raw_folder(sources.cache_root(), archive)
        if not sources.missing_files(folder):
            return f"{archive.name} in the cache {_tilde(folder)}"
        return f"{archive.name} will be downloaded to {_tilde(folder)} ({archive.megabytes} MB)"
    except DataUnavailable as error:
        return f"none: {error}"


def _tilde(folder: Path) -> str:
    """Shorten a path below the home folder."""
    home = Path.home()
    return f"~/{folder.relative_to(home).as_posix()}" if folder.is_relative_to(home) else str(folder)


def train_and_test(data: Dataset) -> tuple[Dataset, Dataset]:
    """Divide a data set as its publishers did: the last seventh, 10,000 of 70,000 images, is the test part.

    Parameters
    ----------
    data : Dataset
        As `load_mnist` and `load_fashion_mnist` give it, training part first.

    Returns
    -------
    train, test : Dataset
        Of the same name.
    """
    n_train = len(data) - len(data) // 7
    return (
        replace(data, X=data.X[:n_train], y=data.y[:n_train]),
        replace(data, X=data.X[n_train:], y=data.y[n_train:]),
    )


def split_dataset(X: NDArray, y: NDArray, seed: int = 42) -> tuple[NDArray, ...]:
    """Split into 70 % training, 15 % validation and 15 % test data, each class in its proportion.

    Holds out 30 %, then halves it: 70,000 images give 49,000, 10,500 and 10,500.

    Parameters
    ----------
    X : ndarray, shape (n, …)
        Images.
    y : ndarray, shape (n,)
        Their labels, at least 7 of each class, so that each has its place in every part.
    seed : int
        The `random_state` of both steps.

    Returns
    -------
    X_train, X_val, X_test, y_train, y_val, y_test : ndarray
        Copies.

    Raises
    ------
    ValueError
        Where `X` and `y` differ in length or a class has too few members.
    """
    from sklearn.model_selection import train_test_split

    if len(X) != len(y):
        raise ValueError(f"X has {len(X):,} rows and y {len(y):,} labels; expected as many of one as of the other.")
    labels, counts = np.unique(y, return_counts=True)
    few = {label: count for label, count in zip(labels.tolist(), counts.tolist(), strict=True) if count < 7}
    if few:
        found = ", ".join(f"class {label}: {count}" for label, count in few.items())
        raise ValueError(f"Splitting 70/15/15 needs at least 7 images of every class; found {found}. Use more images.")
    X_train, X_held, y_train, y_held = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    X_val, X_test, y_val, y_test = train_test_split(X_held, y_held, test_size=0.5, stratify=y_held, random_state=seed)
    return X_train, X_val, X_test, y_train, y_val, y_test
