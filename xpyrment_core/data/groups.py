"""Groups of rows within the variants: what is asked of an engine, and what it answers per group.

A grouping is one or several columns of the data; a group (one level of each column) is a segment, a
stratum or a day. A missing value is a level of its own, None. One query may ask for several groupings, each
by itself (``"country"``, ``"platform"``) or jointly (``("country", "platform")``).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from xpyrment_core.choices import Label
from xpyrment_core.data.labels import MAX_LABELS, in_order
from xpyrment_core.errors import InputError
from xpyrment_core.values.moments import Moments, Vector
from xpyrment_core.values.samples import GroupCodes as GroupCodes

Grouping = tuple[str, ...]
"""The columns of a grouping."""

Level = tuple[Label | None, ...]
"""A group: one value per column of its grouping, None where it is missing."""

MAX_GROUPS = 10_000
"""Groups of several columns together, at most."""

MAX_CELLS = 20_000
"""Cells (variant and level of every column) that are summed in one pass, at most; beyond, each grouping has its own."""

NAMED = 5
"""Units that are named where units change their group."""


def groupings(columns: Iterable[str | Iterable[str]]) -> tuple[Grouping, ...]:
    """Return groupings as tuples of columns, each once.

    Examples
    --------
    >>> groupings(["country", ("country", "platform"), "country"])
    (('country',), ('country', 'platform'))
    """
    parts = [columns] if isinstance(columns, str) else columns
    found = dict.fromkeys((part,) if isinstance(part, str) else tuple(dict.fromkeys(part)) for part in parts)
    if () in found:
        raise InputError("a grouping needs at least one column, got an empty one.")
    return tuple(found)


def columns_of_groupings(several: Iterable[Grouping]) -> tuple[str, ...]:
    """Return every column of some groupings, once."""
    return tuple(dict.fromkeys(column for grouping in several for column in grouping))


def check_levels(several: Iterable[Grouping], levels: Mapping[str, int]) -> None:
    """Raise InputError where a column, or several together, have too many levels to be groups.

    Parameters
    ----------
    several : iterable of Grouping
    levels : mapping of str to int
        Distinct values of each column.
    """
    for grouping in several:
        for column in grouping:
            if levels[column] > MAX_LABELS:
                raise InputError(
                    f"group column {column!r} has {levels[column]:,} values, at most {MAX_LABELS:,} are usable; "
                    f"an identifier or a measurement makes no groups: put its values into classes first."
                )
        together = prod(levels[column] for column in grouping)
        if together > MAX_GROUPS:
            raise InputError(
                f"group columns {' and '.join(map(repr, grouping))} have up to {together:,} groups together, at most "
                f"{MAX_GROUPS:,} are usable; ask for each column by itself, or put their values into classes first."
            )


def passes_of(several: Sequence[Grouping], levels: Mapping[str, int], arms: int) -> list[tuple[Grouping, ...]]:
    """Return the groupings that are read in one pass, for each pass.

    All groupings are sums of the cells of all columns, unless there would be too many cells.

    Examples
    --------
    >>> passes_of([("country",), ("day",)], {"country": 5, "day": 30}, 2)
    [(('country',), ('day',))]
    >>> passes_of([("country",), ("day",)], {"country": 200, "day": 90}, 2)
    [(('country',),), (('day',),)]
    """
    # One more level per column for a missing value.
    cells = arms * prod(levels[column] + 1 for column in columns_of_groupings(several))
    return [tuple(several)] if cells <= MAX_CELLS else [(grouping,) for grouping in several]


def levels_in_order(found: Iterable[Level]) -> tuple[Level, ...]:
    """Return levels in the order of their values, column by column; a missing value is last.

    Examples
    --------
    >>> levels_in_order([("US", 2), (None, 1), ("DE", 10), ("US", 1)])
    (('DE', 10), ('US', 1), ('US', 2), (None, 1))
    """
    levels = list(found)
    places = []
    for values in zip(*levels, strict=True):
        known = in_order({value for value in values if value is not None})
        places.append({value: i for i, value in enumerate([*known, None])})
    return tuple(sorted(levels, key=lambda level: [place[v] for place, v in zip(places, level, strict=True)]))


@frozen(kw_only=True)
class ChangedUnits:
    """Units whose rows are in several groups of one grouping; they are left out of every group, not of the whole.

    Attributes
    ----------
    units, rows : mapping of label to int
        Units and their rows, per arm.
    named : tuple of str
        Some of the units.
    """

    units: Mapping[Label, int] = field(factory=dict)
    rows: Mapping[Label, int] = field(factory=dict)
    named: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Units in all arms."""
        return sum(self.units.values())


