"""The score test of two proportions, and the intervals that invert it.

Under a hypothesised difference (or ratio) the two proportions take their restricted maximum
likelihood estimates, and the observed difference is divided by the standard error they imply. The
interval is the set of hypotheses that the test does not reject, so it agrees with the p-value; and
since "difference 0" and "ratio 1" are the same hypothesis, both intervals agree with each other.
"""

import math
from collections.abc import Callable

from attrs import frozen

from xpyrment_core import Alternative, Counts, Effect, Interval, Unavailable
from xpyrment_core.stats.distributions import bounded, critical, p_value
from xpyrment_core.stats.root_finding import zero
from xpyrment_proportions.observed import difference, failures, no_relative, require_units
from xpyrment_proportions.restricted import given_difference, given_ratio

EDGE = 1 - 1e-10
"""A difference closer to -1 or 1 than this counts as -1 or 1."""
LOG_EDGE = 60.0
"""A ratio beyond ``exp(60)`` counts as unbounded."""


def score(control: Counts, treatment: Counts, alpha: float, alternative: Alternative) -> Effect:
    """Compare two proportions by the score test with skewness correction.

    The score of Miettinen and Nurminen (1985), with their variance factor ``N / (N - 1)``,
    corrected for the skewness of the binomial (Gart and Nam 1988, 1990), as combined by
    Laud (2017). With arms of equal size the correction is 0 and the test is the "N - 1"
    chi-squared test. With unequal arms and rare events it keeps its level where the
    uncorrected test and the z test do not, in either tail.

    Parameters
    ----------
    control, treatment : Counts
    alpha : float
        The intervals have level ``1 - alpha``.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    Effect
        `statistic` is the corrected score (standard normal under the null), `std_error`
        that of the difference under the null. Where all units, or none, are successes the
        data contain no evidence against the null: p is 1, and the interval of the difference is valid.

    Raises
    ------
    NotEstimable
        A variant has no units.

    References
    ----------
    Miettinen, O. and Nurminen, M. (1985). Comparative analysis of two rates.
    Statistics in Medicine 4, 213-226.
    Gart, J. J. and Nam, J. (1988). Approximate interval estimation of the ratio of binomial
    parameters. Biometrics 44, 323-338; and (1990), of the difference, Biometrics 46, 637-643.
    Laud, P. J. (2017). Equal-tailed confidence intervals for comparison of rates.
    Pharmaceutical Statistics 16(5), 334-348.

    Examples
    --------
    >>> effect = score(Counts(0, 29), Counts(5, 56), alpha=0.05, alternative="two-sided")
    >>> round(effect.p_value, 6), round(effect.interval.low, 4), round(effect.interval.high, 4)
    (0.081997, -0.0186, 0.1867)
    """
    return _effect(control, treatment, alpha, alternative, skewness=True)


def miettinen_nurminen(control: Counts, treatment: Counts, alpha: float, alternative: Alternative) -> Effect:
    """Compare two proportions by Miettinen and Nurminen's score test, without skewness correction.

    As `score`, for comparison with other software. With arms of unequal size and rare events
    its one-sided level exceeds the nominal one.

    Examples
    --------
    >>> effect = miettinen_nurminen(Counts(48, 80), Counts(56, 70), alpha=0.05, alternative="two-sided")
    >>> round(effect.interval.low, 4), round(effect.interval.high, 4)
    (0.0528, 0.3382)
    """
    return _effect(control, treatment, alpha, alternative, skewness=False)


@frozen
class _Inversion:
    """Critical value of the bounds of an interval, and the side of the null on which each lies."""

    cut: float
    side: int
    alternative: Alternative
    level: float
    method: str


def _effect(control: Counts, treatment: Counts, alpha: float, alternative: Alternative, *, skewness: bool) -> Effect:
    require_units(control, treatment)
    successes, n = control.successes + treatment.successes, control.n + treatment.n
    # Without failures or without successes the variance under the null is 0.
    constant = successes in (0, n)
    statistic = 0.0 if constant else at_difference(0.0, control, treatment, skewness)
    p = 1.0 if constant else p_value(statistic, None, alternative)
    inversion = _Inversion(
        cut=critical(alpha, None, alternative),
        side=_side(p, alpha, statistic, alternative),
        alternative=alternative,
        level=1 - alpha,
        method="score" if skewness else "miettinen-nurminen",
    )
    # Variance under equal proportions, with Miettinen and Nurminen's factor N / (N - 1).
    variance = successes / n * (1 - successes / n) * (1 / control.n + 1 / treatment.n) * n / (n - 1)
    return Effect(
        difference=difference(control, treatment),
        p_value=p,
        interval=_difference_interval(control, treatment, skewness, inversion),
        relative=_relative_interval(control, treatment, skewness, inversion),
        std_error=None if constant else math.sqrt(variance),
        statistic=statistic,
        alternative=alternative,
    )


def at_difference(supposed: float, control: Counts, treatment: Counts, skewness: bool = True) -> float:
    """Return the score statistic under a hypothesised difference of proportions.

    Positive if the observed difference is above the hypothesised one; standard normal under the
    hypothesis. The one-sided non-inferiority test is its upper tail.

    Examples
    --------
    >>> round(at_difference(-0.125, Counts(270, 370), Counts(245, 356)), 5)
    2.47516
    """
    if control.successes + treatment.successes > (control.n + treatment.n) / 2:
        # Of rates near 1 the failures keep the digits: 1 - p rounds where p does not.
        return -at_difference(-supposed, failures(control), failures(treatment), skewness)
    fitted = given_difference(supposed, control, treatment)
    gap = difference(control, treatment) - supposed
    return _standardised(gap, *fitted, 1.0, control.n, treatment.n, skewness)


