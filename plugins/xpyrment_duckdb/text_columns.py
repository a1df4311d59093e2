"""SQL of columns of texts: which form their values have, and how they are turned into numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

from xpyrment_core.data.reading.number_format import PLAIN, NumberFormat
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.reading.text_form import COMMA_NUMBER, GROUPS_OF_THREE, UNSURE_COMMA, Profile, TextForm
from xpyrment_duckdb.sql import literal, quote

SAMPLED_ROWS = 20_480
"""First rows from which the forms of columns are inferred."""

NOT_READABLE = "'Infinity'::DOUBLE"
"""Stands for a text that is not a number in a column of numbers: the moments are then not finite, which is noticed
without a further pass, and the column is looked at again."""


def sql_type(form: TextForm) -> str:
    """Return the type of the expression that reads a column."""
    return "VARCHAR" if form.kind == "text" else "DOUBLE"


def value(column: str, form: TextForm, missing: str) -> str:
    """Return the SQL of a column's values.

    Parameters
    ----------
    column : str
    form : TextForm
    missing : str
        SQL list of the words for a missing value.
    """
    raw = quote(column)
    if form.kind == "text":
        return f"CASE WHEN {raw} IN {missing} THEN NULL ELSE {raw} END"
    if form.success is not None and form.failure is None:
        absent = f"WHEN {raw} IS NULL OR trim({raw}) IN {missing} THEN NULL"
        return f"CASE {absent} WHEN trim({raw}) = {literal(form.success)} THEN 1e0 ELSE 0e0 END"
    # The usual value is a number, so that is tried first.
    other = f"CASE WHEN {raw} IS NULL OR trim({raw}) IN {missing} THEN NULL ELSE {NOT_READABLE} END"
    return f"coalesce({_number(raw, form)}, {other})"


def _number(raw: str, form: TextForm) -> str:
    if form.success is not None:
        return f"CASE trim({raw}) WHEN {literal(form.success)} THEN 1e0 WHEN {literal(form.failure)} THEN 0e0 END"
    if form.kind == "boolean":
        return f"CASE lower(trim({raw})) WHEN 'true' THEN 1e0 WHEN 'false' THEN 0e0 END"
    return number(raw, form.form)


def number(raw: str, form: NumberFormat) -> str:
    """Return the SQL of a text as a number of this form, null where it is none."""
    if form == PLAIN:
        return f"TRY_CAST({raw} AS DOUBLE)"
    text = f"trim(translate({raw}, '\u00a0\u202f\u2009', '   '))"
    value = text
    for pattern, replacement in form.steps:
        value = f"regexp_replace({value}, {literal(pattern)}, {literal(replacement)}, 'g')"
    value = f"TRY_CAST({value} AS DOUBLE)"
    if form.percent:
        value = f"CASE WHEN suffix({text}, '%') THEN {value} / 100 ELSE {value} END"
    return f"CASE WHEN regexp_full_match({text}, {literal(form.pattern)}) THEN {value} END"


def missing_list(options: ReadOptions) -> str:
    """Return the SQL list of words for a missing value."""
    return f"({', '.join(map(literal, options.missing_words))})"


def profile_sql(columns: Sequence[str], scan: str, options: ReadOptions) -> str:
    """Return the SQL of the profiles of columns, in one row."""
    missing = missing_list(options)
    parts = [part for column in columns for part in _profile(quote(column), options, missing)]
    return f"SELECT {', '.join(parts)} FROM (SELECT * FROM {scan} LIMIT {SAMPLED_ROWS})"


def _profile(raw: str, options: ReadOptions, missing: str) -> list[str]:
    """Return the expressions of a profile, in the order of its attributes."""
    text = f"trim({raw})"
    there = f"{raw} IS NOT NULL AND {text} NOT IN {missing}"
    seen = f"FILTER (WHERE {there})"
    comma = f"regexp_full_match({text}, {literal(COMMA_NUMBER)})"
    conditions = [
        # DuckDB reads 1_000 as a thousand, which is not how data are written.
        f"TRY_CAST({text} AS DOUBLE) IS NOT NULL AND NOT contains({raw}, '_')",
        f"lower({text}) IN ('true', 'false')",
        f"{number(raw, options.number_format or PLAIN)} IS NOT NULL",
        comma,
        f"{comma} AND NOT regexp_matches({text}, {literal(UNSURE_COMMA)})",
        f"regexp_full_match({text}, '[-+]?\\d+')",
        f"contains({raw}, '.')",
        f"regexp_full_match({text}, {literal(GROUPS_OF_THREE)})",
    ]
    return [
        f"count(*) {seen}",
        *(f"count(*) FILTER (WHERE {there} AND {condition})" for condition in conditions),
        f"count(DISTINCT {text}) {seen}",
        f"count(*) FILTER (WHERE {there} AND {text} = {literal(options.shared_success or '')})",
        f"min({text}) {seen}",
        f"max({text}) {seen}",
    ]


def read_profiles(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Profile]:
    """Return the profiles from the row that `profile_sql` returns."""
    width = len(row) // max(len(columns), 1)
    return {column: Profile(*row[i * width : (i + 1) * width]) for i, column in enumerate(columns)}


def label_type(labels: Iterable[str]) -> str:
    """Return the SQL type that keeps every label exactly as it is written.

    Examples
    --------
    >>> label_type(["0", "1"]), label_type(["007", "7"]), label_type(["true", "False"]), label_type(["1.0"])
    ('BIGINT', 'VARCHAR', 'BOOLEAN', 'DOUBLE')
    """
    labels = list(labels)
    if labels and all(label.lower() in ("true", "false") for label in labels):
        return "BOOLEAN"
    if labels and all(_is(label, int) for label in labels):
        return "BIGINT"
    return "DOUBLE" if labels and all(_is(label, float) for label in labels) else "VARCHAR"


def _is(label: str, kind: type[int] | type[float]) -> bool:
    try:
        value = kind(label)
    except ValueError:
        return False
    # The bounds also leave out nan, which is not equal to itself.
    return str(value) == label and -(2**63) <= value < 2**63


def text_values_sql(column: str, source: str, form: TextForm | None, missing: str, limit: int) -> str:
    """Return SQL for (value, rows of all such values, observed rows, distinct such values), the most frequent first.

    Parameters
    ----------
    column : str
    source : str
        What stands after FROM.
    form : TextForm or None
        The form in which the column is read as numbers; a column that stays text is asked for plain numbers.
    missing : str
        SQL list of the words for a missing value.
    limit : int
        Values returned at most.
    """
    raw = quote(column)
    seen = f"{raw} IS NOT NULL AND trim(CAST({raw} AS VARCHAR)) NOT IN {missing}"
    stays_text = form is None or form.kind == "text"
    if form is None or stays_text:
        bad = f"TRY_CAST({raw} AS DOUBLE) IS NULL"
    else:
        # An infinity that is written as one is a number.
        bad = f"({value(column, form, missing)} = {NOT_READABLE} AND TRY_CAST({raw} AS DOUBLE) IS NULL)"
    counted = f"SELECT {raw} AS value, count(*) AS n, {bad} AS bad FROM {source} WHERE {seen} GROUP BY {raw}"
    of_bad = "FILTER (WHERE bad) OVER ()"
    totals = f"sum(n) {of_bad} AS rows, sum(n) OVER () AS observed, count(*) {of_bad} AS distinct_values"
    every = f"SELECT value, n, bad, {totals}, count(*) OVER () AS all_values FROM ({counted})"
    # A column of plain numbers that is stored as text has no value that is not a number: show those it has.
    return (
        f"SELECT value, CAST(coalesce(rows, observed) AS BIGINT), CAST(observed AS BIGINT), "
        f"CASE WHEN rows IS NULL THEN all_values ELSE distinct_values END "
        f"FROM ({every}) WHERE bad{' OR rows IS NULL' if stays_text else ''} ORDER BY n DESC, value LIMIT {limit}"
    )
