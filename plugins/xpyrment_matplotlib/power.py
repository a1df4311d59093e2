"""Power curves: power by effect or by sample size."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from xpyrment_core.plots.data import Mark, PlotData, PowerSeries
from xpyrment_core.plots.layout import SERIES_COLORS, merge_colors, nice_ticks
from xpyrment_matplotlib.canvas import (
    Margins,
    blend,
    check_axes,
    check_figsize,
    head,
    head_height,
    open_axes,
    quiet,
    room_for,
    size_of,
)

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.2, 1.4)), (0, (6, 2, 1.2, 2)))


def draw_power(
    plot: PlotData,
    ax: Axes | None = None,
    title: str | None = None,
    figsize: tuple[float, float] | None = None,
    colors: Mapping[str, str] | None = None,
) -> Axes:
    """Draw power curves; the options are those of `xpyrment_matplotlib.backend.draw`."""
    check_axes(ax)
    room = room_for(ax, check_figsize(figsize))
    palette = merge_colors(
        {row.label: SERIES_COLORS[i % len(SERIES_COLORS)] for i, row in enumerate(plot.rows)}, colors
    )
    heading = plot.title if title is None else title
    top = head_height(heading, plot.subtitle) + 0.08
    ax = open_axes(ax, room or (6.4, 4.2), Margins(left=0.75, right=0.3, top=top, bottom=0.6))
    _frame(ax, plot)
    for index, row in enumerate(plot.rows):
        _curve(ax, row, palette[row.label], DASHES[index % len(DASHES)])
    if plot.threshold is not None:
        ax.axhline(plot.threshold, color=blend(ax, 0.55), linewidth=0.9, linestyle=(0, (4, 3)), zorder=1.5)
    for mark in plot.marks:
        _mark(ax, mark)
    if len(plot.rows) > 1:
        legend = ax.legend(loc="lower right", frameon=False, fontsize=8.5, handlelength=2.6)
        for text in legend.get_texts():
            text.set_parse_math(False)
    head(ax, heading, plot.subtitle, 0.6, lift=0.06)
    return ax


def _frame(ax: Axes, plot: PlotData) -> None:
    quiet(ax)
    ax.grid(axis="y", color=blend(ax, 0.13), linewidth=0.7)
    xs = [x for row in plot.rows for x in row.x]
    low, high = min(xs), max(xs)
    # A single point needs an axis of some width around it.
    if low == high:
        low, high = low - abs(low) / 2 - 0.5, high + abs(high) / 2 + 0.5
    ax.set_xlim(low, high)
    ticks = nice_ticks(low, high, target=max(2, round(size_of(ax)[0] / 0.9)))
    ax.set_xticks(ticks, [f"{tick:,.10g}".replace("-", "−") for tick in ticks])
    # A little above 1, so that a curve at 1 is drawn in its full width.
    ax.set_ylim(0, 1.02)
    levels = [0, 0.2, 0.4, 0.6, 0.8, 1]
    ax.set_yticks(levels, [f"{level:.0%}" for level in levels])
    ax.tick_params(axis="y", labelsize=8.5, length=0)
    ax.set_xlabel(plot.x_label, fontsize=9, parse_math=False)
    ax.set_ylabel("Power", fontsize=9)


def _curve(ax: Axes, row: PowerSeries, color: str, dash: Any) -> None:
    single = len(row.x) == 1
    label = row.label or "power"
    ax.plot(row.x, row.power, color=color, linewidth=1.9, linestyle=dash, marker="o" if single else "", label=label)


def _mark(ax: Axes, mark: Mark) -> None:
    """Label a point, with a line down to the axis; towards the left in the right part of the plot."""
    low, high = ax.get_xlim()
    late = mark.x > low + 0.6 * (high - low)
    ink = blend(ax, 0.88)
    ax.vlines(mark.x, 0, mark.y, color=blend(ax, 0.55), linewidth=0.9, linestyle=(0, (4, 3)), zorder=1.5)
    ax.plot(mark.x, mark.y, "o", markersize=6.5, color=ink, markeredgecolor=ax.get_facecolor(), zorder=4)
    place: dict[str, Any] = {"xytext": (-8 if late else 8, 9 if late else -13), "textcoords": "offset points"}
    ground = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 1.2, "alpha": 0.85}
    side = "right" if late else "left"
    ax.annotate(
        mark.text, (mark.x, mark.y), ha=side, fontsize=8.5, color=ink, bbox=ground, parse_math=False, zorder=5, **place
    )
