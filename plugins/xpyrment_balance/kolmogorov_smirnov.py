"""The two-sample Kolmogorov-Smirnov test, exact given ties for small samples."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

EXACT_KS = 1_000_000
"""Product of the sample sizes up to which the p-value is exact."""


def kolmogorov_smirnov(control: NDArray[np.float64], treatment: NDArray[np.float64]) -> tuple[float, float]:
    """Return the two-sample Kolmogorov-Smirnov statistic and its two-sided p-value.

    The p-value is exact, given the ties, for samples with a product of sizes up to `EXACT_KS`;
    beyond, it is from Kolmogorov's limiting distribution, which is conservative with ties.

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
    """Return the share of all orderings of the pooled units with a statistic at least as large.

    An ordering is a lattice path from (0, 0) to (n_c, n_t); `reached[i]` is the share of paths to
    (i, k - i) that have reached the statistic. Ties are evaluated after the last of equal values.
    """
    i = np.arange(n_c + 1)
    reached = np.zeros(n_c + 1)
    for k, look in enumerate(last_of_tie, start=1):
        j = k - i
        reached = np.where(j >= 0, (i * np.roll(reached, 1) + j * reached) / k, 0.0)
        if look:
            # 1e-9 is less than the distance between possible statistics at these sizes.
            reached[(j >= 0) & (j <= n_t) & (np.abs(i / n_c - j / n_t) >= statistic - 1e-9)] = 1.0
    return min(1.0, float(reached[n_c]))
