"""Numerically stable least squares: columns are centred, scaled and orthogonalised.

The outcome is fitted to the orthonormal columns Q of ``Z = Q R``, where Z are the centred and scaled
predictors. Estimates and every robust covariance carry over exactly to the columns as given, because
they are linear in Q: ``beta = A R^-1 delta``, where A undoes the scaling. So a timestamp of 1.7e18 or a
polynomial of degree ten loses no digits beyond those that the data have lost.
"""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from xpyrment_core import NotEstimable
from xpyrment_regress.design import INTERCEPT, Design
from xpyrment_regress.sandwich import Meat, middle

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
    coefficients, std_errors : ndarray of shape (k,)
    covariance : ndarray of shape (k, k)
    df : ndarray of shape (k,) or None
        Satterthwaite's degrees of freedom of each coefficient, where the standard errors have their own.
    scale : float
        Power of two, the size of the outcome; `rss` and `tss` are in its square, which may be
        more than a float holds.
    rss : float
        Residual sum of squares.
    tss : float
        Total sum of squares: about the mean where the columns contain a constant, else about 0.
    centred : bool
        Whether they do.
    """

    coefficients: Matrix
    std_errors: Matrix
    covariance: Matrix
    df: Matrix | None
    scale: float
    rss: float
    tss: float
    centred: bool


def solve(design: Design, errors: str) -> Solution:
    """Fit a design; `errors` is ``"classical"``, ``"HC0"`` … ``"HC3"``, ``"cluster"`` or ``"CR2"``.

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
    Q, R = _orthonormal(Z)
    _check_rank(design, Z, R, scale)
    y, shift = _centred_outcome(design) if intercept else (design.y, 0.0)
    # Squares of an outcome of 1e-160 or 1e160 are not floats; dividing by a power of two is exact.
    unit = _size(y)
    y = y / unit
    delta = Q.T @ y
    # Q is orthonormal up to rounding; a second pass on the residuals removes what that leaves.
    delta = delta + Q.T @ (y - Q @ delta)
    residuals = y - Q @ delta
    back = _undo(design.names, centre, scale) @ solve_triangular(R, np.eye(k))
    coefficients = (back @ delta) * unit
    if intercept:
        coefficients[design.names.index(INTERCEPT)] += shift
    # The columns contain a constant if its projection on them is the constant itself.
    constant = Q @ (Q.T @ np.ones(n))
    centred = intercept or bool(np.allclose(constant, 1, rtol=0, atol=1e-8))
    _check_errors(Q, design, errors)
    # Q'Q = I, so every sandwich (Q'Q)^-1 M (Q'Q)^-1 is its middle part M.
    meat: Meat = middle(Q, residuals, errors, design.groups)
    # Each row in units of its own size: a predictor of 1e160 would square to infinity.
    sizes = np.abs(back).max(axis=1)
    unit_rows = back / sizes[:, None]
    # Rounding can make the variance of a perfect fit slightly negative.
    std_errors = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", unit_rows, meat.covariance, unit_rows), 0.0))
    with np.errstate(over="ignore", under="ignore"):
        covariance = (back * unit) @ meat.covariance @ (back * unit).T
    return Solution(
        coefficients=coefficients,
        std_errors=std_errors * sizes * unit,
        covariance=covariance,
        df=meat.degrees_of_freedom(back),
        scale=unit,
        rss=float((residuals**2).sum()),
        tss=float(((y - y.mean()) ** 2).sum() if centred else (y**2).sum()),
        centred=centred,
    )


def _orthonormal(Z: Matrix) -> tuple[Matrix, Matrix]:
    """Return Q and R with ``Z = Q R``: by Cholesky factors of the products where they suffice, else by reflections.

    Two rounds of Cholesky QR are as orthonormal as Householder's where the condition number is below about 1e7
    (Yamamoto et al. 2015, Electronic Transactions on Numerical Analysis 44, 306-326), at a fraction of the time.
    """
    try:
        R1 = np.linalg.cholesky(Z.T @ Z).T
        Q = Z @ solve_triangular(R1, np.eye(len(R1)))
        products = Q.T @ Q
        if np.abs(products - np.eye(len(products))).max() < ORTHONORMAL:
            R2 = np.linalg.cholesky(products).T
            return Q @ solve_triangular(R2, np.eye(len(R2))), R2 @ R1
    except (np.linalg.LinAlgError, ValueError):
        pass
    householder: tuple[Matrix, Matrix] = np.linalg.qr(Z)
    return householder


ORTHONORMAL = 1e-6
"""Products of the first round this near to those of orthonormal columns: the second round makes them exact."""


def _size(values: Matrix) -> float:
    """Return a power of two near the largest absolute value; 1 where all are 0."""
    largest = float(np.abs(values).max(initial=0.0))
    return float(np.exp2(np.floor(np.log2(largest)))) if largest > 0 else 1.0


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
    largest = np.abs(Z).max(axis=0)
    # About the largest value, so that the squares of 1e-170 are not 0.
    size = largest * np.sqrt(((Z / np.where(largest > 0, largest, 1.0)) ** 2).mean(axis=0))
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


def _check_errors(Q: Matrix, design: Design, errors: str) -> None:
    if errors in ("HC2", "HC3"):
        _check_leverage(Q, design, errors)
    if errors in ("cluster", "CR2") and design.groups is not None and design.groups.max() < 1:
        raise NotEstimable("there is a single cluster, cluster-robust standard errors need two or more")


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
