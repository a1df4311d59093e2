"""Forest plot: per metric the relative lift with its interval, and the numbers beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from plotly.graph_objects import Figure

from xpyrment_core.plots.layout import (
    FOREST_COLORS,
    Line,
    forest_lines,
    forest_window,
    is_hollow,
    merge_colors,
    nice_ticks,
    other_legend,
    sort_rows,
    span,
    verdict_legend,
)
from xpyrment_core.plots.numbers import p_phrase, percent, percent_level, tick_texts
from xpyrment_core.plots.rows import ForestRow, PlotData
from xpyrment_core.plots.text import bounds_text, clip, lift_text
from xpyrment_plotly.canvas import (
    BAND,
    EDGE,
    INK,
    SOFT,
    Canvas,
    check_size,
    head_height,
    legend_height,
    plain,
    text_width,
)

LABEL_LIMIT, NARROW_LIMIT = 40, 22
PITCH, DENSE_PITCH, DENSE_FROM = 27, 20, 41
GAP = 16
Window = tuple[float, float]
Column = tuple[str, list[str], float]


def draw_forest(
    plot: PlotData,
    title: str | None = None,
    width: int | None = None,
    height: int | None = None,
    colors: Mapping[str, str] | None = None,
    sort: str | None = None,
    show_values: bool = True,
) -> Figure:
    """Draw a forest plot; the options are those of `xpyrment_plotly.backend.draw`."""
    check_size(width, height)
    palette, rows = merge_colors(FOREST_COLORS, colors), sort_rows(plot.rows, sort)
    window = forest_window(rows)
    lines = forest_lines(rows, LABEL_LIMIT if width is None or width >= 760 else NARROW_LIMIT)
    heading = plot.title if title is None else title
    # Columns of numbers take their width from the axes, and below 520 pixels too little remains.
    shown = show_values and window is not None and (width is None or width >= 520)
    columns = _columns(lines, plot.level) if shown else []
    legend = _legend(rows, window, palette)
    top = head_height(heading, plot.subtitle) + (22 if columns else 0)
    canvas = Canvas(margin={**_sides(lines, columns), "t": top, "b": legend_height(legend)})
    _frame(canvas, plot, lines, window)
    if window is not None:
        _draw_intervals(canvas, lines, window, palette)
        _draw_points(canvas, lines, window, palette)
        _print_columns(canvas, lines, columns, palette)
    canvas.legend(legend)
    pitch = DENSE_PITCH if len(lines) >= DENSE_FROM else PITCH
    fitting = top + len(lines) * pitch + canvas.margin["b"]
    return canvas.figure(heading, plot.subtitle, (width, height or fitting))


def _columns(lines: Sequence[Line], level: float) -> list[Column]:
    """Return header, cells and width in pixels of each column at the right."""
    columns = []
    for index, header in enumerate(("Lift", f"{percent_level(level)} CI", "p")):
        cells = [line.cells[index] for line in lines]
        columns.append((header, cells, max(text_width(text, 13) for text in (header, *cells))))
    return columns


def _sides(lines: Sequence[Line], columns: Sequence[Column]) -> dict[str, float]:
    labels = max(text_width(line.label, 13 if line.row else 14) for line in lines)
    return {"l": labels + EDGE + GAP, "r": sum(width + GAP for _, _, width in columns) + EDGE}


def _frame(canvas: Canvas, plot: PlotData, lines: Sequence[Line], window: Window | None) -> None:
    canvas.rows(len(lines))
    for y, line in enumerate(lines):
        if line.band:
            canvas.band(y)
        name = plain(line.label.strip())
        missing = line.row is not None and line.row.lift is None
        indent = 14 if line.row is not None and line.row.group else 0
        canvas.label(name if line.row else f"<b>{name}</b>", y, indent, SOFT if missing else INK)
        if missing:
            _note(canvas, y, line)
    if window is None:
        canvas.xaxis |= {"visible": False, "range": [0, 1]}
        return
    ticks = nice_ticks(*window)
    canvas.horizontal(plot.x_label, window, ticks, tick_texts(ticks))


def _note(canvas: Canvas, y: int, line: Line) -> None:
    """Say inside the plot why a metric has no lift; the whole reason is in the hover text."""
    note = line.row.note if line.row else ""
    text = f"not estimable: {note}" if note else "not estimable"
    style = {"font": {"color": SOFT, "size": 12}, "bgcolor": BAND if line.band else "white", "borderpad": 1}
    canvas.text(f"<i>{plain(clip(text, 64))}</i>", y, hovertext=plain(text), **style)


def _draw_intervals(canvas: Canvas, lines: Sequence[Line], window: Window, palette: Mapping[str, str]) -> None:
    """Draw all intervals of one colour and width as one trace, with arrows where they go on past the axis."""
    # Per colour and width one trace, its segments separated by None: hundreds of traces make a browser slow.
    strokes: dict[tuple[str, float], list[tuple[float | None, int, str]]] = {}
    for y, line in enumerate(lines):
        row = line.row
        if row is None or row.lift is None:
            continue
        for low, high, width in ((row.outer_low, row.outer_high, 1.0), (row.low, row.high, 2.4)):
            part = span(low, high, window)
            if part is not None:
                left, right = "triangle-left" if part.cut_left else "", "triangle-right" if part.cut_right else ""
                stroke = strokes.setdefault((palette[row.verdict], width), [])
                stroke += [(part.left, y, left), (part.right, y, right), (None, y, "")]
        # A margin outside the window is not drawn at the edge, where it would look like a margin there.
        for margin in (margin for margin in row.margins if window[0] <= margin <= window[1]):
            edge = {"x0": margin, "x1": margin, "y0": y - 0.36, "y1": y + 0.36, "type": "line"}
            canvas.shapes.append({**edge, "line": {"color": INK, "width": 1.5, "dash": "3px,2px"}})
    for (color, width), ends in strokes.items():
        xs, ys, arrows = (list(values) for values in zip(*ends, strict=True))
        symbols, sizes = [arrow or "circle" for arrow in arrows], [9 if arrow else 0 for arrow in arrows]
        marker = {"symbol": symbols, "size": sizes, "color": color, "opacity": 1}
        line_style = {"color": color, "width": width}
        canvas.trace(x=xs, y=ys, mode="lines+markers", line=line_style, marker=marker, hoverinfo="skip")


def _draw_points(canvas: Canvas, lines: Sequence[Line], window: Window, palette: Mapping[str, str]) -> None:
    rows = [(y, line.row) for y, line in enumerate(lines) if line.row is not None and line.row.lift is not None]
    lifts = [row.lift or 0.0 for _, row in rows]
    colors = [palette[row.verdict] for _, row in rows]
    fills = ["white" if is_hollow(row.verdict) else color for (_, row), color in zip(rows, colors, strict=True)]
    low, high = window
    symbols = ["triangle-right" if lift > high else "triangle-left" if lift < low else "square" for lift in lifts]
    canvas.trace(
        x=[min(max(lift, low), high) for lift in lifts],
        y=[y for y, _ in rows],
        mode="markers",
        marker={"symbol": symbols, "size": 10, "color": fills, "line": {"color": colors, "width": 2}, "opacity": 1},
        hovertext=[hover_text(row) for _, row in rows],
        hoverinfo="text",
    )


def hover_text(row: ForestRow) -> str:
    """Return the numbers of a row, as shown on hovering."""
    name = f"{row.group}, {row.label}" if row.group else row.label
    lines = [f"<b>{plain(name)}</b>", f"lift {lift_text(row)}", f"interval {bounds_text(row)}"]
    if row.outer_low is not None and row.outer_high is not None:
        # As a row, so that both intervals are formatted by the same function.
        outer = ForestRow(label="", lift=row.lift, low=row.outer_low, high=row.outer_high)
        lines.append(f"simultaneous interval {bounds_text(outer)}")
    if row.margin is not None:
        lines.append(f"{row.margin_name} {' and '.join(percent(margin) for margin in row.margins)}")
    if row.p_value is not None:
        lines.append(p_phrase(row.p_value))
    return "<br>".join([*lines, row.verdict])


def _legend(rows: Sequence[ForestRow], window: Window | None, palette: Mapping[str, str]) -> list[tuple[str, str, str]]:
    symbols = {"beyond": "►", "margin": "┆"}
    entries = verdict_legend(rows, palette) + other_legend(rows, window)
    return [
        ("□" if is_hollow(role) else symbols.get(role, "■"), palette.get(role, INK), words) for role, words in entries
    ]


def _print_columns(
    canvas: Canvas, lines: Sequence[Line], columns: Sequence[Column], palette: Mapping[str, str]
) -> None:
    shift = 0.0
    for index, (header, cells, width) in enumerate(columns):
        shift += width + GAP
        place: dict[str, Any] = {"x": 1, "xanchor": "right", "xshift": shift}
        canvas.text(header, 1, yref="paper", yanchor="bottom", font={"color": SOFT}, **place)
        for y, (line, cell) in enumerate(zip(lines, cells, strict=True)):
            if cell and line.row:
                loud = index == 0 and not is_hollow(line.row.verdict)
                canvas.text(plain(cell), y, font={"color": palette[line.row.verdict] if loud else INK}, **place)
