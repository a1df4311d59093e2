"""The facts of a plan that gates judge, as a public value."""

from xpyrment_core.analysis.plan import Plan, Task
from xpyrment_core.registry.host import PluginHost
from xpyrment_core.values.analysis_plan import AnalysisPlan, PlannedMetric, Purpose


def plan_facts(plan: Plan, host: PluginHost, purpose: Purpose = "analysis") -> AnalysisPlan:
    """Return the part of a plan that gates receive."""
    return AnalysisPlan(
        alpha=plan.options.alpha,
        control=plan.control,
        treatments=plan.treatments,
        metrics=tuple(_metric(task, host) for task in plan.tasks),
        correction=None if plan.correction is None else plan.correction.name,
        purpose=purpose,
    )


def _metric(task: Task, host: PluginHost) -> PlannedMetric:
    entry = task.spec.entry
    return PlannedMetric(
        name=task.spec.name,
        kind=type(task.spec.metric).__name__ if entry is None else host.name_of(entry),
        test=task.test.name,
        adjuster=None if task.adjuster is None else task.adjuster.name,
        covariates=tuple(covariate.name for covariate in task.covariates),
        role=task.spec.role,
    )
