"""A private in-memory database: its limits, its folder for spilled data, and its cursors."""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from xpyrment_core.data.progress import progress
from xpyrment_duckdb.errors import interruptible
from xpyrment_duckdb.settings import Settings
from xpyrment_duckdb.sql import literal

Cursor = Any
"""A cursor of DuckDB."""


class PrivateDatabase:
    """An in-memory database that is connected on first use.

    Parameters
    ----------
    settings : Settings
    described : str
        What is read, for the progress bar.
    """

    def __init__(self, settings: Settings, described: str) -> None:
        self._settings = settings
        self._described = described
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._registered: dict[str, Any] = {}

    def register(self, name: str, table: Any) -> None:
        """Make an Arrow table or data set known under a name."""
        self._registered[name] = table

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """Return a cursor, which may be used by one thread."""
        with interruptible(), self._connected().cursor() as cursor:
            # Objects of Python are known to one cursor only.
            for name, table in self._registered.items():
                cursor.register(name, table)
            yield cursor

    def fetch(self, fetch: Callable[[Cursor], Any]) -> Any:
        """Return what a function fetches by a cursor, with a progress bar."""
        with self.cursor() as cursor:
            # DuckDB tracks its progress for our progress bar, and prints none itself.
            cursor.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
            with progress(f"reading {self._described}", _share_of(cursor)):
                return fetch(cursor)

    def _connected(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            # A folder of our own for spilled data: the default is in the working directory, which may be read-only.
            spill = tempfile.mkdtemp(prefix="xpyrment-")
            weakref.finalize(self, shutil.rmtree, spill, True)
            # Nothing is downloaded, and a name in a query never means a variable of the caller.
            connection = duckdb.connect(
                ":memory:", config={"temp_directory": spill, "autoinstall_known_extensions": "false"}
            )
            connection.execute("SET python_enable_replacements = false")
            ((standard,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
            connection.execute(f"SET memory_limit = {literal(self._settings.limit(standard))}")
            if self._settings.threads:
                connection.execute(f"SET threads = {self._settings.threads}")
            self._connection = connection
        return self._connection


def _share_of(cursor: duckdb.DuckDBPyConnection) -> Any:
    def share() -> float | None:
        try:
            done = float(cursor.query_progress())
        except duckdb.Error:  # the query has failed; its own thread reports it
            return None
        return done / 100 if done >= 0 else None

    return share
