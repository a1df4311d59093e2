"""Rows of an analysis: one metric and treatment each, with its numbers or the reason why it is not estimable."""

import math
from typing import Any

from attrs import evolve

from xpyrment_core.analysis.compare import ArmData, compare, prepare
from xpyrment_core.analysis.effect_sizes import UNDEFINED, sizes_of
from xpyrment_core.analysis.exclusions import exclusions_of, infinite_reason
from xpyrment_core.analysis.multiplicity import PendingResult
from xpyrment_core.analysis.plan import Comparison, Plan, Task
from xpyrment_core.analysis.read import Data
from xpyrment_core.analysis.strata import Strata, strata_of
from xpyrment_core.choices import Label
from xpyrment_core.errors import NotEstimable, not_estimable_if_broken
from xpyrment_core.registry.host import PluginHost
from xpyrment_core.stats.delta_method import linearise
from xpyrment_core.stats.distributions import SMALLEST
from xpyrment_core.values.estimates import Interval, Unavailable
from xpyrment_core.values.metric_result import EQUIVALENCE, MetricResult
from xpyrment_core.values.moments import Moments


def rows_of(plan: Plan, task: Task, data: Data) -> list[PendingResult]:
    """Compare every treatment with control on one metric; a row that is not estimable has the reason."""
    return [_row(plan, task, treatment, data) for treatment in plan.treatments]


def _row(plan: Plan, task: Task, treatment: Label, data: Data) -> PendingResult:
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
        # Nothing was read for this metric, so only the labels are counted.
        known = exclusions_of(plan, None, treatment, data)
        return PendingResult(result=evolve(base, status="not_estimable", reason=reason, exclusions=known))
    strata, failed = _strata(plan, task, treatment, data)
    reason = reason or failed
    notes = base.notes if strata is None else (*base.notes, *strata.notes())
    base = evolve(base, exclusions=exclusions_of(plan, task, treatment, data, strata), notes=notes)
    reason = reason or infinite_reason(plan, task, treatment, data)
    try:
        if reason:
            raise NotEstimable(reason)
        with not_estimable_if_broken(base.provenance.get("metric", f"metric {task.spec.name!r}")):
            return _compared(plan, task, treatment, data, base, strata)
    except NotEstimable as error:
        # One metric that fails leaves the others alone: its row carries the reason, and no exception is raised.
        descriptive = _descriptive(plan, task, treatment, data)
        return PendingResult(
            result=evolve(base, status="not_estimable", reason=error.reason, extra=dict(UNDEFINED), **descriptive)
        )


def _strata(plan: Plan, task: Task, treatment: Label, data: Data) -> tuple[Strata | None, str]:
    """Return the strata of a comparison, and the reason where a metric's values cannot be derived for them."""
    made_by = _provenance(task).get("metric", f"metric {task.spec.name!r}")
    try:
        with not_estimable_if_broken(made_by):
            return strata_of(plan, task, treatment, data), ""
    except NotEstimable as error:
        return None, error.reason


def _compared(
    plan: Plan, task: Task, treatment: Label, data: Data, base: MetricResult, strata: Strata | None
) -> PendingResult:
    name, reading = task.spec.name, data.reading
    labels = plan.control, treatment
    moments = [reading.moments[name, arm] for arm in labels] if strata is None else strata.moments()
    # With strata the moments are final: those of derived columns are made of the samples already.
    samples = [data.samples.get((name, arm)) if strata is None else None for arm in labels]
    arms = [ArmData(moments=m, sample=sample) for m, sample in zip(moments, samples, strict=True)]
    repeated = reading.units is not None and reading.units.repeated
    prepared = whole = prepare(task, arms[0], arms[1], reading.shifts, repeated)
    if strata is not None:
        # An effect size refers to the spread of all units, not to that within strata.
        parts = [ArmData(moments=moments) for moments in strata.whole()]
        whole = prepare(evolve(task, adjuster=None), parts[0], parts[1], reading.shifts, repeated)
        prepared = evolve(prepared, notes=(*prepared.notes, *strata.notes()))

    # Estimates do not depend on alpha, so simultaneous intervals repeat only the test, not the preparation.
    def again(alpha: float) -> Comparison:
        with not_estimable_if_broken(base.provenance.get("metric", f"metric {name!r}")):
            return compare(task, prepared, plan.options, alpha)

    comparison = again(plan.options.alpha)
    extra = {**sizes_of(task.spec, whole, comparison, repeated), **comparison.effect.extra}
    if strata is not None:
        extra |= strata.extra()
    interval = comparison.effect.interval
    if isinstance(interval, Interval) and SMALLEST in (interval.low, -interval.high):
        extra["interval_open_at"] = 0.0
    result = evolve(base, test=prepared.test.name, extra=extra, **_numbers(task, comparison))
    if prepared.test is not task.test:
        result = evolve(result, provenance={**base.provenance, "test": prepared.test.provenance})
    return PendingResult(result=result, comparison=comparison, again=again)


