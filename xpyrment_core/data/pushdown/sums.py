"""Translates a query into sums, and the sums back into moments.

A `SumPlan` lists the sums that an engine computes in one statement, and turns them into moments: with a centre `c` per
column (the mean of a few rows) ``sum(x - c)`` and ``sum((x - c) * (y - c))``, which keep the variance of
``1e9 + N(0, 1)``.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any, Literal

import numpy as np
from attrs import field, frozen

from xpyrment_core.choices import Label
from xpyrment_core.data.groups import UnitSums
from xpyrment_core.data.query import RowSet, Term
from xpyrment_core.values.moments import Moments, Vector

FactorKind = Literal["value", "filled", "missing", "level", "rows"]
ROWS_NAME = "\0rows"
"""The moments column that counts a unit's rows; not a possible name of a data column."""

ABSORBED = 1e-6
"""Share of a centre below which a mean is suspected to be what rounding left of it."""

FAR = 100.0
"""Standard deviations between centre and mean beyond which sums are repeated about a better centre."""


@frozen
class Factor:
    """One number per row: a term of the query, or the row's own count of 1.

    Attributes
    ----------
    column : str
        The data column; empty for ``rows``.
    kind : {"value", "filled", "missing", "level", "rows"}
        As in `Term`, and so is `level`; ``value`` is missing where the column is, ``rows`` is 1 on every row.
    """

    column: str
    kind: FactorKind
    level: Any = None


ROWS = Factor("", "rows")

MaskedFactor = tuple[frozenset[str], Factor]
"""A factor on the rows where every column of a mask is observed."""


@frozen
class Sum:
    """A sum over the rows (or, by unit, over the units) of one variant.

    Attributes
    ----------
    mask : frozenset of str
        Columns that must be observed for a row to count.
    factors : tuple of Factor
        None: the count; one: its sum; two: the sum of their product.
        By unit, a factor stands for its sum over the unit's rows.
    """

    mask: frozenset[str]
    factors: tuple[Factor, ...] = ()


def _in_order(row_sets: Iterable[RowSet]) -> tuple[RowSet, ...]:
    return tuple(row_sets)


def _names(columns: Iterable[str]) -> frozenset[str]:
    return frozenset(columns)


