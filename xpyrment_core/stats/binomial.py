"""Clopper-Pearson interval of a binomial proportion."""

from attrs import frozen
from scipy import special


def clopper_pearson(hits: int, trials: int, error: float) -> tuple[float, float]:
    """Return the exact interval of a binomial proportion, of level ``1 - error``.

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
    # The bounds are beta quantiles (incomplete beta function as binomial tail).
    low = float(special.betaincinv(hits, trials - hits + 1, error / 2)) if hits else 0.0
    high = float(special.betaincinv(hits + 1, trials - hits, 1 - error / 2)) if hits < trials else 1.0
    return low, high


@frozen
class Rate:
    """How often something happened in independent trials, with its exact interval.

    Attributes
    ----------
    count, n : int
        Trials in which it happened, and all trials.
    low, high : float
        Clopper-Pearson interval.
    """

    count: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The proportion; None without trials."""
        return self.count / self.n if self.n else None


def rate(count: int, n: int, level: float = 0.95) -> Rate:
    """Return a proportion with its exact interval.

    Examples
    --------
    >>> result = rate(5, 100)
    >>> result.value, round(result.low, 4), round(result.high, 4)
    (0.05, 0.0164, 0.1128)
    """
    return Rate(count, n, *clopper_pearson(count, n, 1 - level))
