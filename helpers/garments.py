"""Garments that need neither files nor network: drawn at random, in the form of Fashion-MNIST.

A class is a function that draws its outline from a generator of random numbers, in coordinates from -1 to 1 with y
pointing down; pose, texture and noise come on top. Each outline leaves room for its neighbours: shirts with long
sleeves look like pullovers, as they do in the real data.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .sources import SIDE

GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
FINER = 3  # drawn so many times larger, then averaged: edges come out grey
CLOTH, DARK = 200, 90  # before the brightness of the single image

Points = list[tuple[float, float]]
Shape = tuple[Points, int]  # a polygon and its grey value; later ones lie on top
Between = Callable[[float, float], float]


def embedded_garments(n: int = 2000, seed: int = 42) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw garments of ten classes, each as often as the others, white on black.

    Parameters
    ----------
    n : int
        How many.
    seed : int
        Of shapes, poses, textures and noise.

    Returns
    -------
    X : ndarray of float32, shape (n, 784)
        Whole numbers in [0, 255].
    y : ndarray of int64, shape (n,)
        Labels 0 … 9, in the order of `GARMENTS`, which is Fashion-MNIST's.
    """
    rng = np.random.default_rng(seed)
    y = np.arange(n) % len(GARMENTS)
    images = np.stack([_draw(_OUTLINES[label], rng) for label in y])
    return _weave(images, rng).reshape(n, SIDE * SIDE), y.astype(np.int64)


