"""The command ``xpyrment analyze``."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from xpyrment_core.cli_experiment import arms_of, experiment_of, parse_weights
from xpyrment_core.cli_plan import analyze_plan
from xpyrment_core.cli_types import CommaList, DataPath
from xpyrment_core.errors import InputError
from xpyrment_core.options import Alternative, RelativeMethod
from xpyrment_core.report import Report, Table

if TYPE_CHECKING:
    from xpyrment_core.analysis_result import AnalysisResult
    from xpyrment_core.experiment import Experiment


def analyze(
    data: DataPath,
    /,
    *,
    treatment_col: Annotated[
        str | None, Parameter(help="Column with each row's variant; needed unless DATA is an experiment file.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        Parameter(
            help="A metric: revenue, converted:proportion, ctr=clicks/impressions, p90=ms:quantile,q=0.9. Repeatable.",
            negative="",
            metavar="METRIC",
        ),
    ] = None,
    covariate: Annotated[
        CommaList | None, Parameter(name=["--covariate", "--covariates"], help="Baseline columns to adjust with.")
    ] = None,
    control: Annotated[
        str | None, Parameter(help="Control label; by default 'control' in any case, else the first in order.")
    ] = None,
    treatment: Annotated[CommaList | None, Parameter(help="Treatment label(s); by default every other arm.")] = None,
    alpha: Annotated[float, Parameter(help="Significance level; intervals have level 1 - alpha.")] = 0.05,
    correction: Annotated[
        str | None, Parameter(help="Multiplicity correction: holm, bonferroni, fdr_bh … or a plugin's.")
    ] = None,
    test: Annotated[
        str | None, Parameter(help="Test for every metric; by default each kind of metric has its own.")
    ] = None,
    adjuster: Annotated[str | None, Parameter(help="cuped (default with covariates), ols, lin, or none.")] = None,
    alternative: Annotated[Alternative, Parameter(help="What the treatment is suspected to be.")] = "two-sided",
    relative_interval: Annotated[RelativeMethod, Parameter(help="How the lift's interval is made.")] = "fieller",
    id_col: Annotated[
        str | None, Parameter(help="Column of the unit of randomisation, where units have several rows.")
    ] = None,
    cluster_col: Annotated[str | None, Parameter(help="Column of a unit of randomisation above the id.")] = None,
    weights: Annotated[
        CommaList | None, Parameter(help="Planned shares, as control=0.9,treatment=0.1.", metavar="LABEL=SHARE,…")
    ] = None,
    plot: Annotated[Path | None, Parameter(help="Save the forest plot here: .png, .svg or .pdf.")] = None,
    report: Annotated[Path | None, Parameter(help="Save a report here: .html, .md, .json or .csv.")] = None,
    locked: Annotated[
        bool,
        Parameter(help="Of an experiment file: refuse if it changed since 'xpyrment register'.", negative=""),
    ] = False,
    dry_run: Annotated[
        bool, Parameter(help="Check everything and say what would be read; analyse nothing.", negative="")
    ] = False,
) -> Report:
    """Analyse an experiment: every metric, with intervals and checks.

    DATA is a CSV or Parquet file (or a glob of them), - for CSV on standard input, or an experiment
    file ending in .toml (see 'xpyrment init'), which says everything else itself.
    """
    if data.endswith(".toml"):
        given = {"--treatment-col": treatment_col, "--metric": metric, "--covariate": covariate, "--control": control}
        _only_outputs(data, given)
        return analyze_plan(data, locked=locked, plot=plot, report=report, dry_run=dry_run)
    if locked:
        raise InputError("--locked is for experiment files; got a data file. Write one with 'xpyrment init'.")
    experiment = experiment_of(data, treatment_col, metric, covariate, id_col, cluster_col)
    arms = arms_of(experiment, control, treatment, None if weights is None else parse_weights(weights))
    options: dict[str, Any] = {
        **arms,
        "alpha": alpha,
        "multi_test_correction": correction,
        "covariates": covariate,
        "adjuster": adjuster,
        "alternative": alternative,
        "relative_interval": relative_interval,
    }
    if test is not None:
        options["test"] = test
    return finish(experiment, options, data, plot=plot, report=report, dry_run=dry_run)


def _only_outputs(data: str, given: Mapping[str, Any]) -> None:
    for option, value in given.items():
        if value:
            raise InputError(f"{option} cannot be given beside '{data}': the experiment file says it; edit it there.")


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
    if dry_run:
        text = experiment.explain(**options)
        return Report(kind="explain", title="Dry run", parts=[text], data={"explain": text})
    result = experiment.run_analysis(**options)
    result.metadata |= dict(metadata or {})
    saved = []
    if plot is not None:
        saved.append(_save_plot(result, plot))
    if report is not None:
        saved.append(_save_report(result, report))
    return report_of(result, data, saved)


def _save_plot(result: "AnalysisResult", path: Path) -> str:
    axes = result.plot()
    try:
        axes.figure.savefig(path, bbox_inches="tight", dpi=150)
    except (OSError, ValueError) as error:
        raise InputError(f"the plot cannot be saved as '{path}': {error}.") from error
    return f"Plot saved as {path}"


FORMS = {".html": "html", ".md": "markdown", ".json": "json", ".csv": "csv"}


def _save_report(result: "AnalysisResult", path: Path) -> str:
    if path.suffix not in FORMS:
        raise InputError(f"the report cannot be saved as '{path}': wanted a name ending in {', '.join(FORMS)}.")
    text = result.export(FORMS[path.suffix])
    try:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    except OSError as error:
        raise InputError(f"the report cannot be saved as '{path}': {error.strerror}.") from error
    return f"Report saved as {path}"


def report_of(result: "AnalysisResult", data: str, saved: list[str]) -> Report:
    """Turn an analysis into the report of a command."""
    meta = result.metadata
    arms = ", ".join(str(label) for label in meta["treatments"])
    head = [f"{Path(data).name if data != '-' else 'standard input'}: {arms} against {meta['control']}"]
    correction = f", corrected by {meta['correction']}" if meta["correction"] else ""
    head.append(f"alpha = {result.alpha:g}{correction}, look {meta['look']}")
    parts: list[Table | str] = ["\n".join(head) + "\n", *_tables(result)]
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
    from xpyrment_core.analysis_result import interval_header, interval_text, stars

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
        title=f"\n{title}" if title else "",
        right=set(numbers),
        keep={*numbers, "p-value", "Verdict"},
        formats={"Control": ".4g", "Treated": ".4g"},
    )


def _verdict(row: Mapping[str, Any]) -> str:
    return "not estimable" if row["status"] != "ok" else str(row["verdict"])


def _footnotes(result: "AnalysisResult") -> list[str]:
    lines = []
    several = len(result.metadata["treatments"]) > 1
    for row in result.raw_results:
        name = f"{row['metric_name']} ({row['treatment']})" if several else row["metric_name"]
        used = sum(row["exclusions"][side]["used"] for side in ("control", "treatment"))
        came = sum(row["exclusions"][side]["rows_in"] for side in ("control", "treatment"))
        if row["reason"]:
            lines.append(f"{name}: {row['reason']}")
        if row["adjuster"]:
            saved = row["variance_reduction"]
            less = f", variance {-saved:+.1%}" if saved is not None else ""
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
