"""Tables of the benchmarks, one function each; every row has ratios of times taken in the same run."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks import frames, ours
from benchmarks.rivals import installed, rivals, tea_tasting_products
from benchmarks.timing import medians, milliseconds, table, times

MILLION = 1_000_000


def limit(rows: int = 10 * MILLION, columns: int = 10, runs: int = 5) -> str:
    """Compare reading all cross-products with copying and adding up the same memory."""
    made = frames.values(rows, columns)
    # Reading from memory cannot be faster than memcpy; np.sum is the least work that uses every value.
    copy = np.empty_like(made)
    coded = frames.codes(rows)
    tasks: dict[str, Callable[[], Any]] = {
        "memcpy": lambda: np.copyto(copy, made),
        "memcpy, all cores": lambda: _spread(lambda i: np.copyto(copy[i], made[i]), columns),
        "np.sum": made.sum,
        "np.sum, all cores": lambda: _spread(lambda i: made[i].sum(), columns),
    }
    for kind in frames.KINDS:
        arms = (0, 1) if kind == "integer" else frames.LABELS[:2]
        query = ours.one_row_set(frames.names(columns), arms)
        data = frames.pandas_frame(made, frames.labels(coded, kind))
        tasks[f"xpyrment, pandas, {kind} labels"] = _reading(data, query)
        if kind == "text" and installed("polars"):
            tasks[f"xpyrment, Polars, {kind} labels"] = _reading(frames.polars_frame(data), query)
    taken = medians(tasks, runs)
    # The faster of one core and all cores: on some machines one core saturates the memory.
    base, total = (min(taken[name], taken[f"{name}, all cores"]) for name in ("memcpy", "np.sum"))
    rows_ = [(n, milliseconds(t), times(t / base), times(t / total)) for n, t in taken.items()]
    title = f"All cross-products of {columns} metrics, {rows:,} rows, two arms: labels counted, data read"
    return table(title, ("", "median", "/ memcpy", "/ np.sum"), rows_)


def _reading(data: Any, query: Any) -> Callable[[], Any]:
    return lambda: ours.read(data, query)


def _spread(task: Callable[[int], Any], count: int) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(task, range(count)))


def products(rows: int = 10 * MILLION, columns: int = 10, runs: int = 3) -> str:
    """Compare the reading of all cross-products with tea-tasting's of the same numbers."""
    made = frames.values(rows, columns)
    data = frames.pandas_frame(made, frames.labels(frames.codes(rows), "text"))
    metrics = frames.names(columns)
    query = ours.one_row_set(metrics, frames.LABELS[:2])
    forms = {"pandas": data} | ({"Polars": frames.polars_frame(data)} if installed("polars") else {})
    tasks: dict[str, Callable[[], Any]] = {}
    for library, form in forms.items():
        tasks[f"xpyrment, {library}"] = _reading(form, query)
        if installed("tea_tasting"):
            tasks[f"tea-tasting, {library}"] = lambda form=form: tea_tasting_products(form, metrics)
    taken = medians(tasks, runs)
    rows_ = [(n, milliseconds(t), times(t / taken[f"xpyrment, {n.split(', ')[1]}"])) for n, t in taken.items()]
    title = f"All cross-products of {columns} metrics, {rows:,} rows, two arms, text labels"
    return table(title, ("", "median", "/ xpyrment, same frame"), rows_)


def against_rivals(rows: int, columns: int, kind: str = "text", runs: int = 3, leave_out: Sequence[str] = ()) -> str:
    """Compare a whole analysis with other libraries' answer to the same question."""
    made = frames.values(rows, columns)
    data = frames.pandas_frame(made, frames.labels(frames.codes(rows), kind))
    polars = frames.polars_frame(data) if installed("polars") else None
    metrics = frames.names(columns)
    tasks: dict[str, Callable[[], Any]] = {"np.sum": made.sum}
    tasks["xpyrment, pandas"] = lambda: ours.analyse(data, metrics, "control", "treatment")
    if polars is not None:
        tasks["xpyrment, Polars"] = lambda: ours.analyse(polars, metrics, "control", "treatment")
    for name, (rival, its) in rivals(data, polars).items():
        if name in leave_out:
            continue
        tasks[name] = lambda rival=rival, its=its: rival(its, metrics)
    taken = medians(tasks, runs)
    base = taken["xpyrment, pandas"]
    rows_ = [(n, milliseconds(t), times(t / base), times(t / taken["np.sum"])) for n, t in taken.items()]
    title = f"A whole analysis of {columns} metrics, {rows:,} rows, {kind} labels"
    return table(title, ("", "median", "/ xpyrment, pandas", "/ np.sum"), rows_)


