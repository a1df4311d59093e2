"""Rates counted in a simulation, with how sure they are."""

from attrs import frozen


@frozen
class Rate:
    """How often something happened.

    Attributes
    ----------
    count, n : int
    low, high : float
        Exact 95 % interval (Clopper and Pearson 1934, Biometrika 26(4), 404-413).
    """

    count: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share; None where nothing was counted."""
        return self.count / self.n if self.n else None


def rate(count: int, n: int, level: float = 0.95) -> Rate:
    """Return a counted share with its exact interval.

    Examples
    --------
    >>> found = rate(5, 100)
    >>> found.value, round(found.low, 4), round(found.high, 4)
    (0.05, 0.0164, 0.1128)
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return Rate(count, n, low, high)
