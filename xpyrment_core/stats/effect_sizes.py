"""Standardised mean differences: Cohen's d, Glass's delta and Hedges' g."""

import math

from attrs import frozen

from xpyrment_core.values.estimates import Estimate

SERIES_FROM = 128
"""Degrees of freedom from which the gamma ratio is summed as a series: log-gamma loses digits as they grow."""


@frozen(kw_only=True)
class EffectSizes:
    """Standardised mean differences of two variants; None where one is not defined.

    Attributes
    ----------
    cohen_d : float or None
        Over the standard deviation pooled over both variants.
    glass_delta : float or None
        Over the standard deviation of control.
    hedges_g : float or None
        `cohen_d` without its small-sample bias.
    """

    cohen_d: float | None = None
    glass_delta: float | None = None
    hedges_g: float | None = None


def effect_sizes(difference: float, control: Estimate, treatment: Estimate) -> EffectSizes:
    """Return the standardised mean differences of two variants.

    Parameters
    ----------
    difference : float
        Treatment minus control, adjusted or not.
    control, treatment : Estimate
        Of a mean per unit, without adjustment: an effect size refers to the spread of the units, which
        a covariate does not change.

    Notes
    -----
    ``d = D / s`` with ``s^2 = ((n_C - 1) s_C^2 + (n_T - 1) s_T^2) / m``, ``m = n_C + n_T - 2``;
    ``delta = D / s_C``; ``g = J(m) d``. An adjusted difference over the unadjusted standard deviation
    is the effect size of the What Works Clearinghouse (2022).

    References
    ----------
    Cohen, J. (1988). Statistical Power Analysis for the Behavioral Sciences, 2nd ed., section 2.5.
    Glass, G. V. (1976). Primary, secondary, and meta-analysis of research. Educational Researcher 5(10), 3-8.
    Hedges, L. V. (1981). Distribution theory for Glass's estimator of effect size and related
    estimators. Journal of Educational Statistics 6(2), 107-128.
    What Works Clearinghouse (2022). Procedures and Standards Handbook, version 5.0, appendix E.

    Examples
    --------
    >>> control, treatment = (Estimate(value=v, n=10, unit_variance=4.0) for v in (1.0, 2.0))
    >>> sizes = effect_sizes(1.0, control, treatment)
    >>> sizes.cohen_d, sizes.glass_delta, round(sizes.hedges_g, 6)
    (0.5, 0.5, 0.478823)
    """
    df = control.n + treatment.n - 2
    if df < 1:
        return EffectSizes()
    # Shares of the degrees of freedom first: their products with the variances could overflow.
    pooled = (control.n - 1) / df * control.unit_variance + (treatment.n - 1) / df * treatment.unit_variance
    cohen_d = _over(difference, pooled)
    return EffectSizes(
        cohen_d=cohen_d,
        glass_delta=_over(difference, control.unit_variance) if control.n > 1 else None,
        # With one degree of freedom the expectation of d does not exist, and J is 0.
        hedges_g=None if cohen_d is None or df < 2 else cohen_d * hedges_correction(df),
    )


def _over(difference: float, variance: float) -> float | None:
    """Return the difference in standard deviations; None where there is no spread or no finite quotient."""
    quotient = difference / math.sqrt(variance) if variance > 0 else math.nan
    return quotient if math.isfinite(quotient) else None


def hedges_correction(df: float) -> float:
    """Return ``J(m) = Gamma(m / 2) / (sqrt(m / 2) Gamma((m - 1) / 2))``, exact to 14 digits.

    It is the factor that makes Cohen's d unbiased for normal values (Hedges 1981); the usual
    ``1 - 3 / (4 m - 1)`` approximates it.

    Parameters
    ----------
    df : float
        Degrees of freedom m of the standard deviation, at least 2.

    Examples
    --------
    >>> round(hedges_correction(2), 6), round(hedges_correction(18), 6)
    (0.56419, 0.957646)
    """
    if df < SERIES_FROM:
        return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
    # Gamma(x + 1/2) / (Gamma(x) sqrt(x)) at x = (m - 1) / 2 (Abramowitz and Stegun 1964, 6.1.47): the first term
    # left out is below 1e-14 at m = 128, and falls with the sixth power.
    x = (df - 1) / 2
    series = 1 - 1 / (8 * x) + 1 / (128 * x**2) + 5 / (1024 * x**3) - 21 / (32768 * x**4) - 399 / (262144 * x**5)
    return series * math.sqrt((df - 1) / df)
