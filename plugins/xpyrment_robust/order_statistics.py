"""A sample quantile and its standard error, from a few order statistics."""

import math

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy import special

from xpyrment_core import NotEstimable

Values = NDArray[np.float64]

REACH = 2.0
"""Half-width of the band of order statistics, in standard errors of the share below the quantile."""

LUMP = 8
"""If one value makes up more than 1/LUMP of the band, ties determine its width."""

MAX_TAIL = 0.1
"""Maximum probability that the quantile lies beyond one end of the band; above it there are too few units."""


@frozen
class Band:
    """Ranks of two order statistics around a quantile, and their normal scores.

    Attributes
    ----------
    low, high : int
        Ranks, counted from 1.
    z_low, z_high : float
        Normal quantiles of the probability that the quantile lies outside each of them.
    """

    low: int
    high: int
    z_low: float
    z_high: float


def quantile_and_error(values: Values, q: float, band: Band) -> tuple[float, float]:
    """Return the type 7 sample quantile and its standard error.

    Parameters
    ----------
    values : ndarray of shape (n,)
    q : float
        Between 0 and 1.
    band : Band
        From `independent_band` or, for repeated units, `clustered_band`.

    Raises
    ------
    NotEstimable
        All order statistics of the band are one value.

    Notes
    -----
    The standard error is the band's width over ``z_low + z_high`` (Price and Bonett 2001).
    This assumes a continuous distribution. If a single value makes up much of the band, the
    sample quantile jumps between values and the width would be too small by half: then the
    standard error is the larger of the two one-sided widths, each over its own z.

    References
    ----------
    Price, R. M. and Bonett, D. G. (2001). Estimating the variance of the sample median.
    Journal of Statistical Computation and Simulation 68(3), 295-305.
    """
    n = len(values)
    place = (n - 1) * q
    below = math.floor(place)
    above = min(below + 1, n - 1)
    # Type 7 of Hyndman and Fan (1996), R's and NumPy's default; a partition is linear in n where sorting is not.
    parted = np.partition(values, sorted({below, above, band.low - 1, band.high - 1}))
    value = float(parted[below] + (place - below) * (parted[above] - parted[below]))
    low, high = float(parted[band.low - 1]), float(parted[band.high - 1])
    if low == high:
        share = float(np.mean(values == value))
        raise NotEstimable(
            f"the {q:g} quantile is {value:g} without visible noise, as {share:.0%} of the rows have this value; "
            f"compare the mean of such data, or their ranks by test='mannwhitney'"
        )
    if _lumpy(parted[band.low - 1 : band.high]):
        # Lumps make one side of the band 0 and the other a whole step: their average would halve the step.
        return value, max((value - low) / band.z_low, (high - value) / band.z_high)
    return value, (high - low) / (band.z_low + band.z_high)


def _lumpy(band: Values) -> bool:
    largest = np.unique(band, return_counts=True)[1].max()
    return bool(largest > max(1.0, len(band) / LUMP))


def independent_band(n: int, q: float) -> Band:
    """Return the band for `n` independent values, with exact binomial probabilities.

    Price and Bonett's ``(n + 1) / 2 - sqrt(n)`` for the median, which is two standard
    deviations of the number of values below it, generalised to any quantile.

    Raises
    ------
    NotEstimable
        Too few values lie beyond the quantile on one side.

    Examples
    --------
    >>> band = independent_band(19, 0.5)
    >>> band.low, band.high
    (5, 15)
    """
    # The number of values below the quantile is binomial(n, q): P(X_(low) > quantile) = P(at most low - 1 below).
    reach = REACH * math.sqrt(n * q * (1 - q))
    low = _rank(n * q - reach)
    high = n + 1 - _rank(n * (1 - q) - reach)
    return _checked(low, high, float(special.bdtr(low - 1, n, q)), float(special.bdtrc(high - 1, n, q)), n, q)


def clustered_band(values: Values, units: NDArray[np.int64], q: float) -> Band:
    """Return the band where units have several rows: the share below varies between units.

    The variance of the share of rows below the quantile is that of a ratio of sums
    over units (Woodruff 1952, JASA 47(260), 635-646; survey's ``svyquantile``).

    Raises
    ------
    NotEstimable
        Too few values lie beyond the quantile on one side, or there is one unit.
    """
    n = len(values)
    centre = float(np.quantile(values, q))
    codes = np.unique(units, return_inverse=True)[1]
    # The shares below and up to the quantile differ if many rows equal it.
    under, upto = (_share_error(share, codes) * n for share in (values < centre, values <= centre))
    low = _rank(n * q - REACH * under)
    high = n + 1 - _rank(n * (1 - q) - REACH * upto)
    # Normal, as the binomial does not hold for clusters; the halves are continuity corrections of a count.
    return _checked(low, high, _beyond(n * q - low + 0.5, under), _beyond(high - 0.5 - n * q, upto), n, q)


def _rank(place: float) -> int:
    # 13.5 and the 13.499999999999998 that 1 - 0.9 makes of it are one place.
    return max(1, round(round(place, 6)))


def _beyond(distance: float, error: float) -> float:
    """Return the probability that a share deviates by more than a number of rows."""
    return float(special.ndtr(-distance / error)) if error > 0 else 0.0


def _share_error(flags: NDArray[np.bool_], codes: NDArray[np.int64]) -> float:
    """Return the standard error of a share of rows, with units as clusters."""
    rows = np.bincount(codes)
    if len(rows) < 2:
        raise NotEstimable("there is only one unit with an observed value: a standard error needs two")
    # Linearised ratio of sums over units, divisor G - 1 for G units (Cochran 1977, Sampling Techniques, chapter 2).
    residual = np.bincount(codes, weights=flags) - flags.mean() * rows
    return math.sqrt(float(residual @ residual) * len(rows) / (len(rows) - 1)) / len(flags)


def _checked(low: int, high: int, beyond_low: float, beyond_high: float, n: int, q: float) -> Band:
    if not max(beyond_low, beyond_high) <= MAX_TAIL:
        # Even the most extreme value lies on the near side of the quantile with probability max(q, 1 - q) ** n.
        needed = math.ceil(math.log(MAX_TAIL) / math.log(max(q, 1 - q)))
        raise NotEstimable(
            f"{n} rows are too few for the {q:g} quantile: hardly any lies beyond it; "
            f"at least {needed} independent rows per variant are needed"
        )
    tiny = np.finfo(float).tiny
    return Band(low, high, *(float(-special.ndtri(max(tail, tiny))) for tail in (beyond_low, beyond_high)))
