"""Covariate adjustment on moments: mean imputation, linearisation, and the call of the adjuster."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve

from xpyrment_core.data.query import Term
from xpyrment_core.errors import CovariateRefused, NotEstimable
from xpyrment_core.stats.delta_method import ColumnMean, linearise
from xpyrment_core.stats.stratification import with_strata
from xpyrment_core.values.estimates import Estimate
from xpyrment_core.values.moments import Moments

Adjuster = Callable[[Moments, Moments], tuple[Estimate, Estimate]]
OUTCOME = "(outcome)"


def adjust(
    metric: Any,
    covariates: Sequence[Any],
    adjuster: Adjuster,
    control: Moments,
    treatment: Moments,
) -> tuple[tuple[Estimate, Estimate] | None, list[str], list[str]]:
    """Adjust a metric for covariates, dropping one by one those that the adjuster refuses.

    Parameters
    ----------
    metric : object
        The outcome, a function of the means of some of the moments' columns.
    covariates : sequence of metrics
        `ColumnMean` of a term, or any function of means (a pre-period ratio).
    adjuster : callable
        ``(control, treatment) -> (Estimate, Estimate)``.
    control, treatment : Moments
        Over the outcome's columns and the covariates' terms, missing values already imputed.

    Returns
    -------
    estimates : pair of Estimate or None
        None where no covariate was usable.
    used : list of str
        Covariates that entered, in order.
    notes : list of str
        Why the others did not.
    """
    arms = control, treatment
    linear = _all_finite(metric, covariates, arms) if covariates else None
    remaining, notes = (list(covariates), []) if linear else _finite(covariates, arms)
    while remaining:
        linear = linear or _linear(metric, remaining, arms)
        try:
            before, after = adjuster(*linear)
            estimates = with_strata(before, linear[0]), with_strata(after, linear[1])
            return estimates, [c.name for c in remaining], notes
        except CovariateRefused as refused:
            # Without a named covariate the last is dropped: the caller's order is one of importance, and the loop ends.
            dropped = [c for c in remaining if c.name == refused.covariate] or remaining[-1:]
            remaining = [c for c in remaining if c not in dropped]
            notes.append(refused.reason)
            linear = None
    return None, [], notes


def _linear(metric: Any, covariates: Sequence[Any], arms: Sequence[Moments]) -> list[Moments]:
    """Return the joint moments of the outcome and its covariates, the outcome first."""
    # Linearised, every metric is a plain mean (delta method), so an adjuster need not know ratios; its variance
    # is that of the linearised outcome.
    names = (OUTCOME, *(c.name for c in covariates))
    joint = (linearise([metric, *covariates], arm) for arm in arms)
    return [evolve(moments, columns=names) for moments in joint]


def _all_finite(metric: Any, covariates: Sequence[Any], arms: Sequence[Moments]) -> list[Moments] | None:
    """Return `_linear` of all covariates, or None where some are not finite: the rare case, sorted out one by one."""
    try:
        with np.errstate(invalid="ignore"):  # an infinite covariate makes others NaN here
            linear = _linear(metric, covariates, arms)
    except NotEstimable:
        return None
    return linear if all(np.isfinite(arm.m2).all() for arm in linear) else None


def _finite(covariates: Sequence[Any], arms: Sequence[Moments]) -> tuple[list[Any], list[str]]:
    usable, notes = [], []
    for covariate in covariates:
        try:
            finite = all(np.isfinite(linearise([covariate], arm).m2).all() for arm in arms)
            why = "" if finite else "it has infinite values"
        except NotEstimable:
            why = "it has infinite values, or is not defined at the observed means"
        if why:
            notes.append(f"covariate {covariate.name!r} is left out: {why}")
        else:
            usable.append(covariate)
    return usable, notes


def impute(
    arms: Sequence[Moments], terms: Sequence[Term], shifts: Mapping[str, float]
) -> tuple[list[Moments], list[ColumnMean]]:
    """Impute missing covariate values with the mean of the observed ones.

    Engines fill missing values with an arbitrary constant; because they also count them in an
    indicator column, replacing that constant by the mean is linear algebra on the moments. The
    mean is that of the compared variants together.

    Returns
    -------
    arms : list of Moments
    indicators : list of ColumnMean
        The missingness indicators that are not 0 everywhere, to be used as covariates too.
    """
    columns = arms[0].columns
    weights = np.eye(len(columns))
    indicators = []
    # The mean over both arms, so that imputation creates no difference between them. With the indicators as
    # covariates the adjusted effect stays consistent (Zhao and Ding 2024, JASA 119(545), 450-460).
    for term in terms:
        if term.kind == "missing" and any(arm.n and arm.mean[columns.index(term.name)] > 0 for arm in arms):
            indicators.append(ColumnMean(term.name))
            filled = next((t.name for t in terms if t.column == term.column and t.kind == "filled"), None)
            if filled is not None:
                i, j = columns.index(filled), columns.index(term.name)
                # x + (mean - fill) * missing is x where observed, and the mean where the engine put `fill`.
                weights[i, j] = _mean_less_fill(arms, i, j, shifts[term.column])
    if not indicators:
        return list(arms), []
    return [_filled(arm, weights) for arm in arms], indicators


def _filled(arm: Moments, weights: np.ndarray) -> Moments:
    # Only columns that change are multiplied out, so that an infinite column spoils no other.
    extra = weights - np.eye(len(weights))
    rows = np.flatnonzero(extra.any(axis=1))
    mean = arm.mean.copy()
    # In post-stratified moments every stratum has a matrix, which changes in the same way.
    matrices = [arm.m2.copy()] if arm.strata is None else [arm.m2.copy(), arm.strata.covariances.copy()]
    for i in rows:
        j = int(np.flatnonzero(extra[i])[0])
        slope = extra[i, j]
        mean[i] += slope * mean[j]
        for m2 in matrices:
            # Var(x + s m) = Var x + 2 s Cov(x, m) + s^2 Var m, and Cov(x + s m, y) = Cov(x, y) + s Cov(m, y).
            diagonal = m2[..., i, i] + 2 * slope * m2[..., i, j] + slope**2 * m2[..., j, j]
            m2[..., i, :] += slope * m2[..., j, :]
            m2[..., :, i] = m2[..., i, :]
            m2[..., i, i] = diagonal
    strata = None if arm.strata is None else evolve(arm.strata, covariances=matrices[1])
    return Moments(arm.columns, arm.n, mean, matrices[0], strata)


def _mean_less_fill(arms: Sequence[Moments], value: int, missing: int, fill: float) -> float:
    observed = sum(arm.n * (1 - arm.mean[missing]) for arm in arms)
    total = sum(arm.n * (arm.mean[value] - fill * arm.mean[missing]) for arm in arms)
    with np.errstate(all="ignore"):
        mean = total / observed if observed > 0 else fill
    # An infinite covariate has no mean; it stays as it is, and `adjust` leaves it out.
    return float(mean - fill) if np.isfinite(mean) else 0.0
