"""Delta method: value and variance of a smooth function of column means.

The variance of ``g(means)`` is ``gradient' S gradient / n`` with S the covariance matrix of the
columns. The contract of such a metric is `xpyrment_core.values.metric.FunctionOfMeans`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.wald import CANCELLATION, ROUNDING
from xpyrment_core.values.estimates import Estimate
from xpyrment_core.values.metric import FunctionOfMeans
from xpyrment_core.values.metric import Means as Means
from xpyrment_core.values.moments import Moments


@frozen
class ColumnMean:
    """The plain mean of one column, such as a covariate."""

    name: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column itself."""
        return (self.name,)

    def value(self, means: Means) -> Any:
        """Return the column's mean."""
        return means[self.name]

    def gradient(self, means: Means) -> dict[str, float]:
        """Return 1 for the column."""
        return {self.name: 1.0}


def gradient(metric: FunctionOfMeans, means: Mapping[str, float]) -> np.ndarray:
    """Return the gradient of ``metric.value`` at the means, in the order of ``metric.columns``.

    Analytic where the metric has a ``gradient``; else by complex step, which is exact to
    rounding for analytic functions (Squire and Trapp 1998, SIAM Review 40(1), 110-112);
    else, where `value` does not take complex numbers, by central differences.
    """
    # Looked up by name: isinstance with the protocol `HasGradient` takes longer than the derivatives.
    analytic: Callable[[Means], Mapping[str, float]] | None = getattr(metric, "gradient", None)
    if analytic is not None:
        slopes = analytic(means)
        return np.array([float(slopes[c]) for c in metric.columns])
    try:
        return np.array([_complex_step(metric.value, means, c) for c in metric.columns])
    except (TypeError, AttributeError):
        return np.array([_central_difference(metric.value, means, c) for c in metric.columns])


def _complex_step(value: Callable[[Means], Any], means: Mapping[str, float], column: str) -> float:
    # No subtraction takes place, so the step can be tiny (complex step).
    step = 1e-30 * max(abs(means[column]), 1.0)
    moved = dict(means) | {column: complex(means[column], step)}
    result = value(moved)
    if not isinstance(result, complex | np.complexfloating):
        raise TypeError("value dropped the imaginary part")
    return float(result.imag / step)


def _central_difference(value: Callable[[Means], Any], means: Mapping[str, float], column: str) -> float:
    # Cube root of eps balances truncation and rounding of central differences.
    step = float(np.cbrt(np.finfo(float).eps)) * max(abs(means[column]), 1e-8)
    high, low = (float(value(dict(means) | {column: means[column] + s})) for s in (step, -step))
    return (high - low) / (2 * step)


def linearise(metrics: Sequence[FunctionOfMeans], moments: Moments) -> Moments:
    """Return the joint moments of several metrics of one variant, linearised at its means.

    The first of the new columns is usually the outcome and the others its covariates;
    every column is then like a plain mean, regardless of its function of means.

    Raises
    ------
    NotEstimable
        There are no units, or a metric is not defined at these means (a ratio with a zero denominator).
    """
    if moments.n == 0:
        raise NotEstimable("there are no units with an observed value")
    # Only the columns these metrics read: an infinite value in another must not make them NaN.
    read = tuple(dict.fromkeys(c for metric in metrics for c in metric.columns))
    moments = moments if read == moments.columns else moments.select(read)
    # First order: g(X) - g(mu) is near gradient' (X - mu), so covariances transform as J S J' with J of gradients.
    means, place = moments.means, {c: i for i, c in enumerate(moments.columns)}
    weights = np.zeros((len(metrics), len(moments.columns)))
    with np.errstate(all="ignore"):
        values = [_value(metric, means) for metric in metrics]
    for row, metric in enumerate(metrics):
        weights[row, [place[c] for c in metric.columns]] = gradient(metric, means)
    m2 = moments.m2.diagonal()
    clean = _cleared(moments, m2 <= moments.n * (ROUNDING * moments.mean) ** 2)
    linear = clean.project([m.name for m in metrics], values, weights)
    # A ratio of proportional columns is constant, and its variance is rounding error.
    parts = (np.abs(weights) @ np.sqrt(clean.m2.diagonal())) ** 2
    return _cleared(linear, linear.m2.diagonal() <= CANCELLATION * parts)


def _value(metric: FunctionOfMeans, means: Mapping[str, float]) -> float:
    try:
        value = float(metric.value(means))
    except (ZeroDivisionError, ValueError, OverflowError, FloatingPointError) as error:
        raise NotEstimable(_undefined(metric, means, "is not defined")) from error
    if not math.isfinite(value):
        raise NotEstimable(_undefined(metric, means, "is not a finite number"))
    return value


def _undefined(metric: FunctionOfMeans, means: Mapping[str, float], otherwise: str) -> str:
    """Return the reason why a metric has no finite value: columns that are 0, most often a denominator."""
    if zeros := [repr(column) for column in metric.columns if means[column] == 0]:
        return f"{metric.name} is not defined where the mean of {' and '.join(zeros)} is 0"
    return f"{metric.name} {otherwise} at the observed means"


def _cleared(moments: Moments, constant: np.ndarray) -> Moments:
    """Set the variance of constant columns to exactly 0, where rounding made it positive."""
    if not constant.any():
        return moments
    keep = ~constant
    return moments.times(np.outer(keep, keep))


def estimate(linearised: Moments) -> Estimate:
    """Return the estimate of the first column of linearised moments.

    Raises
    ------
    NotEstimable
        Fewer than two units, so that there is no variance.
    """
    if linearised.n < 2:
        raise NotEstimable(f"only {linearised.n} unit with an observed value: a variance needs two")
    value, strata = float(linearised.mean[0]), linearised.strata
    if strata is not None:
        leverage, variance = strata.leverage, strata.variance()
        return Estimate(
            value=value, n=linearised.n, unit_variance=variance / leverage, leverage=leverage, df=strata.df()
        )
    return Estimate(
        value=value,
        n=linearised.n,
        unit_variance=max(float(linearised.m2[0, 0]) / (linearised.n - 1), 0.0),
    )