def beside(rows: int = MILLION, metrics: int = 5, runs: int = 9) -> str:
    """Compare a whole analysis with the one reading it contains."""
    data = frames.pandas_frame(frames.values(rows, 2 * metrics), frames.labels(frames.codes(rows), "text"))
    outcomes, covariates = frames.names(2 * metrics)[:metrics], frames.names(2 * metrics)[metrics:]
    # The same query, so that the ratio shows the cost of everything but the reading.
    query = analysis_query(data, outcomes, covariates)
    taken = medians(
        {
            "reading alone": lambda: ours.read(data, query),
            "whole analysis": lambda: ours.analyse(data, outcomes, "control", "treatment", covariates),
        },
        runs,
    )
    rows_ = [(n, milliseconds(t), times(t / taken["reading alone"])) for n, t in taken.items()]
    title = f"{metrics} metrics adjusted for {metrics} covariates, {rows:,} rows"
    return table(title, ("", "median", "/ reading alone"), rows_)


def analysis_query(data: Any, outcomes: Sequence[str], covariates: Sequence[str]) -> Any:
    """Return the query that an analysis sends to its engine."""
    import xpyrment as xp
    from xpyrment_core.analysis.planner import make_plan
    from xpyrment_core.options import Options

    experiment = xp.setup(data, treatment_col="variant", covariates=list(covariates))
    for name in outcomes:
        experiment.register_metric(name)
    options = Options(control="control", treatment="treatment", covariates=tuple(covariates))
    return make_plan(experiment.study(), options).query


def growth(rows: int = MILLION, runs: int = 5) -> str:
    """Show how a whole analysis grows with rows, metrics and arms, each from a base of 1."""
    made, coded = frames.values(4 * rows, 10), frames.codes(4 * rows)
    wide = frames.values(rows, 50)
    tasks: dict[str, Callable[[], Any]] = {}
    for factor in (1, 2, 4):
        data = frames.pandas_frame(made[:, : factor * rows], frames.labels(coded[: factor * rows], "text"))
        tasks[f"{factor * rows:,} rows, 10 metrics, 2 arms"] = _analysis(data, 10, 2)
    for columns in (1, 10, 25, 50):
        data = frames.pandas_frame(wide[:columns], frames.labels(coded[:rows], "text"))
        tasks[f"{columns} metric{'s'[: columns > 1]}, {rows:,} rows, 2 arms"] = _analysis(data, columns, 2)
    for arms in (2, 3, 5, 7):
        data = frames.pandas_frame(wide[:10], frames.labels(frames.codes(rows, arms), "text"))
        tasks[f"{arms} arms, {rows:,} rows, 10 metrics"] = _analysis(data, 10, arms)
    taken = medians(tasks, runs)
    # Three sizes, then four numbers of metrics, then four of arms: each relative to the first of its kind.
    kinds = [list(taken)[:3], list(taken)[3:7], list(taken)[7:]]
    rows_ = [(name, milliseconds(taken[name]), times(taken[name] / taken[kind[0]])) for kind in kinds for name in kind]
    return table("Growth with rows, metrics and arms", ("", "median", "/ the first of its kind"), rows_)


def _analysis(data: Any, columns: int, arms: int) -> Callable[[], Any]:
    treatments = list(frames.LABELS[1:arms])
    return lambda: ours.analyse(data, frames.names(columns), "control", treatments)
