"""Plot backend for Matplotlib: one function that draws every kind of plot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from xpyrment_core.plots.data import PlotData
from xpyrment_core.plots.layout import check_options, check_plot
from xpyrment_matplotlib.forest import draw_forest
from xpyrment_matplotlib.love import draw_love
from xpyrment_matplotlib.power import draw_power

COMMON = ("ax", "title", "figsize", "colors")
OPTIONS: dict[str, tuple[str, ...]] = {
    "forest": (*COMMON, "sort", "show_values"),
    "love": COMMON,
    "power": COMMON,
}
_DRAW: dict[str, Callable[..., Axes]] = {"forest": draw_forest, "love": draw_love, "power": draw_power}


def draw(plot: PlotData, **options: Any) -> Axes:
    """Draw a plot and return its axes; ``axes.figure.savefig(...)`` saves it.

    Parameters
    ----------
    plot : PlotData
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default. It is made through pyplot only where
        pyplot would show it (a notebook, an interactive window), so that a script on a
        server keeps neither open figures nor a changed backend.
    title : str, optional
        Instead of the plot's own; ``""`` leaves the heading out.
    figsize : tuple of float, optional
        Width and height of a new figure in inches; by default it grows with the rows.
    colors : mapping of str to str, optional
        Colours by role: of a forest plot ``better, worse, non-inferior, equivalent, inconclusive,
        not established, too early, not estimable``; of a love plot ``balanced, flagged, missing``;
        of power curves by their label.
    sort : {"lift", "p_value", "name"}, optional
        Order of a forest plot's rows; as analysed by default.
    show_values : bool, default True
        Whether a forest plot prints lift, interval and p-value at the right.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        An option the plot does not have, or a value it does not take.

    Examples
    --------
    >>> from xpyrment_core import MetricResult
    >>> from xpyrment_core.plots.data import forest_data
    >>> revenue = MetricResult(metric_name="revenue", relative_lift=0.03, rel_ci_lower=0.01,
    ...                        rel_ci_upper=0.05, p_value=0.003)
    >>> axes = draw(forest_data([revenue]), sort="lift")
    >>> axes.get_xlabel()
    'Relative lift over control'
    """
    check_plot(plot, _DRAW)
    check_options(plot.kind, options, OPTIONS[plot.kind])
    return _DRAW[plot.kind](plot, **options)


def save(axes: Axes, path: Path) -> None:
    """Save a plot in the format of the file's suffix."""
    # "tight", because a legend or a long label may lie outside of a figure whose size was given.
    axes.figure.savefig(path, bbox_inches="tight", dpi=150)  # type: ignore[union-attr]
