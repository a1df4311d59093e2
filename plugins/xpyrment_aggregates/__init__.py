"""Analyse files of moments: counts, means and cross-products per variant, in place of rows.

``xpyrment aggregate DATA`` writes counts, means and cross-products per variant to a
``.moments.json`` file. Files of several shards, days or countries merge exactly, and
an analysis reads them as it reads any data:

- A column is described on its own complete rows. A metric of several columns needs
  them named together when aggregating: ``--columns revenue,clicks/impressions``.
- Covariates are described on the rows of every metric, with what is missing counted.
- Files merge as long as no unit is in two of them; that cannot be seen from the
  files, so shard by unit. Where units have several rows, aggregate all of their rows
  at once: such files do not merge.
- Ranks, quantiles and the bootstrap need the values themselves, which the files do not contain.
"""

from xpyrment_core import CommandDefinition, EngineDefinition, hookimpl


@hookimpl
def xpyrment_engines() -> list[EngineDefinition]:
    """Offer the engine for files of moments."""
    return [
        EngineDefinition(
            name="aggregates",
            target="xpyrment_aggregates.engine:AggregatesEngine",
            summary="Files of moments (*.moments.json) that 'xpyrment aggregate' wrote, merged.",
            rank=20,
        )
    ]


@hookimpl
def xpyrment_commands() -> list[CommandDefinition]:
    """Offer ``xpyrment aggregate``."""
    return [
        CommandDefinition(
            name="aggregate",
            target="xpyrment_aggregates.cli:aggregate",
            summary="Add data up to a small file of moments that can be merged and analysed.",
            group="Analysis",
        )
    ]
