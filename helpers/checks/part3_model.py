"""The self-checks of Part III about the transfer model: what it is made of, what it answers, what it opens."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ..budget import budget_name
from ..stand_ins import install
from ..weights import load_weights
from .part2_network import expect_module, expect_tensor
from .selfcheck import Checks, Names, expect

checks = Checks()

CPU = torch.device("cpu")


def _pretrained() -> dict[str, torch.Tensor]:
    """Load the weights that torchvision finds now, stand-ins where somebody has asked for them, and while grading."""
    if budget_name() == "grade":
        install()
    return load_weights("mobilenet_v2")


def _model(names: Names, **arguments: int) -> Any:
    """Make the student's model, once it has the two pieces by which the rest is found."""
    model: Any = expect_module(names["TransferLearningModel"](**arguments), "TransferLearningModel()")
    look = "Assign the network of torchvision to self.model."
    expect(isinstance(getattr(model, "model", None), nn.Module), "a network in model.model", "none", look)
    for part in ("features", "classifier"):
        found = isinstance(getattr(model.model, part, None), nn.Module)
        expect(found, f"model.model.{part}", "none", "models.mobilenet_v2(…) has it; keep its name.")
    return model


def _some_images(n: int, size: int = 28) -> torch.Tensor:
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(3))


def _front(model: Any) -> list[nn.Conv2d]:
    """List the convolutions that are none of the backbone's, wherever they stand."""
    of_backbone = set(model.model.features.modules())
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d) and layer not in of_backbone]


@checks.add(
    "transfer-structure",
    needs=("TransferLearningModel",),
    hints=(
        'Three lines: the 1 × 1 convolution, `models.mobilenet_v2(weights="DEFAULT")`, a new `self.model.classifier`.',
        "Freeze before the new classifier is there: `requires_grad_(False)` on the whole network.",
        "`nn.Conv2d(1, 3, kernel_size=1)` in an attribute of your own; `nn.Linear(1280, num_classes)` as classifier.",
    ),
)
def transfer_structure(names: Names) -> None:
    """Pretrained, frozen, with a convolution in front and a linear layer behind."""
    model = _model(names, num_classes=4)
    stored, held = _pretrained(), model.model.features.state_dict()
    keys = [key for key in stored if key.startswith("features.") and not key.endswith("num_batches_tracked")]
    missing = [key for key in keys if key.removeprefix("features.") not in held]
    expect(not missing, "all 19 blocks of MobileNetV2", f"no {missing[:1]}", "Keep self.model.features as it comes.")
    shapes = [key for key in keys if held[key.removeprefix("features.")].shape != stored[key].shape]
    look = "Keep the first convolution of the backbone; put one of your own in front."
    expect(not shapes, "the backbone's own shapes", f"another one in {shapes[:1]}", look)
    other = [key for key in keys if not torch.equal(held[key.removeprefix("features.")].cpu(), stored[key].cpu())]
    look = 'weights="DEFAULT" loads them; nothing may change them afterwards.'
    expect(not other, "pretrained weights and statistics", f"others in {len(other)} places", look)
    open_ones = [name for name, p in model.model.features.named_parameters() if p.requires_grad]
    expect(not open_ones, "a frozen backbone", f"{len(open_ones)} trainable tensors in it", "requires_grad = False.")
    front = [layer for layer in _front(model) if layer.weight.shape == (3, 1, 1, 1)]
    expect(front, "a 1 × 1 convolution from 1 to 3 channels", "none", "nn.Conv2d(1, 3, kernel_size=1)")
    expect(front[0].weight.requires_grad, "a trainable 1 × 1 convolution", "a frozen one", "Make it after freezing.")
    linear = [layer for layer in model.model.classifier.modules() if isinstance(layer, nn.Linear)]
    came = f"{[tuple(layer.weight.shape) for layer in linear]}"
    right = [layer.weight.shape for layer in linear] == [(4, 1280)]
    said = "one linear layer, 1280 → 4 for num_classes=4, in model.model.classifier"
    expect(right, said, came, "nn.Linear(1280, num_classes)")
    trainable = all(parameter.requires_grad for parameter in linear[0].parameters())
    expect(trainable, "a trainable classifier", "a frozen one", "Give it to the network after freezing.")


