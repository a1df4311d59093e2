"""Numerically stable least squares: columns are centred, scaled and orthogonalised.

statsmodels fits the outcome to the orthonormal columns Q of ``Z = Q R``, where Z are the
centred and scaled predictors. Estimates and every robust covariance carry over exactly to the
columns as given, because they are linear in Q: ``beta = A R^-1 delta``, where A undoes the
scaling. So a timestamp of 1.7e18 or a polynomial of degree ten loses no digits beyond those that
the data have lost.
"""

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from xpyrment_core import NotEstimable, needs_library
from xpyrment_regress.design import INTERCEPT, Design

EPS = float(np.finfo(float).eps)
RANK_SLACK = 8
"""A column within this many roundings of a combination of others counts as linearly dependent."""

FACTOR_ROUNDING = 64 * EPS
"""Rounding error of the factorisation, relative to a column's norm."""

Matrix = NDArray[np.float64]


@frozen(kw_only=True, eq=False)
class Solution:
    """Estimates in the columns as given.

    Attributes
    ----------
    coefficients : ndarray of shape (k,)
    covariance : ndarray of shape (k, k)
    rss : float
        Residual sum of squares.
    tss : float
        Total sum of squares: about the mean where the columns contain a constant, else about 0.
    centred : bool
        Whether they do.
    """

    coefficients: Matrix
    covariance: Matrix
    rss: float
    tss: float
    centred: bool


def solve(design: Design, errors: str) -> Solution:
    """Fit a design; `errors` is ``"classical"``, ``"HC0"`` … ``"HC3"`` or ``"cluster"``.

    Raises
    ------
    NotEstimable
        Too few rows, linearly dependent predictors, a constant outcome, too few clusters, or a
        row with leverage 1, for which HC2 and HC3 are not defined.
    """
    n, k = design.X.shape
    if k == 0:
        raise NotEstimable("there are no predictors and no intercept, so nothing to estimate")
    if n <= k:
        raise NotEstimable(f"{n} complete rows for {k} parameters leave no residual degrees of freedom")
    intercept = INTERCEPT in design.names
    # Collinearity with the intercept is removed first: it is what makes years or timestamps ill-conditioned.
    Z, centre, scale = _standardise(design)
    Q, R = np.linalg.qr(Z)
    _check_rank(design, Z, R, scale)
    y, shift = _centred_outcome(design) if intercept else (design.y, 0.0)
    # Q'Q = I, so delta = Q'y, and every sandwich (Q'Q)^-1 M (Q'Q)^-1 is its middle part M.
    fit = _statsmodels(y, Q, errors, design)
    back = _undo(design.names, centre, scale) @ solve_triangular(R, np.eye(k))
    coefficients = back @ np.asarray(fit.params)
    if intercept:
        coefficients[design.names.index(INTERCEPT)] += shift
    # The columns contain a constant if its projection on them is the constant itself.
    constant = Q @ (Q.T @ np.ones(n))
    centred = intercept or bool(np.allclose(constant, 1, rtol=0, atol=1e-8))
    return Solution(
        coefficients=coefficients,
        covariance=back @ np.asarray(fit.cov_params()) @ back.T,
        rss=float(fit.ssr),
        tss=float(((y - y.mean()) ** 2).sum() if centred else (y**2).sum()),
        centred=centred,
    )


def _centred_outcome(design: Design) -> tuple[Matrix, float]:
    """Return the outcome less its mean, which the intercept takes back, and the mean."""
    shift = float(design.y.mean())
    y = design.y - shift
    if not y.any():
        raise NotEstimable(f"the dependent variable {design.outcome!r} is constant ({shift:g}), nothing to explain")
    return y, shift


