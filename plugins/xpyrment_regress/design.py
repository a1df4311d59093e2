"""Design matrices of a regression, from columns or from a formula."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray

from xpyrment_core import InputError, NotEstimable, needs_library
from xpyrment_core.data.frames import as_pandas, select
from xpyrment_regress.encode import dummies, references, tidy
from xpyrment_regress.formula import check_formula, columns_of

INTERCEPT = "Intercept"
ANSI = re.compile(r"\x1b\[[0-9;]*m|[⧛⧚]")


@frozen(kw_only=True, eq=False)
class Design:
    """Outcome, predictors and clusters of a regression.

    Attributes
    ----------
    outcome : str
    y : ndarray of shape (n,)
    X : ndarray of shape (n, k)
    names : tuple of str
        Of the k columns; ``"Intercept"`` where there is one.
    groups : ndarray of int, shape (n,), or None
        Cluster of each row.
    rows_in : int
        Rows of the data; those with a missing value are not among the n.
    references : dict of str to str
        Reference level of each categorical predictor.
    """

    outcome: str
    y: NDArray[np.float64]
    X: NDArray[np.float64]
    names: tuple[str, ...]
    groups: NDArray[np.int64] | None
    rows_in: int
    references: dict[str, str] = field(factory=dict)


def from_columns(
    data: Any, y_col: str, x_cols: Sequence[str], cluster_col: str | None, control: Any, read: Any = None
) -> Design:
    """Return the design of `y_col` on an intercept and the columns given."""
    columns = [("Dependent variable", y_col), *(("Predictor variable", x) for x in x_cols)]
    frame = _frame(data, columns, cluster_col, read)
    complete = frame.dropna()
    _check_rows(frame, complete)
    # Dummies are made after rows are dropped: a level of incomplete rows only would be a column of zeros.
    y, predictors = tidy(complete[[y_col]])[y_col], tidy(complete[list(x_cols)], control)
    terms = [(INTERCEPT, np.ones(len(complete)))]
    for name in x_cols:
        terms += dummies(predictors[name])
    return Design(
        outcome=y_col,
        y=_finite(y_col, _number(y)),
        X=np.column_stack([_finite(name, values) for name, values in terms]),
        names=tuple(name for name, _ in terms),
        groups=_codes(complete, cluster_col),
        rows_in=len(frame),
        references=references(predictors) | {str(c): "False" for c in x_cols if predictors[c].dtype == bool},
    )


def from_formula(
    data: Any, y_col: str | None, formula: str, cluster_col: str | None, control: Any, read: Any = None
) -> Design:
    """Return the design of a formula such as ``revenue ~ variant * country``."""
    with needs_library("a regression by formula", "formulaic"):
        from formulaic.errors import FormulaicError

    try:
        return _from_formula(data, y_col, formula, cluster_col, control, read)
    except FormulaicError as error:
        # formulaic marks the place in colour on further lines; a message has one line without codes.
        first = ANSI.sub("", str(error)).strip().splitlines()[0]
        raise InputError(
            f"formula {formula!r} cannot be used: {first} Write it as 'y ~ x1 + x2', with ` around names that are "
            f"not plain words."
        ) from error


def _from_formula(
    data: Any, y_col: str | None, formula: str, cluster_col: str | None, control: Any, read: Any
) -> Design:
    outcome, text = _with_outcome(formula, y_col)
    parsed = _parsed(formula, text)
    left, right = (columns_of(side, formula) for side in (parsed.lhs, parsed.rhs))
    columns = [("Dependent variable", v) for v in left] + [("Predictor variable", v) for v in right]
    frame = _frame(data, columns, cluster_col, read)
    complete = frame.dropna()
    _check_rows(frame, complete)
    tidied = tidy(complete[list(dict.fromkeys([*left, *right]))], control)
    Y, X = _matrices(parsed, tidied, formula)
    # Again: a function such as log may have made values missing, and those rows are dropped too.
    _check_rows(frame, X)
    names = tuple(map(str, X.columns))
    values = X.to_numpy(dtype=np.float64)
    return Design(
        outcome=outcome,
        y=_finite(outcome, Y.to_numpy(dtype=np.float64)[:, 0]),
        X=np.column_stack([_finite(name, values[:, i]) for i, name in enumerate(names)]) if names else values,
        names=names,
        groups=_codes(complete.loc[X.index], cluster_col),
        rows_in=len(frame),
        references=references(tidied[right]),
    )


def _parsed(formula: str, text: str) -> Any:
    from formulaic import Formula, SimpleFormula

    # A formula may come from a file or another person: it is checked before any of it is evaluated.
    check_formula(text, formula)
    parsed = Formula(text)
    # Formulas with several parts, such as 'y ~ x | z', have a tuple of them.
    if not hasattr(parsed, "lhs") or not isinstance(parsed.rhs, SimpleFormula):
        raise InputError(f"formula {formula!r} must have one outcome and one right side, as in 'y ~ x1 + x2'.")
    return parsed


def _matrices(parsed: Any, data: pd.DataFrame, formula: str) -> tuple[Any, Any]:
    """Return the outcome as a frame of one column, and the design matrix as a frame."""
    with np.errstate(all="ignore"):  # log(0) gives an infinite value, which is refused with the column's name
        # An empty context: formulas see the data and formulaic's own functions, not the variables of our frames.
        matrices = parsed.get_model_matrix(data, na_action="drop", context={})
    Y, X = matrices.lhs, matrices.rhs
    if Y.shape[1] != 1:
        raise InputError(
            f"formula {formula!r} has {Y.shape[1]} outcomes ({', '.join(Y.columns)}), expected one number."
        )
    return Y, X


def _with_outcome(formula: str, y_col: str | None) -> tuple[str, str]:
    """Return the outcome's text and the whole formula; a formula without an outcome takes `y_col`."""
    left, tilde, right = formula.partition("~")
    if tilde and left.strip():
        if y_col is not None and left.strip().strip("`") != y_col:
            raise InputError(
                f"the formula explains {left.strip()!r}, and the dependent variable is {y_col!r}; name one of them."
            )
        return left.strip(), formula
    if y_col is None:
        raise InputError(f"formula {formula!r} has no outcome, expected 'y ~ x1 + x2'; or name the dependent variable.")
    return y_col, f"`{y_col}` ~ {right if tilde else formula}"


