"""Content of a report: title, sentences and tables of text, the same for all formats."""

from collections import Counter
from typing import get_args

from xpyrment_core import AnalysisResult, Exclusions, Table, Verdict
from xpyrment_core.plots.numbers import count, p_value, setting, significant
from xpyrment_core.stats.balance import IMBALANCE, is_imbalanced

COUNTS = {
    "rows_in": "Rows in",
    "missing_unit": "No unit id",
    "in_two_arms": "In two arms",
    "in_several_strata": "In several strata",
    "missing_outcome": "No outcome",
    "small_stratum": "Small stratum",
    "non_finite": "Not finite",
    "used": "Used",
    "units": "Units",
}
OF_STRATA = ("in_several_strata", "small_stratum")


def title_of(result: AnalysisResult) -> str:
    """Return the report's title: what was compared with what."""
    # A result has a row per metric and treatment; the title names each treatment once, in their order.
    treatments = list(dict.fromkeys(setting(row.treatment) for row in result.results))
    control = setting(result.results[0].control) if result.results else "control"
    versus = ", ".join(treatments[:4]) + (f" and {len(treatments) - 4} more" if len(treatments) > 4 else "")
    return f"Experiment report: {versus or 'treatment'} vs {control}"


def lead_of(result: AnalysisResult) -> list[str]:
    """Return the findings in a few sentences: verdicts counted, then how they were reached."""
    verdicts = Counter(row.shown_verdict for row in result.results)
    total = len(result.results)
    # In the order in which the type lists verdicts, better first, so that reports can be compared.
    counted = [f"{verdicts[verdict]} {verdict}" for verdict in get_args(Verdict) if verdicts[verdict]]
    corrections = sorted({row.correction for row in result.results if row.correction})
    how = f"p-values are corrected by {', '.join(corrections)}" if corrections else "p-values are not corrected"
    # Repeated looks raise the type I error rate, which no fixed-sample interval accounts for.
    look = result.metadata.get("look")
    again = f" This is look {look} at the data: every further look makes a false positive likelier." if look else ""
    # Rows of units in two variants make the rest meaningless, so that they are said before anything else.
    withheld = result.metadata.get("withheld")
    return [
        *([f"Verdicts are withheld: {withheld}."] if withheld else []),
        f"{total} comparison{'s' if total != 1 else ''}: {', '.join(counted)}.",
        f"Significance level {result.alpha:g}; {how}." + (again if isinstance(look, int) and look > 1 else ""),
    ]


def warnings_of(result: AnalysisResult) -> list[str]:
    """Return failed checks, and issues of gates that are warnings or errors."""
    failed = [check.message for check in result.checks if check.passed is False]
    return failed + [issue.message for issue in result.issues if issue.severity != "info"]


def words(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ").replace("-", " ")


def headline(result: AnalysisResult) -> Table:
    """Return the decision table."""
    note = "Lift is the relative difference of treatment from control, with its confidence interval."
    return result.table("decision", title="Results", note=note)


def details(result: AnalysisResult) -> Table:
    """Return the numbers behind each decision."""
    note = "Differences are absolute, in the metric's unit. MDE is the smallest difference found with 80 % power."
    return result.table("details", title="Details", note=note)


def exclusions(result: AnalysisResult) -> Table:
    """Return the rows that were used or excluded, per metric and variant; results made by hand have no counts."""
    counted = [row for row in result.results if row.exclusions.rows_in]
    arms = [arm for row in counted for arm in (row.exclusions.control, row.exclusions.treatment)]
    # Most experiments have no strata.
    keys = [key for key in COUNTS if key not in OF_STRATA or any(getattr(arm, key) for arm in arms)]
    rows = [
        (row.metric_name, setting(label), *(count(getattr(arm, key)) for key in keys))
        for row in counted
        for label, arm in ((row.control, row.exclusions.control), (row.treatment, row.exclusions.treatment))
    ]
    numbers = tuple(COUNTS[key] for key in keys)
    return Table(
        title="Where the rows went",
        note=_outside(counted[0].exclusions) if counted else "",
        columns=("Metric", "Variant", *numbers),
        rows=dict.fromkeys(rows),  # the control arm of a metric is the same for every treatment
        right=numbers,
    )


def _outside(counts: Exclusions) -> str:
    total, missing = count(counts.rows_in), count(counts.missing_label)
    return f"Of {total} rows in the data, {missing} have no variant label; rows of variants not compared are left out."


def checks(result: AnalysisResult) -> Table:
    """Return the diagnostics made with the analysis."""
    state = {True: "passed", False: "failed", None: "not made"}
    return Table(
        title="Checks",
        columns=("Check", "Outcome", "p", "Finding"),
        rows=tuple((words(c.name), state[c.passed], p_value(c.p_value), c.message) for c in result.checks),
        marks=tuple(state[c.passed] for c in result.checks),
        right={"p"},
    )


def balance(result: AnalysisResult) -> Table:
    """Return the covariates' balance before the experiment."""
    diagnostics = result.to_dict()["covariate_balance"] or {}
    rows, marks = [], []
    for covariate, row in diagnostics.items():
        smd = row.get("smd")
        state = "not made" if smd is None else "failed" if is_imbalanced(smd) else "passed"
        outcome = {"failed": "imbalanced", "passed": "balanced", "not made": str(row.get("reason") or "not estimable")}
        means = significant(row.get("mean_control")), significant(row.get("mean_treatment"))
        rows.append((covariate, *means, significant(smd, signed=True), outcome[state]))
        marks.append(state)
    return Table(
        title="Covariate balance",
        note=f"SMD is the standardized mean difference; from {IMBALANCE:g} on a covariate counts as imbalanced.",
        columns=("Covariate", "Mean, control", "Mean, treatment", "SMD", "Outcome"),
        rows=rows,
        marks=marks,
        right={"Mean, control", "Mean, treatment", "SMD"},
    )


def provenance(result: AnalysisResult) -> Table:
    """Return how the numbers were made: the analysis' settings, then the code behind each part."""
    metadata = result.to_dict()["analysis"]  # as plain values: a label may be of a type of NumPy
    rows = [(words(str(key)), setting(value)) for key, value in metadata.items() if value not in (None, [], {})]
    # One line per plugin with its metrics, not per metric: most metrics share all of them. Dicts keep the order.
    makers: dict[str, dict[str, None]] = {}
    for row in result.results:
        for made_by in row.provenance.values():
            makers.setdefault(str(made_by), {})[row.metric_name] = None
    rows += [(text, ", ".join(names)) for text, names in makers.items()]
    return Table(title="How these numbers were made", columns=("What", "Value"), rows=rows)


def tables_of(result: AnalysisResult) -> list[Table]:
    """Return the report's tables in reading order, without empty ones."""
    # Checks stand before the numbers behind the decisions, as a failed one makes those unreliable.
    made = [make(result) for make in (headline, checks, details, exclusions, balance, provenance)]
    return [table for table in made if table.rows]
