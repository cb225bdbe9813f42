"""Weights of published networks: fetched by torchvision, checked, tried again; or stand-ins, asked for by name."""

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from . import stand_ins
from .budget import budget_name
from .download import ATTEMPTS, BACKOFF, TIMEOUT, socket_timeout

SOURCES = ("pretrained", "stand-in")


class WeightsUnavailable(RuntimeError):  # noqa: N818 (reads as a sentence in a student's notebook)
    """The weights can't be had, or what is there is damaged; the text says what was tried and what to do."""


@dataclass(frozen=True)
class Weights:
    """Which weights torchvision finds. `label` is for figures, `folder` is torch's home."""

    stand_in: bool
    folder: Path

    @property
    def label(self) -> str:
        """What figures and tables say."""
        return "stand-in weights, not trained on ImageNet" if self.stand_in else "ImageNet weights"

    def __repr__(self) -> str:
        return f"<{self.label}, in {self.folder}>"


_home_before: str | None = None  # what `TORCH_HOME` was before the stand-ins


def prepare_weights(source: str | None = None, names: Sequence[str] = ("mobilenet_v2",)) -> Weights:
    """See to it that torchvision finds the weights of networks, so that a failure comes here and not in mid-training.

    Parameters
    ----------
    source : {"pretrained", "stand-in"}, optional
        ImageNet's weights, downloaded where the folder of `TORCH_HOME` lacks them; or random ones, made here,
        under the same names. By default the first; in the `grade` budget always the second.
    names : sequence of str
        Names of `torchvision.models`; what is needed of others is fetched when they are built.

    Returns
    -------
    Weights
        What was found.

    Raises
    ------
    ValueError
        Where `source` is none of these.
    WeightsUnavailable
        Where a file can neither be found nor fetched, or is damaged; naming it and the two ways on.
    """
    if source not in (None, *SOURCES):
        raise ValueError(f"source is {source!r}; expected one of {', '.join(SOURCES)}, or nothing.")
    if budget_name() == "grade" or source == "stand-in":
        return use_stand_ins()
    _leave_stand_ins()
    for name in names:
        load_weights(name)
    return Weights(stand_in=False, folder=_home())


def use_stand_ins() -> Weights:
    """Let torchvision find stand-ins from here on, until `prepare_weights("pretrained")`."""
    global _home_before
    before = os.environ.get("TORCH_HOME")
    folder = stand_ins.install()
    if before != str(folder):
        _home_before = before
    return Weights(stand_in=True, folder=folder)


def _leave_stand_ins() -> None:
    home = os.environ.get("TORCH_HOME")
    if home is not None and stand_ins.are_in(Path(home)):
        del os.environ["TORCH_HOME"]
        if _home_before is not None:
            os.environ["TORCH_HOME"] = _home_before


def _home() -> Path:
    """Return torch's folder for what it downloads: `TORCH_HOME`, else one in the user's cache."""
    import torch

    return Path(torch.hub.get_dir()).parent


def load_weights(name: str) -> dict[str, Any]:
    """Load the default weights of a network of `torchvision.models`; fetch them first where they are not there.

    A file that is there is compared with the hash in its name, a download is tried three times.

    Returns
    -------
    dict of str to Tensor
        A state for `load_state_dict`.

    Raises
    ------
    WeightsUnavailable
        As `prepare_weights` does.
    """
    from torchvision import models

    weights = models.get_model_weights(name).DEFAULT
    path = _home() / "hub" / "checkpoints" / weights.url.rsplit("/", 1)[-1]
    if path.exists():
        _check(path)
        return weights.get_state_dict(progress=False)
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(BACKOFF * 2 ** (attempt - 1))
        try:
            with socket_timeout(TIMEOUT):
                return weights.get_state_dict(progress=True, check_hash=True)
        except (OSError, HTTPException, RuntimeError) as error:  # RuntimeError: another hash than the name's
            reason = f"{type(error).__name__}: {error}"
    raise WeightsUnavailable(
        f"The weights of {name} are not in {path.parent}, and could not be fetched from\n"
        f"  {weights.url}\n  ({ATTEMPTS} attempts; the last one met {reason})\n{_ways_on(path)}"
    )


def _check(path: Path) -> None:
    """Compare a file with the first digits of its hash, which its name ends with; stand-ins have borrowed theirs.

    Raises
    ------
    WeightsUnavailable
        Where it is another one or can't be read.
    """
    if stand_ins.are_in(_home()):
        return
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsUnavailable(f"{path} can't be read: {error.strerror}.\n{_ways_on(path)}") from error
    if not digest.startswith(path.stem.rsplit("-", 1)[-1]):
        raise WeightsUnavailable(
            f"{path} is damaged: its SHA-256 begins with {digest[:10]}, not as its name ends. "
            f"Delete it and try again: what is missing is fetched.\n{_ways_on(path)}"
        )


def _ways_on(path: Path) -> str:
    return (
        f"What to do, one of the two:\n"
        f"  1. Put the file into {path.parent}, under the name {path.name}.\n"
        f"     TORCH_HOME names another home for it: %env TORCH_HOME=<folder>, with hub/checkpoints/ inside.\n"
        f"  2. Work with weights that stand in for them, offline (random ones: accuracies will be lower):\n"
        f'     weights = backbones.prepare_weights("stand-in")'
    )
