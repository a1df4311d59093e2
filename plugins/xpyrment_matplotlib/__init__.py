"""Draw with Matplotlib: forest plots of lifts, love plots of balance, power curves.

Every plot is a `matplotlib.axes.Axes`, ready for a paper: vector output, colours that
everyone can tell apart, and filled against hollow marks for readers without colour.
"""

from collections.abc import Iterable

from xpyrment_core import PlotBackendDefinition, hookimpl

XPYRMENT_API = 1


@hookimpl
def xpyrment_plot_backends() -> Iterable[PlotBackendDefinition]:
    """Offer the backend ``matplotlib``."""
    yield PlotBackendDefinition(
        name="matplotlib",
        target="xpyrment_matplotlib.backend:draw",
        summary="Static plots for papers and reports; returns matplotlib Axes.",
        suffixes=(".png", ".svg", ".pdf", ".eps", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"),
        save="xpyrment_matplotlib.backend:save",
        default=True,
    )
