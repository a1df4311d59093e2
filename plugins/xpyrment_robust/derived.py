"""Means of a column that is transformed first: capped, winsorised or logged.

Each derives one column from the rows of both compared variants and is a plain mean of
it, so that every test and covariate adjustment for means works on it.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from xpyrment_core import InputError, NotEstimable
from xpyrment_core.stats.delta_method import ColumnMean, Means
from xpyrment_robust.checks import is_number, is_text, percent_hint

Columns = Mapping[str, NDArray[np.float64]]


@frozen
class _DerivedMean:
    """Mean of one column made from one data column."""

    name: str = field(validator=is_text)
    value_col: str = field(validator=is_text)
    pre_period_col: str | None = field(default=None, validator=is_text, kw_only=True)

    @property
    def sources(self) -> tuple[str, ...]:
        """The data column that the metric reads."""
        return (self.value_col,)

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of the derived column whose mean the metric is."""
        # Not the source's name: another metric may read the same column untransformed in the same pass.
        return (f"{self._prefix} {self.value_col}",)

    @property
    def covariates(self) -> tuple[ColumnMean, ...]:
        """The metric's own covariate: the mean of the pre-period column, if there is one."""
        return () if self.pre_period_col is None else (ColumnMean(self.pre_period_col),)

    @property
    def _prefix(self) -> str:
        return "derived"

    def derive(self, columns: Columns) -> dict[str, NDArray[np.float64]]:
        """Return the derived column from the rows of both variants, in their order."""
        return {self.columns[0]: self._transform(columns[self.value_col])}

    def _transform(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        raise NotImplementedError

    def value(self, means: Means) -> Any:
        """Return the derived column's mean."""
        return means[self.columns[0]]

    def gradient(self, means: Means) -> dict[str, float]:
        """Return 1 for the derived column."""
        return {self.columns[0]: 1.0}


@frozen
class CappedMetric(_DerivedMean):
    """Mean of a column whose values beyond a fixed cap are set to the cap.

    Attributes
    ----------
    name : str
        Name in reports.
    value_col : str
        Numeric column, one value per unit.
    cap : float
        Largest value that counts, in the column's unit; larger ones count as this.
    lower : float, optional
        Smallest value that counts.
    pre_period_col : str, optional
        The same quantity before the experiment, for covariate adjustment.

    Raises
    ------
    InputError
        A cap is not a finite number, or `lower` is not below `cap`.

    Notes
    -----
    The estimand is ``E[min(y, cap)]``: a change among values beyond the cap does not
    count. Choose the cap before the experiment, from earlier data.

    Examples
    --------
    >>> metric = CappedMetric("revenue", "revenue", cap=100)
    >>> metric.derive({"revenue": np.array([5.0, 250.0])})
    {'capped revenue': array([  5., 100.])}
    """

    cap: float = field(validator=is_number)
    lower: float | None = field(default=None, validator=is_number)

    def __attrs_post_init__(self) -> None:
        if self.lower is not None and self.lower >= self.cap:
            raise InputError(f"metric {self.name!r}: lower must be below cap ({self.cap!r}), got {self.lower!r}.")

    @property
    def _prefix(self) -> str:
        return "capped"

    def _transform(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(values, self.lower, self.cap)


@frozen
class WinsorizedMetric(_DerivedMean):
    """Mean of a column capped at quantiles of both compared variants together.

    Attributes
    ----------
    name : str
        Name in reports.
    value_col : str
        Numeric column, one value per unit.
    upper : float
        Share of the values at which the upper cap lies; 1 for none.
    lower : float
        Share of the values at which the lower cap lies; 0 for none.
    pre_period_col : str, optional
        The same quantity before the experiment, for covariate adjustment.

    Raises
    ------
    InputError
        The shares are not in order within 0 and 1, or nothing would be capped.

    Notes
    -----
    Both variants have the same caps: separate caps would remove part of the effect. The caps are
    estimated (type 7 quantiles of the pooled rows); their sampling error shifts both means
    alike, so to first order it cancels in the difference if the two distributions are similar.

    Examples
    --------
    >>> metric = WinsorizedMetric("revenue", "revenue", upper=0.75)
    >>> metric.derive({"revenue": np.array([1.0, 2.0, 3.0, 4.0, 900.0])})
    {'winsorized revenue': array([1., 2., 3., 4., 4.])}
    """

    upper: float = field(default=0.99, validator=is_number)
    lower: float = field(default=0.0, validator=is_number)

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.lower < self.upper <= 1:
            raise InputError(
                f"metric {self.name!r}: lower and upper must be shares with 0 <= lower < upper <= 1, "
                f"got {self.lower!r} and {self.upper!r}.{percent_hint(self.upper)}"
            )
        if self.lower == 0 and self.upper == 1:
            raise InputError(
                f"metric {self.name!r}: lower=0 and upper=1 cap nothing; use the metric 'mean', or upper=0.99."
            )

    @property
    def _prefix(self) -> str:
        return "winsorized"

    def _transform(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if not len(values):
            return values
        # Of both variants together, so the caps do not depend on the labels and permuting them stays exact.
        low, high = np.quantile(values, [self.lower, self.upper])
        return np.clip(values, low, high)


@frozen
class LogMetric(_DerivedMean):
    """Mean of the natural logarithm of a positive column.

    Attributes
    ----------
    name : str
        Name in reports.
    value_col : str
        Numeric column, one value per unit.
    offset : float
        Added before the logarithm; ``offset=1`` takes ``log(1 + y)``, which allows zeros.
    pre_period_col : str, optional
        A covariate measured before the experiment, for covariate adjustment.

    Raises
    ------
    InputError
        The offset is negative or not a number.

    Notes
    -----
    The effect is a difference of mean logarithms, and ``exp(difference) - 1`` is the lift
    of the geometric mean of ``y + offset``: not the lift of the mean. With an offset it
    depends on the unit of `y` (cents or euros), so prefer 0 where no value is 0.

    Examples
    --------
    >>> metric = LogMetric("seconds", "seconds")
    >>> metric.derive({"seconds": np.array([1.0, np.e])})
    {'log seconds': array([0., 1.])}
    >>> round(metric.relative(0.02), 4)
    0.0202
    """

    offset: float = field(default=0.0, validator=is_number)

    def __attrs_post_init__(self) -> None:
        if self.offset < 0:
            raise InputError(
                f"metric {self.name!r}: offset must be 0 or positive, got {self.offset!r}; usual values are 0 and 1."
            )

    @property
    def _prefix(self) -> str:
        return "log" if self.offset == 0 else f"log of {self.offset:g} +"

    def _transform(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        invalid = values <= -self.offset
        if invalid.any():
            limit = "0" if self.offset == 0 else f"-{self.offset:g}"
            raise NotEstimable(
                f"{int(invalid.sum())} of {len(values)} values of {self.value_col!r} are {limit} or less "
                f"(the smallest is {values.min():g}), so they have no logarithm; {self._way_out()}"
            )
        # log1p keeps the digits of small values, which 1 + y rounds away.
        return np.log1p(values) if self.offset == 1 else np.log(values + self.offset)

    def _way_out(self) -> str:
        if self.offset == 0:
            return "offset=1 takes log(1 + y), and the metrics 'capped' and 'winsorized' need no logarithm"
        return "the metrics 'capped' and 'winsorized' need no logarithm"

    def relative(self, difference: float) -> float:
        """Return the lift of the geometric mean for a difference of mean logarithms.

        Increasing, so the bounds of the difference's interval give those of the lift.
        """
        return math.expm1(difference)
