"""A DuckDB relation as a table that SQL can query, on the relation's own connection."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import duckdb
import pyarrow as pa

from xpyrment_core.data.progress import progress
from xpyrment_core.data.query import ColumnType
from xpyrment_core.data.reading.columns import TextValues
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_duckdb.errors import interruptible
from xpyrment_duckdb.queries import labels_text
from xpyrment_duckdb.sql import column_type
from xpyrment_duckdb.tables import LABELS_READ, Row
from xpyrment_duckdb.text_columns import missing_list, text_values_sql

QUERY_LEAVES_VIEW = int(duckdb.__version__.partition(".")[0]) < 2
"""Before version 2 ``relation.query(name, sql)`` leaves a view `name` on the relation's connection."""


class RelationTable:
    """A DuckDB relation, queried on its own connection, whose settings are not changed."""

    described = "the DuckDB relation"

    def __init__(self, relation: Any) -> None:
        self._relation = relation
        # A random name cannot hide a table of the connection.
        self.name = f"xpyrment_{secrets.token_hex(4)}"

    def types(self) -> Mapping[str, str]:
        """See `SqlTable`."""
        return dict(zip(self._relation.columns, map(str, self._relation.types), strict=True))

    def kinds(self) -> Mapping[str, ColumnType]:
        """See `SqlTable`."""
        return {column: column_type(kind) for column, kind in self.types().items()}

    def identify(self, labels: Iterable[str], units: Iterable[str] = ()) -> None:
        """See `SqlTable`; a relation has its types."""

    def count_labels(self, column: str) -> list[Row]:
        """See `SqlTable`."""
        return self.rows(labels_text(self.name, column, LABELS_READ))

    def rows(self, sql: str) -> list[Row]:
        """See `SqlTable`."""
        with self._no_view_left():
            fetched: list[Row] = self._relation.query(self.name, sql).fetchall()
        return fetched

    def arrow(self, sql: str) -> pa.Table:
        """See `SqlTable`."""
        with self._no_view_left():
            return self._relation.query(self.name, sql).to_arrow_table()

    def text_values(self, column: str, limit: int) -> TextValues | None:
        """See `SqlTable`."""
        if column_type(self.types()[column]) != "text":
            return None
        rows = self.rows(text_values_sql(column, self.name, None, missing_list(ReadOptions()), limit))
        return TextValues(rows[0][1], rows[0][2], rows[0][3], tuple(str(row[0]) for row in rows)) if rows else None

    def decisions(self) -> Mapping[str, Any]:
        """See `SqlTable`; a relation has its types."""
        return {}

    @contextmanager
    def _no_view_left(self) -> Iterator[None]:
        try:
            with interruptible(), progress(f"reading {self.described}"):
                yield
        finally:
            if QUERY_LEAVES_VIEW:
                with suppress(duckdb.Error):  # after an error in a transaction nothing can be dropped
                    self._relation.query(self.name, f"DROP VIEW IF EXISTS {self.name}")

    def explain(self) -> str:
        """See `SqlTable`."""
        return f"-- {self.name} is {self.described}: {self._relation.sql_query()}"
