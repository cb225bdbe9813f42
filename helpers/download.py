"""Fetching a data set over the network, checked, with a progress bar, into the cache."""

import gzip
import hashlib
import socket
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .files import written_whole
from .idx import IdxError, decompress, format_idx
from .sources import CLASSES, FILES, SIDE, Archive, DataUnavailable

ATTEMPTS = 3
BACKOFF = 0.5  # seconds before the second attempt, doubled before each further one
TIMEOUT = 15  # seconds without a byte
TRAINING_IMAGES = 60_000


class DownloadFailed(Exception):  # noqa: N818
    """No address delivered; `reasons` has a line for each."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def download(archive: Archive, folder: Path, files: Sequence[str] = FILES) -> str:
    """Fetch files into a folder: from the mirrors in their order, else all of them from OpenML.

    Parameters
    ----------
    archive : Archive
        What to fetch, and from where.
    folder : Path
        Made where it is missing. Files appear in it whole or not at all.
    files : sequence of str
        Which of the four are needed.

    Returns
    -------
    str
        Where they came from, for people.

    Raises
    ------
    DownloadFailed
        Where neither a mirror nor OpenML delivers what is expected.
    DataUnavailable
        Where the folder can't be written.
    """
    ensure_writable(folder)
    try:
        origins = [_download_file(archive, folder, file) for file in files]
        return ", ".join(dict.fromkeys(origins))
    except DownloadFailed as mirrors:
        try:
            _download_openml(archive, folder)
        except DataUnavailable:
            raise
        except Exception as error:  # whatever scikit-learn raises there, it is one more reason
            raise DownloadFailed([*mirrors.reasons, f"OpenML: {_short(error)}"]) from error
        return "OpenML"


def ensure_writable(folder: Path) -> None:
    """Make a folder, and find out before the download whether files can be written to it.

    Raises
    ------
    DataUnavailable
        Naming the folder and the setting that moves it.
    """
    with _writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataUnavailable(
            f"The cache folder {folder} can't be written: {_short(error)}. "
            "Set LAB_CACHE to a folder of yours that can (%env LAB_CACHE=<folder>), then load again."
        ) from error


def _download_file(archive: Archive, folder: Path, file: str) -> str:
    """Fetch one file from the first mirror that has it unharmed; returns that mirror."""
    import requests

    reasons = []
    for mirror in archive.mirrors:
        try:
            payload = fetch(f"{mirror}{file}.gz")
            md5 = hashlib.md5(decompress(payload), usedforsecurity=False).hexdigest()
        except (requests.RequestException, IdxError) as error:
            reasons.append(f"{mirror}: {_short(error)}")
            continue
        if md5 == archive.md5[file]:
            store(folder / f"{file}.gz", payload)
            return mirror
        reasons.append(f"{mirror}: {file} has the MD5 {md5}, expected {archive.md5[file]}")
    raise DownloadFailed(reasons)


def fetch(url: str) -> bytes:
    """Get the body at an address, with a progress bar and further attempts when it fails.

    Raises
    ------
    requests.RequestException
        What the last attempt met.
    """
    import requests

    for attempt in range(1, ATTEMPTS):
        try:
            return _fetch_once(url)
        except requests.RequestException:
            time.sleep(BACKOFF * 2 ** (attempt - 1))
    return _fetch_once(url)


def _fetch_once(url: str) -> bytes:
    import requests
    from tqdm import tqdm

    with requests.get(url, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        size = int(response.headers.get("Content-Length", 0)) or None
        body = bytearray()
        with tqdm(total=size, desc=url.rsplit("/", 1)[-1], unit="B", unit_scale=True) as bar:
            for chunk in response.iter_content(1 << 16):
                body += chunk
                bar.update(len(chunk))
    return bytes(body)


def store(path: Path, content: bytes) -> None:
    """Put a file into the cache, whole or not at all.

    Raises
    ------
    DataUnavailable
        Where it can't be written, as on a disk that is full.
    """
    with _writable(path.parent):
        with written_whole(path) as part:
            part.write(content)
        if path.suffix == ".gz":
            path.with_suffix("").unlink(missing_ok=True)  # a decompressed twin would be read first


def _download_openml(archive: Archive, folder: Path) -> None:
    """Fetch the data from OpenML and store them as the four IDX files."""
    from sklearn.datasets import fetch_openml

    print(f"The mirrors failed; fetching {archive.name} from OpenML, which takes a minute or two.")
    with socket_timeout(TIMEOUT), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one at each attempt; what the last one met is reported
        bunch = fetch_openml(archive.openml, version=1, as_frame=False, cache=False, n_retries=ATTEMPTS, delay=BACKOFF)
    X, y = np.asarray(bunch.data), np.asarray(bunch.target).astype(np.int64)
    if X.ndim != 2 or X.shape[1] != SIDE**2 or len(X) != len(y) or len(X) <= TRAINING_IMAGES:
        raise ValueError(f"expected 70,000 images of 784 pixels, found the shapes {X.shape} and {y.shape}")
    if X.min() < 0 or X.max() > 255 or y.min() < 0 or y.max() >= CLASSES:
        raise ValueError("expected pixels in [0, 255] and labels from 0 to 9")
    images, labels = X.astype(np.uint8).reshape(-1, SIDE, SIDE), y.astype(np.uint8)
    first, last = slice(TRAINING_IMAGES), slice(TRAINING_IMAGES, None)
    for file, array in zip(FILES, (images[first], labels[first], images[last], labels[last]), strict=True):
        store(folder / f"{file}.gz", gzip.compress(format_idx(array), mtime=0))


@contextmanager
def socket_timeout(seconds: float) -> Iterator[None]:
    """Keep scikit-learn, which sets no time limit of its own, from waiting for ever behind a firewall."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _short(error: BaseException) -> str:
    """Cut an error down to a line that a list can hold."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:120]}{'…' if len(text) > 120 else ''}"
