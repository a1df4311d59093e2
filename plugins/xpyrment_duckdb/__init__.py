"""Read Parquet and CSV files, and DuckDB relations, larger than memory.

The sums are pushed down into DuckDB, which streams the files and spills to disk where
grouping by unit needs more than its memory limit. Set the limit with the environment
variable ``XPYRMENT_DUCKDB_MEMORY_LIMIT`` (``"1GB"``, ``"40%"``; half of the machine's
memory by default) and the number of threads with ``XPYRMENT_DUCKDB_THREADS``.
"""

from xpyrment_core import EngineDefinition, hookimpl


@hookimpl
def xpyrment_engines() -> list[EngineDefinition]:
    """Offer the engine for files and DuckDB relations."""
    return [
        EngineDefinition(
            name="duckdb",
            target="xpyrment_duckdb.engine:DuckDBEngine",
            summary="Paths and globs of Parquet and CSV files, and DuckDB relations; out of core.",
            rank=30,
        )
    ]
