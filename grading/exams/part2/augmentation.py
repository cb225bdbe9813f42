"""The exam of the augmentation: random, of the same form, and without another label."""

import numpy as np
import torch

from grading.exam import exam, idea
from grading.handle import Ref, Student
from grading.judge import array, ok

N_DRAWS, N_PLACES = 12, 60
CORNERS = ((6.5, 6.5), (6.5, 20.5), (20.5, 6.5), (20.5, 20.5))
FAR = 11.0  # pixels; a flip moves a corner by 14, a rotation by 45° and a shift by 10 % together by 10


@exam("bonus-augmentation", points=7)
def augmentation_keeps_labels(student: Student, rng: np.random.Generator) -> None:
    """Blobs in one corner of an image, which a transform that keeps labels leaves near their place.

    Split: the same shape, type and range 2; random 2; nothing moved so far that another label fits 3.
    """
    transform = student.augmentation()
    images = [_blob(corner, rng) for corner in CORNERS]
    with idea("float images (1, 28, 28) in [0, 1] again", 2):
        for _ in range(N_DRAWS // 2):
            noise = torch.as_tensor(rng.random((1, 28, 28)), dtype=torch.float32)
            came = transform(noise)
            kind = str(getattr(came, "dtype", "no tensor")).removeprefix("torch.")
            values = array(came, "the transformed image", shape=(1, 28, 28), hint="the images are tensors already")
            ok(kind.startswith("float"), expected="a float tensor", came=kind, hint="no ToPILImage, no uint8")
            inside = bool(values.min() >= -1e-5 and values.max() <= 1 + 1e-5)
            came_range = f"values from {values.min():.3g} to {values.max():.3g}"
            hint = "normalising belongs elsewhere; what adds noise has to clamp"
            ok(inside, expected="values in [0, 1]", came=came_range, hint=hint)
    with idea("random", 2):
        drawn = {_apply(transform, images[0]).tobytes() for _ in range(N_DRAWS)}
        hint = "a transform whose name begins with Random, with a range of angles or shifts"
        ok(len(drawn) > 1, expected="another image at each call", came="always the same one", hint=hint)
    with idea("labels are kept", 3):
        _stay_near(transform, images)


def _blob(corner: tuple[float, float], rng: np.random.Generator) -> torch.Tensor:
    rows, columns = np.mgrid[:28, :28]
    centre = np.array(corner) + rng.uniform(-0.5, 0.5, size=2)
    values = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / 6)
    return torch.as_tensor(values[None], dtype=torch.float32)


def _apply(transform: Ref, image: torch.Tensor) -> np.ndarray:
    return array(transform(image), "the transformed image", shape=(1, 28, 28))


def _place(image: np.ndarray) -> np.ndarray | None:
    """Return the centre of the bright pixels; None where there are none."""
    bright = np.maximum(image[0] - np.median(image) - 0.25, 0)
    if bright.sum() < 0.5:
        return None
    rows, columns = np.mgrid[:28, :28]
    return np.array([(rows * bright).sum(), (columns * bright).sum()]) / bright.sum()


def _stay_near(transform: Ref, images: list[torch.Tensor]) -> None:
    lost, changed = 0, False
    for image in images:
        before = _place(image.numpy())
        assert before is not None
        for _ in range(N_PLACES):
            came = _apply(transform, image)
            changed = changed or not np.allclose(came, image.numpy(), atol=1e-4)
            after = _place(came)
            if after is None:  # a part may be erased now and then
                lost += 1
                continue
            far = float(np.linalg.norm(after - before))
            hint = "small rotations, shifts and scales; a mirrored 2 is no 2, a 6 upside down is a 9"
            ok(far < FAR, expected="strokes near their place", came=f"one moved by {far:.0f} pixels", hint=hint)
    ok(
        changed,
        expected="another image with the same label",
        came="the same image",
        hint="a few degrees, a pixel or two",
    )
    share = lost / (len(images) * N_PLACES)
    hint = "crop and erase little: what is left has to show the digit"
    # Erasing up to a third of an image, each time, loses 12 %; crops down to a twelfth of it lose 25 %.
    ok(share < 0.2, expected="most of the strokes to be left", came=f"{share:.0%} of them gone", hint=hint)