def _frame(data: Any, columns: list[tuple[str, str]], cluster_col: str | None, read: Any) -> pd.DataFrame:
    cluster = [] if cluster_col is None else [("Cluster column", cluster_col)]
    # A cluster that is a predictor as well is read as the predictor.
    identifiers = [name for _, name in cluster if name not in {column for _, column in columns}]
    rows = select(data, [*columns, *cluster], identifiers=identifiers, read=read)
    frame = as_pandas(rows, identifiers)
    return frame.reset_index(drop=True)


def _check_rows(frame: pd.DataFrame, complete: pd.DataFrame) -> None:
    if len(complete) == 0:
        missing = {str(name): int(count) for name, count in frame.isna().sum().items() if count}
        raise NotEstimable(
            f"none of the {len(frame):,} rows is complete; missing values: {missing or 'no rows at all'}"
        )


def _number(column: pd.Series) -> NDArray[np.float64]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        raise InputError(
            f"dependent variable '{column.name}' holds text such as {column.iloc[0]!r}, expected numbers or true/false."
        )
    return column.to_numpy(dtype=np.float64)


def _finite(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise InputError(f"{name!r} has {infinite:,} infinite value(s), expected finite numbers; leave those rows out.")
    return values


def _codes(complete: pd.DataFrame, cluster_col: str | None) -> NDArray[np.int64] | None:
    return None if cluster_col is None else pd.factorize(complete[cluster_col])[0]
