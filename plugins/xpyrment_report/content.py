"""What a report says, as plain tables of text that any format can lay out."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from xpyrment_core import AnalysisResult
from xpyrment_core.plots.numbers import interval_header, interval_text
from xpyrment_report.numbers import DASH, count, number, p_value, percent, plain

FLAGGED = 0.1
VERDICTS = {
    "better": "Better",
    "worse": "Worse",
    "non-inferior": "Non-inferior",
    "not shown": "Non-inferiority not shown",
    "inconclusive": "No clear difference",
    "missing": "Not estimable",
}
EXCLUDED = ("missing_unit", "in_two_arms", "missing_outcome", "non_finite")
Raw = Mapping[str, Any]


@frozen(kw_only=True)
class Table:
    """A table of a report.

    Attributes
    ----------
    title : str
    note : str
        One sentence on how to read it.
    columns : tuple of str
    rows : tuple of tuple of str
    marks : tuple of str
        A word per row (a verdict, ``"failed"`` …) that a format may colour by; may be empty.
    text_columns : frozenset of str
        Columns of words; all others are numbers and stand at the right.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    marks: tuple[str, ...] = ()
    text_columns: frozenset[str] = frozenset()


def title_of(result: AnalysisResult) -> str:
    """Return the report's title: what was compared with what."""
    treatments = list(dict.fromkeys(plain(raw.get("treatment", "treatment")) for raw in result.raw_results))
    control = plain(result.raw_results[0].get("control", "control")) if result.raw_results else "control"
    versus = ", ".join(treatments[:4]) + (f" and {len(treatments) - 4} more" if len(treatments) > 4 else "")
    return f"Experiment report: {versus or 'treatment'} vs {control}"


def lead_of(result: AnalysisResult) -> list[str]:
    """Return the findings in a few sentences: verdicts counted, then how they were reached."""
    verdicts = Counter(verdict_of(raw) for raw in result.raw_results)
    total = len(result.raw_results)
    found = [f"{verdicts[key]} {words.lower()}" for key, words in VERDICTS.items() if verdicts[key]]
    corrections = sorted({str(raw["correction"]) for raw in result.raw_results if raw.get("correction")})
    how = f"p-values are corrected by {', '.join(corrections)}" if corrections else "p-values are not corrected"
    look = result.metadata.get("look")
    again = f" This is look {look} at the data: every further look makes a false positive likelier." if look else ""
    return [
        f"{total} comparison{'s' if total != 1 else ''}: {', '.join(found)}.",
        f"Significance level {result.alpha:g}; {how}." + (again if isinstance(look, int) and look > 1 else ""),
    ]


def warnings_of(result: AnalysisResult) -> list[str]:
    """Return what a reader has to know before believing any number: failed checks and errors of gates."""
    failed = [check.message for check in result.checks if check.passed is False]
    return failed + [issue.message for issue in result.issues if issue.severity != "info"]


def verdict_of(raw: Raw) -> str:
    """Return a row's verdict; a row without one is not estimable or has no clear difference."""
    if raw.get("status", "ok") != "ok":
        return "missing"
    verdict = raw.get("verdict")
    return verdict if verdict in VERDICTS else "inconclusive"


def words(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ").replace("-", " ")


def headline(result: AnalysisResult) -> Table:
    """Return the decision table."""
    interval = interval_header(result.alpha).removesuffix(" (Rel)")
    rows = [
        (
            number(raw.get("control_mean")),
            number(raw.get("treatment_mean")),
            percent(raw.get("relative_lift")),
            relative(raw, "rel_ci"),
            p_value(raw.get("p_value")),
            VERDICTS[verdict_of(raw)] + (f": {raw['reason']}" if raw.get("reason") else ""),
        )
        for raw in result.raw_results
    ]
    return _per_metric(
        result,
        "Results",
        ("Control", "Treatment", "Lift", interval, "p", "Verdict"),
        rows,
        note="Lift is the relative difference of treatment from control, with its confidence interval.",
        text_columns=frozenset({"Verdict"}),
    )


def relative(raw: Raw, key: str) -> str:
    """Return a relative interval as text."""
    return _interval(raw, key, "{:+,.2%}")


def _interval(raw: Raw, key: str, form: str) -> str:
    low, high = raw.get(f"{key}_lower"), raw.get(f"{key}_upper")
    # The ends of a simultaneous interval may be open whatever the test's alternative.
    alternative = "greater" if key.startswith("simultaneous") else raw.get("alternative", "greater")
    text = interval_text(low, high, alternative, form)
    return DASH if text == "N/A" else text.replace("-", "−")


def details(result: AnalysisResult) -> Table:
    """Return the numbers behind each decision."""
    simultaneous = any(raw.get("simultaneous_method") for raw in result.raw_results)
    makers: dict[str, Callable[[Raw], str]] = {
        "Test": lambda raw: str(raw.get("test") or "–"),
        "Adjusted by": lambda raw: str(raw.get("adjuster") or "–"),
        "Difference": lambda raw: number(raw.get("absolute_difference"), signed=True),
        "Interval": lambda raw: _interval(raw, "ci", "{:+,.4g}"),
        "Std. error": lambda raw: number(raw.get("std_error")),
        "Statistic": lambda raw: number(raw.get("statistic"), signed=True),
        "df": lambda raw: number(raw.get("df")),
        "p uncorrected": lambda raw: p_value(raw.get("p_value_raw")),
        "Variance saved": lambda raw: percent(raw.get("variance_reduction"), signed=False),
        "MDE at 80 %": lambda raw: number(raw.get("mde")),
    }
    if simultaneous:
        makers["Simultaneous interval"] = lambda raw: relative(raw, "simultaneous_rel_ci")
    rows = [tuple(make(raw) for make in makers.values()) for raw in result.raw_results]
    note = "Differences are absolute, in the metric's unit. MDE is the smallest difference found with 80 % power."
    return _per_metric(result, "Details", tuple(makers), rows, note, frozenset({"Test", "Adjusted by"}))


def _per_metric(
    result: AnalysisResult,
    title: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, ...]],
    note: str = "",
    text_columns: frozenset[str] = frozenset(),
) -> Table:
    """Put metric, and treatment where there are several, before each row."""
    several = len({plain(raw.get("treatment")) for raw in result.raw_results}) > 1
    names = [
        (str(raw["metric_name"]), plain(raw.get("treatment"))) if several else (str(raw["metric_name"]),)
        for raw in result.raw_results
    ]
    return Table(
        title=title,
        note=note,
        columns=(*(("Metric", "Variant") if several else ("Metric",)), *columns),
        rows=tuple((*name, *row) for name, row in zip(names, rows, strict=True)),
        marks=tuple(verdict_of(raw) for raw in result.raw_results),
        text_columns=text_columns | {"Metric", "Variant"},
    )


