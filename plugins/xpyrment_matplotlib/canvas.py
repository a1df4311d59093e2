"""Canvas of a plot: figures, margins in inches, and text that is not parsed as math.

Text has a size in points, so everything around the axes is measured in inches: in shares of
the figure, labels would overlap in small figures. Names of metrics may contain ``$`` and ``_``.
"""

import builtins
import math
import sys
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, cast
from warnings import catch_warnings, simplefilter

import matplotlib as mpl
from attrs import frozen
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.textpath import TextToPath
from matplotlib.transforms import Affine2DBase, Bbox, ScaledTranslation, Transform

from xpyrment_core import InputError

POINT = 1 / 72
SMALLEST_PLOT = 0.9
LEGEND_SIZE = 8.5
# Backends that only write files.
_SILENT = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}


@frozen(kw_only=True)
class Margins:
    """Inches around the axes that labels, columns, title and legend need."""

    left: float
    right: float
    top: float
    bottom: float


def check_axes(ax: object) -> None:
    """Raise InputError unless `ax` is None or an Axes."""
    if ax is not None and not isinstance(ax, Axes):
        raise InputError(f"ax must be a matplotlib Axes, got {type(ax).__name__}; pass what plt.subplots() returns.")


def check_figsize(figsize: Any) -> tuple[float, float] | None:
    """Return `figsize` as two positive numbers of inches, or None where none was given."""
    if figsize is None:
        return None
    try:
        width, height = (float(value) for value in figsize)
    except (TypeError, ValueError):
        width = height = 0.0
    if not (0 < width < 1000 and 0 < height < 1000):
        raise InputError(f"figsize must be (width, height) in inches, got {figsize!r}; such as (7, 4).")
    return width, height


