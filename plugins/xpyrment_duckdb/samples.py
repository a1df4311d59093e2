"""Unit-level values for what moments cannot answer, fetched as Arrow, only the columns asked for."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xpyrment_core.pushdown import Factor, number_columns
from xpyrment_core.reading import ArmSample, Label, Query, Term
from xpyrment_duckdb import sql
from xpyrment_duckdb.tables import Table
from xpyrment_duckdb.units import in_two_arms_text

Arrays = Mapping[Factor, NDArray[np.float64]]


def arm_samples(
    table: Table, types: Mapping[str, str], query: Query, shifts: Mapping[str, float], by_unit: bool
) -> Mapping[tuple[str, Label], ArmSample]:
    """Return every row set's terms on its complete rows, per arm, in the data's own units."""
    names = _names(query)
    fetched = table.arrow(samples_text(table.name, types, query, by_unit))
    arrays = {factor: fetched[name].to_numpy() for factor, name in names.items()}
    code = fetched["code"].to_numpy()
    kept = _unit_codes(fetched) if by_unit else None
    samples = {}
    for row_set in query.row_sets:
        complete = np.ones(len(code), dtype=bool)
        for column in row_set.required:
            complete &= ~_missing(arrays, column)
        for arm, label in enumerate(query.arms):
            rows = np.flatnonzero(complete & (code == arm))
            columns = {term.name: _term(arrays, term, rows, shifts) for term in row_set.terms}
            samples[row_set.key, label] = ArmSample(columns, None if kept is None else kept[rows])
    return samples


def samples_text(table: str, types: Mapping[str, str], query: Query, by_unit: bool) -> str:
    """Return the statement: the arm of each row, its unit, and what the terms are made of."""
    label = sql.quote(query.treatment_col)
    columns = {"code": sql.code_of(query.treatment_col, query.arms)}
    conditions = [f"{label} IN ({', '.join(map(sql.literal, query.arms))})"]
    if query.unit_col is not None:
        conditions.append(sql.observed(query.unit_col, types[query.unit_col]))
    if query.unit_col is not None and by_unit:
        unit = sql.quote(query.unit_col)
        columns["unit"] = unit
        two = in_two_arms_text(table, types, query.treatment_col, query.unit_col)
        conditions.append(f"{unit} NOT IN (\n{two}\n)")
    for factor, name in _names(query).items():
        there = sql.observed(factor.column, types[factor.column])
        if factor.kind == "value":
            columns[name] = f"coalesce(CAST({sql.quote(factor.column)} AS DOUBLE), 'NaN'::DOUBLE)"
        elif factor.kind == "level":
            columns[name] = sql.indicator(factor.column, factor.level)
        else:
            columns[name] = f"CASE WHEN {there} THEN 0e0 ELSE 1e0 END"
    return sql.select(columns, table, f"WHERE {' AND '.join(conditions)}")


def _names(query: Query) -> dict[Factor, str]:
    """Name what is fetched: numbers, indicators of levels, and the gaps of columns that are no numbers."""
    numbers = number_columns(query.row_sets)
    factors = dict.fromkeys(Factor(column, "value") for column in numbers)
    for row_set in query.row_sets:
        levels = [Factor(t.column, "level", t.level) for t in row_set.terms if t.kind == "level"]
        gaps = [*row_set.required, *(t.column for t in row_set.terms if t.kind == "missing")]
        factors |= dict.fromkeys([*levels, *(Factor(c, "missing") for c in gaps if c not in numbers)])
    return {factor: f"c{i}" for i, factor in enumerate(factors)}


def _missing(arrays: Arrays, column: str) -> NDArray[np.bool_]:
    values = arrays.get(Factor(column, "value"))
    return np.isnan(values) if values is not None else arrays[Factor(column, "missing")] == 1


def _term(arrays: Arrays, term: Term, rows: NDArray[np.intp], shifts: Mapping[str, float]) -> NDArray[np.float64]:
    if term.kind == "level":
        return arrays[Factor(term.column, "level", term.level)][rows]
    if term.kind == "missing":
        return _missing(arrays, term.column)[rows].astype(np.float64)
    values = arrays[Factor(term.column, "value")][rows]
    return np.where(np.isnan(values), shifts[term.column], values)


def _unit_codes(fetched: pa.Table) -> NDArray[np.int64] | None:
    """Return a code per row, or None where no unit kept has several rows."""
    encoded = fetched["unit"].combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    if len(encoded.dictionary) == len(encoded):
        return None
    return encoded.indices.to_numpy().astype(np.int64)
