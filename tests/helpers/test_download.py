"""Downloads, from servers on this machine that behave well or badly."""

import gzip
import hashlib
import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import download, sources
from helpers.data import load_mnist
from helpers.idx import format_idx
from helpers.sources import FILES, DataUnavailable
from tests.helpers.server import Server


@pytest.fixture
def mirrors(arrays, monkeypatch, cache):
    """Provide two mirrors in MNIST's place; OpenML is out of order."""
    payloads = {f"/{file}.gz": gzip.compress(format_idx(arrays[file])) for file in FILES}
    pair = [Server(dict(payloads)), Server(dict(payloads))]
    md5 = {file: hashlib.md5(format_idx(arrays[file])).hexdigest() for file in FILES}
    archive = replace(sources.MNIST, mirrors=tuple(mirror.url for mirror in pair), md5=md5)
    monkeypatch.setattr(sources, "MNIST", archive)
    monkeypatch.setattr(download, "BACKOFF", 0)
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *a, **k: pytest.fail("OpenML was asked"))
    yield pair
    for mirror in pair:
        mirror.server.shutdown()
        mirror.server.server_close()


def test_a_download_fills_the_cache_once_with_a_progress_bar(mirrors, cache, arrays, capsys):
    mnist = load_mnist()
    np.testing.assert_array_equal(mnist.X[:40].reshape(-1, 28, 28), arrays["train-images-idx3-ubyte"])
    assert mirrors[0].url in mnist.origin
    assert "train-images-idx3-ubyte.gz: 100%" in capsys.readouterr().err
    assert sorted(path.name for path in (cache / "MNIST" / "raw").iterdir()) == sorted(f"{f}.gz" for f in FILES)
    assert len(mirrors[0].requests) == 4
    load_mnist()
    assert len(mirrors[0].requests) == 4
    assert capsys.readouterr() == ("", "")


def test_a_download_asked_for_by_name_replaces_the_cache(mirrors):
    load_mnist()
    load_mnist(source="download")
    assert len(mirrors[0].requests) == 8


def test_only_what_the_cache_lacks_is_fetched(mirrors, cache):
    load_mnist()
    (cache / "MNIST" / "raw" / f"{FILES[1]}.gz").unlink()
    load_mnist()
    assert mirrors[0].requests[4:] == [f"/{FILES[1]}.gz"]


def test_asked_for_by_name_all_files_are_fetched_anew(mirrors, cache):
    """Even where one is missing, and a damaged decompressed twin does not outlive it."""
    load_mnist()
    raw = cache / "MNIST" / "raw"
    (raw / f"{FILES[1]}.gz").unlink()
    (raw / FILES[0]).write_bytes(b"damaged")
    load_mnist(source="download")
    assert len(mirrors[0].requests) == 8
    assert not (raw / FILES[0]).exists()


def test_what_the_cache_keeps_can_be_read_by_others(mirrors, cache):
    load_mnist()
    umask = os.umask(0)
    os.umask(umask)
    for path in (cache / "MNIST" / "raw").iterdir():
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_other_content_is_refused_and_the_next_mirror_asked(mirrors, arrays):
    mirrors[0].payloads[f"/{FILES[0]}.gz"] = gzip.compress(format_idx(255 - arrays[FILES[0]]))
    mnist = load_mnist()
    np.testing.assert_array_equal(mnist.X[:40].reshape(-1, 28, 28), arrays[FILES[0]])
    assert mirrors[1].requests == [f"/{FILES[0]}.gz"]


def test_a_page_in_place_of_a_file_sends_to_the_next_mirror(mirrors):
    mirrors[0].payloads = dict.fromkeys(mirrors[0].payloads, b"<html>Please log in</html>")
    load_mnist()
    assert len(mirrors[1].requests) == 4


@pytest.mark.parametrize("trouble", ["failures", "cut"])
def test_a_mirror_that_stumbles_is_asked_again(mirrors, trouble):
    setattr(mirrors[0], trouble, 2)
    assert len(load_mnist()) == 60
    assert mirrors[0].requests[:3] == [f"/{FILES[0]}.gz"] * 3
    assert mirrors[1].requests == []


def test_the_pauses_between_attempts_grow(mirrors, monkeypatch):
    pauses = []
    monkeypatch.setattr(download, "BACKOFF", 0.5)
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    mirrors[0].failures = 2
    load_mnist()
    assert pauses == [0.5, 1.0]


def openml_bunch(n=60_010):
    y = np.arange(n) % 10
    return SimpleNamespace(data=np.broadcast_to(y[:, None], (n, 784)), target=y.astype(str))


def break_mirrors(mirrors):
    for mirror in mirrors:
        mirror.payloads = {}


@pytest.mark.slow
def test_openml_is_the_last_resort(mirrors, monkeypatch, cache):
    break_mirrors(mirrors)
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *a, **k: openml_bunch())
    mnist = load_mnist()
    assert mnist.X.shape == (60_010, 784)
    np.testing.assert_array_equal(mnist.X[:, 0], mnist.y)
    assert "OpenML" in mnist.origin
    assert "cache" in load_mnist().origin


@pytest.mark.parametrize(
    "bunch",
    [
        SimpleNamespace(data=np.zeros((70_000, 4)), target=np.zeros(70_000)),
        SimpleNamespace(data=np.broadcast_to(np.float32(256), (60_001, 784)), target=np.zeros(60_001)),
        openml_bunch(100),
    ],
)
def test_what_openml_delivers_is_checked(mirrors, monkeypatch, cache, bunch):
    break_mirrors(mirrors)
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *a, **k: bunch)
    with pytest.raises(DataUnavailable, match="OpenML: ValueError: expected"):
        load_mnist()
    assert not any((cache / "MNIST" / "raw").iterdir())


def test_a_cache_that_cannot_be_written_is_named_before_any_download(mirrors, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataUnavailable, match=r"file.*can't be written.*LAB_CACHE"):
        load_mnist()
    assert mirrors[0].requests == []


def test_a_write_that_fails_leaves_the_old_file_and_no_scrap(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    download.store(path, b"old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(DataUnavailable, match="disk full"):
        download.store(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
