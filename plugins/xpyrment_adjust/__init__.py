"""Covariate adjustment of effects: CUPED, analysis of covariance and Lin's regression.

`cuped` takes one slope per covariate, pooled within the two variants. `ols` is the
classical analysis of covariance with the same slopes. `lin` gives each variant its own
slopes; in large samples it is never less precise than no adjustment, even if the
relation is not linear.
"""

from xpyrment_core import AdjusterDefinition, hookimpl


@hookimpl
def xpyrment_adjusters() -> list[AdjusterDefinition]:
    """Offer cuped, ols and lin."""
    return [
        AdjusterDefinition(
            name="cuped",
            target="xpyrment_adjust.adjusters:cuped",
            summary="CUPED: one slope per covariate, pooled within the variants.",
            default=True,
            flag="cuped_applied",
        ),
        AdjusterDefinition(
            name="ols",
            target="xpyrment_adjust.adjusters:ols",
            summary="Analysis of covariance: least squares with common slopes.",
            aliases=("ancova",),
        ),
        AdjusterDefinition(
            name="lin",
            target="xpyrment_adjust.adjusters:lin",
            summary="Lin's interacted regression: each variant has its own slopes.",
        ),
    ]
