"""Pearson's chi-square test of counts against expected counts."""

import numpy as np
from numpy.typing import NDArray
from scipy import special


def pearson(observed: NDArray[np.float64], expected: NDArray[np.float64], df: int) -> tuple[float, float]:
    """Return Pearson's statistic and its p-value, without continuity correction.

    The p-value is a survival function, so it keeps its digits in the far tail.

    References
    ----------
    Pearson, K. (1900). On the criterion that a given system of deviations from the probable in the
    case of a correlated system of variables is such that it can be reasonably supposed to have
    arisen from random sampling. Philosophical Magazine 50(302), 157-175.

    Examples
    --------
    >>> statistic, p_value = pearson(np.array([5021.0, 4979.0]), np.array([5000.0, 5000.0]), df=1)
    >>> round(statistic, 4), round(p_value, 4)
    (0.1764, 0.6745)
    """
    statistic = float(((observed - expected) ** 2 / expected).sum())
    # chdtrc is the upper tail; 1 - cdf would be 0 for the p-values near 1e-20 that mismatches have.
    return statistic, float(special.chdtrc(df, statistic))


def expected_if_independent(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expected counts of a contingency table with these margins and independent rows and columns.

    Examples
    --------
    >>> expected_if_independent(np.array([[10.0, 20.0], [30.0, 40.0]]))
    array([[12., 18.],
           [28., 42.]])
    """
    expected: NDArray[np.float64] = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return expected
