"""The flow of one analysis: plan, gate, read, compare, correct, check."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import evolve

from xpyrment_core.analysis.agreement import disagreements
from xpyrment_core.analysis.diagnostics import run_checks
from xpyrment_core.analysis.multiplicity import PendingResult, correct
from xpyrment_core.analysis.plan import Plan
from xpyrment_core.analysis.planner import make_plan
from xpyrment_core.analysis.read import Data, read
from xpyrment_core.analysis.result import AnalysisResult
from xpyrment_core.analysis.rows import rows_of
from xpyrment_core.analysis.study import Study
from xpyrment_core.data.source import decisions
from xpyrment_core.data.units import crossed
from xpyrment_core.options import OPTIONS, Options
from xpyrment_core.registry.provenance import Issue
from xpyrment_core.values.metric_result import text_keys

Gate = Callable[[Plan], list[Issue]]

ASKED = (*(o.metadata_key for o in OPTIONS if o.metadata_key), "treatment_col", "unit_col", "strata_col", "metrics")
"""Keys of a result's metadata that record the request; the others record how it was carried out."""


def analyse(study: Study, options: Options, *, gate: Gate | None = None) -> AnalysisResult:
    """Analyse every metric of a study.

    A pure function of its arguments: it changes no state and calls no observer.

    Parameters
    ----------
    study : Study
    options : Options
    gate : callable, optional
        Called with the plan before any row is read; what it raises stops the analysis, the
        issues it returns become part of the result.

    Raises
    ------
    InputError
        No metrics, an unknown column, label, name or option: raised before any row is read.
    EngineError
        The data could not be read.
    """
    plan = make_plan(study, options)
    # The gate comes before the data: an analysis that is refused must not have looked at an outcome.
    issues = gate(plan) if gate is not None else []
    # Overflow of extreme values is found in the numbers and reported per metric; NumPy's warnings would name our lines.
    with np.errstate(all="ignore"):
        data = read(study, plan)
        rows = [row for task in plan.tasks for row in rows_of(plan, task, data)]
    # Correction comes after all comparisons: an adjusted p-value depends on the whole family.
    rows = correct(rows, plan.correction, options.alpha)
    return _result(study, plan, data, rows, issues)


def explain(study: Study, options: Options) -> str:
    """Describe what `analyse` with the same arguments would read, and how; no row is read."""
    plan = make_plan(study, options)
    parts = [str(study.host.provenance(study.engine)), study.source.explain(plan.query)]
    if plan.sample_query is not None:
        columns = sorted({term.column for rows in plan.sample_query.row_sets for term in rows.terms})
        parts.append(f"unit-level values of {', '.join(columns)} are read once more")
    return "\n".join(parts)


def _result(
    study: Study, plan: Plan, data: Data, rows: Sequence[PendingResult], issues: Sequence[Issue]
) -> AnalysisResult:
    # Verdicts follow the correction, because they compare the corrected p-value with alpha.
    results = [row.result.judged(plan.options.alpha) for row in rows]
    withheld = crossed(data.reading.units, sum(plan.labels[arm] for arm in plan.arms))
    if withheld:
        results = [evolve(row, verdict="withheld") if row.status == "ok" else row for row in results]
    # Checks see the finished rows, for their exclusions; they add warnings and never change a number.
    checks, failures = run_checks(study, plan, data, results)
    of_statistic = frozenset(task.test.name for task in plan.tasks if task.test.needs == "estimates")
    contradictions = disagreements(results, plan.options.alpha, of_statistic)
    values = {check.attribute: check.value for check in checks if check.attribute}
    return AnalysisResult(
        results,
        plan.options.alpha,
        values.get("balance_checker"),
        checks=checks,
        issues=[*issues, *failures, *contradictions],
        metadata=_asked(study, plan) | _facts(study, plan, data) | {"withheld": withheld},
        plugins=study.host,
    )


def _asked(study: Study, plan: Plan) -> dict[str, Any]:
    """Return the request with defaults resolved, under the keys of `ASKED`."""
    resolved = {
        "control": plan.control,
        "treatment": list(plan.treatments),
        "correction": None if plan.correction is None else plan.correction.name,
        "covariates": list(plan.covariates),
    }
    given = {option.name: getattr(plan.options, option.name) for option in OPTIONS} | resolved
    options = {option.metadata_key: given[option.name] for option in OPTIONS if option.metadata_key}
    metrics = [task.spec.name for task in plan.tasks]
    columns = {"treatment_col": study.treatment_col, "unit_col": study.unit_col, "strata_col": study.strata_col}
    return options | columns | {"metrics": metrics}


def _facts(study: Study, plan: Plan, data: Data) -> dict[str, Any]:
    rows = {label: count for label, count in plan.labels.items() if label is not None}
    return {
        "look": study.look,
        "engine": str(study.host.provenance(study.engine)),
        "passes": data.reading.passes,
        "reading": decisions(study.source),
        "rows": dict(zip(text_keys(rows), rows.values(), strict=True)),
        "rows_missing_label": plan.labels.get(None, 0),
        "units_in_two_arms": data.reading.units.in_two_arms if data.reading.units else 0,
    }