@frozen(eq=False)
class UnitSums:
    """Moments of the sums over each unit's rows, from which means over rows are ratios.

    Attributes
    ----------
    moments : Moments
        Of the sums of values less `shift`, and of the number of rows.
    rows : str
        Name of the column with the number of rows.
    shift : ndarray
        What was subtracted from each value, in the order of the other columns.
    """

    moments: Moments
    rows: str
    shift: Vector

    def per_row(self) -> Moments:
        """Return the means over rows, with the variance between units."""
        return self.moments.per_row(self.rows, self.shift)

    def about(self, shift: Vector) -> "UnitSums":
        """Return the same sums of values less another shift."""
        if self.moments.n == 0 or np.array_equal(shift, self.shift):
            return evolve(self, shift=shift)
        at = self.moments.columns.index(self.rows)
        others = [i for i in range(len(self.moments.columns)) if i != at]
        # Each row adds the difference of the shifts to its unit's sum.
        weights = np.eye(len(self.moments.columns))
        weights[others, at] += self.shift - shift
        return UnitSums(
            self.moments.project(self.moments.columns, weights @ self.moments.mean, weights), self.rows, shift
        )


@frozen(kw_only=True)
class GroupReading:
    """The answer to one grouping of a query.

    Attributes
    ----------
    columns : tuple of str
    levels : tuple of Level
        The groups that some compared arm has rows in, in order; a missing value is last.
    moments : mapping of (row set key, Level, arm) to Moments
        As of the whole; `Moments.empty` where an arm has no complete row in a group.
    rows : mapping of (row set key, Level, arm) to int
        Complete rows used.
    units : mapping of (Level, arm) to int
        Units (rows, where each row is a unit), with and without an observed outcome.
    sums : mapping of (row set key, Level, arm) to UnitSums
        Where units have several rows: the sums per unit from which `moments` are made. Empty otherwise.
    changed : ChangedUnits
    """

    columns: Grouping
    levels: tuple[Level, ...]
    moments: Mapping[tuple[str, Level, Label], Moments]
    rows: Mapping[tuple[str, Level, Label], int]
    units: Mapping[tuple[Level, Label], int]
    sums: Mapping[tuple[str, Level, Label], UnitSums] = field(factory=dict)
    changed: ChangedUnits = field(factory=ChangedUnits)

    def updated(self, later: "GroupReading") -> "GroupReading":
        """Return this reading, with the moments and rows that a later one has."""
        return evolve(
            self,
            moments={**self.moments, **later.moments},
            rows={**self.rows, **later.rows},
            sums={**self.sums, **later.sums},
        )


def level_text(level: Level) -> str:
    """Return a group as text for messages.

    Examples
    --------
    >>> level_text(("DE", None)), level_text((3,))
    ("'DE' and missing", '3')
    """
    return " and ".join("missing" if value is None else repr(value) for value in level)


def all_cells(levels: Iterable[Level], arms: Iterable[Label]) -> list[tuple[Level, Label]]:
    """Return every pair of a level and an arm."""
    return list(product(levels, arms))


def described(several: Sequence[Grouping]) -> str:
    """Return groupings as the end of a sentence; empty without any.

    Examples
    --------
    >>> described([("country",), ("country", "platform")])
    "; also per value of 'country', of 'country' and 'platform' together"
    """
    parts = [f"of {' and '.join(map(repr, grouping))}{' together' * (len(grouping) > 1)}" for grouping in several]
    return f"; also per value {', '.join(parts)}" if parts else ""


Coded = tuple[NDArray[np.integer[Any]], Sequence[Label]]
"""A column as codes, -1 for a missing value, with the values they stand for."""


def group_codes(columns: Sequence[Coded], units: NDArray[np.integer[Any]] | None = None) -> GroupCodes:
    """Return the group of each row, from its group columns.

    Parameters
    ----------
    columns : sequence of (codes, values)
        Of rows that count.
    units : ndarray of int, optional
        Unit of each row, where units have several: all its rows must be in one group.

    Examples
    --------
    >>> country, user = np.array([0, 1, -1, 0, 0]), np.array([7, 8, 9, 8, 7])
    >>> found = group_codes([(country, ("DE", "FR"))], user)
    >>> found.codes.tolist(), found.levels
    ([0, -1, 2, -1, 0], (('DE',), ('FR',), (None,)))
    """
    sizes = [len(values) + 1 for _, values in columns]
    # A missing value is the last of its column.
    places = [np.where(codes < 0, size - 1, codes) for (codes, _), size in zip(columns, sizes, strict=True)]
    found, codes = np.unique(np.ravel_multi_index(places, sizes), return_inverse=True)
    several = [(*values, None) for _, values in columns]
    parts = zip(*np.unravel_index(found, sizes), strict=True)
    levels = tuple(tuple(values[i] for values, i in zip(several, part, strict=True)) for part in parts)
    if units is not None and len(units):
        _, unit = np.unique(units, return_inverse=True)
        own = np.full(unit.max() + 1, -1, dtype=np.int64)
        own[unit] = codes
        changes = np.zeros(len(own), dtype=bool)
        changes[unit[own[unit] != codes]] = True
        codes = np.where(changes[unit], -1, codes)
    return GroupCodes(codes.astype(np.int64), levels)
