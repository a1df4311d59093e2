"""Mean, proportion and ratio as smooth functions of column means."""

from typing import Any, ClassVar

from attrs import Attribute, field, frozen

from xpyrment_core import InputError
from xpyrment_core.stats.delta_method import ColumnMean, Means


def _check_text(metric: Any, attribute: "Attribute[Any]", value: object) -> None:
    """Raise InputError unless `value` is a non-empty name, or None for an optional column."""
    if value is None and attribute.default is None:
        return
    if not isinstance(value, str) or not value:
        owner = "" if attribute.name == "name" else f"metric {metric.name!r}: "
        expected = "a name for reports" if attribute.name == "name" else "the name of a column"
        raise InputError(f"{owner}{attribute.name} must be {expected}, got {value!r}.")


@frozen
class MeanMetric:
    """Mean of a numeric column per unit.

    Attributes
    ----------
    name : str
        Name in reports.
    value_col : str
        Numeric column, one value per unit.
    pre_period_col : str, optional
        The same quantity before the experiment, for covariate adjustment.

    Raises
    ------
    InputError
        A name is missing, or the pre-period column is the outcome itself.

    Examples
    --------
    >>> metric = MeanMetric("revenue", "revenue", "revenue_before")
    >>> metric.value({"revenue": 12.5}), [c.name for c in metric.covariates]
    (12.5, ['revenue_before'])
    """

    name: str = field(validator=_check_text)
    value_col: str = field(validator=_check_text)
    pre_period_col: str | None = field(default=None, validator=_check_text)

    def __attrs_post_init__(self) -> None:
        # Adjusting the outcome for itself would explain its variance completely, and the effect with it.
        if self.pre_period_col == self.value_col:
            raise InputError(
                f"metric {self.name!r}: pre_period_col is the outcome column {self.value_col!r} itself; "
                f"name a column measured before the experiment."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that the metric reads."""
        return (self.value_col,)

    @property
    def covariates(self) -> tuple[ColumnMean, ...]:
        """The metric's own covariate: the mean of the pre-period column, if there is one."""
        return () if self.pre_period_col is None else (ColumnMean(self.pre_period_col),)

    def value(self, means: Means) -> Any:
        """Return the column's mean."""
        return means[self.value_col]

    def gradient(self, means: Means) -> dict[str, float]:
        """Return the derivative by the column's mean, which is 1."""
        return {self.value_col: 1.0}


@frozen
class ProportionMetric(MeanMetric):
    """Share of units whose 0/1 (or boolean) column is 1: a mean whose values are checked.

    Attributes
    ----------
    name : str
        Name in reports.
    value_col : str
        Column of 0 and 1, or False and True.
    pre_period_col : str, optional
        A covariate measured before the experiment; it need not be binary.
    binary : bool
        True: the analysis refuses other values, and tests that need counts get the numbers of
        successes and trials.

    Examples
    --------
    >>> ProportionMetric("converted", "converted").value({"converted": 0.04})
    0.04
    """

    binary: ClassVar[bool] = True


@frozen
class RatioMetric:
    """Ratio of the totals of two columns, with the variance of a ratio of means.

    Attributes
    ----------
    name : str
        Name in reports.
    numerator_col, denominator_col : str
        Numeric columns, one value per unit each, such as clicks and impressions.
    pre_numerator_col, pre_denominator_col : str, optional
        The same two before the experiment, for covariate adjustment: both or neither.

    Raises
    ------
    InputError
        A name is missing, one pre-period column is given without the other, or
        numerator and denominator are one column.

    Notes
    -----
    ``E[numerator] / E[denominator]``, not the mean of the units' own ratios. Its variance
    is that of the linearised ``(numerator - ratio * denominator) / E[denominator]``; see
    Deng, Knoblich and Lu (2018), "Applying the delta method in metric analytics",
    KDD '18, 233-242.

    Examples
    --------
    >>> ctr = RatioMetric("ctr", "clicks", "impressions")
    >>> ctr.value({"clicks": 3.0, "impressions": 60.0})
    0.05
    """

    name: str = field(validator=_check_text)
    numerator_col: str = field(validator=_check_text)
    denominator_col: str = field(validator=_check_text)
    pre_numerator_col: str | None = field(default=None, validator=_check_text)
    pre_denominator_col: str | None = field(default=None, validator=_check_text)

    def __attrs_post_init__(self) -> None:
        if self.numerator_col == self.denominator_col:
            raise InputError(
                f"metric {self.name!r}: numerator_col and denominator_col are both {self.numerator_col!r}, "
                f"so the ratio is always 1; name two columns."
            )
        if (self.pre_numerator_col is None) != (self.pre_denominator_col is None):
            missing = "pre_numerator_col" if self.pre_numerator_col is None else "pre_denominator_col"
            raise InputError(
                f"metric {self.name!r}: {missing} is missing; a pre-period ratio needs both "
                f"pre_numerator_col and pre_denominator_col, or neither."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Numerator and denominator."""
        return (self.numerator_col, self.denominator_col)

    @property
    def covariates(self) -> "tuple[RatioMetric, ...]":
        """The metric's own covariate: the pre-period ratio, if there is one."""
        above, below = self.pre_numerator_col, self.pre_denominator_col
        if above is None or below is None:
            return ()
        # Linearised like the outcome: a ratio per unit is undefined where its pre-period denominator is 0.
        return (RatioMetric(f"{above}/{below}", above, below),)

    def value(self, means: Means) -> Any:
        """Return the ratio of the two means."""
        return means[self.numerator_col] / means[self.denominator_col]

    def gradient(self, means: Means) -> dict[str, float]:
        """Return the ratio's derivatives by the two means."""
        # Delta method, Var(a / b) = g' V g / n: the gradient also gives the weights of the linearised unit values,
        # a_i / b - a b_i / b^2, which covariate adjustment uses as the outcome.
        above, below = means[self.numerator_col], means[self.denominator_col]
        return {self.numerator_col: 1 / below, self.denominator_col: -above / below**2}
