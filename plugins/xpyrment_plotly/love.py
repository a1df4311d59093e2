"""Love plot: standardized mean differences of the covariates between the variants."""

from collections.abc import Mapping, Sequence

from plotly.graph_objects import Figure

from xpyrment_core.plots.layout import LOVE_COLORS, is_flagged, love_reach, merge_colors, nice_ticks
from xpyrment_core.plots.rows import LoveRow, PlotData
from xpyrment_core.plots.text import clip, shorten_all
from xpyrment_plotly.canvas import BAND, EDGE, SOFT, Canvas, check_size, head_height, legend_height, plain, text_width

LABEL_LIMIT, PITCH, GAP, PER_LINE = 40, 27, 16, 5
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "triangle-down", "pentagon")
GLYPHS = "○◇□△▽⬠"


def draw_love(
    plot: PlotData,
    title: str | None = None,
    width: int | None = None,
    height: int | None = None,
    colors: Mapping[str, str] | None = None,
) -> Figure:
    """Draw a love plot; the options are those of `xpyrment_plotly.backend.draw`."""
    check_size(width, height)
    palette = merge_colors(LOVE_COLORS, colors)
    heading = plot.title if title is None else title
    names = list(dict.fromkeys(row.label for row in plot.rows))
    treatments = list(dict.fromkeys(row.treatment for row in plot.rows))
    labels = shorten_all(names, LABEL_LIMIT)
    legend = _legend(plot, treatments, palette)
    left = max(text_width(label) for label in labels) + EDGE + GAP
    top, bottom = head_height(heading, plot.subtitle), legend_height(legend, PER_LINE)
    canvas = Canvas(margin={"l": left, "r": 48, "t": top, "b": bottom})
    _frame(canvas, plot, labels)
    for index, treatment in enumerate(treatments):
        rows = [row for row in plot.rows if row.treatment == treatment and row.smd is not None]
        _dots(canvas, plot, rows, (names, SYMBOLS[index % len(SYMBOLS)]), palette)
    for row in plot.rows:
        if row.smd is None:
            _note(canvas, names.index(row.label), row, len(treatments) > 1, palette["missing"])
    canvas.legend(legend, PER_LINE)
    return canvas.figure(heading, plot.subtitle, (width, height or top + len(names) * PITCH + bottom))


def _frame(canvas: Canvas, plot: PlotData, labels: list[str]) -> None:
    reach = love_reach(plot)
    ticks = nice_ticks(-reach, reach)
    canvas.horizontal(plot.x_label, (-reach, reach), ticks, [f"{tick:g}".replace("-", "−") for tick in ticks])
    canvas.rows(len(labels), grid=True)
    for y, label in enumerate(labels):
        canvas.label(plain(label), y)
    if plot.threshold is not None:
        # The threshold applies to |SMD|, so the band is symmetric.
        low, high = -plot.threshold, plot.threshold
        box = {"type": "rect", "x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
        canvas.shapes.append({**box, "fillcolor": BAND, "line": {"width": 0}})
        for edge in (low, high):
            canvas.rule((edge, edge), (-0.6, len(labels) - 0.4))


def _dots(
    canvas: Canvas, plot: PlotData, rows: Sequence[LoveRow], look: tuple[list[str], str], palette: Mapping[str, str]
) -> None:
    names, symbol = look
    reach = love_reach(plot)
    flags = [is_flagged(row, plot.threshold) for row in rows]
    smds = [row.smd or 0.0 for row in rows]
    colors = [palette["flagged" if flag else "balanced"] for flag in flags]
    fills = [color if flag else "white" for color, flag in zip(colors, flags, strict=True)]
    # Beyond the axis a dot stands at its end as an arrow; its number is in the hover text.
    symbols = ["triangle-right" if smd > reach else "triangle-left" if smd < -reach else symbol for smd in smds]
    outward = [(smd > 0) == (abs(smd) < 0.8 * reach) for smd in smds]  # near the edge the number goes to the inner side
    canvas.trace(
        x=[max(-reach, min(reach, smd)) for smd in smds],
        y=[names.index(row.label) for row in rows],
        mode="markers+text",
        marker={"symbol": symbols, "size": 10, "color": fills, "line": {"color": colors, "width": 2}, "opacity": 1},
        text=[f" {smd:+.2f} ".replace("-", "−") if flag else "" for smd, flag in zip(smds, flags, strict=True)],
        textposition=["middle right" if right else "middle left" for right in outward],
        textfont={"color": colors, "size": 11},
        hovertext=[hover_text(row) for row in rows],
        hoverinfo="text",
    )


def hover_text(row: LoveRow) -> str:
    """Return the numbers of a dot, as shown on hovering."""
    smd = f"{row.smd or 0.0:+.4f}".replace("-", "−")
    return f"<b>{plain(row.label)}</b><br>{plain(row.treatment)}<br>SMD {smd}"


def _note(canvas: Canvas, y: int, row: LoveRow, several: bool, color: str) -> None:
    text = f"{row.treatment}: {row.note}" if several else row.note
    style = {"font": {"color": color, "size": 12}, "bgcolor": "white", "borderpad": 1}
    canvas.text(f"<i>{plain(clip(text, 56))}</i>", y, x=0.03, hovertext=plain(text), **style)


def _legend(plot: PlotData, treatments: list[str], palette: Mapping[str, str]) -> list[tuple[str, str, str]]:
    entries = []
    if plot.threshold is not None:
        entries.append(("○", palette["balanced"], f"|SMD| < {plot.threshold:g}"))
        if any(is_flagged(row, plot.threshold) for row in plot.rows):
            entries.append(("●", palette["flagged"], f"|SMD| ≥ {plot.threshold:g}"))
    if len(treatments) > 1:
        entries += [(GLYPHS[i % len(GLYPHS)], SOFT, clip(name, 30)) for i, name in enumerate(treatments)]
    return entries
