"""Power curves, by sample size or by effect."""

from collections.abc import Mapping

from plotly.graph_objects import Figure

from xpyrment_core.plots.layout import SERIES_COLORS, merge_colors, nice_ticks
from xpyrment_core.plots.rows import Mark, PlotData
from xpyrment_plotly.canvas import FAINT, INK, SOFT, Canvas, check_size, head_height, plain

DASHES = ("solid", "dash", "dot", "dashdot")
HEIGHT = 420


def draw_power(
    plot: PlotData,
    title: str | None = None,
    width: int | None = None,
    height: int | None = None,
    colors: Mapping[str, str] | None = None,
) -> Figure:
    """Draw power curves; the options are those of `xpyrment_plotly.backend.draw`."""
    check_size(width, height)
    defaults = {row.label: SERIES_COLORS[i % len(SERIES_COLORS)] for i, row in enumerate(plot.rows)}
    palette = merge_colors(defaults, colors)
    heading = plot.title if title is None else title
    canvas = Canvas(margin={"l": 64, "r": 28, "t": head_height(heading, plot.subtitle) + 6, "b": 60})
    _frame(canvas, plot)
    for index, row in enumerate(plot.rows):
        canvas.trace(
            x=list(row.x),
            y=list(row.power),
            # A line of one point is invisible.
            mode="lines" if len(row.x) > 1 else "markers",
            line={"color": palette[row.label], "width": 2.4, "dash": DASHES[index % len(DASHES)]},
            name=plain(row.label),
            showlegend=True,
            hovertemplate="%{x:,.6~g}<br>power %{y:.1%}<extra>" + plain(row.label) + "</extra>",
        )
    for mark in plot.marks:
        _mark(canvas, mark, plot)
    inside = {"x": 1, "xanchor": "right", "y": 0.02, "yanchor": "bottom", "bgcolor": "rgba(255,255,255,0.8)"}
    size = width, height or HEIGHT
    return canvas.figure(heading, plot.subtitle, size, showlegend=len(plot.rows) > 1, legend=inside)


def _range(plot: PlotData) -> tuple[float, float]:
    xs = [x for row in plot.rows for x in row.x]
    low, high = min(xs), max(xs)
    # An axis of no width cannot be drawn, so a single point gets room on both sides.
    return (low, high) if low < high else (low - abs(low) / 2 - 0.5, high + abs(high) / 2 + 0.5)


def _frame(canvas: Canvas, plot: PlotData) -> None:
    low, high = _range(plot)
    ticks = nice_ticks(low, high)
    canvas.horizontal(plot.x_label, (low, high), ticks, [f"{tick:,.10g}".replace("-", "−") for tick in ticks])
    canvas.yaxis |= {
        # A little more than 1, so that the line of a curve at full power is not cut in half.
        "range": [0, 1.02],
        "tickformat": ".0%",
        "tickvals": [0, 0.2, 0.4, 0.6, 0.8, 1],
        "gridcolor": FAINT,
        "zeroline": False,
        "title": {"text": "Power", "standoff": 8, "font": {"size": 13}},
        "tickfont": {"size": 12, "color": SOFT},
    }
    if plot.threshold is not None:
        canvas.rule((low, high), (plot.threshold, plot.threshold))


def _mark(canvas: Canvas, mark: Mark, plot: PlotData) -> None:
    """Label a point, on the side with more room, and draw a line from it down to the axis."""
    low, high = _range(plot)
    late = mark.x > low + 0.6 * (high - low)
    canvas.rule((mark.x, mark.x), (0, mark.y))
    canvas.trace(
        x=[mark.x],
        y=[mark.y],
        mode="markers+text",
        marker={"size": 10, "color": INK, "line": {"color": "white", "width": 1}},
        text=[f" {plain(mark.text)} "],
        textposition="top left" if late else "bottom right",
        hovertext=[plain(mark.text)],
        hoverinfo="text",
    )
