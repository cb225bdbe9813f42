"""Figures that set models against each other: errors, scores and costs. Reached through `helpers.plots`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from .style import COLOURS, FAINT, INK, WRONG, light_grid, line_style, new_figure, sparing

ERRORS = LinearSegmentedColormap.from_list("errors", ["#FFFFFF", "#F6C9A8", WRONG, "#7A3600"])


def confusion_matrices(
    results: Mapping[str, Any],
    labels: Sequence[Any] = range(10),
    title: str = "",
    source: str = "",
    row_names: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Show confusion matrices side by side; the colour is kept for the errors.

    Parameters
    ----------
    results : mapping
        Panel's title → a matrix of counts (rows are true classes), or → the pair (y_true, y_pred).
    labels : sequence
        The classes, in the order of rows and columns.
    title, source : str
        As for all figures.
    row_names : mapping, optional
        Panel's title → what its true classes are called, where `labels` does not say it.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Where a matrix has another size than `labels` has.
    """
    names = list(labels)
    matrices = {name: _counts(name, result, names) for name, result in results.items()}
    diagonal = np.eye(len(names), dtype=bool)
    figure, axes = new_figure(1, len(matrices), (5 * len(matrices), 5), title, source)
    figure.set_visible(False)  # else seaborn draws it anew for each panel, to look for colliding labels
    for panel, (name, counts) in zip(axes[0], matrices.items(), strict=True):
        shade = np.sqrt(counts)  # a root, so that single errors differ from none even beside frequent ones
        sns.heatmap(
            shade,
            mask=diagonal,
            cmap=ERRORS,
            vmin=0,
            vmax=max(1.0, shade[~diagonal].max(initial=0)),
            cbar=False,
            square=True,
            xticklabels=False,
            yticklabels=False,
            linewidths=0.5,
            linecolor="#E4E4E4",
            ax=panel,
        )
        if not sparing():
            _write_counts(panel, counts)
            panel.set_xticks(np.arange(len(names)) + 0.5, names)
            panel.set_yticks(np.arange(len(names)) + 0.5, (row_names or {}).get(name, names))
        total, wrong = int(counts.sum()), int(counts[~diagonal].sum())
        panel.set(xlabel="Predicted", ylabel="True", title=f"{name}: {wrong:,} of {total:,} wrong")
        panel.tick_params(length=0, rotation=0)
        panel.set_facecolor("#EEEEEE")  # shows through on the diagonal, which is masked
    figure.set_visible(True)
    return figure


def _write_counts(panel: Axes, counts: NDArray[np.int64]) -> None:
    """Write the counts that are not zero: empty cells let the errors stand out, and cost nothing to draw."""
    worst = (counts - np.diag(np.diag(counts))).max()
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = row != column and count > worst / 2
            colour = FAINT if row == column else "white" if dark else INK
            panel.text(column + 0.5, row + 0.5, str(count), color=colour, fontsize=8, ha="center", va="center")


def _counts(name: str, result: Any, labels: list[Any]) -> NDArray[np.int64]:
    from sklearn.metrics import confusion_matrix

    pair = isinstance(result, tuple) and len(result) == 2
    counts = confusion_matrix(*result, labels=labels) if pair else np.asarray(result)
    if counts.shape != (len(labels), len(labels)):
        raise ValueError(
            f"{name}: expected a matrix of {len(labels)} × {len(labels)} or the pair (y_true, y_pred), "
            f"found the shape {counts.shape}."
        )
    return counts.astype(np.int64)


