"""Tests of counts: chi-square, and the exact tests that replace it where counts are small."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from xpyrment_core import Counts
from xpyrment_core.stats.chi_square import expected_if_independent, pearson
from xpyrment_core.stats.hypergeometric import conditional

SMALL = 5
"""Chi-square tests require every expected count to be at least this (Cochran 1954)."""

MOST_OUTCOMES = 1_000_000
"""Outcomes that are enumerated at most; beyond, they are drawn."""

DRAWS, BATCH = 1_000_000, 50_000
SEED = 0
MOST_CELLS = 30_000_000
"""Draws times arms, beyond which fewer outcomes are drawn."""
TIES = 1e-7
"""Outcomes whose log probability exceeds the observed one by less than this are as likely as it."""

EPS = float(np.finfo(float).eps)

Shares = NDArray[np.float64]


def multinomial(counts: NDArray[np.int64], shares: Shares) -> tuple[float, str]:
    """Return the p-value of the exact multinomial test, and how it was found.

    The p-value is the probability, under the planned shares, of all outcomes that are no more
    likely than the one observed. Up to `MOST_OUTCOMES` of them are enumerated; where there are
    more, they are drawn with a fixed seed, and the method says so.

    Parameters
    ----------
    counts : ndarray of int, shape (k,)
    shares : ndarray of float, shape (k,)
        Positive, adding up to 1.

    References
    ----------
    Read, T. R. C. and Cressie, N. A. C. (1988). Goodness-of-fit statistics for discrete
    multivariate data, chapter 5. Springer.

    Examples
    --------
    >>> p_value, method = multinomial(np.array([9, 1]), np.array([0.5, 0.5]))
    >>> round(p_value, 6), method
    (0.021484, 'exact multinomial')
    """
    n, k = int(counts.sum()), len(counts)
    # Log factorials of large counts are rounded to more than TIES.
    bound = float(_log_probability(counts[np.newaxis, :], shares)[0]) + TIES + 8 * EPS * special.gammaln(n + 1)
    # Ways to put n units into k arms (stars and bars).
    if math.comb(n + k - 1, k - 1) <= MOST_OUTCOMES:
        log_p = _all_outcomes(n, shares)
        return min(1.0, float(np.exp(log_p[log_p <= bound]).sum())), "exact multinomial"
    generator = np.random.default_rng(SEED)
    # The time of a draw grows with the arms; at the usual threshold of 0.001 a tenth of the draws has an error of 1e-4.
    draws = BATCH * max(DRAWS // 10 // BATCH, min(DRAWS, MOST_CELLS // k) // BATCH)
    batches = (generator.multinomial(n, shares, size=BATCH) for _ in range(draws // BATCH))
    extreme = sum(int((_log_probability(drawn, shares) <= bound).sum()) for drawn in batches)
    # One is added to both: the observed outcome is a draw too, so p is never 0 (Phipson and Smyth 2010).
    return (extreme + 1) / (draws + 1), f"multinomial by simulation ({draws:,} draws, seed {SEED})"


def _log_probability(outcomes: NDArray[np.int64], shares: Shares) -> NDArray[np.float64]:
    n = outcomes.sum(axis=1)
    # Counts repeat, so their log factorials are looked up; millions of them would take most of the time.
    most = int(outcomes.max(initial=0))
    few = most < outcomes.size
    factorials = special.gammaln(np.arange(most + 1) + 1.0)[outcomes] if few else special.gammaln(outcomes + 1)
    logs: NDArray[np.float64] = outcomes * np.log(shares) - factorials
    return np.asarray(special.gammaln(n + 1) + logs.sum(axis=1))


def _all_outcomes(n: int, shares: Shares) -> NDArray[np.float64]:
    """Return the log probabilities of all ways to put `n` units into the arms, arm by arm."""
    remaining = np.array([n])
    log_p = np.array([special.gammaln(n + 1)])
    for share in shares[:-1]:
        # Each partial outcome branches into 0 … remaining units for this arm; the last arm takes what remains.
        choices = remaining + 1
        parent = np.repeat(np.arange(len(remaining)), choices)
        taken = np.arange(len(parent)) - np.repeat(np.cumsum(choices) - choices, choices)
        log_p = log_p[parent] + special.xlogy(taken, share) - special.gammaln(taken + 1)
        remaining = remaining[parent] - taken
    return log_p + special.xlogy(remaining, shares[-1]) - special.gammaln(remaining + 1)


def two_proportions(missing: tuple[float, float], present: tuple[float, float]) -> tuple[float, str]:
    """Return the p-value that two variants miss equal shares, and the test's name.

    Pearson's chi-square, or Fisher's exact test where an expected count is below `SMALL`.

    Examples
    --------
    >>> p_value, method = two_proportions((3, 0), (7, 10))
    >>> round(p_value, 4), method
    (0.2105, 'Fisher exact')
    """
    table = np.array([missing, present], dtype=float)
    margins = table.sum(axis=0), table.sum(axis=1)
    if min(*margins[0], *margins[1]) == 0:
        # An arm without rows, or no outcome missing or present in either: every table with these margins is the same.
        return 1.0, "nothing to compare"
    expected = expected_if_independent(table)
    if expected.min() >= SMALL:
        return pearson(table, expected, df=1)[1], "chi-square"
    # Counts scaled from rows to units need not be whole numbers.
    (missing_c, missing_t), (present_c, present_t) = np.round(table).astype(int).tolist()
    fisher = conditional(Counts(missing_c, missing_c + present_c), Counts(missing_t, missing_t + present_t))
    return fisher.as_unlikely(), "Fisher exact"
