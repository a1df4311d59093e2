"""The columns of every table of results: a header, the attribute of `MetricResult` it shows, and its format.

A column of the summary, the notebook, the terminal or a report is made here and nowhere else: to add one,
add its line to `SUMMARY`, `TERMINAL`, `DECISION` or `DETAILS`. The formats are those of `plots.numbers`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from xpyrment_core.plots.numbers import (
    DASH,
    interval_text,
    number,
    p_value,
    percent,
    percent_level,
    setting,
    significant,
    starred,
    typeset,
)
from xpyrment_core.values.metric_result import MetricResult, native
from xpyrment_core.values.table import Table

if TYPE_CHECKING:
    import pandas as pd

Format = Callable[[Any, MetricResult, float], str]
"""``(value, result, alpha) -> text``."""


@frozen
class Column:
    """A column of a table of results.

    Attributes
    ----------
    header : str
        ``{level}`` in it becomes the confidence level: ``95%``.
    attribute : str or pair of str
        Of `MetricResult`; two for an interval.
    format : callable, optional
        ``(value, result, alpha) -> text``; without one the value is shown as it is.
    when : {"always", "varies", "any"}
        Shown in every table, where rows differ in it, or where some row has a value.
    right : bool
        Whether it is aligned right.
    """

    header: str
    attribute: str | tuple[str, str]
    format: Format | None = None
    when: Literal["always", "varies", "any"] = "always"
    right: bool = False

    def value(self, result: MetricResult) -> Any:
        """Return the value as plain Python; None where there is none."""
        if isinstance(self.attribute, str):
            return native(getattr(result, self.attribute))
        return tuple(native(getattr(result, name)) for name in self.attribute)

    def cell(self, result: MetricResult, alpha: float) -> Any:
        """Return the value in its format."""
        value = self.value(result)
        return value if self.format is None else self.format(value, result, alpha)

    def is_shown(self, results: Sequence[MetricResult]) -> bool:
        """Return whether a table of these results has the column."""
        if self.when == "always":
            return True
        values = {self.value(result) for result in results}
        return len(values) > 1 if self.when == "varies" else bool(values - {None, "", (None, None)})


def _plain(form: str) -> Format:
    return lambda value, result, alpha: number(value, form)


def _typeset(form: Callable[[Any], str]) -> Format:
    return lambda value, result, alpha: form(value)


def _interval(form: str | Callable[[Any], str], none: str, *, ends: str | None = None) -> Format:
    """Return the format of an interval; `ends` overrides the alternative, which determines infinite bounds."""

    # A one-sided interval has an infinite bound by construction, which is not the same as a missing one.
    def text(value: Any, result: MetricResult, alpha: float) -> str:
        shown = interval_text(value[0], value[1], ends or result.alternative, form, none)
        # An equivalence test has intervals of another level than the header says.
        level = f" ({percent_level(1 - 2 * alpha)})" if result.tests_equivalence and None not in value else ""
        return shown + level

    return text


def _starred(value: Any, result: MetricResult, alpha: float) -> str:
    return starred(value, alpha)


def _yes_no(value: Any, result: MetricResult, alpha: float) -> str:
    return "Yes" if value else "No"


def _where_adjusted(value: Any, result: MetricResult, alpha: float) -> str:
    return number(value, "{:.1%}") if result.cuped_applied or result.adjuster else "-"


def _with_reason(value: Any, result: MetricResult, alpha: float) -> str:
    return str(value).capitalize() + (f": {result.reason}" if result.reason else "")


def _word(value: Any, result: MetricResult, alpha: float) -> str:
    return str(value or DASH)


def _corrected(value: Any, result: MetricResult, alpha: float) -> str:
    # The intervals of the summary are each metric's own: they need not agree with a corrected p-value.
    return f"{value} (p-value only)" if value else "-"


def _text(value: Any, result: MetricResult, alpha: float) -> str:
    return value or ""


REL_CI = ("rel_ci_lower", "rel_ci_upper")
SIMULTANEOUS = ("simultaneous_rel_ci_lower", "simultaneous_rel_ci_upper")
_signed = partial(significant, signed=True)

# fmt: off
SUMMARY = (
    Column("Metric", "metric_name"),
    Column("Treatment", "treatment", when="varies"),
    Column("Type", "metric_type"),
    Column("Control Mean", "control_mean", _plain("{:.4f}"), right=True),
    Column("Treatment Mean", "treatment_mean", _plain("{:.4f}"), right=True),
    Column("Relative Lift", "relative_lift", _plain("{:+.2%}"), right=True),
    Column("{level} CI (Rel)", REL_CI, _interval("{:+.2%}", "N/A"), right=True),
    Column("p-value", "p_value", _starred),
    Column("Post-hoc Power", "power", _plain("{:.1%}"), right=True),
    Column("CUPED", "cuped_applied", _yes_no),
    Column("Var Reduction", "variance_reduction", _where_adjusted, right=True),
    Column("Correction", "correction", _corrected, when="any"),
    Column("Note", "reason", _text, when="any"),
)
"""`AnalysisResult.summary`, and what a notebook shows."""

TERMINAL = (
    Column("Metric", "metric_name"),
    Column("Control", "control_mean", _plain("{:.4g}"), right=True),
    Column("Treated", "treatment_mean", _plain("{:.4g}"), right=True),
    Column("Lift", "relative_lift", _plain("{:+.1%}"), right=True),
    Column("{level} CI of lift", REL_CI, _interval("{:+.1%}", "N/A"), right=True),
    Column("p-value", "p_value", _starred),
    Column("Verdict", "shown_verdict"),
)
"""``xpyrment analyze``, one table a treatment, at 80 characters."""

DECISION = (
    Column("Metric", "metric_name"),
    Column("Variant", "treatment", _typeset(setting), when="varies"),
    Column("Control", "control_mean", _typeset(significant), right=True),
    Column("Treatment", "treatment_mean", _typeset(significant), right=True),
    Column("Lift", "relative_lift", _typeset(percent), right=True),
    Column("{level} CI", REL_CI, _interval(percent, DASH), right=True),
    Column("p", "p_value", _typeset(p_value), right=True),
    Column("Verdict", "shown_verdict", _with_reason),
)
"""The first table of a report."""

DETAILS = (
    Column("Metric", "metric_name"),
    Column("Variant", "treatment", _typeset(setting), when="varies"),
    Column("Test", "test", _word),
    Column("Adjusted by", "adjuster", _word),
    Column("Difference", "absolute_difference", _typeset(_signed), right=True),
    Column("Interval", ("ci_lower", "ci_upper"), _interval(lambda x: typeset(f"{x:+,.4g}"), DASH), right=True),
    Column("Std. error", "std_error", _typeset(significant), right=True),
    Column("Statistic", "statistic", _typeset(_signed), right=True),
    Column("df", "df", _typeset(significant), right=True),
    Column("p uncorrected", "p_value_raw", _typeset(p_value), right=True),
    Column("Variance saved", "variance_reduction", _typeset(partial(percent, signed=False)), right=True),
    Column("MDE at 80 %", "mde", _typeset(significant), right=True),
    # Stepwise simultaneous intervals may have an infinite bound even for a two-sided test.
    Column("Simultaneous interval", SIMULTANEOUS, _interval(percent, DASH, ends="greater"), when="any", right=True),
)
"""The numbers behind the decisions, in a report."""
# fmt: on

TABLES: Mapping[str, tuple[Column, ...]] = {
    "summary": SUMMARY,
    "terminal": TERMINAL,
    "decision": DECISION,
    "details": DETAILS,
}


def frame(columns: Sequence[Column], results: Sequence[MetricResult], alpha: float) -> "pd.DataFrame":
    """Return a table as a pandas DataFrame of texts."""
    import pandas as pd

    shown = [column for column in columns if column.is_shown(results)]
    rows = [[column.cell(row, alpha) for column in shown] for row in results]
    records = [dict(zip(_headers(shown, alpha), row, strict=True)) for row in rows]
    return pd.DataFrame(records, columns=_headers(shown, alpha))


def table(
    columns: Sequence[Column], results: Sequence[MetricResult], alpha: float, title: str = "", note: str = ""
) -> Table:
    """Return a table of texts, with the verdicts as its marks."""
    shown = [column for column in columns if column.is_shown(results)]
    headers = _headers(shown, alpha)
    return Table(
        columns=headers,
        rows=[[str(column.cell(row, alpha)) for column in shown] for row in results],
        title=title,
        note=note,
        right=[header for header, column in zip(headers, shown, strict=True) if column.right],
        # In a narrow terminal the first column, the metric, is wrapped; numbers are not.
        keep=headers[1:],
        # Marks are verdicts, from which a surface derives colours; a table itself has none.
        marks=[row.shown_verdict for row in results],
    )


def _headers(columns: Sequence[Column], alpha: float) -> list[str]:
    return [column.header.replace("{level}", percent_level(1 - alpha)) for column in columns]
