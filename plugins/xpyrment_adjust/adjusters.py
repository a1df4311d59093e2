"""CUPED, analysis of covariance and Lin's regression, all from moments.

Each adjuster gives both variants' values at the pooled covariate means,
``value_a = ybar_a - theta_a' (xbar_a - Xbar)``. Only units of the two variants enter.
"""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_adjust.slopes import comparable, slopes
from xpyrment_core import CovariateRefused, Estimate, Moments

Pair = tuple[Estimate, Estimate]
BOTH = "the two variants"


def cuped(control: Moments, treatment: Moments) -> Pair:
    """Adjust with one slope per covariate, pooled within the variants.

    Parameters
    ----------
    control, treatment : Moments
        The outcome first (linearised unless it is a mean), then the covariates.

    Returns
    -------
    tuple of two Estimate
        Variance per unit is that of ``y - theta' x``, with n - 2 - p degrees of freedom for p
        covariates. The variance of a mean is multiplied by ``1 + p / (n - 3 - p)``, the expected
        contribution of estimating theta (n units of both variants).

    Raises
    ------
    CovariateRefused
        A covariate is constant, collinear, infinite or too many for so few units.

    References
    ----------
    Deng, A., Xu, Y., Kohavi, R. and Walker, T. (2013). Improving the sensitivity of online
    controlled experiments by utilizing pre-experiment data. WSDM '13, 123-132.
    Anderson, T. W. (2003). An introduction to multivariate statistical analysis, 3rd edition,
    section 5.2: the expectation of Hotelling's T-squared.

    Examples
    --------
    >>> control = Moments(("y", "x"), 100, [10.0, 5.0], [[500.0, 300.0], [300.0, 400.0]])
    >>> treatment = Moments(("y", "x"), 100, [11.0, 5.2], [[500.0, 300.0], [300.0, 400.0]])
    >>> before, after = cuped(control, treatment)
    >>> round(after.value - before.value, 4)  # 1.0 minus 0.75 times 0.2
    0.85
    """
    return _common_slopes(control, treatment, conditional=False)


def ols(control: Moments, treatment: Moments) -> Pair:
    """Adjust as the regression ``y ~ treatment + covariates`` does (analysis of covariance).

    The estimate is that of `cuped`; the standard error includes the estimation error of the
    slopes. With the test ``student`` the t statistic and its degrees
    of freedom are those of ordinary least squares. Parameters and errors as in `cuped`.

    References
    ----------
    Cochran, W. G. (1957). Analysis of covariance: its nature and uses. Biometrics 13(3), 261-281.

    Examples
    --------
    >>> arm = Moments(("y", "x"), 100, [10.0, 5.0], [[500.0, 300.0], [300.0, 400.0]])
    >>> before, after = ols(arm, arm)
    >>> before.df + after.df  # N - 2 - p
    197.0
    """
    return _common_slopes(control, treatment, conditional=True)


def lin(control: Moments, treatment: Moments) -> Pair:
    """Adjust with separate slopes per variant, evaluated at the pooled covariate means.

    In large samples never less precise than no adjustment, even if the relation is not linear.
    The variance is that for a superpopulation: to each regression's variance it adds that of the
    pooled means, at which regressions with different slopes are compared.
    Parameters and errors as in `cuped`; a covariate must vary within each variant.

    References
    ----------
    Lin, W. (2013). Agnostic notes on regression adjustments to experimental data:
    reexamining Freedman's critique. The Annals of Applied Statistics 7(1), 295-318.

    Examples
    --------
    >>> control = Moments(("y", "x"), 100, [10.0, 5.0], [[500.0, 400.0], [400.0, 400.0]])
    >>> treatment = Moments(("y", "x"), 100, [11.0, 5.2], [[500.0, 200.0], [200.0, 400.0]])
    >>> before, after = lin(control, treatment)
    >>> round(after.value - before.value, 4)  # slopes 1.0 and 0.5: 1.0 minus 0.75 times 0.2
    0.85
    """
    control, treatment = comparable(control, treatment)
    names, p = control.columns[1:], len(control.columns) - 1
    # Each variant's regression estimates an intercept and p slopes.
    dfs = [_enough(arm.n - 1 - p, min(control.n, treatment.n), names) for arm in (control, treatment)]
    theta_c = slopes(control.m2, names, "control")
    theta_t = slopes(treatment.m2, names, "treatment")
    slope_gap = theta_t - theta_c
    share = control.n / (control.n + treatment.n)
    mean_gap = treatment.mean[1:] - control.mean[1:]
    fits = []
    for arm, theta, own, df in zip((control, treatment), (theta_c, theta_t), (share, 1 - share), dfs, strict=True):
        # y - thetabar'x is the regression's residual plus own * (theta_t - theta_c)'x, uncorrelated.
        drift = own**2 * float(slope_gap @ arm.m2[1:, 1:] @ slope_gap) / (arm.n - 1)
        # Leverage d' Sxx_a^-1 d of the pooled means, which lie d = +-(1 - own) (xbar_T - xbar_C) from the variant's.
        distance = (1 - own) ** 2 * float(mean_gap @ np.linalg.solve(arm.m2[1:, 1:], mean_gap))
        fits.append(_Fit(arm, theta, _residual(arm, theta) / df + drift, 1 / arm.n + distance, df))
    return _evaluate(*fits)