def room_for(ax: Axes | None, figsize: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the inches available for the whole plot: the cell of `ax`, `figsize`, or None without a limit."""
    if ax is None:
        return figsize
    box, inches = _cell(ax), ax.figure.dpi_scale_trans.inverted()
    whole = ax.figure.transSubfigure.transform_bbox(box).transformed(inches)
    return whole.width, whole.height


def _cell(ax: Axes) -> Bbox:
    """Return the part of the figure that belongs to `ax`: its cell of the grid, else its own box.

    Cells tile the figure, so labels and columns get the room that the grid keeps for them.
    """
    # Not the box of `ax`, which this module changes: drawing twice on the same axes must give the same plot.
    spec = ax.get_subplotspec()
    if spec is None or not isinstance(spec.get_gridspec(), GridSpec):
        return ax.get_position()
    grid = spec.get_gridspec()
    across, down = _shares(grid.get_width_ratios()), _shares(grid.get_height_ratios())
    left, right = across[spec.colspan.start], across[spec.colspan.stop]
    top, bottom = 1 - down[spec.rowspan.start], 1 - down[spec.rowspan.stop]
    return Bbox.from_extents(left, bottom, right, top)


def _shares(ratios: Any) -> list[float]:
    return [0.0, *(total / sum(ratios) for total in accumulate(ratios))]


def open_axes(ax: Axes | None, size: tuple[float, float], margins: Margins) -> Axes:
    """Return axes inside `margins`: of a new figure of `size` inches, or of the cell of `ax`.

    What belongs to a given `ax` is taken as room for the whole plot, labels and columns
    included, so that nothing spills into its neighbours.
    """
    width, height = size
    left, bottom = margins.left / width, margins.bottom / height
    # Where the margins leave nothing, labels overlap the plot: axes of negative width would raise an error.
    inner_width = max(SMALLEST_PLOT, width - margins.left - margins.right) / width
    inner_height = max(SMALLEST_PLOT / 4, height - margins.top - margins.bottom) / height
    if ax is None:
        return _new_figure(size).add_axes((left, bottom, inner_width, inner_height))
    box = _cell(ax)
    corner = box.x0 + left * box.width, box.y0 + bottom * box.height
    ax.set_position((*corner, inner_width * box.width, inner_height * box.height))
    return ax


def _new_figure(size: tuple[float, float]) -> Figure:
    pyplot = _showing_pyplot()
    return pyplot.figure(figsize=size) if pyplot else Figure(figsize=size)


def _showing_pyplot() -> Any:
    """Return pyplot if it would display a figure, in a notebook or a window, else None."""
    # Importing pyplot chooses a backend, so a script that has not imported it keeps its choice. IPython adds
    # get_ipython to builtins.
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None and not hasattr(builtins, "get_ipython"):
        return None
    if pyplot is None:
        from matplotlib import pyplot
    return None if pyplot.get_backend().lower() in _SILENT else pyplot


def size_of(ax: Axes) -> tuple[float, float]:
    """Return width and height of the axes in inches."""
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    return box.width, box.height


def inches_from(ax: Axes, x: float, y: float) -> Transform:
    """Return the transform that measures inches from a corner of the axes, ``(1, 0)`` being the lower right."""
    return ax.figure.dpi_scale_trans + ScaledTranslation(x, y, cast(Affine2DBase, ax.transAxes))


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return the width of a text in inches at a font size in points."""
    # From the outlines of the glyphs: there is no figure yet whose renderer could measure it.
    font = FontProperties(size=size, weight=weight)
    with catch_warnings():
        simplefilter("ignore")  # a glyph missing from the font is reported when it is drawn
        width, _, _ = TextToPath().get_text_width_height_descent(text, font, False)
    return width * POINT


def blend(ax: Axes, share: float) -> str:
    """Return the axes' background mixed with a `share` of the text colour, which suits dark styles too."""
    ground, ink = to_rgb(ax.get_facecolor()), to_rgb(mpl.rcParams["text.color"])
    red, green, blue = ((1 - share) * g + share * i for g, i in zip(ground, ink, strict=True))
    return to_hex((red, green, blue))


def head(ax: Axes, title: str, subtitle: str, left: float, lift: float = 0.0) -> None:
    """Write title and subtitle above the axes, beginning `left` inches left of them.

    `lift` is the room in inches to leave between the axes and the subtitle.
    """
    if not title:
        return
    # The title's x is in axes coordinates, its pad in points, and the subtitle is placed in inches.
    x = -left / size_of(ax)[0]
    pad = (lift + (0.26 if subtitle else 0.1)) / POINT
    ax.set_title(title, loc="left", x=x, pad=pad, fontsize=11.5, fontweight="bold", parse_math=False)
    if subtitle:
        place = inches_from(ax, 0, 1)
        ax.text(-left, lift + 0.09, subtitle, transform=place, fontsize=8.5, color=blend(ax, 0.62), parse_math=False)


def head_height(title: str, subtitle: str) -> float:
    """Return the inches that `head` needs."""
    return (0.58 if subtitle else 0.38) if title else 0.12


def head_width(title: str, subtitle: str) -> float:
    """Return the inches that `head` needs from left to right."""
    return max(text_width(title, 11.5, "bold"), text_width(subtitle, 8.5)) if title else 0.0


def legend_columns(texts: Sequence[str], room: float) -> int:
    """Return how many legend entries go side by side in `room` inches."""
    # 0.5 inches for the handle and the space between columns.
    widths = [text_width(text, LEGEND_SIZE) + 0.5 for text in texts]
    if sum(widths) <= room:
        return max(1, len(widths))
    return 2 if 2 * max(widths) <= room else 1


def legend_height(texts: Sequence[str], room: float) -> float:
    """Return the inches that `legend_below` needs."""
    return 0.12 + 0.18 * math.ceil(len(texts) / legend_columns(texts, room)) if texts else 0.0


def legend_below(ax: Axes, handles: Sequence[Line2D], left: float, right: float) -> None:
    """Write the legend under the plot, from `left` inches before the axes to `right` inches past them."""
    if not handles:
        return
    columns = legend_columns([str(handle.get_label()) for handle in handles], left + size_of(ax)[0] + right)
    # 0.46 inches are the tick labels and the axis label.
    place: dict[str, Any] = {"bbox_to_anchor": (-left, -0.46), "bbox_transform": inches_from(ax, 0, 0)}
    spaces: dict[str, Any] = {"borderpad": 0, "borderaxespad": 0, "handlelength": 1.6, "columnspacing": 1.6}
    legend = ax.legend(
        handles=handles, loc="upper left", ncols=columns, frameon=False, fontsize=LEGEND_SIZE, **place, **spaces
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def quiet(ax: Axes) -> None:
    """Remove the frame except the line under the plot, and add a faint grid on the x axis."""
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(blend(ax, 0.55))
    ax.tick_params(axis="x", labelsize=8.5, color=blend(ax, 0.55), length=3)
    ax.grid(axis="x", color=blend(ax, 0.13), linewidth=0.7)
    ax.set_axisbelow(True)
