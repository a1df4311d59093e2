"""Results of inference: estimates, effects and confidence intervals as frozen values."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from xpyrment_core.choices import Alternative
from xpyrment_core.values.frozen_map import frozen_map


@frozen
class Interval:
    """A confidence interval; an infinite bound is the open end of a one-sided interval.

    Attributes
    ----------
    low, high : float
        Bounds, in the unit of the quantity.
    level : float
        Confidence level, ``1 - alpha``.
    method : str
        Method of construction: ``"t"``, ``"fieller"``, ``"score"`` …
    """

    low: float
    high: float
    level: float
    method: str = ""

    def excludes(self, value: float) -> bool:
        """Return whether `value` lies outside the closed interval."""
        # A NaN bound excludes no value: both comparisons are false.
        return value < self.low or value > self.high


@frozen
class Unavailable:
    """An interval that cannot be computed from these data, with the reason.

    Attributes
    ----------
    reason : str
    undefined : bool
        Whether the quantity itself is not determined by the data, so that no value of it is shown.
    """

    reason: str
    undefined: bool = False


@frozen(kw_only=True)
class Estimate:
    """Point estimate of a metric in one variant, with its variance.

    Attributes
    ----------
    value : float
        The metric in this variant (at the pooled covariate means where adjusted).
    n : int
        Sample size in units.
    unit_variance : float
        Variance per unit; linearised where the metric is not a plain mean,
        residual where it is adjusted.
    leverage : float
        Squared standard error of `value` per `unit_variance`; ``1 / n`` for a mean.
    df : float
        Degrees of freedom of `unit_variance`.
    extra_variance, covariance : float
        Contribution of the estimated pooled covariate means, which both adjusted values
        share: added variance of this value, and covariance of the two. They cancel in the
        difference, ``extra_C + extra_T = 2 covariance``, but not in a ratio. 0 without
        adjustment.
    """

    value: float
    n: int
    unit_variance: float
    leverage: float = field()
    df: float = field()
    extra_variance: float = 0.0
    covariance: float = 0.0

    @leverage.default
    def _leverage(self) -> float:
        # Default of an unweighted mean: Var(mean) = s^2 / n, s^2 on n - 1 degrees of freedom.
        return 1 / self.n

    @df.default
    def _df(self) -> float:
        return self.n - 1

    @property
    def variance(self) -> float:
        """Squared standard error of the value within its own variant."""
        return self.unit_variance * self.leverage


@frozen
class Counts:
    """Successes and trials of a binary metric in one variant."""

    successes: int
    n: int


@frozen(kw_only=True)
class Effect:
    """Result of one test of treatment against control on one metric.

    Attributes
    ----------
    difference : float
        ``treatment - control`` in the metric's unit (or the test's own effect, see its page).
    p_value : float
    interval : Interval or Unavailable
        Of `difference`; inverts the same test as `p_value`.
    std_error, statistic, df : float or None
        None where the test does not define it.
    relative : Interval, Unavailable or None
        Of ``treatment / control - 1``. With None the analysis computes it from the
        estimates, by the method of `relative_interval`.
    estimates : pair of Estimate or None
        Control and treatment with the variances of the test, which may be pooled.
    extra : mapping
        Further results of the test: an effect size, an odds ratio, replicates.
    """

    difference: float
    p_value: float
    interval: Interval | Unavailable
    std_error: float | None = None
    statistic: float | None = None
    df: float | None = None
    relative: Interval | Unavailable | None = None
    estimates: tuple[Estimate, Estimate] | None = None
    alternative: Alternative = "two-sided"
    extra: Mapping[str, Any] = field(factory=dict, converter=frozen_map)


# Compared by identity: `==` of arrays is an array, and the generated __eq__ would raise.
@frozen(kw_only=True, eq=False)
class FamilyDecision:
    """Decision of a multiplicity correction on a family of m comparisons.

    Attributes
    ----------
    p_values : ndarray of shape (m,)
        Adjusted p-values.
    alphas : ndarray of shape (m,) or None
        ``1 - alphas[i]`` is the level at which row i's interval belongs to a simultaneous
        set; 0 stands for the whole line, NaN for no interval. None where the correction
        has no such intervals.
    far_alphas : ndarray of shape (m,) or None
        The same for the end of the interval that lies away from the null, where it has a
        level of its own.
    at_null : ndarray of bool of shape (m,) or None
        Rows of which the interval is cut just short of the null value: only the side on which
        the estimate lies belongs to the set (stepwise tests reject more than intervals at
        one level can show).
    """

    p_values: Any
    alphas: Any = None
    far_alphas: Any = None
    at_null: Any = None
