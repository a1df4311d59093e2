"""Covariate balance of a frame in memory: `check_balance`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xpyrment_balance.covariate_balance import CovariateBalance, Label, Levels, Numbers, compare_levels, compare_numbers
from xpyrment_balance.kolmogorov_smirnov import kolmogorov_smirnov
from xpyrment_balance.result import BalanceResult
from xpyrment_balance.units import balance_of_units, control_of
from xpyrment_core import InputError, Moments, PluginHost
from xpyrment_core.data.engines import open_source
from xpyrment_core.data.frames import absent, label_counts, select
from xpyrment_core.data.reading.options import ReadOptions

if TYPE_CHECKING:
    import narwhals as nw


def check_balance(
    data: Any,
    treatment_col: str,
    covariates: str | Sequence[str],
    control: Label | None = None,
    *,
    id_col: str | None = None,
    read: "ReadOptions | Mapping[str, Any] | None" = None,
    plugins: PluginHost | None = None,
) -> BalanceResult:
    """Compare baseline covariates of every variant with control.

    Parameters
    ----------
    data : frame, path or list of paths
        Any frame narwhals knows (pandas, polars, pyarrow …), or files.
    treatment_col : str
        Column of variant labels; rows without one are counted and left out.
    covariates : str or sequence of str
        Columns measured before the experiment: numbers, true/false or text.
    control : label, optional
        By default ``control`` in any case, else the first label in sorted order.
    id_col : str, optional
        Column of the unit of randomisation, where units have several rows: means are over rows, their
        variance is between units, and units seen in two variants are left out. There is no
        Kolmogorov-Smirnov statistic then. By default each row is a unit.
    read : ReadOptions or mapping, optional
        How to read files, and the forms of numbers written as text.
    plugins : PluginHost, optional
        Where engines are looked up; the process's own host by default.

    Returns
    -------
    BalanceResult
        ``.passed``, ``.imbalanced``, ``.diagnostics_``, ``.to_frame()``, ``.love_plot()``.

    Raises
    ------
    InputError
        A column or label does not exist, a covariate has a type that cannot be compared, or there
        are fewer than two variants.

    Notes
    -----
    A covariate is out of balance when its absolute standardized mean difference is 0.1 or more,
    up to rounding (see `xpyrment_balance.smd.smd`). Missing values are left out of the
    SMD, and "is missing" is compared like a covariate. A covariate without an SMD (no values,
    infinite values, one value only) is *not estimable* and never counts as balanced.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"variant": ["A", "B"] * 50, "age": range(100)})
    >>> check_balance(frame, "variant", "age").passed
    True
    """
    names = _covariate_names(covariates, treatment_col)
    if id_col is not None:
        return balance_of_units(open_source(data, read, plugins), treatment_col, names, control, id_col)
    wanted = [("Group column", treatment_col), *(("Covariate column", name) for name in names)]
    frame = select(data, wanted, identifiers=[treatment_col], read=read)
    counts = label_counts(frame, treatment_col)
    labels = [label for label in counts if label is not None]
    chosen = control_of(labels, control, treatment_col)
    arms = {label: frame.filter(frame[treatment_col] == label) for label in labels}
    others = [label for label in labels if label != chosen]
    rows = tuple(row for name in names for row in _compare(name, arms, chosen, others))
    return BalanceResult(control=chosen, comparisons=rows, rows_without_label=counts.get(None, 0))


def _covariate_names(covariates: str | Sequence[str], treatment_col: str) -> list[str]:
    names = [covariates] if isinstance(covariates, str) else list(covariates)
    if not names:
        raise InputError("no covariates to check: name one column or more.")
    if treatment_col in names:
        raise InputError(f"covariate {treatment_col!r} is the group column; name columns measured before assignment.")
    return list(dict.fromkeys(names))


def _compare(
    name: str, arms: "dict[Label, nw.DataFrame[Any]]", control: Label, treatments: list[Label]
) -> list[CovariateBalance]:
    columns = {label: _column(frame, name) for label, frame in arms.items()}
    # A column that is text in one variant is categorical in all.
    if any(isinstance(column, Levels) for column in columns.values()):
        levels = {label: _as_levels(column) for label, column in columns.items()}
        return [compare_levels(name, (control, t), levels[control], levels[t]) for t in treatments]
    values = {label: column for label, column in columns.items() if not isinstance(column, Levels)}
    # Binary only if it is in every variant, so that all rows of a covariate have one test.
    binary = all(((v == 0) | (v == 1) | np.isnan(v)).all() for v in values.values())
    summaries = {label: _summary(v) for label, v in values.items()}
    return [
        compare_numbers(
            name,
            (control, t),
            summaries[control],
            summaries[t],
            binary=binary,
            ks=None if binary else _ks(values[control], values[t]),
        )
        for t in treatments
    ]


def _column(frame: "nw.DataFrame[Any]", name: str) -> NDArray[np.float64] | Levels:
    """Return a column as floats with NaN for missing, or as counts of its levels where it is text."""
    import narwhals as nw

    series = frame[name]
    dtype = series.dtype
    if dtype == nw.Boolean or dtype.is_numeric():
        filled = series.cast(nw.Float64).fill_null(float("nan"))
        return np.asarray(filled.to_numpy(), dtype=np.float64)
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return _levels(label_counts(frame, name))
    if dtype in (nw.Object, nw.Unknown):
        return _objects(frame, name)
    raise InputError(
        f"covariate {name!r} holds {dtype} values, expected numbers, true/false or text. "
        f"For a date, make a column of days since a fixed day."
    )


def _objects(frame: "nw.DataFrame[Any]", name: str) -> NDArray[np.float64] | Levels:
    """Read a column of Python objects: numbers and booleans with missing values, or else text."""
    values = frame[name].to_list()
    if all(absent(value) or isinstance(value, Number | np.bool_) for value in values):
        return np.array([np.nan if absent(value) else float(value) for value in values])
    return _levels(label_counts(frame, name))


def _levels(counts: dict[Any, int]) -> Levels:
    return Levels(
        counts={str(level): float(n) for level, n in counts.items() if level is not None}, missing=counts.get(None, 0)
    )


def _as_levels(column: NDArray[np.float64] | Levels) -> Levels:
    """Return an arm's column as levels, where that of another arm is text."""
    return (
        column if isinstance(column, Levels) else _levels(Counter(None if np.isnan(v) else v for v in column.tolist()))
    )


def _summary(values: NDArray[np.float64]) -> Numbers:
    observed = values[~np.isnan(values)]
    missing, infinite = len(values) - len(observed), int(np.isinf(observed).sum())
    if infinite or len(observed) == 0:
        return Numbers(n=len(observed), missing=missing, infinite=infinite)
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow makes the moments non-finite, which is reported
        moments = Moments.of({"x": observed})
    variance = float(moments.m2[0, 0]) / (moments.n - 1) if moments.n > 1 else float("nan")
    return Numbers(n=moments.n, mean=float(moments.mean[0]), variance=variance, missing=missing)


def _ks(control: NDArray[np.float64], treatment: NDArray[np.float64]) -> tuple[float, float] | None:
    control, treatment = (values[np.isfinite(values)] for values in (control, treatment))
    return kolmogorov_smirnov(control, treatment) if len(control) and len(treatment) else None
