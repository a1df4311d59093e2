"""Aggregation of data to counts and moments per variant."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from xpyrment_aggregates.aggregate import Aggregate, StoredSet
from xpyrment_core import InputError, Label, setup
from xpyrment_core.data.query import ColumnType, Query, Reading, RowSet, Term, check_column
from xpyrment_core.data.reading.columns import not_numbers
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.source import Source, text_values
from xpyrment_core.data.terms import level_terms, number_terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xpyrment_core import PluginHost

MAX_LEVELS = 50
"""A column with more values than this is probably an identifier, not a variant or a category."""


def aggregate(
    data: Any,
    treatment_col: str,
    columns: Sequence[str],
    covariates: Sequence[str] = (),
    id_col: str | None = None,
    *,
    read: "ReadOptions | Mapping[str, Any] | None" = None,
    plugins: "PluginHost | None" = None,
) -> Aggregate:
    """Aggregate data to counts and moments per variant.

    Parameters
    ----------
    data : frame, path or anything an engine reads
    treatment_col : str
        Column with each row's variant.
    columns : sequence of str
        Outcome columns; ``"clicks/impressions"`` for those a metric needs together.
    covariates : sequence of str
        Columns to adjust with and to check for balance; text is kept as its levels.
    id_col : str, optional
        Column of the unit of randomisation, where units have several rows.
    read : ReadOptions or mapping, optional
        How to read files, and the forms of numbers written as text.

    Returns
    -------
    Aggregate

    Raises
    ------
    InputError
        A column is not in the data or not of a usable type.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"variant": ["a", "b"] * 3, "revenue": [1.0, 2, 3, None, 5, 6]})
    >>> result = aggregate(frame, "variant", ["revenue"])
    >>> result.sets[0].moments["b"].n, dict(result.labels)
    (2, {'a': 3, 'b': 3})
    """
    experiment = setup(data, treatment_col, id_col, read=read, plugins=plugins)
    source, schema = experiment.source, experiment.source.schema()
    groups = _groups(columns, schema, source)
    levels = _all_levels(source, schema, treatment_col, covariates)
    arms = tuple(label for label in levels[treatment_col] if label is not None)
    row_sets = tuple(_row_sets(groups, covariates, levels))
    query = Query(treatment_col=treatment_col, arms=arms, row_sets=row_sets, unit_col=id_col)
    reading = source.moments(query)
    outcomes = _union(groups)
    whole = Aggregate(
        treatment_col=treatment_col,
        unit_col=id_col,
        columns={c: schema[c] for c in (treatment_col, *([id_col] if id_col else []), *outcomes, *covariates)},
        levels=levels,
        sets=tuple(_stored(row_set, reading, arms) for row_set in row_sets),
        shifts=dict(reading.shifts),
        units=reading.units,
        binary=frozenset(c for c in outcomes if _binary(source, reading, c, arms)),
        infinite=_infinite(source, reading, row_sets, treatment_col),
        origin=_origin(data, experiment.engine.qualified),
    )
    return _without_implied_sets(whole, groups)


def _origin(data: Any, engine: str) -> dict[str, str]:
    return {
        "data": data if isinstance(data, str) else type(data).__name__,
        "engine": engine,
        "xpyrment": version("xpyrment"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _groups(columns: Sequence[str], schema: "Mapping[str, ColumnType]", source: Source) -> tuple[tuple[str, ...], ...]:
    groups = tuple(dict.fromkeys(_group(text, schema, source) for text in columns))
    if not groups:
        raise InputError("there is nothing to aggregate: name at least one column.")
    return groups


def _union(groups: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the columns of all groups, each once."""
    return tuple(dict.fromkeys(column for group in groups for column in group))


def _group(text: str, schema: "Mapping[str, ColumnType]", source: Source) -> tuple[str, ...]:
    """Return the columns of one metric: a name, or names joined by slashes."""
    # A column may have a slash in its name.
    names = (text,) if text in schema else tuple(part.strip() for part in text.split("/"))
    for name in names:
        check_column("column", name, schema)
        if schema[name] not in ("number", "boolean"):
            values = text_values(source, name)
            found = (
                f"column {name!r} is {schema[name]}, expected numbers" if values is None else not_numbers(name, values)
            )
            raise InputError(f"{found}; text can be a covariate.")
    return tuple(dict.fromkeys(names))


