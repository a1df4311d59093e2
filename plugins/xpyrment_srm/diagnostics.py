"""Checks of the counts of every analysis: units, sample ratio, missing outcomes."""

from collections.abc import Mapping
from typing import Any

from xpyrment_core import ArmLedger, CheckContext, CheckResult, InputError
from xpyrment_core.plots.numbers import p_phrase
from xpyrment_srm.check import THRESHOLD, compare
from xpyrment_srm.exact import two_proportions

SHOWN = 3


def units(context: CheckContext) -> CheckResult | None:
    """Check that every unit is in one variant; None where each row is a unit."""
    report = context.units
    if report is None:
        return None
    # Any crossed unit fails the check: assignment by unit cannot produce one, so there is no rate to tolerate.
    crossed, rows = report.in_two_arms, sum(report.rows_in_two_arms.values())
    without = sum(report.rows_without_unit.values())
    return CheckResult(
        name="units",
        passed=crossed == 0,
        message=_units_message(crossed, rows, without),
        details={
            "units_in_two_arms": crossed,
            "rows_left_out": rows,
            "rows_without_unit": without,
            "repeated": report.repeated,
        },
    )


def _units_message(crossed: int, rows: int, without: int) -> str:
    message = "every unit is in one variant"
    if crossed:
        message = (
            f"{crossed:,} unit{'s are' if crossed > 1 else ' is'} in more than one variant; "
            f"their {rows:,} rows are left out. Is this column what was randomised?"
        )
    if without:
        message += f"{' And' if crossed else ';'} {without:,} rows without a unit are left out"
    return message


def sample_ratio(context: CheckContext) -> CheckResult | None:
    """Check the units per variant of the design against the planned weights; None with one variant only.

    Without weights, equal ones are expected of the variants that are compared. Labels without a
    planned weight, such as those of a test account, are reported and do not enter the test.
    """
    planned = set(context.weights or (context.control, *context.treatments))
    counts = {label: n for label, n in context.counts.items() if label in planned}
    if len(set(counts) | set(context.weights or ())) < 2:
        return None
    others = {label: n for label, n in context.counts.items() if n and label not in planned}
    try:
        return compare(counts, context.weights, missing=context.rows_missing_label, others=others)
    except InputError as error:  # weights that do not fit the data are no reason to withhold the effects
        return CheckResult(name="sample_ratio", passed=None, message=str(error))


def missingness(context: CheckContext) -> CheckResult | None:
    """Check that no treatment loses more, or fewer, of its outcomes than control.

    Each metric and treatment is tested by chi-square, or by Fisher's exact test where counts are
    small. Where units have several rows, whose outcomes go missing together, the counts are scaled
    down to units. The check fails where some p-value, multiplied by the number of comparisons
    (Bonferroni), is below 0.001: with any number of metrics, at most one valid analysis in a
    thousand fails it, as for the sample ratio. None without metrics.
    """
    if not context.exclusions:
        return None
    compared = [
        _compare(metric, treatment, exclusions.control, exclusions.treatment)
        for (metric, treatment), exclusions in context.exclusions.items()
    ]
    tested = [row for row in compared if row["p_value"] is not None]
    if not tested:
        return CheckResult(
            name="missingness", passed=True, message="no outcomes are missing", details={"comparisons": compared}
        )
    for row in tested:
        # Bonferroni holds for any dependence: metrics of one experiment often lack the same rows.
        row["adjusted_p_value"] = min(1.0, row["p_value"] * len(tested))
    worst = min(tested, key=lambda row: row["p_value"])
    failed = [row for row in tested if row["adjusted_p_value"] < THRESHOLD]
    return CheckResult(
        name="missingness",
        passed=not failed,
        p_value=worst["adjusted_p_value"],
        message=_message(failed, worst),
        details={"threshold": THRESHOLD, "comparisons": compared},
    )


def _compare(metric: str, treatment: Any, control_arm: ArmLedger, treatment_arm: ArmLedger) -> dict[str, Any]:
    arms = {"control": control_arm, "treatment": treatment_arm}
    row: dict[str, Any] = {"metric": metric, "treatment": str(treatment), "p_value": None, "method": None}
    for name, arm in arms.items():
        row[f"missing_{name}"] = arm.missing_outcome
        row[f"rows_{name}"] = arm.missing_outcome + arm.small_stratum + arm.non_finite + arm.used
    if row["missing_control"] + row["missing_treatment"] == 0:
        return row
    missing, present = zip(*(_in_units(arm) for arm in arms.values()), strict=True)
    row["p_value"], row["method"] = two_proportions(missing, present)
    return row


def _in_units(arm: ArmLedger) -> tuple[float, float]:
    """Return missing and present outcomes, scaled to units where they have several rows each."""
    # The outcomes of a unit go missing together, so rows would overstate the evidence; infinite values were logged,
    # and count as present.
    scale = arm.units / arm.used if 0 < arm.units < arm.used else 1.0
    return arm.missing_outcome * scale, (arm.small_stratum + arm.used + arm.non_finite) * scale


def _message(failed: list[dict[str, Any]], worst: Mapping[str, Any]) -> str:
    if not failed:
        return f"outcomes are missing alike in treatment and control (least {p_phrase(worst['adjusted_p_value'])})"
    texts = [
        f"{row['metric']} ({_share(row, 'control')} of control, {_share(row, 'treatment')} of {row['treatment']})"
        for row in failed
    ]
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return (
        f"outcomes are missing more often in one variant: {', '.join(texts[:SHOWN])}{more}; "
        f"{p_phrase(worst['adjusted_p_value'])}, so effects on the remaining units may be biased"
    )


def _share(row: Mapping[str, Any], arm: str) -> str:
    rows = row[f"rows_{arm}"]
    return f"{row[f'missing_{arm}'] / rows:.2%}" if rows else "none"
