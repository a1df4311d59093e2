"""Lazy aggregation for all sums of a request."""

from collections.abc import Collection
from typing import Any

import narwhals as nw
from attrs import frozen

from xpyrment_core.data.pushdown.database import Request
from xpyrment_core.data.pushdown.sums import ROWS, Factor, MaskedFactor, Sum, SumPlan
from xpyrment_lazy.expressions import all_of, centre_of, code_of, number, observed, product

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
    """

    frame: Frame
    can_be_nan: Collection[str]
    request: Request

    def aggregated(self) -> Frame:
        """Return a lazy frame with the rows of `xpyrment_core.data.pushdown.database.Database.sums`."""
        rows = self._masked(self._rows())
        if not self._plan.by_unit:
            return self._summed(rows, ["label"], ["label"])
        units = rows.group_by("unit").agg(
            nw.col("code").min().alias("code"),
            nw.col("code").max().alias("last"),
            nw.len().alias("n"),
            *(self._unit_sum(key, f"u{i}") for key, i in self._plan.masked_factors.items()),
        )
        units = units.with_columns((nw.col("code") != nw.col("last")).alias("two"))
        return self._summed(units, ["code", "two"], ["code", "two", "units", "rows"])

    @property
    def _plan(self) -> SumPlan:
        return self.request.plan

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
        for (mask, factor), i in self._plan.masked_factors.items():
            if factor != ROWS:
                columns.append(self._on_mask(mask, self._value(factor), factor).alias(f"f{i}"))
        for mask, name in self._plan.mask_names.items():
            columns.append(self._on_mask(mask, nw.lit(1.0)).alias(name))
        return rows.select(*columns)

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
        centre = centre_of(self.request.query.treatment_col, self.request.centres[factor.column])
        if factor.kind == "value":
            return number(factor.column) - centre
        stand_in = nw.lit(float(self.request.shifts[factor.column]))
        return nw.when(there).then(number(factor.column)).otherwise(stand_in) - centre

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
