"""Intervals of the relative effect: Fieller, delta method, logarithm of the ratio."""

import math

from xpyrment_core.errors import NotEstimable
from xpyrment_core.options import Alternative, RelativeMethod
from xpyrment_core.stats.distributions import bounded, critical
from xpyrment_core.values.estimates import Effect, Estimate, Interval, Unavailable


def relative_interval(
    control: Estimate, treatment: Estimate, effect: Effect, alpha: float, method: RelativeMethod
) -> Interval | Unavailable:
    """Return the interval of ``treatment / control - 1`` that goes with a Wald effect.

    Fieller's interval inverts the same test as the absolute one: it excludes 0
    exactly when ``p < alpha``. ``"delta"`` and ``"log"`` are first-order
    approximations that need not agree with the p-value.

    References
    ----------
    Fieller, E. C. (1954). Some problems in interval estimation. Journal of the
    Royal Statistical Society B 16(2), 175-185.
    """
    if effect.std_error is None:
        return Unavailable("the test has no standard error from which to form a relative interval")
    if effect.estimates is not None:
        control, treatment = effect.estimates
    if control.value == 0:
        return Unavailable("the control mean is 0, so a relative effect is not defined")
    own = control.variance + treatment.variance
    scale = effect.std_error**2 / own if own > 0 else 1.0
    # Pooled variances with shared parts that were not pooled could add up to less than nothing.
    v_control = scale * max(control.variance + control.extra_variance, 0.0)
    covariance = scale * control.covariance
    cut = critical(alpha, effect.df, effect.alternative)
    if method == "fieller":
        return _fieller(control.value, effect, v_control, covariance, cut, alpha)
    v_treatment = scale * (treatment.variance + treatment.extra_variance)
    ratio = treatment.value / control.value
    spread = math.sqrt(max(v_treatment - 2 * ratio * covariance + ratio**2 * v_control, 0.0)) / abs(control.value)
    if method == "delta":
        bounds = (ratio - 1 - cut * spread, ratio - 1 + cut * spread)
    elif ratio > 0:
        bounds = (ratio * math.exp(-cut * spread / ratio) - 1, ratio * math.exp(cut * spread / ratio) - 1)
    else:
        return Unavailable("the two means differ in sign, so the log of their ratio is not defined")
    return Interval(*_relative_bounds(*bounds, effect.alternative, control.value), 1 - alpha, method)


def _fieller(
    control: float, effect: Effect, v_control: float, covariance: float, cut: float, alpha: float
) -> Interval | Unavailable:
    # All lifts x with (D - x C)^2 <= k^2 Var(D - x C): a quadratic a x^2 - 2 b x + c <= 0.
    assert effect.std_error is not None
    difference, v_difference = effect.difference, effect.std_error**2
    shared = covariance - v_control  # Cov(D, C)
    a = control**2 - cut**2 * v_control
    b = difference * control - cut**2 * shared
    c = (difference - cut * effect.std_error) * (difference + cut * effect.std_error)
    if a <= 0:
        return Unavailable(
            f"the control mean ({control:.4g}) is not distinguishable from 0 at this level, "
            f"so the relative interval is unbounded"
        )
    # b^2 - a c, expanded so that the squares of the estimates, which cancel, never enter.
    spread = control**2 * v_difference - 2 * difference * control * shared + difference**2 * v_control
    root = cut * math.sqrt(max(spread - cut**2 * (v_control * v_difference - shared**2), 0.0))
    # The larger root first, the other from the product of the roots: no cancellation.
    far = b + math.copysign(root, b)
    bounds = sorted((far / a, c / far)) if far != 0 else [-root / a, root / a]
    return Interval(*_relative_bounds(bounds[0], bounds[1], effect.alternative, control), 1 - alpha, "fieller")


def _relative_bounds(low: float, high: float, alternative: Alternative, control: float) -> tuple[float, float]:
    """Open the right end: with a negative control mean a larger treatment is a smaller ratio."""
    flipped: dict[Alternative, Alternative] = {"greater": "less", "less": "greater", "two-sided": "two-sided"}
    return bounded(low, high, alternative if control > 0 else flipped[alternative])


def ratio_std_error(control: Estimate, treatment: Estimate, effect: Effect, ratio: float) -> float:
    """Return the standard error of ``treatment - ratio * control``, on the scale of the effect's own.

    At ratio 1 it is the effect's standard error; it carries what adjusted values share.
    """
    if effect.std_error is None:
        raise NotEstimable("the test has no standard error")
    own = control.variance + treatment.variance
    scale = effect.std_error**2 / own if own > 0 else 1.0
    v_control = control.variance + control.extra_variance
    v_treatment = treatment.variance + treatment.extra_variance
    spread = v_treatment - 2 * ratio * control.covariance + ratio**2 * v_control
    return math.sqrt(max(scale * spread, 0.0))
