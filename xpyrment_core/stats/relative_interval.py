"""Intervals of the relative effect: Fieller, delta method, logarithm of the ratio."""

import math

import numpy as np

from xpyrment_core.choices import Alternative, RelativeMethod
from xpyrment_core.errors import NotEstimable
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
        return Unavailable("the control mean is 0, so a relative effect is not defined", undefined=True)
    cut = critical(alpha, effect.df, effect.alternative)
    if cut < 0:
        return Unavailable("a one-sided test at a level above 0.5 has no relative interval")
    if treatment.value == 0 and treatment.variance + treatment.extra_variance == 0:
        # 0 over any control mean is 0: the set of lifts is a point for any data of control.
        return Unavailable("the relative effect has no spread: treatment is 0 in every unit")
    bounds = _bounds(control, treatment, effect, effect.std_error, cut, method)
    if isinstance(bounds, Unavailable):
        return bounds
    if not math.isfinite(bounds[0]):
        near = f"the control mean ({control.value:.4g}) is too close to 0 for a relative interval"
        return Unavailable(near, undefined=True)
    return Interval(*_opened(*bounds, effect.alternative, control.value), 1 - alpha, method)


def _bounds(
    control: Estimate, treatment: Estimate, effect: Effect, std_error: float, cut: float, method: RelativeMethod
) -> tuple[float, float] | Unavailable:
    # In units of the control mean: squares of the metric's own unit would over- or underflow.
    unit, scale = control.value, _variance_scale(control, treatment, std_error)
    # Pooled variances plus extra variances that were not pooled could be negative.
    v_control = scale * max(control.variance + control.extra_variance, 0.0) / unit / unit
    covariance = scale * control.covariance / unit / unit
    if method == "fieller":
        return _fieller(effect.difference / unit, std_error / abs(unit), v_control, covariance, cut) or Unavailable(
            f"the control mean ({unit:.4g}) is not distinguishable from 0 at this level, "
            f"so the relative interval is unbounded",
            undefined=True,
        )
    ratio = treatment.value / unit
    if method == "log" and ratio <= 0:
        return Unavailable("the two means differ in sign, so the log of their ratio is not defined")
    v_treatment = scale * (treatment.variance + treatment.extra_variance) / unit / unit
    spread = math.sqrt(max(v_treatment - 2 * ratio * covariance + ratio * ratio * v_control, 0.0))
    return _delta(ratio, cut * spread) if method == "delta" else _log(ratio, cut * spread)


def _variance_scale(control: Estimate, treatment: Estimate, std_error: float) -> float:
    """Return the effect's variance over that of the estimates: 1, unless the test estimated its own."""
    own = control.variance + treatment.variance
    return (std_error / math.sqrt(own)) ** 2 if own > 0 else 1.0


def _fieller(
    difference: float, std_error: float, v_control: float, covariance: float, cut: float
) -> tuple[float, float] | None:
    """Return the roots of Fieller's quadratic, None where the set is unbounded; all in units of the control mean."""
    # With C = 1 all lifts x with (D - x)^2 <= k^2 Var(D - x C): a quadratic a x^2 - 2 b x + c <= 0.
    shared = covariance - v_control  # Cov(D, C)
    # A pooled variance beside covariances that are not pooled may be less than perfect correlation needs.
    shared = math.copysign(min(abs(shared), std_error * math.sqrt(v_control)), shared)
    a = 1 - cut**2 * v_control
    if a <= 0:
        return None
    b = difference - cut**2 * shared
    c = (difference - cut * std_error) * (difference + cut * std_error)
    # b^2 - a c, expanded so that the squares of the estimates, which cancel, never enter.
    variance = std_error * std_error
    spread = variance - 2 * difference * shared + difference * difference * v_control
    root = cut * math.sqrt(max(spread - cut**2 * (v_control * variance - shared * shared), 0.0))
    # The larger root first, the other from the product of the roots: no cancellation.
    far = b + math.copysign(root, b)
    low, high = sorted((far / a, c / far)) if far != 0 else (-root / a, root / a)
    return low, high


def _delta(ratio: float, half: float) -> tuple[float, float]:
    return ratio - 1 - half, ratio - 1 + half


def _log(ratio: float, half: float) -> tuple[float, float]:
    with np.errstate(over="ignore"):  # an upper bound beyond the largest float is infinite
        return ratio * math.exp(-half / ratio) - 1, ratio * _exp(half / ratio) - 1


def _opened(low: float, high: float, alternative: Alternative, control: float) -> tuple[float, float]:
    """Open one end by the alternative: with a negative control mean a larger treatment is a smaller ratio."""
    flipped: dict[Alternative, Alternative] = {"greater": "less", "less": "greater", "two-sided": "two-sided"}
    return bounded(low, high, alternative if control > 0 else flipped[alternative])


def ratio_std_error(control: Estimate, treatment: Estimate, effect: Effect, ratio: float) -> float:
    """Return the standard error of ``treatment - ratio * control``, on the scale of the effect's own.

    At ratio 1 it is the effect's standard error; it includes the covariance of adjusted values.
    """
    if effect.std_error is None:
        raise NotEstimable("the test has no standard error")
    scale = _variance_scale(control, treatment, effect.std_error)
    v_control = control.variance + control.extra_variance
    v_treatment = treatment.variance + treatment.extra_variance
    spread = v_treatment - 2 * ratio * control.covariance + ratio**2 * v_control
    return math.sqrt(max(scale * spread, 0.0))


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf
