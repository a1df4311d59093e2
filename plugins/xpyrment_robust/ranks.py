"""Wilcoxon-Mann-Whitney test, with an interval that inverts it."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import Alternative, ArmSample, Effect, Interval, NotEstimable, Unavailable
from xpyrment_core.stats.distributions import bounded, critical, upper_tail

Values = NDArray[np.float64]

EXACT_BELOW = 50
"""As in R: with fewer units than this in both variants, and no ties, the exact distribution is used."""


@frozen
class Ranking:
    """The Mann-Whitney statistic and the quantities of its null distribution.

    Attributes
    ----------
    n_control, n_treatment : int
    u : float
        Pairs in which treatment is larger, equal ones as one half.
    tie_factor : float
        Null variance with ties over that without; 1 without ties.
    """

    n_control: int
    n_treatment: int
    u: float
    tie_factor: float

    @property
    def pairs(self) -> int:
        """Number of pairs of a treatment and a control unit."""
        return self.n_control * self.n_treatment

    @property
    def superiority(self) -> float:
        """``P(treatment > control) + P(equal) / 2`` for a random pair."""
        return self.u / self.pairs

    @property
    def exact(self) -> bool:
        """Whether the exact null distribution is used."""
        return self.tie_factor == 1 and max(self.n_control, self.n_treatment) < EXACT_BELOW


def mannwhitney(control: ArmSample, treatment: ArmSample, alpha: float, alternative: Alternative) -> Effect:
    """Test whether units of one variant tend to have larger values than those of the other.

    Parameters
    ----------
    control, treatment : ArmSample
        Of a metric that reads one column, one row per unit.
    alpha : float
        The interval's level is ``1 - alpha``.
    alternative : {"two-sided", "greater", "less"}
        Alternative hypothesis on treatment minus control.

    Returns
    -------
    Effect
        `difference` is ``P(T > C) + P(T = C) / 2 - 1/2`` for a random pair of units, between
        -1/2 and 1/2. ``extra`` has ``superiority`` (without the - 1/2), ``u`` and whether the p-value
        is ``exact``.

    Raises
    ------
    NotEstimable
        All values are equal, a variant is empty, units have several rows, or the metric
        reads several columns.

    Notes
    -----
    The p-value is that of R's ``wilcox.test``: exact for fewer than 50 units per variant without ties, else
    normal with the variance corrected for ties and a continuity correction. The interval solves
    ``|estimate - theta| = z sqrt(V(theta))`` with Hanley and McNeil's variance, Newcombe's method 5.
    At ``theta = 1/2`` that variance is the test's own, ``(m + n + 1) / (12 m n)``, so
    the interval excludes 0 exactly when ``p < alpha``; ties enter it by the same factor.

    References
    ----------
    Mann, H. B. and Whitney, D. R. (1947). On a test of whether one of two random variables is
    stochastically larger than the other. Annals of Mathematical Statistics 18(1), 50-60.

    Newcombe, R. G. (2006). Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic. Part 2: asymptotic methods and evaluation. Statistics in Medicine 25(4), 559-573.

    Examples
    --------
    >>> from xpyrment_core.stats.delta_method import ColumnMean
    >>> metric = ColumnMean("minutes")
    >>> control = ArmSample({"minutes": np.array([1.0, 4, 5, 7])}, metric=metric)
    >>> treatment = ArmSample({"minutes": np.array([3.0, 8, 9, 12])}, metric=metric)
    >>> effect = mannwhitney(control, treatment, 0.05, "two-sided")
    >>> effect.extra["superiority"], effect.p_value
    (0.8125, 0.2)
    """
    ranking = rank(_column(control), _column(treatment))
    low, high = (_exact_reach if ranking.exact else _normal_reach)(ranking, alpha, alternative)
    # Under the null, sqrt((m + n + 1) / (12 m n)) without ties: the standard error that the p-value uses.
    null_error = math.sqrt(_variance(0.5, ranking))
    gain = ranking.superiority - 0.5
    return Effect(
        difference=gain,
        p_value=(_exact_p if ranking.exact else _normal_p)(ranking, alternative),
        interval=Interval(*bounded(low - 0.5, high - 0.5, alternative), 1 - alpha, "newcombe"),
        std_error=null_error,
        statistic=gain / null_error,
        relative=Unavailable("the effect is a probability of larger values, which has no relative lift"),
        alternative=alternative,
        extra={
            "effect": "P(treatment > control) + P(equal)/2 - 1/2",
            "superiority": ranking.superiority,
            "u": ranking.u,
            "exact": ranking.exact,
        },
    )


def _column(sample: ArmSample) -> Values:
    columns = sample.metric.columns if sample.metric is not None else tuple(sample.columns)
    if len(columns) != 1:
        raise NotEstimable(
            f"a rank test compares one column, and this metric reads {len(columns)}; register a metric of one column"
        )
    if sample.units is not None:
        raise NotEstimable(
            "units have several rows, which a rank test would take for independent; "
            "aggregate the data to one row per unit first"
        )
    values = sample.columns[columns[0]]
    if not len(values):
        raise NotEstimable("there are no units with an observed value")
    return values


def rank(control: Values, treatment: Values) -> Ranking:
    """Count pairs and ties by sorting: ``O(N log N)``.

    Raises
    ------
    NotEstimable
        All values are equal.
    """
    control, treatment = np.sort(control), np.sort(treatment)
    # U counts pairs: half the sum of "control below" and "control not above" gives each tie one half.
    below = np.searchsorted(control, treatment, side="left").sum(dtype=np.int64)
    upto = np.searchsorted(control, treatment, side="right").sum(dtype=np.int64)
    pooled = np.sort(np.concatenate([control, treatment]), kind="stable")  # two sorted runs: one merge
    ends = np.append(np.flatnonzero(pooled[1:] != pooled[:-1]), len(pooled) - 1)
    ties = np.diff(ends, prepend=-1).astype(np.float64)
    total = float(len(pooled))
    if len(ties) == 1:
        raise NotEstimable("all values of both variants are equal, so there is nothing to rank")
    # Tie correction of the null variance (Lehmann 1975, Nonparametrics, section 1.4).
    factor = 1.0 if len(ties) == total else 1 - float((ties * (ties**2 - 1)).sum()) / (total * (total**2 - 1))
    return Ranking(len(control), len(treatment), (int(below) + int(upto)) / 2, factor)


def _variance(theta: float, ranking: Ranking) -> float:
    """Return Hanley and McNeil's variance of the superiority where it is `theta`."""
    m, n = ranking.n_control, ranking.n_treatment
    # Hanley and McNeil (1982), Radiology 143, with the average of both sample sizes (Newcombe 2006).
    spread = (1 - theta) / (2 - theta) + theta / (1 + theta)
    return theta * (1 - theta) * (1 + ((m + n) / 2 - 1) * spread) / (m * n) * ranking.tie_factor


