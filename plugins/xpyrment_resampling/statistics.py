"""Value and variance of a metric in many resamples at once, from sums."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import NotEstimable
from xpyrment_core.stats.delta_method import gradient

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@frozen(eq=False)
class Values:
    """A metric in each of B resamples of one variant.

    Attributes
    ----------
    value, variance : ndarray of shape (B,)
        The metric, and its squared standard error; NaN where it is not defined.
    """

    value: Vector
    variance: Vector


def statistics(metric: Any, centre: Matrix, sums: Matrix) -> Values:
    """Return the metric and its variance from sums over the units of each resample.

    Parameters
    ----------
    metric : object
        With ``columns`` and ``value(means)``.
    centre : ndarray of shape (k,)
        What was subtracted from the columns.
    sums : ndarray of shape (B, p)
        Sums of `xpyrment_resampling.units.features`.

    Notes
    -----
    The variance is that of `xpyrment_core.stats.delta_method`: the delta method on row means, with units as
    clusters and the divisor ``n - 1``.
    """
    q = len(centre) + 1
    n, products = sums[:, :1], _square(sums[:, 1 + q :], q)
    with np.errstate(all="ignore"):
        mean = sums[:, 1 : 1 + q] / n
        spread = products - n[:, :, None] * mean[:, :, None] * mean[:, None, :]
        row_means = mean[:, :-1] / mean[:, -1:]
        value, slopes = evaluate(metric, row_means + centre)
        # Linearised: a unit with sums s and r rows contributes slopes · (s - row mean * r) / mean of r.
        weights = np.column_stack([slopes, -(slopes * row_means).sum(axis=1)]) / mean[:, -1:]
        squares = np.einsum("bi,bij,bj->b", weights, spread, weights)
        # Below this the deviations are rounding error, and the resample is constant.
        rounding = 64 * np.finfo(float).eps * np.einsum("bi,bii->b", weights**2, products)
        variance = np.where(squares > rounding, squares, 0.0) / (n[:, 0] * (n[:, 0] - 1))
    broken = ~(np.isfinite(value) & np.isfinite(variance))
    return Values(np.where(broken, np.nan, value), np.where(broken, np.nan, variance))


def _square(upper: Matrix, q: int) -> NDArray[np.float64]:
    full = np.empty((len(upper), q, q))
    i, j = np.triu_indices(q)
    full[:, i, j] = full[:, j, i] = upper
    return full


def evaluate(metric: Any, means: Matrix) -> tuple[Vector, Matrix]:
    """Return the metric and its gradient at many points: at once where it takes arrays, else one by one.

    Parameters
    ----------
    metric : object
    means : ndarray of shape (B, k)

    Returns
    -------
    value : ndarray of shape (B,)
    slopes : ndarray of shape (B, k)
        Both NaN where the metric is not defined.
    """
    try:
        value, slopes = _at_once(metric, means)
    except Exception:  # a metric that does not accept arrays may raise anything
        return _one_by_one(metric, means)
    # A metric may take arrays and still mean something else by them (a branch on the first value, say), so three
    # points are compared with one-by-one evaluation.
    probe = [0, len(means) // 2, len(means) - 1]
    expected = _one_by_one(metric, means[probe])
    same = (value[probe] == expected[0]) | (np.abs(value[probe] - expected[0]) <= 1e-9 * np.abs(expected[0]))
    return (value, slopes) if (same | np.isnan(expected[0])).all() else _one_by_one(metric, means)


def _at_once(metric: Any, means: Matrix) -> tuple[Vector, Matrix]:
    points = dict(zip(metric.columns, means.T, strict=True))
    value = np.asarray(metric.value(points), dtype=np.float64)
    if value.shape != (len(means),):
        raise TypeError("value does not take arrays")
    if hasattr(metric, "gradient"):
        given = metric.gradient(points)
        slopes = [np.broadcast_to(np.asarray(given[c], dtype=np.float64), value.shape) for c in metric.columns]
    else:
        slopes = [_complex_step(metric, points, c) for c in metric.columns]
    return value, np.column_stack(slopes)


def _complex_step(metric: Any, points: Mapping[str, Any], column: str) -> Vector:
    # Im f(x + ih) / h subtracts nothing, so the step can be tiny (Squire and Trapp 1998, SIAM Review 40, 110-112).
    step = 1e-30
    moved = metric.value({**points, column: points[column] + 1j * step})
    if not np.iscomplexobj(moved):
        raise TypeError("value dropped the imaginary part")
    return np.asarray(moved.imag / step, dtype=np.float64)


def _one_by_one(metric: Any, means: Matrix) -> tuple[Vector, Matrix]:
    value, slopes = np.full(len(means), np.nan), np.full(means.shape, np.nan)
    for i, row in enumerate(means.tolist()):
        point = dict(zip(metric.columns, row, strict=True))
        try:
            value[i], slopes[i] = float(metric.value(point)), gradient(metric, point)
        except (ArithmeticError, ValueError, NotEstimable):
            continue
    return value, slopes
