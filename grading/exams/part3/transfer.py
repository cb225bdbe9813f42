"""The exams of the transferred network: what it is made of, what it answers, and what it opens.

They use the student's own class with a pretrained MobileNetV2. The 1 × 1 convolution is found by its shape, wherever
it stands; `model.features` and `model.classifier` are where the task says.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from grading.exam import exam, idea
from grading.exams.part3 import probes
from grading.exams.part3.checkpoints import STATISTICS, architecture, checkpoint
from grading.handle import Ref, Student, is_ref, items
from grading.judge import array, close, ok

BACKBONE, HEAD = "model.features.", "model.classifier."
NAME = "mobilenet_v2"


@dataclass(frozen=True)
class Network:
    """The tensors of a student's network by name: those of the 1 × 1 convolution, of the backbone, of the head."""

    front: dict[str, torch.Tensor]
    backbone: dict[str, torch.Tensor]
    head: dict[str, torch.Tensor]
    other: dict[str, torch.Tensor]


def read_network(model: Ref) -> Network:
    """Read a network's parameters and the statistics of its batch norm."""
    parameters = _named(items(model.named_parameters(), 400))
    buffers = _named(items(model.named_buffers(), 400))
    sizes = {name: tuple(values.shape) for name, values in parameters.items() if not name.startswith(HEAD)}
    front = [name for name, shape in sizes.items() if shape == (3,) or (len(shape) == 4 and shape[:2] == (3, 1))]
    front.sort(key=lambda name: -len(sizes[name]))  # the weight before the bias
    groups: tuple[dict[str, torch.Tensor], ...] = ({}, {}, {}, {})
    for name, values in {**parameters, **buffers}.items():
        prefixes = (name in front, name.startswith(BACKBONE), name.startswith(HEAD), True)
        groups[prefixes.index(True)][name] = values
    return Network(*groups)


def _named(pairs: list[Any]) -> dict[str, torch.Tensor]:
    found = dict(pairs)
    tensors = all(isinstance(values, torch.Tensor) for values in found.values())
    hint = "layers with the sizes that they need, made in __init__"
    ok(tensors, expected="parameters with their sizes", came="some without", hint=hint)
    return found


def _trainable(tensors: dict[str, torch.Tensor]) -> list[bool]:
    return [values.requires_grad for values in tensors.values() if values.is_floating_point()]


def _images(rng: np.random.Generator, n: int, size: int = 28) -> torch.Tensor:
    return torch.as_tensor(rng.random((n, 1, size, size)), dtype=torch.float32)


def _network(student: Student, rng: np.random.Generator, **settings: int) -> Ref:
    """Make a network; show it an image first where layers take their sizes from one."""
    model = student.TransferLearningModel(**settings)
    model.eval()
    if any(is_ref(values) for _, values in items(model.named_parameters(), 400)):
        model(_images(rng, 1))
    return model


# --- test-transfer-structure --------------------------------------------------------------------------------------


@exam("test-transfer-structure", points=8)
def parts_as_stated(student: Student, rng: np.random.Generator) -> None:
    """The parts of the network, and which of them are trainable, with a number of classes that is drawn.

    Split: pretrained weights in the backbone 2; the backbone frozen 2; a trainable 1 × 1 convolution in front 2;
    a trainable linear classifier for the number of classes 2.
    """
    n_classes = int(rng.integers(4, 10))
    network = read_network(_network(student, rng, num_classes=n_classes))
    wanted = {name: values for name, values in checkpoint(NAME).items() if name.startswith("features.")}
    with idea("pretrained weights in the backbone", 2):
        right = _equal(_ordered(network.backbone), _ordered(wanted))
        hint = "torchvision.models.mobilenet_v2(weights='DEFAULT') as self.model, its features left as they are"
        ok(right, expected="all weights and statistics of MobileNetV2's checkpoint", came="others", hint=hint)
    with idea("every parameter of the backbone frozen", 2):
        others = {name: values for name, values in network.other.items() if name.startswith("model.")}
        opened = _trainable(_parameters({**network.backbone, **others}))
        hint = "requires_grad = False for each parameter of self.model.features"
        came = f"{sum(opened)} of {len(opened)} trainable"
        whole = len(opened) >= len(_parameters(wanted))
        ok(whole and not any(opened), expected="a frozen backbone of MobileNetV2's layers", came=came, hint=hint)
    with idea("a trainable 1 × 1 convolution from one channel to three", 2):
        hint = "nn.Conv2d(1, 3, kernel_size=1) in front of the backbone, which keeps its own first layer"
        shapes = [tuple(values.shape) for values in network.front.values() if values.ndim == 4]
        ok(shapes == [(3, 1, 1, 1)], expected="one convolution (3, 1, 1, 1)", came=f"weights {shapes}", hint=hint)
        ok(all(_trainable(network.front)), expected="it to be trainable", came="frozen", hint="freeze self.model alone")
    with idea("a trainable linear classifier for the number of classes", 2):
        shapes = sorted(tuple(values.shape) for values in network.head.values())
        right = shapes in ([(n_classes, 1280)], [(n_classes,), (n_classes, 1280)])
        hint = "nn.Linear(1280, num_classes) as self.model.classifier, or behind a dropout in it"
        ok(right, expected="one layer of 1280 inputs and a row a class", came=f"weights {shapes}", hint=hint)
        hint = "make the new classifier after freezing: what is new is trainable"
        ok(all(_trainable(network.head)), expected="it to be trainable", came="frozen", hint=hint)