def _numbers(task: Task, comparison: Comparison) -> dict[str, Any]:
    """Return the fields of a result that a comparison determines."""
    intervals = (comparison.effect.interval, comparison.relative)
    # Both intervals often lack for the same reason, which is given once.
    reasons = dict.fromkeys(value.reason for value in intervals if isinstance(value, Unavailable))
    return {
        **_arm_numbers(comparison),
        **_effect_numbers(comparison),
        **_adjustment_numbers(task, comparison),
        "power": comparison.power,
        "mde": comparison.mde,
        "reason": "; ".join(reasons) or None,
        "notes": comparison.notes,
    }


def _arm_numbers(comparison: Comparison) -> dict[str, Any]:
    control, treatment = comparison.control, comparison.treatment
    return {
        "control_mean": control.value,
        "treatment_mean": treatment.value,
        "control_var": control.unit_variance,
        "treatment_var": treatment.unit_variance,
        "control_n": control.n,
        "treatment_n": treatment.n,
    }


def _effect_numbers(comparison: Comparison) -> dict[str, Any]:
    effect, null = comparison.effect, comparison.null
    low, high = _bounds(effect.interval)
    rel_low, rel_high = _bounds(comparison.relative)
    # A difference of 0 is a lift of 0; an absolute margin is not a fixed lift.
    null_lift = comparison.relative_null if comparison.relative_null is not None else (0.0 if null == 0 else None)
    return {
        "absolute_difference": effect.difference,
        "relative_lift": comparison.lift,
        "ci_lower": low,
        "ci_upper": high,
        "rel_ci_lower": rel_low,
        "rel_ci_upper": rel_high,
        "relative_interval": getattr(comparison.relative, "method", None),
        # Correction replaces p_value and keeps p_value_raw.
        "p_value": comparison.p_value,
        "p_value_raw": comparison.p_value,
        "std_error": effect.std_error,
        "statistic": comparison.statistic,
        "df": effect.df,
        "alternative": EQUIVALENCE if comparison.equivalence else effect.alternative,
        # A share of the control mean, which is estimated, is not a fixed difference.
        "null_difference": None if comparison.relative_null is not None else null,
        "null_lift": null_lift,
    }


def _adjustment_numbers(task: Task, comparison: Comparison) -> dict[str, Any]:
    raw_effect = comparison.raw_effect
    # A planned adjuster may have refused every covariate; then it is not reported.
    adjuster = None if raw_effect is None else task.adjuster
    return {
        "cuped_applied": adjuster is not None and adjuster.flag == "cuped_applied",
        "adjuster": None if adjuster is None else adjuster.name,
        "covariates": comparison.covariates,
        "variance_reduction": _reduction(comparison),
        "unadjusted_control_mean": comparison.raw_control.value,
        "unadjusted_treatment_mean": comparison.raw_treatment.value,
        "unadjusted_difference": comparison.raw_treatment.value - comparison.raw_control.value,
        "unadjusted_std_error": (raw_effect or comparison.effect).std_error,
    }


def _bounds(value: Interval | Unavailable) -> tuple[float | None, float | None]:
    """Return the bounds of an interval, None where there is none."""
    return (value.low, value.high) if isinstance(value, Interval) else (None, None)


def _reduction(comparison: Comparison) -> float | None:
    effect, raw_effect = comparison.effect, comparison.raw_effect
    if raw_effect is None or not raw_effect.std_error or effect.std_error is None:
        return None
    return 1 - (effect.std_error / raw_effect.std_error) ** 2


def _descriptive(plan: Plan, task: Task, treatment: Label, data: Data) -> dict[str, Any]:
    """Return the sample sizes of a metric that is not estimable, and means and their difference if defined."""
    out: dict[str, Any] = {}
    constants: list[Any] = []
    for side, arm in (("control", plan.control), ("treatment", treatment)):
        moments = data.reading.moments.get((task.spec.name, arm), Moments.empty(()))
        out[f"{side}_n"] = moments.n
        if moments.n and task.spec.reads == "moments":
            value = _quiet_value(task.spec.metric, moments)
            out[f"{side}_mean"] = value if value is not None and math.isfinite(value) else None
            constants.append(out[f"{side}_mean"] if _constant(task.spec.metric, moments) else None)
    if None not in constants and len(set(constants)) == 2:
        # The difference of two constants exists, only inference about it does not.
        control, difference = constants[0], constants[1] - constants[0]
        out["absolute_difference"] = difference
        if control != 0 and task.spec.relative is None:
            out["relative_lift"] = difference / abs(control)
    return out


def _constant(metric: Any, moments: Moments) -> bool:
    try:
        return moments.n > 1 and not linearise([metric], moments).m2.any()
    except Exception:  # as in _quiet_value
        return False


def _quiet_value(metric: Any, moments: Moments) -> float | None:
    try:
        return float(metric.value(moments.means))
    except Exception:  # the row already has its reason; a second failure of third-party code adds nothing
        return None


def _provenance(task: Task) -> dict[str, Any]:
    out = {"test": task.test.provenance}
    if task.spec.entry is not None:
        entry = task.spec.entry
        out = {"metric": PluginHost.provenance(entry), **out}
    if task.adjuster is not None:
        out["adjuster"] = task.adjuster.provenance
    return out
