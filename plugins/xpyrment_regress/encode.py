"""Dummy coding of text, categorical and boolean predictors."""

from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xpyrment_core import InputError, NotEstimable
from xpyrment_core.data.labels import default_control, in_order

# Every level is a column of the QR factorisation, whose cost grows with their square.
MAX_LEVELS = 1000

Columns = list[tuple[str, NDArray[np.float64]]]


def tidy(frame: pd.DataFrame, control: Any = None) -> pd.DataFrame:
    """Return the frame with every text column categorical, its reference level first.

    Complete rows are expected: levels that occur in none of them do not count.
    """
    return frame.apply(lambda column: _tidy_column(column, control)) if len(frame.columns) else frame


def _tidy_column(column: pd.Series, control: Any) -> pd.Series:
    column = column.infer_objects()
    if column.dtype == object and all(isinstance(value, Number) for value in column):
        return column.astype(np.float64)  # decimals, or numbers of several types
    if pd.api.types.is_bool_dtype(column):
        return column.astype(bool)
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float64)
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        raise InputError(
            f"column '{column.name}' holds {column.dtype} values, expected numbers, true/false or text. "
            f"For a date, make a column of days since a fixed day."
        )
    return pd.Series(_categories(column, control), index=column.index, name=column.name)


def _categories(column: pd.Series, control: Any) -> pd.Categorical:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
        levels = column.cat.categories.tolist()
    else:
        levels = in_order(column.unique().tolist())
    if len(levels) > MAX_LEVELS:
        raise InputError(
            f"predictor '{column.name}' has {len(levels):,} levels, at most {MAX_LEVELS:,} can be dummy-coded. "
            f"Is it an identifier? Group its levels, or use it as the cluster column."
        )
    named = default_control(levels) if levels else None
    # The level named by the caller, then one called "control", then the first in order. Compared as text, because the
    # command line gives '0' for the level 0.
    if control is not None and str(control) in map(str, levels):
        reference = next(level for level in levels if str(level) == str(control))
    elif isinstance(named, str) and named.strip().casefold() == "control":
        reference = named
    else:
        reference = levels[0] if levels else None
    ordered = [reference, *(level for level in levels if level != reference)] if levels else []
    return pd.Categorical(column, categories=ordered)


def dummies(column: pd.Series) -> Columns:
    """Return the numeric columns of one tidy predictor: itself, or a dummy per level but the reference.

    Raises
    ------
    NotEstimable
        It has a single level.
    """
    name = str(column.name)
    if pd.api.types.is_bool_dtype(column):
        column = pd.Series(pd.Categorical(column, categories=[False, True]), name=name).cat.remove_unused_categories()
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return [(name, column.to_numpy(dtype=np.float64))]
    levels = column.cat.categories
    if len(levels) < 2:
        only = repr(levels[0]) if len(levels) else "none"
        raise NotEstimable(f"predictor {name!r} has a single level ({only}) in the complete rows, so no effect")
    codes = column.cat.codes.to_numpy()
    # Treatment coding with the names of Patsy and formulaic, so that columns and formulas give equal tables.
    return [(f"{name}[T.{level}]", (codes == i).astype(np.float64)) for i, level in enumerate(levels) if i]


def references(frame: pd.DataFrame) -> dict[str, str]:
    """Return the reference level of every categorical column."""
    return {
        str(name): str(column.cat.categories[0])
        for name, column in frame.items()
        if isinstance(column.dtype, pd.CategoricalDtype) and len(column.cat.categories)
    }
