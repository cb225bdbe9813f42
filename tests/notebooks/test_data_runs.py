"""The notebooks on data of the real form: a small folder in every run, the real data by `make test-real`."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import part1, part2
from helpers.embedded import embedded_digits
from helpers.garments import embedded_garments
from helpers.idx import format_idx
from helpers.sources import FILES
from tests.notebooks.kernel import run, without_tests
from tests.samples import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,797 digits and 600 garments in torchvision's layout, half of the files gzipped."""
    root = tmp_path_factory.mktemp("data")
    for name, (X, y), n_train in (
        ("MNIST", embedded_digits(), 1500),
        ("FashionMNIST", embedded_garments(600), 500),
    ):
        raw = root / name / "raw"
        raw.mkdir(parents=True)
        images, labels = X.reshape(-1, 28, 28).astype(np.uint8), y.astype(np.uint8)
        parts = [images[:n_train], labels[:n_train], images[n_train:], labels[n_train:]]
        for place, (file, values) in enumerate(zip(FILES, parts, strict=True)):
            if place % 2:
                (raw / file).write_bytes(format_idx(values))
            else:
                (raw / f"{file}.gz").write_bytes(gzip.compress(format_idx(values)))
    return root


def test_the_quick_budget_runs_on_a_folder_within_three_minutes(folder: Path, tmp_path: Path) -> None:
    """The small version of `make test-real`: the real loading code, fewer images."""
    executed = run(read("source", "part1"), tmp_path, LAB_BUDGET="quick", LAB_DATA=str(folder))
    assert executed.errors() == {}
    assert "LAB_DATA" in executed.output("setup")
    assert "X (1797, 784)" in executed.output("load-data")
    assert executed.cpu_seconds < 180


@pytest.mark.slow
def test_part_2_runs_on_a_folder_in_the_quick_budget(folder: Path, tmp_path: Path) -> None:
    notebook = without_tests(read("source", "part2"), "bonus-")
    executed = run(notebook, tmp_path, LAB_BUDGET="quick", LAB_DATA=str(folder), LAB_DEVICE="cpu")
    assert executed.errors() == {}
    assert "images (1257, 1, 28, 28)" in executed.output("load-data")
    assert "LAB_DATA" in executed.output("show-garments")
    assert executed.cpu_seconds < 300


@pytest.mark.slow
def test_part_3_runs_on_a_folder_in_the_quick_budget(folder: Path, tmp_path: Path) -> None:
    """With stand-ins, asked for by name as a student without network would."""
    notebook = without_tests(read("source", "part3"), "bonus-")
    (weights,) = (cell for cell in notebook.cells if cell.id == "weights")
    weights.source = weights.source.replace("prepare_weights()", 'prepare_weights("stand-in")')
    executed = run(notebook, tmp_path, LAB_BUDGET="quick", LAB_DATA=str(folder), LAB_DEVICE="cpu")
    assert executed.errors() == {}
    assert "429 images to train" in executed.output("load-data")
    assert "stand-in weights" in executed.output("strategies-table")
    assert executed.cpu_seconds < 300


def test_missing_data_stop_the_notebook_with_both_remedies(tmp_path: Path) -> None:
    notebook = read("source", "part1")
    notebook.cells = [cell for cell in notebook.cells if cell.id in ("setup", "load-data")]
    # A proxy that refuses is what no network looks like to the downloads.
    offline = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    executed = run(notebook, tmp_path, LAB_BUDGET="quick", LAB_CACHE=str(tmp_path / "cache"), **offline)
    text = executed.errors()["load-data"]
    assert "LAB_DATA" in text
    assert 'load_mnist(source="embedded")' in text


@pytest.mark.real_data
@pytest.mark.skipif("LAB_DATA" not in os.environ, reason="LAB_DATA names no folder with the real MNIST")
class TestRealData:
    """What the course promises of the real MNIST; quick takes a minute, full some more."""

    def test_quick_takes_at_most_three_minutes(self) -> None:
        _, found = part1.measure("quick")
        assert found["minutes"] <= 3
        assert found["mlp_val"] > 0.9

    def test_full_reaches_what_the_course_promises(self) -> None:
        _, found = part1.measure("full")
        assert (found["epochs"], found["n_train"]) == (50, 49_000)
        assert found["final"]["your network"]["test_accuracy"] >= 0.975
        assert (found["best"]["C"], found["best"]["gamma"]) == (10, "scale")
        assert found["svm_val"] >= 0.980

    def test_part_2_shows_what_it_says(self) -> None:
        """The claims of the notebook's words, in the quick budget; minutes."""
        _, found = part2.measure("quick")
        assert found["val"] > 0.96
        assert found["scheduled"] > found["val"] - 0.005
        assert found["lr"][-1] < found["lr"][0]
        one_rate, own_rates = found["one_rate"], found["own_rates"]
        assert one_rate["SGD"] < 0.5 < one_rate["SGD, momentum 0.9"] < one_rate["Adam"] - 0.1
        assert min(own_rates.values()) > 0.9
        assert found["scarce"]["augmented"] > found["scarce"]["as they are"]
        assert found["digits"] > 0.9
        assert found["garments"] < 0.2
        accuracies = {name: row["test_accuracy"] for name, row in found["table"].items()}
        assert max(accuracies, key=accuracies.get) == "SimpleCNN"
        assert min(accuracies, key=accuracies.get) == "logistic regression"
