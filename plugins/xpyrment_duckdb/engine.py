"""Engine for files and DuckDB relations: what it accepts, and how it opens them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xpyrment_core import needs_library
from xpyrment_duckdb.files import PARQUET, TEXT

if TYPE_CHECKING:
    from xpyrment_core.data.source import Source


class DuckDBEngine:
    """Reads paths and globs of Parquet and CSV files, and DuckDB relations.

    Parameters
    ----------
    memory_limit : str, optional
        What DuckDB may use before it spills to disk: ``"1GB"``, ``"40%"``. The environment variable
        ``XPYRMENT_DUCKDB_MEMORY_LIMIT`` by default, else half of the machine's memory.
    threads : int, optional
        Threads to use. ``XPYRMENT_DUCKDB_THREADS`` by default, else one per core.
        Both leave the connection of a relation as it is.
    """

    def __init__(self, memory_limit: str | None = None, threads: int | None = None) -> None:
        self._memory_limit = memory_limit
        self._threads = threads

    def accepts(self, data: object) -> bool:
        """Return whether `data` is a DuckDB relation, or paths of files by their suffixes; nothing is opened."""
        if is_relation(data):
            return True
        paths = as_paths(data)
        return bool(paths) and all(path.lower().endswith(PARQUET + TEXT) or _holds_parquet(path) for path in paths)

    def open(self, data: Any) -> "Source":
        """Open files or a relation.

        Raises
        ------
        InputError
            A file does not exist, a glob matches none, or Parquet and CSV are mixed.
        MissingExtraError
            DuckDB or PyArrow is not installed.
        """
        from xpyrment_core.data.pushdown.source import DatabaseSource
        from xpyrment_duckdb.files import find_files
        from xpyrment_duckdb.settings import Settings

        with needs_library("reading files", "duckdb", "pyarrow"):
            from xpyrment_duckdb.database import DuckDBDatabase
            from xpyrment_duckdb.tables import FileTable, RelationTable

        if is_relation(data):
            return DatabaseSource(DuckDBDatabase(RelationTable(data)))
        files = find_files(as_paths(data))
        return DatabaseSource(DuckDBDatabase(FileTable(files, Settings.of(self._memory_limit, self._threads))))


def is_relation(data: object) -> bool:
    """Return whether `data` is a DuckDB relation, without importing DuckDB."""
    # The class is in `duckdb`, `_duckdb` or `duckdb.duckdb`, depending on the version.
    kind = type(data)
    return kind.__name__ == "DuckDBPyRelation" and kind.__module__.lstrip("_").startswith("duckdb")


def as_paths(data: object) -> list[str]:
    """Return `data` as a list of paths; empty if it is something else."""
    parts = [data] if isinstance(data, str | os.PathLike) else data
    if not isinstance(parts, Sequence) or not all(isinstance(part, str | os.PathLike) for part in parts):
        return []
    return [os.fsdecode(os.fspath(part)) for part in parts]


def _holds_parquet(path: str) -> bool:
    # The first file is enough: a partitioned data set may have many thousands.
    folder = Path(path)
    return bool(path) and folder.is_dir() and next(folder.rglob("*.parquet"), None) is not None
