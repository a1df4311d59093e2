"""Reference implementation of a query, on columns held as lists, with which engines are compared."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from xpyrment_core.data.groups import Grouping, Level
from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_core.testing.shapes import Values
from xpyrment_core.values.moments import Moments

Data = Mapping[str, Sequence[Any]]


@frozen
class Expected:
    """Moments, rows and samples of one row set in one arm."""

    moments: Moments
    rows: int
    columns: dict[str, Values]


def missing(value: Any) -> bool:
    """Return whether a cell is missing: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def expected(
    data: Data,
    query: Query,
    rows: RowSet,
    arm: Any,
    shifts: Mapping[str, float],
    among: Sequence[int] | None = None,
) -> Expected:
    """Return the moments, rows and samples of one row set in one arm, or in some of its usable rows."""
    usable = usable_rows(data, query, arm) if among is None else among
    keep = [i for i in usable if not any(missing(data[c][i]) for c in rows.required)]
    columns = {term.name: _term(data, term, keep, shifts) for term in rows.terms}
    if not keep:
        return Expected(Moments.empty(rows.names), 0, columns)
    if query.unit_col is None:
        return Expected(Moments.of(columns), len(keep), columns)
    return Expected(_by_unit([data[query.unit_col][i] for i in keep], columns), len(keep), columns)


def usable_rows(data: Data, query: Query, arm: Any) -> list[int]:
    """Return the rows of an arm whose unit is known and in one variant only."""
    labels = data[query.treatment_col]
    rows = [i for i, label in enumerate(labels) if label == arm]
    if query.unit_col is None:
        return rows
    units = data[query.unit_col]
    seen: dict[Any, set[Any]] = {}
    # All labels count here, also of arms that are not compared: such a unit has received another treatment.
    for unit, label in zip(units, labels, strict=True):
        if not missing(unit) and not missing(label):
            seen.setdefault(unit, set()).add(label)
    return [i for i in rows if not missing(units[i]) and len(seen[units[i]]) == 1]


def group_rows(data: Data, query: Query, grouping: Grouping, arm: Any) -> tuple[dict[Level, list[int]], set[Any]]:
    """Return the usable rows of an arm per group, and the units that are in several groups, whose rows are in none."""
    rows = usable_rows(data, query, arm)
    levels = {i: tuple(None if missing(data[c][i]) else data[c][i] for c in grouping) for i in rows}
    units = {i: i if query.unit_col is None else data[query.unit_col][i] for i in rows}
    seen: dict[Any, set[Level]] = {}
    for i in rows:
        seen.setdefault(units[i], set()).add(levels[i])
    groups: dict[Level, list[int]] = {}
    for i in rows:
        if len(seen[units[i]]) == 1:
            groups.setdefault(levels[i], []).append(i)
    return groups, {unit for unit, found in seen.items() if len(found) > 1}


def _term(data: Data, term: Term, rows: Sequence[int], shifts: Mapping[str, float]) -> Values:
    cells = [data[term.column][i] for i in rows]
    if term.kind == "missing":
        return np.array([float(missing(v)) for v in cells])
    if term.kind == "level":
        return np.array([float(v == term.level) for v in cells])
    # The constant is the engine's own choice, so the reference takes it from the reading.
    fill = shifts.get(term.column, 0.0)
    return np.array([fill if missing(v) else float(v) for v in cells], dtype=np.float64)


def _by_unit(units: Sequence[Any], columns: Mapping[str, Values]) -> Moments:
    codes = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    at = np.array([codes[unit] for unit in units])
    counts = np.bincount(at).astype(np.float64)
    # Units with one row each are independent rows, and the ordinary moments hold.
    if counts.max() == 1:
        return Moments.of(columns)
    # The row mean, and deviations (S - mean R) / mean(R): a ratio of sums, units as clusters.
    means = {c: float(v.mean()) for c, v in columns.items()}
    spread = Moments.of({c: np.bincount(at, v - means[c]) / counts.mean() for c, v in columns.items()})
    return Moments(tuple(columns), len(codes), list(means.values()), spread.m2)
