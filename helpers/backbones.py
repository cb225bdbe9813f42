"""Image classifiers by name, and what transfer learning does to them: heads, blocks, freezing, features.

Works on any classifier laid out as torchvision's are: children in the order of the computation, the head last.
"""

from torch import nn
from torchvision import models

from .stand_ins import NAMES
from .weights import Weights, WeightsUnavailable, load_weights, prepare_weights

__all__ = [
    "NAMES",
    "Weights",
    "WeightsUnavailable",
    "blocks",
    "build",
    "feature_dim",
    "feature_extractor",
    "freeze",
    "prepare_weights",
    "replace_head",
    "unfreeze_last",
]


def build(name: str, *, pretrained: bool = True, num_classes: int | None = None) -> nn.Module:
    """Build a classifier by name, on the CPU.

    Parameters
    ----------
    name : str
        One of `NAMES`, or of `torchvision.models`.
    pretrained : bool
        With torchvision's default weights, as `prepare_weights` has prepared them; else random ones.
    num_classes : int, optional
        To give it a new head; by default it has ImageNet's 1,000 classes.

    Returns
    -------
    nn.Module
        Takes (n, 3, height, width), gives logits (n, classes).

    Raises
    ------
    ValueError
        Where there is no network of this name.
    WeightsUnavailable
        Where its weights can't be had.
    """
    if name not in models.list_models():
        raise ValueError(f"There is no network {name!r}; expected one such as {', '.join(NAMES)}.")
    model = models.get_model(name, weights=None)
    if pretrained:
        model.load_state_dict(load_weights(name))
    return model if num_classes is None else replace_head(model, num_classes)


def _head(model: nn.Module) -> tuple[str, nn.Module]:
    """Return the head and its name: the last child that has parameters."""
    *_, last = ((name, child) for name, child in model.named_children() if any(True for _ in child.parameters()))
    return last


def _last_layer(model: nn.Module) -> tuple[str, nn.Linear | nn.Conv2d]:
    """Return the layer that makes the logits, and its path: a linear layer, or a 1×1 convolution as in SqueezeNet."""
    prefix, head = _head(model)
    *_, (name, layer) = ((n, m) for n, m in head.named_modules() if isinstance(m, nn.Linear | nn.Conv2d))
    return f"{prefix}.{name}" if name else prefix, layer


def feature_dim(model: nn.Module) -> int:
    """Return how many features the last layer of a classifier gets for each image."""
    _, layer = _last_layer(model)
    return layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels


def replace_head(model: nn.Module, num_classes: int) -> nn.Module:
    """Give a classifier a new last layer, in place: same kind, same input, fresh weights; returns the model."""
    path, layer = _last_layer(model)
    is_linear = isinstance(layer, nn.Linear)
    new = nn.Linear(feature_dim(model), num_classes) if is_linear else nn.Conv2d(feature_dim(model), num_classes, 1)
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, new)
    return model


def blocks(model: nn.Module) -> list[nn.Module]:
    """List the blocks of a backbone from the image on; the head is none of them.

    A block is what has parameters and is not a mere row of blocks: a convolution with its batch norm, an inverted
    residual, a fire module. MobileNetV2 has 19, the children of its `features`.
    """
    head, _ = _head(model)
    return [block for name, child in model.named_children() if name != head for block in _opened(child)]


def _opened(module: nn.Module) -> list[nn.Module]:
    is_a_row = type(module) is nn.Sequential and any(True for child in module.children() for _ in child.children())
    found = [block for child in module.children() for block in _opened(child)] if is_a_row else [module]
    return [block for block in found if any(True for _ in block.parameters())]


def freeze(model: nn.Module) -> nn.Module:
    """Freeze all blocks of a classifier; its head stays as it is. Returns the model.

    Frozen parameters get no gradient. The statistics of batch norm are no parameters: they keep changing in train
    mode, so keep frozen blocks in eval mode as well.
    """
    for block in blocks(model):
        block.requires_grad_(False)
    return model


def unfreeze_last(model: nn.Module, n: int) -> nn.Module:
    """Open the last `n` blocks of a classifier, all where there are fewer; what is open stays so. Returns the model."""
    for block in blocks(model)[-n:] if n > 0 else []:
        block.requires_grad_(True)
    return model


def feature_extractor(model: nn.Module) -> nn.Module:
    """Turn a classifier into a function from images to features, in place: head off, frozen, in eval mode.

    Returns
    -------
    nn.Module
        The model; takes (n, 3, height, width), gives (n, `feature_dim`).
    """
    name, _ = _head(model)
    _, layer = _last_layer(model)
    # Where the last layer is a convolution, the pooling came after it and went with the head.
    setattr(model, name, nn.AdaptiveAvgPool2d(1) if isinstance(layer, nn.Conv2d) else nn.Identity())
    return model.requires_grad_(False).eval()
