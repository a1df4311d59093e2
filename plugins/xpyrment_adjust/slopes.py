"""Least-squares slopes from centred cross-products, and checks of the covariates."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xpyrment_core import CovariateRefused, Moments, NotEstimable
from xpyrment_core.stats.wald import CANCELLATION, ROUNDING

COLLINEAR = 1e-10
"""A covariate whose share of variance not explained by those before it is below this is refused.

The share is computed from a correlation matrix, so it does not depend on units. Moments carry
it to about 1e-13, so at this limit the slopes still have three digits.
"""


def slopes(m2: NDArray[np.float64], names: Sequence[str], where: str) -> NDArray[np.float64]:
    """Return the least-squares slopes of the first column on the others.

    Parameters
    ----------
    m2 : ndarray of shape (1 + p, 1 + p)
        Centred cross-products, the outcome first.
    names : sequence of str
        Names of the p covariates.
    where : str
        Over which units, for the message of a refusal: ``"the two variants"``.

    Raises
    ------
    CovariateRefused
        The first covariate that does not vary, that is a linear function of those
        before it, or that makes the outcome a linear function of the covariates.

    Examples
    --------
    >>> slopes(np.array([[9.0, 4.0], [4.0, 2.0]]), ["x"], "the two variants").tolist()
    [2.0]
    """
    scale = np.sqrt(m2.diagonal())
    for name, spread in zip(names, scale[1:], strict=True):
        if spread == 0:
            raise CovariateRefused(name, f"it does not vary within {where}")
    unit = np.where(scale > 0, scale, 1.0)
    correlation = m2 / (unit[:, None] * unit)
    _check_rank(correlation, names, where)
    # The normal equations in standard units: their condition does not depend on the units of the covariates.
    standardised = np.linalg.solve(correlation[1:, 1:], correlation[1:, 0])
    return np.asarray(standardised * unit[0] / unit[1:])


def _check_rank(correlation: NDArray[np.float64], names: Sequence[str], where: str) -> None:
    """Check the rank by Gaussian elimination, in the order of the covariates."""
    # Schur complement: variances and covariances that the covariates eliminated so far do not explain.
    remaining = correlation.copy()
    constant_outcome = remaining[0, 0] == 0
    for j, name in enumerate(names, start=1):
        if remaining[j, j] < COLLINEAR:
            raise CovariateRefused(name, f"it is a linear function of the covariates before it within {where}")
        remaining -= remaining[:, j, None] * (remaining[j] / remaining[j, j])
        # The residual variance would consist of rounding error.
        if remaining[0, 0] < CANCELLATION and not constant_outcome:
            raise CovariateRefused(name, f"it reproduces the outcome exactly within {where}")


def comparable(control: Moments, treatment: Moments) -> tuple[Moments, Moments]:
    """Return both variants' moments with the covariates in units of their pooled spread.

    Slopes are equivariant, so adjusted values do not change, and the arithmetic does not
    depend on whether a covariate is in cents or in millions. Where a covariate is constant
    its spread is exactly 0.

    Raises
    ------
    NotEstimable
        A variant has fewer than two units.
    CovariateRefused
        A covariate has infinite values.
    """
    for arm in (control, treatment):
        if arm.n < 2:
            raise NotEstimable(f"only {arm.n} unit with an observed value: a variance needs two")
        # One infinite value makes mean and cross-products of its column infinite or NaN.
        finite = np.isfinite(arm.mean) & np.isfinite(arm.m2.diagonal())
        for name, known in zip(arm.columns[1:], finite[1:], strict=True):
            if not known:
                raise CovariateRefused(name, "it has values that are not finite")
    scale = np.sqrt(control.m2.diagonal() + treatment.m2.diagonal())
    scale[0] = 1.0
    scale[scale == 0] = 1.0
    return _in_units(control, scale), _in_units(treatment, scale)


def _in_units(moments: Moments, scale: NDArray[np.float64]) -> Moments:
    # A spread below the rounding error of the mean is that of a constant; it must be 0 for `slopes` to refuse it.
    varies = moments.m2.diagonal() > moments.n * (ROUNDING * moments.mean) ** 2
    varies[0] = True
    weights = varies / scale
    with np.errstate(invalid="ignore"):  # an infinite outcome times 0
        m2 = weights[:, None] * moments.m2 * weights
    return Moments(moments.columns, moments.n, moments.mean / scale, m2)
