"""Arithmetic shared by tests: tails, Wald effects, relative intervals, power.

Everything here is a pure function of `Estimate` values. A plugin's test is usually
one line of its own (its degrees of freedom) around `wald`.
"""

import math

import numpy as np
from attrs import evolve
from scipy import special

from xpyrment_core.errors import NotEstimable
from xpyrment_core.options import Alternative, RelativeMethod
from xpyrment_core.results import Effect, Estimate, Interval, Unavailable

ROUNDING = 8 * np.finfo(float).eps
"""A standard error below this share of the values it belongs to is rounding, not noise."""

CANCELLATION = 1e-12
"""A variance below this share of the variances it is a difference of is rounding, not noise.

Moments carry second moments to about 1e-13, whatever engine summed them.
"""


def upper_tail(statistic: float, df: float | None = None) -> float:
    """Return ``P(T > statistic)`` for Student's t with `df`, or the normal where `df` is None.

    Keeps its digits in the far tail, down to about 1e-300 (it is never ``1 - cdf``).

    Examples
    --------
    >>> f"{upper_tail(37.0):.10e}"
    '5.7255712225e-300'
    """
    if df is None or math.isinf(df):
        return float(special.ndtr(-statistic))
    return float(special.stdtr(df, -statistic))


def p_value(statistic: float, df: float | None, alternative: Alternative) -> float:
    """Return the p-value of a t or z statistic."""
    if alternative == "greater":
        return upper_tail(statistic, df)
    if alternative == "less":
        return upper_tail(-statistic, df)
    return min(1.0, 2 * upper_tail(abs(statistic), df))


def quantile(probability: float, df: float | None = None) -> float:
    """Return the quantile of Student's t with `df`, or of the normal where `df` is None."""
    if df is None or math.isinf(df):
        return float(special.ndtri(probability))
    return float(special.stdtrit(df, probability))


def critical(alpha: float, df: float | None, alternative: Alternative) -> float:
    """Return the positive critical value of a two- or one-sided test at level `alpha`."""
    return -quantile(alpha / 2 if alternative == "two-sided" else alpha, df)


def bounded(low: float, high: float, alternative: Alternative) -> tuple[float, float]:
    """Open the end of an interval that a one-sided alternative leaves open."""
    if alternative == "greater":
        return low, math.inf
    if alternative == "less":
        return -math.inf, high
    return low, high


def wald(
    control: Estimate,
    treatment: Estimate,
    *,
    alpha: float,
    alternative: Alternative,
    df: float | None,
    method: str = "t",
) -> Effect:
    """Compare two independent estimates by ``difference / standard error``.

    Parameters
    ----------
    control, treatment : Estimate
        With the variances the test wants to use.
    alpha : float
        Level of the interval is ``1 - alpha``.
    alternative : {"two-sided", "greater", "less"}
        What treatment is suspected to be, against control.
    df : float or None
        Degrees of freedom of the t distribution; None for the normal.
    method : str
        Name of the interval.

    Raises
    ------
    NotEstimable
        There is no noise to compare against: both variants are constant.
    """
    difference = treatment.value - control.value
    std_error = math.sqrt(control.variance + treatment.variance)
    if not math.isfinite(difference) or not math.isfinite(std_error):
        raise NotEstimable("the metric or its variance is not a finite number in one of the variants")
    if std_error <= ROUNDING * max(abs(control.value), abs(treatment.value)) / math.sqrt(min(control.n, treatment.n)):
        raise NotEstimable("both variants are constant, so there is no noise to compare against")
    statistic = difference / std_error
    half = critical(alpha, df, alternative) * std_error
    return Effect(
        difference=difference,
        p_value=p_value(statistic, df, alternative),
        interval=Interval(*bounded(difference - half, difference + half, alternative), 1 - alpha, method),
        std_error=std_error,
        statistic=statistic,
        df=df,
        estimates=(control, treatment),
        alternative=alternative,
    )


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


def pooled(control: Estimate, treatment: Estimate) -> tuple[Estimate, Estimate]:
    """Return both estimates with the variance per unit pooled over the variants."""
    df = control.df + treatment.df
    if df <= 0:
        raise NotEstimable("too few units to estimate a variance")
    variance = (control.unit_variance * control.df + treatment.unit_variance * treatment.df) / df
    return evolve(control, unit_variance=variance), evolve(treatment, unit_variance=variance)


def achieved_power(effect: Effect, alpha: float) -> float | None:
    """Return the power of the test if the true effect were the observed one.

    A transformation of the p-value that says nothing new about the experiment
    (Hoenig and Heisey 2001, The American Statistician 55(1), 19-24); kept because
    readers ask for it. Uses the noncentral t distribution.
    """
    if effect.statistic is None or effect.std_error is None:
        return None
    cut = critical(alpha, effect.df, effect.alternative)
    if effect.alternative == "greater":
        power = _noncentral_upper(cut, effect.df, effect.statistic)
    elif effect.alternative == "less":
        power = _noncentral_upper(cut, effect.df, -effect.statistic)
    else:
        size = abs(effect.statistic)
        power = _noncentral_upper(cut, effect.df, size) + _noncentral_upper(cut, effect.df, -size)
    return min(max(power, 0.0), 1.0)


def detectable(effect: Effect, alpha: float, power: float = 0.8) -> float | None:
    """Return the smallest true difference found with probability `power`, at this standard error."""
    if effect.std_error is None:
        return None
    cut = critical(alpha, effect.df, effect.alternative)
    if effect.df is None or effect.df > NORMAL_DF:
        return (cut + quantile(power)) * effect.std_error
    return float(special.nctdtrinc(effect.df, 1 - power, cut)) * effect.std_error


NORMAL_DF = 1e5
"""Past these degrees of freedom the noncentral t equals a shifted normal to 5 digits."""


def _noncentral_upper(cut: float, df: float | None, shift: float) -> float:
    if df is None or df > NORMAL_DF:
        return upper_tail(cut - shift)
    # By symmetry P(T > cut; shift) = P(T < -cut; -shift), which keeps the digits of small powers.
    tail = float(special.nctdtr(df, -shift, -cut))
    return tail if math.isfinite(tail) else float(shift > cut)
