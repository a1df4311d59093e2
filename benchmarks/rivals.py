"""Comparison of each metric's mean between two variants by other libraries.

Each function returns the p-values, so that a test can check that all of them answer the same question.
A library that is not installed is left out.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

Rival = Callable[[Any, Sequence[str]], Mapping[str, float]]


def tea_tasting(frame: Any, metrics: Sequence[str]) -> Mapping[str, float]:
    """tea-tasting, whose means are Welch's test from one aggregation."""
    import tea_tasting as tt

    experiment = tt.Experiment({name: tt.Mean(name) for name in metrics}, variant="variant")
    result = experiment.analyze(frame, control="control")
    return {name: result[name].pvalue for name in metrics}


def tea_tasting_products(frame: Any, metrics: Sequence[str]) -> Any:
    """tea-tasting's counts, means, variances and covariances of all metrics."""
    from itertools import combinations

    from tea_tasting.aggr import read_aggregates

    pairs = tuple(combinations(metrics, 2))
    return read_aggregates(
        frame, "variant", has_count=True, mean_cols=tuple(metrics), var_cols=tuple(metrics), cov_cols=pairs
    )


def spotify_confidence(frame: pd.DataFrame, metrics: Sequence[str]) -> Mapping[str, float]:
    """spotify-confidence, which requires sums and sums of squares per variant."""
    import spotify_confidence as sc

    p_values = {}
    for name in metrics:
        # Its input are sums per variant, so making them is part of the answer's cost.
        squares = frame.assign(squares=frame[name] ** 2)
        sums = squares.groupby("variant", observed=True).agg(
            total=(name, "sum"), squares=("squares", "sum"), count=(name, "count")
        )
        test = sc.StudentsTTest(sums.reset_index(), "total", "squares", "count", categorical_group_columns="variant")
        p_values[name] = float(test.difference("control", "treatment")["p-value"].iloc[0])
    return p_values


def statsmodels(frame: pd.DataFrame, metrics: Sequence[str]) -> Mapping[str, float]:
    """statsmodels' Welch test of two columns."""
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    treated = (frame["variant"] == "treatment").to_numpy(dtype=bool)
    p_values = {}
    for name in metrics:
        # Its descriptive statistics take arrays, one per variant.
        values = frame[name].to_numpy()
        pair = CompareMeans(DescrStatsW(values[treated]), DescrStatsW(values[~treated]))
        p_values[name] = float(pair.ttest_ind(usevar="unequal")[1])
    return p_values


def pandas_groupby(frame: pd.DataFrame, metrics: Sequence[str]) -> Mapping[str, float]:
    """Pandas' counts, means and variances per variant, and SciPy's Welch test of them."""
    from scipy.stats import ttest_ind_from_stats

    stats = frame.groupby("variant", observed=True)[list(metrics)].agg(["mean", "std", "count"])
    p_values = {}
    for name in metrics:
        one, two = (stats.loc[label, name] for label in ("treatment", "control"))
        result = ttest_ind_from_stats(*one, *two, equal_var=False)
        p_values[name] = float(result.pvalue)
    return p_values


def installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def rivals(frame: pd.DataFrame, polars: Any | None) -> dict[str, tuple[Rival, Any]]:
    """Return the rivals that are installed, each with the frame it is given."""
    entries: dict[str, tuple[Rival, Any]] = {"pandas groupby": (pandas_groupby, frame)}
    if installed("tea_tasting"):
        entries["tea-tasting, pandas"] = (tea_tasting, frame)
        if polars is not None:
            entries["tea-tasting, Polars"] = (tea_tasting, polars)
            entries["tea-tasting, DuckDB"] = (tea_tasting_duckdb, polars)
    if installed("spotify_confidence"):
        entries["spotify-confidence"] = (spotify_confidence, frame)
    if installed("statsmodels"):
        entries["statsmodels"] = (statsmodels, frame)
    return entries


def tea_tasting_duckdb(frame: Any, metrics: Sequence[str]) -> Mapping[str, float]:
    """tea-tasting on DuckDB's relation over the frame in memory."""
    import duckdb

    return tea_tasting(duckdb.connect().from_arrow(frame.to_arrow()), metrics)
