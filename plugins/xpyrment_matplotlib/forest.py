"""Forest plot: one line per metric with its relative lift, interval and numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import blended_transform_factory

from xpyrment_core.plots.layout import (
    FOREST_COLORS,
    Line,
    Span,
    forest_window,
    is_hollow,
    merge_colors,
    nice_ticks,
    other_legend,
    sort_rows,
    span,
    verdict_legend,
)
from xpyrment_core.plots.numbers import tick_texts
from xpyrment_core.plots.rows import ForestRow, PlotData
from xpyrment_core.plots.text import clip
from xpyrment_matplotlib.canvas import (
    POINT,
    blend,
    check_axes,
    check_figsize,
    head,
    inches_from,
    legend_below,
    open_axes,
    quiet,
    room_for,
    size_of,
    text_width,
)
from xpyrment_matplotlib.forest_layout import GAP, Layout, Texts, lay_out

_OTHER_MARKS: dict[str, dict[str, Any]] = {
    "margin": {"marker": "", "dashes": (2, 1), "linewidth": 1.2},
    "beyond": {"marker": ">", "markersize": 4.5},
}


def draw_forest(
    plot: PlotData,
    ax: Axes | None = None,
    title: str | None = None,
    figsize: tuple[float, float] | None = None,
    colors: Mapping[str, str] | None = None,
    sort: str | None = None,
    show_values: bool = True,
) -> Axes:
    """Draw a forest plot; the options are those of `xpyrment_matplotlib.backend.draw`."""
    check_axes(ax)
    palette, rows = merge_colors(FOREST_COLORS, colors), sort_rows(plot.rows, sort)
    window = forest_window(rows)
    entries = verdict_legend(rows, palette) + other_legend(rows, window)
    heading = plot.title if title is None else title
    texts = Texts(title=heading, subtitle=plot.subtitle, legend=tuple(words for _, words in entries))
    room = room_for(ax, check_figsize(figsize))
    layout = lay_out(plot, rows, texts, show_values, room)
    size = room or layout.size
    ax = open_axes(ax, size, layout.margins(size[0]))
    # Verdicts without a decision are grey, unless the user chose a colour, and hollow: readable without colours.
    palette |= {role: blend(ax, 0.62) for role in FOREST_COLORS if is_hollow(role) and role not in (colors or {})}
    _frame(ax, plot, layout, window)
    for y, line in enumerate(layout.lines):
        _band(ax, layout, y, line)
        if line.row is not None:
            _draw_row(ax, y, line.row, window, palette, layout)
    _columns(ax, layout, palette)
    legend_below(ax, _legend(entries, palette, ax.get_facecolor()), layout.left - GAP, layout.right - GAP)
    head(ax, heading, plot.subtitle, layout.left - GAP, lift=layout.above)
    return ax


def _frame(ax: Axes, plot: PlotData, layout: Layout, window: tuple[float, float] | None) -> None:
    quiet(ax)
    # Downwards, so that line i is at y = i, with 0.6 of a line above the first and below the last.
    ax.set_ylim(len(layout.lines) - 0.4, -0.6)
    ax.set_yticks(range(len(layout.lines)), [line.label for line in layout.lines])
    ax.tick_params(axis="y", length=0, pad=(layout.label_width + GAP) / POINT, labelsize=layout.font)
    for text, line in zip(ax.get_yticklabels(), layout.lines, strict=True):
        text.set(parse_math=False, horizontalalignment="left", fontweight="normal" if line.row else "bold")
    if window is None:
        ax.set_xlim(0, 1)
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
        return
    ticks = nice_ticks(*window, target=max(2, round(size_of(ax)[0] / 0.62)))
    ax.set_xlim(window)
    ax.set_xticks(ticks, tick_texts(ticks))
    ax.set_xlabel(plot.x_label, fontsize=9, parse_math=False)
    # A plot of many lines is longer than a screen, so it has an axis at both ends.
    ax.tick_params(axis="x", labeltop=layout.dense)
    ax.axvline(0, color=blend(ax, 0.75), linewidth=0.9, zorder=1.5)


def _band(ax: Axes, layout: Layout, y: int, line: Line) -> None:
    """Shade every other metric from the label to the last column, as a guide along the row."""
    if not line.band:
        return
    left = layout.label_width + GAP
    width = left + size_of(ax)[0] + layout.right - GAP + 0.12
    place = blended_transform_factory(inches_from(ax, 0, 0), ax.transData)
    shade = Rectangle((-left - 0.06, y - 0.5), width, 1, transform=place, color=blend(ax, 0.05), linewidth=0)
    shade.set(clip_on=False, zorder=0)
    ax.add_patch(shade)


def _draw_row(
    ax: Axes, y: int, row: ForestRow, window: tuple[float, float] | None, palette: Mapping[str, str], layout: Layout
) -> None:
    color = palette[row.verdict]
    if row.lift is None or window is None:
        _note(ax, y, row.note, color, layout)
        return
    # The simultaneous interval, thin, under the metric's own one.
    for low, high, width in ((row.outer_low, row.outer_high, 0.8), (row.low, row.high, 1.9)):
        part = span(low, high, window)
        if part is not None:
            _line(ax, y, part, {"color": color, "linewidth": width, "markersize": 0.5 * layout.font})
    for margin in (margin for margin in row.margins if window[0] <= margin <= window[1]):
        ax.plot([margin, margin], [y - 0.36, y + 0.36], color=blend(ax, 0.75), linewidth=1.2, dashes=(2, 1))
    # A lift beyond the axis is an arrow at its end: with an axis that includes it, the others would be points.
    inside = window[0] <= row.lift <= window[1]
    marker = "s" if inside else ">" if row.lift > 0 else "<"
    x = row.lift if inside else window[row.lift > 0]
    fill = ax.get_facecolor() if is_hollow(row.verdict) else color
    style: dict[str, Any] = {"markerfacecolor": fill, "markeredgecolor": color, "markeredgewidth": 1.4}
    ax.plot(x, y, marker, markersize=0.66 * layout.font, clip_on=False, zorder=4, **style)


def _line(ax: Axes, y: int, part: Span, style: Mapping[str, Any]) -> None:
    """Draw an interval, with an arrow at each end that is cut off by the axis."""
    ax.plot([part.left, part.right], [y, y], solid_capstyle="butt", zorder=2, **style)
    for x, cut, marker in ((part.left, part.cut_left, "<"), (part.right, part.cut_right, ">")):
        if cut:
            ax.plot(x, y, marker, clip_on=False, zorder=3, **style)


def _note(ax: Axes, y: int, note: str, color: str, layout: Layout) -> None:
    """Write inside the plot why a metric has no lift, shortened to the available width."""
    place = blended_transform_factory(inches_from(ax, 0, 0), ax.transData)
    size = 0.93 * layout.font
    room = size_of(ax)[0] + layout.right - 3 * GAP
    text = f"not estimable: {note}" if note else "not estimable"
    # Letters of average width: measuring every possible cut would take longer than drawing.
    shown = clip(text, max(16, int(len(text) * room / text_width(text, size))))
    ground = {"facecolor": blend(ax, 0.05 if layout.lines[y].band else 0), "edgecolor": "none", "pad": 0.8}
    style: dict[str, Any] = {"fontsize": size, "fontstyle": "italic", "color": color, "verticalalignment": "center"}
    ax.text(GAP / 2, y, shown, transform=place, bbox=ground, zorder=3, parse_math=False, **style)
    ax.get_yticklabels()[y].set_color(color)


def _columns(ax: Axes, layout: Layout, palette: Mapping[str, str]) -> None:
    rows = blended_transform_factory(inches_from(ax, 1, 0), ax.transData)
    above = inches_from(ax, 1, 1)
    x = GAP
    for column, (header, width) in enumerate(zip(layout.headers, layout.widths, strict=True)):
        x += width
        style: dict[str, Any] = {"horizontalalignment": "right", "fontsize": layout.font, "parse_math": False}
        ax.text(x, 0.06, header, transform=above, color=blend(ax, 0.62), **style)
        for y, line in enumerate(layout.lines):
            if line.cells[column] and line.row:
                ink = palette[line.row.verdict] if column == 0 and not is_hollow(line.row.verdict) else blend(ax, 0.88)
                ax.text(x, y, line.cells[column], transform=rows, color=ink, verticalalignment="center", **style)
        x += GAP


def _legend(entries: Sequence[tuple[str, str]], palette: Mapping[str, str], ground: Any) -> list[Line2D]:
    """Return a sample of each verdict shown, and of the arrows where there are any."""
    handles = []
    for verdict, words in entries:
        color = palette.get(verdict, palette["inconclusive"])
        style: dict[str, Any] = {"marker": "s", "markersize": 5.5, "markeredgewidth": 1.4, "linewidth": 1.7}
        style |= _OTHER_MARKS.get(verdict, {})
        fill = ground if is_hollow(verdict) else color
        handles.append(Line2D([], [], color=color, markerfacecolor=fill, label=words, **style))
    return handles
