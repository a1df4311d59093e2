"""Showing an analysis on the command line: tables at 80 columns, footnotes, saved plots and reports."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xpyrment_core import Report, Table
from xpyrment_core.cli.outputs import plot_output, report_output

if TYPE_CHECKING:
    from xpyrment_core import AnalysisResult, Experiment


def finish(
    experiment: "Experiment",
    options: Mapping[str, Any],
    data: str,
    *,
    plot: Path | None = None,
    report: Path | None = None,
    dry_run: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> Report:
    """Explain or run the analysis, save what was asked for, and report it."""
    plots = [] if plot is None else [plot_output(experiment.plugins, plot)]
    reports = [] if report is None else [report_output(experiment.plugins, report)]
    if dry_run:
        text = experiment.explain(**options)
        return Report(kind="explain", title="Dry run", parts=[text], data={"explain": text})
    result = experiment.run_analysis(**options)
    result.metadata |= dict(metadata or {})
    saved = [output.save(result.plot(output.entry.qualified)) for output in plots]
    saved += [output.save(result.export(output.entry.qualified)) for output in reports]
    return report_of(result, data, saved)


def report_of(result: "AnalysisResult", data: str, saved: list[str]) -> Report:
    """Turn an analysis into the report of a command."""
    meta = result.metadata
    arms = ", ".join(str(label) for label in meta["treatments"])
    head = [f"{Path(data).name if data != '-' else 'standard input'}: {arms} against {meta['control']}"]
    correction = f", corrected by {meta['correction']}" if meta["correction"] else ""
    head.append(f"alpha = {result.alpha:g}{correction}, look {meta['look']}")
    parts: list[Table | str] = ["\n".join(head)]
    for table in _tables(result):
        parts += ["", table]
    parts += _footnotes(result)
    parts += [f"\n{line}" for line in saved]
    return Report(
        kind="analysis", title="Experiment analysis", parts=parts, data=result.to_dict(), csv=_records(result)
    )


def _tables(result: "AnalysisResult") -> list[Table]:
    """Return one table per treatment; its name is the title where there are several."""
    treatments = list(dict.fromkeys(row["treatment"] for row in result.raw_results))
    return [
        _table(
            [row for row in result.raw_results if row["treatment"] == treatment],
            result.alpha,
            f"{treatment}" if len(treatments) > 1 else "",
        )
        for treatment in treatments
    ]


def _table(rows: Sequence[Mapping[str, Any]], alpha: float, title: str) -> Table:
    from xpyrment_core.plots.numbers import interval_header, interval_text, stars

    cells = []
    for row in rows:
        interval = interval_text(row["rel_ci_lower"], row["rel_ci_upper"], row["alternative"], "{:+.1%}")
        p_value = row["p_value"]
        p_text = "N/A" if p_value is None else f"{p_value:.4f}{stars(p_value, alpha)}"
        lift = "N/A" if row["relative_lift"] is None else f"{row['relative_lift']:+.1%}"
        means = (row["control_mean"], row["treatment_mean"])
        cells.append([row["metric_name"], *means, lift, interval, p_text, _verdict(row)])
    header = interval_header(alpha).replace(" (Rel)", " of lift")
    numbers = ("Control", "Treated", "Lift", header)
    return Table(
        columns=("Metric", *numbers, "p-value", "Verdict"),
        rows=cells,
        title=title,
        right=set(numbers),
        keep={*numbers, "p-value", "Verdict"},
        formats={"Control": ".4g", "Treated": ".4g"},
    )


def _verdict(row: Mapping[str, Any]) -> str:
    return "not estimable" if row["status"] != "ok" else str(row["verdict"])


def _footnotes(result: "AnalysisResult") -> list[str]:
    lines = []
    missing = result.metadata["rows_missing_label"]
    if missing:
        lines.append(f"{missing:,} row{'s' if missing > 1 else ''} without a variant left out")
    if result.metadata["correction"]:
        lines.append("Intervals are each metric's own; p-values and verdicts are corrected for all together")
    several = len(result.metadata["treatments"]) > 1
    for row in result.raw_results:
        name = f"{row['metric_name']} ({row['treatment']})" if several else row["metric_name"]
        used = sum(row["exclusions"][side]["used"] for side in ("control", "treatment"))
        came = sum(row["exclusions"][side]["rows_in"] for side in ("control", "treatment"))
        if row["reason"]:
            lines.append(f"{name}: {row['reason']}")
        if row["adjuster"]:
            saved = row["variance_reduction"]
            less = (
                f", variance {-saved:+.1%}".replace("+0.0%", "0.0%").replace("-0.0%", "0.0%")
                if saved is not None
                else ""
            )
            lines.append(f"{name}: adjusted by {row['adjuster']} with {', '.join(row['covariates'])}{less}")
        if row["status"] == "ok" and used != came:
            lines.append(f"{name}: {used:,} of {came:,} rows used")
        lines += [f"{name}: {note}" for note in row["notes"]]
    lines += _checks(result)
    lines += [issue.message for issue in result.issues]
    return ["", *(_wrapped(line) for line in dict.fromkeys(lines))] if lines else []


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 80, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _checks(result: "AnalysisResult") -> list[str]:
    passed = [check.name.replace("_", " ") for check in result.checks if check.passed]
    lines = [f"Checks passed: {', '.join(passed)}"] if passed else []
    for check in result.checks:
        if not check.passed:
            word = "CHECK FAILED" if check.passed is False else "Check not made"
            lines.append(f"{word}: {check.message or check.name}")
    return lines


def _records(result: "AnalysisResult") -> Table:
    keys = [key for key, value in result.raw_results[0].items() if not isinstance(value, dict | list)]
    return Table(columns=keys, rows=[[row[key] for key in keys] for row in result.raw_results])
