"""Effects from resamples, with intervals that invert the p-value."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from xpyrment_core import Alternative, Effect, Estimate, Interval, NotEstimable, Unavailable
from xpyrment_core.stats.distributions import bounded
from xpyrment_core.stats.wald import wald
from xpyrment_resampling.inversion import allowed, critical_values, edge, margin, p_value, studentised, too_few
from xpyrment_resampling.statistics import Values

Vector = NDArray[np.float64]
FLIPPED: dict[Alternative, Alternative] = {"greater": "less", "less": "greater", "two-sided": "two-sided"}


@frozen(eq=False)
class Resampled:
    """Two variants and their resamples, each with a variance of its own."""

    control: Estimate
    treatment: Estimate
    control_star: Values
    treatment_star: Values

    def observed(self, ratio: float) -> float:
        """Return ``(T - ratio C) / SE``."""
        difference = np.array([self.treatment.value - ratio * self.control.value])
        return float(studentised(difference, self.treatment.variance + ratio**2 * self.control.variance)[0])

    def pivots(self, ratio: float) -> Vector:
        """Return ``((T* - ratio C*) - (T - ratio C)) / SE*`` of each resample."""
        here = self.treatment.value - ratio * self.control.value
        there = self.treatment_star.value - ratio * self.control_star.value
        return studentised(there - here, self.treatment_star.variance + ratio**2 * self.control_star.variance)


def studentised_effect(resampled: Resampled, metric: Any, alpha: float, alternative: Alternative) -> Effect:
    """Return the effect by the bootstrap-t.

    Raises
    ------
    NotEstimable
        Both variants are constant.
    """
    # Difference, standard error and estimates are those of the z test; its p-value and intervals are replaced.
    effect = wald(resampled.control, resampled.treatment, alpha=alpha, alternative=alternative, df=None)
    assert effect.std_error is not None
    pivots = resampled.pivots(1.0)
    low, high = critical_values(pivots, alpha, alternative)
    # The quantiles change places: a large pivot means that the estimate is too large.
    ends = effect.difference - high * effect.std_error, effect.difference - low * effect.std_error
    interval = _interval(ends, alpha, alternative, "bootstrap-t", len(pivots))
    return evolve(
        effect,
        p_value=p_value(pivots, resampled.observed(1.0), alternative),
        interval=interval,
        relative=_relative(resampled, metric, interval, alpha, alternative),
    )


def _interval(
    ends: tuple[float, float], alpha: float, alternative: Alternative, method: str, replicates: int
) -> Interval | Unavailable:
    low, high = bounded(*ends, alternative)
    needed = {"two-sided": (low, high), "greater": (low,), "less": (high,)}[alternative]
    if allowed(replicates, alpha, alternative) == 0:
        return too_few(replicates, alpha)
    if not all(math.isfinite(end) for end in needed):
        return Unavailable("too many resamples have no noise of their own, so the interval is unbounded")
    return Interval(low, high, 1 - alpha, method)


def _relative(
    resampled: Resampled, metric: Any, interval: Interval | Unavailable, alpha: float, alternative: Alternative
) -> Interval | Unavailable:
    if isinstance(interval, Unavailable):
        return interval
    if hasattr(metric, "relative"):
        return mapped(metric.relative, interval)

    def margin_at(lift: float) -> float:
        # As Fieller's: the same test of T - (1 + x) C = 0 for every lift x.
        critical = critical_values(resampled.pivots(1 + lift), alpha, alternative)
        return margin(resampled.observed(1 + lift), critical)

    return relative_set(margin_at, resampled.control, resampled.treatment, alpha, alternative, "bootstrap-t fieller")


def mapped(relative: Callable[[float], float], interval: Interval) -> Interval:
    """Return the interval of a lift that is an increasing function of the difference."""
    low, high = (end if math.isinf(end) else relative(end) for end in (interval.low, interval.high))
    return evolve(interval, low=low, high=high)


def relative_set(
    margin_at: Callable[[float], float],
    control: Estimate,
    treatment: Estimate,
    alpha: float,
    alternative: Alternative,
    method: str,
) -> Interval | Unavailable:
    """Return the lifts that a test accepts, as an interval around the observed one."""
    if control.value == 0:
        return Unavailable("the control mean is 0, so a relative effect is not defined")
    ratio = treatment.value / control.value
    step = math.sqrt(treatment.variance + control.variance) / abs(control.value)
    # With a negative control mean a larger treatment is a smaller ratio.
    side = alternative if control.value > 0 else FLIPPED[alternative]
    ends = accepted_ends(margin_at, ratio - 1, step, side)
    if isinstance(ends, Unavailable):
        return ends
    if None in ends:
        return Unavailable(
            f"the control mean ({control.value:.4g}) is not distinguishable from 0 at this level, "
            f"so the relative interval is unbounded"
        )
    return Interval(*ends, 1 - alpha, method)  # type: ignore[arg-type]


def accepted_ends(
    margin_at: Callable[[float], float], estimate: float, step: float, side: Alternative
) -> tuple[float | None, float | None] | Unavailable:
    """Return both ends of the accepted values around the estimate; infinite where one-sided, None where unbounded."""
    if margin_at(estimate) < 0:
        return Unavailable("the resamples are so lopsided that the test rejects the estimate itself")
    low = -math.inf if side == "less" else edge(margin_at, estimate, step, -1)
    high = math.inf if side == "greater" else edge(margin_at, estimate, step, 1)
    return low, high


@frozen(eq=False)
class Replicated:
    """Two variants' values of a metric and its replicates, without variances."""

    n_control: int
    n_treatment: int
    control: float
    control_star: Vector
    treatment: float
    treatment_star: Vector


