"""Ordinary least squares regression: `fit_ols`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from xpyrment_core import InputError, check_alpha, check_choice
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.stats.distributions import critical, p_value
from xpyrment_regress.design import Design, from_columns, from_formula
from xpyrment_regress.result import Coefficient, RegressionResult
from xpyrment_regress.solve import Solution, solve

ROBUST = ("HC0", "HC1", "HC2", "HC3", "CR2")
FEW_CLUSTERS = 40  # Cameron and Miller (2015), section VI: "few" ends somewhere between 20 and 50
FEW_DF = 4.0  # Pustejovsky and Tipton (2018): p-values below are unreliable
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
    robust : {"HC0", "HC1", "HC2", "HC3", "CR2"}, optional
        Heteroscedasticity-consistent standard errors (White 1980; MacKinnon and White 1985). ``"CR2"``, with
        `cluster_col`: bias-reduced cluster-robust ones with Satterthwaite's degrees of freedom for each
        coefficient (Bell and McCaffrey 2002; Pustejovsky and Tipton 2018), for few or unequal clusters.
    cluster_col : str, optional
        Cluster-robust standard errors, with the factor ``G / (G - 1) * (n - 1) / (n - k)`` and t on
        ``G - 1`` degrees of freedom (Cameron and Miller 2015), unless `robust` is ``"CR2"``.
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
    if robust is None:
        return "classical" if cluster_col is None else "cluster"
    kind = str(robust).upper()
    check_choice("robust", kind, ROBUST)
    if kind == "CR2" and cluster_col is None:
        raise InputError("robust='CR2' is for clusters; name their column (cluster_col), or use 'HC2' or 'HC3'.")
    if kind != "CR2" and cluster_col is not None:
        raise InputError(
            f"robust={robust!r} and cluster_col={cluster_col!r} are two kinds of standard error; give one, or "
            f"robust='CR2'. Cluster-robust ones also hold under heteroscedasticity."
        )
    return kind


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
    each = [float(df)] * k if solution.df is None else solution.df.tolist()
    rows = zip(design.names, solution.coefficients.tolist(), solution.std_errors.tolist(), each, strict=True)
    unexplained = solution.rss / solution.tss if solution.tss > 0 else None
    return RegressionResult(
        outcome=design.outcome,
        coefficients=tuple(_coefficient(*row, alpha) for row in rows),
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
        residual_std_error=math.sqrt(solution.rss / (n - k)) * solution.scale,
        rss=solution.rss * solution.scale * solution.scale,
        references=design.references,
        notes=_notes(solution, clusters, errors),
    )


def _notes(solution: Solution, clusters: int | None, errors: str) -> tuple[str, ...]:
    notes = []
    if clusters is not None and clusters < FEW_CLUSTERS and errors != "CR2":
        notes.append(
            f"{clusters} clusters are few: below about {FEW_CLUSTERS}, cluster-robust errors tend to be too small; "
            f"robust='CR2' corrects them."
        )
    if solution.df is not None and solution.df.min() < FEW_DF:
        notes.append(f"Below {FEW_DF:g} degrees of freedom a p-value by Satterthwaite's approximation is unreliable.")
    if solution.rss <= PERFECT**2 * solution.tss:
        notes.append("The fit is perfect up to rounding, so its standard errors are rounding error.")
    return tuple(notes)


def _coefficient(name: str, coefficient: float, std_error: float, df: float, alpha: float) -> Coefficient:
    t = coefficient / std_error if std_error > 0 and df > 0 else None
    cut = critical(alpha, df, "two-sided") if df > 0 else math.nan
    return Coefficient(
        parameter=name,
        coefficient=coefficient,
        std_error=std_error,
        t=t,
        p_value=None if t is None else p_value(t, df, "two-sided"),
        ci_lower=coefficient - cut * std_error,
        ci_upper=coefficient + cut * std_error,
        df=df,
    )
