"""``xpyrment regress``: ordinary least squares on a file."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from xpyrment_core import Report, Table
from xpyrment_core.cli.parameters import CommaList, CsvPath
from xpyrment_core.cli.reading import ReadFlags
from xpyrment_core.plots.numbers import P_FORMAT

if TYPE_CHECKING:
    from xpyrment_regress.result import RegressionResult

TITLE = "OLS REGRESSION ANALYSIS REPORT"


def regress(
    *,
    csv: CsvPath,
    y_col: Annotated[
        str | None, Parameter(help="Dependent variable; may be left out where the formula names it.")
    ] = None,
    x_cols: Annotated[
        CommaList, Parameter(help="Predictor columns, comma-separated; text is dummy-coded.", show_default=False)
    ] = [],  # noqa: B006 - cyclopts only reads it
    formula: Annotated[
        str | None, Parameter(help="Instead of --x-cols, a formula: 'revenue ~ variant * country'.")
    ] = None,
    robust: Annotated[
        Literal["HC0", "HC1", "HC2", "HC3", "CR2"] | None,
        Parameter(help="Heteroscedasticity-consistent standard errors; CR2, with --cluster, for few clusters."),
    ] = None,
    cluster: Annotated[str | None, Parameter(help="Column of clusters, for cluster-robust standard errors.")] = None,
    alpha: Annotated[float, Parameter(help="Intervals have level 1 - alpha.")] = 0.05,
    control: Annotated[
        str | None, Parameter(help="Reference level; 'control' in any case, or else the first, by default.")
    ] = None,
    read: ReadFlags | None = None,
) -> Report:
    """Fit an ordinary least squares regression; every row with a missing value is left out."""
    from xpyrment_regress.fit import fit_ols

    options = None if read is None else read.options()
    result = fit_ols(csv, y_col, x_cols or None, formula, robust, cluster, alpha=alpha, control=control, read=options)
    # As objects, because a float column turns None back into NaN, which CSV and JSON readers disagree on.
    frame = result.to_frame().astype(object)
    frame = frame.where(frame.notna(), None)
    return Report(
        kind="regress",
        title="OLS regression",
        parts=[TITLE, _setting(result, formula, cluster), _table(result), "", _intervals(result), "", _footer(result)],
        csv=Table(columns=frame.columns.tolist(), rows=frame.to_numpy().tolist()),
        data=result.to_dict() | {"formula": formula, "cluster": cluster},
    )


def _setting(result: "RegressionResult", formula: str | None, cluster: str | None) -> str:
    errors = {
        "classical": "classical",
        "cluster": f"cluster-robust by {cluster} ({result.clusters:,} clusters)" if result.clusters else "",
        "CR2": f"CR2, bias-reduced, by {cluster} ({result.clusters:,} clusters)" if result.clusters else "",
    }.get(result.errors, f"{result.errors} (heteroscedasticity-consistent)")
    left_out = f" ({result.dropped:,} left out for missing values)" if result.dropped else ""
    lines = [f"Dependent variable: {result.outcome}"]
    if formula is not None:
        lines.append(f"Formula: {formula}")
    lines += [f"Rows used: {result.n:,}{left_out}", f"Standard errors: {errors}"]
    if result.references:
        lines.append(f"Reference levels: {', '.join(f'{c} = {level}' for c, level in result.references.items())}")
    return "\n".join([*lines, ""])


def _table(result: "RegressionResult") -> Table:
    formats = {"Coefficient": ".6g", "Std. error": ".4g", "t": ".3f", "p-value": P_FORMAT}
    names: tuple[str, ...] = ("parameter", "coefficient", "std_error", "t", "p_value")
    if result.errors == "CR2":
        formats, names = formats | {"df": ".1f"}, (*names, "df")
    rows = [tuple(getattr(row, name) for name in names) for row in result.coefficients]
    return _numbers(rows, formats)


def _intervals(result: "RegressionResult") -> Table:
    level = f"{100 * (1 - result.alpha):g}% CI"
    rows = [(row.parameter, row.ci_lower, row.ci_upper) for row in result.coefficients]
    return _numbers(rows, {f"{level} lower": ".6g", f"{level} upper": ".6g"})


def _numbers(rows: list[tuple[Any, ...]], formats: dict[str, str]) -> Table:
    columns = ("Parameter", *formats)
    return Table(columns=columns, rows=rows, right=formats.keys(), keep=formats.keys(), formats=formats)


def _footer(result: "RegressionResult") -> str:
    lines = [f"Residual Degrees of Freedom: {result.df_resid:,}"]
    # With clusters t has G - 1 degrees of freedom; residual ones alone would suggest n - k.
    if result.df_inference != result.df_resid and result.errors != "CR2":
        lines.append(f"Degrees of freedom of t (clusters - 1): {result.df_inference:,}")
    lines.append(f"Residual standard error: {result.residual_std_error:.6g}")
    if result.r_squared is not None:
        about = "" if result.constant else " about 0, without an intercept"
        lines.append(f"R-squared{about}: {result.r_squared:.4f} (adjusted {result.adj_r_squared:.4f})")
    return "\n".join([*lines, *(f"Note: {note}" for note in result.notes)])
