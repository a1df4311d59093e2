"""Ordinary least squares regression: `fit_ols`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xpyrment_core import InputError, check_alpha, check_choice
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.stats.distributions import critical, p_value
from xpyrment_regress.design import Design, from_columns, from_formula
from xpyrment_regress.result import Coefficient, RegressionResult
from xpyrment_regress.solve import Solution, solve

ROBUST = ("HC0", "HC1", "HC2", "HC3")
FEW_CLUSTERS = 40  # Cameron and Miller (2015), section VI: "few" ends somewhere between 20 and 50
PERFECT = 1e-13
"""Residuals below this share of the outcome's spread are rounding error."""


def fit_ols(
    data: Any,
    y_col: str | None = None,
    x_cols: str | Sequence[str] | None = None,
    formula: str | None = None,
    robust: str | None = None,
    cluster_col: str | None = None,
    *,
    alpha: float = 0.05,
    control: Any = None,
    read: "ReadOptions | Mapping[str, Any] | None" = None,
) -> RegressionResult:
    """Fit an ordinary least squares regression.

    Parameters
    ----------
    data : frame, path or list of paths
        Any frame narwhals knows (pandas, polars, pyarrow …), or files; rows with a missing value in a column
        that is used are counted and left out.
    y_col : str, optional
        Dependent variable; may be left out where `formula` names it.
    x_cols : str or sequence of str, optional
        Predictors, beside an intercept. Text and true/false columns are dummy-coded against a
        reference level: ``control`` in any case, else the first.
    formula : str, optional
        Instead of `x_cols`, a formula as formulaic reads it: ``"revenue ~ variant * country"``,
        ``"y ~ 0 + x"``, ``"np.log(y) ~ C(group) + x"``. It may contain columns, operators and the functions listed in
        `xpyrment_regress.formula`; anything else is refused before it is evaluated.
    robust : {"HC0", "HC1", "HC2", "HC3"}, optional
        Heteroscedasticity-consistent standard errors (White 1980; MacKinnon and White 1985).
    cluster_col : str, optional
        Cluster-robust standard errors, with the factor ``G / (G - 1) * (n - 1) / (n - k)`` and t on
        ``G - 1`` degrees of freedom (Cameron and Miller 2015).
    alpha : float
        Intervals have level ``1 - alpha``.
    control : object, optional
        Reference level, where a predictor has it.
    read : ReadOptions or mapping, optional
        How to read files, and the forms of numbers written as text.

    Returns
    -------
    RegressionResult
        ``.to_frame()``, ``.df_resid``, ``.r_squared``, ``.coefficients``, ``.covariance``.

    Raises
    ------
    InputError
        A column does not exist or is not numeric, the formula is invalid, or options conflict.
    NotEstimable
        Predictors are linearly dependent (the message names them), there are too few rows or clusters,
        or the outcome is constant.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"arm": ["control", "new"] * 3, "revenue": [1.0, 3.0, 2.0, 5.0, 3.0, 4.0]})
    >>> result = fit_ols(frame, "revenue", ["arm"])
    >>> [(row.parameter, round(row.coefficient, 3)) for row in result.coefficients], result.df_resid
    ([('Intercept', 2.0), ('arm[T.new]', 2.0)], 4)
    """
    check_alpha(alpha)
    errors = _errors(robust, cluster_col)
    if (x_cols is None) == (formula is None):
        raise InputError("name the predictors once: as columns (x_cols) or as a formula.")
    if formula is not None:
        design = from_formula(data, y_col, formula, cluster_col, control, read)
    else:
        design = from_columns(data, *_columns(y_col, x_cols), cluster_col, control, read)
    _check_control(design, control)
    return _result(design, solve(design, errors), errors, alpha)


def _errors(robust: str | None, cluster_col: str | None) -> str:
    if robust is not None and cluster_col is not None:
        raise InputError(
            f"robust={robust!r} and cluster_col={cluster_col!r} are two kinds of standard error; give one. "
            f"Cluster-robust ones also hold under heteroscedasticity."
        )
    if robust is None:
        return "classical" if cluster_col is None else "cluster"
    check_choice("robust", str(robust).upper(), ROBUST)
    return str(robust).upper()


def _columns(y_col: str | None, x_cols: str | Sequence[str] | None) -> tuple[str, list[str]]:
    names = [x_cols] if isinstance(x_cols, str) else list(x_cols or ())
    if y_col is None:
        raise InputError("name the dependent variable (y_col), or give a formula such as 'y ~ x'.")
    if not names:
        raise InputError("no predictors: name one column or more, or give a formula such as 'y ~ 1'.")
    if y_col in names:
        raise InputError(f"'{y_col}' is both the dependent variable and a predictor; leave it out of the predictors.")
    return y_col, list(dict.fromkeys(names))


def _check_control(design: Design, control: Any) -> None:
    if control is not None and str(control) not in design.references.values():
        raise InputError(
            f"no categorical predictor has the level {control!r} to be its reference; reference levels are: "
            f"{design.references or 'none, all predictors are numbers'}."
        )


def _result(design: Design, solution: Solution, errors: str, alpha: float) -> RegressionResult:
    n, k = design.X.shape
    clusters = None if design.groups is None else int(design.groups.max()) + 1
    # The scores of G clusters add up to 0, so at most G - 1 are free: t with G - 1 degrees of freedom, as in Stata.
    df = n - k if clusters is None else clusters - 1
    # Rounding can make the variance of a perfect fit slightly negative.
    std_errors = np.sqrt(np.maximum(np.diag(solution.covariance), 0.0))
    cut = critical(alpha, df, "two-sided")
    rows = zip(design.names, solution.coefficients.tolist(), std_errors.tolist(), strict=True)
    unexplained = solution.rss / solution.tss if solution.tss > 0 else None
    return RegressionResult(
        outcome=design.outcome,
        coefficients=tuple(_coefficient(*row, df, cut) for row in rows),
        covariance=solution.covariance,
        errors=errors,
        alpha=alpha,
        n=n,
        dropped=design.rows_in - n,
        df_resid=n - k,
        df_inference=df,
        clusters=clusters,
        r_squared=None if unexplained is None else 1 - unexplained,
        # The total has n - 1 degrees of freedom about the mean and n about 0.
        adj_r_squared=None if unexplained is None else 1 - unexplained * (n - solution.centred) / (n - k),
        constant=solution.centred,
        residual_std_error=math.sqrt(solution.rss / (n - k)),
        rss=solution.rss,
        references=design.references,
        notes=_notes(solution, clusters),
    )


def _notes(solution: Solution, clusters: int | None) -> tuple[str, ...]:
    notes = []
    if clusters is not None and clusters < FEW_CLUSTERS:
        notes.append(
            f"{clusters} clusters are few: below about {FEW_CLUSTERS}, cluster-robust errors tend to be too small."
        )
    if solution.rss <= PERFECT**2 * solution.tss:
        notes.append("The fit is perfect up to rounding, so its standard errors are rounding error.")
    return tuple(notes)


def _coefficient(name: str, coefficient: float, std_error: float, df: int, cut: float) -> Coefficient:
    t = coefficient / std_error if std_error > 0 else None
    return Coefficient(
        parameter=name,
        coefficient=coefficient,
        std_error=std_error,
        t=t,
        p_value=None if t is None else p_value(t, df, "two-sided"),
        ci_lower=coefficient - cut * std_error,
        ci_upper=coefficient + cut * std_error,
    )