def percentile_effect(made: Replicated, alpha: float, alternative: Alternative) -> Effect:
    """Return the effect by percentiles of the replicated difference and lift.

    Raises
    ------
    NotEstimable
        Every replicate is the same in both variants.
    """
    arms = (
        Estimate(value=made.control, n=made.n_control, unit_variance=float(made.control_star.var()) * made.n_control),
        Estimate(
            value=made.treatment, n=made.n_treatment, unit_variance=float(made.treatment_star.var()) * made.n_treatment
        ),
    )
    std_error = math.sqrt(arms[0].variance + arms[1].variance)
    if not std_error > 0:
        raise NotEstimable("every resample of a variant has the same value, so there is no noise to compare against")
    # The percentile interval contains 0 while enough replicated differences lie at or beyond 0.
    differences = made.treatment_star - made.control_star
    interval = _percentiles(differences, alpha, alternative)
    return Effect(
        difference=made.treatment - made.control,
        p_value=p_value(-differences, 0.0, alternative, slack=0.0),
        interval=interval,
        std_error=std_error,
        relative=_percentile_lift(made, interval, alpha, alternative),
        estimates=arms,
        alternative=alternative,
    )


def _percentiles(values: Vector, alpha: float, alternative: Alternative) -> Interval | Unavailable:
    # The same order statistics as the p-value's critical values, so that both exclude 0 together.
    low, high = critical_values(-values, alpha, alternative, slack=0.0)
    return _interval((-high, -low), alpha, alternative, "bootstrap percentile", len(values))


def _percentile_lift(
    made: Replicated, interval: Interval | Unavailable, alpha: float, alternative: Alternative
) -> Interval | Unavailable:
    if isinstance(interval, Unavailable):
        return interval
    # Across 0 the ratio jumps between plus and minus infinity: percentiles of the lift would mean nothing.
    if not ((made.control_star > 0).all() or (made.control_star < 0).all()):
        return Unavailable("the control value is not distinguishable from 0, so a relative effect is not defined")
    side = alternative if made.control > 0 else FLIPPED[alternative]
    return _percentiles(made.treatment_star / made.control_star - 1, alpha, side)