@frozen(eq=False)
class _Fit:
    """One variant's regression: its slopes, and the size and weight of its residuals."""

    arm: Moments
    theta: NDArray[np.float64]
    unit_variance: float
    leverage: float
    df: float


def _common_slopes(control: Moments, treatment: Moments, *, conditional: bool) -> Pair:
    control, treatment = comparable(control, treatment)
    names = control.columns[1:]
    # Two intercepts and p slopes: N - 2 - p degrees of freedom (Cochran 1957).
    n, p = control.n + treatment.n, len(names)
    _enough(n - 2 - p, n, names)
    # The leverage d' Sxx^-1 d of `ols` has the expectation p / (n - 3 - p) (1/n_C + 1/n_T) over assignments, that of
    # Hotelling's T^2 (Anderson 2003, section 5.2); without it, many covariates make the standard error too small.
    inflation = 1.0 if conditional or not p else 1 + p / _enough(n - 3 - p, n, names)
    # theta = Cov(y, x) / Var(x) (Deng et al. 2013), from products within the variants: in those of the whole sample the
    # effect itself would enter the slope.
    theta = slopes(control.m2 + treatment.m2, names, BOTH)
    inverse = np.linalg.inv((control.m2 + treatment.m2)[1:, 1:])
    pull = inverse @ (treatment.mean[1:] - control.mean[1:])
    fits = []
    for arm in (control, treatment):
        xx = arm.m2[1:, 1:]
        # E[RSS_a] = sigma^2 (n_a - 1 - tr(Sxx^-1 Sxx_a)); the traces of the two variants add up to p.
        df = _enough(arm.n - 1 - float(np.sum(inverse * xx)), arm.n, names)
        # Var(theta' d) = d' Sxx^-1 (sum of sigma_a^2 Sxx_a) Sxx^-1 d, each variant its part.
        leverage = 1 / arm.n + float(pull @ xx @ pull) if conditional else inflation / arm.n
        fits.append(_Fit(arm, theta, _residual(arm, theta) / df, leverage, df))
    return _evaluate(*fits)


def _enough(df: float, n: int, names: tuple[str, ...]) -> float:
    # 0 degrees of freedom come out as rounding error where a trace was subtracted.
    if df > 1e-9:
        return df
    raise CovariateRefused(names[-1], f"{n} units are too few for {len(names)} covariates")


def _residual(arm: Moments, theta: NDArray[np.float64]) -> float:
    """Return the sum of squares of ``y - theta' x`` about its mean."""
    weights = np.concatenate([[1.0], -theta])
    # Rounding can make it negative where the covariates explain almost everything.
    return max(float(weights @ arm.m2 @ weights), 0.0)


def _evaluate(control: _Fit, treatment: _Fit) -> Pair:
    """Return both variants' values at the pooled covariate means, with what they share.

    With ``u = w_T theta_C`` and ``v = w_C theta_T``,
    ``value_C = mean_C(y - u'x) + mean_T(u'x)`` and ``value_T = mean_T(y - v'x) + mean_C(v'x)``,
    where the two variants' means are independent; `Estimate.variance` is that of
    ``mean_a(y - u'x - v'x)``, and the rest follows.
    """
    share = control.arm.n / (control.arm.n + treatment.arm.n)
    gap = treatment.arm.mean[1:] - control.arm.mean[1:]
    u, v = (1 - share) * control.theta, share * treatment.theta
    cross_c, own_c = _shared(control.arm, u, v)
    cross_t, own_t = _shared(treatment.arm, v, u)
    extra_c, extra_t = 2 * cross_c - own_c + own_t, 2 * cross_t - own_t + own_c
    # The extra variances cancel: Var(value_T - value_C) is the sum of both `Estimate.variance`.
    covariance = (extra_c + extra_t) / 2
    values = (control.arm.mean[0] + u @ gap, treatment.arm.mean[0] - v @ gap)
    before, after = (
        Estimate(
            value=float(value),
            n=fit.arm.n,
            unit_variance=fit.unit_variance,
            leverage=fit.leverage,
            df=fit.df,
            extra_variance=extra,
            covariance=covariance,
        )
        for value, fit, extra in zip(values, (control, treatment), (extra_c, extra_t), strict=True)
    )
    return before, after


def _shared(arm: Moments, kept: NDArray[np.float64], moved: NDArray[np.float64]) -> tuple[float, float]:
    """Return ``Cov(y - kept'x, moved'x)`` and ``Var(moved'x)`` of the variant's means."""
    per_mean: NDArray[np.float64] = arm.m2 / ((arm.n - 1) * arm.n)
    image = per_mean[:, 1:] @ moved
    return float(image[0] - kept @ image[1:]), float(moved @ image[1:])
