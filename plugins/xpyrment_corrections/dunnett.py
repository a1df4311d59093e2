"""Dunnett's comparison of several treatments with one control.

The statistics are correlated because all comparisons share one control; the correlation is
known, so less is lost than by Bonferroni's bound: ``T_j = (Z_j r_j + l_j U) / s`` with U the control's part,
``l_j^2 = V_C / (V_C + V_j)``, ``r_j^2 = 1 - l_j^2`` and ``s^2 = chi^2_df / df``.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from xpyrment_core import Alternative, Effect, FamilyDecision
from xpyrment_core.stats.distributions import critical, quantile, upper_tail
from xpyrment_core.stats.root_finding import zero

Vector = NDArray[np.float64]


def dunnett(effects: Sequence[Effect], metrics: Sequence[str], alpha: float) -> FamilyDecision:
    """Apply Dunnett's adjustment to the treatments of each metric; metrics are not corrected for each other.

    Each row keeps its own statistic, standard error and degrees of freedom (Hasler and
    Hothorn's plug-in where variances differ), so that its interval remains the inversion
    of its test.

    Parameters
    ----------
    effects : sequence of Effect
        Comparisons with one control. Where an effect has no estimates, its correlation
        with the others is taken as 0, which is conservative.
    metrics : sequence of str
        The metric of each effect.
    alpha : float

    Returns
    -------
    FamilyDecision
        Adjusted p-values; ``alphas`` are the level of each row's own interval that makes
        it simultaneous over the treatments of its metric.

    References
    ----------
    Dunnett, C. W. (1955). A multiple comparison procedure for comparing several treatments
    with a control. Journal of the American Statistical Association 50(272), 1096-1121.
    Hasler, M. and Hothorn, L. A. (2008). Multiple contrast tests in the presence of
    heteroscedasticity. Biometrical Journal 50(5), 793-800.

    Examples
    --------
    >>> from xpyrment_core.stats.wald import wald
    >>> from xpyrment_core import Estimate
    >>> control, a, b = (Estimate(value=v, n=100, unit_variance=1.0) for v in (0.0, 0.3, 0.1))
    >>> pair = [wald(control, arm, alpha=0.05, alternative="two-sided", df=198) for arm in (a, b)]
    >>> dunnett(pair, ["revenue", "revenue"], 0.05).p_values.round(4).tolist()
    [0.0645, 0.7018]
    """
    p_values, alphas = np.empty(len(effects)), np.empty(len(effects))
    for metric in dict.fromkeys(metrics):
        rows = [i for i, name in enumerate(metrics) if name == metric]
        loadings = np.array([_loading(effects[i]) for i in rows])
        critical_levels: dict[tuple[float | None, bool], float] = {}
        for i in rows:
            df, two_sided = effects[i].df, effects[i].alternative == "two-sided"
            if (df, two_sided) not in critical_levels:
                critical_levels[df, two_sided] = simultaneous_level(alpha, loadings, df, two_sided=two_sided)
            alphas[i] = critical_levels[df, two_sided]
            p_values[i] = adjusted_p_value(effects[i].p_value, loadings, df, two_sided=two_sided)
    return FamilyDecision(p_values=p_values, alphas=alphas)


def _loading(effect: Effect) -> float:
    """Return the correlation of the effect's statistic with the control's estimate."""
    if effect.estimates is None:
        return 0.0
    control, treatment = (arm.variance for arm in effect.estimates)
    total = control + treatment
    return min(math.sqrt(control / total), CLOSEST) if total > 0 else 0.0


CLOSEST = math.sqrt(1 - 1e-6)
"""Upper bound of loadings: a treatment with a millionth of the control's variance; beyond it results do not change."""


def adjusted_p_value(p_value: float, loadings: Vector, df: float | None, *, two_sided: bool) -> float:
    """Return the probability that the largest of the statistics is as extreme as the one of `p_value`.

    Parameters
    ----------
    p_value : float
        Unadjusted, two- or one-sided.
    loadings : ndarray of shape (k,)
        Correlation of each statistic with the control's estimate; that of two statistics is the product.
    df : float or None
    two_sided : bool

    Examples
    --------
    >>> round(adjusted_p_value(0.05, np.sqrt([0.5, 0.5]), None, two_sided=True), 4)
    0.0907
    """
    if not 0 < p_value < 1 or loadings.size < 2:
        return p_value
    statistic = -quantile(p_value / 2 if two_sided else p_value, df)
    if not math.isfinite(statistic):
        return min(1.0, loadings.size * p_value)
    family_p = any_beyond(statistic, loadings, df, two_sided=two_sided)
    # The exact value lies between the unadjusted p-value and Bonferroni's bound; so does the returned one, despite
    # the error of the quadrature.
    return min(max(family_p, p_value), loadings.size * p_value, 1.0)


def simultaneous_level(alpha: float, loadings: Vector, df: float | None, *, two_sided: bool) -> float:
    """Return the alpha of a single interval that makes k of them simultaneous with ``1 - alpha``.

    Examples
    --------
    >>> round(simultaneous_level(0.05, np.sqrt([0.5, 0.5]), None, two_sided=True), 4)
    0.027
    """
    k = loadings.size
    if k < 2:
        return alpha
    alternative: Alternative = "two-sided" if two_sided else "greater"
    # Between the critical values of perfect correlation and of Bonferroni's bound.
    low, high = critical(alpha, df, alternative), critical(alpha / k, df, alternative)
    cut = zero(lambda c: any_beyond(c, loadings, df, two_sided=two_sided) - alpha, low, high, 1e-12)
    return (2 if two_sided else 1) * upper_tail(cut, df)


def any_beyond(cut: float, loadings: Vector, df: float | None, *, two_sided: bool) -> float:
    """Return ``P(max T_j > cut)``, or of ``|T_j|``, by quadrature over U and s.

    Absolute error below 1e-8. Small probabilities have a small relative error as well, because
    ``1 - prod(1 - q_j)`` is integrated, rather than its complement.
    """
    # Given U and s the T_j are independent: P(no T_j beyond) is the product of the 1 - q_j (Dunnett 1955).
    scales, weights = _scales(df, cut)
    residual = np.sqrt(1 - loadings**2)
    # P(|U| > 9.5) is 2e-21. The integrand of a distant cut peaks near cut * s * loading; beyond 38 it underflows.
    reach = 9.5 + np.minimum(abs(cut) * scales * loadings.max(), 38.0)
    # As a function of U, q_j rises from 0 to 1 within a few r_j: a panel must not be much wider.
    panels = math.ceil(reach.max() / min(2.5, 8 * residual.min()))
    # What lies beyond on both sides is even in U: half of the range is enough.
    sides = 2 if two_sided else 1
    nodes, node_weights = _legendre(1.0 - 2.0 / sides, 1.0, min(panels, 400) * 2 // sides)
    u = reach[:, None] * nodes
    beside = np.zeros_like(u)
    with np.errstate(divide="ignore"):
        for loading, r in zip(loadings, residual, strict=True):
            beyond = special.ndtr((loading * u - cut * scales[:, None]) / r)
            if two_sided:
                beyond += special.ndtr((-loading * u - cut * scales[:, None]) / r)
            beside += np.log1p(-np.minimum(beyond, 1.0))
    density = np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
    inner = sides * reach * ((density * -np.expm1(beside)) @ node_weights)
    return float(weights @ inner)


def _scales(df: float | None, cut: float) -> tuple[Vector, Vector]:
    """Return nodes and weights for ``s = sqrt(chi^2_df / df)``, placed where ``P(|T| > cut)`` has its mass."""
    if df is None or df > 1e7:
        return np.ones(1), np.ones(1)
    low = math.log(2 * special.gammaincinv(df / 2, 1e-17)) / 2
    high = math.log(2 * special.gammainccinv(df / 2, 1e-19)) / 2
    # exp(-(df + cut^2) s^2 / 2) instead of exp(-df s^2 / 2): in the tail the mass moves to small s.
    shift = -math.log(math.hypot(1.0, cut / math.sqrt(df)))
    log_chi, weights = _legendre(low + shift, high + shift if cut > 0 else high, max(3, math.ceil(high - low)))
    log_density = df * log_chi - np.exp(2 * log_chi) / 2 - (df / 2 - 1) * math.log(2) - special.gammaln(df / 2)
    return np.exp(log_chi) / math.sqrt(df), weights * np.exp(log_density)


RULE = np.polynomial.legendre.leggauss(16)


def _legendre(low: float, high: float, panels: int) -> tuple[Vector, Vector]:
    """Return a Gauss-Legendre rule of 16 nodes in each of equal panels."""
    x, w = RULE
    edges = np.linspace(low, high, panels + 1)
    half = np.diff(edges) / 2
    nodes = (edges[:-1] + half)[:, None] + half[:, None] * x
    return nodes.ravel(), (half[:, None] * w).ravel()
