"""One row of an analysis: a metric compared in one treatment, or the reason why it cannot be."""

import math
from typing import Any

from attrs import evolve

from xpyrment_core.analysis.compare import ArmData, compare, prepare
from xpyrment_core.analysis.exclusions import infinite_reason, ledger
from xpyrment_core.analysis.multiplicity import PendingResult
from xpyrment_core.analysis.plan import Comparison, Plan, Task
from xpyrment_core.analysis.read import Data
from xpyrment_core.errors import NotEstimable, not_estimable_if_broken
from xpyrment_core.options import Label
from xpyrment_core.registry.host import PluginHost
from xpyrment_core.values.estimates import Interval, Unavailable
from xpyrment_core.values.metric_result import MetricResult
from xpyrment_core.values.moments import Moments


def rows_of(plan: Plan, task: Task, data: Data) -> list[PendingResult]:
    """Compare every treatment with control on one metric; what cannot be estimated says why."""
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
        return PendingResult(
            result=evolve(base, status="not_estimable", reason=reason, exclusions=ledger(plan, None, treatment, data))
        )
    base = evolve(base, exclusions=ledger(plan, task, treatment, data))
    reason = reason or infinite_reason(plan, task, treatment, data)
    try:
        if reason:
            raise NotEstimable(reason)
        with not_estimable_if_broken(base.provenance.get("metric", f"metric {task.spec.name!r}")):
            return _compared(plan, task, treatment, data, base)
    except NotEstimable as error:
        seen = _seen(plan, task, treatment, data)
        return PendingResult(result=evolve(base, status="not_estimable", reason=error.reason, **seen))


def _compared(plan: Plan, task: Task, treatment: Label, data: Data, base: MetricResult) -> PendingResult:
    name, reading = task.spec.name, data.reading
    arms = [
        ArmData(moments=reading.moments[name, arm], sample=data.samples.get((name, arm)))
        for arm in (plan.control, treatment)
    ]
    repeated = reading.units is not None and reading.units.repeated
    prepared = prepare(task, arms[0], arms[1], reading.shifts, repeated)

    def again(alpha: float) -> Comparison:
        return compare(task, prepared, plan.options, alpha)

    comparison = again(plan.options.alpha)
    result = evolve(base, test=prepared.test.name, **_numbers(plan, task, comparison))
    if prepared.test is not task.test:
        result = evolve(result, provenance={**base.provenance, "test": prepared.test.provenance})
    return PendingResult(result=result, comparison=comparison, again=again)


def _numbers(plan: Plan, task: Task, found: Comparison) -> dict[str, Any]:
    effect, control, treatment = found.effect, found.control, found.treatment
    low, high = _bounds(effect.interval)
    rel_low, rel_high = _bounds(found.relative)
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
        "cuped_applied": adjusted and task.adjuster is not None and task.adjuster.flag == "cuped_applied",
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


def _bounds(value: Interval | Unavailable) -> tuple[float | None, float | None]:
    """Return the bounds of an interval, None where there is none."""
    return (value.low, value.high) if isinstance(value, Interval) else (None, None)


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
        if moments.n and task.spec.reads == "moments":
            value = _quiet_value(task.spec.metric, moments)
            out[f"{side}_mean"] = value if value is not None and math.isfinite(value) else None
    return out


def _quiet_value(metric: Any, moments: Moments) -> float | None:
    try:
        return float(metric.value(moments.means))
    except Exception:  # the reason is already told; here a stranger's value is only looked at
        return None


def _provenance(task: Task) -> dict[str, Any]:
    out = {"test": task.test.provenance}
    if task.spec.entry is not None:
        entry = task.spec.entry
        out = {"metric": PluginHost.provenance(entry), **out}
    if task.adjuster is not None:
        out["adjuster"] = task.adjuster.provenance
    return out
