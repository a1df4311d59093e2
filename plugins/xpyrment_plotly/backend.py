"""Plotly plot backend: `draw` for all kinds of plot, and `save`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from xpyrment_core import MissingExtraError
from xpyrment_core.plots.layout import check_options, check_plot
from xpyrment_core.plots.rows import PlotData

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COMMON = ("title", "width", "height", "colors")
OPTIONS: dict[str, tuple[str, ...]] = {
    "forest": (*COMMON, "sort", "show_values"),
    "love": COMMON,
    "power": COMMON,
}


def draw(plot: PlotData, **options: Any) -> "Figure":
    """Draw a plot and return its figure; ``figure.write_html(...)`` saves it.

    Parameters
    ----------
    plot : PlotData
    title : str, optional
        Instead of the plot's own; ``""`` leaves the heading out.
    width, height : int, optional
        Size in pixels; by default as wide as the page, and as high as the rows need.
    colors : mapping of str to str, optional
        Colours by role: of a forest plot ``better, worse, non-inferior, equivalent, inconclusive,
        not established, too early, not estimable``; of a love plot ``balanced, flagged, missing``; of power curves by
        their label.
    sort : {"lift", "p_value", "name"}, optional
        Order of a forest plot's rows; as analysed by default.
    show_values : bool, default True
        Whether a forest plot prints lift, interval and p-value at the right.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    MissingExtraError
        Plotly is not installed.
    InputError
        An option the plot does not have, or a value it does not take.
    """
    # Options are checked before Plotly is imported, so that a wrong one is reported in any installation.
    check_plot(plot, OPTIONS)
    check_options(plot.kind, options, OPTIONS[plot.kind])
    try:
        import plotly.graph_objects  # noqa: F401 - imported here, so that the message can name the extra
    except ImportError as error:
        raise MissingExtraError(
            'the plotly backend needs Plotly, which is not installed: pip install "xpyrment[plotly]"'
        ) from error
    return _drawing(plot.kind)(plot, **options)


def _drawing(kind: str) -> Any:
    if kind == "forest":
        from xpyrment_plotly.forest import draw_forest

        return draw_forest
    if kind == "love":
        from xpyrment_plotly.love import draw_love

        return draw_love
    from xpyrment_plotly.power import draw_power

    return draw_power


def save(figure: "Figure", path: Path) -> None:
    """Write a drawn plot as one HTML page that needs no network."""
    # Plotly's script, almost 5 MB, is part of the page, so that it opens without a network.
    figure.write_html(path, include_plotlyjs=True)
