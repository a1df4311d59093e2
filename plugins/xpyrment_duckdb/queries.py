"""SQL for pilot rows, labels, units, exclusions and samples."""

from collections.abc import Mapping, Sequence

from xpyrment_core.data.groups import columns_of_groupings
from xpyrment_core.data.pushdown.database import PILOT_ROWS
from xpyrment_core.data.pushdown.samples import sample_factors
from xpyrment_core.data.pushdown.sums import Factor
from xpyrment_core.data.query import Query
from xpyrment_duckdb import sql

Types = Mapping[str, str]


def _text(columns: Mapping[str, str] | Sequence[str], source: "str | sql.Select", rest: str = "") -> str:
    return str(sql.select(columns, source, rest))


def labels_text(table: str, column: str, limit: int) -> str:
    """Return SQL for the number of rows per value, of so many values at most."""
    name = sql.quote(column)
    return _text([name, "count(*)"], table, f"GROUP BY {name} LIMIT {limit}")


def pilot_text(table: str, types: Types, columns: Sequence[str], condition: str = "") -> str:
    """Return SQL for the rows, then per column the values, and the finite ones' mean, minimum and deviation."""
    # LIMIT without an order lets DuckDB stop reading; any rows serve, because a pilot only has to be near the mean.
    rows = sql.select([sql.quote(column) for column in columns], table, f"{condition} LIMIT {PILOT_ROWS}".lstrip())
    expressions = ["count(*)"]
    for column in columns:
        value = f"CAST({sql.quote(column)} AS DOUBLE)"
        finite = f"CASE WHEN isfinite({value}) THEN {value} END"
        expressions.append(f"count(CASE WHEN {sql.observed(column, types[column])} THEN 1 END)")
        expressions += [f"avg({finite})", f"min({finite})", f"stddev_pop({finite})"]
    return _text(expressions, rows)


def census_text(table: str, types: Types, treatment_col: str, unit_col: str) -> str:
    """Return SQL for the rows per label, and those with a unit."""
    label = sql.quote(treatment_col)
    there = f"count(CASE WHEN {sql.observed(unit_col, types[unit_col])} THEN 1 END)"
    return _text([label, "count(*)", there], table, f"GROUP BY {label}")


def repeats_text(table: str, types: Types, treatment_col: str, unit_col: str, first: int | None = None) -> str:
    """Return SQL for the maximum number of rows per unit, in the first rows or in all."""
    condition = _known(types, treatment_col, unit_col)
    rows = sql.select([sql.quote(unit_col)], table, condition if first is None else f"{condition} LIMIT {first}")
    return _text(["max(n)"], sql.select({"n": "count(*)"}, rows, _by(unit_col)))


def in_two_arms_text(table: str, types: Types, treatment_col: str, unit_col: str) -> str:
    """Return SQL for the units with more than one label."""
    # Two values per unit; count(DISTINCT ...) would keep a set of labels for each.
    label, unit = sql.quote(treatment_col), sql.quote(unit_col)
    having = f"HAVING min({label}) <> max({label})"
    return _text([unit], table, f"{_known(types, treatment_col, unit_col)} {_by(unit_col)} {having}")


def rows_in_two_arms_text(table: str, types: Types, treatment_col: str, unit_col: str) -> str:
    """Return SQL for the rows per label of the units with more than one."""
    label, unit = sql.quote(treatment_col), sql.quote(unit_col)
    units = in_two_arms_text(table, types, treatment_col, unit_col)
    return _text([label, "count(*)"], table, f"WHERE {unit} IN (\n{units}\n) GROUP BY {label}")


