"""Figures of what a backbone leaves of an image. Reached through `helpers.plots`."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .style import FAINT, new_figure, sparing


def feature_maps(
    pairs: Mapping[str, tuple[ArrayLike, ArrayLike]], title: str = "", source: str = "", label: str = "mean of the map"
) -> Figure:
    """Show images in a row, and below each the map that a network makes of it, with the map's own pixels.

    Parameters
    ----------
    pairs : mapping
        Panel's title → the image (height, width) and its map (rows, columns).
    title, source : str
        As for all figures.
    label : str
        What the maps show.

    Returns
    -------
    Figure
        Each map has its own scale.
    """
    figure, axes = new_figure(2, len(pairs), (2.1 * len(pairs) + 0.5, 4.6), title, source)
    for column, (name, (image, feature_map)) in enumerate(pairs.items()):
        shown = np.asarray(image), np.asarray(feature_map)
        for panel, values, colours in zip(axes[:, column], shown, ("gray", "viridis"), strict=True):
            panel.imshow(values, cmap=colours, interpolation="nearest")
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
        if not sparing():
            rows, columns = shown[1].shape
            axes[0, column].set_title(name, fontsize=10)
            axes[1, column].set_title(f"{rows} × {columns}, {label}", fontsize=9, color=FAINT)
    return figure
