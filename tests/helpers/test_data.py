"""Where MNIST comes from, what is said when it does not come, and how it is split."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import data, sources
from helpers.data import Dataset, load_fashion_mnist, load_mnist, split_dataset, train_and_test, where_is_mnist
from helpers.idx import format_idx
from helpers.sources import CorruptData, DataUnavailable

pytestmark = pytest.mark.usefixtures("no_network", "cache")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("helpers.download.BACKOFF", 0)


def expected(arrays):
    X = np.concatenate([arrays["train-images-idx3-ubyte"], arrays["t10k-images-idx3-ubyte"]])
    y = np.concatenate([arrays["train-labels-idx1-ubyte"], arrays["t10k-labels-idx1-ubyte"]])
    return X.reshape(len(X), 784), y


@pytest.mark.parametrize("gzipped", [True, False])
def test_the_folder_gives_training_part_then_test_part(tmp_path, monkeypatch, arrays, gzipped, capsys, write_files):
    write_files(tmp_path / "data", arrays, gzipped)
    monkeypatch.setenv("LAB_DATA", str(tmp_path / "data"))
    mnist = load_mnist()
    X, y = expected(arrays)
    np.testing.assert_array_equal(mnist.X, X)
    np.testing.assert_array_equal(mnist.y, y)
    assert (mnist.X.dtype, mnist.y.dtype, mnist.name) == (np.float32, np.int64, "MNIST")
    assert str(tmp_path / "data") in mnist.origin
    assert capsys.readouterr() == ("", "")


def test_the_cache_serves_without_network(cache, arrays, write_files):
    write_files(cache, arrays)
    assert len(load_mnist()) == 60
    assert "cache" in load_mnist(source="cache").origin


def test_the_folder_goes_before_the_cache(cache, arrays, data_folder, write_files):
    write_files(cache, {**arrays, "t10k-images-idx3-ubyte": 255 - arrays["t10k-images-idx3-ubyte"]})
    np.testing.assert_array_equal(load_mnist().X, expected(arrays)[0])
    assert not np.array_equal(load_mnist(source="cache").X, expected(arrays)[0])


def test_a_folder_without_mnist_is_named_in_one_line_and_passed_over(
    cache, arrays, tmp_path, monkeypatch, capsys, write_files
):
    write_files(cache, arrays)
    monkeypatch.setenv("LAB_DATA", str(tmp_path))
    assert "cache" in load_mnist().origin
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert str(tmp_path) in printed
    assert "train-images-idx3-ubyte" in printed


def test_a_folder_that_does_not_exist_is_an_error_even_with_a_full_cache(
    cache, arrays, tmp_path, monkeypatch, write_files
):
    write_files(cache, arrays)
    monkeypatch.setenv("LAB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataUnavailable, match="nowhere"):
        load_mnist()
    assert "nowhere" in where_is_mnist()


def test_where_nothing_has_the_data_the_error_lists_all_and_both_remedies(tmp_path):
    with pytest.raises(DataUnavailable) as caught:
        load_mnist()
    text = str(caught.value)
    for tried in ("LAB_DATA is not set", str(tmp_path / "cache"), *sources.MNIST.mirrors, "OpenML"):
        assert tried in text
    for file in sources.FILES:
        assert f"<folder>/MNIST/raw/{file}.gz" in text
    assert 'load_mnist(source="embedded")' in text
    assert len(text.splitlines()) < 25


@pytest.mark.parametrize("source", ["folder", "cache"])
def test_a_source_asked_for_by_name_is_not_replaced_by_another(
    source, cache, arrays, monkeypatch, tmp_path, write_files
):
    if source == "folder":
        write_files(cache, arrays)
    else:
        write_files(tmp_path / "data", arrays)
        monkeypatch.setenv("LAB_DATA", str(tmp_path / "data"))
    with pytest.raises(DataUnavailable, match=source):
        load_mnist(source=source)


def test_a_wrong_source_names_the_right_ones():
    with pytest.raises(ValueError, match="folder, cache, download, embedded"):
        load_mnist(source="internet")


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def not_gzip(path):
    path.write_bytes(b"<html>Not found</html>")


def replaced(array):
    return lambda path: path.write_bytes(gzip.compress(format_idx(array)))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("train-images-idx3-ubyte", cut),
        ("train-labels-idx1-ubyte", not_gzip),
        ("t10k-images-idx3-ubyte", replaced(np.zeros((20, 27, 28), np.uint8))),
        ("t10k-images-idx3-ubyte", replaced(np.zeros((19, 28, 28), np.uint8))),
        ("t10k-labels-idx1-ubyte", replaced(np.full(20, 10, np.uint8))),
        ("t10k-labels-idx1-ubyte", replaced(np.zeros((20, 1), np.uint8))),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(data_folder, file, damage):
    damage(data_folder / f"{file}.gz")
    with pytest.raises(CorruptData) as caught:
        load_mnist()
    assert str(data_folder / file) in str(caught.value)
    assert "Copy the file into the folder again" in str(caught.value)


def test_a_damaged_file_in_the_cache_is_to_be_deleted(cache, arrays, write_files):
    cut(write_files(cache, arrays) / "train-images-idx3-ubyte.gz")
    with pytest.raises(CorruptData, match="Delete the file and load again"):
        load_mnist()


def test_fashion_mnist_lies_in_a_folder_of_its_own(tmp_path, monkeypatch, arrays, write_files):
    raw = write_files(tmp_path, {name: array[::-1] for name, array in arrays.items()})
    raw.parent.rename(tmp_path / "FashionMNIST")
    write_files(tmp_path, arrays)
    monkeypatch.setenv("LAB_DATA", str(tmp_path))
    fashion, mnist = load_fashion_mnist(), load_mnist()
    assert (fashion.name, mnist.name) == ("Fashion-MNIST", "MNIST")
    np.testing.assert_array_equal(fashion.X[:40], mnist.X[:40][::-1])


def test_where_nothing_has_fashion_mnist_the_error_says_how_to_supply_it():
    with pytest.raises(DataUnavailable) as caught:
        load_fashion_mnist()
    text = str(caught.value)
    assert text.startswith("Fashion-MNIST can't be loaded")
    assert "<folder>/FashionMNIST/raw/train-images-idx3-ubyte.gz" in text
    assert 'load_fashion_mnist(source="embedded")' in text


@pytest.mark.parametrize("source", [None, "folder", "download", "embedded"])
def test_grading_always_uses_the_embedded_data(monkeypatch, data_folder, source):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    digits = load_mnist(source)
    assert digits.name == data.EMBEDDED_DIGITS
    assert "embedded" in where_is_mnist()


def test_embedded_digits_look_like_mnist():
    digits = load_mnist(source="embedded")
    assert digits.X.shape == (1797, 784)
    assert (digits.X.dtype, digits.y.dtype) == (np.float32, np.int64)
    assert (digits.X.min(), digits.X.max()) == (0, 255)
    images = digits.X.reshape(-1, 28, 28)
    assert images[:, :4].max() == images[:, :, -4:].max() == 0, "a black margin, as MNIST has"
    assert set(digits.y) == set(range(10))
    # Enlarged the right way up: averaged back to 8 × 8 they resemble the originals.
    from sklearn.datasets import load_digits

    blocks = images[:, 4:24, 4:24].reshape(-1, 4, 5, 4, 5).mean(axis=(2, 4))
    original = load_digits().images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))
    assert np.corrcoef(blocks.ravel(), original.ravel())[0, 1] > 0.99


def test_where_fashion_mnist_is_says_its_name(cache, monkeypatch):
    assert data.where_is_fashion_mnist().startswith("Fashion-MNIST will be downloaded")
    monkeypatch.setenv("LAB_BUDGET", "grade")
    assert "garments" in data.where_is_fashion_mnist()


def test_where_is_mnist_follows_the_sources(cache, arrays, tmp_path, monkeypatch, write_files):
    assert where_is_mnist().startswith("MNIST will be downloaded to")
    write_files(cache, arrays)
    assert where_is_mnist().startswith("MNIST in the cache")
    write_files(tmp_path / "data", arrays)
    monkeypatch.setenv("LAB_DATA", str(tmp_path / "data"))
    assert where_is_mnist() == f"MNIST in the folder {tmp_path / 'data'} (LAB_DATA)"


def labelled(counts):
    """Make a data set whose X numbers the images, so that they can be told apart."""
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    return Dataset(np.arange(len(y), dtype=np.float32)[:, None], y, "numbers", "made up")


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.data())
def test_a_subset_keeps_proportions_and_order(counts, draw):
    whole = labelled(counts)
    n = draw.draw(st.integers(1, len(whole)))
    part = whole.subset(n)
    assert len(part) == n
    assert np.all(np.diff(part.X[:, 0]) > 0), "in the old order, none twice"
    np.testing.assert_array_equal(part.y, whole.y[part.X[:, 0].astype(int)])
    shares = np.bincount(part.y, minlength=len(counts)) - n * np.array(counts) / len(whole)
    assert np.all(np.abs(shares) <= len(counts) / 2 + 1)


def test_a_subset_depends_on_the_seed_alone():
    whole = labelled([50, 50])
    np.testing.assert_array_equal(whole.subset(30).X, whole.subset(30).X)
    assert not np.array_equal(whole.subset(30).X, whole.subset(30, seed=1).X)
    assert set(whole.subset(10).X[:, 0]) <= set(whole.subset(30).X[:, 0])
    assert whole.subset(100) is whole
    assert whole.subset(101) is whole
    with pytest.raises(ValueError, match="n is 0"):
        whole.subset(0)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(7, 60), min_size=2, max_size=6), st.integers(0, 99))
def test_the_split_is_a_stratified_partition(counts, seed):
    whole = labelled(counts)
    *images, y_train, y_val, y_test = split_dataset(whole.X, whole.y, seed)
    together = np.concatenate(images)[:, 0]
    assert sorted(together) == list(range(len(whole)))
    for X, y, share in zip(images, (y_train, y_val, y_test), (0.7, 0.15, 0.15), strict=True):
        np.testing.assert_array_equal(y, whole.y[X[:, 0].astype(int)])
        assert np.all(np.abs(np.bincount(y, minlength=len(counts)) - share * np.array(counts)) < 2)


def test_the_split_has_the_sizes_of_the_course_and_is_repeatable():
    whole = labelled([7000] * 10)
    parts = split_dataset(whole.X, whole.y)
    assert [len(part) for part in parts] == [49_000, 10_500, 10_500] * 2
    np.testing.assert_array_equal(parts[0], split_dataset(whole.X, whole.y)[0])
    assert not np.array_equal(parts[0], split_dataset(whole.X, whole.y, seed=1)[0])


def test_training_and_test_part_are_divided_as_in_the_files():
    y = np.arange(70_000) % 10
    train, test = train_and_test(Dataset(np.zeros((70_000, 1), dtype=np.float32), y, "name", "origin"))
    assert (len(train), len(test)) == (60_000, 10_000)
    assert np.concatenate([train.y, test.y]).tolist() == y.tolist()
    assert train.name == test.name == "name"


def test_the_split_names_classes_that_are_too_small():
    whole = labelled([30, 6])
    with pytest.raises(ValueError, match="class 1: 6"):
        split_dataset(whole.X, whole.y)
    with pytest.raises(ValueError, match="36 rows and y 35"):
        split_dataset(whole.X, whole.y[:-1])


@pytest.mark.parametrize("setting", ["LAB_DATA", "LAB_CACHE"])
def test_a_folder_that_may_not_be_read_is_named_with_what_to_do(setting, tmp_path, monkeypatch, no_network):
    """As for a folder below another user's private one; root may read everything, so the system's no is played."""
    root = tmp_path / "private"
    root.mkdir()
    monkeypatch.setenv(setting, str(root))

    def refuse(path, *_, **__):
        if path.is_relative_to(root):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    real = Path.is_file
    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(DataUnavailable, match=r"can't be read: Permission denied.*LAB_DATA.*LAB_CACHE"):
        load_mnist()
    assert "can't be read" in where_is_mnist()
