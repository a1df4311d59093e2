"""Expressions over one column, the same for every lazy frame that narwhals knows."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import narwhals as nw

from xpyrment_core import Label

INFINITY = float("inf")


def observed(column: str, can_be_nan: bool) -> nw.Expr:
    """Return the condition under which a value is not missing: neither null nor NaN."""
    value = nw.col(column)
    if not can_be_nan:
        return ~value.is_null()
    # Not "~is_nan": Parquet minimum and maximum statistics leave NaN out, so DuckDB 2.0 concludes
    # that there is none and drops the condition (duckdb issue 25521).
    return ~value.is_null() & (value.is_finite() | infinite(column))


def infinite(column: str) -> nw.Expr:
    """Return the condition under which a value is infinite."""
    value = nw.col(column)
    return (value == INFINITY) | (value == -INFINITY)


def number(column: str) -> nw.Expr:
    """Return a column as float64: products of smaller types would overflow."""
    return nw.col(column).cast(nw.Float64())


def choose(column: str, values: Mapping[Label, Any]) -> nw.Expr:
    """Return the value that belongs to each label, null for any other."""
    # Nested conditions, because back ends that compile to SQL cannot look values up in a mapping.
    expression: nw.Expr | None = None
    for label, value in values.items():
        case = nw.when(nw.col(column) == label).then(nw.lit(value))
        expression = case if expression is None else case.otherwise(expression)
    return nw.lit(None) if expression is None else expression


def centre_of(treatment_col: str, centres: float | Mapping[Label, float]) -> nw.Expr:
    """Return the centre subtracted from a column: one number, or one for each variant."""
    return choose(treatment_col, centres) if isinstance(centres, Mapping) else nw.lit(float(centres))


def level_is(columns: Sequence[str], level: Sequence[Label | None], can_be_nan: Collection[str]) -> nw.Expr:
    """Return the condition under which columns have the values of a group, None for a missing one."""
    parts = zip(columns, level, strict=True)
    return all_of([~observed(c, c in can_be_nan) if value is None else nw.col(c) == value for c, value in parts])


def code_of(treatment_col: str, labels: Sequence[Label]) -> nw.Expr:
    """Return the index of each row's variant, null where it has none."""
    return choose(treatment_col, {label: code for code, label in enumerate(labels)})


def product(factors: Sequence[nw.Expr]) -> nw.Expr:
    """Return one factor, or the product of two."""
    first, *rest = factors
    return first * rest[0] if rest else first


def all_of(conditions: Sequence[nw.Expr]) -> nw.Expr:
    """Return the condition that all of them hold."""
    first, *rest = conditions
    for condition in rest:
        first = first & condition
    return first


def any_of(conditions: Sequence[nw.Expr]) -> nw.Expr:
    """Return the condition that one of them holds."""
    first, *rest = conditions
    for condition in rest:
        first = first | condition
    return first