@checks.add(
    "transfer-forward",
    needs=("TransferLearningModel",),
    hints=(
        "The network of torchvision goes from three channels to the logits by itself. What is left comes before it.",
        "Convolution first, then `self.model(…)`; no softmax.",
        "No `torch.no_grad()` here: the gradient of the convolution comes through the backbone.",
    ),
)
def transfer_forward(names: Names) -> None:
    """A row of logits for any batch and size, in the right order, with gradients at both ends."""
    model = _model(names).to(CPU).eval()
    images = _some_images(3)
    with torch.no_grad():
        logits = expect_tensor(model(images), "the answer to 3 images", (3, 10), "One row per image.")
        expect_tensor(model(images[:1]), "the answer to one image", (1, 10), "Is the size of the batch fixed?")
        expect_tensor(model(_some_images(2, 40)), "the answer to images of 40 × 40", (2, 10), "Is 28 fixed somewhere?")
        front = [layer for layer in _front(model) if layer.weight.shape == (3, 1, 1, 1)]
        expect(front, "a 1 × 1 convolution from 1 to 3 channels", "none", "nn.Conv2d(1, 3, kernel_size=1)")
        maps = model.model.features(front[0](images))
        wanted = model.model.classifier(F.adaptive_avg_pool2d(maps, 1).flatten(1)).numpy()
    look = "self.model(…) on what the convolution gives; logits, without a softmax."
    near = abs(wanted - logits).max() < 1e-3 * max(1.0, abs(wanted).max())
    expect(near, "the logits of convolution, backbone, mean and classifier", "others", look)
    model(images).sum().backward()
    at_head = [parameter.grad for parameter in model.model.classifier.parameters()]
    expect(all(g is not None for g in at_head), "gradients at the classifier", "none", "Is there a no_grad or detach?")
    look = "They come back through the frozen backbone: no no_grad around it, no detach behind it."
    expect(front[0].weight.grad is not None, "gradients at the 1 × 1 convolution", "none", look)


@checks.add(
    "unfreeze-layers",
    needs=("TransferLearningModel",),
    hints=(
        "The blocks are the children of `self.model.features`, in order. The last ones lie next to the classifier.",
        "`requires_grad_(True)` on a block opens all of its parameters.",
        "The first block to open is number `len(features) - num_layers`, or 0 where that is below.",
    ),
)
def unfreeze_layers(names: Names) -> None:
    """0 opens nothing, then the last blocks open, then too many open all."""
    model = _model(names)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for n, wanted in ((0, []), (2, [17, 18]), (25, list(range(19)))):
        model.unfreeze_layers(n)
        blocks = [list(block.parameters()) for block in model.model.features]
        whole = [place for place, block in enumerate(blocks) if all(parameter.requires_grad for parameter in block)]
        part = [place for place, block in enumerate(blocks) if any(parameter.requires_grad for parameter in block)]
        look = {0: "blocks[-0:] are all of them.", 2: "Which end is the last?"}.get(n, "More than there are opens all.")
        said = f"the blocks {wanted} open" if n == 2 else "no block open" if n == 0 else "all 19 blocks open"
        expect(whole == part == wanted, f"{said} after unfreeze_layers({n})", f"open: {part}", look)
        ends = [*model.model.classifier.parameters(), *(p for layer in _front(model) for p in layer.parameters())]
        look = "Only blocks are touched."
        expect(all(p.requires_grad for p in ends), "a trainable convolution and classifier", "a frozen one", look)
        same = all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
        expect(same, "weights that stay as they are", "others", "Opening a block changes no number.")
