"""The checks that go with an analysis: every diagnostic the plugins offer, each on its own."""

from collections.abc import Sequence

from xpyrment_core.analysis.plan import BALANCE, Plan
from xpyrment_core.analysis.read import Data
from xpyrment_core.analysis.study import Study
from xpyrment_core.registry.provenance import Issue
from xpyrment_core.values.checks import CheckContext, CheckResult
from xpyrment_core.values.exclusions import UnitReport
from xpyrment_core.values.metric_result import MetricResult


def run_checks(
    study: Study, plan: Plan, data: Data, results: Sequence[MetricResult]
) -> tuple[list[CheckResult], list[Issue]]:
    """Run every diagnostic; one that fails is reported and takes nothing else down."""
    context = _context(study, plan, data, results)
    checks = [_units_check(data.reading.units)] if data.reading.units is not None else []
    failures = []
    for entry in study.host.all("diagnostic"):
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
            f"{crossed:,} unit{'s are' if crossed > 1 else ' is'} in more than one variant; "
            f"their {rows:,} rows are left out. Is this column what was randomised?"
        )
    without = sum(units.rows_without_unit.values())
    if without:
        message += f"{' And' if crossed else ';'} {without:,} rows without a unit are left out"
    details = {
        "units_in_two_arms": crossed,
        "rows_left_out": rows,
        "rows_without_unit": without,
        "repeated": units.repeated,
    }
    return CheckResult(name="units", passed=crossed == 0, message=message, details=details)


def _context(study: Study, plan: Plan, data: Data, results: Sequence[MetricResult]) -> CheckContext:
    units = data.reading.units
    counts = {label: n for label, n in plan.labels.items() if label is not None}
    weights = study.weights
    if units is not None:
        counts |= dict(units.units)
    if units is not None and units.repeated:
        # Variants that are not compared are counted in rows, which are not units here.
        others = set(counts) - set(plan.arms)
        counts = {label: n for label, n in counts.items() if label not in others}
        weights = weights and {label: weight for label, weight in weights.items() if label not in others}
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