def changed_units_text(table: str, types: Types, query: Query, columns: Sequence[str], limit: int) -> str:
    """Return SQL for some units, of one arm each, whose rows have several values in one of the columns."""
    label, unit_col = sql.quote(query.treatment_col), str(query.unit_col)
    unit = sql.quote(unit_col)
    names = {f"g{i}": sql.nullable(column, types[column]) for i, column in enumerate(columns)}
    rows = sql.select({"unit": unit, "label": label, **names}, table, _known(types, query.treatment_col, unit_col))
    arms = ", ".join(map(sql.literal, query.arms))
    one_arm = f"min(label) = max(label) AND min(label) IN ({arms})"
    changed = " OR ".join(f"({sql.changes(name)})" for name in names)
    return _text(["unit"], rows, f"GROUP BY unit HAVING {one_arm} AND ({changed}) ORDER BY unit LIMIT {limit}")


def _known(types: Types, treatment_col: str, unit_col: str) -> str:
    return f"WHERE {sql.observed(treatment_col, types[treatment_col])} AND {sql.observed(unit_col, types[unit_col])}"


def _by(unit_col: str) -> str:
    return f"GROUP BY {sql.quote(unit_col)}"


def infinite_text(table: str, columns: Sequence[str], treatment_col: str) -> str:
    """Return SQL for the number of infinite values of each column, per label."""
    counts = [f"count_if(isinf(CAST({sql.quote(column)} AS DOUBLE)))" for column in columns]
    label = sql.quote(treatment_col)
    return _text([label, *counts], table, f"GROUP BY {label}")


def values_outside_text(table: str, types: Types, column: str, allowed: Sequence[float], limit: int) -> str:
    """Return SQL for the smallest distinct values of a column that are not allowed."""
    # Compared as DOUBLE, which is how they are summed: in a DECIMAL column 0.1 is not the float 0.1.
    value = f"CAST({sql.quote(column)} AS DOUBLE)"
    condition = sql.observed(column, types[column])
    if allowed:
        condition += f" AND {value} NOT IN ({', '.join(map(sql.double, allowed))})"
    return _text([f"DISTINCT {value} AS value"], table, f"WHERE {condition} ORDER BY value LIMIT {limit}")


def samples_names(query: Query) -> dict[Factor, str]:
    """Return names for the columns of `samples_text` with values, levels and missingness."""
    return {factor: f"c{i}" for i, factor in enumerate(sample_factors(query))}


def group_names(query: Query) -> dict[str, str]:
    """Return names for the group columns of `samples_text`."""
    return {column: f"g{i}" for i, column in enumerate(columns_of_groupings(query.group_cols))}


def samples_text(table: str, types: Types, query: Query, by_unit: bool) -> str:
    """Return SQL for the arm code of each row, its unit, and the factors of its terms."""
    label = sql.quote(query.treatment_col)
    columns = {"code": sql.code_of(query.treatment_col, query.arms)}
    conditions = [f"{label} IN ({', '.join(map(sql.literal, query.arms))})"]
    if query.unit_col is not None:
        conditions.append(sql.observed(query.unit_col, types[query.unit_col]))
    if query.unit_col is not None and by_unit:
        unit = columns["unit"] = sql.quote(query.unit_col)
        two = in_two_arms_text(table, types, query.treatment_col, query.unit_col)
        # Neither side is null: NOT IN a list with a null would reject every row.
        conditions.append(f"{unit} NOT IN (\n{two}\n)")
    columns |= {name: _sampled(factor, types) for factor, name in samples_names(query).items()}
    columns |= {name: sql.nullable(column, types[column]) for column, name in group_names(query).items()}
    return _text(columns, table, f"WHERE {' AND '.join(conditions)}")


def _sampled(factor: Factor, types: Types) -> str:
    # Missing as NaN, so that Arrow passes plain arrays to NumPy, without a mask.
    if factor.kind == "value":
        return f"coalesce(CAST({sql.quote(factor.column)} AS DOUBLE), 'NaN'::DOUBLE)"
    if factor.kind == "level":
        return sql.indicator(factor.column, factor.level)
    return f"CASE WHEN {sql.observed(factor.column, types[factor.column])} THEN 0e0 ELSE 1e0 END"
