"""Exact bounds of a rate that was counted."""

from scipy import special


def clopper_pearson(hits: int, trials: int, error: float) -> tuple[float, float]:
    """Return exact bounds of a binomial proportion.

    References
    ----------
    Clopper, C. J. and Pearson, E. S. (1934). The use of confidence or fiducial limits
    illustrated in the case of the binomial. Biometrika 26(4), 404-413.

    Examples
    --------
    >>> low, high = clopper_pearson(5, 100, 0.05)
    >>> round(low, 4), round(high, 4)
    (0.0164, 0.1128)
    """
    low = float(special.betaincinv(hits, trials - hits + 1, error / 2)) if hits else 0.0
    high = float(special.betaincinv(hits + 1, trials - hits, 1 - error / 2)) if hits < trials else 1.0
    return low, high
