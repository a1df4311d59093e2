"""Aggregates as a data source: merges their moments, and refuses queries they cannot answer."""

import hashlib
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from attrs import evolve

from xpyrment_aggregates.aggregate import Aggregate
from xpyrment_aggregates.files import read, write
from xpyrment_aggregates.twins import same_rows
from xpyrment_core import ArmSample, InputError, Label, Moments, UnitReport, listing, unknown
from xpyrment_core.data.groups import columns_of_groupings
from xpyrment_core.data.labels import in_order
from xpyrment_core.data.query import ColumnType, Query, Reading


def find_aggregates(parts: Iterable[Any]) -> list[Aggregate]:
    """Read the files that paths and globs name; aggregates in memory are taken as they are.

    Raises
    ------
    InputError
        A glob matches no file, or a file cannot be read as moments.
    """
    aggregates: list[Aggregate] = []
    for part in parts:
        aggregates += [part] if isinstance(part, Aggregate) else map(read, _paths(os.fsdecode(os.fspath(part))))
    return aggregates


def _paths(name: str) -> list[str]:
    # A file may have brackets in its name, so a pattern is one only where no such file exists.
    if Path(name).exists() or not has_magic(name):
        return [name]
    paths = sorted(glob(name, recursive=True))
    if not paths:
        raise InputError(f"no file matches '{name}'.")
    return paths


class AggregateSource:
    """Aggregates of parts of the data as one source; see `xpyrment_core.data.source.Source`.

    Parameters
    ----------
    parts : sequence of Aggregate
        Of the same experiment; no unit is in two of them.

    Raises
    ------
    InputError
        They have different treatment or unit columns, conflicting types, or the same contents; or
        units with several rows, which cannot be merged.

    Examples
    --------
    >>> import pandas as pd
    >>> from xpyrment_aggregates.make import aggregate
    >>> days = [pd.DataFrame({"variant": ["a", "b"], "revenue": [x, 2 * x]}) for x in (1.0, 5.0)]
    >>> source = AggregateSource([aggregate(day, "variant", ["revenue"]) for day in days])
    >>> source.schema(), source.labels("variant")
    ({'variant': 'text', 'revenue': 'number'}, {'a': 2, 'b': 2})
    """

    def __init__(self, parts: Sequence[Aggregate]) -> None:
        self._parts = tuple(parts)
        _check_alike(self._parts)
        self._first = self._parts[0]

    def schema(self) -> Mapping[str, ColumnType]:
        """Return the type of every column that all parts contain."""
        shared = [c for c in self._first.columns if all(c in part.columns for part in self._parts)]
        return {column: self._first.columns[column] for column in shared}

    def labels(self, column: str) -> Mapping[Label | None, int]:
        """Return rows per value of the treatment column or of a text covariate."""
        if any(column not in part.levels for part in self._parts):
            raise InputError(
                f"{self._name} does not list the values of {column!r}, only those of {listing(self._first.levels)}. "
                f"Aggregate again with --covariates {column}."
            )
        counts = _summed(part.levels[column] for part in self._parts)
        missing = {None: counts.pop(None)} if None in counts else {}
        return {label: counts[label] for label in in_order(counts)} | missing

    def moments(self, query: Query) -> Reading:
        """Merge the parts' moments; no rows are read."""
        self._check(query)
        shifts: dict[str, float] = {}
        # Parts imputed their own means. The first part's shifts are used, and the others converted to them exactly.
        for part in reversed(self._parts):
            shifts |= part.shifts
        moments: dict[tuple[str, Label], Moments] = {}
        rows: dict[tuple[str, Label], int] = {}
        for row_set in query.row_sets:
            for arm in query.arms:
                key = row_set.key, arm
                parts = [part.moments(row_set, arm, shifts) for part in self._parts]
                # Pairwise merging of means and centred products (Chan, Golub and LeVeque 1983): exact up to rounding.
                moments[key] = sum((m for m, _ in parts[1:]), parts[0][0])
                rows[key] = sum(n for _, n in parts)
        units = _merged_units([part.units for part in self._parts if part.units], query.arms)
        return Reading(
            moments=moments, rows=rows, shifts=shifts, units=units if query.unit_col is not None else None, passes=0
        )

    def samples(self, query: Query) -> Mapping[tuple[str, Label], ArmSample]:
        """Raise an error: moments contain no unit-level values."""
        columns = dict.fromkeys(term.column for row_set in query.row_sets for term in row_set.terms)
        raise InputError(
            f"{self._name} holds moments, not the values of {', '.join(map(repr, columns))} that ranks, quantiles, "
            f"caps and the bootstrap need. Analyse the data themselves, or compare means."
        )

    def infinite(self, columns: Sequence[str], treatment_col: str) -> Mapping[tuple[str, Label], int]:
        """Return the infinite values that were counted when aggregating."""
        labels = [label for label in self.labels(treatment_col) if label is not None]
        return {
            (column, label): sum(part.infinite.get((column, label), 0) for part in self._parts)
            for column in columns
            for label in labels
        }

    def values_outside(self, column: str, allowed: Iterable[float], limit: int = 5) -> tuple[float, ...]:
        """Return an empty tuple for a column of 0 and 1; values of other columns are unknown.

        Raises
        ------
        InputError
            The column is not binary, or other values are allowed.
        """
        if column not in self.schema():
            raise unknown("column", column, self.schema())
        if {0.0, 1.0} <= {float(value) for value in allowed} and all(column in part.binary for part in self._parts):
            return ()
        raise InputError(
            f"column {column!r} of {self._name} has values other than 0 and 1; a file of moments does not store which."
        )

    def explain(self, query: Query) -> str:
        """Describe what is merged."""
        self._check(query)
        parts = [f"{self._name}: merged, no rows are read."]
        for part in self._parts:
            origin = ", ".join(f"{key} {value}" for key, value in part.origin.items())
            parts.append(f"- {part.name}: {sum(part.labels.values()):,} rows ({origin})")
        parts += [
            f"{row_set.key}: complete rows of {'/'.join(row_set.required) or 'any'}" for row_set in query.row_sets
        ]
        return "\n".join(parts)

    @property
    def _name(self) -> str:
        return f"'{self._first.name}'" if len(self._parts) == 1 else f"{len(self._parts)} files of moments"

    def _check(self, query: Query) -> None:
        # Moments by one column cannot be regrouped by another: the rows are gone.
        if query.treatment_col != self._first.treatment_col:
            raise InputError(
                f"{self._name} was aggregated by {self._first.treatment_col!r}, not by {query.treatment_col!r}; "
                f"use treatment_col={self._first.treatment_col!r}, or aggregate again."
            )
        groups = columns_of_groupings(query.group_cols)
        if groups:
            raise InputError(
                f"{self._name} holds moments per value of {query.treatment_col!r}, which cannot be split by "
                f"{listing(groups)}; analyse the data themselves."
            )
        unit = self._first.unit_col
        repeated = any(part.units is not None and part.units.repeated for part in self._parts)
        # Row by row and by unit agree if no unit has several rows; otherwise the variances differ.
        if query.unit_col != unit and (query.unit_col is not None or repeated):
            made = f"by unit {unit!r}" if unit else "row by row"
            raise InputError(
                f"{self._name} was aggregated {made}, but the analysis has units {query.unit_col!r}; "
                f"set the experiment up with id_col={unit!r}, or aggregate again with --id-col."
            )


