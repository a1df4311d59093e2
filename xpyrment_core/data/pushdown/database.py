"""Protocol of a database to which an engine pushes sums down.

An engine that implements `Database` gets the rest (`DatabaseSource`) from the core: which sums,
when a second pass is needed, and units, exclusions and samples.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from xpyrment_core.choices import Label
from xpyrment_core.data.groups import Grouping, GroupReading, Level, columns_of_groupings
from xpyrment_core.data.labels import is_missing
from xpyrment_core.data.pushdown.sums import Factor, Sum, SumPlan, centre, columns_of, unreliable_columns
from xpyrment_core.data.query import ColumnType, Query
from xpyrment_core.values.moments import Moments

# The pilot only has to place a centre within some standard deviations of the mean, for which 1,024 rows suffice;
# if they are unrepresentative, a second pass repairs it.
PILOT_ROWS = 1024
SAMPLE_ROWS = 200_000
"""First rows searched for a repeated unit: by the birthday paradox they contain one if units commonly repeat."""

Centres = Mapping[str, Any]
"""Centre subtracted from each column: a number, or (mapping of label to number) one for each variant.

Of a query with one grouping it may be a `GroupCentres`.
"""


@frozen(eq=False)
class GroupCentres:
    """Centres of a column that differ between the groups of a grouping.

    Attributes
    ----------
    columns : tuple of str
        The grouping.
    usual : mapping of label to float
        Per variant, in groups that have none of their own.
    own : mapping of (Level, label) to float
    """

    columns: Grouping
    usual: Mapping[Label, float]
    own: Mapping[tuple[Level, Label], float]


@frozen
class Pilot:
    """Estimates from the first rows of one column.

    Attributes
    ----------
    centre : float
        Approximate mean of its finite values; 0 if it has none or is not numeric.
    missing : bool
        Whether a value may be missing. If False the sums need no mask, and the database must
        turn a missing value into NaN, so that the sum becomes NaN and a second pass follows.
    """

    centre: float = 0.0
    missing: bool = True

    @classmethod
    def of(cls, mean: float | None, least: float | None, spread: float | None, missing: bool) -> "Pilot":
        """Return a pilot from mean, minimum and standard deviation of the finite values, None without any."""
        if mean is None or least is None or mean != mean:
            return cls(0.0, missing)
        # The mean of equal values is rounded; the minimum is exact.
        return cls(centre(mean, spread) if spread else float(least), missing)


@frozen(eq=False)
class Request:
    """Everything that one statement needs.

    Attributes
    ----------
    query : Query
    plan : SumPlan
        The sums to compute.
    centres : mapping of str to float, or to (mapping of label to float)
    shifts : mapping of str to float
        Value imputed for a missing one.
    labels : tuple of labels
        By unit: every label in the data; a row's code is its label's place here.
    only_arms : bool
        Whether rows of other variants must be left out (there may be some).
    levels : mapping of str to tuple of labels
        The values of each column of `group_columns`.
    """

    query: Query
    plan: SumPlan
    # A centre per column in the first pass; per variant in the second, once the means are known.
    centres: Centres
    shifts: Mapping[str, Any]
    labels: tuple[Label, ...] = ()
    only_arms: bool = True
    levels: Mapping[str, tuple[Label, ...]] = field(factory=dict)

    @property
    def group_columns(self) -> tuple[str, ...]:
        """Columns of the query's groupings, each once."""
        return columns_of_groupings(self.query.group_cols)


@frozen(eq=False)
class Fetched:
    """Rows of the compared arms, one array a factor.

    Attributes
    ----------
    code : ndarray of int
        Place of each row's label in the query's arms.
    arrays : mapping of Factor to ndarray of float64
        Values (NaN where missing), levels, gaps, as `sample_factors` lists them.
    units : ndarray of int or None
        A code of each row's unit.
    groups : mapping of str to Arrow array
        Each group column of the query.
    """

    code: NDArray[Any]
    arrays: Mapping[Factor, NDArray[np.float64]]
    units: NDArray[np.int64] | None = None
    groups: Mapping[str, Any] = field(factory=dict)


