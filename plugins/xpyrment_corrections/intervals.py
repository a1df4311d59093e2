"""Levels of simultaneous intervals that agree with a correction: each excludes the null if it is rejected.

Each function takes the p-values, alpha and which rows are one-sided, and returns per row
the ``alpha_i`` at whose level ``1 - alpha_i`` the row's interval belongs to the set. NaN
p-values get NaN.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from xpyrment_core import FamilyDecision
from xpyrment_corrections import adjust

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]


def bonferroni(p_values: ArrayLike, alpha: float, one_sided: ArrayLike) -> Vector:
    """Return ``alpha / m``: all m intervals hold simultaneously with probability ``1 - alpha``.

    Examples
    --------
    >>> bonferroni([0.01, 0.2], 0.05, [False, False]).tolist()
    [0.025, 0.025]
    """
    return _same(p_values, lambda m: alpha / m)


def sidak(p_values: ArrayLike, alpha: float, one_sided: ArrayLike) -> Vector:
    """Return ``1 - (1 - alpha)^(1/m)``, Sidak's share of alpha.

    Examples
    --------
    >>> sidak([0.01, 0.2], 0.05, [False, False]).round(6).tolist()
    [0.025321, 0.025321]
    """
    return _same(p_values, lambda m: _sidak_share(alpha, m))


def fcr_bh(p_values: ArrayLike, alpha: float, one_sided: ArrayLike) -> Vector:
    """Return ``R alpha / m`` with R rejections: the false coverage-statement rate.

    Of the intervals of rejected rows, an expected share of at most alpha miss their value.
    The others are shown at the same level; nothing is claimed of them together.

    References
    ----------
    Benjamini, Y. and Yekutieli, D. (2005). False discovery rate-adjusted multiple confidence
    intervals for selected parameters. Journal of the American Statistical Association 100(469), 71-81.

    Examples
    --------
    >>> fcr_bh([0.01, 0.02, 0.2], 0.05, [False] * 3).round(4).tolist()
    [0.0333, 0.0333, 0.0333]
    """
    # Without a rejection the level of the first one, alpha / m: those intervals contain the null, as they must.
    rejections = max(int(np.sum(adjust.fdr_bh(p_values) < alpha)), 1)
    return _same(p_values, lambda m: rejections * alpha / m)


def fcr_by(p_values: ArrayLike, alpha: float, one_sided: ArrayLike) -> Vector:
    """Return the level of `fcr_bh` divided by ``1 + 1/2 + ... + 1/m``, for any dependence.

    Examples
    --------
    >>> fcr_by([0.01, 0.02], 0.05, [False, False]).round(6).tolist()
    [0.033333, 0.033333]
    """
    rejections = max(int(np.sum(adjust.fdr_by(p_values) < alpha)), 1)
    return _same(p_values, lambda m: rejections * alpha / (m * np.sum(1 / np.arange(1, m + 1))))


def holm(p_values: ArrayLike, alpha: float, one_sided: ArrayLike) -> FamilyDecision:
    """Return intervals compatible with Holm's test; see `_compatible`.

    Examples
    --------
    >>> decision = holm([0.01, 0.2], 0.05, [True, True])
    >>> decision.alphas.tolist(), decision.at_null.tolist()
    ([0.0, 0.05], [True, False])
    """
    return _compatible(adjust.holm(p_values), p_values, alpha, one_sided, lambda m: alpha / m)


def hochberg(p_values: ArrayLike, alpha: float, one_sided: ArrayLike) -> FamilyDecision:
    """Return intervals compatible with Hochberg's test; see `_compatible`.

    Examples
    --------
    >>> hochberg([0.03, 0.04], 0.05, [True, True]).alphas.tolist()
    [0.025, 0.025]
    """
    return _compatible(adjust.hochberg(p_values), p_values, alpha, one_sided, lambda m: alpha / m)


def hommel(p_values: ArrayLike, alpha: float, one_sided: ArrayLike) -> FamilyDecision:
    """Return intervals compatible with Hommel's test; see `_compatible`.

    Examples
    --------
    >>> hommel([0.03, 0.04], 0.05, [True, True]).alphas.tolist()
    [0.025, 0.025]
    """
    return _compatible(adjust.hommel(p_values), p_values, alpha, one_sided, lambda m: alpha / m)


def holm_sidak(p_values: ArrayLike, alpha: float, one_sided: ArrayLike) -> FamilyDecision:
    """Return intervals compatible with the step-down Sidak test; see `_compatible`.

    Examples
    --------
    >>> holm_sidak([0.01, 0.2], 0.05, [True, True]).at_null.tolist()
    [True, False]
    """
    return _compatible(adjust.holm_sidak(p_values), p_values, alpha, one_sided, lambda m: _sidak_share(alpha, m))


def _sidak_share(alpha: float, m: int) -> float:
    return -float(np.expm1(np.log1p(-alpha) / m))


def _same(p_values: ArrayLike, level: Callable[[int], float]) -> Vector:
    p = np.asarray(p_values, dtype=np.float64)
    tested = ~np.isnan(p)
    return np.where(tested, level(max(int(tested.sum()), 1)), np.nan)


def _compatible(
    adjusted: Vector, p_values: ArrayLike, alpha: float, one_sided: ArrayLike, share: Callable[[int], float]
) -> FamilyDecision:
    """Return the confidence set that belongs to a stepwise test.

    Of m rows, r are rejected. Where r = m, every interval has level ``1 - share(m)`` and ends
    at the null where it would pass it. Else the interval of a rejected row is the half-line on
    its side of the null (alpha_i = 0, cut at the null), because the level was spent on rejecting further
    rows. A row not rejected has level ``1 - share(m - r)`` if it is one-sided; if it is two-sided
    its ends are moved out by `_given_not_rejected`, without which the coverage of a large effect,
    given that it was not rejected, would be too low.

    For one-sided tests this is the set of Strassburger and Bretz and of Guilbaud, which holds
    with probability ``1 - alpha`` under any dependence. For two-sided tests no set is both
    exact under any dependence and informative; the widened one holds for independent
    estimates, and by simulation for correlated ones.

    References
    ----------
    Strassburger, K. and Bretz, F. (2008). Compatible simultaneous lower confidence bounds for
    the Holm procedure and other Bonferroni-based closed tests. Statistics in Medicine 27(24), 4914-4927.
    Guilbaud, O. (2008). Simultaneous confidence regions corresponding to Holm's step-down
    procedure and other closed-testing procedures. Biometrical Journal 50(5), 678-692.
    Weinstein, A., Fithian, W. and Benjamini, Y. (2013). Selection adjusted confidence intervals with
    more power to determine the sign. Journal of the American Statistical Association 108(501), 165-176.
    """
    p = np.asarray(p_values, dtype=np.float64)
    tested, rejected = ~np.isnan(p), adjusted < alpha
    m, accepted = int(tested.sum()), int((tested & ~rejected).sum())
    if accepted == 0:
        return FamilyDecision(p_values=adjusted, alphas=_same(p, share), at_null=rejected)
    near = np.where(tested & ~rejected, share(accepted), np.where(rejected, 0.0, np.nan))
    far = near.copy()
    # A single test has its ordinary interval: nothing was selected.
    if m > 1:
        widen = tested & ~rejected & ~np.broadcast_to(np.asarray(one_sided, dtype=bool), p.shape)
        z = -special.ndtri(p[widen] / 2)
        near[widen], far[widen] = (_given_not_rejected(side, share(accepted)) for side in (-z, z))
    return FamilyDecision(p_values=adjusted, alphas=near, far_alphas=far, at_null=rejected)


def _given_not_rejected(z: Vector, alpha: float) -> Vector:
    """Return levels for the upper end of intervals that cover with ``1 - alpha`` given no rejection.

    With c the critical value of `alpha`, the distance h from z to the end solves
    ``P(Z <= z | |Z| < c) = alpha / 2`` for Z normal about ``z + h``: the upper confidence
    limit of a normal mean observed only where it is not significant. It grows without bound
    as z rises to c. It is never closer than the limit at `alpha` itself, so the null stays in.
    """
    c = -special.ndtri(alpha / 2)
    low, high = np.zeros_like(z), np.full_like(z, WIDEST)
    # Bisection: 50 halvings of the range leave 3e-14.
    for _ in range(50):
        h = (low + high) / 2
        center = z + h
        # Relative to P(Z < c), on the log scale: all three underflow far out.
        top = special.log_ndtr(c - center)
        floor = np.exp(special.log_ndtr(-c - center) - top)
        enough = (np.exp(special.log_ndtr(z - center) - top) - floor) / (1 - floor) <= alpha / 2
        low, high = np.where(enough, low, h), np.where(enough, h, high)
    return np.minimum(2 * special.ndtr(-high), alpha)


WIDEST = 37.0
"""Standard errors beyond which an interval counts as unbounded: its alpha is 1e-299."""
