"""Tail probabilities, p-values and critical values of the normal and t distributions."""

import math

from scipy import special

from xpyrment_core.choices import Alternative


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
    # The lower quantile: 1 - alpha / 2 would round to 1 for tiny alpha.
    return -quantile(alpha / 2 if alternative == "two-sided" else alpha, df)


def bounded(low: float, high: float, alternative: Alternative) -> tuple[float, float]:
    """Return the interval with the end infinite that a one-sided alternative leaves open."""
    if alternative == "greater":
        return low, math.inf
    if alternative == "less":
        return -math.inf, high
    return low, high
