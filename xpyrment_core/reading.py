"""The contract between an analysis and a data engine: one query in, one reading out.

An analysis asks for everything it needs in a single `Query`, so that an engine can
answer it in one pass over the data.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from xpyrment_core.moments import Moments

Label = Hashable
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
    """The rows on which all `required` columns are observed, and the terms wanted there.

    NaN and null are both missing; infinities are values (and make the moments non-finite,
    which the analysis notices).
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
    """All that one analysis wants of the data.

    Attributes
    ----------
    treatment_col : str
        Column of variant labels.
    arms : tuple of labels
        The variants compared; rows of others are not read into anything.
    row_sets : tuple of RowSet
        Usually one a metric, plus one for covariate balance.
    unit_col : str or None
        Column that names the unit of randomisation. Where a unit has several rows the
        engine sums them per unit and returns `Moments.per_row`, so that the variance is
        between units. Units seen in two of the arms (of all arms in the data) are left out.
    """

    treatment_col: str
    arms: tuple[Label, ...]
    row_sets: tuple[RowSet, ...]
    unit_col: str | None = None


@frozen(kw_only=True)
class UnitReport:
    """What grouping by unit found.

    Attributes
    ----------
    units : mapping of label to int
        Distinct units per compared arm, those in two arms left out.
    repeated : bool
        Whether some unit has several rows (then moments count units, not rows).
    in_two_arms : int
        Units seen under more than one label.
    rows_in_two_arms, rows_without_unit : mapping of label to int
        Rows left out for it, per compared arm.
    """

    units: Mapping[Label, int] = field(factory=dict)
    repeated: bool = False
    in_two_arms: int = 0
    rows_in_two_arms: Mapping[Label, int] = field(factory=dict)
    rows_without_unit: Mapping[Label, int] = field(factory=dict)


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
        The value that stood in for missing in ``filled`` terms.
    units : UnitReport or None
        None without `unit_col`.
    passes : int
        Passes over the data that the answer took.
    """

    moments: Mapping[tuple[str, Label], Moments]
    rows: Mapping[tuple[str, Label], int]
    shifts: Mapping[str, float] = field(factory=dict)
    units: UnitReport | None = None
    passes: int = 1


def _read_only(columns: Mapping[str, NDArray[np.float64]]) -> Mapping[str, NDArray[np.float64]]:
    return MappingProxyType(dict(columns))


@frozen(eq=False)
class ArmSample:
    """Unit-level columns of one variant, complete rows only.

    Attributes
    ----------
    columns : mapping of str to ndarray of float64
    units : ndarray of int or None
        Codes of the unit of each row, where units have several rows.
    metric : object
        The metric being tested; set by the analysis, so that a test can ask it for its statistic.
    """

    columns: Mapping[str, NDArray[np.float64]] = field(converter=_read_only)
    units: NDArray[np.int64] | None = None
    metric: Any = None

    @property
    def n(self) -> int:
        """Rows in the sample."""
        return len(next(iter(self.columns.values()))) if self.columns else 0


class Source(Protocol):
    """Opened data, as an engine hands it to the analysis."""

    def schema(self) -> Mapping[str, ColumnType]:
        """Return the type of every column, in the data's order, without reading rows."""
        ...

    def labels(self, column: str) -> Mapping[Label | None, int]:
        """Return rows per distinct value (as a Python object); None counts the missing ones."""
        ...

    def moments(self, query: Query) -> Reading:
        """Answer the query in as few passes as the engine can."""
        ...

    def samples(self, query: Query) -> Mapping[tuple[str, Label], ArmSample]:
        """Return unit-level values of the query's terms, per row set and arm."""
        ...

    def infinite(self, columns: Sequence[str], treatment_col: str) -> Mapping[tuple[str, Label], int]:
        """Count infinite values per column and label; asked only when moments are not finite."""
        ...

    def offending(self, column: str, allowed: Iterable[float], limit: int = 5) -> tuple[float, ...]:
        """Return up to `limit` distinct non-missing values of a column that are not allowed."""
        ...

    def explain(self, query: Query) -> str:
        """Describe how the query is answered: columns, passes, SQL where there is SQL."""
        ...


class Engine(Protocol):
    """A way to read some kinds of data."""

    def accepts(self, data: object) -> bool:
        """Say, without importing anything heavy, whether this engine reads `data`."""
        ...

    def open(self, data: Any) -> Source:
        """Open the data; nothing is read yet."""
        ...