def _parameters(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: values for name, values in tensors.items() if not name.endswith(STATISTICS)}


def _in_order(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return parameters, then means, then variances, each in the order of the network, whatever they are called."""
    statistics = [{name: v for name, v in tensors.items() if name.endswith(end)} for end in STATISTICS[:2]]
    return {**_parameters(tensors), **statistics[0], **statistics[1]}


def _ordered(tensors: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    return [values.detach().float() for values in _in_order(tensors).values()]


def _equal(came: list[torch.Tensor], wanted: list[torch.Tensor]) -> bool:
    if [tuple(values.shape) for values in came] != [tuple(values.shape) for values in wanted]:
        return False
    return all(torch.equal(a, b) for a, b in zip(came, wanted, strict=True))


# --- test-transfer-forward ----------------------------------------------------------------------------------------


@exam("test-transfer-forward", points=5)
def logits_of_the_parts(student: Student, rng: np.random.Generator) -> None:
    """Answers compared with those of the network's own weights; a missing or frozen part costs the structure alone.

    Split: a row of logits for images of any batch and size 2; logits of convolution, backbone and classifier in eval
    mode 2; gradients reach convolution and classifier 1.
    """
    model = _network(student, rng)
    model.eval()
    with idea("a row of 10 logits for images of any batch and size", 2):
        for n, size in ((3, 28), (1, 28), (2, 44)):
            what = f"the answer to {n} images of {size} × {size}"
            array(model(_images(rng, n, size)), what, shape=(n, 10), hint="no squeeze, no fixed sizes")
    loaded = student.load(probes, "front_of", "fill", "gradients")
    network = read_network(model)
    loaded.fill(model, {**_draw_front(network, rng), **_draw_head(network, rng)})
    images = _images(rng, 3, 40)
    with idea("logits of convolution, backbone and classifier", 2):
        came = array(model(images), "the answer in eval mode", shape=(3, 10))
        sums = came.sum(axis=1)
        probabilities = came.min() >= 0 and bool(np.allclose(sums, 1, atol=1e-3))
        hint = "return what the classifier gives: the loss does the softmax itself"
        ok(not probabilities, expected="logits", came="rows of probabilities, which sum to 1", hint=hint)
        wanted = _answer(read_network(model), images)
        hint = "the convolution, then self.model: no scaling, resizing or softmax besides"
        close(came, wanted, "the logits in eval mode", rtol=2e-3, atol=2e-3 * float(np.abs(wanted).max()), hint=hint)
    with idea("gradients reach the convolution and the classifier", 1):
        names = list(_parameters({**network.front, **network.head}))
        found = loaded.gradients(model, _images(rng, 3), names)
        hint = "no torch.no_grad() and no detach() in forward: freezing is a matter of requires_grad"
        for name in names:
            reached = found.get(name) is not None and bool(array(found[name], "a gradient").any())
            ok(reached, expected="a gradient for each trainable layer", came="none", hint=hint)


def _draw_front(network: Network, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw weights of the convolution so that its maps have values on both sides of 0."""
    signs = rng.permutation([1.0, -1.0, 1.0])
    slopes = signs * rng.uniform(0.6, 1.2, size=3)
    drawn = {}
    for name, values in network.front.items():
        drawn[name] = slopes.reshape(3, 1, 1, 1) if values.ndim == 4 else -slopes * rng.uniform(0.3, 0.7, size=3)
    return {name: np.broadcast_to(new, tuple(network.front[name].shape)).copy() for name, new in drawn.items()}


def _draw_head(network: Network, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: 0.5 * rng.normal(size=tuple(values.shape)) for name, values in network.head.items()}


def _answer(network: Network, images: torch.Tensor) -> np.ndarray:
    """Return the logits of MobileNetV2 with a network's own tensors, on its own side."""
    trusted: Any = architecture(NAME)
    slots = {name: values for name, values in trusted.state_dict().items() if name.startswith("features.")}
    values = _ordered(network.backbone)
    names = list(_in_order(slots))
    trusted.features[0][0].weight = torch.nn.Parameter(torch.empty_like(values[0], device="meta"))  # perhaps replaced
    same = [tuple(v.shape) for v in values[1:]] == [tuple(slots[name].shape) for name in names[1:]]
    ok(same, expected="the layers of MobileNetV2 in self.model.features", came="others")
    state = dict(zip(names, values, strict=True))
    counts = {name: torch.tensor(0) for name in slots if name.endswith("num_batches_tracked")}
    features = trusted.features
    features.load_state_dict(
        {name.removeprefix("features."): v for name, v in {**state, **counts}.items()}, assign=True, strict=True
    )
    front, depth = [v.detach().float() for v in network.front.values()], values[0].shape[1]
    weight, bias = _layer(list(network.head.values()))
    with torch.no_grad():
        x = images.expand(-1, depth, -1, -1)
        if front:
            x = F.conv2d(images, front[0], front[1] if front[1:] else None, padding="same")
        return F.linear(features(x).mean(dim=(2, 3)), weight, bias).numpy()


def _layer(tensors: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor | None]:
    weights = [v.detach().float() for v in tensors if v.ndim == 2]
    biases = [v.detach().float() for v in tensors if v.ndim == 1]
    ok(len(weights) == 1 and len(biases) < 2, expected="a linear layer as the classifier", came="something else")
    return weights[0], biases[0] if biases else None


# --- test-unfreeze-layers -----------------------------------------------------------------------------------------


@exam("test-unfreeze-layers", points=7)
def the_last_blocks_open(student: Student, rng: np.random.Generator) -> None:
    """What is trainable after calls on a network whose blocks the exam has frozen, and nothing else of it.

    Split: the last blocks open, the others stay frozen 3; 0 opens nothing, more than there are opens all 2;
    convolution and classifier stay trainable and no weight changes 2.
    """
    model = _network(student, rng)
    loaded = student.load(probes, "freeze_blocks", "flags")

    def after(num_layers: int) -> dict[str, Any]:
        loaded.freeze_blocks(model)
        model.unfreeze_layers(num_layers)
        return _flags(loaded, model)

    loaded.freeze_blocks(model)
    before = _flags(loaded, model)
    n_blocks = len(before["blocks"])
    numbers = [1, *(int(n) for n in rng.choice(np.arange(2, n_blocks - 1), 2, replace=False))]
    with idea("the last blocks open, the others stay frozen", 3):
        for number in numbers:
            came = [all(block) if block else None for block in after(number)["blocks"]]
            hint = "count the blocks of self.model.features from its end"
            ends = [flag for flag in came[-number:] if flag is not None]
            ok(all(ends), expected=f"the last {number} blocks open", came="some of them frozen", hint=hint)
            partly = [any(block) for block in _flags(loaded, model)["blocks"][:-number]]
            ok(not any(partly), expected=f"only the last {number} open", came=f"{sum(partly)} others", hint=hint)
    with idea("0 opens nothing, more than there are opens all", 2):
        opened = sum(any(block) for block in after(0)["blocks"])
        hint = "what does a slice from -0 on hold?"
        ok(opened == 0, expected="no block open after unfreeze_layers(0)", came=f"{opened} open", hint=hint)
        for number in (n_blocks, n_blocks + int(rng.integers(1, n_blocks))):  # a negative index would find some
            shut = sum(not all(block) for block in after(number)["blocks"])
            hint = "an index must not fall below 0, and none may be left out"
            ok(shut == 0, expected=f"all open after unfreeze_layers({number})", came=f"{shut} frozen", hint=hint)
    with idea("convolution and classifier stay trainable, no weight changes", 2):
        for number in (0, numbers[1]):
            then = after(number)
            hint = "unfreeze_layers opens blocks and leaves everything else as it is"
            ok(all(then["others"]), expected="the rest to stay trainable", came="parts of it frozen", hint=hint)
            same = then["sum"] == before["sum"]
            ok(same, expected="weights as they were", came="others", hint=hint)


def _flags(loaded: Ref, model: Ref) -> dict[str, Any]:
    found = loaded.flags(model)
    every = [flag for block in found["blocks"] for flag in block] + found["others"]
    ok(bool(every) and all(type(flag) is bool for flag in every), expected="blocks with parameters", came="none")
    return dict(found)
