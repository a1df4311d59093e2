"""Ordinary least squares on a table: classical, robust and cluster-robust standard errors.

Use it to estimate a treatment effect while adjusting for covariates, to look at interactions,
or for any linear model; the analysis of registered metrics adjusts for covariates by itself.
"""

from xpyrment_core import CommandDefinition, hookimpl


@hookimpl
def xpyrment_commands() -> list[CommandDefinition]:
    """Offer ``xpyrment regress``."""
    return [
        CommandDefinition(
            name="regress",
            target="xpyrment_regress.cli:regress",
            summary="Fit an ordinary least squares regression to a file of data.",
            group="Analysis",
        )
    ]
