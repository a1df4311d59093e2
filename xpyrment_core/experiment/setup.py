"""`setup` and `run_analysis`: the usual entry points for experiments on existing data."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from xpyrment_core.analysis.result import AnalysisResult
from xpyrment_core.choices import Alternative, Label, RelativeMethod
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.experiment.experiment import Experiment
from xpyrment_core.options import DEFAULT_TEST
from xpyrment_core.registry.host import PluginHost

log = logging.getLogger("xpyrment")


def setup(
    data: Any,
    treatment_col: str,
    id_col: str | None = None,
    covariates: str | list[str] | None = None,
    *,
    cluster_col: str | None = None,
    strata_col: str | None = None,
    weights: Mapping[Label, float] | None = None,
    engine: str | None = None,
    read: "ReadOptions | Mapping[str, Any] | None" = None,
    plugins: PluginHost | None = None,
) -> Experiment:
    """Set up an experiment on existing data.

    Parameters
    ----------
    data : frame, path or list of paths
        A pandas, polars or pyarrow table, a lazy frame, or files: CSV in any dialect, TSV, JSON lines, Parquet, Arrow,
        Excel; paths, globs and folders.
    treatment_col : str
        Column with each row's variant.
    id_col : str, optional
        Column of the unit of randomisation.
    covariates : list of str, optional
        Baseline covariates, for the balance check and for adjustment.
    cluster_col, strata_col, weights, engine, read, plugins
        As in `Experiment`.

    Returns
    -------
    Experiment
        In state DESIGNED, ready for metrics.

    Raises
    ------
    InputError
        A column is not in the data, or no engine reads the data.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"variant": ["control", "treatment"] * 3, "revenue": [1, 2, 3, 5, 2, 6]})
    >>> setup(frame, treatment_col="variant").register_metric("revenue").state.name
    'DESIGNED'
    """
    experiment = Experiment(
        data,
        treatment_col,
        id_col,
        covariates,
        cluster_col=cluster_col,
        strata_col=strata_col,
        weights=weights,
        engine=engine,
        read=read,
        plugins=plugins,
    )
    experiment.design()
    log.info("experiment set up: treatment_col=%r, id_col=%r", treatment_col, id_col)
    return experiment


def run_analysis(
    experiment: Experiment,
    control: Any = "control",
    treatment: Any = "treatment",
    alpha: float = 0.05,
    multi_test_correction: str | None = None,
    covariates: str | Sequence[str] | None = None,
    *,
    test: Any = DEFAULT_TEST,
    adjuster: Any = None,
    alternative: Alternative = "two-sided",
    relative_interval: RelativeMethod = "fieller",
    plugins: PluginHost | None = None,
) -> AnalysisResult:
    """Analyse every metric of an experiment.

    Parameters
    ----------
    experiment : Experiment
        With data and at least one metric.
    control : label
        The control's label in the treatment column.
    treatment : label, list of labels, or None
        The treatments to compare with control; None means every other arm.
    alpha : float
        Level of the tests; intervals have level ``1 - alpha``.
    multi_test_correction : str, optional
        ``"holm"``, ``"fdr_bh"`` … (any correction a plugin offers); the family is all
        metrics of a role times all treatments.
    covariates : list of str, optional
        Baseline covariates to check for balance and adjust with, in addition to the experiment's.
    test : str or mapping of metric name to str
        By default each kind of metric has its own: Welch's test for means and ratios, the
        score test for proportions. Naming one uses it for all.
    adjuster : str, mapping or None
        ``"cuped"`` (the default where a metric has covariates), ``"ols"``, ``"lin"``, or ``"none"``.
    alternative : {"two-sided", "greater", "less"}
        The alternative hypothesis about treatment; one-sided tests have one-sided intervals.
    relative_interval : {"fieller", "delta", "log"}
        Method of the interval of the relative lift.
    plugins : PluginHost, optional
        Look methods up there instead of in the experiment's own host.

    Returns
    -------
    AnalysisResult

    Raises
    ------
    InputError
        No metrics, an unknown column, label, name or option; raised before any outcome is read.
    PhaseOrderError
        The experiment's state does not allow an analysis.
    EngineError
        The data could not be read; the experiment's state is unchanged.

    Examples
    --------
    >>> import xpyrment as xp
    >>> experiment = xp.setup(xp.datasets.nsw(), treatment_col="treat").register_metric("re78")
    >>> result = run_analysis(experiment, control=0, treatment=1)
    >>> f"{result.raw_results[0]['absolute_difference']:.2f}"
    '1794.34'
    """
    return experiment.run_analysis(
        control,
        treatment,
        alpha,
        multi_test_correction,
        covariates,
        test=test,
        adjuster=adjuster,
        alternative=alternative,
        relative_interval=relative_interval,
        plugins=plugins,
    )