@frozen(eq=False)
class SumPlan:
    """The sums that answer some row sets; sums shared by several row sets are computed once.

    Attributes
    ----------
    row_sets : tuple of RowSet
    may_be_missing : frozenset of str
        Columns that may have missing values. The others are assumed complete and need no mask;
        `unreliable_columns` detects if the assumption was wrong.
    by_unit : bool
        Whether factors are summed over each unit's rows first.

    Examples
    --------
    Two metrics without missing values share the count, and no cross-product is formed:

    >>> rows = [RowSet(c, (c,), (Term(c, c),)) for c in ("orders", "revenue")]
    >>> len(SumPlan(rows, frozenset()).sums), len(SumPlan(rows, frozenset({"revenue"})).sums)
    (5, 6)
    """

    row_sets: tuple[RowSet, ...] = field(converter=_in_order)
    may_be_missing: frozenset[str] = field(converter=_names)
    by_unit: bool = False

    def mask(self, row_set: RowSet) -> frozenset[str]:
        """Return the columns that decide which rows the row set has."""
        # Complete columns are left out, so that row sets over complete data share one mask and all their sums.
        return frozenset(row_set.required) & self.may_be_missing

    def factors(self, row_set: RowSet) -> tuple[Factor | None, ...]:
        """Return the factor of each term, None for one that is 0 on every row."""
        factors = tuple(self._factor(row_set, term) for term in row_set.terms)
        return (*factors, ROWS) if self.by_unit else factors

    def _factor(self, row_set: RowSet, term: Term) -> Factor | None:
        if term.kind == "level":
            return Factor(term.column, "level", term.level)
        if term.column not in self.may_be_missing or term.column in row_set.required:
            return None if term.kind == "missing" else Factor(term.column, "value")
        return Factor(term.column, term.kind)

    def cells(self, row_set: RowSet) -> dict[tuple[int, int], Sum | None]:
        """Return the sum of products at each place on and above the diagonal, None for 0."""
        mask, factors = self.mask(row_set), self.factors(row_set)
        places = combinations_with_replacement(range(len(factors)), 2)
        return {(i, j): self._product(mask, factors[i], factors[j]) for i, j in places}

    def _product(self, mask: frozenset[str], a: Factor | None, b: Factor | None) -> Sum | None:
        if a is None or b is None:
            return None
        # By unit these identities fail: a factor is then a sum over rows, and its square is not itself.
        if not self.by_unit and a.column == b.column:
            if a == b and a.kind in ("missing", "level"):
                return Sum(mask, (a,))  # an indicator is its own square
            if _never_together(a, b):
                return None
        # One order of the factors, so that x * y and y * x are the same sum.
        first, second = sorted((a, b), key=lambda f: (f.column, f.kind, repr(f.level)))
        return Sum(mask, (first, second))

    @cached_property
    def sums(self) -> tuple[Sum, ...]:
        """All sums needed, each once."""
        sums: dict[Sum, None] = {}
        for row_set in self.row_sets:
            mask = self.mask(row_set)
            sums[Sum(mask)] = None
            sums.update((Sum(mask, (f,)), None) for f in self.factors(row_set) if f is not None)
            sums.update((cell, None) for cell in self.cells(row_set).values() if cell is not None)
        return tuple(sums)

    @cached_property
    def masked_factors(self) -> dict[MaskedFactor, int]:
        """Every pair of mask and factor that some sum needs, numbered in order of first use."""
        pairs = dict.fromkeys((s.mask, factor) for s in self.sums for factor in s.factors)
        return {pair: i for i, pair in enumerate(pairs)}

    @cached_property
    def mask_names(self) -> dict[frozenset[str], str]:
        """A name for every mask that some sum needs."""
        return {mask: f"m{i}" for i, mask in enumerate(dict.fromkeys(s.mask for s in self.sums))}

    def moments(self, row_set: RowSet, value: Callable[[Sum], float], centres: Mapping[str, float]) -> Moments:
        """Return the row set's moments, given the value of each of its sums in one variant.

        Parameters
        ----------
        row_set : RowSet
        value : callable
            Gives the variant's value of each of the row set's sums.
        centres : mapping of str to float
            Centre subtracted from each column's values in this variant.
        """
        if self.by_unit:
            return self.unit_sums(row_set, value, centres).per_row()
        shift = self._shift(row_set, centres)
        return self._from_sums(row_set, row_set.names, value, shift)

    def unit_sums(self, row_set: RowSet, value: Callable[[Sum], float], centres: Mapping[str, float]) -> UnitSums:
        """Return the moments of sums over each unit's rows; parameters as in `moments`."""
        names = (*row_set.names, ROWS_NAME)
        sums = self._from_sums(row_set, names, value, np.zeros(len(names)))
        return UnitSums(sums, ROWS_NAME, self._shift(row_set, centres))

    def _shift(self, row_set: RowSet, centres: Mapping[str, float]) -> Vector:
        return np.array([centres[t.column] if t.kind in ("value", "filled") else 0.0 for t in row_set.terms])

    def _from_sums(
        self, row_set: RowSet, names: tuple[str, ...], value: Callable[[Sum], float], shift: Vector
    ) -> Moments:
        mask, factors = self.mask(row_set), self.factors(row_set)
        # m2 = sum((x - c)(y - c)) - n (mean_x - c)(mean_y - c): little cancels, because c is near the mean.
        n = int(value(Sum(mask)))
        if n == 0:
            return Moments.empty(names)
        sums = np.array([0.0 if f is None else value(Sum(mask, (f,))) for f in factors])
        products = np.zeros((len(factors), len(factors)))
        for (i, j), cell in self.cells(row_set).items():
            products[i, j] = products[j, i] = 0.0 if cell is None else value(cell)
        with np.errstate(invalid="ignore", over="ignore"):
            return Moments.from_shifted_sums(names, n, sums, products, shift)

    def rows(self, row_set: RowSet, value: Callable[[Sum], float]) -> int:
        """Return the complete rows of the row set in one variant."""
        return int(value(Sum(self.mask(row_set), (ROWS,) if self.by_unit else ())))


