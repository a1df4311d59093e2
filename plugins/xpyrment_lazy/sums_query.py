"""Lazy aggregation for all sums of a request."""

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

import narwhals as nw
from attrs import field, frozen

from xpyrment_core.data.pushdown.database import GroupCentres, Request
from xpyrment_core.data.pushdown.sums import ROWS, Factor, MaskedFactor, Sum, SumPlan
from xpyrment_lazy.expressions import all_of, centre_of, code_of, level_is, number, observed, product

Frame = nw.LazyFrame[Any]


@frozen(eq=False)
class Statement:
    """The aggregation of a request: rows, masked values, sums per unit, and sums.

    Each step selects only the columns that the next one needs.

    Attributes
    ----------
    frame : narwhals LazyFrame
    can_be_nan : collection of str
        Columns that may hold NaN.
    request : Request
    minimum_as : mapping of str to narwhals type
        Types in which group columns are compared, where their own has no minimum in every library.
    """

    frame: Frame
    can_be_nan: Collection[str]
    request: Request
    minimum_as: Mapping[str, Any] = field(factory=dict)

    def aggregated(self) -> Frame:
        """Return a lazy frame with the rows of `xpyrment_core.data.pushdown.database.Database.sums`."""
        rows = self._masked(self._rows())
        if not self._plan.by_unit:
            by = ["label", *self._groups]
            return self._summed(rows, by, [*by, "rows"] if self._groups else by)
        units = rows.group_by("unit").agg(
            nw.col("code").min().alias("code"),
            nw.col("code").max().alias("last"),
            nw.len().alias("n"),
            *(part for name in self._groups for part in _extremes(name)),
            *(self._unit_sum(key, f"u{i}") for key, i in self._plan.masked_factors.items()),
        )
        units = units.with_columns((nw.col("code") != nw.col("last")).alias("two"), *map(_changed, self._groups))
        by = ["code", "two", *(part for name in self._groups for part in (name, f"{name}_changed"))]
        return self._summed(units, by, [*by, "units", "rows"])

    @property
    def _plan(self) -> SumPlan:
        return self.request.plan

    @cached_property
    def _groups(self) -> dict[str, str]:
        return {f"g{i}": column for i, column in enumerate(self.request.group_columns)}

    def _rows(self) -> Frame:
        query = self.request.query
        frame = self.frame
        if query.unit_col is not None:
            frame = frame.filter(self._there(query.unit_col))
        # All labels, not only the arms compared: a unit that also has a label outside them is in two arms.
        if self._plan.by_unit:
            return frame.filter(self._there(query.treatment_col))
        return frame.filter(nw.col(query.treatment_col).is_in(list(query.arms))) if self.request.only_arms else frame

    def _masked(self, rows: Frame) -> Frame:
        """Select the variant, the unit, and every factor and count, null outside its mask."""
        query = self.request.query
        columns = [nw.col(query.treatment_col).alias("label")]
        if self._plan.by_unit:
            code = code_of(query.treatment_col, self.request.labels)
            columns = [nw.col(str(query.unit_col)).alias("unit"), code.alias("code")]
        columns += [self._group(column).alias(name) for name, column in self._groups.items()]
        for (mask, factor), i in self._plan.masked_factors.items():
            if factor != ROWS:
                columns.append(self._on_mask(mask, self._value(factor), factor).alias(f"f{i}"))
        for mask, name in self._plan.mask_names.items():
            columns.append(self._on_mask(mask, nw.lit(1.0)).alias(name))
        return rows.select(*columns)

    def _group(self, column: str) -> nw.Expr:
        """Return a group column, null where it is missing; by unit in a type that has a minimum in every library."""
        value = nw.col(column)
        if self._plan.by_unit and column in self.minimum_as:
            value = value.cast(self.minimum_as[column])
        return nw.when(self._there(column)).then(value) if column in self.can_be_nan else value

    def _there(self, column: str) -> nw.Expr:
        return observed(column, column in self.can_be_nan)

    def _on_mask(self, mask: frozenset[str], value: nw.Expr, factor: Factor | None = None) -> nw.Expr:
        """Return a value, null where a column of the mask is missing; a value is missing where its column is."""
        # Null rather than NaN or 0: every library leaves null out of a sum, and NaN only some.
        columns = set(mask)
        if factor is not None and factor.kind == "value":
            columns.add(factor.column)
        return nw.when(all_of([self._there(c) for c in sorted(columns)])).then(value) if columns else value

    def _value(self, factor: Factor) -> nw.Expr:
        there = self._there(factor.column)
        if factor.kind == "level":
            return nw.when(nw.col(factor.column) == factor.level).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
        if factor.kind == "missing":
            return nw.when(there).then(nw.lit(0.0)).otherwise(nw.lit(1.0))
        centre = self._centre(self.request.centres[factor.column])
        if factor.kind == "value":
            return number(factor.column) - centre
        stand_in = nw.lit(float(self.request.shifts[factor.column]))
        return nw.when(there).then(number(factor.column)).otherwise(stand_in) - centre

    def _centre(self, centres: Any) -> nw.Expr:
        treatment_col = self.request.query.treatment_col
        if not isinstance(centres, GroupCentres):
            return centre_of(treatment_col, centres)
        centre = centre_of(treatment_col, centres.usual)
        for (level, arm), own in centres.own.items():
            here = (nw.col(treatment_col) == arm) & level_is(centres.columns, level, self.can_be_nan)
            centre = nw.when(here).then(nw.lit(own)).otherwise(centre)
        return centre

    def _unit_sum(self, key: MaskedFactor, name: str) -> nw.Expr:
        mask, factor = key
        # Ones that are null outside the mask: their sum is the number of rows.
        source = self._plan.mask_names[mask] if factor == ROWS else f"f{self._plan.masked_factors[key]}"
        return nw.col(source).sum().alias(name)

    def _summed(self, frame: Frame, by: list[str], head: list[str]) -> Frame:
        """Compute the products as columns, because not every back end can sum expressions, and sum them."""
        products = {f"s{i}": self._summand(term) for i, term in enumerate(self._plan.sums)}
        frame = frame.select(*by, *(["n"] if self._plan.by_unit else []), *(v.alias(k) for k, v in products.items()))
        totals = [nw.col(name).sum() for name in products]
        if self._plan.by_unit:
            totals = [nw.len().alias("units"), nw.col("n").sum().alias("rows"), *totals]
        elif self._groups:
            totals = [nw.len().alias("rows"), *totals]
        return frame.group_by(*by).agg(*totals).select(*head, *products)

    def _summand(self, term: Sum) -> nw.Expr:
        letter = "u" if self._plan.by_unit else "f"
        if term.factors:
            return product(
                [nw.col(f"{letter}{self._plan.masked_factors[term.mask, factor]}") for factor in term.factors]
            )
        if not self._plan.by_unit:
            return nw.col(self._plan.mask_names[term.mask])
        # A unit counts if any of its rows is complete; the sum of none is null or 0, and neither is positive.
        rows = nw.col(f"u{self._plan.masked_factors[term.mask, ROWS]}")
        return nw.when(rows > 0).then(nw.lit(1.0)).otherwise(nw.lit(0.0))


def _extremes(name: str) -> list[nw.Expr]:
    """Return what tells whether a group column changes within a unit: minimum, maximum and observed values."""
    value = nw.col(name)
    return [value.min().alias(name), value.max().alias(f"{name}_last"), value.count().alias(f"{name}_seen")]


def _changed(name: str) -> nw.Expr:
    seen = nw.col(f"{name}_seen")
    # Without any observed value the comparison is null, which `seen > 0` decides.
    changed = (seen > 0) & ((nw.col(name) != nw.col(f"{name}_last")) | (seen < nw.col("n")))
    return changed.alias(f"{name}_changed")