def ledger(result: AnalysisResult) -> Table:
    """Return where every row of the data went, per metric and variant."""
    rows = []
    for raw in result.raw_results:
        exclusions = raw.get("exclusions") or {}
        for arm in ("control", "treatment"):
            counts = exclusions.get(arm) or {}
            cells = (*(count(counts.get(key)) for key in ("rows_in", *EXCLUDED, "used", "units")),)
            rows.append((str(raw["metric_name"]), plain(raw.get(arm, arm)), *cells))
    unique = tuple(dict.fromkeys(rows))  # the control arm of a metric is the same for every treatment
    names = ("Rows in", "No unit id", "In two arms", "No outcome", "Not finite", "Used", "Units")
    return Table(
        title="Where the rows went",
        note=_outside(result.raw_results[0].get("exclusions") or {}) if result.raw_results else "",
        columns=("Metric", "Variant", *names),
        rows=unique,
        text_columns=frozenset({"Metric", "Variant"}),
    )


def _outside(exclusions: Raw) -> str:
    total, missing = count(exclusions.get("rows_in")), count(exclusions.get("missing_label"))
    return f"Of {total} rows in the data, {missing} have no variant label; rows of variants not compared are left out."


def checks(result: AnalysisResult) -> Table:
    """Return the diagnostics made with the analysis."""
    state = {True: "passed", False: "failed", None: "not made"}
    return Table(
        title="Checks",
        columns=("Check", "Outcome", "p", "What it found"),
        rows=tuple((words(c.name), state[c.passed], p_value(c.p_value), c.message) for c in result.checks),
        marks=tuple(state[c.passed] for c in result.checks),
        text_columns=frozenset({"Check", "Outcome", "What it found"}),
    )


def balance(result: AnalysisResult) -> Table:
    """Return the covariates' balance before the experiment."""
    diagnostics = result.to_dict()["covariate_balance"] or {}
    rows, marks = [], []
    for covariate, row in diagnostics.items():
        smd = row.get("smd")
        state = "not made" if smd is None else "failed" if abs(smd) >= FLAGGED else "passed"
        outcome = {"failed": "imbalanced", "passed": "balanced", "not made": str(row.get("reason") or "not estimable")}
        means = number(row.get("mean_control")), number(row.get("mean_treatment"))
        rows.append((covariate, *means, "–" if smd is None else number(smd, signed=True), outcome[state]))
        marks.append(state)
    return Table(
        title="Covariate balance",
        note="SMD is the standardized mean difference; from 0.1 on a covariate counts as imbalanced.",
        columns=("Covariate", "Mean, control", "Mean, treatment", "SMD", "Outcome"),
        rows=tuple(rows),
        marks=tuple(marks),
        text_columns=frozenset({"Covariate", "Outcome"}),
    )


def provenance(result: AnalysisResult) -> Table:
    """Return how the numbers were made: the analysis' settings, then the code behind each part."""
    rows = [(words(str(key)), plain(value)) for key, value in result.metadata.items() if value not in (None, [], {})]
    makers: dict[str, list[str]] = {}
    for raw in result.raw_results:
        for kind, made in (raw.get("provenance") or {}).items():
            text = f"{kind} {made['plugin']}/{made['name']} ({made['distribution']} {made['version']})"
            names = makers.setdefault(text, [])
            if raw["metric_name"] not in names:
                names.append(str(raw["metric_name"]))
    rows += [(text, ", ".join(names)) for text, names in makers.items()]
    return Table(
        title="How these numbers were made",
        columns=("What", "Value"),
        rows=tuple(rows),
        text_columns=frozenset({"What", "Value"}),
    )


def tables_of(result: AnalysisResult) -> list[Table]:
    """Return the report's tables in reading order, those with nothing to tell left out."""
    made = [make(result) for make in (headline, checks, details, ledger, balance, provenance)]
    return [table for table in made if table.rows]
