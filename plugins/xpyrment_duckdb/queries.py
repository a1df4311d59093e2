"""SQL for pilot rows, labels, units, exclusions and samples."""

from collections.abc import Mapping, Sequence

from xpyrment_core.data.pushdown.database import PILOT_ROWS
from xpyrment_core.data.pushdown.source import sample_factors
from xpyrment_core.data.pushdown.sums import Factor
from xpyrment_core.data.query import Query
from xpyrment_duckdb import sql

Types = Mapping[str, str]


def _text(columns: Mapping[str, str] | Sequence[str], source: "str | sql.Select", rest: str = "") -> str:
    return str(sql.select(columns, source, rest))


def labels_text(table: str, column: str) -> str:
    """Return the statement: rows per value."""
    name = sql.quote(column)
    return _text([name, "count(*)"], table, f"GROUP BY {name}")


def pilot_text(table: str, types: Types, columns: Sequence[str], condition: str = "") -> str:
    """Return the statement: the rows; then per column values, mean, least and standard deviation of the finite ones."""
    rows = sql.select([sql.quote(column) for column in columns], table, f"{condition} LIMIT {PILOT_ROWS}".lstrip())
    expressions = ["count(*)"]
    for column in columns:
        value = f"CAST({sql.quote(column)} AS DOUBLE)"
        finite = f"CASE WHEN isfinite({value}) THEN {value} END"
        expressions.append(f"count(CASE WHEN {sql.observed(column, types[column])} THEN 1 END)")
        expressions += [f"avg({finite})", f"min({finite})", f"stddev_pop({finite})"]
    return _text(expressions, rows)


def census_text(table: str, types: Types, treatment_col: str, unit_col: str) -> str:
    """Return the statement: per label its rows, and those that name a unit."""
    label = sql.quote(treatment_col)
    there = f"count(CASE WHEN {sql.observed(unit_col, types[unit_col])} THEN 1 END)"
    return _text([label, "count(*)", there], table, f"GROUP BY {label}")


def repeats_text(table: str, types: Types, treatment_col: str, unit_col: str, first: int | None = None) -> str:
    """Return the statement: the most rows that any unit has, in the first rows or in all."""
    condition = _known(types, treatment_col, unit_col)
    rows = sql.select([sql.quote(unit_col)], table, condition if first is None else f"{condition} LIMIT {first}")
    return _text(["max(n)"], sql.select({"n": "count(*)"}, rows, _by(unit_col)))


def in_two_arms_text(table: str, types: Types, treatment_col: str, unit_col: str) -> str:
    """Return the statement: the units seen under more than one label."""
    label, unit = sql.quote(treatment_col), sql.quote(unit_col)
    having = f"HAVING min({label}) <> max({label})"
    return _text([unit], table, f"{_known(types, treatment_col, unit_col)} {_by(unit_col)} {having}")


def rows_in_two_arms_text(table: str, types: Types, treatment_col: str, unit_col: str) -> str:
    """Return the statement: rows per label of the units seen under more than one."""
    label, unit = sql.quote(treatment_col), sql.quote(unit_col)
    units = in_two_arms_text(table, types, treatment_col, unit_col)
    return _text([label, "count(*)"], table, f"WHERE {unit} IN (\n{units}\n) GROUP BY {label}")


def _known(types: Types, treatment_col: str, unit_col: str) -> str:
    return f"WHERE {sql.observed(treatment_col, types[treatment_col])} AND {sql.observed(unit_col, types[unit_col])}"


def _by(unit_col: str) -> str:
    return f"GROUP BY {sql.quote(unit_col)}"


def infinite_text(table: str, columns: Sequence[str], treatment_col: str) -> str:
    """Return the statement: per label the infinite values of each column."""
    counts = [f"count_if(isinf(CAST({sql.quote(column)} AS DOUBLE)))" for column in columns]
    label = sql.quote(treatment_col)
    return _text([label, *counts], table, f"GROUP BY {label}")


def values_outside_text(table: str, types: Types, column: str, allowed: Sequence[float], limit: int) -> str:
    """Return the statement: the smallest distinct values of a column that are not allowed."""
    value = f"CAST({sql.quote(column)} AS DOUBLE)"
    condition = sql.observed(column, types[column])
    if allowed:
        condition += f" AND {value} NOT IN ({', '.join(map(sql.double, allowed))})"
    return _text([f"DISTINCT {value} AS value"], table, f"WHERE {condition} ORDER BY value LIMIT {limit}")


def samples_names(query: Query) -> dict[Factor, str]:
    """Name the columns of `samples_text` that hold values, levels and gaps."""
    return {factor: f"c{i}" for i, factor in enumerate(sample_factors(query))}


def samples_text(table: str, types: Types, query: Query, by_unit: bool) -> str:
    """Return the statement: the arm of each row, its unit, and what the terms are made of."""
    label = sql.quote(query.treatment_col)
    columns = {"code": sql.code_of(query.treatment_col, query.arms)}
    conditions = [f"{label} IN ({', '.join(map(sql.literal, query.arms))})"]
    if query.unit_col is not None:
        conditions.append(sql.observed(query.unit_col, types[query.unit_col]))
    if query.unit_col is not None and by_unit:
        unit = columns["unit"] = sql.quote(query.unit_col)
        two = in_two_arms_text(table, types, query.treatment_col, query.unit_col)
        conditions.append(f"{unit} NOT IN (\n{two}\n)")
    columns |= {name: _sampled(factor, types) for factor, name in samples_names(query).items()}
    return _text(columns, table, f"WHERE {' AND '.join(conditions)}")


def _sampled(factor: Factor, types: Types) -> str:
    if factor.kind == "value":
        return f"coalesce(CAST({sql.quote(factor.column)} AS DOUBLE), 'NaN'::DOUBLE)"
    if factor.kind == "level":
        return sql.indicator(factor.column, factor.level)
    return f"CASE WHEN {sql.observed(factor.column, types[factor.column])} THEN 0e0 ELSE 1e0 END"
