"""Post-hoc power and minimum detectable effect of a test with a standard error."""

import math

from scipy import special

from xpyrment_core.stats.distributions import critical, quantile, upper_tail
from xpyrment_core.stats.root_finding import zero
from xpyrment_core.values.estimates import Effect


def achieved_power(effect: Effect, alpha: float) -> float | None:
    """Return the power of the test if the true effect were the observed one.

    A transformation of the p-value, without new information about the experiment
    (Hoenig and Heisey 2001, The American Statistician 55(1), 19-24); reported because
    many readers expect it. Uses the noncentral t distribution.
    """
    if effect.statistic is None or effect.std_error is None or _too_few(effect.df):
        return None
    cut = critical(alpha, effect.df, effect.alternative)
    if effect.alternative == "greater":
        power = noncentral_upper(cut, effect.df, effect.statistic)
    elif effect.alternative == "less":
        power = noncentral_upper(cut, effect.df, -effect.statistic)
    else:
        size = abs(effect.statistic)
        power = noncentral_upper(cut, effect.df, size) + noncentral_upper(cut, effect.df, -size)
    return min(max(power, 0.0), 1.0)


def detectable(effect: Effect, alpha: float, power: float = 0.8) -> float | None:
    """Return the smallest true difference detected with probability `power`, at this standard error.

    None where there is none: with fewer than one degree of freedom, or at a level alpha above `power`, which
    the test has without any effect.
    """
    if effect.std_error is None or _too_few(effect.df) or alpha >= power:
        return None
    cut = critical(alpha, effect.df, effect.alternative)
    if effect.df is None or effect.df > NORMAL_DF:
        # Shifted normal: power is reached at cut + z_power standard errors.
        return (cut + quantile(power)) * effect.std_error
    shift = _detected(cut, effect.df, power)
    return shift * effect.std_error if math.isfinite(shift) else None


def _detected(cut: float, df: float, power: float) -> float:
    """Return the noncentrality at which a t test has this power; infinite beyond what a float holds."""
    # SciPy's inverse of the distribution in its noncentrality does not end where the critical value is large.
    if cut > LARGE_CUT:
        return cut * math.sqrt(float(special.chdtri(df, 1 - power)) / df)
    high = cut + 1.0
    while noncentral_upper(cut, df, high) < power:
        high *= 2
    return zero(lambda shift: noncentral_upper(cut, df, shift) - power, 0.0, high, tolerance=1e-12)


LARGE_CUT = 1e3
"""Past this critical value the normal part of the noncentral t is noise next to its chi part, to 6 digits."""

NORMAL_DF = 1e5
"""Past these degrees of freedom the noncentral t equals a shifted normal to 5 digits."""


def _too_few(df: float | None) -> bool:
    # Below one degree of freedom the noncentral t has no moments, and SciPy's distribution no reliable values.
    return df is not None and df < 1


def noncentral_upper(cut: float, df: float | None, shift: float) -> float:
    """Return ``P(T > cut)`` of the noncentral t distribution; normal without degrees of freedom.

    Examples
    --------
    >>> round(noncentral_upper(1.96, None, 1.96), 6), noncentral_upper(1.96, 1998, 38.0)
    (0.5, 1.0)
    """
    if df is None or df > NORMAL_DF:
        return upper_tail(cut - shift)
    if cut > LARGE_CUT and shift > math.sqrt(LARGE_CUT):
        # P((Z + shift) / S > cut) with Z negligible: S is the root of chi-square over df.
        return float(special.chdtr(df, df * (shift / cut) ** 2))
    # By symmetry P(T > cut; shift) = P(T < -cut; -shift), which keeps the digits of small powers.
    tail = float(special.nctdtr(df, -shift, -cut))
    # nctdtr is not finite for extreme shifts, where the power is 0 or 1.
    return tail if math.isfinite(tail) else float(shift > cut)
