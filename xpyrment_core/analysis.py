"""The flow of one analysis: plan, read, check, compare, correct, report."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from xpyrment_core.analysis_result import AnalysisResult
from xpyrment_core.checks import CheckContext
from xpyrment_core.compare import ArmData, compare, interval_of, prepare
from xpyrment_core.correct import Row, correct
from xpyrment_core.errors import EngineError, NotEstimable, XpyrmentError
from xpyrment_core.experiment import Experiment
from xpyrment_core.host import PluginHost
from xpyrment_core.moments import Moments
from xpyrment_core.options import DEFAULT_TEST, Alternative, RelativeMethod
from xpyrment_core.outcome import Comparison, MetricResult
from xpyrment_core.plan import BALANCE, Options, Plan, Task, find_method, make_plan
from xpyrment_core.reading import ArmSample, Label, Reading, UnitReport
from xpyrment_core.results import ArmLedger, CheckResult, Exclusions, Issue, Unavailable
from xpyrment_core.state import ExperimentState, check_analyzable


@frozen(kw_only=True)
class Data:
    """What was read for a plan."""

    reading: Reading
    samples: Mapping[tuple[str, Label], ArmSample]
    infinite: Mapping[tuple[str, Label], int]
    blocked: Mapping[str, str]


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
        covariates=None if covariates is None else tuple([covariates] if isinstance(covariates, str) else covariates),
        test=test,
        adjuster=adjuster,
        alternative=alternative,
        relative_interval=relative_interval,
    )
    if plugins is not None:
        experiment.plugins = plugins
    check_analyzable(experiment.state)
    plan = make_plan(experiment, options)
    before = experiment.state, experiment.history
    try:
        issues = _start(experiment)
        data = read(experiment, plan)
        rows = [row for task in plan.tasks for row in _compare_task(plan, task, data)]
        rows = correct(rows, plan.correction, alpha)
        return _report(experiment, plan, data, rows, issues)
    except BaseException:
        experiment.restore(*before)
        raise


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


# Read ------------------------------------------------------------------------


def _start(experiment: Experiment) -> list[Issue]:
    issues = experiment.plugins.gate("xpyrment_check_experiment", experiment=experiment)
    if experiment.state is ExperimentState.DESIGNED:
        issues += experiment.transition(ExperimentState.RUNNING)
    return issues


def read(experiment: Experiment, plan: Plan) -> Data:
    """Read all that the plan asks for.

    Raises
    ------
    EngineError
        Whatever goes wrong in the engine, as one error that names it.
    """
    source = experiment.source
    try:
        reading = source.moments(plan.query)
        samples = {} if plan.sample_query is None else source.samples(plan.sample_query)
        columns = _infinite_columns(plan, reading)
        infinite = source.infinite(columns, plan.query.treatment_col) if columns else {}
        blocked: dict[str, str] = {}
        for task in plan.tasks:
            if getattr(task.spec.metric, "binary", False) and not task.blocked:
                blocked |= _not_binary(task, source)
    except (XpyrmentError, KeyboardInterrupt):
        raise
    except Exception as error:
        made_by = experiment.plugins.provenance(experiment.engine)
        raise EngineError(f"{made_by} failed while reading: {type(error).__name__}: {error}") from error
    return Data(reading=reading, samples=samples, infinite=infinite, blocked=blocked)


def _infinite_columns(plan: Plan, reading: Reading) -> list[str]:
    columns: dict[str, None] = {}
    for task in plan.tasks:
        for arm in plan.arms:
            moments = reading.moments.get((task.spec.name, arm))
            for i, term in enumerate(task.row_set.terms if moments is not None and moments.n else ()):
                if moments is not None and term.kind == "value" and not math.isfinite(moments.mean[i]):
                    columns[term.column] = None
    return list(columns)


def _not_binary(task: Task, source: Any) -> dict[str, str]:
    for column in task.spec.sources:
        found = source.offending(column, (0.0, 1.0))
        if found:
            values = ", ".join(f"{value:g}" for value in found)
            return {task.spec.name: f"column {column!r} is not binary: it holds {values} beside 0 and 1"}
    return {}


# Compare ---------------------------------------------------------------------


def _compare_task(plan: Plan, task: Task, data: Data) -> list[Row]:
    return [_row(plan, task, treatment, data) for treatment in plan.treatments]


def _row(plan: Plan, task: Task, treatment: Label, data: Data) -> Row:
    base = MetricResult(
        metric_name=task.spec.name,
        metric_type=task.spec.label,
        control=plan.control,
        treatment=treatment,
        test=task.test.name,
        alternative=plan.options.alternative,
        role=task.spec.role,
        direction=task.spec.direction,
        notes=task.notes,
        provenance=_provenance(task),
    )
    reason = task.blocked or data.blocked.get(task.spec.name, "")
    if task.blocked:
        return Row(
            result=evolve(base, status="not_estimable", reason=reason, exclusions=_ledger(plan, None, treatment, data))
        )
    base = evolve(base, exclusions=_ledger(plan, task, treatment, data))
    reason = reason or _infinite_reason(plan, task, treatment, data)
    try:
        if reason:
            raise NotEstimable(reason)
        return _compared(plan, task, treatment, data, base)
    except NotEstimable as error:
        seen = _seen(plan, task, treatment, data)
        return Row(result=evolve(base, status="not_estimable", reason=error.reason, **seen))


def _compared(plan: Plan, task: Task, treatment: Label, data: Data, base: MetricResult) -> Row:
    name, reading = task.spec.name, data.reading
    arms = [
        ArmData(moments=reading.moments[name, arm], sample=data.samples.get((name, arm)))
        for arm in (plan.control, treatment)
    ]
    repeated = reading.units is not None and reading.units.repeated
    prepared = prepare(task, arms[0], arms[1], reading.shifts, repeated)
    moments = arms[0].moments, arms[1].moments

    def again(alpha: float) -> Comparison:
        return compare(task, prepared, moments, plan.options, alpha)

    comparison = again(plan.options.alpha)
    result = evolve(base, test=prepared.test.name, **_numbers(plan, task, comparison))
    if prepared.test is not task.test:
        result = evolve(result, provenance={**base.provenance, "test": prepared.test.provenance})
    return Row(result=result, comparison=comparison, again=again)


def _numbers(plan: Plan, task: Task, found: Comparison) -> dict[str, Any]:
    effect, control, treatment = found.effect, found.control, found.treatment
    low, high = interval_of(effect.interval)
    rel_low, rel_high = interval_of(found.relative)
    adjusted = found.raw_effect is not None
    reasons = [value.reason for value in (effect.interval, found.relative) if isinstance(value, Unavailable)]
    return {
        "control_mean": control.value,
        "treatment_mean": treatment.value,
        "control_var": control.unit_variance,
        "treatment_var": treatment.unit_variance,
        "control_n": control.n,
        "treatment_n": treatment.n,
        "absolute_difference": effect.difference,
        "relative_lift": found.lift,
        "cuped_applied": adjusted and task.adjuster is not None and task.adjuster.name.endswith("cuped"),
        "variance_reduction": _reduction(found),
        "p_value": found.p_value,
        "ci_lower": low,
        "ci_upper": high,
        "rel_ci_lower": rel_low,
        "rel_ci_upper": rel_high,
        "power": found.power,
        "std_error": effect.std_error,
        "statistic": effect.statistic,
        "df": effect.df,
        "p_value_raw": found.p_value,
        "unadjusted_control_mean": found.raw_control.value,
        "unadjusted_treatment_mean": found.raw_treatment.value,
        "unadjusted_difference": found.raw_treatment.value - found.raw_control.value,
        "unadjusted_std_error": (found.raw_effect or effect).std_error,
        "mde": found.mde,
        "adjuster": task.adjuster.name if adjusted and task.adjuster is not None else None,
        "covariates": found.covariates,
        "alternative": effect.alternative,
        "relative_interval": getattr(found.relative, "method", None),
        "null_difference": found.null,
        "null_lift": found.relative_null if found.relative_null is not None else (0.0 if found.null == 0 else None),
        "reason": "; ".join(dict.fromkeys(reasons)) or None,
        "notes": found.notes,
        "extra": dict(effect.extra),
    }


def _reduction(found: Comparison) -> float | None:
    if found.raw_effect is None or not found.raw_effect.std_error or found.effect.std_error is None:
        return None
    return 1 - (found.effect.std_error / found.raw_effect.std_error) ** 2


def _seen(plan: Plan, task: Task, treatment: Label, data: Data) -> dict[str, Any]:
    """Return what can be shown of a metric that is not estimable: units, and means where they exist."""
    out: dict[str, Any] = {}
    for side, arm in (("control", plan.control), ("treatment", treatment)):
        moments = data.reading.moments.get((task.spec.name, arm), Moments.empty(()))
        out[f"{side}_n"] = moments.n
        if moments.n and task.reads == "moments":
            value = _quiet_value(task.spec.metric, moments)
            out[f"{side}_mean"] = value if value is not None and math.isfinite(value) else None
    return out


def _quiet_value(metric: Any, moments: Moments) -> float | None:
    try:
        return float(metric.value(moments.means))
    except (ArithmeticError, ValueError):
        return None


def _provenance(task: Task) -> dict[str, Any]:
    out = {"test": task.test.provenance}
    if task.spec.entry is not None:
        entry = task.spec.entry
        out = {"metric": PluginHost.provenance(entry), **out}
    if task.adjuster is not None:
        out["adjuster"] = task.adjuster.provenance
    return out


# The ledger ------------------------------------------------------------------


def _ledger(plan: Plan, task: Task | None, treatment: Label, data: Data) -> Exclusions:
    total = sum(plan.labels.values())
    missing = plan.labels.get(None, 0)
    compared = sum(plan.labels.get(arm, 0) for arm in (plan.control, treatment))
    imputed: dict[str, int] = {}
    if task is not None:
        for arm in (plan.control, treatment):
            for column, count in _imputed(task, arm, data.reading).items():
                imputed[column] = imputed.get(column, 0) + count
    return Exclusions(
        rows_in=total,
        missing_label=missing,
        other_arms=total - missing - compared,
        control=_arm_ledger(plan, task, plan.control, data),
        treatment=_arm_ledger(plan, task, treatment, data),
        imputed=imputed,
    )


def _imputed(task: Task, arm: Label, reading: Reading) -> dict[str, int]:
    moments, rows = reading.moments[task.spec.name, arm], reading.rows[task.spec.name, arm]
    return {
        term.column: round(float(moments.mean[i]) * rows)
        for i, term in enumerate(task.row_set.terms)
        if term.kind == "missing" and moments.mean[i] > 0
    }


def _arm_ledger(plan: Plan, task: Task | None, arm: Label, data: Data) -> ArmLedger:
    rows_in, units = plan.labels.get(arm, 0), data.reading.units
    if task is None:
        return ArmLedger(rows_in=rows_in)
    without = units.rows_without_unit.get(arm, 0) if units else 0
    two_arms = units.rows_in_two_arms.get(arm, 0) if units else 0
    complete = data.reading.rows[task.spec.name, arm]
    non_finite = min(complete, max((data.infinite.get((c, arm), 0) for c in task.spec.sources), default=0))
    return ArmLedger(
        rows_in=rows_in,
        missing_unit=without,
        in_two_arms=two_arms,
        missing_outcome=rows_in - without - two_arms - complete,
        non_finite=non_finite,
        used=complete - non_finite,
        units=data.reading.moments[task.spec.name, arm].n,
    )


def _infinite_reason(plan: Plan, task: Task, treatment: Label, data: Data) -> str:
    for column in task.spec.sources:
        count = sum(data.infinite.get((column, arm), 0) for arm in (plan.control, treatment))
        if count:
            return f"column {column!r} has {count:,} infinite value{'s' if count > 1 else ''}; correct or remove them"
    return ""


# Report ----------------------------------------------------------------------


def _report(experiment: Experiment, plan: Plan, data: Data, rows: Sequence[Row], issues: list[Issue]) -> AnalysisResult:
    results = [_with_verdict(row.result, plan.options.alpha) for row in rows]
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


def _with_verdict(row: MetricResult, alpha: float) -> MetricResult:
    if row.status != "ok" or row.p_value is None or row.absolute_difference is None:
        return row
    if row.null_difference:
        return evolve(row, verdict="non-inferior" if row.p_value < alpha else "not shown")
    if row.p_value >= alpha:
        return evolve(row, verdict="inconclusive")
    good = (row.absolute_difference > 0) == (row.direction == "increase")
    return evolve(row, verdict="better" if good else "worse")


def run_checks(
    experiment: Experiment, plan: Plan, data: Data, results: Sequence[MetricResult]
) -> tuple[list[CheckResult], list[Issue]]:
    """Run every diagnostic; one that fails is reported and takes nothing else down."""
    context = _context(experiment, plan, data, results)
    checks = [_units_check(data.reading.units)] if data.reading.units is not None else []
    failures = []
    for entry in experiment.plugins.all("diagnostic"):
        try:
            found = entry.load()(context)
        except Exception as error:
            message = f"diagnostic {entry.qualified!r} of {entry.distribution} failed: {type(error).__name__}: {error}"
            failures.append(Issue(message, "warning", entry.plugin))
            continue
        if isinstance(found, CheckResult):
            checks.append(found)
    return checks, failures


def _units_check(units: UnitReport) -> CheckResult:
    crossed, rows = units.in_two_arms, sum(units.rows_in_two_arms.values())
    message = "every unit is in one variant"
    if crossed:
        message = (
            f"{crossed:,} units are in more than one variant; they and their {rows:,} rows are left out. "
            f"Is this column what was randomised?"
        )
    details = {"units_in_two_arms": crossed, "rows_left_out": rows, "repeated": units.repeated}
    return CheckResult(name="units", passed=crossed == 0, message=message, details=details)


def _context(experiment: Experiment, plan: Plan, data: Data, results: Sequence[MetricResult]) -> CheckContext:
    units = data.reading.units
    counts = {label: n for label, n in plan.labels.items() if label is not None}
    if units is not None:
        counts |= dict(units.units)
    weights = experiment.weights
    for label in weights or ():
        counts.setdefault(label, 0)
    balance = None
    if plan.covariates:
        balance = {arm: data.reading.moments[BALANCE, arm] for arm in plan.arms}
    return CheckContext(
        counts=counts,
        rows_missing_label=plan.labels.get(None, 0),
        weights=weights,
        control=plan.control,
        treatments=plan.treatments,
        balance=balance,
        shifts=data.reading.shifts,
        covariates=plan.covariates,
        exclusions={(row.metric_name, row.treatment): row.exclusions for row in results},
    )


def _warn(checks: Sequence[CheckResult]) -> None:
    for check in checks:
        # Imbalance is said by summary(), where the reader sees it.
        if check.passed is False and check.name != "balance":
            warnings.warn(check.message, UserWarning, stacklevel=4)


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

    from xpyrment_core.errors import InputError
    from xpyrment_core.host import default_host

    correction = find_method(plugins or default_host(), "correction", method)
    if getattr(correction.definition, "needs", "p_values") != "p_values":
        raise InputError(f"correction {method!r} needs effects, not p-values alone; use it in run_analysis().")
    values = np.array([math.nan if p is None else float(p) for p in p_values], dtype=np.float64)
    outside = values[(values < 0) | (values > 1)]
    if outside.size:
        raise InputError(f"p-values must lie between 0 and 1, got {float(outside[0])!r}.")
    return [float(p) for p in correction.call(values)]


__all__ = ["adjust_p_values", "explain", "run_analysis"]
