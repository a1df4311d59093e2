"""Post-stratification: means weighted by strata, as moments that every metric, adjuster and test can use."""

from collections.abc import Sequence

import numpy as np
from attrs import evolve

from xpyrment_core.values.estimates import Estimate
from xpyrment_core.values.moments import Moments
from xpyrment_core.values.strata import StratumVariances


def post_stratified(strata: Sequence[Moments], weights: Sequence[float]) -> Moments:
    """Return the moments of one variant with every stratum at its weight.

    The means are ``sum_s w_s mean_s``, and ``cov / n`` is their covariance
    ``sum_s w_s^2 Sigma_s / n_s``. The weights must be the same for both variants: then the difference of
    two means is ``sum_s w_s (T_s - C_s)``, the estimate of a blocked experiment. A ratio, or any other
    function of means, is that of the weighted means, by the delta method.

    Parameters
    ----------
    strata : sequence of Moments
        Of the variant's units in each stratum, at least two.
    weights : sequence of float
        Shares of the strata, such as their share of the units of both variants; they add up to 1.

    References
    ----------
    Cochran, W. G. (1977). Sampling techniques, 3rd edition, sections 5.3, 5.4 (degrees of freedom) and 5A.9.
    Miratrix, L. W., Sekhon, J. S. and Yu, B. (2013). Adjusting treatment effect estimates by
    post-stratification in randomized experiments. Journal of the Royal Statistical Society B 75(2), 369-396.

    Examples
    --------
    >>> young, old = Moments.of({"y": [1.0, 2.0, 3.0]}), Moments.of({"y": [7.0, 9.0]})
    >>> arm = post_stratified([young, old], [0.5, 0.5])
    >>> arm.means, arm.n, round(float(arm.cov[0, 0]) / arm.n, 6)  # (1/2)^2 (1/3 + 2/2)
    ({'y': 5.0}, 5, 0.333333)
    """
    w = np.asarray(weights, dtype=np.float64)
    n = np.array([part.n for part in strata], dtype=np.float64)
    first = strata[0].mean
    with np.errstate(invalid="ignore", over="ignore"):  # an infinite value makes only its own column NaN
        # About the first mean, so that no digits of large values are lost.
        mean = first + w @ (np.stack([part.mean for part in strata]) - first)
        leverages = w**2 / n
        covariances = np.stack([part.cov for part in strata]) * leverages[:, None, None]
        m2 = covariances.sum(axis=0) * (n.sum() * (n.sum() - 1))
    return Moments(strata[0].columns, int(n.sum()), mean, m2, StratumVariances(covariances, leverages, n - 1))


def with_strata(estimate: Estimate, arm: Moments) -> Estimate:
    """Return an adjusted estimate with the leverage and the degrees of freedom of the strata.

    Parameters
    ----------
    estimate : Estimate
        Made of the moments `arm` as if they were those of a simple sample; its variance is that of the strata.
    arm : Moments
        The outcome first.
    """
    if arm.strata is None:
        return estimate
    # The variance stays. Per unit it is the mean over the strata, as `pooled` needs it.
    scale = arm.n * arm.strata.leverage
    # The adjuster took its slopes off n - 1 degrees of freedom: the same share of those of the strata is left.
    df = estimate.df / (arm.n - 1) * arm.strata.df()
    return evolve(estimate, unit_variance=estimate.unit_variance / scale, leverage=estimate.leverage * scale, df=df)