def at_ratio(supposed: float, control: Counts, treatment: Counts, skewness: bool = True) -> float:
    """Return the score statistic under a hypothesised ratio of proportions, treatment to control.

    Examples
    --------
    >>> round(at_ratio(1.0, Counts(0, 29), Counts(5, 56)), 6)
    1.739213
    """
    fitted = given_ratio(supposed, control, treatment)
    # T - ratio C has mean 0 under the hypothesis: unlike the log ratio it needs no success in treatment.
    gap = treatment.successes / treatment.n - supposed * control.successes / control.n
    return _standardised(gap, *fitted, supposed, control.n, treatment.n, skewness)


def _standardised(
    gap: float, p_control: float, p_treatment: float, ratio: float, n_control: int, n_treatment: int, skewness: bool
) -> float:
    """Return the gap ``treatment - ratio * control - difference`` over its standard error, skewness-corrected.

    The skewness correction solves ``z + skew (z² - 1) / 6 = gap / standard error`` for z (Laud
    2017, appendix S1); the discriminant was above 1/3 for every table and hypothesis tried, so
    there is a solution. Infinite where the variance under the hypothesis is 0.
    """
    v_control = ratio**2 * p_control * (1 - p_control) / n_control
    v_treatment = p_treatment * (1 - p_treatment) / n_treatment
    n = n_control + n_treatment
    variance = (v_control + v_treatment) * n / (n - 1)
    if variance <= 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    raw = gap / math.sqrt(variance)
    if not skewness:
        return raw
    # Third central moment of the gap under the hypothesis (Gart and Nam 1988, 1990).
    third = v_treatment * (1 - 2 * p_treatment) / n_treatment - ratio * v_control * (1 - 2 * p_control) / n_control
    shift: float = third / (6 * variance**1.5)
    # Root of the quadratic in the form without cancellation; it tends to `raw` as `shift` tends to 0.
    return 2 * (raw + shift) / (1 + math.sqrt(max(1 + 4 * shift * (shift + raw), 0.0)))


def _difference_interval(control: Counts, treatment: Counts, skewness: bool, inversion: _Inversion) -> Interval:
    def statistic(supposed: float) -> float:
        return at_difference(supposed, control, treatment, skewness)

    low, high = _bounds(statistic, (-EDGE, EDGE), inversion)
    # No crossing: the interval reaches the limit of the parameter space.
    low, high = (-1.0 if low is None else low), (1.0 if high is None else high)
    return Interval(*bounded(low, high, inversion.alternative), inversion.level, inversion.method)


def _relative_interval(
    control: Counts, treatment: Counts, skewness: bool, inversion: _Inversion
) -> Interval | Unavailable:
    if control.successes == 0:
        return no_relative(control)

    def statistic(log_ratio: float) -> float:
        return at_ratio(math.exp(log_ratio), control, treatment, skewness)

    # Solved for the log ratio: bounds of rare events span many powers of ten.
    low, high = _bounds(statistic, (-LOG_EDGE, LOG_EDGE), inversion)
    if high is None and inversion.alternative != "greater":
        return Unavailable(
            f"control has {control.successes:,} successes in {control.n:,} units, too few for an upper bound of the "
            f"lift at level {inversion.level:.6g}"
        )
    low, high = (-1.0 if low is None else math.expm1(low)), (math.inf if high is None else math.expm1(high))
    return Interval(*bounded(low, high, inversion.alternative), inversion.level, inversion.method)


def _bounds(
    statistic: Callable[[float], float], edges: tuple[float, float], inversion: _Inversion
) -> tuple[float | None, float | None]:
    """Return where the decreasing statistic crosses `cut` and ``-cut``; None if it does not or is not needed.

    The side of the null (0) on which a bound lies is taken from the p-value, so that rounding cannot
    make interval and p-value disagree.
    """
    low = high = None
    if inversion.alternative != "less":
        low = _bound(statistic, edges[1] if inversion.side > 0 else edges[0], inversion.cut)
    if inversion.alternative != "greater":
        high = _bound(statistic, edges[0] if inversion.side < 0 else edges[1], -inversion.cut)
    return low, high


def _bound(statistic: Callable[[float], float], edge: float, target: float) -> float | None:
    """Return where the decreasing statistic equals `target`, between the null (0) and a limit of its range."""
    towards = math.copysign(1.0, edge)
    if (statistic(edge) - target) * towards >= 0:
        return None
    # Only rounding puts the bound on the other side of the null than the p-value does: it is the null then.
    if (statistic(0.0) - target) * towards <= 0:
        return 0.0
    return zero(lambda supposed: statistic(supposed) - target, 0.0, edge, tolerance=1e-13)


def _side(p: float, alpha: float, statistic: float, alternative: Alternative) -> int:
    """Return on which side of the null the interval lies: 1 above, -1 below, 0 around it."""
    if p >= alpha:
        return 0
    if alternative == "two-sided":
        return 1 if statistic > 0 else -1
    return 1 if alternative == "greater" else -1
