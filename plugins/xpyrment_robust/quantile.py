"""Quantile metrics: sample quantiles with standard errors from order statistics."""

import math
from typing import ClassVar

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from xpyrment_core import ArmSample, Estimate, InputError, NotEstimable
from xpyrment_robust.checks import is_number, is_text, percent_hint
from xpyrment_robust.order_statistics import clustered_band, independent_band, quantile_and_error

Values = NDArray[np.float64]


@frozen
class _OrderStatistic:
    """Base of quantile and median; subclasses have ``q``."""

    needs: ClassVar[str] = "samples"
    clustered: ClassVar[bool] = True

    name: str = field(validator=is_text)
    value_col: str = field(validator=is_text)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that the metric reads."""
        return (self.value_col,)

    @property
    def _share(self) -> float:
        raise NotImplementedError

    def estimate(self, sample: ArmSample) -> Estimate:
        """Return the sample quantile (type 7) of one variant, and its variance.

        Raises
        ------
        NotEstimable
            There are too few rows beyond the quantile, or so many equal it that the standard error
            would be 0.
        """
        values, q = sample.columns[self.value_col], self._share
        if not len(values):
            raise NotEstimable("there are no units with an observed value")
        if sample.units is None:
            band, n = independent_band(len(values), q), len(values)
        else:
            band, n = clustered_band(values, sample.units, q), len(np.unique(sample.units))
        value, error = quantile_and_error(values, q, band)
        if not (math.isfinite(value) and math.isfinite(error)):
            raise NotEstimable(f"the {q:g} quantile or a value near it is infinite")
        return Estimate(value=value, n=n, unit_variance=error**2 * n)

    def resample(self, sample: ArmSample, generator: np.random.Generator, replicates: int) -> tuple[float, Values]:
        """Return the quantile, and that of `replicates` bootstrap samples without drawing them.

        The r-th smallest of n draws from the n values is the ``ceil(n U)``-th smallest value,
        where U is the r-th smallest of n uniform numbers, ``Beta(r, n + 1 - r)``; the next one
        follows from the gap above it. So a replicate is exact and costs two random numbers at any n,
        also with ties.

        Raises
        ------
        NotEstimable
            Too few rows lie beyond the quantile, or units have several rows, which must be drawn together.
        """
        if sample.units is not None:
            raise NotEstimable(
                "units have several rows, which this bootstrap of a quantile does not keep together; "
                "test='z' uses the variance between units"
            )
        ordered = np.sort(sample.columns[self.value_col])
        n = len(ordered)
        # Only for its check: with too few values beyond the quantile the replicates would repeat the extremes.
        independent_band(n, self._share)
        place = (n - 1) * self._share
        below = math.floor(place)
        value = ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])
        # U_(r) is Beta(r, n + 1 - r), and the n - r numbers above it are uniform on (U_(r), 1): their minimum divides
        # that gap by Beta(1, n - r). Here r = below + 1.
        first = generator.beta(below + 1, n - below, replicates)
        gap = generator.beta(1, n - below - 1, replicates)
        drawn, after = ordered[_position(first, n)], ordered[_position(first + (1 - first) * gap, n)]
        return float(value), drawn + (place - below) * (after - drawn)


def _position(uniform: Values, n: int) -> NDArray[np.intp]:
    return np.clip(np.ceil(uniform * n).astype(np.intp) - 1, 0, n - 1)


@frozen
class QuantileMetric(_OrderStatistic):
    """Quantile of a column per variant.

    Attributes
    ----------
    name : str
        Name in reports.
    value_col : str
        Numeric column, one value per unit (or per row, with units repeating).
    q : float
        Share of the values below the quantile: 0.95 for the 95th percentile.

    Raises
    ------
    InputError
        `q` does not lie strictly between 0 and 1.

    Notes
    -----
    The standard error comes from two order statistics around the quantile, with exact binomial
    chances (Price and Bonett 2001 for the median); where units repeat, from the variance between
    units of the share below (Woodruff 1952). The sample quantile of a column with few distinct values
    jumps between them: the standard error is then conservative, or not estimable.

    Examples
    --------
    >>> metric = QuantileMetric("p90", "seconds", q=0.9)
    >>> sample = ArmSample({"seconds": np.arange(1.0, 102.0)})
    >>> estimate = metric.estimate(sample)
    >>> round(estimate.value, 3), round(estimate.variance**0.5, 1)
    (91.0, 2.9)
    """

    q: float = field(validator=is_number)

    def __attrs_post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise InputError(f"metric {self.name!r}: q must lie between 0 and 1, got {self.q!r}.{percent_hint(self.q)}")

    @property
    def _share(self) -> float:
        return float(self.q)


@frozen
class MedianMetric(_OrderStatistic):
    """Median of a column per variant: `QuantileMetric` with ``q=0.5``.

    Attributes
    ----------
    name : str
        Name in reports.
    value_col : str
        Numeric column, one value per unit.

    Examples
    --------
    >>> MedianMetric("wait", "seconds").estimate(ArmSample({"seconds": np.arange(9.0)})).value
    4.0
    """

    @property
    def _share(self) -> float:
        return 0.5
