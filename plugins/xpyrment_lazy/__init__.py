"""Analyse lazy frames by push-down: Polars LazyFrames, Ibis tables, PySpark and Dask frames.

The sums are pushed down as one aggregation through narwhals, so that only a few numbers
per variant leave the database or the cluster. With Ibis come the databases it knows:
Postgres, BigQuery, Snowflake and others.
"""

from xpyrment_core import EngineDefinition, hookimpl


@hookimpl
def xpyrment_engines() -> list[EngineDefinition]:
    """Offer the engine for lazy frames."""
    return [
        EngineDefinition(
            name="lazy",
            target="xpyrment_lazy.engine:LazyEngine",
            summary="Lazy frames, aggregated where they are: Polars LazyFrame, Ibis, PySpark, Dask.",
            rank=40,
        )
    ]
