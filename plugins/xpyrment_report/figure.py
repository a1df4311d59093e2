"""The forest plot as SVG inside a page: one for wide screens and paper, one for a phone."""

import io
import re
from threading import Lock
from typing import Any

from xpyrment_core import AnalysisResult, XpyrmentError
from xpyrment_core.plots.text import clip

_RC_PARAMS = Lock()

NARROW = 4.4
"""Width in inches of the plot for a phone, at which its text keeps a readable size."""


def forest_svgs(result: AnalysisResult) -> tuple[str, str] | None:
    """Return the wide and the narrow plot, or None where no backend can draw it."""
    # One line per row and one per metric heading, so the narrow plot grows with them.
    lines = len(result.results) + len({row.metric_name for row in result.results})
    try:
        wide = result.plot(backend="matplotlib", title="")
        narrow = result.plot(backend="matplotlib", title="", figsize=(NARROW, 1.6 + 0.27 * lines))
    except XpyrmentError:
        return None
    return _svg(wide, "wide", result), _svg(narrow, "narrow", result)


def _svg(axes: Any, name: str, result: AnalysisResult) -> str:
    """Return the axes' figure as an inline SVG: text stays text, ids do not meet those of the other plot."""
    import matplotlib as mpl

    out = io.StringIO()
    # Text stays text, which can be searched and read aloud; a fixed salt and no date make equal results equal files.
    # rcParams belong to the process: two threads at once would restore each other's values.
    with _RC_PARAMS, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": f"xpyrment-{name}"}):
        axes.figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    # Both plots are in one page, where ids must be unique: clip paths of one would cut the other.
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    width, height = (float(points) for points in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2])
    label = f"Forest plot of {len(result.results)} relative lifts; the table of results has the same numbers."
    opening = f'<svg role="img" aria-label="{clip(label, 200)}" viewBox="0 0 {width:g} {height:g}" '
    # A point is 4/3 CSS pixels; the view box lets the plot shrink with the page, but not grow.
    opening += f'style="max-width:{width * 4 / 3:.0f}px" xmlns="http://www.w3.org/2000/svg" '
    opening += 'xmlns:xlink="http://www.w3.org/1999/xlink">'
    return re.sub(r"<svg[^>]*>", opening, svg, count=1)
