"""Wilcoxon-Mann-Whitney test, with an interval that inverts it."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import Alternative, ArmSample, Effect, Interval, NotEstimable, Unavailable
from xpyrment_core.stats.distributions import SMALLEST, bounded, critical, upper_tail
from xpyrment_robust.hodges_lehmann import hodges_lehmann
from xpyrment_robust.rank_null import tails

Values = NDArray[np.float64]

EXACT_BELOW = 50
"""With fewer units than this in both variants the exact distribution is used, with and without ties."""

NO_LIFT = Unavailable("the effect is a probability of larger values, which has no relative lift", undefined=True)

EXACT = "exact permutation distribution"
NORMAL = "normal approximation with correction for ties and continuity"


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
    ties : tuple of int
        Sizes of the groups of equal values, where the exact distribution is used.
    """

    n_control: int
    n_treatment: int
    u: float
    tie_factor: float
    ties: tuple[int, ...] = ()

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
        return max(self.n_control, self.n_treatment) < EXACT_BELOW

    def distance(self, alternative: Alternative) -> float:
        """Return how far U lies from half of the pairs in the direction of the alternative."""
        gain = self.u - self.pairs / 2
        return {"two-sided": abs(gain), "greater": gain, "less": -gain}[alternative]


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
        -1/2 and 1/2. ``extra`` has ``superiority`` (without the - 1/2), ``u``, whether the p-value is ``exact``
        and by which ``distribution``, and the shift: ``hodges_lehmann``, ``hodges_lehmann_lower``,
        ``hodges_lehmann_upper``.

    Raises
    ------
    NotEstimable
        All values are equal, a variant is empty, units have several rows, or the metric
        reads several columns.

    Notes
    -----
    The p-value is exact for fewer than 50 units per variant, with ties from the permutation distribution of
    the midranks; else normal with the variance corrected for ties and a continuity correction, as in R's
    ``wilcox.test``. The interval solves ``|estimate - theta| = z sqrt(V(theta))`` with Hanley and McNeil's
    variance, Newcombe's method 5. At ``theta = 1/2`` that variance is the test's own, ``(m + n + 1) / (12 m n)``,
    so the interval excludes 0 exactly when ``p < alpha``; ties enter it by the same factor.

    The Hodges-Lehmann estimate is the median difference of a pair of units, in the metric's unit; its
    interval contains the shifts of treatment that the same test, with the same null distribution, accepts. Where the
    shift 0 itself is the end of the interval and is rejected, that end is the nearest number to 0.

    References
    ----------
    Mann, H. B. and Whitney, D. R. (1947). On a test of whether one of two random variables is
    stochastically larger than the other. Annals of Mathematical Statistics 18(1), 50-60.

    Newcombe, R. G. (2006). Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic. Part 2: asymptotic methods and evaluation. Statistics in Medicine 25(4), 559-573.

    Hodges, J. L. and Lehmann, E. L. (1963). Estimates of location based on rank tests. Annals of
    Mathematical Statistics 34(2), 598-611.

    Examples
    --------
    >>> from xpyrment_core.stats.delta_method import ColumnMean
    >>> metric = ColumnMean("minutes")
    >>> control = ArmSample({"minutes": np.array([1.0, 4, 5, 7])}, metric=metric)
    >>> treatment = ArmSample({"minutes": np.array([3.0, 8, 9, 12])}, metric=metric)
    >>> effect = mannwhitney(control, treatment, 0.05, "two-sided")
    >>> effect.extra["superiority"], round(effect.p_value, 12)
    (0.8125, 0.2)
    >>> [effect.extra[key] for key in ("hodges_lehmann", "hodges_lehmann_lower", "hodges_lehmann_upper")]
    [4.0, -4.0, 11.0]
    """
    values = _column(control), _column(treatment)
    ranking = rank(*values)
    p_value, accepted, cut = (_exact if ranking.exact else _normal)(ranking, alpha, alternative)
    low, high = _reach(ranking, *cut)
    # Under the null, sqrt((m + n + 1) / (12 m n)) without ties: the standard error that the p-value uses.
    null_error = math.sqrt(_variance(0.5, ranking))
    gain = ranking.superiority - 0.5
    return Effect(
        difference=gain,
        p_value=p_value,
        interval=Interval(*bounded(low - 0.5, high - 0.5, alternative), 1 - alpha, "newcombe"),
        std_error=null_error,
        statistic=gain / null_error,
        relative=NO_LIFT,
        alternative=alternative,
        extra={
            "effect": "P(treatment > control) + P(equal)/2 - 1/2",
            "superiority": ranking.superiority,
            "u": ranking.u,
            "exact": ranking.exact,
            "distribution": EXACT if ranking.exact else NORMAL,
            **_shift(values, ranking, accepted, alternative),
        },
    )


def _shift(
    values: tuple[Values, Values], ranking: Ranking, accepted: float, alternative: Alternative
) -> Mapping[str, Any]:
    """Return the Hodges-Lehmann shift and its interval; None where a value is infinite."""
    keys = ("hodges_lehmann", "hodges_lehmann_lower", "hodges_lehmann_upper")
    if not all(np.isfinite(arm[[0, -1]]).all() for arm in map(np.sort, values)):
        return dict.fromkeys(keys)
    shift, low, high = hodges_lehmann(*values, accepted)
    low, high = bounded(low, high, alternative)
    # Tied at the shift 0, which is rejected while all shifts beyond it are accepted: the interval is open there.
    if ranking.distance(alternative) > accepted:
        low, high = (SMALLEST if low == 0 else low), (-SMALLEST if high == 0 else high)
    return dict(zip(keys, (shift, low, high), strict=True))


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
    exact = max(len(control), len(treatment)) < EXACT_BELOW
    sizes = tuple(ties.astype(int).tolist()) if exact else ()
    return Ranking(len(control), len(treatment), (int(below) + int(upto)) / 2, factor, sizes)


def _variance(theta: float, ranking: Ranking) -> float:
    """Return Hanley and McNeil's variance of the superiority where it is `theta`."""
    m, n = ranking.n_control, ranking.n_treatment
    # Hanley and McNeil (1982), Radiology 143, with the average of both sample sizes (Newcombe 2006).
    spread = (1 - theta) / (2 - theta) + theta / (1 + theta)
    return theta * (1 - theta) * (1 + ((m + n) / 2 - 1) * spread) / (m * n) * ranking.tie_factor


