"""The figures of the notebooks, one function each.

Every function takes a `title`, which states what the figure shows, and a `source`, which names its data (as
`Dataset.name` does), and returns the open figure: a notebook shows it at the end of the cell.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

from .comparisons import comparison_bars, confusion_matrices, fold_scores, scaling_curves
from .maps import feature_maps
from .sources import SIDE
from .style import COLOURS, FAINT, INK, RIGHT, WRONG, light_grid, line_style, new_figure, sparing, use_style

__all__ = [
    "comparison_bars",
    "confusion_matrices",
    "digits_grid",
    "embedding_scatter",
    "feature_maps",
    "fold_scores",
    "learning_curves",
    "loss_and_rate",
    "scaling_curves",
    "use_style",
]

CENTRE_LABEL: dict[str, Any] = {
    "fontsize": 17,
    "fontweight": "bold",
    "ha": "center",
    "va": "center",
    "path_effects": [withStroke(linewidth=3.5, foreground="white")],
}


def digits_grid(
    X: ArrayLike,
    y: ArrayLike | None = None,
    predictions: ArrayLike | None = None,
    rows: int = 2,
    columns: int = 5,
    title: str = "",
    source: str = "",
) -> Figure:
    """Show images in a grid, with their labels and, where given, what a model takes them for.

    Parameters
    ----------
    X : array, shape (n, 784) or any other with 784 values an image
        In any range; the first rows × columns are shown.
    y : array of int, shape (n,), optional
        True labels.
    predictions : array of int, shape (n,), optional
        A model's; needs `y`. Wrong ones are marked by a cross and by colour.
    rows, columns : int
        Of the grid.
    title, source : str
        As for all figures.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Where an image has not 784 values, or labels and images differ in number, or there are no labels to
        compare predictions with.
    """
    images = _images(X)
    for name, labels in (("y", y), ("predictions", predictions)):
        if labels is not None and len(np.asarray(labels)) != len(images):
            raise ValueError(f"{name} has {len(np.asarray(labels))} entries for {len(images)} images.")
    if predictions is not None and y is None:
        raise ValueError("predictions are compared with y; pass y too.")
    images = images[: rows * columns]
    step, caption = SIDE + 4, 8 if y is not None else 0
    sheet = np.full((rows * (step + caption), columns * step), np.nan)  # NaN stays white: the paper
    figure, axes = new_figure(1, 1, (columns * 1.15, rows * (1.44 if caption else 1.15) + 0.6), title, source)
    panel: Axes = axes[0, 0]
    for index, image in enumerate(images):
        top, left = (index // columns) * (step + caption) + caption, (index % columns) * step
        sheet[top : top + SIDE, left : left + SIDE] = image
        if y is not None:
            _caption(panel, left, top, np.asarray(y)[index], predictions, index)
    panel.imshow(sheet, cmap="gray", interpolation="nearest")
    panel.set_axis_off()
    return figure


def _images(X: ArrayLike) -> NDArray[Any]:
    array = np.asarray(X)
    if array.ndim < 2 or array[0].size != SIDE * SIDE:
        raise ValueError(f"Expected images of 784 values, shape (n, 784); found the shape {array.shape}.")
    return array.reshape(-1, SIDE, SIDE)


def _caption(panel: Axes, left: float, top: float, label: Any, predictions: ArrayLike | None, index: int) -> None:
    text, style = f"{label}", {"color": INK}
    if predictions is not None:
        said = np.asarray(predictions)[index]
        if said == label:
            text, style = f"✓ {said}", {"color": RIGHT}
        else:
            text, style = f"✗ {said}, is {label}", {"color": WRONG, "fontweight": "bold"}
    panel.text(left, top - 2, text, fontsize=9, va="bottom", **style)  # type: ignore[arg-type]


def learning_curves(
    panels: Mapping[str, Sequence[float] | Mapping[str, Sequence[float]]],
    title: str = "",
    source: str = "",
    share_y: bool = False,
    marks: Mapping[float, str] | None = None,
    x_label: str = "Epoch",
) -> Figure:
    """Draw values per epoch: one run in several panels, or several runs over each other in each.

    Parameters
    ----------
    panels : mapping
        Panel's title → the values of the one run, or → {name of the run: its values}. A run has the same
        colour, dashes and marker in all panels.
    title, source : str
        As for all figures.
    share_y : bool
        Whether all panels have one scale, so that heights can be compared across them.
    marks : mapping, optional
        Epoch at which something changes → what; a dotted line stands before it in each panel, with the text at its
        foot.
    x_label : str
        What the values follow on.

    Returns
    -------
    Figure
        `learning_curves({"Training loss": losses, "Validation accuracy": accuracies})`, or
        `learning_curves({"Training loss": {"lr 0.01": a, "lr 0.1": b}, …})`.
    """
    runs = {name: curves if isinstance(curves, Mapping) else {"": curves} for name, curves in panels.items()}
    names = list(dict.fromkeys(run for curves in runs.values() for run in curves))
    width = max(4.4 * len(runs), 7.0 if len(names) > 1 else 0)  # a single panel needs room for its legend
    figure, axes = new_figure(1, len(runs), (width, 3.6), title, source, sharey=share_y)
    for panel, (name, curves) in zip(axes[0], runs.items(), strict=True):
        for run, values in curves.items():
            epochs = np.arange(1, len(values) + 1)
            every = max(1, len(values) // 8)  # more markers would hide the line
            panel.plot(epochs, values, label=run, markevery=every, **line_style(names.index(run)))
        panel.set(title=name, xlabel=x_label)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        light_grid(panel)
        for epoch, text in (marks or {}).items():
            _mark(panel, epoch - 0.5, text)
    if len(names) > 1:
        _legend(figure, axes[0])
    return figure


def _mark(panel: Axes, place: float, text: str) -> None:
    panel.axvline(place, color=FAINT, linewidth=1, linestyle=":")
    panel.annotate(
        text,
        (place, 0.02),
        (3, 0),
        xycoords=panel.get_xaxis_transform(),
        textcoords="offset points",
        rotation=90,
        va="bottom",
        fontsize=8,
        color=FAINT,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1},  # a curve may pass behind it
    )


def _legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """Name each curve once, beside the panels where the layout makes room for it."""
    entries = {}
    for panel in axes:
        handles, labels = panel.get_legend_handles_labels()
        entries.update(dict(zip(labels, handles, strict=True)))
    place = "upper right" if sparing() else "outside right upper"
    figure.legend(list(entries.values()), list(entries), loc=place, handlelength=3.2)  # type: ignore[call-overload]


def loss_and_rate(
    losses: Mapping[str, Sequence[float]], rates: Sequence[float], title: str = "", source: str = ""
) -> Figure:
    """Show losses and the learning rate over the same epochs, one above the other.

    Parameters
    ----------
    losses : mapping
        Name of the curve → one loss an epoch.
    rates : sequence of float
        The learning rate that was used in each epoch; where it changes, a line goes through both panels.
    title, source : str
        As for all figures.

    Returns
    -------
    Figure
    """
    figure, axes = new_figure(2, 1, (7, 5), title, source, sharex=True, gridspec_kw={"height_ratios": (2, 1)})
    loss_panel, rate_panel = axes[:, 0]
    epochs = np.arange(1, len(rates) + 1)
    for row, (name, values) in enumerate(losses.items()):
        loss_panel.plot(epochs, values, label=name, **line_style(row))
    rate_panel.step(epochs, rates, where="mid", **line_style(len(losses)))
    for epoch in epochs[1:][np.diff(rates) != 0]:
        for panel in (loss_panel, rate_panel):
            panel.axvline(epoch - 0.5, color=FAINT, linewidth=1, linestyle=":")
    if not sparing():
        loss_panel.set(yscale="log")  # late losses are small: on a linear axis their differences would vanish
        rate_panel.set(yscale="log")
        loss_panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        loss_panel.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
        loss_panel.yaxis.set_minor_locator(NullLocator())
        rate_panel.yaxis.set_minor_locator(NullLocator())
    loss_panel.set(title="Loss")
    rate_panel.set(title="Learning rate", xlabel="Epoch")
    rate_panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    for panel in (loss_panel, rate_panel):
        light_grid(panel)
    _legend(figure, [loss_panel])
    return figure


def embedding_scatter(
    embeddings: Mapping[str, ArrayLike],
    y: ArrayLike | Mapping[str, ArrayLike],
    title: str = "",
    source: str = "",
    rows: int = 1,
) -> Figure:
    """Show embeddings in the plane side by side, each image as its own digit.

    Parameters
    ----------
    embeddings : mapping
        Panel's title → array of shape (n, 2).
    y : array of int, shape (n,), or mapping
        Labels from 0 to 9, of all panels or panel's title → its labels; drawn as the points themselves, so that no
        colour is needed to read them.
    title, source : str
        As for all figures.
    rows : int
        Of panels; they are filled one after the other, and their number must divide that of the embeddings.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Where an embedding has not the shape (n, 2) with n as in `y`.
    """
    planes = {name: np.asarray(embedding) for name, embedding in embeddings.items()}
    classes = {name: np.asarray(y[name] if isinstance(y, Mapping) else y) for name in planes}
    for name, points in planes.items():
        if points.shape != (len(classes[name]), 2):
            raise ValueError(f"{name}: expected the shape ({len(classes[name])}, 2), found {points.shape}.")
    columns = len(planes) // rows
    side = 5.0 if rows == 1 else 4.2
    figure, axes = new_figure(rows, columns, (1.04 * side * columns, side * rows), title, source)
    for panel, (name, points) in zip(axes.flat, planes.items(), strict=True):
        if sparing():
            panel.scatter(*points.T, c=classes[name], cmap="viridis")
        else:
            _scatter_digits(panel, points, classes[name])
        panel.set(title=name, xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    return figure


def _scatter_digits(panel: Axes, points: NDArray[Any], labels: NDArray[Any]) -> None:
    """Draw each point as its digit, and a large digit at the middle of each class."""
    classes = np.unique(labels)
    colours = [COLOURS[int(label) % len(COLOURS)] for label in classes]
    size = float(np.clip(40_000 / len(labels), 14, 40))
    for label, colour in zip(classes, colours, strict=True):
        x, y = points[labels == label].T
        panel.scatter(x, y, s=size, marker=f"${label}$", color=colour, linewidths=0, alpha=0.75)
    centres = np.array([np.median(points[labels == label], axis=0) for label in classes])
    places = _apart(centres, np.ptp(points, axis=0))
    for label, place, colour in zip(classes, places, colours, strict=True):
        panel.annotate(str(label), place, color=colour, **CENTRE_LABEL)


def _apart(places: NDArray[Any], extent: NDArray[Any]) -> NDArray[Any]:
    """Push labels away from each other until none lies nearer than a fraction of the panel."""
    distance = 0.065
    scaled = places / np.where(extent > 0, extent, 1)
    for _ in range(50):
        offsets = scaled[:, None] - scaled[None]
        gaps = np.linalg.norm(offsets, axis=2, keepdims=True)
        close = (gaps > 0) & (gaps < distance)
        push = np.divide(offsets * (distance - gaps), 2 * gaps, out=np.zeros_like(offsets), where=close)
        scaled = scaled + push.sum(axis=1)
    return scaled * np.where(extent > 0, extent, 1)
