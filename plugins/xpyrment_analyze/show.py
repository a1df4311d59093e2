"""Report of an analysis on the command line: tables of 80 columns, footnotes, saved plots and reports."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xpyrment_core import Report, Table
from xpyrment_core.cli.outputs import Output, plot_output, report_output, save_all
from xpyrment_core.cli.parameters import recorded_settings
from xpyrment_core.cli.writing import check_outputs
from xpyrment_core.plots.numbers import missing, plain_percent

if TYPE_CHECKING:
    from xpyrment_core import AnalysisResult, Experiment, MetricResult


def finish(
    experiment: "Experiment",
    options: Mapping[str, Any],
    data: str,
    *,
    inputs: Sequence[str] = (),
    plot: Path | None = None,
    report: Path | None = None,
    dry_run: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> Report:
    """Explain or run the analysis, save the plot and the report requested, and return the report."""
    check_outputs([("plot", plot), ("report", report)], inputs)
    # First, so that an unknown suffix or a missing library is reported before a long analysis.
    plots = [] if plot is None else [plot_output(experiment.plugins, plot)]
    reports = [] if report is None else [report_output(experiment.plugins, report)]
    if dry_run:
        text = experiment.explain(**options)
        return Report(kind="explain", title="Dry run", parts=[text], data={"explain": text})
    result = experiment.run_analysis(**options)
    result.metadata |= dict(metadata or {})
    if settings := recorded_settings():  # what was decided by neither the command line nor the experiment file
        result.metadata["settings"] = settings
    made: list[tuple[Output, Callable[[], Any]]] = []
    made += [(output, partial(result.plot, output.entry.qualified)) for output in plots]
    made += [(output, partial(result.export, output.entry.qualified)) for output in reports]
    return report_of(result, data, *save_all(made))


def report_of(result: "AnalysisResult", data: str, saved: list[str], problem: str = "") -> Report:
    """Turn an analysis into the report of a command; `problem` is why an output was not saved."""
    meta = result.metadata
    arms = ", ".join(str(label) for label in meta["treatments"])
    head = [f"{Path(data).name if data != '-' else 'standard input'}: {arms} against {meta['control']}"]
    correction = f", corrected by {meta['correction']}" if meta["correction"] else ""
    strata = f", strata of {meta['strata_col']!r}" if meta.get("strata_col") else ""
    head.append(f"alpha = {result.alpha:g}{correction}{strata}, look {meta['look']}")
    # Guards on the units come first: they decide whether the rest means anything.
    guards = [_wrapped(f"VERDICTS WITHHELD: {meta['withheld']}.") + "\n"] if meta["withheld"] else []
    parts: list[Table | str] = ["\n".join([*guards, *head])]
    for table in _tables(result):
        parts += ["", table]
    parts += _footnotes(result)
    parts += [f"\n{line}" for line in saved]
    nothing = all(row.status != "ok" for row in result.results)
    return Report(
        kind="analysis",
        title="Experiment analysis",
        parts=parts,
        data=result.to_dict(),
        csv=_records(result),
        exit_code=1 if nothing or problem else 0,
        error=" ".join(filter(None, [_nothing_estimable(result) if nothing else "", problem])),
    )


def _nothing_estimable(result: "AnalysisResult") -> str:
    reasons = dict.fromkeys(f"{row.metric_name}: {row.reason}" for row in result.results)
    return f"no metric could be estimated; {'; '.join(reasons)}."


def _tables(result: "AnalysisResult") -> list[Table]:
    """Return one table per treatment; its name is the title where there are several."""
    treatments = list(dict.fromkeys(row.treatment for row in result.results))
    several = len(treatments) > 1
    return [result.table("terminal", treatment=name, title=str(name) if several else "") for name in treatments]


def _footnotes(result: "AnalysisResult") -> list[str]:
    lines = _registration(result.metadata.get("plan", {}))
    missing = result.metadata["rows_missing_label"]
    if missing:
        lines.append(f"{missing:,} row{'s' if missing > 1 else ''} without a variant left out")
    compared = {str(label) for label in (result.metadata["control"], *result.metadata["treatments"])}
    others = [f"{label} ({rows:,})" for label, rows in result.metadata["rows"].items() if label not in compared]
    if others:
        lines.append(f"Rows of labels that are not compared: {', '.join(others)}")
    if result.metadata["correction"]:
        lines.append("Intervals are each metric's own; p-values and verdicts are corrected for all together")
    # Several rows may have the same note, and one check may be worded like an issue: each line is printed once.
    several = len(result.metadata["treatments"]) > 1
    for row in result.results:
        name = f"{row.metric_name} ({row.treatment})" if several else row.metric_name
        lines += [f"{name}: {text}" for text in _notes(row)]
    lines += _checks(result)
    lines += [issue.message for issue in result.issues]
    return ["", *(_wrapped(line) for line in dict.fromkeys(lines))] if lines else []


def _registration(plan: "Mapping[str, Any]") -> list[str]:
    """Return what a reader of a registered analysis must know about its registration."""
    lines, when = [], plan.get("registered")
    if plan.get("data_changes"):
        lines.append(f"DATA CHANGED since the plan was registered on {when}: {plan['data_changes']}")
    if earlier := plan.get("earlier_registrations"):
        lines.append(f"The plan was registered {earlier + 1} times, the last time on {when}")
    return lines


def _notes(row: "MetricResult") -> list[str]:
    """Return the footnotes of one comparison."""
    notes = [row.reason] if row.reason else []
    if row.adjuster:
        notes.append(f"adjusted by {row.adjuster} with {', '.join(row.covariates)}{_reduction(row.variance_reduction)}")
    arms = row.exclusions.control, row.exclusions.treatment
    used, rows = sum(arm.used for arm in arms), sum(arm.rows_in for arm in arms)
    if row.status == "ok" and used != rows:
        notes.append(f"{used:,} of {rows:,} rows used")
    return [*notes, *row.notes]


def _reduction(reduction: float | None) -> str:
    return "" if reduction is None or missing(reduction) else f", variance {plain_percent(-reduction, 1)}"


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 80, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _checks(result: "AnalysisResult") -> list[str]:
    passed = [check.name.replace("_", " ") for check in result.checks if check.passed]
    lines = [f"Checks passed: {', '.join(passed)}"] if passed else []
    for check in result.checks:
        if not check.passed:
            # None: the check could not be made, which is neither passed nor failed.
            word = "CHECK FAILED" if check.passed is False else "Check not made"
            lines.append(f"{word}: {check.message or check.name}")
    return lines


def _records(result: "AnalysisResult") -> Table:
    # Nested values, such as exclusions, have no place in a cell of a CSV file.
    keys = [key for key, value in result.raw_results[0].items() if not isinstance(value, dict | list)]
    return Table(columns=keys, rows=[[row[key] for key in keys] for row in result.raw_results])
