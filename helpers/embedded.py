"""Small data that need neither files nor network: they come with scikit-learn."""

import numpy as np
from numpy.typing import NDArray

from .sources import SIDE

MARGIN = 4  # MNIST's digits fill 20 × 20 of 28 × 28 pixels


def embedded_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Enlarge scikit-learn's 8 × 8 digits to the form of MNIST: white on black, 28 × 28.

    Returns
    -------
    X : ndarray of float32, shape (1797, 784)
        Whole numbers in [0, 255].
    y : ndarray of int64, shape (1797,)
        The digits 0 … 9.

    Notes
    -----
    Source: the test part of E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI
    Machine Learning Repository, CC BY 4.0, as shipped in `sklearn.datasets.load_digits`.
    """
    from scipy.ndimage import zoom  # type: ignore[import-untyped]
    from sklearn.datasets import load_digits

    small, y = load_digits(return_X_y=True)
    small = small.reshape(-1, 8, 8) * (255 / 16)
    # Spline interpolation is linear in the pixels: one 20 × 8 matrix enlarges rows and columns of all images.
    enlarge = zoom(np.eye(8), ((SIDE - 2 * MARGIN) / 8, 1), order=3, mode="grid-constant", grid_mode=True)
    large = np.clip(np.rint(enlarge @ small @ enlarge.T), 0, 255)
    images = np.pad(large, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    return images.reshape(-1, SIDE * SIDE).astype(np.float32), y.astype(np.int64)
