"""Simulated experiments of any size: normal metrics, random labels."""

from typing import Any

import numpy as np
import pandas as pd

LABELS = ("control", "treatment", "arm c", "arm d", "arm e", "arm f", "arm g")
KINDS = ("text", "categorical", "integer")


def values(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Return an array of shape (columns, rows), which a pandas frame holds without a copy."""
    rng = np.random.default_rng(seed)
    made = np.empty((columns, rows))
    # In place, column by column: at the full size a second copy would not fit into memory.
    for column in made:
        rng.standard_normal(out=column)
    return made


def names(columns: int) -> list[str]:
    return [f"metric_{i}" for i in range(columns)]


def codes(rows: int, arms: int = 2, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, arms, rows).astype(np.int8)


def labels(coded: np.ndarray, kind: str) -> Any:
    """Return the variant of each row as text (an Arrow-backed column), categorical or integer."""
    if kind == "integer":
        return coded.astype(np.int64)
    made = pd.Categorical.from_codes(coded, categories=list(LABELS[: int(coded.max()) + 1]))
    # Through categories, as an array of Python strings would take minutes and gigabytes to build.
    return made if kind == "categorical" else pd.Series(made).astype(pd.StringDtype("pyarrow", na_value=np.nan)).array


def pandas_frame(made: np.ndarray, variant: Any) -> pd.DataFrame:
    """Return a frame over the array itself."""
    frame = pd.DataFrame(made.T, columns=names(len(made)), copy=False)
    frame["variant"] = variant
    return frame


def polars_frame(frame: pd.DataFrame) -> Any:
    """Return a Polars frame with the same columns."""
    import polars as pl

    columns = {name: pl.Series(frame[name].to_numpy()) for name in frame.columns if name != "variant"}
    return pl.DataFrame(columns).with_columns(pl.from_pandas(frame["variant"]).alias("variant"))
