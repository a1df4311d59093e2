"""Middle part of the covariance of least squares on orthonormal columns: classical, HC0 to HC3, by cluster, CR2."""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

ABSORBED = 1e-10
"""A share of a cluster's variance below this is none: the cluster determines a coefficient by itself."""


@frozen(kw_only=True, eq=False)
class Meat:
    """Covariance of the coefficients of orthonormal columns Q.

    Attributes
    ----------
    covariance : ndarray of shape (k, k)
    grams : ndarray of shape (G, k, k) or None
        ``Q_g'Q_g`` per cluster, where degrees of freedom are by Satterthwaite.
    adjustments : ndarray of shape (G, k, k) or None
        ``(I - Q_g'Q_g)^(-1/2)`` per cluster.
    """

    covariance: Matrix
    grams: Matrix | None = None
    adjustments: Matrix | None = None

    def degrees_of_freedom(self, contrasts: Matrix) -> Matrix | None:
        """Return Satterthwaite's degrees of freedom of contrasts ``c'delta``; None for the same ones for all.

        The estimator of the variance of ``c'delta`` is the quadratic form ``sum of (p_g'y)^2``. With independent
        errors of one variance it has mean ``tr P`` and variance ``2 tr P^2``, P the matrix of all ``p_g'p_h``
        (Pustejovsky and Tipton 2018, equation 11).

        Parameters
        ----------
        contrasts : ndarray of shape (m, k)
            One per row.
        """
        if self.grams is None or self.adjustments is None:
            return None
        out = np.empty(len(contrasts))
        for i, contrast in enumerate(contrasts / np.abs(contrasts).max(axis=1, keepdims=True)):
            weighted = self.adjustments @ contrast
            # P = diag(own) - R R', with rows r_g of R: never the n x n matrix of residuals.
            rows = np.einsum("gij,gj->gi", self.grams, weighted)
            own = np.einsum("gi,gi->g", weighted, rows)
            lengths = (rows**2).sum(axis=1)
            mean = own.sum() - lengths.sum()
            spread = (own**2).sum() - 2 * (own * lengths).sum() + ((rows.T @ rows) ** 2).sum()
            out[i] = mean**2 / spread if spread > 0 else np.nan
        return out


def middle(Q: Matrix, residuals: Matrix, errors: str, groups: NDArray[np.int64] | None) -> Meat:
    """Return the covariance of ``Q'y`` by one of the kinds of standard error.

    Parameters
    ----------
    Q : ndarray of shape (n, k)
        Orthonormal columns.
    residuals : ndarray of shape (n,)
    errors : {"classical", "HC0", "HC1", "HC2", "HC3", "cluster", "CR2"}
    groups : ndarray of int or None
        Cluster of each row, from 0.

    References
    ----------
    MacKinnon, J. G. and White, H. (1985). Some heteroskedasticity-consistent covariance matrix estimators with
    improved finite sample properties. Journal of Econometrics 29(3), 305-325.

    Cameron, A. C. and Miller, D. L. (2015). A practitioner's guide to cluster-robust inference. Journal of Human
    Resources 50(2), 317-372.

    Pustejovsky, J. E. and Tipton, E. (2018). Small-sample methods for cluster-robust variance estimation and
    hypothesis testing in fixed effects models. Journal of Business and Economic Statistics 36(4), 672-683.
    """
    n, k = Q.shape
    if errors == "classical":
        return Meat(covariance=np.eye(k) * float((residuals**2).sum()) / (n - k))
    if groups is not None:
        return _cr2(Q, residuals, groups) if errors == "CR2" else _clustered(Q, residuals, groups)
    leverage = (Q**2).sum(axis=1)
    # Factors of the squared residuals: none, n / (n - k) as in Stata, and powers of 1 - leverage.
    factor = {"HC0": 1.0, "HC1": n / (n - k), "HC2": 1 / (1 - leverage), "HC3": 1 / (1 - leverage) ** 2}[errors]
    return Meat(covariance=Q.T @ (Q * (residuals**2 * factor)[:, None]))


def _clustered(Q: Matrix, residuals: Matrix, groups: NDArray[np.int64]) -> Meat:
    # G / (G - 1) * (n - 1) / (n - k) * sum over clusters g of Q_g' e_g e_g' Q_g.
    (n, k), scores = Q.shape, _scores(Q, residuals, groups)
    count = len(scores)
    return Meat(covariance=scores.T @ scores * (count / (count - 1)) * ((n - 1) / (n - k)))


def _cr2(Q: Matrix, residuals: Matrix, groups: NDArray[np.int64]) -> Meat:
    """Return Bell and McCaffrey's bias-reduced covariance CR2, of Q_g' (I - H_gg)^(-1/2) e_g in place of Q_g' e_g."""
    count = int(groups.max()) + 1
    k = Q.shape[1]
    grams = np.empty((count, k, k))
    for i in range(k):
        for j in range(i + 1):
            grams[:, i, j] = grams[:, j, i] = np.bincount(groups, Q[:, i] * Q[:, j], count)
    # With Q_g = U D V', (I - Q_g Q_g')^(-1/2) Q_g = Q_g V (1 - D^2)^(-1/2) V': k x k in place of n_g x n_g. Directions
    # in which a cluster has leverage 1 have no residual; there the inverse is the generalised one, 0.
    values, vectors = np.linalg.eigh(grams)
    left = 1 - values
    roots = np.where(left > ABSORBED, 1 / np.sqrt(np.maximum(left, ABSORBED)), 0.0)
    adjustments = (vectors * roots[:, None, :]) @ vectors.transpose(0, 2, 1)
    scores = np.einsum("gij,gj->gi", adjustments, _scores(Q, residuals, groups))
    return Meat(covariance=scores.T @ scores, grams=grams, adjustments=adjustments)


def _scores(Q: Matrix, residuals: Matrix, groups: NDArray[np.int64]) -> Matrix:
    """Return ``Q_g' e_g`` of each cluster, of shape (G, k)."""
    return np.column_stack([np.bincount(groups, column * residuals) for column in Q.T])
