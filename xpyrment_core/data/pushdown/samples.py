"""Unit-level values that a database returned, as samples of each variant."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpyrment_core.choices import Label
from xpyrment_core.data.groups import Coded, group_codes
from xpyrment_core.data.labels import is_missing
from xpyrment_core.data.pushdown.database import Fetched
from xpyrment_core.data.pushdown.sums import Factor, number_columns
from xpyrment_core.data.query import Query, Term
from xpyrment_core.values.samples import ArmSample


def sample_factors(query: Query) -> tuple[Factor, ...]:
    """Return the factors of samples: numbers, level indicators, and missingness of columns that are not numeric."""
    numbers = number_columns(query.row_sets)
    factors = dict.fromkeys(Factor(column, "value") for column in numbers)
    for row_set in query.row_sets:
        levels = [Factor(t.column, "level", t.level) for t in row_set.terms if t.kind == "level"]
        gaps = [*row_set.required, *(t.column for t in row_set.terms if t.kind == "missing")]
        factors |= dict.fromkeys([*levels, *(Factor(c, "missing") for c in gaps if c not in numbers)])
    return tuple(factors)


def arm_samples(
    query: Query, fetched: Fetched, shifts: Mapping[str, float], levels: Mapping[str, Sequence[Label]]
) -> Mapping[tuple[str, Label], ArmSample]:
    """Return every row set's terms on its complete rows, per arm; `levels` has the values of the group columns."""
    units = fetched.units
    # Units with one row each need no codes.
    if units is not None and len(np.unique(units)) == len(units):
        units = None
    columns_of_groups = {column: _coded(fetched.groups[column], labels) for column, labels in levels.items()}
    groups = {g: group_codes([columns_of_groups[column] for column in g], units) for g in query.group_cols}
    samples = {}
    for row_set in query.row_sets:
        complete = np.ones(len(fetched.code), dtype=bool)
        for column in row_set.required:
            complete &= ~_missing(fetched, column)
        for arm, label in enumerate(query.arms):
            rows = np.flatnonzero(complete & (fetched.code == arm))
            columns = {term.name: _term(fetched, term, rows, shifts) for term in row_set.terms}
            own = {grouping: codes.take(rows) for grouping, codes in groups.items()}
            samples[row_set.key, label] = ArmSample(columns, None if units is None else units[rows], groups=own)
    return samples


def _missing(fetched: Fetched, column: str) -> NDArray[np.bool_]:
    values = fetched.arrays.get(Factor(column, "value"))
    return np.isnan(values) if values is not None else fetched.arrays[Factor(column, "missing")] == 1


def _term(fetched: Fetched, term: Term, rows: NDArray[np.intp], shifts: Mapping[str, float]) -> NDArray[np.float64]:
    if term.kind == "level":
        return fetched.arrays[Factor(term.column, "level", term.level)][rows]
    if term.kind == "missing":
        return _missing(fetched, term.column)[rows].astype(np.float64)
    values = fetched.arrays[Factor(term.column, "value")][rows]
    # The same constants as in the moments, so that both lead to the same imputed estimates.
    return np.where(np.isnan(values), shifts[term.column], values)


def _coded(column: Any, labels: Sequence[Label]) -> Coded:
    """Return an Arrow column of groups as codes of the labels it may have, -1 where it is missing."""
    column = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    if not hasattr(column.type, "index_type"):
        column = column.dictionary_encode()
    column = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    place = {label: i for i, label in enumerate(labels)}
    # The last entry is that of missing values, whose index is -1.
    known = [-1 if is_missing(value) else place[value] for value in column.dictionary.to_pylist()]
    codes = np.array([*known, -1], dtype=np.int64)[column.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return codes, labels
