"""Rates counted in a simulation, with how sure they are."""

from attrs import frozen

from xpyrment_core.stats.binomial import clopper_pearson


@frozen
class Rate:
    """How often something happened.

    Attributes
    ----------
    count, n : int
    low, high : float
        Exact 95 % interval, by Clopper and Pearson.
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
    return Rate(count, n, *clopper_pearson(count, n, 1 - level))