def _all_levels(
    source: Source, schema: "Mapping[str, ColumnType]", treatment_col: str, covariates: Sequence[str]
) -> dict[str, dict[Label | None, int]]:
    for covariate in covariates:
        check_column("covariate", covariate, schema)
    # Numeric covariates are described by moments, others by the share of each value.
    categorical = [c for c in covariates if schema[c] not in ("number", "boolean")]
    return {column: _levels(source, column) for column in (treatment_col, *categorical)}


def _levels(source: Source, column: str) -> dict[Label | None, int]:
    counts = dict(source.labels(column))
    # One more entry counts the missing.
    if len(counts) > MAX_LEVELS + 1:
        raise InputError(f"column {column!r} has {len(counts):,} values, at most {MAX_LEVELS} are usable.")
    # JSON would store other types, such as dates, as text, which would not match the labels of the data again.
    unsupported = [label for label in counts if not isinstance(label, str | int | float | None)]
    if unsupported:
        raise InputError(
            f"column {column!r} holds {type(unsupported[0]).__name__} values; a file of moments has text, numbers and "
            f"booleans."
        )
    return counts


def _row_sets(
    groups: Sequence[tuple[str, ...]], covariates: Sequence[str], levels: "Mapping[str, Mapping[Label | None, int]]"
) -> Iterable[RowSet]:
    """Yield the row sets to store: each group, each column alone, all together, and all rows for balance."""
    # Each column alone, because a single metric uses every row where its column is observed. All together come first:
    # where nothing is missing, that set answers for all others.
    columns = _union(groups)
    for group in dict.fromkeys([columns, *groups, *((column,) for column in columns)]):
        others = [c for c in covariates if c not in group]
        terms = [Term(c, c) for c in group] + [term for c in others for term in _terms(c, levels)]
        yield RowSet("/".join(group), group, tuple(terms))
    if covariates:
        yield RowSet("", (), tuple(term for c in covariates for term in _terms(c, levels)))


def _terms(column: str, levels: "Mapping[str, Mapping[Label | None, int]]") -> list[Term]:
    if column not in levels:
        return list(number_terms(column))
    return list(level_terms(column, (level for level in levels[column] if level is not None)))


def _stored(row_set: RowSet, reading: Reading, arms: Sequence[Label]) -> StoredSet:
    return StoredSet(
        frozenset(row_set.required),
        row_set.terms,
        {arm: reading.moments[row_set.key, arm] for arm in arms},
        {arm: reading.rows[row_set.key, arm] for arm in arms},
    )


def _binary(source: Source, reading: Reading, column: str, arms: Sequence[Label]) -> bool:
    """Return whether a column holds only 0 and 1; its values are read only if the moments allow it."""
    # 0 and 1 have variance p (1 - p). With several rows per unit the moments are those of sums, which do not tell.
    if reading.units is None or not reading.units.repeated:
        for moments in (reading.moments[column, arm] for arm in arms):
            if not moments.n:
                continue
            mean, second = float(moments.mean[0]), float(moments.m2[0, 0]) / moments.n
            # 1e-9 allows for rounding; written so that NaN, from infinite values, is rejected.
            if not abs(second - mean * (1 - mean)) <= 1e-9:
                return False
    return not source.values_outside(column, (0.0, 1.0), 1)


def _infinite(
    source: Source, reading: Reading, row_sets: Sequence[RowSet], treatment_col: str
) -> dict[tuple[str, Label], int]:
    # Counting takes another pass, so only for columns whose mean is not finite.
    suspects = {
        term.column
        for row_set in row_sets
        for (key, _), moments in reading.moments.items()
        for i, term in enumerate(row_set.terms if key == row_set.key else ())
        if term.kind in ("value", "filled") and not np.isfinite(moments.mean[i])
    }
    for column in sorted(suspects):
        if (values := text_values(source, column)) is not None:
            raise InputError(f"{not_numbers(column, values)}.")
    counts = source.infinite(sorted(suspects), treatment_col) if suspects else {}
    return {key: count for key, count in counts.items() if count}


def _without_implied_sets(whole: Aggregate, groups: Iterable[Sequence[str]]) -> Aggregate:
    """Keep only the set of all columns if it has no missing values, else drop it unless it is a group itself."""
    joint = whole.sets[0]
    if whole.complete(joint):
        return evolve(whole, sets=(joint,))
    kept = {frozenset(group) for group in groups}
    return evolve(whole, sets=tuple(s for s in whole.sets if len(s.required) < 2 or s.required in kept))
