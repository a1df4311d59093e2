"""Measures of how far apart two distributions of a covariate are, from their summaries alone."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from xpyrment_core import NotEstimable
from xpyrment_core.stats import distributions
from xpyrment_core.stats.balance import IMBALANCE, ROUNDING

EXACT_KS = 1_000_000
"""Product of the sample sizes up to which the Kolmogorov-Smirnov p-value is exact."""

EPS = float(np.finfo(float).eps)


def smd(mean_control: float, variance_control: float, mean_treatment: float, variance_treatment: float) -> float:
    """Return the standardized mean difference, treatment minus control.

    ``(mean_T - mean_C) / sqrt((s_T^2 + s_C^2) / 2)`` with sample variances. An SMD within
    rounding of the threshold is returned as the threshold, so that ``abs(smd) >= 0.1`` flags it.

    Returns
    -------
    float
        Infinite, with its sign, for two different constants.

    Raises
    ------
    NotEstimable
        The covariate is one constant in both variants, or its moments are not finite.

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
        if difference == 0:
            raise NotEstimable(f"it is constant ({mean_control:g}) in both variants")
        return math.copysign(math.inf, difference)
    # Each mean is known to half a unit in its last place; with a huge offset that is the larger error.
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
        give a larger value by chance alone: about ``sqrt((K - 1) (1/n_C + 1/n_T))``.

    Raises
    ------
    NotEstimable
        Fewer than two levels occur.

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
    if seen.sum() < 2:
        raise NotEstimable("it has the same single level in both variants")
    c, t = c[seen] / c.sum(), t[seen] / t.sum()
    if not ((c > 0) & (t > 0)).any():
        return math.inf
    # Shares add up to 1, so one level is redundant; leaving out the largest keeps S well conditioned.
    keep = np.arange(len(c)) != np.argmax(c + t)
    c, t = c[keep], t[keep]
    S = (np.diag(c + t) - np.outer(c, c) - np.outer(t, t)) / 2
    return _at_threshold(math.sqrt(max(float((t - c) @ np.linalg.solve(S, t - c)), 0.0)))


def smd_shares(control: float, treatment: float) -> float | None:
    """Return the standardized difference of two proportions, or None where both are 0 or both 1."""
    variance = (control * (1 - control) + treatment * (1 - treatment)) / 2
    if variance > 0:
        return (treatment - control) / math.sqrt(variance)
    return math.copysign(math.inf, treatment - control) if treatment != control else None


def welch_p_value(
    mean_control: float,
    variance_control: float,
    n_control: float,
    mean_treatment: float,
    variance_treatment: float,
    n_treatment: float,
) -> float | None:
    """Return the two-sided p-value of Welch's t-test, or None where there is no noise to compare with."""
    v_c, v_t = variance_control / n_control, variance_treatment / n_treatment
    if v_c + v_t <= 0:
        return None
    df = (v_c + v_t) ** 2 / (v_c**2 / (n_control - 1) + v_t**2 / (n_treatment - 1))
    return distributions.p_value((mean_treatment - mean_control) / math.sqrt(v_c + v_t), df, "two-sided")


def chi_square_p_value(control: ArrayLike, treatment: ArrayLike) -> float | None:
    """Return the p-value of Pearson's chi-square test of two rows of counts (no continuity correction)."""
    table = np.array([control, treatment], dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(special.chdtrc(table.shape[1] - 1, ((table - expected) ** 2 / expected).sum()))


def kolmogorov_smirnov(control: NDArray[np.float64], treatment: NDArray[np.float64]) -> tuple[float, float]:
    """Return the two-sample Kolmogorov-Smirnov statistic and its two-sided p-value.

    The p-value is exact, given the ties, for samples with a product of sizes up to `EXACT_KS`;
    beyond, it is Kolmogorov's limit, which errs on the large side where values are tied.

    References
    ----------
    Schroeer, G. and Trenkler, D. (1995). Exact and randomization distributions of
    Kolmogorov-Smirnov tests two or three samples. Computational Statistics & Data Analysis 20,
    185-202.
    """
    n_c, n_t = len(control), len(treatment)
    pooled = np.sort(np.concatenate([control, treatment]))
    c, t = (np.searchsorted(np.sort(x), pooled, side="right") for x in (control, treatment))
    statistic = float(np.abs(c / n_c - t / n_t).max())
    if n_c * n_t > EXACT_KS:
        return statistic, float(special.kolmogorov(statistic * math.sqrt(n_c * n_t / (n_c + n_t))))
    return statistic, _exact_ks(statistic, n_c, n_t, np.append(np.diff(pooled) > 0, True))


def _exact_ks(statistic: float, n_c: int, n_t: int, last_of_tie: NDArray[np.bool_]) -> float:
    """Return the share of all orders of the pooled units whose statistic is as large.

    An order is a walk from (0, 0) to (n_c, n_t); `reached[i]` is the share of the walks to
    (i, k - i) that have met the statistic, which is looked at only after the last of tied values.
    """
    i = np.arange(n_c + 1)
    reached = np.zeros(n_c + 1)
    for k, look in enumerate(last_of_tie, start=1):
        j = k - i
        reached = np.where(j >= 0, (i * np.roll(reached, 1) + j * reached) / k, 0.0)
        if look:
            reached[(j >= 0) & (j <= n_t) & (np.abs(i / n_c - j / n_t) >= statistic - 1e-9)] = 1.0
    return min(1.0, float(reached[n_c]))