class Database(Protocol):
    """A database that can sum rows; every method but `types` and `explain` reads rows.

    One that also sums per group has an attribute ``reads_groups`` that is True, the longer rows of `sums`, and a
    method ``changed_units(query, columns, limit)`` that returns some units with several values in the columns.
    """

    described: str
    """Description of the data in messages."""

    def types(self) -> Mapping[str, ColumnType]:
        """Return the type of every column, in order."""
        ...

    def errors(self) -> AbstractContextManager[None]:
        """Return a context that turns any exception of the library into an EngineError."""
        ...

    def count_labels(self, column: str) -> Iterable[Sequence[Any]]:
        """Return (value, rows) per distinct value; missing values as None or NaN."""
        ...

    def pilot(self, columns: Sequence[str]) -> Mapping[str, Pilot]:
        """Return a pilot of each numeric column, from its first rows."""
        ...

    def count_units(self, treatment_col: str, unit_col: str) -> Iterable[Sequence[Any]]:
        """Return (label, rows, rows that name a unit) per label."""
        ...

    def most_rows(self, treatment_col: str, unit_col: str, first: int | None) -> int:
        """Return the most rows any unit has, in the first rows or in all; rows with a label only."""
        ...

    def rows_in_two_arms(self, treatment_col: str, unit_col: str) -> Iterable[Sequence[Any]]:
        """Return (label, rows) of the units seen under more than one label."""
        ...

    def sums(self, request: Request) -> Iterable[Sequence[Any]]:
        """Return rows of (label, sum, …), the sums as in the plan.

        By unit (code, in two arms, units, rows, sum, …): the code of the unit's least label,
        and whether it has another.

        With group columns, rows per variant and value of every group column: (label, value, …, rows, sum, …), and by
        unit (code, in two arms, value, whether the unit has another, …, units, rows, sum, …). A missing value is
        None or NaN; of a unit with several values it does not matter.
        """
        ...

    def values(self, query: Query, by_unit: bool) -> Fetched:
        """Fetch the rows of the compared arms; by unit, those with a unit seen under one label."""
        ...

    def count_infinite(self, columns: Sequence[str], treatment_col: str) -> Iterable[Sequence[Any]]:
        """Return (label, infinite values of the first column, …) per label."""
        ...

    def values_outside(self, column: str, allowed: Sequence[float], limit: int) -> Iterable[float]:
        """Return the smallest distinct values of a column that are not missing and not allowed."""
        ...

    def explain(self, query: Query) -> str:
        """Describe how a query is answered."""
        ...


Totals = tuple[Label, bool, int, int]


@frozen(eq=False)
class Answer:
    """The result of one or several requests.

    Attributes
    ----------
    moments : mapping of (row set key, arm) to Moments
    rows : mapping of (row set key, arm) to int
    totals : tuple of (label, in two arms, units, rows)
        By unit: units and rows per label.
    passes : int
        Requests it took.
    groups : mapping of Grouping to GroupReading
    """

    moments: Mapping[tuple[str, Label], Moments] = field(factory=dict)
    rows: Mapping[tuple[str, Label], int] = field(factory=dict)
    totals: tuple[Totals, ...] = ()
    passes: int = 0
    groups: Mapping[Grouping, GroupReading] = field(factory=dict)

    def updated(self, later: "Answer") -> "Answer":
        """Return this answer, updated by a later one."""
        return Answer(
            {**self.moments, **later.moments},
            {**self.rows, **later.rows},
            self.totals or later.totals,
            self.passes + later.passes,
            later.groups
            if not self.groups
            else {
                key: group.updated(later.groups[key]) if key in later.groups else group
                for key, group in self.groups.items()
            },
        )


def read_answer(request: Request, rows: Iterable[Sequence[Any]]) -> Answer:
    """Return the moments from the rows that a database returned; an arm without rows has none."""
    plan = request.plan
    totals: list[Totals] = []
    sums: dict[Label, Sequence[Any]] = {}
    for row in rows:
        if plan.by_unit:
            label = request.labels[int(row[0])]
            totals.append((label, bool(row[1]), int(row[2]), int(row[3])))
            # Units in two arms count in no arm.
            if not row[1]:
                sums[label] = row[4:]
        elif not is_missing(row[0]):
            sums[row[0]] = row[1:]
    moments, counts = {}, {}
    for arm in request.query.arms:
        values = by_sum(plan, sums.get(arm, ()))
        centres = {column: centre_in(request.centres, column, arm) for column in request.centres}
        for row_set in plan.row_sets:
            moments[row_set.key, arm] = plan.moments(row_set, values, centres)
            counts[row_set.key, arm] = plan.rows(row_set, values)
    return Answer(moments, counts, tuple(totals), 1)


def by_sum(plan: SumPlan, row: Sequence[Any]) -> Callable[[Sum], float]:
    """Return the value of each sum of a plan, from a row of them."""
    values = dict(zip(plan.sums, row, strict=len(row) > 0))
    return lambda s: float(values.get(s) or 0.0)  # SQL's sum of no rows is null


def centre_in(centres: Centres, column: str, arm: Label, level: Level | None = None) -> float:
    """Return the centre of a column in one arm, or in one group of it."""
    value = centres[column]
    if isinstance(value, GroupCentres):
        return float(value.usual[arm] if level is None else value.own.get((level, arm), value.usual[arm]))
    return float(value[arm] if isinstance(value, Mapping) else value)


def second_pass(request: Request, moments: Mapping[tuple[str, Label], Moments]) -> Request | None:
    """Return the request for a second pass, or None if the sums are reliable."""
    plan, centres = request.plan, request.centres
    not_finite, better = unreliable_columns(plan.row_sets, moments, lambda column, arm: centre_in(centres, column, arm))
    # A masked column that is still not finite holds an infinity: no further pass would help.
    suspects = not_finite - plan.may_be_missing
    moved = {
        column: {arm: arm_centres.get(arm, centres[column]) for arm in request.query.arms}
        for column, arm_centres in better.items()
        # A centre that was already moved is final: a second move would repeat passes without gaining digits.
        if not isinstance(centres[column], Mapping)
    }
    again = suspects | set(moved)
    row_sets = [row_set for row_set in plan.row_sets if again & set(columns_of([row_set]))]
    if not row_sets:
        return None
    plan = evolve(plan, row_sets=row_sets, may_be_missing=plan.may_be_missing | suspects)
    return evolve(request, plan=plan, centres={**centres, **moved})