def _never_together(a: Factor, b: Factor) -> bool:
    """Return whether the product of two factors of one column is 0 on every row."""
    kinds = {a.kind, b.kind}
    return kinds == {"missing", "level"} or (kinds == {"level"} and a.level != b.level)


def columns_of(row_sets: Iterable[RowSet]) -> tuple[str, ...]:
    """Return the data columns that the row sets read, in order of appearance."""
    columns: dict[str, None] = {}
    for row_set in row_sets:
        columns.update(dict.fromkeys(row_set.required))
        columns.update(dict.fromkeys(term.column for term in row_set.terms))
    return tuple(columns)


def number_columns(row_sets: Iterable[RowSet]) -> tuple[str, ...]:
    """Return the data columns whose values (not only levels or missingness) are needed."""
    terms = (term for row_set in row_sets for term in row_set.terms)
    return tuple(dict.fromkeys(term.column for term in terms if term.kind in ("value", "filled")))


def unmonitored(row_sets: Iterable[RowSet]) -> frozenset[str]:
    """Return the columns whose missingness matters to a row set that does not sum their values.

    No sum would reveal a missing value of such a column, so it is never assumed complete.
    """
    columns: set[str] = set()
    for row_set in row_sets:
        gaps = {*row_set.required, *(term.column for term in row_set.terms if term.kind == "missing")}
        columns |= gaps.difference(number_columns([row_set]))
    return frozenset(columns)


def centre(mean: float, spread: float) -> float:
    """Return a number near `mean` with few binary digits, to subtract from a column's values.

    It lies within an eighth of the standard deviation `spread`. Integers (and 0/1 columns)
    minus such a centre are summed without rounding, in any order, so a constant variant
    has a variance of exactly 0.

    Examples
    --------
    >>> centre(0.3712, 0.48), centre(1e9 + 0.2, 1.0)
    (0.375, 1000000000.25)
    """
    if not math.isfinite(spread) or spread <= 0 or not math.isfinite(mean):
        return mean
    # A power of two between an eighth and a quarter of the spread.
    grid = 2.0 ** math.floor(math.log2(spread / 4))
    return round(mean / grid) * grid if grid > 0 and math.isfinite(mean / grid) else mean


def unreliable_columns(
    row_sets: Iterable[RowSet],
    moments: Mapping[tuple[str, Label], Moments],
    centres: Callable[[str, Label], float],
) -> tuple[frozenset[str], dict[str, dict[Label, float]]]:
    """Return the columns whose sums are unreliable.

    Returns
    -------
    not_finite : frozenset of str
        Columns whose sums are not finite: an infinity, or a missing value in a column assumed complete.
    better : dict of str to (dict of label to float)
        Columns whose centre lies so far from a variant's mean that the variance loses
        digits, with a better centre for each variant.
    """
    not_finite: set[str] = set()
    better: dict[str, dict[Label, float]] = {}
    for row_set in row_sets:
        parts = {arm: m for (key, arm), m in moments.items() if key == row_set.key and m.n}
        for i, term in enumerate(row_set.terms):
            if term.kind not in ("value", "filled"):
                continue
            arms = {arm: (m.n, float(m.mean[i]), float(m.m2[i, i])) for arm, m in parts.items()}
            if not all(math.isfinite(mean) and math.isfinite(m2) for _, mean, m2 in arms.values()):
                not_finite.add(term.column)
            elif any(_far(*arms[arm], centres(term.column, arm)) for arm in arms):
                better[term.column] = {
                    arm: centre(mean, math.sqrt(max(m2, 0.0) / n)) for arm, (n, mean, m2) in arms.items()
                }
    return frozenset(not_finite), better


def _far(n: int, mean: float, m2: float, centre: float) -> bool:
    # A sum of squares of exactly 0 is that of a constant, unless the values vanished beside a much larger centre, of a
    # variant that is not compared: the mean is then 0 beside it.
    if m2 == 0:
        return mean != centre and abs(mean) <= ABSORBED * abs(centre)
    # With centre k standard deviations off, about 2 log10(k) of 16 digits cancel: at 100 twelve remain.
    return n * (mean - centre) ** 2 > FAR**2 * max(m2, 0.0)
