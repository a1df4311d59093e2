"""Tail probabilities, p-values and critical values of the normal and t distributions."""

import math

from scipy import special

from xpyrment_core.choices import Alternative

SMALLEST = math.ulp(0.0)
"""Smallest positive number.

A p-value is not 0, even where the tail of a distribution underflows; and it stands for the bound of an interval that is
open at 0.
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
    """Return the p-value of a t or z statistic, at least `SMALLEST`.

    Examples
    --------
    >>> p_value(1.96, None, "two-sided") < 0.05, p_value(60.0, None, "greater") > 0
    (True, True)
    """
    if alternative == "two-sided":
        return min(1.0, max(2 * upper_tail(abs(statistic), df), SMALLEST))
    return max(upper_tail(statistic if alternative == "greater" else -statistic, df), SMALLEST)


def quantile(probability: float, df: float | None = None) -> float:
    """Return the quantile of Student's t with `df`, or of the normal where `df` is None."""
    if df is None or math.isinf(df):
        return float(special.ndtri(probability))
    found = float(special.stdtrit(df, probability))
    # For probabilities below about 1e-90 SciPy may answer with infinity of the wrong sign.
    return math.copysign(found, probability - 0.5) if math.isinf(found) else found


def critical(alpha: float, df: float | None, alternative: Alternative) -> float:
    """Return the positive critical value of a two- or one-sided test at level `alpha`."""
    # The lower quantile: 1 - alpha / 2 would round to 1 for tiny alpha.
    return -quantile(alpha / 2 if alternative == "two-sided" else alpha, df)


def bounded(low: float, high: float, alternative: Alternative) -> tuple[float, float]:
    """Return the interval with the end infinite that a one-sided alternative leaves open."""
    if alternative == "greater":
        return low, math.inf
    if alternative == "less":
        return -math.inf, high
    return low, high
