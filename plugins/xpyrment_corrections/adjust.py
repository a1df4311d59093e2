"""Adjusted p-values of a family of tests.

Each function returns an array of the shape of its argument. NaN stays NaN and does not count
towards the number of tests. An adjusted p-value is
the smallest level of the family at which its test is rejected (Wright 1992, "Adjusted
p-values for simultaneous inference", Biometrics 48(4), 1005-1013).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]


def _per_family(adjust: Callable[[Vector], Vector], p_values: ArrayLike) -> Vector:
    """Apply `adjust` to the sorted p-values without NaN, and return the results in the original order."""
    p = np.asarray(p_values, dtype=np.float64)
    out = np.full(p.shape, np.nan)
    at = np.flatnonzero(~np.isnan(p))
    if at.size:
        order = at[np.argsort(p[at], kind="stable")]
        out[order] = np.minimum(adjust(p[order]), 1.0)
    return out


def _step_down(scaled: Vector) -> Vector:
    # max over j <= i of c_j p_(j): a hypothesis is rejected only if all with smaller p-values are.
    return np.maximum.accumulate(scaled)


def _step_up(scaled: Vector) -> Vector:
    # min over j >= i of c_j p_(j): a rejection implies that of all hypotheses with smaller p-values.
    return np.minimum.accumulate(scaled[::-1])[::-1]


def bonferroni(p_values: ArrayLike) -> Vector:
    """Return ``m p``, which bounds the family-wise error rate under any dependence.

    Examples
    --------
    >>> bonferroni([0.01, float("nan"), 0.04]).tolist()
    [0.02, nan, 0.08]
    """
    return _per_family(lambda p: p * p.size, p_values)


def holm(p_values: ArrayLike) -> Vector:
    """Return Holm's step-down adjustment, which bounds the family-wise error rate under any dependence.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
    Journal of Statistics 6(2), 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    return _per_family(lambda p: _step_down(p * np.arange(p.size, 0, -1)), p_values)


def hochberg(p_values: ArrayLike) -> Vector:
    """Return Hochberg's step-up adjustment; valid for independent or positively dependent tests.

    References
    ----------
    Hochberg, Y. (1988). A sharper Bonferroni procedure for multiple tests of significance.
    Biometrika 75(4), 800-802.

    Examples
    --------
    >>> hochberg([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    return _per_family(lambda p: _step_up(p * np.arange(p.size, 0, -1)), p_values)


def hommel(p_values: ArrayLike) -> Vector:
    """Return Hommel's adjustment; at least as powerful as Hochberg's, under the same conditions.

    References
    ----------
    Hommel, G. (1988). A stagewise rejective multiple test procedure based on a modified
    Bonferroni test. Biometrika 75(2), 383-386; the algorithm is Wright's (1992, appendix).

    Examples
    --------
    >>> hommel([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """

    def adjust(p: Vector) -> Vector:
        # Closed test with Simes' p-value min m p_(i) / i of each intersection hypothesis. Of all intersections of one
        # size that contain a hypothesis, the one with the largest other p-values decides, so m sizes are enough.
        m = p.size
        adjusted = np.full(m, np.min(m * p / np.arange(1, m + 1)))
        for size in range(m - 1, 1, -1):
            head = m - size + 1
            simes = np.min(size * p[head:] / np.arange(2, size + 1))
            step = np.minimum(size * p, simes)
            step[head:] = step[head - 1]
            adjusted = np.maximum(adjusted, step)
        return np.maximum(adjusted, p)

    return _per_family(adjust, p_values)


def sidak(p_values: ArrayLike) -> Vector:
    """Return ``1 - (1 - p)^m``: exact for independent tests, conservative for two-sided tests of normal estimates.

    References
    ----------
    Sidak, Z. (1967). Rectangular confidence regions for the means of multivariate normal
    distributions. Journal of the American Statistical Association 62(318), 626-633.

    Examples
    --------
    >>> sidak([0.01, 0.04]).round(4).tolist()
    [0.0199, 0.0784]
    """
    return _per_family(lambda p: _any_of(p, p.size), p_values)


def holm_sidak(p_values: ArrayLike) -> Vector:
    """Return the step-down form of Sidak's adjustment, which is more powerful than `sidak`.

    References
    ----------
    Holland, B. S. and Copenhaver, M. D. (1987). An improved sequentially rejective Bonferroni
    test procedure. Biometrics 43(2), 417-423.

    Examples
    --------
    >>> holm_sidak([0.01, 0.04]).round(4).tolist()
    [0.0199, 0.04]
    """
    return _per_family(lambda p: _step_down(_any_of(p, np.arange(p.size, 0, -1))), p_values)


def _any_of(p: Vector, tests: "int | NDArray[np.int64]") -> Vector:
    """Return ``1 - (1 - p)^tests``, accurate for small p."""
    # log1p(-1) of p = 1 is -inf, which gives 1.
    with np.errstate(divide="ignore"):
        return -np.expm1(tests * np.log1p(-p))


def fdr_bh(p_values: ArrayLike) -> Vector:
    """Return Benjamini and Hochberg's adjustment, which bounds the false discovery rate.

    Valid for independent or positively dependent tests.

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995). Controlling the false discovery rate. Journal of
    the Royal Statistical Society B 57(1), 289-300.

    Examples
    --------
    >>> fdr_bh([0.01, 0.04, 0.03, 0.5]).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    # c_i = m / i.
    return _per_family(lambda p: _step_up(p * (p.size / np.arange(1, p.size + 1))), p_values)


def fdr_by(p_values: ArrayLike) -> Vector:
    """Return Benjamini and Yekutieli's adjustment: the false discovery rate under any dependence.

    References
    ----------
    Benjamini, Y. and Yekutieli, D. (2001). The control of the false discovery rate in
    multiple testing under dependency. The Annals of Statistics 29(4), 1165-1188.

    Examples
    --------
    >>> fdr_by([0.01, 0.04]).round(4).tolist()
    [0.03, 0.06]
    """

    def adjust(p: Vector) -> Vector:
        # c_i = m (1 + 1/2 + ... + 1/m) / i (their theorem 1.3).
        ranks = np.arange(1, p.size + 1)
        return _step_up(p * (p.size * np.sum(1 / ranks) / ranks))

    return _per_family(adjust, p_values)
