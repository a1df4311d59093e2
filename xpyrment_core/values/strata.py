"""Variances of the strata behind post-stratified means."""

from collections.abc import Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def _readonly(values: ArrayLike) -> Floats:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


@frozen(eq=False)
class StratumVariances:
    """What each of S strata contributes to the covariance of a variant's k post-stratified means.

    Attributes
    ----------
    covariances : ndarray of shape (S, k, k)
        ``w_s^2 Sigma_s / n_s`` with the stratum's weight, covariance matrix and units.
    leverages : ndarray of shape (S,)
        ``w_s^2 / n_s``.
    dfs : ndarray of shape (S,)
        Degrees of freedom of each covariance matrix, ``n_s - 1``.
    """

    covariances: Floats = field(converter=_readonly)
    leverages: Floats = field(converter=_readonly)
    dfs: Floats = field(converter=_readonly)

    @property
    def leverage(self) -> float:
        """Variance of a mean per variance of a unit, were that the same in every stratum."""
        return float(self.leverages.sum())

    def variance(self, column: int = 0) -> float:
        """Return the variance of a column's mean."""
        # Rounding can make the variance of a linear combination negative.
        return max(float(self.covariances[:, column, column].sum()), 0.0)

    def df(self, column: int = 0) -> float:
        """Return the degrees of freedom of `variance`, by Satterthwaite (1946); not rounded.

        Of a column without variance they are the sum of those of the strata.
        """
        parts = self.covariances[:, column, column]
        total = float(parts.sum())
        if not total > 0:
            return float(self.dfs.sum())
        # Squares of shares, because squares of variances overflow or underflow in extreme units.
        return float(1 / np.sum((parts / total) ** 2 / self.dfs))

    def project(self, weights: ArrayLike) -> "StratumVariances":
        """Return those of linear combinations of the columns; row i holds the weights of new column i."""
        w = np.asarray(weights, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            return StratumVariances(w @ self.covariances @ w.T, self.leverages, self.dfs)

    def select(self, index: Sequence[int]) -> "StratumVariances":
        """Return those of some columns."""
        return StratumVariances(self.covariances[:, index][:, :, index], self.leverages, self.dfs)

    def times(self, factors: ArrayLike) -> "StratumVariances":
        """Return them with every covariance matrix multiplied by `factors`, entry by entry."""
        return StratumVariances(self.covariances * np.asarray(factors), self.leverages, self.dfs)
