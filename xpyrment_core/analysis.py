"""The flow of one analysis: plan, read, compare, correct, check, report."""

import math
from collections.abc import Sequence
from typing import Any

from xpyrment_core.analysis_result import AnalysisResult
from xpyrment_core.choices import find_method
from xpyrment_core.correct import Row, correct
from xpyrment_core.diagnose import run_checks
from xpyrment_core.errors import InputError
from xpyrment_core.experiment import Experiment, column_names
from xpyrment_core.gather import Data, read
from xpyrment_core.host import PluginHost, default_host
from xpyrment_core.notices import warn
from xpyrment_core.options import DEFAULT_TEST, Alternative, RelativeMethod
from xpyrment_core.plan import Options, Plan
from xpyrment_core.planner import make_plan
from xpyrment_core.results import CheckResult, Issue
from xpyrment_core.rows import rows_of, with_verdict
from xpyrment_core.state import ExperimentState, check_analyzable


def run_analysis(
    experiment: Experiment,
    control: Any = "control",
    treatment: Any = "treatment",
    alpha: float = 0.05,
    multi_test_correction: str | None = None,
    covariates: Sequence[str] | None = None,
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
        What to compare with it; None means every other arm.
    alpha : float
        Level of the tests; intervals have level ``1 - alpha``.
    multi_test_correction : str, optional
        ``"holm"``, ``"fdr_bh"`` … (any correction a plugin offers); the family is all
        metrics of a role times all treatments.
    covariates : list of str, optional
        Baseline covariates to check for balance and adjust with, beside the experiment's.
    test : str or mapping of metric name to str
        By default each kind of metric has its own: Welch's test for means and ratios, the
        score test for proportions. Naming one uses it for all.
    adjuster : str, mapping or None
        ``"cuped"`` (the default where a metric has covariates), ``"ols"``, ``"lin"``, or ``"none"``.
    alternative : {"two-sided", "greater", "less"}
        What treatment is suspected to be; one-sided tests have one-sided intervals.
    relative_interval : {"fieller", "delta", "log"}
        How the interval of the relative lift is made.
    plugins : PluginHost, optional
        Look methods up there instead of in the experiment's own host.

    Returns
    -------
    AnalysisResult

    Raises
    ------
    InputError
        No metrics, an unknown column, label, name or option: said before anything is read.
    PhaseOrderError
        The experiment's state does not allow an analysis.
    EngineError
        The data could not be read; the experiment's state is as it was.

    Examples
    --------
    >>> import xpyrment as xp
    >>> experiment = xp.setup(xp.datasets.nsw(), treatment_col="treat").register_metric("re78")
    >>> result = run_analysis(experiment, control=0, treatment=1)
    >>> f"{result.raw_results[0]['absolute_difference']:.2f}"
    '1794.34'
    """
    options = Options(
        control=control,
        treatment=treatment,
        alpha=alpha,
        correction=multi_test_correction,
        covariates=None if covariates is None else column_names(covariates),
        test=test,
        adjuster=adjuster,
        alternative=alternative,
        relative_interval=relative_interval,
    )
    check_analyzable(experiment.state)
    before = experiment.state, experiment.history
    home, experiment.plugins = experiment.plugins, plugins or experiment.plugins
    if experiment.looks:
        experiment.reopen()
    try:
        plan = make_plan(experiment, options)
        issues = _start(experiment)
        data = read(experiment, plan)
        rows = [row for task in plan.tasks for row in rows_of(plan, task, data)]
        rows = correct(rows, plan.correction, alpha)
        return _report(experiment, plan, data, rows, issues)
    except BaseException:
        experiment.restore(*before)
        raise
    finally:
        experiment.plugins = home


def explain(experiment: Experiment, *args: Any, **options: Any) -> str:
    """Say what `run_analysis` with the same options would read, and how."""
    names = ("control", "treatment", "alpha", "correction", "covariates")
    given = dict(zip(names, args, strict=False)) | options
    if "multi_test_correction" in given:
        given["correction"] = given.pop("multi_test_correction")
    plan = make_plan(experiment, Options(**given))
    engine = experiment.plugins.provenance(experiment.engine)
    parts = [f"{engine}", experiment.source.explain(plan.query)]
    if plan.sample_query is not None:
        columns = sorted({term.column for rows in plan.sample_query.row_sets for term in rows.terms})
        parts.append(f"unit-level values of {', '.join(columns)} are read once more")
    return "\n".join(parts)


def _start(experiment: Experiment) -> list[Issue]:
    issues = experiment.plugins.gate("xpyrment_check_experiment", experiment=experiment)
    if experiment.state is ExperimentState.DESIGNED:
        issues += experiment.transition(ExperimentState.RUNNING)
    return issues


def _report(experiment: Experiment, plan: Plan, data: Data, rows: Sequence[Row], issues: list[Issue]) -> AnalysisResult:
    results = [with_verdict(row.result, plan.options.alpha) for row in rows]
    checks, failures = run_checks(experiment, plan, data, results)
    balance = next((check.value for check in checks if check.name == "balance"), None)
    experiment.record("analysis", **_described(experiment, plan))
    experiment.transition(ExperimentState.ANALYZED)
    metadata = _described(experiment, plan) | {
        "look": experiment.looks,
        "engine": str(experiment.plugins.provenance(experiment.engine)),
        "passes": data.reading.passes,
        "rows": {str(label): count for label, count in plan.labels.items() if label is not None},
        "rows_missing_label": plan.labels.get(None, 0),
        "units_in_two_arms": data.reading.units.in_two_arms if data.reading.units else 0,
    }
    result = AnalysisResult(
        [row.raw() for row in results],
        plan.options.alpha,
        balance,
        results=results,
        checks=checks,
        issues=[*issues, *failures],
        metadata=metadata,
        plugins=experiment.plugins,
    )
    result.issues += tuple(experiment.plugins.observe("xpyrment_after_analysis", experiment=experiment, result=result))
    result.raw_results = [row.raw() for row in results]  # an observer looks on; it changes no number
    _warn(checks)
    return result


def _described(experiment: Experiment, plan: Plan) -> dict[str, Any]:
    options = plan.options
    return {
        "control": plan.control,
        "treatments": list(plan.treatments),
        "alpha": options.alpha,
        "correction": None if plan.correction is None else plan.correction.name,
        "alternative": options.alternative,
        "relative_interval": options.relative_interval,
        "treatment_col": experiment.treatment_col,
        "unit_col": experiment.unit_col,
        "covariates": list(plan.covariates),
        "metrics": [task.spec.name for task in plan.tasks],
    }


def _warn(checks: Sequence[CheckResult]) -> None:
    for check in checks:
        # Imbalance is said by summary(), where the reader sees it.
        if check.passed is False and check.name != "balance":
            warn(check.message)


def adjust_p_values(p_values: Sequence[float | None], method: str, plugins: PluginHost | None = None) -> list[float]:
    """Adjust a family of p-values for multiplicity.

    Parameters
    ----------
    p_values : sequence of float
        NaN and None pass through as NaN, and do not count in the family's size.
    method : str
        Any correction of p-values that a plugin offers: ``"holm"``, ``"fdr_bh"`` …
    plugins : PluginHost, optional

    Returns
    -------
    list of float

    Raises
    ------
    InputError
        An unknown method, one that needs more than p-values, or a p-value outside [0, 1].

    Examples
    --------
    >>> adjust_p_values([0.01, 0.04, 0.03], "holm")
    [0.03, 0.06, 0.06]
    """
    import numpy as np

    correction = find_method(plugins or default_host(), "correction", method)
    if getattr(correction.definition, "needs", "p_values") != "p_values":
        raise InputError(f"correction {method!r} needs effects, not p-values alone; use it in run_analysis().")
    try:
        values = np.array([math.nan if p is None else float(p) for p in p_values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"p-values must be numbers, None or NaN, got {p_values!r}.") from error
    outside = values[(values < 0) | (values > 1)]
    if outside.size:
        raise InputError(f"p-values must lie between 0 and 1, got {float(outside[0])!r}.")
    return [float(p) for p in correction.call(values)]


__all__ = ["adjust_p_values", "explain", "run_analysis"]