def _normal_p(ranking: Ranking, alternative: Alternative) -> float:
    # Continuity correction of half a unit of U, as in R's wilcox.test.
    error, step = math.sqrt(_variance(0.5, ranking)), 0.5 / ranking.pairs
    gain = ranking.superiority - 0.5
    if alternative == "two-sided":
        return min(1.0, 2 * upper_tail(max(abs(gain) - step, 0.0) / error))
    return upper_tail(((gain if alternative == "greater" else -gain) - step) / error)


def _normal_reach(ranking: Ranking, alpha: float, alternative: Alternative) -> tuple[float, float]:
    return _reach(ranking, critical(alpha, None, alternative), 0.5 / ranking.pairs)


def _exact_p(ranking: Ranking, alternative: Alternative) -> float:
    # Without ties U is a whole number, and its distribution is symmetric about half the pairs.
    chances, u = _null_chances(ranking.n_control, ranking.n_treatment), int(ranking.u)
    if alternative == "two-sided":
        return min(1.0, 2 * float(chances[: min(u, ranking.pairs - u) + 1].sum()))
    return float(chances[: (ranking.pairs - u if alternative == "greater" else u) + 1].sum())


def _exact_reach(ranking: Ranking, alpha: float, alternative: Alternative) -> tuple[float, float]:
    """Return a critical value half-way between the last accepted and the first rejected U."""
    tails = np.cumsum(_null_chances(ranking.n_control, ranking.n_treatment))
    rejected = int(np.searchsorted(tails * (2 if alternative == "two-sided" else 1), alpha, side="left"))
    # No U is extreme enough to be rejected at this level.
    if rejected == 0:
        return 0.0, 1.0
    distance = (ranking.pairs / 2 - (rejected - 0.5)) / ranking.pairs
    # As a multiple of the null's standard error: at 1/2 the interval then rejects the same U as the exact test.
    return _reach(ranking, distance / math.sqrt(_variance(0.5, ranking)), 0.0)


@lru_cache(maxsize=32)
def _null_chances(m: int, n: int) -> Values:
    """Return the probability of every U under the null, by counting the choices of n of m + n ranks."""
    floor = n * (n + 1) // 2
    ways = np.zeros((n + 1, m * n + floor + 1))
    ways[0, 0] = 1
    # Dynamic programming over ranks: ways[k, s] counts the sets of k ranks with sum s.
    for r in range(1, m + n + 1):
        if r < ways.shape[1]:
            ways[1:, r:] += ways[:-1, :-r].copy()
    # U is the rank sum less its minimum n (n + 1) / 2 (Mann and Whitney 1947).
    counts = ways[n, floor:]
    chances: Values = counts / counts.sum()
    chances.setflags(write=False)
    return chances


def _reach(ranking: Ranking, cut: float, step: float) -> tuple[float, float]:
    """Return the superiorities that are `cut` standard errors away from the estimate."""
    estimate = ranking.superiority

    def above(theta: float) -> float:
        return estimate - theta - step - cut * math.sqrt(_variance(theta, ranking))

    def below(theta: float) -> float:
        return theta - estimate - step - cut * math.sqrt(_variance(theta, ranking))

    return _root(above, 0.0, 1.0), _root(below, 1.0, 0.0)


def _root(gap: Callable[[float], float], outside: float, inside: float) -> float:
    """Bisect to where `gap` changes sign between an end where it is positive and one where it is not."""
    if gap(outside) <= 0:
        return outside
    # Bisection, because the variance is 0 at 0 and 1 and its root has an infinite slope there.
    while abs(inside - outside) > 1e-15:
        middle = (outside + inside) / 2
        if middle in (inside, outside):
            break
        if gap(middle) > 0:
            outside = middle
        else:
            inside = middle
    return (outside + inside) / 2
