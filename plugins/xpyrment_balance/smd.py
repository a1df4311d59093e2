"""Standardized mean differences of numeric, binary and categorical covariates, from summaries."""

import math

import numpy as np
from numpy.typing import ArrayLike

from xpyrment_core import NotEstimable
from xpyrment_core.stats.balance import IMBALANCE, ROUNDING

EPS = float(np.finfo(float).eps)


def smd(mean_control: float, variance_control: float, mean_treatment: float, variance_treatment: float) -> float:
    """Return the standardized mean difference, treatment minus control.

    ``(mean_T - mean_C) / sqrt((s_T^2 + s_C^2) / 2)`` with sample variances. An SMD within
    rounding of the threshold is returned as the threshold, so that ``abs(smd) >= 0.1`` flags it.

    Returns
    -------
    float
        0 for the same constant in both variants; infinite, with its sign, for two different ones.

    Raises
    ------
    NotEstimable
        The moments are not finite.

    References
    ----------
    Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline
    covariates between treatment groups in propensity-score matched samples. Statistics in
    Medicine 28(25), 3083-3107.

    Examples
    --------
    >>> smd(10.0, 4.0, 10.2, 4.0)
    0.1
    """
    moments = (mean_control, variance_control, mean_treatment, variance_treatment)
    if not all(math.isfinite(value) for value in moments):
        raise NotEstimable("its mean or variance is not a finite number")
    difference = mean_treatment - mean_control
    spread = math.sqrt((variance_treatment + variance_control) / 2)
    if spread == 0:
        # The same constant has the same distribution in both variants, which is what balance means.
        return math.copysign(math.inf, difference) if difference else 0.0
    # A mean has an error of half a unit in its last place, which dominates if the offset is huge.
    guard = max(ROUNDING, EPS * max(abs(mean_control), abs(mean_treatment)) / spread)
    return _at_threshold(difference / spread, guard)


def _at_threshold(value: float, guard: float = ROUNDING) -> float:
    return math.copysign(IMBALANCE, value) if abs(abs(value) - IMBALANCE) <= guard else value


def smd_categorical(control: ArrayLike, treatment: ArrayLike) -> float:
    """Return the standardized difference of a categorical covariate, a Mahalanobis distance.

    Parameters
    ----------
    control, treatment : array_like of shape (K,)
        Units per level, in the same order.

    Returns
    -------
    float
        Not negative; infinite where no level occurs in both variants. Twice as many levels
        give a larger value by chance alone: about ``sqrt((K - 1) (1/n_C + 1/n_T))``. 0 for one level.

    Raises
    ------
    NotEstimable
        No level occurs.

    References
    ----------
    Yang, D. and Dalton, J. E. (2012). A unified approach to measuring the effect size between
    two groups using SAS. SAS Global Forum, paper 335-2012.

    Examples
    --------
    >>> round(smd_categorical([50, 30, 20], [40, 30, 30]), 4)
    0.2514
    """
    c, t = (np.asarray(counts, dtype=float) for counts in (control, treatment))
    seen = (c + t) > 0
    if not seen.any():
        raise NotEstimable("it has no values")
    if seen.sum() == 1:
        return 0.0
    c, t = c[seen] / c.sum(), t[seen] / t.sum()
    if not ((c > 0) & (t > 0)).any():
        return math.inf
    # Yang and Dalton (2012): shares sum to 1, so one level is redundant; dropping the largest keeps S
    # well conditioned.
    keep = np.arange(len(c)) != np.argmax(c + t)
    c, t = c[keep], t[keep]
    S = (np.diag(c + t) - np.outer(c, c) - np.outer(t, t)) / 2
    # Mahalanobis distance of the level shares.
    return _at_threshold(math.sqrt(max(float((t - c) @ np.linalg.solve(S, t - c)), 0.0)))


def smd_shares(control: float, treatment: float) -> float | None:
    """Return the standardized difference of two proportions, or None where both are 0 or both 1."""
    variance = (control * (1 - control) + treatment * (1 - treatment)) / 2
    if variance > 0:
        return (treatment - control) / math.sqrt(variance)
    return math.copysign(math.inf, treatment - control) if treatment != control else None
