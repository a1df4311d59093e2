"""The test for few units with several rows each: CR2 variance between units, Satterthwaite's degrees of freedom."""

import numpy as np
from numpy.typing import NDArray

from xpyrment_core import Alternative, ArmSample, Effect, Estimate, NotEstimable
from xpyrment_core.stats.delta_method import gradient
from xpyrment_core.stats.wald import wald

Vector = NDArray[np.float64]


def cr2(control: ArmSample, treatment: ArmSample, alpha: float, alternative: Alternative) -> Effect:
    """Compare a function of means by its variance between units, corrected for their number and sizes.

    Of a mean over rows it is the t-test of the treatment in an ordinary least squares fit with CR2 standard errors by
    unit. Of another function of means it is the same of its linearisation.

    Parameters
    ----------
    control, treatment : ArmSample
    alpha : float
        The interval's level is ``1 - alpha``.
    alternative : {"two-sided", "greater", "less"}
        Alternative hypothesis on treatment minus control.

    Raises
    ------
    NotEstimable
        A variant has fewer than two units, both are constant, or the metric is not a function of means.

    References
    ----------
    Bell, R. M. and McCaffrey, D. F. (2002). Bias reduction in standard errors for linear regression with multi-stage
    samples. Survey Methodology 28(2), 169-181.

    Pustejovsky, J. E. and Tipton, E. (2018). Small-sample methods for cluster-robust variance estimation and
    hypothesis testing in fixed effects models. Journal of Business and Economic Statistics 36(4), 672-683.

    Examples
    --------
    >>> from xpyrment_core.stats.delta_method import ColumnMean
    >>> units, metric = np.array([0, 0, 1, 1, 2]), ColumnMean("y")
    >>> control = ArmSample({"y": np.array([1.0, 2.0, 4.0, 5.0, 3.0])}, units=units, metric=metric)
    >>> treatment = ArmSample({"y": np.array([6.0, 8.0, 9.0, 12.0, 7.0])}, units=units, metric=metric)
    >>> effect = cr2(control, treatment, 0.05, "two-sided")
    >>> round(effect.difference, 3), round(effect.df, 2)
    (5.4, 3.6)
    """
    if not hasattr(treatment.metric, "value"):
        raise NotEstimable(
            "the cr2 test needs a metric that is a function of means; test='welch' takes the variance between units "
            "of any metric"
        )
    arms = [_arm(name, sample) for name, sample in (("control", control), ("treatment", treatment))]
    (first, trace_c, square_c), (second, trace_t, square_t) = arms
    # P of Satterthwaite's formula has a block per variant, because no unit is in both.
    df = (trace_c + trace_t) ** 2 / (square_c + square_t)
    return wald(first, second, alpha=alpha, alternative=alternative, df=df, method="cr2")


def _arm(name: str, sample: ArmSample) -> tuple[Estimate, float, float]:
    """Return the estimate of one variant, and the trace of its P and of P squared."""
    metric = sample.metric
    units = np.arange(sample.n) if sample.units is None else np.unique(sample.units, return_inverse=True)[1]
    rows = np.bincount(units).astype(np.float64) if sample.n else np.empty(0)
    if len(rows) < 2:
        raise NotEstimable(f"a variance between units needs two of them, {name} has {len(rows)}")
    means = {column: float(sample.columns[column].mean()) for column in metric.columns}
    slopes = gradient(metric, means)
    # Influence of each row: of a mean its residual, of a ratio (y - R x) over the mean of x.
    influence = sum(
        slope * (sample.columns[column] - means[column]) for slope, column in zip(slopes, metric.columns, strict=True)
    )
    total = rows.sum()
    share = rows / total
    # H_gg has a single eigenvalue, the share of the unit's rows; (I - H_gg)^(-1/2) e_g sums to sum(e_g) / sqrt(1 - h).
    scores = np.bincount(units, influence) / np.sqrt(1 - share) / total
    variance = float((scores**2).sum())
    own = share / (1 - share) / total
    shared = share**2 / (1 - share) / total
    estimate = Estimate(
        value=float(metric.value(means)), n=len(rows), unit_variance=variance * len(rows), df=len(rows) - 1
    )
    trace = float((own - shared).sum())
    square = float((own**2).sum() - 2 * (own * shared).sum() + shared.sum() ** 2)
    return estimate, trace, square