def _standardise(design: Design) -> tuple[Matrix, Matrix, Matrix]:
    """Return the columns centred (where an intercept takes up the means) and scaled by powers of two."""
    X, k = design.X, design.X.shape[1]
    centre = np.zeros(k)
    if INTERCEPT in design.names:
        centre = X.mean(axis=0)
        # The mean of many large values is rounded; the second pass removes the remainder.
        centre = centre + (X - centre).mean(axis=0)
        centre[design.names.index(INTERCEPT)] = 0.0
    Z = X - centre
    size = np.sqrt((Z**2).mean(axis=0))
    scale = np.exp2(np.round(np.log2(np.where(size > 0, size, 1.0))))  # division by powers of two is exact
    return Z / scale, centre, scale


def _undo(names: tuple[str, ...], centre: Matrix, scale: Matrix) -> Matrix:
    """Return A with ``beta = A gamma`` for coefficients gamma of the centred and scaled columns."""
    A = np.diag(1 / scale)
    if INTERCEPT in names:
        A[names.index(INTERCEPT)] -= centre / scale
    return A


def _check_rank(design: Design, Z: Matrix, R: Matrix, scale: Matrix) -> None:
    """Raise NotEstimable if a column is a combination of those before it, up to rounding of the data."""
    k = len(scale)
    # QR on a column is affected by the rounding of all columns before it.
    rounding = np.maximum.accumulate(EPS * np.abs(design.X).max(axis=0) / scale)
    tolerance = np.minimum(RANK_SLACK * np.sqrt(k) * rounding + FACTOR_ROUNDING, 0.5)
    length = np.sqrt((Z**2).sum(axis=0))
    dependent = [j for j in range(k) if abs(R[j, j]) <= tolerance[j] * length[j]]
    if dependent:
        sentences = [_dependence(design, R, j, dependent) for j in dependent]
        raise NotEstimable(
            f"the predictors are linearly dependent: {'; '.join(sentences)}. Leave out "
            f"{', '.join(repr(design.names[j]) for j in dependent)}"
        )


def _dependence(design: Design, R: Matrix, j: int, dependent: list[int]) -> str:
    name = repr(design.names[j])
    before = [i for i in range(j) if i not in dependent]
    if not R[: j + 1, j].any() or not before:
        return f"{name} is constant"
    weights = np.linalg.lstsq(R[: j + 1, before], R[: j + 1, j], rcond=None)[0]
    others = [repr(design.names[i]) for i, w in zip(before, weights, strict=True) if abs(w) > 1e-6]
    return f"{name} is determined by {', '.join(others)}" if others else f"{name} is constant"


def _statsmodels(y: Matrix, Q: Matrix, errors: str, design: Design) -> Any:
    with needs_library("a regression"):
        from statsmodels.regression.linear_model import OLS

    model = OLS(y, Q, hasconst=False)
    if errors == "classical":
        return model.fit(method="qr")
    if errors == "cluster":
        assert design.groups is not None
        # M = G / (G - 1) * (n - 1) / (n - k) * sum over clusters g of Q_g' e_g e_g' Q_g (Cameron and Miller 2015).
        if design.groups.max() < 1:
            raise NotEstimable("there is a single cluster, cluster-robust standard errors need two or more")
        return model.fit(method="qr", cov_type="cluster", cov_kwds={"groups": design.groups})
    if errors in ("HC2", "HC3"):
        _check_leverage(Q, design, errors)
    # M = sum of w_i e_i² q_i q_i' with w = 1 (HC0), n / (n - k) as in Stata (HC1), 1 / (1 - h_i) (HC2) and
    # 1 / (1 - h_i)² (HC3), where h_i is the leverage (MacKinnon and White 1985).
    return model.fit(method="qr", cov_type=errors)


def _check_leverage(Q: Matrix, design: Design, errors: str) -> None:
    leverage = (Q**2).sum(axis=1)
    row = int(leverage.argmax())
    # HC2 and HC3 divide residuals by 1 - leverage (MacKinnon and White 1985).
    if leverage[row] > 1 - 1e-10:
        present = [name for name, x in zip(design.names, design.X[row], strict=True) if x != 0 and name != INTERCEPT]
        raise NotEstimable(
            f"{errors} is not defined: one row alone determines a coefficient (the row with {', '.join(present)}); "
            f"leave it out, group its level with others, or use HC1"
        )
