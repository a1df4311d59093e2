"""Moments of columns: count, means and centred cross-products, mergeable over parts."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from xpyrment_core.errors import InputError
from xpyrment_core.values.strata import StratumVariances

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


def _readonly(values: ArrayLike) -> NDArray[np.float64]:
    # np.array copies; asarray would return the array of the caller, which then became read-only for them too.
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


@frozen(eq=False)
class Moments:
    """Moments of some columns over the units of one variant.

    Attributes
    ----------
    columns : tuple of str
        Names of the k columns, in the order of `mean` and `m2`.
    n : int
        Units (rows, or groups of rows where a unit has several).
    mean : ndarray of shape (k,)
        Column means.
    m2 : ndarray of shape (k, k)
        Sums of products of deviations from the means: ``sum((x - mx) * (y - my))``.
    strata : StratumVariances or None
        Of post-stratified means (`xpyrment_core.stats.stratification`): what each stratum contributes to their
        covariance. `m2` is then such that ``cov / n`` is that covariance. None for a simple sample.

    Notes
    -----
    Two parts of the same variant merge with ``+`` by the pairwise update of
    Chan, Golub and LeVeque (1983), "Algorithms for computing the sample
    variance", The American Statistician 37(3), 242-247; it never forms raw sums
    of squares, so ``1e9 + N(0, 1)`` keeps its variance.

    Examples
    --------
    >>> a, b = (Moments.of({"y": part}) for part in ([1.0, 2.0], [3.0, 6.0]))
    >>> whole = a + b
    >>> whole.n, float(whole.mean[0]), float(whole.cov[0, 0])
    (4, 3.0, 4.666666666666667)
    """

    columns: tuple[str, ...] = field(converter=_names)
    n: int = field(converter=int)
    mean: Vector = field(converter=_readonly)
    m2: Matrix = field(converter=_readonly)
    strata: StratumVariances | None = None

    def __attrs_post_init__(self) -> None:
        k = len(self.columns)
        if self.mean.shape != (k,) or self.m2.shape != (k, k):
            raise InputError(
                f"moments of {k} columns need mean of shape ({k},) and m2 of shape ({k}, {k}), "
                f"got {self.mean.shape} and {self.m2.shape}."
            )

    @classmethod
    def of(cls, columns: Mapping[str, ArrayLike]) -> "Moments":
        """Return the moments of equally long columns held in memory."""
        names = tuple(columns)
        rows = np.column_stack([np.asarray(columns[c], dtype=np.float64) for c in names]) if names else np.empty((0, 0))
        n = rows.shape[0]
        if n == 0:
            return cls.empty(names)
        # Squares beyond what a float holds are infinite, which the analysis reports for the metric.
        with np.errstate(over="ignore", invalid="ignore"):
            # About the first row the sum of 1e9 + N(0, 1) has the magnitude of the deviations, not of the values.
            shift = rows[0]
            mean = shift + (rows - shift).mean(axis=0)
            deviations = rows - mean
            # Corrected two-pass algorithm (Chan, Golub and LeVeque 1983): the deviations from an exact mean sum to
            # zero, so their sum is n times the rounding error of the mean, and corrects both the mean and m2.
            slip = deviations.sum(axis=0)
            return cls(names, n, mean + slip / n, deviations.T @ deviations - np.outer(slip, slip) / n)

    @classmethod
    def empty(cls, columns: Iterable[str]) -> "Moments":
        """Return the moments of zero units, the identity element of ``+``."""
        columns = tuple(columns)
        k = len(columns)
        return cls(columns, 0, np.zeros(k), np.zeros((k, k)))

    @classmethod
    def from_shifted_sums(
        cls, columns: Sequence[str], n: int, sums: ArrayLike, products: ArrayLike, shift: ArrayLike
    ) -> "Moments":
        """Compute moments from ``sum(x - c)`` and ``sum((x - c)(y - c))`` about a pilot shift `c`.

        Exact to rounding when the shift lies within a few standard deviations of the mean.
        """
        if n == 0:
            return cls.empty(columns)
        total, shift = np.asarray(sums, dtype=np.float64), np.asarray(shift, dtype=np.float64)
        # An infinite value makes the moments of its own column NaN, not those of other columns; hence no warning.
        with np.errstate(invalid="ignore"):
            # The subtraction cancels about log10(1 + (mean - c)^2 / variance) digits: few for a shift near the mean.
            m2 = np.asarray(products, dtype=np.float64) - np.outer(total, total) / n
        return cls(tuple(columns), n, shift + total / n, m2)

    def __add__(self, other: "Moments") -> "Moments":
        if not isinstance(other, Moments):
            return NotImplemented
        if self.strata is not None or other.strata is not None:
            raise InputError("post-stratified moments do not add up; add those of each stratum.")
        if self.columns != other.columns:
            raise InputError(f"moments of different columns do not add up: {self.columns} and {other.columns}.")
        # Without this, n = 0 divides by zero, and the zero means of `empty` would enter the result.
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        # Chan, Golub and LeVeque (1983), eq. 2.1: M2 = M2_a + M2_b + delta delta' n_a n_b / n.
        n = self.n + other.n
        # Pairwise update: m2 = m2_a + m2_b + delta delta^T n_a n_b / n. All terms of the diagonal are non-negative, so
        # no variance is lost by cancellation or becomes negative.
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.n / n)
        m2 = self.m2 + other.m2 + np.outer(delta, delta) * (self.n * other.n / n)
        return Moments(self.columns, n, mean, m2)

    @classmethod
    def merged(cls, parts: Sequence["Moments"]) -> "Moments":
        """Return the moments of several parts together, as adding them up with ``+`` does, at once.

        Examples
        --------
        >>> parts = [Moments.of({"y": values}) for values in ([1.0, 2.0], [], [3.0, 6.0])]
        >>> whole = Moments.merged(parts)
        >>> whole.n, float(whole.mean[0]), float(whole.m2[0, 0])
        (4, 3.0, 14.0)
        """
        seen = [part for part in parts if part.n]
        if len(seen) < 2:
            return seen[0] if seen else parts[0]
        if len({part.columns for part in seen}) > 1:
            raise InputError(f"moments of different columns do not add up: {seen[0].columns} and {seen[1].columns}.")
        n = np.array([part.n for part in seen], dtype=np.float64)
        # An infinite value makes the moments of its own column NaN, not those of other columns; hence no warning.
        with np.errstate(invalid="ignore", over="ignore"):
            # Deviations from the mean of one part keep the digits that sums of large means would lose.
            away = np.stack([part.mean for part in seen]) - seen[0].mean
            centre = n @ away / n.sum()
            between = away - centre
            m2 = np.sum([part.m2 for part in seen], axis=0) + (between.T * n) @ between
        return cls(seen[0].columns, int(n.sum()), seen[0].mean + centre, m2)

    @property
    def cov(self) -> Matrix:
        """Sample covariance matrix, divisor ``n - 1``; needs two units."""
        return self.m2 / (self.n - 1)

    @property
    def means(self) -> dict[str, float]:
        """Column means by name."""
        return dict(zip(self.columns, self.mean.tolist(), strict=True))

    def select(self, columns: Sequence[str]) -> "Moments":
        """Return the moments of the given columns, in the given order."""
        index = [self.columns.index(c) for c in columns]
        strata = None if self.strata is None else self.strata.select(index)
        return Moments(tuple(columns), self.n, self.mean[index], self.m2[index][:, index], strata)

    def project(self, columns: Sequence[str], mean: ArrayLike, weights: ArrayLike) -> "Moments":
        """Return the moments of linear combinations of the columns' deviations.

        Parameters
        ----------
        columns : sequence of str
            Names of the q new columns.
        mean : array_like of shape (q,)
            Their means (the value of a smooth function of the old means).
        weights : array_like of shape (q, k)
            Row i holds the gradient of new column i with respect to the old means.
        """
        # Deviations of g(means) are W d to first order, so their cross-products are W M2 W'.
        w = np.asarray(weights, dtype=np.float64)
        strata = None if self.strata is None else self.strata.project(w)
        with np.errstate(invalid="ignore"):
            return Moments(tuple(columns), self.n, mean, w @ self.m2 @ w.T, strata)

    def times(self, factors: ArrayLike) -> "Moments":
        """Return the moments with `m2` multiplied by `factors`, entry by entry."""
        strata = None if self.strata is None else self.strata.times(factors)
        return Moments(self.columns, self.n, self.mean, self.m2 * np.asarray(factors), strata)

    def per_row(self, rows: str, shift: ArrayLike | None = None) -> "Moments":
        """Convert moments of per-unit sums to row means with unit-level (cluster) variance.

        The columns are sums over each unit's rows (of values less `shift`), and
        `rows` is the number of rows. The result has the row means, and as
        deviations the linearised ``(S_i - m R_i) / R̄`` of a ratio of sums, so its
        variance is that of the survey ratio estimator with units as clusters.
        """
        at = self.columns.index(rows)
        keep = [i for i in range(len(self.columns)) if i != at]
        names = [self.columns[i] for i in keep]
        offset = np.zeros(len(keep)) if shift is None else np.asarray(shift, dtype=np.float64)
        if self.n == 0:
            return Moments.empty(names)
        # Mean over rows m = S / R; its influence per unit is (S_i - m R_i) / mean(R), the gradient below.
        mean = self.mean[keep] / self.mean[at]
        # Gradient of the ratio m = S / R: 1 / R for the sum, -m / R for the number of rows.
        weights = np.zeros((len(keep), len(self.columns)))
        weights[range(len(keep)), keep] = 1 / self.mean[at]
        weights[:, at] = -mean / self.mean[at]
        return self.project(names, mean + offset, weights)
