"""Welch's, Student's and the z test of two estimates."""

from xpyrment_core import Alternative, Effect, Estimate
from xpyrment_core.stats.wald import pooled, satterthwaite, wald


def welch(control: Estimate, treatment: Estimate, alpha: float, alternative: Alternative) -> Effect:
    """Compare two estimates without assuming equal variances.

    Parameters
    ----------
    control, treatment : Estimate
    alpha : float
        The interval's level is ``1 - alpha``.
    alternative : {"two-sided", "greater", "less"}
        Alternative hypothesis on treatment minus control.

    Raises
    ------
    NotEstimable
        Both variants are constant.

    References
    ----------
    Welch, B. L. (1947). The generalization of 'Student's' problem when several different
    population variances are involved. Biometrika 34(1/2), 28-35.

    Examples
    --------
    >>> control = Estimate(value=10.0, n=400, unit_variance=4.0)
    >>> treatment = Estimate(value=10.4, n=300, unit_variance=5.0)
    >>> effect = welch(control, treatment, 0.05, "two-sided")
    >>> f"{effect.difference:.2f} [{effect.interval.low:.2f}, {effect.interval.high:.2f}]"
    '0.40 [0.08, 0.72]'
    """
    # Welch-Satterthwaite; not rounded, as the t distribution takes any positive number.
    df = satterthwaite(control, treatment)
    return wald(control, treatment, alpha=alpha, alternative=alternative, df=df)


def student(control: Estimate, treatment: Estimate, alpha: float, alternative: Alternative) -> Effect:
    """Compare two estimates with one variance per unit, pooled over the variants.

    With the adjuster ``ols`` this is the t-test of the treatment's coefficient in an
    ordinary least squares fit. Parameters and errors as in `welch`.

    References
    ----------
    Student (1908). The probable error of a mean. Biometrika 6(1), 1-25.

    Examples
    --------
    >>> control = Estimate(value=10.0, n=12, unit_variance=4.0)
    >>> treatment = Estimate(value=12.0, n=10, unit_variance=5.0)
    >>> student(control, treatment, 0.05, "two-sided").df
    20
    """
    # Pooled over degrees of freedom, so adjusters that spent some on coefficients are weighted rightly.
    control, treatment = pooled(control, treatment)
    return wald(control, treatment, alpha=alpha, alternative=alternative, df=control.df + treatment.df)


def z(control: Estimate, treatment: Estimate, alpha: float, alternative: Alternative) -> Effect:
    """Compare two estimates by the normal distribution, variances taken as known.

    Parameters and errors as in `welch`.

    Examples
    --------
    >>> control = Estimate(value=10.0, n=400, unit_variance=4.0)
    >>> treatment = Estimate(value=10.4, n=300, unit_variance=5.0)
    >>> z(control, treatment, 0.05, "two-sided").statistic == welch(control, treatment, 0.05, "two-sided").statistic
    True
    """
    return wald(control, treatment, alpha=alpha, alternative=alternative, df=None, method="z")
