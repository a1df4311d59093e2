"""Parts that all plots share: the canvas, margins and fonts, and the escaping of texts."""

import html
import math
from collections.abc import Sequence
from typing import Any

from attrs import Factory, define
from plotly.graph_objects import Figure

from xpyrment_core import InputError

INK, SOFT, FAINT, BAND = "#1a1a1a", "#5f5f5f", "#e3e3e3", "#f3f3f3"
EDGE = 16
"""Pixels between the edge of the page and its contents."""
FONT = "Helvetica Neue, Helvetica, Arial, sans-serif"
NARROW, WIDE = frozenset(" ,.:;'|!()[]ijltfr1"), frozenset("%mwMW@…∞")


def check_size(width: Any, height: Any) -> None:
    """Raise InputError unless each is None or a usable number of pixels."""
    for name, value in (("width", width), ("height", height)):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and 10 <= value <= 100_000):
            raise InputError(f"{name} must be a number of pixels of at least 10, got {value!r}; such as 700.")


def plain(text: str) -> str:
    """Return a text such that Plotly shows it letter by letter: it reads HTML and, between dollars, TeX.

    Examples
    --------
    >>> plain("a<b")
    'a&lt;b'
    """
    return html.escape(text, quote=False).replace("$", "&#36;")


def text_width(text: str, size: float = 13) -> float:
    """Return about how many pixels a text takes, by three classes of letters."""
    # Only a browser can measure text, so margins rest on average widths of Helvetica as shares of the font size.
    return size * sum(0.34 if letter in NARROW else 0.9 if letter in WIDE else 0.58 for letter in text)


def head_height(title: str, subtitle: str) -> float:
    """Return the pixels that the heading needs."""
    return (64 if subtitle else 44) if title else 14


def legend_height(entries: Sequence[Any], per_line: int = 3) -> float:
    """Return the pixels under the axes that axis labels and legend need."""
    return 58 + 18 * math.ceil(len(entries) / per_line)


@define
class Canvas:
    """A figure in the making, as plain dicts that Plotly gets all at once.

    Plotly checks everything it has each time something is added; 200 rows added one by one
    take it five minutes, and one second together.

    Attributes
    ----------
    margin : dict of str to float
        Pixels at the left, right, top and bottom of the axes: ``l, r, t, b``.
    traces, shapes, texts : list of dict
    xaxis, yaxis : dict
    """

    margin: dict[str, float]
    traces: list[dict[str, Any]] = Factory(list)
    shapes: list[dict[str, Any]] = Factory(list)
    texts: list[dict[str, Any]] = Factory(list)
    xaxis: dict[str, Any] = Factory(dict)
    yaxis: dict[str, Any] = Factory(dict)

    def trace(self, **trace: Any) -> None:
        """Add points or lines; hidden from the legend unless they say otherwise."""
        self.traces.append({"type": "scatter", "showlegend": False, "cliponaxis": False, **trace})

    def text(self, words: str, y: float, **more: Any) -> None:
        """Write a text at a row, from the left edge of the axes unless `more` says otherwise."""
        place = {"x": 0, "xref": "paper", "xanchor": "left", "y": y, "yref": "y", "showarrow": False, "align": "left"}
        self.texts.append({**place, "text": words, **more})

    def label(self, words: str, y: float, indent: float = 0, color: str = INK) -> None:
        """Write a row's name at the left of the page: aligned left, as an axis cannot."""
        self.text(words, y, xshift=indent + EDGE - self.margin["l"], font={"color": color})

    def band(self, y: int) -> None:
        """Shade a row from its name to its last column."""
        row = {"type": "rect", "y0": y - 0.5, "y1": y + 0.5, "yref": "y", "xref": "paper", "layer": "below"}
        row |= {"fillcolor": BAND, "line": {"width": 0}}
        # Margins are in pixels, and the width of the axes is not known yet: one piece on the axes, one at each side.
        pixels = {**row, "xsizemode": "pixel"}
        left, right = self.margin["l"] - EDGE + 8, self.margin["r"] - 6
        self.shapes.append({**row, "x0": 0, "x1": 1})
        self.shapes.append({**pixels, "xanchor": 0, "x0": -left, "x1": 0})
        self.shapes.append({**pixels, "xanchor": 1, "x0": 0, "x1": right})

    def rule(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Draw a dashed line under what comes later; as a shape it would vanish under the grid."""
        line = {"color": SOFT, "width": 1, "dash": "dash"}
        self.trace(x=list(x), y=list(y), mode="lines", line=line, hoverinfo="skip")

    def legend(self, entries: Sequence[tuple[str, str, str]], per_line: int = 3) -> None:
        """Write ``(symbol, colour, words)`` entries under the plot, aligned with the rows' names.

        A legend of Plotly's own is laid out only as wide as the axes, which can be half the page.
        """
        samples = [f'<span style="color:{color}">{symbol}</span> {plain(words)}' for symbol, color, words in entries]
        lines = ["&nbsp;&nbsp;&nbsp;&nbsp;".join(samples[i : i + per_line]) for i in range(0, len(samples), per_line)]
        place = {"yref": "paper", "yanchor": "top", "yshift": -50, "xshift": EDGE - self.margin["l"]}
        self.text("<br>".join(lines), 0, font={"size": 12}, **place)

    def horizontal(self, label: str, window: tuple[float, float], ticks: list[float], texts: list[str]) -> None:
        """Set up the horizontal axis, with a faint grid and no frame."""
        self.xaxis |= {
            "range": list(window),
            "tickvals": ticks,
            "ticktext": texts,
            "title": {"text": plain(label), "standoff": 10, "font": {"size": 13}},
            "gridcolor": FAINT,
            "zeroline": True,
            "zerolinecolor": SOFT,
            "zerolinewidth": 1.2,
            "linecolor": SOFT,
            "showline": True,
            "ticks": "outside",
            "ticklen": 4,
            "tickcolor": SOFT,
            "tickfont": {"size": 12, "color": SOFT},
        }

    def rows(self, count: int, grid: bool = False) -> None:
        """Set up the vertical axis for `count` rows, the first on top; zooming leaves it alone."""
        # Reversed, so that row 0 is on top.
        self.yaxis |= {"range": [count - 0.4, -0.6], "fixedrange": True, "zeroline": False, "ticks": ""}
        self.yaxis |= {"showgrid": grid, "gridcolor": FAINT, "tickvals": list(range(count)), "showticklabels": False}

    def figure(self, title: str, subtitle: str, size: tuple[float | None, float], **layout: Any) -> Figure:
        """Return the figure, white, with its heading at the left."""
        page: dict[str, Any] = {
            "template": "none",
            "font": {"family": FONT, "size": 13, "color": INK},
            "width": size[0],
            "height": size[1],
            "margin": {**self.margin, "pad": 0},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"color": INK, "family": FONT}},
            "title": _heading(title, subtitle) if title else None,
            "showlegend": False,
        }
        drawn = {"xaxis": self.xaxis, "yaxis": self.yaxis, "shapes": self.shapes, "annotations": self.texts}
        # Options of the caller come last and win over the page's.
        return Figure(data=self.traces, layout={**page, **drawn, **layout})


def _heading(title: str, subtitle: str) -> dict[str, Any]:
    small = f'<br><span style="font-size:12px;color:{SOFT}">{plain(subtitle)}</span>' if subtitle else ""
    place = {"x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container", "yanchor": "top"}
    return {"text": f"<b>{plain(title)}</b>{small}", "font": {"size": 16}, "pad": {"l": EDGE, "t": 22}, **place}
