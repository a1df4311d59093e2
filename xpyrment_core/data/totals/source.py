"""Totals as a data source: each metric is a column of which size, mean and variance are known."""

from collections.abc import Iterable, Mapping, Sequence

from xpyrment_core.choices import Label
from xpyrment_core.data.groups import columns_of_groupings
from xpyrment_core.data.labels import in_order
from xpyrment_core.data.query import ColumnType, Query, Reading, RowSet, check_column
from xpyrment_core.data.totals.values import MetricTotals, Totals
from xpyrment_core.errors import InputError, listing
from xpyrment_core.values.moments import Moments
from xpyrment_core.values.samples import ArmSample


class TotalsSource:
    """Totals as opened data; see `xpyrment_core.data.source.Source`.

    Parameters
    ----------
    totals : Totals

    Examples
    --------
    >>> from xpyrment_core.data.totals.parse import totals_of
    >>> source = TotalsSource(totals_of({"control": (12, 100), "treatment": (19, 102)}, "converted"))
    >>> source.schema(), source.labels("variant")
    ({'variant': 'text', 'converted': 'number'}, {'control': 100, 'treatment': 102})
    """

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._metrics = {metric.name: metric for metric in totals.metrics}

    def schema(self) -> Mapping[str, ColumnType]:
        """Return the column of variants, and one column per metric."""
        return {self._totals.treatment_col: "text", **dict.fromkeys(self._metrics, "number")}

    def labels(self, column: str) -> Mapping[Label | None, int]:
        """Return units per variant."""
        if column != self._totals.treatment_col:
            raise InputError(
                f"the mean of {column!r}, not its values, is known from {self._totals.name}; the variants are the "
                f"column {self._totals.treatment_col!r}."
            )
        units = self._totals.units
        return {label: units[label] for label in in_order(units)}

    def moments(self, query: Query) -> Reading:
        """Return the moments that the totals are; no rows are read."""
        self._check(query)
        moments: dict[tuple[str, Label], Moments] = {}
        for row_set in query.row_sets:
            metric = self._metric_of(row_set)
            for arm in query.arms:
                moments[row_set.key, arm] = _moments(metric, arm, row_set)
        return Reading(moments=moments, rows={key: found.n for key, found in moments.items()}, passes=0)

    def samples(self, query: Query) -> Mapping[tuple[str, Label], ArmSample]:
        """Raise an error: totals contain no unit-level values."""
        keys = dict.fromkeys(row_set.key for row_set in query.row_sets)
        raise InputError(
            f"only size, mean and spread of {listing(keys)} are known from {self._totals.name}, not the values of the "
            f"units, which ranks, quantiles, permutation and the bootstrap need; analyse the rows, or compare means."
        )

    def infinite(self, columns: Sequence[str], treatment_col: str) -> Mapping[tuple[str, Label], int]:
        """Return no counts: totals are finite."""
        return {(column, label): 0 for column in columns for label in self._totals.units}

    def values_outside(self, column: str, allowed: Iterable[float], limit: int = 5) -> tuple[float, ...]:
        """Return an empty tuple for successes out of n, whose values are 0 and 1.

        Raises
        ------
        InputError
            Which values a metric has is not known from its mean.
        """
        check_column("column", column, self._metrics)
        if {0.0, 1.0} <= {float(value) for value in allowed} and self._metrics[column].binary:
            return ()
        raise InputError(
            f"the totals of {column!r} are a mean and a spread, not successes; give successes and n for a proportion."
        )

    def explain(self, query: Query) -> str:
        """Describe the totals of each metric."""
        self._check(query)
        lines = [f"{self._totals.name}: totals per variant, no rows are read."]
        for row_set in query.row_sets:
            metric = self._metric_of(row_set)
            sizes = ", ".join(f"{arm} n = {_size(metric, arm):,}" for arm in query.arms)
            lines.append(f"{metric.name}: {'successes' if metric.binary else 'mean and spread'}, {sizes}")
        return "\n".join(lines)

    def _check(self, query: Query) -> None:
        self.labels(query.treatment_col)
        if query.unit_col is not None:
            raise InputError(
                f"the sizes in {self._totals.name} are of units already; leave id_col and cluster_col out, "
                f"got {query.unit_col!r}."
            )
        groups = columns_of_groupings(query.group_cols)
        if groups:
            raise InputError(
                f"the totals in {self._totals.name} are those of whole variants, which cannot be split by "
                f"{listing(groups)}; analyse the rows."
            )

    def _metric_of(self, row_set: RowSet) -> MetricTotals:
        columns = list(dict.fromkeys((*row_set.required, *(term.column for term in row_set.terms))))
        if len(columns) != 1:
            raise InputError(
                f"{row_set.key} needs the covariance of {listing(columns)}, which is not known from "
                f"{self._totals.name}; analyse the rows, or a file of moments (xpyrment aggregate)."
            )
        return self._metrics[columns[0]]


def _size(metric: MetricTotals, arm: Label) -> int:
    return metric.arms[arm].n if arm in metric.arms else 0


def _moments(metric: MetricTotals, arm: Label, row_set: RowSet) -> Moments:
    if not _size(metric, arm):
        return Moments.empty(row_set.names)
    totals, terms = metric.arms[arm], len(row_set.terms)
    return Moments(row_set.names, totals.n, [totals.mean] * terms, [[totals.m2] * terms] * terms)