Cut = tuple[float, float]
"""Critical value in standard errors, and continuity correction, of the superiority."""


def _normal(ranking: Ranking, alpha: float, alternative: Alternative) -> tuple[float, float, Cut]:
    """Return the p-value, the largest distance of U that is accepted, and the cut of the interval."""
    # Continuity correction of half a unit of U, as in R's wilcox.test.
    error, step, gap = math.sqrt(_variance(0.5, ranking)), 0.5, ranking.distance(alternative)
    statistic = (gap - step) / (error * ranking.pairs)
    p_value = min(1.0, 2 * upper_tail(max(statistic, 0.0))) if alternative == "two-sided" else upper_tail(statistic)
    cut = critical(alpha, None, alternative)
    return max(p_value, SMALLEST), cut * error * ranking.pairs + step, (cut, step / ranking.pairs)


def _exact(ranking: Ranking, alpha: float, alternative: Alternative) -> tuple[float, float, Cut]:
    """Return the same from the permutation distribution."""
    null = tails(ranking.ties, ranking.n_treatment, alternative)
    accepted, rejected = null.cut(alpha)
    # Half-way between the last accepted and the first rejected U, as a multiple of the null's standard error: at 1/2
    # the interval then rejects the same U as the exact test.
    cut = (accepted + rejected) / 2 / ranking.pairs / math.sqrt(_variance(0.5, ranking))
    return null.p_value(ranking.distance(alternative)), accepted, (cut, 0.0)


def _reach(ranking: Ranking, cut: float, step: float) -> tuple[float, float]:
    """Return the superiorities that are `cut` standard errors away from the estimate."""
    # No U is extreme enough to be rejected at this level.
    if math.isinf(cut):
        return 0.0, 1.0
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
