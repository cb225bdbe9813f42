"""Stand-ins for pretrained weights: found by every way of asking torchvision, the same for all, useful enough."""

import os
import subprocess
import sys

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torchvision import models

from helpers import stand_ins
from helpers.backbones import NAMES, build, feature_extractor, prepare_weights
from helpers.garments import embedded_garments


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Make the stand-ins anew."""
    return stand_ins.make(tmp_path_factory.mktemp("stand-ins"))


@pytest.fixture
def installed(home, monkeypatch, no_network):
    """Let torch find them, and nothing on the network."""
    monkeypatch.setenv("TORCH_HOME", str(home))
    return home


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ask", ["text", "enum", "pretrained"])
@pytest.mark.filterwarnings("ignore:.*pretrained.*", "ignore:.*weight enum.*")  # torchvision's, of its old way
def test_whoever_asks_torchvision_for_pretrained_weights_gets_them(installed, name, ask):
    first, *_ = models.get_model_weights(name)
    arguments = {"text": {"weights": "DEFAULT"}, "enum": {"weights": first}, "pretrained": {"pretrained": True}}
    model = models.get_model_builder(name)(**arguments[ask])
    state = build(name).state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())


def test_they_are_the_same_wherever_they_are_made(home, tmp_path):
    again = stand_ins.make(tmp_path)
    for path in sorted((home / "hub" / "checkpoints").iterdir()):
        first, second = (torch.load(root / "hub" / "checkpoints" / path.name) for root in (home, again))
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_making_them_leaves_the_callers_random_numbers_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(stand_ins, "NAMES", ("squeezenet1_0",))
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    stand_ins.make(tmp_path)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_probe_on_their_features_is_better_than_chance(installed, name):
    X, y = embedded_garments(300, seed=1)
    images = torch.from_numpy(X / 127.5 - 1).reshape(-1, 1, 28, 28).expand(-1, 3, -1, -1)
    features = feature_extractor(build(name))(images)
    features = (features - features.mean(dim=0)) / (features.std(dim=0) + 1e-6)
    probe = LogisticRegression(C=0.01).fit(features[:200], y[:200])
    assert probe.score(features[200:], y[200:]) > 0.25


def test_a_folder_without_its_note_or_of_another_version_is_not_used(home, tmp_path, monkeypatch):
    assert stand_ins.are_in(home)
    assert not stand_ins.are_in(tmp_path)
    monkeypatch.setattr(stand_ins, "VERSION", stand_ins.VERSION + 1)
    assert not stand_ins.are_in(home)


def test_install_makes_them_where_it_may_write_and_then_only_looks(tmp_path, monkeypatch):
    monkeypatch.setattr(stand_ins, "NAMES", ("squeezenet1_0",))
    (tmp_path / "environment").write_text("a file, in which no folder can be made")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", "elsewhere")
    folder = stand_ins.install()
    assert folder == tmp_path / "cache" / "stand-ins"
    assert os.environ["TORCH_HOME"] == str(folder)
    monkeypatch.setattr(stand_ins, "make", None)  # would raise
    assert stand_ins.install() == folder


def test_they_are_left_when_real_weights_are_asked_for(home, tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(stand_ins, "_folders", lambda: [home])
    found = prepare_weights("stand-in")
    assert found.stand_in
    assert "not trained on ImageNet" in found.label
    assert os.environ["TORCH_HOME"] == str(home)
    prepare_weights("stand-in")
    prepare_weights(names=())
    assert os.environ["TORCH_HOME"] == str(tmp_path)


def test_a_grading_run_has_them_from_its_first_cell_on(tmp_path):
    code = (
        "import helpers, sys; helpers.setup('part3'); print('torchvision' in sys.modules); "
        "from torchvision import models; models.mobilenet_v2(weights='DEFAULT'); "
        "from helpers.backbones import prepare_weights; print(prepare_weights())"
    )
    environment = {**os.environ, "NBGRADER_EXECUTION": "autograde", "http_proxy": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "stand-in weights" in done.stdout.splitlines()[-1]
