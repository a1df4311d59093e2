"""p-value of a resampling test, and the inversion of the test into an interval."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from xpyrment_core import Alternative, Unavailable
from xpyrment_core.stats.root_finding import zero

Vector = NDArray[np.float64]

SLACK = 1e-9
"""Studentised statistics closer than this to the observed one count as equal: the rest is rounding."""

PRECISION = 1e-10
"""Relative precision of interval bounds."""


def studentised(difference: Vector, variance: Vector | float) -> Vector:
    """Return ``difference / sqrt(variance)``; NaN where it is not defined, 0 where both are 0."""
    with np.errstate(all="ignore"):
        ratio = difference / np.sqrt(variance)
    return np.where((difference == 0) & (variance == 0), 0.0, ratio)


def p_value(resampled: Vector, observed: float, alternative: Alternative, slack: float = SLACK) -> float:
    """Return ``(b + 1) / (B + 1)``, where b resampled statistics are at least as extreme as the observed one.

    Two-sided it is twice the smaller tail. A statistic that is not defined counts as extreme.

    References
    ----------
    Phipson, B. and Smyth, G. K. (2010). Permutation p-values should never be zero.
    Statistical Applications in Genetics and Molecular Biology 9(1), 39.

    Examples
    --------
    >>> p_value(np.array([-1.0, 0.0, 1.0, 2.0]), 1.5, "greater")
    0.4
    """
    above = int((_upward(resampled, slack) >= observed).sum())
    below = int((-_upward(-resampled, slack) <= observed).sum())
    # Phipson and Smyth (2010): the observed statistic counts as one of the resamples.
    tails = {"greater": above, "less": below, "two-sided": min(above, below)}
    sides = 2 if alternative == "two-sided" else 1
    return min(1.0, sides * (tails[alternative] + 1) / (len(resampled) + 1))


def critical_values(
    resampled: Vector, alpha: float, alternative: Alternative, slack: float = SLACK
) -> tuple[float, float]:
    """Return (low, high) such that ``p_value < alpha`` exactly when the observed one is below or above.

    The side that a one-sided alternative ignores is infinite; both are if there are too few
    resamples to reject at this level.
    """
    # The test stops rejecting once as many resamples are as extreme: the bound is that order statistic.
    place = allowed(len(resampled), alpha, alternative)
    if place == 0:
        return -math.inf, math.inf
    high = _largest(_upward(resampled, slack), place) if alternative != "less" else math.inf
    low = -_largest(_upward(-resampled, slack), place) if alternative != "greater" else -math.inf
    return low, high


def _upward(resampled: Vector, slack: float) -> Vector:
    """Return the statistics moved up by the slack, undefined ones to infinity."""
    moved = resampled.copy()
    finite = np.isfinite(moved)
    # Relative for large statistics, absolute for small ones: both lose about the same digits by rounding.
    moved[finite] += slack * np.maximum(np.abs(moved[finite]), 1.0)
    moved[np.isnan(moved)] = np.inf
    return moved


def allowed(replicates: int, alpha: float, alternative: Alternative) -> int:
    """Return the smallest number of resamples at least as extreme at which the test does not reject."""
    sides = 2 if alternative == "two-sided" else 1
    # Start two below the closed form, then count up: floor() alone is wrong by rounding.
    b = max(0, math.floor(alpha * (replicates + 1) / sides) - 2)
    while sides * (b + 1) / (replicates + 1) < alpha:
        b += 1
    return b


def _largest(values: Vector, place: int) -> float:
    return float(np.partition(values, len(values) - place)[len(values) - place])


def too_few(replicates: int, alpha: float) -> Unavailable:
    """Return the reason why so few resamples have no interval at this level."""
    return Unavailable(
        f"{replicates} resamples cannot reject at level {alpha:g}, so there is no interval; "
        f"it needs more than {math.ceil(2 / alpha)}"
    )


def margin(observed: float, critical: tuple[float, float]) -> float:
    """Return how far inside its critical values a statistic is; negative where the test rejects.

    Examples
    --------
    >>> margin(1.5, (-2.0, 2.0)), margin(-3.0, (-2.0, 2.0))
    (0.5, -1.0)
    """
    inside = min(observed - critical[0], critical[1] - observed)
    return -math.inf if math.isnan(inside) else inside


def edge(
    margin_at: Callable[[float], float], inside: float, step: float, direction: int, null: float = 0.0
) -> float | None:
    """Return where a test begins to reject, going from `inside` in one direction; None if it never does.

    The null value is tested first if it lies on the way, so that the interval contains it
    exactly when the test accepts it.

    Parameters
    ----------
    margin_at : callable
        Of a value of the effect: not negative where the test accepts it.
    inside : float
        An accepted value.
    step : float
        First stride, about a standard error.
    direction : {-1, 1}
    null : float
    """
    # Between two accepted values the margin is not monotone, so the null is tested by itself.
    if (null - inside) * direction > 0:
        if margin_at(null) < 0:
            return zero(margin_at, inside, null, PRECISION)
        inside = null
    # Strides double: after 50 of them, 2**50 standard errors away, the set counts as unbounded.
    for _ in range(50):
        ahead = inside + direction * step
        if margin_at(ahead) < 0:
            return zero(margin_at, inside, ahead, PRECISION)
        inside, step = ahead, 2 * step
    return None
