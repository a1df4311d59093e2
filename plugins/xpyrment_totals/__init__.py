"""Analyse totals: size, mean and standard deviation, or successes and size, per metric and variant.

``xp.analyze_stats(...)`` and ``xpyrment analyze --from-stats FILE`` take a table or a mapping of totals, as
dashboards and publications report them. In an experiment file, data whose name ends in ``.stats.csv``,
``.stats.json`` or ``.stats.toml`` are totals.
"""

from xpyrment_core import EngineDefinition, hookimpl


@hookimpl
def xpyrment_engines() -> list[EngineDefinition]:
    """Offer the engine for totals."""
    return [
        EngineDefinition(
            name="totals",
            target="xpyrment_totals.engine:TotalsEngine",
            summary="Totals per variant: size, mean and standard deviation, or successes (*.stats.csv, .json, .toml).",
            rank=20,
        )
    ]
