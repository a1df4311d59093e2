"""Files or a relation as a source: one statement for an analysis, a small one for the pilot rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xpyrment_core.errors import EngineError, unknown
from xpyrment_core.labels import in_order, is_missing
from xpyrment_core.pushdown import Plan, columns_of, number_columns, unwatched
from xpyrment_core.reading import ArmSample, ColumnType, Label, Query, Reading
from xpyrment_duckdb import sql
from xpyrment_duckdb.answer import Answer, read_answer, second_thoughts
from xpyrment_duckdb.explanation import explained
from xpyrment_duckdb.pilot import Pilot, take_pilot
from xpyrment_duckdb.samples import arm_samples
from xpyrment_duckdb.statement import Statement
from xpyrment_duckdb.tables import Table, one_clear_error
from xpyrment_duckdb.units import Census, take_census, unit_report

MAX_PASSES = 3
"""One pass; one more where a value was missing after all; one more where a centre was far off."""


class DuckDBSource:
    """A table in DuckDB as a source: see `xpyrment_core.reading.Source`.

    Examples
    --------
    >>> import duckdb
    >>> from xpyrment_duckdb.tables import RelationTable
    >>> connection = duckdb.connect()
    >>> source = DuckDBSource(RelationTable(connection.sql("SELECT 'a' AS variant, 1.5 AS y")))
    >>> source.schema(), source.labels("variant")
    ({'variant': 'text', 'y': 'number'}, {'a': 1})
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._labels: dict[str, dict[Label | None, int]] = {}
        self._pilots: dict[str, Pilot] = {}
        self._censuses: dict[tuple[str, str], Census] = {}

    def schema(self) -> Mapping[str, ColumnType]:
        """Return the type of every column, from the files' metadata or first rows."""
        return {column: sql.column_type(kind) for column, kind in self._types().items()}

    def labels(self, column: str) -> Mapping[Label | None, int]:
        """Return rows per distinct value in order; None, last, counts the missing."""
        self._check([column])
        if column not in self._labels:
            name = sql.quote(column)
            counted: dict[Label | None, int] = {}
            for label, rows in self._rows(sql.select([name, "count(*)"], self._table.name, f"GROUP BY {name}")):
                key = None if is_missing(label) else label
                counted[key] = counted.get(key, 0) + rows
            missing = {None: counted.pop(None)} if None in counted else {}
            self._labels[column] = {label: counted[label] for label in in_order(counted)} | missing
        return self._labels[column]

    def moments(self, query: Query) -> Reading:
        """Answer the query in one pass; `Reading.passes` tells when it took more."""
        self._check_query(query)
        census = self._census(query)
        pilots = self._pilot(query)
        dirty = {column for column, pilot in pilots.items() if pilot.missing} | unwatched(query.row_sets)
        plan = Plan(query.row_sets, dirty, census is not None and census.repeated)
        shifts = {column: pilots[column].centre for column in number_columns(query.row_sets)}
        answer = self._answer(query, plan, shifts)
        report = None
        if census is not None:
            report = unit_report(self._rows, self._table.name, self._types(), query, census, answer.groups)
        return Reading(
            moments=answer.moments,
            rows=answer.rows,
            shifts=shifts,
            units=report,
            passes=answer.passes + (census.passes if census else 0),
        )

    def _answer(self, query: Query, plan: Plan, shifts: Mapping[str, float]) -> Answer:
        """Run the plan; what cannot be relied on is asked again, with what was learnt."""
        centres: dict[str, Any] = dict(shifts)
        whole = Answer({}, {})
        while plan.row_sets and whole.passes < MAX_PASSES:
            statement = self._statement(query, plan, centres, shifts)
            part = read_answer(statement, self._rows(statement.text()))
            whole = whole.updated(part)
            plan, centres = second_thoughts(plan, part.moments, centres, query.arms)
        return whole

    def samples(self, query: Query) -> Mapping[tuple[str, Label], ArmSample]:
        """Return the values of the query's terms on complete rows; only the columns they need are read."""
        self._check_query(query)
        census = self._census(query)
        shifts = {column: pilot.centre for column, pilot in self._pilot(query).items()}
        with one_clear_error(self._table.described):
            return arm_samples(self._table, self._types(), query, shifts, census is not None and census.repeated)

    def infinite(self, columns: Sequence[str], treatment_col: str) -> Mapping[tuple[str, Label], int]:
        """Count infinite values per column and label."""
        self._check([*columns, treatment_col])
        counts = [f"count_if(isinf(CAST({sql.quote(column)} AS DOUBLE)))" for column in columns]
        label = sql.quote(treatment_col)
        answer = self._rows(sql.select([label, *counts], self._table.name, f"GROUP BY {label}"))
        return {
            (column, row[0]): int(count)
            for row in answer
            if not is_missing(row[0])
            for column, count in zip(columns, row[1:], strict=True)
        }

    def offending(self, column: str, allowed: Iterable[float], limit: int = 5) -> tuple[float, ...]:
        """Return up to `limit` distinct non-missing values of a column that are not allowed, smallest first."""
        self._check([column])
        values = ", ".join(sql.double(value) for value in allowed)
        condition = sql.observed(column, self._types()[column])
        if values:
            condition += f" AND CAST({sql.quote(column)} AS DOUBLE) NOT IN ({values})"
        value = f"DISTINCT CAST({sql.quote(column)} AS DOUBLE) AS value"
        answer = self._rows(sql.select([value], self._table.name, f"WHERE {condition} ORDER BY value LIMIT {limit}"))
        return tuple(row[0] for row in answer)

    def explain(self, query: Query) -> str:
        """Describe how the query is answered, with the SQL; nothing but column types is read."""
        self._check_query(query)
        return explained(self._table, self._types(), query)

    # Parts ------------------------------------------------------------------------

    def _types(self) -> Mapping[str, str]:
        with one_clear_error(self._table.described):
            return self._table.types()

    def _rows(self, text: str) -> list[tuple[Any, ...]]:
        with one_clear_error(self._table.described):
            return self._table.rows(text)

    def _check(self, columns: Iterable[str]) -> None:
        types = self._types()
        for column in columns:
            if column not in types:
                raise unknown("column", column, types)

    def _check_query(self, query: Query) -> None:
        self._check([query.treatment_col, *([query.unit_col] if query.unit_col else []), *columns_of(query.row_sets)])
        for column in number_columns(query.row_sets):
            if sql.column_type(self._types()[column]) not in ("number", "boolean"):
                raise EngineError(f"column {column!r} holds {self._types()[column]} values, wanted numbers.")

    def _census(self, query: Query) -> Census | None:
        if query.unit_col is None:
            return None
        key = query.treatment_col, query.unit_col
        if key not in self._censuses:
            self._censuses[key] = take_census(self._rows, self._table.name, self._types(), *key)
        return self._censuses[key]

    def _pilot(self, query: Query) -> dict[str, Pilot]:
        columns = columns_of(query.row_sets)
        new = [column for column in columns if column not in self._pilots]
        if new:
            self._pilots |= take_pilot(self._rows, self._table.name, self._types(), new)
        return {column: self._pilots[column] for column in columns}

    def _statement(
        self, query: Query, plan: Plan, centres: Mapping[str, Any], shifts: Mapping[str, float]
    ) -> Statement:
        known = self.labels(query.treatment_col) if plan.by_unit else self._labels.get(query.treatment_col)
        labels = tuple(label for label in known or () if label is not None)
        others = known is None or any(label not in query.arms for label in labels)
        return Statement(self._table.name, self._types(), query, plan, centres, shifts, labels, others)