def comparison_bars(
    frame: pd.DataFrame,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    title: str = "",
    source: str = "",
) -> Figure:
    """Compare the rows of a table, one panel a column, the value written at each bar.

    Parameters
    ----------
    frame : DataFrame
        A row for each thing compared, named by the index.
    columns : sequence or mapping of str, optional
        Which columns; a mapping gives each its panel's title. By default all.
    title, source : str
        As for all figures.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Where the table lacks a column.
    """
    chosen = list(frame.columns if columns is None else columns)
    unknown = [column for column in chosen if column not in frame]
    if unknown:
        raise ValueError(f"The table has no column {unknown[0]!r}; it has {', '.join(map(str, frame.columns))}.")
    headings = columns if isinstance(columns, Mapping) else {c: str(c).replace("_", " ") for c in chosen}
    width = max(1.4 + 2.5 * len(chosen), 7.5)  # a single panel needs room for its title
    size = (width, 1.2 + 0.42 * len(frame))
    figure, axes = new_figure(1, len(chosen), size, title, source, sharey=True)
    for panel, column in zip(axes[0], chosen, strict=True):
        values = frame[column].to_numpy(dtype=float)
        bars = panel.barh(np.arange(len(frame)), values, color=COLOURS[0], height=0.62)
        panel.bar_label(bars, labels=_readable(values), padding=3)
        panel.set_title(headings[column])
        panel.margins(x=0.25)
        panel.set_xticks([])
        panel.spines["bottom"].set_visible(False)
        panel.tick_params(axis="y", length=0)
    axes[0, 0].set_yticks(np.arange(len(frame)), frame.index.map(str))
    axes[0, 0].invert_yaxis()  # the table's first row on top
    return figure


def _readable(values: NDArray[Any]) -> list[str]:
    """Write numbers for people: scores with three decimals, others with three digits."""
    if np.all((values >= 0.1) & (values <= 1)):
        return [f"{value:.3f}" for value in values]
    return [f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" for value in values]


def fold_scores(scores: Mapping[str, Sequence[float]], title: str = "", source: str = "") -> Figure:
    """Show the scores of each fold with their mean and standard deviation.

    Parameters
    ----------
    scores : mapping
        Name of the model → one score a fold.
    title, source : str
        As for all figures.

    Returns
    -------
    Figure
    """
    figure, axes = new_figure(1, 1, (8, 1.4 + 0.6 * len(scores)), title, source)
    panel: Axes = axes[0, 0]
    for row, values in enumerate(scores.values()):
        mean, spread, style = float(np.mean(values)), float(np.std(values)), line_style(row)
        panel.scatter(values, np.full(len(values), row), s=42, color=style["color"], marker=style["marker"], alpha=0.55)
        panel.errorbar(mean, row + 0.24, xerr=spread, fmt="|", ms=11, mew=2.2, capsize=4, color=style["color"])
        panel.annotate(
            f"{mean:.3f} ± {spread:.3f}",
            (1.01, row + 0.12),
            xycoords=panel.get_yaxis_transform(),
            va="center",
            color=style["color"],
        )
    panel.set_yticks(range(len(scores)), list(scores))
    panel.set(ylim=(len(scores) - 0.4, -0.5), xlabel="Score on the held-out fold; bar: mean ± standard deviation")
    panel.tick_params(axis="y", length=0)
    light_grid(panel, "x")
    return figure


def scaling_curves(
    curves: Mapping[str, Mapping[float, float]], x_label: str = "", y_label: str = "", title: str = "", source: str = ""
) -> Figure:
    """Show how costs grow with size: both axes logarithmic, so that a power law is a straight line.

    Parameters
    ----------
    curves : mapping
        Name of the model → size → cost; both above zero.
    x_label, y_label : str
        What size and cost are.
    title, source : str
        As for all figures.

    Returns
    -------
    Figure
        Each curve is named at its end, with the slope of the straight line through it, the exponent of its power law.
    """
    figure, axes = new_figure(1, 1, (7, 4), title, source)
    panel: Axes = axes[0, 0]
    if not sparing():
        panel.set(xscale="log", yscale="log")
    for row, (name, curve) in enumerate(curves.items()):
        sizes, costs = np.array(sorted(curve.items()), dtype=float).T
        panel.plot(sizes, costs, **line_style(row))
        label = name
        if len(sizes) > 1:
            label += f"\nslope {np.polyfit(np.log(sizes), np.log(costs), 1)[0]:.1f}"
        panel.annotate(
            label,
            (sizes[-1], costs[-1]),
            (8, 0),
            textcoords="offset points",
            va="center",
            color=line_style(row)["color"],
        )
    panel.set(xlabel=x_label, ylabel=y_label)
    if not sparing():
        ticks = sorted({size for curve in curves.values() for size in curve})
        panel.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_minor_locator(NullLocator())
    light_grid(panel, "both")
    return figure
