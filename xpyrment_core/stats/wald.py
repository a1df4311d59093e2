"""Wald test of two independent estimates, pooled variances and Satterthwaite degrees of freedom.

All are pure functions of `Estimate` values. A test in a plugin is usually one line
(its degrees of freedom) around `wald`.
"""

import math

import numpy as np
from attrs import evolve

from xpyrment_core.choices import Alternative
from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.distributions import bounded, critical, p_value
from xpyrment_core.values.estimates import Effect, Estimate, Interval

ROUNDING = 8 * np.finfo(float).eps
"""A standard error below this share of its values is rounding error, not noise."""

CANCELLATION = 1e-12
"""A difference of variances below this share of them is rounding error.

Second moments are accurate to about 1e-13 in every engine.
"""


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
        With the variances that the test uses.
    alpha : float
        Level of the interval is ``1 - alpha``.
    alternative : {"two-sided", "greater", "less"}
        Alternative hypothesis about treatment relative to control.
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
    # Constant variants: the standard error is no larger than the rounding of the means.
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


def pooled(control: Estimate, treatment: Estimate) -> tuple[Estimate, Estimate]:
    """Return both estimates with the variance per unit pooled over the variants."""
    df = control.df + treatment.df
    if df <= 0:
        raise NotEstimable("too few units to estimate a variance")
    variance = (control.unit_variance * control.df + treatment.unit_variance * treatment.df) / df
    return evolve(control, unit_variance=variance), evolve(treatment, unit_variance=variance)


def satterthwaite(control: Estimate, treatment: Estimate) -> float:
    """Return the degrees of freedom of the sum of two independent variance estimates.

    Usually not an integer; it is not rounded. Infinite where both variances are 0.

    References
    ----------
    Satterthwaite, F. E. (1946). An approximate distribution of estimates of variance
    components. Biometrics Bulletin 2(6), 110-114.
    """
    total = control.variance + treatment.variance
    if total == 0:
        return float("inf")
    # Squares of shares, because squares of variances overflow or underflow in extreme units.
    return 1 / ((control.variance / total) ** 2 / control.df + (treatment.variance / total) ** 2 / treatment.df)
