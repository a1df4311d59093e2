"""Love plot: standardized mean differences of the covariates."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from xpyrment_core.plots.data import LoveRow, PlotData
from xpyrment_core.plots.layout import LOVE_COLORS, is_flagged, love_reach, merge_colors, nice_ticks
from xpyrment_core.plots.text import clip, shorten, shorten_all
from xpyrment_matplotlib.canvas import (
    POINT,
    Margins,
    blend,
    check_axes,
    check_figsize,
    head,
    head_height,
    head_width,
    legend_below,
    open_axes,
    quiet,
    room_for,
    size_of,
    text_width,
)

PLOT_WIDTH, PITCH, FONT, GAP = 4.2, 0.27, 9.0, 0.16
LABEL_LIMIT = 40
# Treatments differ in shape, because colour and filling show the flags.
MARKERS = "oDs^vP"


def draw_love(
    plot: PlotData,
    ax: Axes | None = None,
    title: str | None = None,
    figsize: tuple[float, float] | None = None,
    colors: Mapping[str, str] | None = None,
) -> Axes:
    """Draw a love plot; the options are those of `xpyrment_matplotlib.backend.draw`."""
    check_axes(ax)
    palette, room = merge_colors(LOVE_COLORS, colors), room_for(ax, check_figsize(figsize))
    heading = plot.title if title is None else title
    names = list(dict.fromkeys(row.label for row in plot.rows))
    treatments = list(dict.fromkeys(row.treatment for row in plot.rows))
    labels = shorten_all(names, LABEL_LIMIT if room is None else max(10, int(room[0] * 4)))
    label_width = max(text_width(label, FONT) for label in labels)
    margins = Margins(left=label_width + 2 * GAP, right=0.3, top=head_height(heading, plot.subtitle), bottom=0.8)
    width = max(margins.left + PLOT_WIDTH + margins.right, head_width(heading, plot.subtitle) + 2 * GAP)
    size = room or (width, margins.top + len(names) * PITCH + 0.1 + margins.bottom)
    ax = open_axes(ax, size, margins)
    font = min(FONT, max(4.0, 0.58 * size_of(ax)[1] / len(names) / POINT))
    palette |= {"missing": blend(ax, 0.62)} if "missing" not in (colors or {}) else {}
    _frame(ax, plot, labels, (label_width + GAP, font))
    for row in plot.rows:
        marker = MARKERS[treatments.index(row.treatment) % len(MARKERS)]
        _dot(ax, names.index(row.label), row, marker, plot, palette)
    legend_below(ax, _legend(ax, plot, palette, treatments), label_width + GAP, 0.2)
    head(ax, heading, plot.subtitle, label_width + GAP)
    return ax


def _frame(ax: Axes, plot: PlotData, labels: list[str], text: tuple[float, float]) -> None:
    pad, font = text
    quiet(ax)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(axis="y", length=0, labelsize=font, pad=pad / POINT)
    for label in ax.get_yticklabels():
        label.set(parse_math=False, horizontalalignment="left")
    reach = love_reach(plot)
    ax.set_xlim(-reach, reach)
    ticks = nice_ticks(-reach, reach, target=max(2, round(size_of(ax)[0] / 0.7)))
    ax.set_xticks(ticks, [f"{tick:g}".replace("-", "−") for tick in ticks])
    ax.set_xlabel(plot.x_label, fontsize=9, parse_math=False)
    ax.axvline(0, color=blend(ax, 0.75), linewidth=0.9, zorder=1.5)
    limit = plot.threshold
    if limit is not None:
        ax.axvspan(-limit, limit, color=blend(ax, 0.05), linewidth=0, zorder=0)
        for edge in (-limit, limit):
            ax.axvline(edge, color=blend(ax, 0.55), linewidth=0.9, linestyle=(0, (4, 3)), zorder=1.5)
    ax.hlines(range(len(labels)), -reach, reach, color=blend(ax, 0.1), linewidth=0.6, zorder=0.5)


def _dot(ax: Axes, y: int, row: LoveRow, marker: str, plot: PlotData, palette: Mapping[str, str]) -> None:
    reach = love_reach(plot)
    if row.smd is None:
        ground = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0.8}
        text = f"{row.treatment}: {row.note}" if len({r.treatment for r in plot.rows}) > 1 else row.note
        style: dict[str, Any] = {"fontsize": 8.4, "fontstyle": "italic", "bbox": ground, "parse_math": False}
        shown = clip(text, 48)
        ax.text(-0.94 * reach, y, shown, va="center", color=palette["missing"], zorder=3, **style)
        return
    flagged = is_flagged(row, plot.threshold)
    color = palette["flagged" if flagged else "balanced"]
    # An SMD beyond the axis, also an infinite one, is an arrow at its end.
    inside = abs(row.smd) <= reach
    x = row.smd if inside else reach if row.smd > 0 else -reach
    shape = marker if inside else ">" if row.smd > 0 else "<"
    fill = color if flagged else ax.get_facecolor()
    ax.plot(x, y, shape, markersize=6, color=color, markerfacecolor=fill, markeredgewidth=1.4, clip_on=False, zorder=4)
    if flagged:
        outward = abs(row.smd) < 0.8 * reach  # near the edge the number goes to the inner side
        side = 8 if (row.smd > 0) == outward else -8
        value = f"{row.smd:+.2f}".replace("-", "−")
        place: dict[str, Any] = {"xytext": (side, 0), "textcoords": "offset points", "annotation_clip": False}
        ax.annotate(value, (x, y), va="center", ha="left" if side > 0 else "right", fontsize=8, color=color, **place)


def _legend(ax: Axes, plot: PlotData, palette: Mapping[str, str], treatments: list[str]) -> list[Line2D]:
    limit = f"{plot.threshold:g}" if plot.threshold is not None else ""
    flagged = any(is_flagged(row, plot.threshold) for row in plot.rows)
    style: dict[str, Any] = {"linestyle": "none", "markersize": 6, "markeredgewidth": 1.4}
    ground = ax.get_facecolor()
    entries = [(palette["balanced"], ground, "o", f"|SMD| < {limit}")] if limit else []
    entries += [(palette["flagged"], palette["flagged"], "o", f"|SMD| ≥ {limit}")] if flagged else []
    ink = blend(ax, 0.62)
    several = len(treatments) > 1
    entries += [(ink, ground, MARKERS[i % len(MARKERS)], shorten(t, 24)) for i, t in enumerate(treatments) if several]
    return [
        Line2D([], [], color=color, marker=marker, markerfacecolor=fill, label=words, **style)
        for color, fill, marker, words in entries
    ]
