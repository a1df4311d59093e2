"""Report of the command `power`: text, a table and data for programs."""

from typing import Any

from xpyrment_core import Report, Table
from xpyrment_power.answer import Answer
from xpyrment_power.curve import STEPS, CurvePoint, curve, describe_alpha, describe_test
from xpyrment_power.design import Design
from xpyrment_power.solve import days_for
from xpyrment_power.weeks import WeeklyEffects

TITLE = "POWER & REQUIRED SAMPLE SIZE"


def report_of(answer: Answer, with_curve: bool = False, saved: str | None = None) -> Report:
    """Turn an answer into the report of the command."""
    points = curve(answer, STEPS) if with_curve else ()
    data = _data(answer)
    text = "\n".join([TITLE, "=" * len(TITLE), *_lines(answer), *_notes(answer)])
    parts: list[Table | str] = [text + "\n" if points else text]
    if points:
        parts.append(_curve_table(answer, points))
        data["curve"] = [_record(answer, point) for point in points]
    if saved is not None:
        parts.append(f"\nPower curve saved as {saved}")
    # As CSV: one row per point of the curve, or the answer alone as one row.
    records = data.get("curve") or [data]
    table = Table(columns=tuple(records[0]), rows=[tuple(record.values()) for record in records])
    return Report(kind="power", title="Power and required sample size", parts=parts, data=data, csv=table)


def report_of_weeks(effects: WeeklyEffects) -> Report:
    """Turn the detectable effects by week into the report of the command."""
    from attrs import asdict

    records = [asdict(week) for week in effects.weeks]
    columns = {"week": "Week", "control": "Control", "treatment": "Treatment", "total": "Total", "mde": "MDE"}
    if effects.design.baseline:
        columns["relative_mde"] = "MDE (Rel)"
    shown = Table(
        columns=tuple(columns.values()),
        rows=[tuple(record[key] for key in columns) for record in records],
        title=f"Detectable effect at {effects.daily_traffic:,.6g} units per day, power {effects.power:g}",
        right=frozenset(columns.values()),
        formats={"Control": ",", "Treatment": ",", "Total": ",", "MDE": ".6g", "MDE (Rel)": "+.3%"},
    )
    reasons = [f"\nWeek {week.week}: {week.reason}" for week in effects.weeks if week.reason]
    data = {"daily_traffic": effects.daily_traffic, "power": effects.power, "weeks": records}
    table = Table(columns=tuple(records[0]), rows=[tuple(record.values()) for record in records])
    title = "Minimum detectable effect by week"
    return Report(kind="power", title=title, parts=[shown, *reasons], data=data, csv=table)


def _line(label: str, value: object) -> str:
    return f"{label:<32}: {value}"


def _lines(answer: Answer) -> list[str]:
    return [*_question(answer), "", *_sizes(answer)]


def _question(answer: Answer) -> list[str]:
    design = answer.design
    lines = [_line("Test", describe_test(answer)), _line("Significance Level", describe_alpha(answer))]
    if design.is_proportion:
        lines.append(_line("Outcome", f"proportion, baseline {design.baseline:.6g}"))
    else:
        mean = "" if design.baseline is None else f", baseline {design.baseline:.6g}"
        lines.append(_line("Outcome", f"mean, std {design.std:.6g}{mean}"))
    if design.covariate_correlation:
        share = design.covariate_correlation**2
        lines.append(
            _line("Covariate Adjustment", f"correlation {design.covariate_correlation:g}, {share:.1%} less variance")
        )
    if design.margin:
        lines.append(_line("Non-inferiority Margin", f"{design.margin:.6g}"))
    if answer.ratio != 1:
        lines.append(_line("Allocation Ratio", f"{answer.ratio:.6g} in treatment for each unit in control"))
    lines += _clusters(design)
    # A non-inferiority test assumes an effect, often 0, and shows that it is not worse than the margin.
    name = "Expected Effect" if design.margin else "Minimum Detectable Effect"
    lines.append(_line(name, _effect_text(answer)))
    if answer.target is not None:
        lines.append(_line("Target Power", f"{answer.target:.6g}"))
    lines.append(_line("Power" if answer.target is None else "Achieved Power", f"{answer.power:.4f}"))
    return lines