def _draw(outline: Callable[[Between], list[Shape]], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one garment in a random pose; returns (28, 28)."""
    from PIL import Image, ImageDraw

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(rng.random())

    shapes = outline(between)
    angle, shear = between(-0.16, 0.16), between(-0.12, 0.12)
    width, height = between(0.63, 0.9), between(0.63, 0.9)
    turned = np.array([[np.cos(angle), shear - np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * (width, height)
    place = np.array([1 + between(-0.14, 0.14), 1 + between(-0.14, 0.14)])
    half = SIDE * FINER / 2
    canvas = Image.new("L", (SIDE * FINER, SIDE * FINER))
    brush = ImageDraw.Draw(canvas)
    for points, grey in shapes:
        brush.polygon((half * (np.array(points) @ turned.T + place)).ravel().tolist(), fill=grey)
    return np.asarray(canvas.reduce(FINER))


def _weave(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Give each image a brightness, stripes and noise of its own; (n, 28, 28) in, the same out."""
    n = len(images)
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    brightness, angle, phase = rng.uniform((0.35, 0, 0), (1.25, np.pi, 2 * np.pi), (n, 3)).T[:, :, None, None]
    stripes, frequency = rng.uniform((-0.5, 3), (0.7, 9), (n, 2)).T[:, :, None, None]
    wave = np.sin(2 * np.pi * frequency * (columns * np.cos(angle) + rows * np.sin(angle)) + phase)
    cloth = images * brightness * (1 + np.maximum(stripes, 0) * wave)  # nearly half are plain
    noise = rng.normal(0, 1, images.shape) * (4 + 0.1 * cloth)
    return np.clip(np.rint(cloth + noise), 0, 255).astype(np.uint8).astype(np.float32)


# --- what a class looks like ------------------------------------------------------------------------------------------


def _mirrored(half: Points) -> Points:
    """Complete the right half of an outline, from top to bottom, by its left half."""
    return half + [(-x, y) for x, y in reversed(half)]


def _box(left: float, top: float, right: float, bottom: float) -> Points:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _top(between: Between, hem: float, sleeve: float, spread: float, neck: float) -> list[Shape]:
    """A torso down to `hem` with two sleeves of a length and an angle; `neck` is the depth of the neckline."""
    shoulder, waist = between(0.42, 0.52), between(0.34, 0.48)
    torso = _mirrored(
        [(0, -0.85 + neck), (0.16, -0.88), (shoulder, -0.74), (waist + 0.02, 0), (waist + between(0, 0.08), hem)]
    )
    x, y = np.sin(spread), np.cos(spread)
    upper, cuff = between(0.13, 0.18), between(0.09, 0.13)
    start, end = (shoulder - 0.08, -0.62), (shoulder - 0.08 + sleeve * x, -0.62 + sleeve * y)
    arm = [
        (start[0] + upper * y, start[1] - upper * x),
        (end[0] + cuff * y, end[1] - cuff * x),
        (end[0] - cuff * y, end[1] + cuff * x),
        (start[0] - upper * y, start[1] + upper * x),
    ]
    return [(torso, CLOTH), (arm, CLOTH - 15), ([(-px, py) for px, py in arm], CLOTH - 15)]


def _t_shirt(between: Between) -> list[Shape]:
    return _top(between, between(0.6, 0.9), between(0.28, 0.5), between(0.6, 1.1), between(0.05, 0.25))


def _pullover(between: Between) -> list[Shape]:
    return _top(between, between(0.55, 0.85), between(1.05, 1.4), between(0.1, 0.4), between(0.02, 0.1))


def _coat(between: Between) -> list[Shape]:
    hem = between(0.75, 0.98)
    opening = between(0.03, 0.06)
    collar = _mirrored([(0, -0.5), (0.2, -0.92)])
    shapes = _top(between, hem, between(1.1, 1.45), between(0.08, 0.32), 0.05)
    return [*shapes, (_box(-opening, -0.6, opening, hem), DARK), (collar, DARK + 40)]


def _shirt(between: Between) -> list[Shape]:
    shapes = _top(between, between(0.6, 0.92), between(0.4, 1.4), between(0.15, 0.7), between(0.1, 0.3))
    step, size = between(0.28, 0.36), between(0.06, 0.08)
    buttons = [_box(-size, y, size, y + 2 * size) for y in np.arange(-0.42, 0.55, step)]
    return [*shapes, *((button, DARK - 30) for button in buttons)]


def _dress(between: Between) -> list[Shape]:
    waist, hem = between(0.17, 0.26), between(0.3, 0.6)
    line = between(-0.3, 0)
    outline = [(0, -0.78), (0.1, -0.95), (between(0.24, 0.36), -0.8), (waist + 0.04, -0.45), (waist, line), (hem, 0.98)]
    return [(_mirrored(outline), CLOTH)]


def _trouser(between: Between) -> list[Shape]:
    hip, hem, gap = between(0.28, 0.42), between(0.2, 0.36), between(0.04, 0.12)
    crotch = between(-0.5, -0.2)
    outline = [(hip - 0.06, -0.95), (hip, -0.4), (gap + hem, 0.97), (gap, 0.97), (0.01, crotch)]
    return [(_mirrored(outline), CLOTH)]


def _bag(between: Between) -> list[Shape]:
    wide, top, bottom = between(0.6, 0.95), between(-0.4, 0), between(0.5, 0.85)
    slant, grip = between(-0.12, 0.12), between(0.3, 0.55)
    rise = between(0.25, 0.5)
    handle = _mirrored([(0, top - rise), (grip * 0.7, top - rise), (grip, top)])
    hole = _mirrored([(0, top - rise + 0.12), (grip * 0.55, top - rise + 0.12), (grip - 0.13, top)])
    body = _mirrored([(0, top), (wide - slant, top), (wide, bottom), (0, bottom)])
    flap = _box(-wide * 0.85, top + 0.08, wide * 0.85, top + between(0.14, 0.4))
    return [(handle, CLOTH - 30), (hole, 0), (body, CLOTH), (flap, CLOTH - 50)]


def _facing(between: Between, shapes: list[Shape]) -> list[Shape]:
    """Turn a shoe to the left or to the right."""
    side = 1 if between(0, 1) < 0.5 else -1
    return [([(side * x, y) for x, y in points], grey) for points, grey in shapes]


def _sneaker(between: Between) -> list[Shape]:
    heel, toe, sole = between(-0.35, -0.1), between(0.05, 0.25), between(0.42, 0.5)
    upper = [(-0.9, heel), (-0.45, heel + 0.05), (-0.1, between(-0.2, 0)), (0.75, toe), (0.95, sole), (-0.92, sole)]
    laces = [_box(x, 0.02, x + 0.07, 0.2) for x in (0.0, 0.16)]
    shapes = [(upper, CLOTH), (_box(-0.95, sole - 0.12, 0.95, sole), CLOTH + 50)]
    return _facing(between, [*shapes, *((lace, DARK) for lace in laces)])


def _sandal(between: Between) -> list[Shape]:
    sole, heel = between(0.35, 0.5), between(0, 0.45)
    shapes: list[Shape] = [([(-0.95, sole - heel), (0.95, sole - 0.1), (0.95, sole), (-0.95, sole + 0.1)], CLOTH)]
    for _ in range(2 if between(0, 1) < 0.5 else 3):  # straps
        x, lean, thick = between(-0.75, 0.6), between(-0.3, 0.3), between(0.06, 0.12)
        top = between(-0.5, 0) + 0.2 * x
        shapes.append(([(x, sole), (x + lean, top), (x + lean + thick, top), (x + 2 * thick, sole)], CLOTH - 20))
    return _facing(between, shapes)


def _ankle_boot(between: Between) -> list[Shape]:
    shaft, front = between(-0.95, -0.4), between(-0.15, 0.2)
    toe, sole, heel = between(0.1, 0.3), between(0.6, 0.75), between(0, 0.2)
    boot = [(-0.75, shaft), (front, shaft), (front + 0.05, 0), (0.75, toe), (0.95, sole), (-0.8, sole)]
    shapes = [(boot, CLOTH), (_box(-0.8, sole - 0.05, -0.4, sole + heel), DARK)]
    return _facing(between, [*shapes, (_box(-0.4, sole - 0.08, 0.95, sole + 0.02), DARK)])


_OUTLINES: tuple[Callable[[Between], list[Shape]], ...] = (
    _t_shirt,
    _trouser,
    _pullover,
    _dress,
    _coat,
    _sandal,
    _shirt,
    _sneaker,
    _bag,
    _ankle_boot,
)