def _check_alike(parts: Sequence[Aggregate]) -> None:
    first = parts[0]
    seen: dict[str, str] = {}
    earlier: list[Aggregate] = []
    for part in parts:
        if (part.treatment_col, part.unit_col) != (first.treatment_col, first.unit_col):
            raise InputError(
                f"'{part.name}' was aggregated by {part.treatment_col!r} and unit {part.unit_col!r}, '{first.name}' by "
                f"{first.treatment_col!r} and unit {first.unit_col!r}; files of one experiment only can be merged."
            )
        # A file counted twice would halve the variances unnoticed. The origin is left out: time and file name differ
        # between two aggregations of the same data; so do rounding, with the order of rows, and further columns.
        digest = hashlib.sha256(write(evolve(part, origin={})).encode()).hexdigest()
        twin = seen.get(digest) or next((other.name for other in earlier if same_rows(part, other)), None)
        if twin is not None:
            raise InputError(f"'{part.name}' has the contents of '{twin}': the same data would count twice.")
        seen[digest] = part.name
        earlier.append(part)
        # Booleans are numbers; but text has a count per level, and no moments to merge with those of numbers.
        for column in part.columns.keys() & first.columns.keys():
            if (part.columns[column] == "text") != (first.columns[column] == "text"):
                raise InputError(
                    f"column {column!r} is {part.columns[column]} in '{part.name}' and {first.columns[column]} in "
                    f"'{first.name}'; aggregate again with one type."
                )
    if len(parts) > 1 and first.unit_col is not None:
        _check_units(parts)


def _check_units(parts: Sequence[Aggregate]) -> None:
    """Check that several files by unit can be merged, and warn of what the files cannot show."""
    column = parts[0].unit_col
    # The variance is that of sums per unit. A unit's rows in two files would enter as two units with smaller sums.
    repeated = [part.name for part in parts if part.units is not None and part.units.repeated]
    if repeated:
        raise InputError(
            f"in '{repeated[0]}' units of {column!r} have several rows, and such files do not merge: the variance "
            f"needs all rows of a unit. Aggregate all files at once (with a glob), or to one row per unit first."
        )
    warnings.warn(
        f"whether a unit of {column!r} is in two of the {len(parts)} files cannot be seen from their moments; "
        f"if some are, they count twice.",
        UserWarning,
        stacklevel=5,
    )


def _summed(counts: Iterable[Mapping[Any, int]]) -> dict[Any, int]:
    total: dict[Any, int] = {}
    for part in counts:
        for label, count in part.items():
            total[label] = total.get(label, 0) + count
    return total


def _merged_units(reports: Sequence[UnitReport], arms: Sequence[Label]) -> UnitReport | None:
    if not reports:
        return None
    none = dict.fromkeys(arms, 0)

    def summed(name: str) -> dict[Label, int]:
        total = _summed(getattr(report, name) for report in reports)
        return none | {arm: total.get(arm, 0) for arm in arms}

    return UnitReport(
        units=summed("units"),
        repeated=any(report.repeated for report in reports),
        in_two_arms=sum(report.in_two_arms for report in reports),
        rows_in_two_arms=summed("rows_in_two_arms"),
        rows_without_unit=summed("rows_without_unit"),
    )
