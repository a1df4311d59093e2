"""Runs the diagnostics of all plugins on an analysis, each independently."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import evolve

from xpyrment_core.analysis.plan import BALANCE, Plan
from xpyrment_core.analysis.read import Data
from xpyrment_core.analysis.study import Study
from xpyrment_core.choices import Label
from xpyrment_core.errors import PluginError
from xpyrment_core.registry.definitions import Registered
from xpyrment_core.registry.host import PluginHost
from xpyrment_core.registry.provenance import Issue
from xpyrment_core.values.checks import CheckContext, CheckResult
from xpyrment_core.values.metric_result import MetricResult

REQUIRED = {"balance_checker": ("diagnostics_", "love_plot")}
"""Members that the value of a check needs to become an attribute of the result."""


def run_checks(
    study: Study, plan: Plan, data: Data, results: Sequence[MetricResult]
) -> tuple[list[CheckResult], list[Issue]]:
    """Run every diagnostic; the failure of one is reported as an issue and does not affect the others."""
    context = _context(study, plan, data, results)
    checks: list[CheckResult] = []
    failures = []
    # In order of rank: if two checks claim an attribute, the first gets it.
    for entry in sorted(study.host.all("diagnostic"), key=_rank):
        try:
            result = entry.load()(context)
            if result is not None:
                checks.append(_stamped(study.host, entry, result, {check.attribute for check in checks}))
        except Exception as error:
            reason = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
            message = f"diagnostic {entry.qualified!r} of {entry.distribution} failed: {reason}"
            failures.append(Issue(message, "warning", entry.plugin))
    return checks, failures


def _rank(entry: Registered) -> int:
    return getattr(entry.definition, "rank", 50)


def _stamped(host: PluginHost, entry: Registered, result: Any, taken: Collection[str]) -> CheckResult:
    """Return a check under the name and provenance of its definition, not those that the target sets."""
    if not isinstance(result, CheckResult):
        raise PluginError(f"it must return a CheckResult or None, got {type(result).__name__}.")
    attribute = getattr(entry.definition, "attribute", "")
    if result.value is None or attribute in taken:
        attribute = ""
    missing = [name for name in REQUIRED.get(attribute, ()) if not hasattr(result.value, name)]
    if missing:
        raise PluginError(f"its value, which becomes the result's {attribute}, has no {' and no '.join(missing)}.")
    return evolve(result, name=host.name_of(entry), attribute=attribute, provenance=host.provenance(entry))


def _context(study: Study, plan: Plan, data: Data, results: Sequence[MetricResult]) -> CheckContext:
    counts, weights = _counts(study, plan, data)
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
        units=data.reading.units,
    )


def _counts(study: Study, plan: Plan, data: Data) -> tuple[dict[Label, int], Mapping[Label, float] | None]:
    """Return the units of each variant and the planned weights, as the sample-ratio check needs them."""
    units, weights = data.reading.units, study.weights
    counts = {label: n for label, n in plan.labels.items() if label is not None}
    # The sample ratio is about units: rows per unit may differ by the treatment's effect, so counting them would
    # report a mismatch where there is none.
    if units is not None:
        counts |= dict(units.units)
    if units is not None and units.repeated:
        # Variants that are not compared are counted in rows, which are not units here.
        others = set(counts) - set(plan.arms)
        counts = {label: n for label, n in counts.items() if label not in others}
        weights = weights and {label: weight for label, weight in weights.items() if label not in others}
    for label in weights or ():
        # A planned variant without rows is the strongest mismatch, and must be in the test with a count of 0.
        counts.setdefault(label, 0)
    return counts, weights
