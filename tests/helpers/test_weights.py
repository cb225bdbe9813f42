"""Weights of published networks, from a server on this machine and from a home of torch laid out as the real one."""

import hashlib
import io

import pytest
import torch
from torchvision import models

from helpers import download, weights
from helpers.backbones import WeightsUnavailable, build, prepare_weights
from tests.helpers.server import Server

NAME = "squeezenet1_0"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Provide an empty home of torch."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch"


@pytest.fixture
def state():
    """Provide weights that nobody has published."""
    torch.manual_seed(5)
    return models.get_model(NAME, weights=None).state_dict()


@pytest.fixture
def server(state, home, monkeypatch):
    """Publish them, under a name that ends with their hash."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    file = f"{NAME}-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    server = Server({f"/{file}": content})
    monkeypatch.setattr(models.get_model_weights(NAME).DEFAULT.value, "url", f"{server.url}{file}")
    monkeypatch.setattr(weights, "BACKOFF", 0)
    server.path = home / "hub" / "checkpoints" / file
    yield server
    server.server.shutdown()


def same(model, state):
    return all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())


def test_weights_are_fetched_once_into_torchs_home(server, state):
    found = prepare_weights(names=(NAME,))
    assert (found.stand_in, found.label) == (False, "ImageNet weights")
    assert found.folder == server.path.parents[2]
    assert server.path.exists()
    assert same(build(NAME), state)
    assert len(server.requests) == 1


def test_a_server_that_fails_twice_is_asked_a_third_time(server, state):
    server.failures = 2
    assert same(build(NAME), state)
    assert len(server.requests) == 3


def test_half_a_file_is_not_taken(server, state):
    server.cut = 1
    assert same(build(NAME), state)
    assert len(server.requests) == 2


def test_where_the_server_stays_away_the_error_names_both_ways_on(server):
    server.failures = 99
    with pytest.raises(WeightsUnavailable) as caught:
        prepare_weights(names=(NAME,))
    text = str(caught.value)
    assert len(server.requests) == download.ATTEMPTS
    assert "503" in text
    assert server.path.name in text
    assert str(server.path.parent) in text
    assert 'weights = backbones.prepare_weights("stand-in")' in text
    assert not server.path.exists()


def test_a_file_with_another_hash_than_its_name_says_is_refused(server):
    server.payloads = dict.fromkeys(server.payloads, b"something else")
    with pytest.raises(WeightsUnavailable, match="hash"):
        prepare_weights(names=(NAME,))
    assert not server.path.exists()


def test_a_file_put_in_place_by_hand_needs_no_network(server, state):
    server.path.parent.mkdir(parents=True)
    server.path.write_bytes(next(iter(server.payloads.values())))
    assert same(build(NAME), state)
    assert not server.requests


def test_a_damaged_file_is_named(server):
    server.path.parent.mkdir(parents=True)
    server.path.write_bytes(next(iter(server.payloads.values()))[:-10])
    with pytest.raises(WeightsUnavailable, match=f"{server.path.name} is damaged.*Delete it"):
        build(NAME)
    assert server.path.exists(), "it is the user's"


def test_a_home_that_can_not_be_written_is_an_error_with_ways_on(server, home, monkeypatch):
    home.write_text("a file, in which no folder can be made")
    with pytest.raises(WeightsUnavailable, match="TORCH_HOME names another home"):
        build(NAME)


def test_a_source_that_is_none_is_met_with_those_that_are():
    with pytest.raises(ValueError, match=r"'imagenet'.*pretrained, stand-in"):
        prepare_weights("imagenet")


def test_a_grading_run_gets_stand_ins_whatever_it_asks_for(monkeypatch):
    monkeypatch.setenv("TORCH_HOME", "nowhere")
    monkeypatch.setenv("LAB_BUDGET", "grade")
    assert prepare_weights("pretrained").stand_in
