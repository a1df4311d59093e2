"""Aggregates of data: counts and moments per variant, in place of rows."""

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import field, frozen

from xpyrment_core import InputError, Label, Moments, UnitReport, listing
from xpyrment_core.data.query import ColumnType, RowSet, Term


@frozen(eq=False)
class StoredSet:
    """The moments of some terms on the rows where all `required` columns are observed.

    Attributes
    ----------
    required : frozenset of str
    terms : tuple of Term
    moments : mapping of label to Moments
    rows : mapping of label to int
        Rows behind the moments (their n counts units, where units have several).
    """

    required: frozenset[str]
    terms: tuple[Term, ...]
    moments: Mapping[Label, Moments]
    rows: Mapping[Label, int]


@frozen(eq=False, kw_only=True)
class Aggregate:
    """Sufficient statistics of data for analyses of functions of means.

    Attributes
    ----------
    treatment_col : str
    unit_col : str or None
        Column of the unit of randomisation that rows were summed by.
    columns : mapping of str to {"number", "boolean", "text", "other"}
        Types of the known columns.
    levels : mapping of str to (mapping of label to int)
        Rows per value of the treatment column and of text covariates; None counts the missing.
    sets : tuple of StoredSet
    shifts : mapping of str to float
        Values imputed for missing covariates in ``filled`` terms.
    units : UnitReport or None
    binary : frozenset of str
        Columns known to hold only 0 and 1.
    infinite : mapping of (column, label) to int
        Infinite values, where there are some.
    origin : mapping of str to str
        Provenance: data, engine, version, time.
    name : str
        Name in messages: the path of its file.
    """

    treatment_col: str
    unit_col: str | None = None
    columns: Mapping[str, ColumnType]
    levels: Mapping[str, Mapping[Label | None, int]]
    sets: tuple[StoredSet, ...]
    shifts: Mapping[str, float] = field(factory=dict)
    units: UnitReport | None = None
    binary: frozenset[str] = frozenset()
    infinite: Mapping[tuple[str, Label], int] = field(factory=dict)
    origin: Mapping[str, str] = field(factory=dict)
    name: str = "the aggregate"

    @property
    def labels(self) -> Mapping[Label | None, int]:
        """Rows per variant."""
        return self.levels[self.treatment_col]

    def complete(self, stored: StoredSet) -> bool:
        """Return whether a set covers every row that has a variant (and a unit in one variant only)."""
        return all(stored.rows.get(arm, 0) == self._countable(arm) for arm in self.labels if arm is not None)

    def _countable(self, arm: Label) -> int:
        lost = 0
        if self.units is not None:
            lost = self.units.rows_without_unit.get(arm, 0) + self.units.rows_in_two_arms.get(arm, 0)
        return self.labels.get(arm, 0) - lost

    def find(self, required: Sequence[str]) -> StoredSet:
        """Return the set whose rows are those where all `required` columns are observed.

        A set without missing values also answers for its subsets.

        Raises
        ------
        InputError
            The columns were not aggregated together.
        """
        columns = frozenset(required)
        # The rows of a set without missing values are all rows, which are those of each of its subsets too.
        for stored in self.sets:
            if stored.required == columns or (columns <= stored.required and self.complete(stored)):
                return stored
        named = "/".join(required) or "all rows"
        known = ["/".join(sorted(stored.required)) or "all rows" for stored in self.sets]
        raise InputError(
            f"'{self.name}' has no moments of {named}: it has those of {listing(known)}. "
            f"Aggregate again with --columns {named}."
        )

    def moments(self, row_set: RowSet, arm: Label, shifts: Mapping[str, float]) -> tuple[Moments, int]:
        """Return a row set's moments in one arm, and its rows, with missing values imputed by `shifts`.

        Raises
        ------
        InputError
            A column of the row set was not aggregated.
        """
        stored = self.find(row_set.required)
        known = stored.moments.get(arm)
        if known is None or known.n == 0:
            return Moments.empty(row_set.names), 0
        # Moments of the linear map A x: A mean and A m2 A'. A is sparse, so that an infinite column affects only the
        # terms that use it (0 times infinity is NaN).
        weights = [self._weights(stored, term, shifts) for term in row_set.terms]
        mean = [_combined(known.mean, row) for row in weights]
        m2 = [[sum(w * _combined(known.m2[j], b) for j, w in a.items()) for b in weights] for a in weights]
        return Moments(row_set.names, known.n, mean, np.reshape(m2, (len(mean), len(mean)))), stored.rows[arm]

    def _weights(self, stored: StoredSet, term: Term, shifts: Mapping[str, float]) -> dict[int, float]:
        """Return a term as a linear combination of stored terms."""
        at = {(t.column, t.kind, t.level): j for j, t in enumerate(stored.terms)}
        value = at.get((term.column, "value", None))
        missing = at.get((term.column, "missing", None))
        if term.kind == "level":
            indicator = at.get((term.column, "level", term.level))
            if indicator is None and term.column not in self.levels:
                raise self._not_aggregated(term.column)
            # A level that does not occur in this part is 0 on every row.
            return {} if indicator is None else {indicator: 1.0}
        # The columns required by a set are observed in all of its rows.
        if value is not None:
            return {} if term.kind == "missing" else {value: 1.0}
        if missing is None or term.kind == "value":
            raise self._not_aggregated(term.column)
        if term.kind == "missing":
            return {missing: 1.0}
        # Imputed with another value: x + (new shift - old shift) * missing.
        return {at[term.column, "filled", None]: 1.0, missing: shifts[term.column] - self.shifts[term.column]}

    def _not_aggregated(self, column: str) -> InputError:
        return InputError(
            f"'{self.name}' has no moments of {column!r} together with the other columns of the metric. "
            f"Aggregate again with --covariates {column} (or --columns a/{column})."
        )


def _combined(values: np.ndarray, weights: Mapping[int, float]) -> float:
    """Return the weighted sum of some of the values; infinite values with weight 0 do not affect it."""
    return sum(float(values[j]) * weight for j, weight in weights.items())
