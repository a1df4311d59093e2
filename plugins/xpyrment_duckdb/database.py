"""A table in DuckDB as a `xpyrment_core.data.pushdown.database.Database`."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xpyrment_core.data.groups import columns_of_groupings
from xpyrment_core.data.pushdown.database import Fetched, Pilot, Request
from xpyrment_core.data.query import ColumnType, Query
from xpyrment_core.data.reading.columns import TextValues
from xpyrment_duckdb import queries, sql
from xpyrment_duckdb.errors import as_engine_error
from xpyrment_duckdb.explanation import explained
from xpyrment_duckdb.sums_query import Statement
from xpyrment_duckdb.tables import Row, SqlTable
from xpyrment_duckdb.text_columns import SAMPLED_ROWS


class DuckDBDatabase:
    """Queries a table by SQL; see `xpyrment_core.data.pushdown.database.Database`.

    Examples
    --------
    >>> import duckdb
    >>> from xpyrment_duckdb.relation_table import RelationTable
    >>> connection = duckdb.connect()
    >>> database = DuckDBDatabase(RelationTable(connection.sql("SELECT 'a' AS variant, 1.5 AS y")))
    >>> database.types(), list(database.count_labels("variant"))
    ({'variant': 'text', 'y': 'number'}, [('a', 1)])
    """

    reads_groups = True

    def __init__(self, table: SqlTable) -> None:
        self._table = table
        self.described = table.described

    def types(self) -> Mapping[str, ColumnType]:
        """See `Database`."""
        return self._table.kinds()

    def errors(self) -> AbstractContextManager[None]:
        """See `Database`."""
        return as_engine_error(self.described)

    def count_labels(self, column: str) -> Iterable[Row]:
        """See `Database`."""
        return self._table.count_labels(column)

    def pilot(self, columns: Sequence[str]) -> Mapping[str, Pilot]:
        """Return pilots from the first 1,024 rows; for a column without finite values there, from its first 1,024."""
        key = self._table.name, self._table.types()
        # One row: the count, then four numbers per column; zip takes all four from the same iterator.
        answer = iter(self._table.rows(queries.pilot_text(*key, columns))[0])
        rows = next(answer)
        pilots = {}
        for column, observed, mean, minimum, spread in zip(columns, answer, answer, answer, answer, strict=True):
            summary = mean, minimum, spread
            # All first values were missing or infinite: look for finite ones.
            if mean is None and rows:
                condition = f"WHERE isfinite(CAST({sql.quote(column)} AS DOUBLE))"
                summary = self._table.rows(queries.pilot_text(*key, [column], condition))[0][2:]
            pilots[column] = Pilot.of(*summary, missing=observed < rows)
        return pilots

    def count_units(self, treatment_col: str, unit_col: str) -> Iterable[Row]:
        """See `Database`."""
        self._table.identify([treatment_col], [unit_col])
        return self._table.rows(queries.census_text(self._table.name, self._table.types(), treatment_col, unit_col))

    def most_rows(self, treatment_col: str, unit_col: str, first: int | None) -> int:
        """See `Database`."""
        text = queries.repeats_text(self._table.name, self._table.types(), treatment_col, unit_col, first)
        return int(self._table.rows(text)[0][0] or 0)

    def rows_in_two_arms(self, treatment_col: str, unit_col: str) -> Iterable[Row]:
        """See `Database`."""
        text = queries.rows_in_two_arms_text(self._table.name, self._table.types(), treatment_col, unit_col)
        return self._table.rows(text)

    def sums(self, request: Request) -> Iterable[Row]:
        """See `Database`."""
        self._table.identify([request.query.treatment_col, *request.group_columns])
        return self._table.rows(Statement(self._table.name, self._table.types(), request).text())

    def changed_units(self, query: Query, columns: Sequence[str], limit: int) -> list[str]:
        """Return some units of the arms whose rows have several values in the columns."""
        self._identify(query)
        text = queries.changed_units_text(self._table.name, self._table.types(), query, columns, limit)
        return [str(row[0]) for row in self._table.rows(text)]

    def values(self, query: Query, by_unit: bool) -> Fetched:
        """See `Database`."""
        self._identify(query)
        fetched = self._table.arrow(queries.samples_text(self._table.name, self._table.types(), query, by_unit))
        arrays = {factor: fetched[name].to_numpy() for factor, name in queries.samples_names(query).items()}
        groups = {column: fetched[name] for column, name in queries.group_names(query).items()}
        return Fetched(fetched["code"].to_numpy(), arrays, _codes(fetched["unit"]) if by_unit else None, groups)

    def count_infinite(self, columns: Sequence[str], treatment_col: str) -> Iterable[Row]:
        """See `Database`."""
        return self._table.rows(queries.infinite_text(self._table.name, columns, treatment_col))

    def values_outside(self, column: str, allowed: Sequence[float], limit: int) -> Iterable[float]:
        """See `Database`."""
        text = queries.values_outside_text(self._table.name, self._table.types(), column, allowed, limit)
        return [row[0] for row in self._table.rows(text)]

    def explain(self, query: Query) -> str:
        """See `Database`."""
        self._identify(query)
        return explained(self._table, self._table.types(), query)

    def table(self, columns: Sequence[str], identifiers: Sequence[str]) -> pa.Table:
        """Return the rows of some columns; identifiers keep their texts."""
        self._table.identify(identifiers)
        kinds = self._table.kinds()
        names = [
            # A column of true and false is summed as 1 and 0.
            f"CAST({sql.quote(c)} AS BOOLEAN) AS {sql.quote(c)}"
            if kinds[c] == "boolean" and c not in identifiers
            else sql.quote(c)
            for c in columns
        ]
        return self._table.arrow(f"SELECT {', '.join(names)} FROM {self._table.name}")

    def text_values(self, column: str, limit: int) -> TextValues | None:
        """Return the values of a column that are not numbers; None where all are."""
        return self._table.text_values(column, limit)

    def decisions(self) -> Mapping[str, Any]:
        """Return what was decided about the format of the data."""
        return self._table.decisions()

    def few_valued(self, limit: int) -> Mapping[str, int]:
        """Return the columns with at most so many distinct values in the first rows, and their numbers."""
        names = list(self._table.types())
        counts = [f"count(DISTINCT {sql.quote(name)})" for name in names]
        text = f"SELECT {', '.join(counts)} FROM (SELECT * FROM {self._table.name} LIMIT {SAMPLED_ROWS})"
        found = dict(zip(names, self._table.rows(text)[0], strict=True))
        return {name: count for name, count in found.items() if 2 <= count <= limit}

    def _identify(self, query: Query) -> None:
        labels = [query.treatment_col, *columns_of_groupings(query.group_cols)]
        self._table.identify(labels, [query.unit_col] if query.unit_col else [])


def _codes(units: pa.ChunkedArray) -> NDArray[np.int64]:
    # Ids are only compared, so one of any type is replaced by its index in a dictionary.
    encoded: Any = units.combine_chunks()
    encoded = encoded.dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(), dtype=np.int64)