def _clusters(design: Design) -> list[str]:
    if design.cluster_size is None:
        return []
    cv = f", coefficient of variation {design.cluster_cv:g}" if design.cluster_cv else ""
    return [
        _line("Cluster Size", f"{design.cluster_size:g}{cv}"),
        _line("Intracluster Correlation", f"{design.icc:g}, design effect {design.design_effect:.4g}"),
    ]


def _effect_text(answer: Answer) -> str:
    share = answer.relative_effect
    return f"{answer.effect:.6g}" + (f" ({100 * share:+.4g}% of the baseline)" if share else "")


def _sizes(answer: Answer) -> list[str]:
    word = "Required " if answer.solved_for == "sample_size" else ""
    arms = answer.design.arms
    each = f" (each of {arms})" if arms > 1 else ""
    control, treatment = ("" if n is None else f" in {n:,} clusters" for n in _cluster_counts(answer))
    lines = [
        _line(f"{word}Control Group Size", f"{answer.control:,}{control}"),
        _line(f"{word}Treatment Group Size", f"{answer.treatment:,}{treatment}{each}"),
        _line(f"Total {word}Sample Size", f"{answer.total:,}"),
    ]
    if answer.days is not None:
        assert answer.daily_traffic is not None
        days = f"{answer.days:,} day{'s' if answer.days != 1 else ''}"
        lines.append(_line("Duration", f"{days} at {answer.daily_traffic:,.6g} units per day"))
    return lines


def _cluster_counts(answer: Answer) -> tuple[int | None, int | None]:
    return answer.control_clusters, answer.treatment_clusters


def _notes(answer: Answer) -> list[str]:
    if not answer.design.is_proportion:
        return []
    if answer.design.margin:
        return ["", "Variance: unpooled throughout (Blackwelder 1982)."]
    return ["", "Variance: pooled under the null, unpooled otherwise (as R's power.prop.test)."]


def _curve_table(answer: Answer, points: tuple[CurvePoint, ...]) -> Table:
    by_effect = answer.solved_for == "mde"
    records = [_record(answer, point) for point in points]
    names = {"mde": "Effect", "relative_mde": "Lift", "control": "Control", "treatment": "Treatment", "total": "Total"}
    names |= {"days": "Days", "power": "Power"}
    shown = ["mde", "relative_mde", "power"] if by_effect else ["control", "treatment", "total", "days", "power"]
    # Days and lifts have a column only where traffic or a baseline was given.
    shown = [key for key in shown if records[0][key] is not None]
    columns = tuple(names[key] for key in shown)
    formats = {"Effect": ".6g", "Lift": "+.2%", "Power": ".1%"} | dict.fromkeys(
        ("Control", "Treatment", "Total", "Days"), ","
    )
    held = f"{answer.control:,} in control" if by_effect else f"an effect of {answer.effect:.6g}"
    return Table(
        columns=columns,
        rows=[tuple(record[key] for key in shown) for record in records],
        title=f"Power with {held}",
        right=frozenset(columns),
        formats=formats,
    )


def _record(answer: Answer, point: CurvePoint) -> dict[str, Any]:
    share = point.effect / answer.design.baseline if answer.design.baseline else None
    days = None if answer.daily_traffic is None else days_for(point.total, answer.daily_traffic)
    return {
        "control": point.control,
        "treatment": point.treatment,
        "total": point.total,
        "days": days,
        "mde": point.effect,
        "relative_mde": share,
        "power": point.power,
    }


def _data(answer: Answer) -> dict[str, Any]:
    design = answer.design
    return {
        "solved_for": answer.solved_for,
        "control": answer.control,
        "treatment": answer.treatment,
        "total": answer.total,
        "arms": design.arms,
        "mde": answer.effect,
        "relative_mde": answer.relative_effect,
        "power": answer.power,
        "target_power": answer.target,
        "alpha": design.alpha,
        "comparison_alpha": design.comparison_alpha,
        "ratio": answer.ratio,
        "test": design.test,
        "alternative": design.alternative,
        "std": design.std,
        "baseline": design.baseline,
        "covariate_correlation": design.covariate_correlation,
        "margin": design.margin,
        "icc": design.icc,
        "cluster_size": design.cluster_size,
        "cluster_cv": design.cluster_cv,
        "design_effect": design.design_effect,
        "control_clusters": answer.control_clusters,
        "treatment_clusters": answer.treatment_clusters,
        "daily_traffic": answer.daily_traffic,
        "days": answer.days,
    }
