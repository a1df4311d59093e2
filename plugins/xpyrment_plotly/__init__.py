"""Plots by Plotly: interactive figures for notebooks and web pages.

Plotly is an extra: ``pip install "xpyrment[plotly]"``.
"""

from collections.abc import Iterable

from xpyrment_core import PlotBackendDefinition, hookimpl

XPYRMENT_API = 1


@hookimpl
def xpyrment_plot_backends() -> Iterable[PlotBackendDefinition]:
    """Offer the backend ``plotly``."""
    yield PlotBackendDefinition(
        name="plotly",
        target="xpyrment_plotly.backend:draw",
        summary="Interactive plots for notebooks and pages; returns a plotly Figure.",
        suffixes=(".html",),
        save="xpyrment_plotly.backend:save",
    )
