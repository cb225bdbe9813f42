"""The look that all figures share: colours, line styles, a title that says something, a note on the data."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .budget import budget_name

# Okabe and Ito's palette, safe for colour-blind readers: https://jfly.uni-koeln.de/color/. Their yellow, too
# pale on white, stands darkened at the end; wine and grey fill up to ten classes.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#000000",
    "#56B4E9",
    "#E69F00",
    "#882255",
    "#777777",
    "#B8A800",
)
LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK = "#222222"
FAINT = "#777777"
RIGHT, WRONG = COLOURS[0], COLOURS[1]


def sparing() -> bool:
    """Say whether figures should cost next to nothing: while grading, nobody looks at their details."""
    return budget_name() == "grade"


def use_style() -> None:
    """Make matplotlib draw in the course's style from here on; coarsely in the `grade` budget."""
    if sparing() and "inline" in plt.get_backend():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("png", bbox_inches=None)  # a tight box draws every figure twice
    plt.rcParams.update(
        {
            "figure.dpi": 36 if sparing() else 110,
            "figure.constrained_layout.use": not sparing(),  # it, too, draws more than once
            "font.size": 10,
            "axes.titlesize": 10.5,
            "axes.titlelocation": "left",
            "axes.titley": 1.0,  # fixed: to look for a free place, matplotlib measures every tick label
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": FAINT,
            "axes.labelcolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.grid": False,
            "grid.color": "#DDDDDD",
            "grid.linewidth": 0.8,
            "axes.axisbelow": True,
            "legend.frameon": False,
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "figure.figsize": (8, 3.6),
            "figure.max_open_warning": 0,
        }
    )


def line_style(index: int) -> dict[str, Any]:
    """Return the colour, dashes and marker of the n-th curve: each alone tells neighbours apart."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": LINES[index % len(LINES)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 4.5,
        "linewidth": 1.8,
    }


def new_figure(
    rows: int, columns: int, size: tuple[float, float], title: str, source: str, **options: Any
) -> tuple[Figure, NDArray[Any]]:
    """Open a figure with its title at the top left and the data's name at the bottom left.

    Parameters
    ----------
    rows, columns : int
        Of panels.
    size : tuple of float
        Width and height in inches.
    title : str
        What the figure shows, as a finding; may be empty.
    source : str
        Which data it shows; may be empty.
    **options
        For `matplotlib.pyplot.subplots`.

    Returns
    -------
    figure : Figure
        Left open, so that a notebook shows it at the end of the cell.
    axes : ndarray of Axes, shape (rows, columns)
        The panels.
    """
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
    margin = 0.1 / size[0]
    if title:
        figure.suptitle(title, x=margin, ha="left", fontsize=12, fontweight="bold")
    if source:
        # A supxlabel, since constrained layout keeps room for it.
        figure.supxlabel(f"Data: {source}", x=margin, ha="left", fontsize=8, color=FAINT)
    if sparing():
        figure.subplots_adjust(left=0.12, right=0.86, bottom=0.2, top=0.78, wspace=0.35)
        for panel in axes.flat:
            panel.set_axis_off()  # axes are two thirds of a small figure's cost
    return figure, axes


def light_grid(axes: Axes, axis: str = "y") -> None:
    """Draw faint grid lines behind the data, across one axis."""
    axes.grid(visible=True, axis=axis)  # type: ignore[arg-type]
