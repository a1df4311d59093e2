"""Newcombe's interval of a difference of proportions, and the p-value that inverts it.

The distances from each proportion to its Wilson bounds are combined as the square root of the sum
of their squares (MOVER, the method of variance estimates recovery). The same construction gives
the interval of the ratio.
"""

import math

from xpyrment_core import Alternative, Counts, Effect, Interval, Unavailable
from xpyrment_core.stats.distributions import bounded, critical, p_value
from xpyrment_core.stats.root_finding import zero
from xpyrment_proportions.observed import difference, no_relative, require_units


def newcombe(control: Counts, treatment: Counts, alpha: float, alternative: Alternative) -> Effect:
    """Compare two proportions by Newcombe's hybrid score interval.

    The method defines no test; the p-value is the alpha at which a bound of the interval is 0,
    found numerically. The relative interval is its counterpart for a ratio
    (Donner and Zou 2012), which excludes a lift of 0 exactly when this one excludes 0.

    Parameters
    ----------
    control, treatment : Counts
    alpha : float
        The intervals have level ``1 - alpha``.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    Effect
        `statistic` is the critical value at which the interval touches 0; `std_error` is the
        unpooled one, None where both variants are constant.

    Raises
    ------
    NotEstimable
        A variant has no units.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent
    proportions: comparison of eleven methods. Statistics in Medicine 17, 873-890 (method 10).
    Donner, A. and Zou, G. Y. (2012). Closed-form confidence intervals for functions of the
    normal mean and standard deviation. Statistical Methods in Medical Research 21, 347-359.

    Examples
    --------
    >>> effect = newcombe(Counts(48, 80), Counts(56, 70), alpha=0.05, alternative="two-sided")
    >>> round(effect.interval.low, 4), round(effect.interval.high, 4)
    (0.0524, 0.3339)
    """
    require_units(control, treatment)
    statistic = _touching(control, treatment)
    cut = critical(alpha, None, alternative)
    low, high = _difference_bounds(control, treatment, cut)
    p_c, p_t = (arm.successes / arm.n for arm in (control, treatment))
    return Effect(
        difference=difference(control, treatment),
        p_value=p_value(statistic, None, alternative),
        interval=Interval(*bounded(low, high, alternative), 1 - alpha, "newcombe"),
        relative=_relative(control, treatment, cut, alternative, alpha),
        std_error=math.sqrt(p_c * (1 - p_c) / control.n + p_t * (1 - p_t) / treatment.n) or None,
        statistic=statistic,
        alternative=alternative,
    )


def wilson(arm: Counts, cut: float) -> tuple[float, float]:
    """Return the score interval of one proportion (Wilson 1927, JASA 22, 209-212).

    Examples
    --------
    >>> low, high = wilson(Counts(15, 148), 1.959964)
    >>> round(low, 4), round(high, 4)
    (0.0624, 0.1605)
    """
    p, n, square = arm.successes / arm.n, arm.n, cut**2
    middle = p + square / (2 * n)
    half = cut * math.sqrt(p * (1 - p) / n + square / (4 * n * n))
    # The product of the roots is p², so the lower one follows from the upper without cancellation.
    high = (middle + half) / (1 + square / n)
    low = p * p / (middle + half) if middle + half else 0.0
    return low, min(high, 1.0)


def _difference_bounds(control: Counts, treatment: Counts, cut: float) -> tuple[float, float]:
    p_c, p_t, gap = control.successes / control.n, treatment.successes / treatment.n, difference(control, treatment)
    (l_c, u_c), (l_t, u_t) = wilson(control, cut), wilson(treatment, cut)
    # Newcombe's method 10: low = D - sqrt((p_t - l_t)² + (u_c - p_c)²), high = D + sqrt((u_t - p_t)² + (p_c - l_c)²).
    low, high = gap - math.hypot(p_t - l_t, u_c - p_c), gap + math.hypot(u_t - p_t, p_c - l_c)
    return max(low, -1.0), min(high, 1.0)


def _touching(control: Counts, treatment: Counts) -> float:
    """Return the critical value at which a bound of the interval is 0, with the sign of the difference."""
    if difference(control, treatment) == 0:
        return 0.0
    if difference(control, treatment) < 0:
        # Exchanging the arms mirrors the interval, so only the lower bound is ever solved for.
        return -_touching(treatment, control)
    high = 1.0
    # Wilson's intervals are nested in the critical value: the bound falls as it grows, so doubling brackets its zero.
    while _difference_bounds(control, treatment, high)[0] > 0:
        high *= 2
    return zero(lambda cut: _difference_bounds(control, treatment, cut)[0], 0.0, high, tolerance=1e-13)


def _relative(
    control: Counts, treatment: Counts, cut: float, alternative: Alternative, alpha: float
) -> Interval | Unavailable:
    """Return all lifts for which the interval of ``treatment - (1 + lift) * control`` contains 0."""
    if control.successes == 0:
        return no_relative(control)
    p_c, p_t = control.successes / control.n, treatment.successes / treatment.n
    (l_c, u_c), (l_t, u_t) = wilson(control, cut), wilson(treatment, cut)
    product = p_c * p_t
    # Roots of a r² - 2 p_c p_t r + c = 0, each in the form without cancellation.
    a, c = u_c * (2 * p_c - u_c), l_t * (2 * p_t - l_t)
    # Without successes in treatment l_t and c are 0, and the ratio is bounded below by 0.
    low = c / (product + math.sqrt(max(product**2 - a * c, 0.0))) if c else 0.0
    a, c = l_c * (2 * p_c - l_c), u_t * (2 * p_t - u_t)
    high = (product + math.sqrt(max(product**2 - a * c, 0.0))) / a
    return Interval(*bounded(low - 1, high - 1, alternative), 1 - alpha, "newcombe")
