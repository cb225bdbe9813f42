"""Backbones: heads, blocks, freezing and features of networks that are laid out differently."""

import pytest
import torch
from torch import nn
from torchvision import models

from helpers.backbones import (
    NAMES,
    blocks,
    build,
    feature_dim,
    feature_extractor,
    freeze,
    replace_head,
    unfreeze_last,
)

IMAGES = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
DIMENSIONS = dict(zip(NAMES, (1280, 1024, 512, 1280, 512), strict=True))


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def open_blocks(model: nn.Module) -> list[bool]:
    return [all(p.requires_grad for p in block.parameters()) for block in blocks(model)]


def test_a_new_head_gives_as_many_logits_and_is_the_only_change(name):
    model = build(name, pretrained=False)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    assert replace_head(model, 7) is model
    assert model.eval()(IMAGES).shape == (2, 7)
    changed = {key for key, tensor in model.state_dict().items() if tensor.shape != before[key].shape}
    assert len(changed) == 2, "the weights and the bias of one layer"
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items() if key not in changed)
    assert build(name, pretrained=False, num_classes=3).eval()(IMAGES).shape == (2, 3)


def test_features_have_the_dimension_that_the_head_took(name):
    model = build(name, pretrained=False)
    assert feature_dim(model) == DIMENSIONS[name]
    extractor = feature_extractor(model)
    assert not extractor.training
    assert not any(p.requires_grad for p in extractor.parameters())
    assert extractor(IMAGES).shape == (2, DIMENSIONS[name])


def test_the_head_on_the_features_gives_the_logits():
    model = build("mobilenet_v2", pretrained=False).eval()
    logits, head = model(IMAGES), model.classifier
    assert torch.allclose(head(feature_extractor(model)(IMAGES)), logits, atol=1e-5)


def test_blocks_hold_each_parameter_of_the_backbone_once_and_none_of_the_head(name):
    model = replace_head(build(name, pretrained=False), 10)
    in_blocks = [id(p) for block in blocks(model) for p in block.parameters()]
    assert len(in_blocks) == len(set(in_blocks))
    outside = [p for p in model.parameters() if id(p) not in set(in_blocks)]
    assert sorted(p.shape[0] for p in outside) == [10, 10], "the head's weights and bias"


def test_blocks_stand_in_the_order_of_the_computation(name):
    model, order = build(name, pretrained=False).eval(), []
    listed = blocks(model)
    for index, block in enumerate(listed):
        block.register_forward_hook(lambda *_, index=index: order.append(index))
    model(IMAGES)
    assert order == list(range(len(listed)))


def test_blocks_of_mobilenet_are_the_children_of_its_features():
    model = build("mobilenet_v2", pretrained=False)
    assert blocks(model) == list(model.features.children())


def test_freezing_and_opening_the_last_blocks(name):
    model = freeze(build(name, pretrained=False))
    n = len(blocks(model))
    assert not any(open_blocks(model))
    assert sum(p.requires_grad for p in model.parameters()) == 2, "the head stays open"
    assert not any(open_blocks(unfreeze_last(model, 0)))
    assert open_blocks(unfreeze_last(model, 2)) == [False] * (n - 2) + [True] * 2
    assert all(open_blocks(unfreeze_last(model, 99)))


def test_a_name_that_is_none_is_met_with_names_that_are():
    with pytest.raises(ValueError, match=r"'mobilenet'.*mobilenet_v2"):
        build("mobilenet", pretrained=False)


def test_other_networks_of_torchvision_can_be_had():
    assert "densenet121" in models.list_models()
    assert feature_dim(build("densenet121", pretrained=False)) == 1024
