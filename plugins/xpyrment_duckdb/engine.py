"""Engine for files and DuckDB relations: what it accepts, and how it opens them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xpyrment_core import InputError, listing, needs_library
from xpyrment_core.data.reading.files import as_paths, find_files, knows
from xpyrment_core.data.reading.options import ReadOptions

if TYPE_CHECKING:
    from xpyrment_core.data.source import Source


class DuckDBEngine:
    """Reads files by paths, globs, lists and folders, and DuckDB relations.

    CSV in any dialect, TSV, JSON lines, Parquet, Arrow and Excel.

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
        """Return whether `data` is a DuckDB relation or paths; nothing is opened."""
        if is_relation(data):
            return True
        paths = as_paths(data)
        return bool(paths) and all(knows(path) for path in paths)

    def open(self, data: Any, read: "ReadOptions | Mapping[str, Any] | None" = None) -> "Source":
        """Open files or a relation.

        Parameters
        ----------
        data : path, sequence of paths, or DuckDBPyRelation
        read : ReadOptions or mapping, optional
            How to read files.

        Raises
        ------
        InputError
            A file does not exist, a glob matches none, formats are mixed, or a relation has options of reading.
        MissingExtraError
            DuckDB or PyArrow is not installed.
        """
        from xpyrment_core.data.pushdown.source import DatabaseSource
        from xpyrment_duckdb.settings import Settings

        options = ReadOptions.of(read)
        with needs_library("reading files", "duckdb", "pyarrow"):
            from xpyrment_duckdb.database import DuckDBDatabase
            from xpyrment_duckdb.relation_table import RelationTable
            from xpyrment_duckdb.tables import FileTable

        if is_relation(data):
            if options.given():
                raise InputError(
                    f"a DuckDB relation has its types; options of reading ({listing(options.given())}) are for files. "
                    f"Convert the columns in SQL."
                )
            return DatabaseSource(DuckDBDatabase(RelationTable(data)))
        files = find_files(as_paths(data), options.file_format)
        settings = Settings.of(self._memory_limit, self._threads)
        return DatabaseSource(DuckDBDatabase(FileTable(files, settings, options)))


def is_relation(data: object) -> bool:
    """Return whether `data` is a DuckDB relation, without importing DuckDB."""
    # The class is in `duckdb`, `_duckdb` or `duckdb.duckdb`, depending on the version.
    kind = type(data)
    return kind.__name__ == "DuckDBPyRelation" and kind.__module__.lstrip("_").startswith("duckdb")
