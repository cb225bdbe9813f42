"""Checkpoints that stand in for those of ImageNet, where a run must need no network: random, and the same for all.

They lie in a folder laid out as torch's own, under the names that torchvision looks for. So once `TORCH_HOME` names
the folder, every way of asking torchvision for pretrained weights finds them. `python -m helpers.stand_ins` makes them.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .files import written_whole
from .sources import cache_root

if TYPE_CHECKING:
    from torch import nn

NAMES = ("mobilenet_v2", "shufflenet_v2_x0_5", "squeezenet1_0", "efficientnet_b0", "resnet18")
"""The networks that have a stand-in, as torchvision spells them."""
VERSION = 1
"""Raised with every change of what is in the files: a folder of another version is not used."""
SEED = 42
GARMENTS_SEEN = 200
NOTE = "STAND-INS.txt"
"""Written last: a folder that has it has all the files."""


def install() -> Path:
    """Let torch find the stand-ins, and nothing else, for the rest of this process; make them where none are.

    Making them takes two seconds and 105 MB, once for an environment. Nothing is imported where they exist.

    Returns
    -------
    Path
        The folder that `TORCH_HOME` names now.

    Raises
    ------
    OSError
        Where they can be written neither to the environment nor to the cache.
    """
    folder = next((folder for folder in _folders() if are_in(folder)), None) or _make_somewhere()
    os.environ["TORCH_HOME"] = str(folder)
    return folder


def are_in(folder: Path) -> bool:
    """Say whether a folder holds the stand-ins of this version."""
    try:
        return (folder / NOTE).read_text(encoding="utf-8").startswith(_headline())
    except OSError:
        return False


def _folders() -> list[Path]:
    """Where they may lie: in the environment, which a grader's sandbox can read; else in the cache."""
    cache = cache_root() / "stand-ins"
    of_its_own = sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").is_dir()
    return [Path(sys.prefix) / "share" / "digits-and-garments" / "stand-ins", cache] if of_its_own else [cache]


def _make_somewhere() -> Path:
    *others, last = _folders()
    for folder in others:
        try:
            return make(folder)
        except OSError:  # an environment of somebody else's
            continue
    return make(last)


def make(folder: Path) -> Path:
    """Write the stand-ins for all of `NAMES` into a folder; returns it.

    Files appear whole or not at all, so several processes may do it at once.
    """
    import torch
    from torchvision import models

    checkpoints = folder / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        model = _random(name)
        for weights in models.get_model_weights(name):
            with written_whole(checkpoints / weights.url.rsplit("/", 1)[-1]) as file:
                torch.save(model.state_dict(), file)
    (folder / NOTE).write_text(
        f"{_headline()}\nThe files beside this one have the names of checkpoints trained on ImageNet. They are not:\n"
        "their weights are random, so that code which loads such checkpoints runs without network.\n",
        encoding="utf-8",
    )
    return folder


def _headline() -> str:
    return f"Stand-ins for pretrained weights, version {VERSION}"


def _random(name: str) -> "nn.Module":
    """Build a network with the same random weights on every machine, whose features still tell garments apart.

    Random weights alone would not do. In eval mode the batch norms would pass on what they get, and signals fade:
    one pass over drawn garments gives them statistics. And dozens of random kinks, one after the other, would
    leave nothing of the image (a probe on MobileNetV2's features stays at chance): a bias of two standard deviations
    keeps most values where ReLU is a straight line.
    """
    import torch
    from torch import nn
    from torchvision import models

    from .garments import embedded_garments
    from .sources import SIDE

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = models.get_model(name, weights=None)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0  # the statistics of the last batch, and there is one
                nn.init.constant_(module.bias, 2.0)
        X, _ = embedded_garments(GARMENTS_SEEN)
        images = torch.from_numpy(X / 127.5 - 1).reshape(-1, 1, SIDE, SIDE).expand(-1, 3, -1, -1)
        with torch.no_grad():
            model.train()(images)
    return model


if __name__ == "__main__":
    print(f"Stand-ins for pretrained weights, for runs without network: {install()}")
