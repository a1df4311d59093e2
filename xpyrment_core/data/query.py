"""The contract between an analysis and a data engine: a query, and the reading that answers it.

An analysis asks for everything it needs in a single `Query`, so that an engine can
answer it in one pass over the data.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import field, frozen

from xpyrment_core.choices import Label
from xpyrment_core.data.groups import Grouping, GroupReading, groupings
from xpyrment_core.errors import InputError, listing, nearest
from xpyrment_core.values.exclusions import UnitReport
from xpyrment_core.values.moments import Moments

ColumnType = Literal["number", "boolean", "text", "other"]
TermKind = Literal["value", "filled", "missing", "level"]


@frozen
class Term:
    """One column of a moments matrix, made from one column of the data.

    Attributes
    ----------
    name : str
        Its name in the moments: ``"revenue"``, ``"age"``, ``"age is missing"``, ``"country=US"``.
    column : str
        The data column it reads.
    kind : {"value", "filled", "missing", "level"}
        ``value``: the number itself (the row set requires the column, so it is never missing).
        ``filled``: the number, missing replaced by the engine's shift for that column.
        ``missing``: 1 where the column is missing, else 0.
        ``level``: 1 where the column equals `level`, else 0 (0 where missing).
    level : object
        The level of a ``level`` term.
    """

    name: str
    column: str
    kind: TermKind = "value"
    level: Any = None


@frozen
class RowSet:
    """The rows on which all `required` columns are observed, and the terms needed of them.

    NaN and null are both missing; infinities are values (and make the moments non-finite,
    which the analysis detects).
    """

    key: str
    required: tuple[str, ...]
    terms: tuple[Term, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the moments' columns."""
        return tuple(term.name for term in self.terms)


@frozen(kw_only=True)
class Query:
    """Everything that one analysis needs of the data.

    Attributes
    ----------
    treatment_col : str
        Column of variant labels.
    arms : tuple of labels
        The variants compared; rows of others do not enter any result.
    row_sets : tuple of RowSet
        Usually one a metric, plus one for covariate balance.
    unit_col : str or None
        Column that names the unit of randomisation. Where a unit has several rows the
        engine sums them per unit and returns `Moments.per_row`, so that the variance is
        between units. Units seen in two of the arms (of all arms in the data) are left out.
    group_cols : tuple of Grouping
        Columns by which the moments are also read, next to the whole: ``"country"`` for each value of one
        column, ``("country", "platform")`` for each pair of values. A missing value is a group of its own. All rows
        of a unit must be in the same group: a unit that changes its group is counted and left out of the groups.
        Samples have the group of each row.
    """

    treatment_col: str
    arms: tuple[Label, ...]
    # All metrics in one query: an engine shares columns and masks between them, and scans once.
    row_sets: tuple[RowSet, ...]
    unit_col: str | None = None
    group_cols: tuple[Grouping, ...] = field(default=(), converter=groupings)


@frozen(kw_only=True)
class Reading:
    """An engine's answer to a `Query`.

    Attributes
    ----------
    moments : mapping of (row set key, arm) to Moments
        Columns as in the row set's `names`. An arm without rows has `Moments.empty`.
    rows : mapping of (row set key, arm) to int
        Complete rows used (equal to the moments' n unless units repeat).
    shifts : mapping of column to float
        The constant that replaced missing values in ``filled`` terms.
    units : UnitReport or None
        None without `unit_col`.
    passes : int
        Passes over the data that the answer took.
    groups : mapping of Grouping to GroupReading
        The answer to each of the query's `group_cols`.
    """

    moments: Mapping[tuple[str, Label], Moments]
    rows: Mapping[tuple[str, Label], int]
    # Needed to replace the constant by the mean later, by linear algebra on the moments.
    shifts: Mapping[str, float] = field(factory=dict)
    units: UnitReport | None = None
    passes: int = 1
    groups: Mapping[Grouping, GroupReading] = field(factory=dict)


def check_column(what: str, column: Any, schema: Iterable[str]) -> None:
    """Raise InputError unless the column is in the data."""
    if column not in schema:
        known = list(schema)
        raise InputError(
            f"{what} {column!r} is not a column of the data; its columns are {listing(known)}.{nearest(column, known)}"
        )
