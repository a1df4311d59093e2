"""Counts the rows that enter an estimate and those excluded, by reason, per metric and variant."""

from xpyrment_core.analysis.plan import Plan, Task
from xpyrment_core.analysis.read import Data
from xpyrment_core.analysis.strata import Strata
from xpyrment_core.choices import Label
from xpyrment_core.data.query import Reading
from xpyrment_core.values.exclusions import ArmLedger, Exclusions


def exclusions_of(
    plan: Plan, task: Task | None, treatment: Label, data: Data, strata: Strata | None = None
) -> Exclusions:
    """Return the exclusions of one comparison; without a task only the rows per label are known."""
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
        control=_arm_exclusions(plan, task, plan.control, data, strata),
        treatment=_arm_exclusions(plan, task, treatment, data, strata),
        imputed=imputed,
    )


def _imputed(task: Task, arm: Label, reading: Reading) -> dict[str, int]:
    moments, rows = reading.moments[task.spec.name, arm], reading.rows[task.spec.name, arm]
    return {
        # The mean of an indicator times the rows is the count of missing values, up to rounding.
        term.column: round(float(moments.mean[i]) * rows)
        for i, term in enumerate(task.row_set.terms)
        if term.kind == "missing" and moments.mean[i] > 0
    }


def _arm_exclusions(plan: Plan, task: Task | None, arm: Label, data: Data, strata: Strata | None) -> ArmLedger:
    rows_in, report = plan.labels.get(arm, 0), data.reading.units
    if task is None:
        return ArmLedger(rows_in=rows_in)
    without = report.rows_without_unit.get(arm, 0) if report else 0
    two_arms = report.rows_in_two_arms.get(arm, 0) if report else 0
    # Each row has one reason, the first that applies: unit, two arms, several strata, outcome, small stratum, infinite.
    # Hence the counts add up.
    complete, changed, small = data.reading.rows[task.spec.name, arm], 0, 0
    units = data.reading.moments[task.spec.name, arm].n
    if strata is not None:
        complete, small = strata.rows(arm)
        changed = strata.reading.changed.rows.get(arm, 0)
        units = strata.units(arm)
    # The engine counts infinite values per column, not rows with any, so the largest column is a lower bound.
    non_finite = min(complete, max((data.infinite.get((c, arm), 0) for c in task.spec.sources), default=0))
    return ArmLedger(
        rows_in=rows_in,
        missing_unit=without,
        in_two_arms=two_arms,
        in_several_strata=changed,
        missing_outcome=rows_in - without - two_arms - changed - complete - small,
        small_stratum=small,
        non_finite=non_finite,
        used=complete - non_finite,
        units=units,
    )


def infinite_reason(plan: Plan, task: Task, treatment: Label, data: Data) -> str:
    """Return why infinite values prevent an estimate; ``""`` if there are none."""
    for column in task.spec.sources:
        count = sum(data.infinite.get((column, arm), 0) for arm in (plan.control, treatment))
        if count:
            return f"column {column!r} has {count:,} infinite value{'s' if count > 1 else ''}; correct or remove them"
    return ""
