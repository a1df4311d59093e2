"""SQL text with quoted identifiers and literals, safe against injection by column names."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from xpyrment_core import Label
from xpyrment_core.data.pushdown.database import GroupCentres
from xpyrment_core.data.query import ColumnType

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
NUMBERS = (*INTEGERS, *(f"U{name}" for name in INTEGERS), "FLOAT", "DOUBLE", "DECIMAL")
FLOATS = ("FLOAT", "DOUBLE")


def quote(name: str) -> str:
    """Return an identifier in double quotes.

    Examples
    --------
    >>> print(quote('revenue"; DROP TABLE data; --'))
    "revenue""; DROP TABLE data; --"
    """
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """Return a value as an SQL literal.

    Examples
    --------
    >>> print(literal("it's"), literal(True), literal(3), literal(0.1))
    'it''s' TRUE 3 0.1e0
    """
    # A NumPy scalar: its repr would be np.float64(...).
    if hasattr(value, "item"):
        value = value.item()
    # Before int, of which bool is a subclass.
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return double(value)
    return "'" + str(value).replace("'", "''") + "'"


def double(value: float) -> str:
    """Return a float as a literal of type DOUBLE: without an exponent DuckDB would read a DECIMAL.

    Examples
    --------
    >>> double(0.375), double(1e300), double(-2.0)
    ('0.375e0', '1e+300', '-2.0e0')
    """
    text = repr(float(value))
    return text if "e" in text or "n" in text else f"{text}e0"


def column_type(sql_type: str) -> ColumnType:
    """Return the column type of an SQL type."""
    # DECIMAL(18,3) has parameters; INTEGER[] and VARCHAR[] are lists.
    base = sql_type.partition("(")[0].strip().upper()
    if base in NUMBERS and not sql_type.endswith("]"):
        return "number"
    if base == "BOOLEAN":
        return "boolean"
    return "text" if base in ("VARCHAR", "ENUM", "UUID") and not sql_type.endswith("]") else "other"


def is_float(sql_type: str) -> bool:
    """Return whether a type can hold NaN."""
    return sql_type.upper() in FLOATS


def observed(column: str, sql_type: str) -> str:
    """Return the condition under which a value is not missing: neither null nor NaN."""
    name = quote(column)
    if not is_float(sql_type):
        return f"{name} IS NOT NULL"
    # Not "NOT isnan": Parquet minimum and maximum statistics leave NaN out, so DuckDB 2.0 concludes
    # that there is none and drops the condition (duckdb issue 25521).
    return f"(isfinite({name}) OR isinf({name}))"


def centred(column: str, sql_type: str, centre: str, complete: bool) -> str:
    """Return a column minus its centre, as a DOUBLE.

    A missing value is null; in a column assumed complete it is NaN, so that the sum becomes NaN.
    """
    # A complete column needs no masks, so that row sets share its sums. If a value is missing after all, the sum is NaN
    # and the column is read again.
    if complete:
        return f"coalesce(CAST({quote(column)} AS DOUBLE), 'NaN'::DOUBLE) - {centre}"
    return f"{_nullable(column, sql_type)} - {centre}"


def filled(column: str, sql_type: str, stand_in: float | str, centre: str) -> str:
    """Return a column with its missing values filled, minus its centre, as a DOUBLE."""
    return f"coalesce({_nullable(column, sql_type)}, {number(stand_in)}) - {centre}"


def _nullable(column: str, sql_type: str) -> str:
    return nullable(column, sql_type, f"CAST({quote(column)} AS DOUBLE)")


def nullable(column: str, sql_type: str, value: str | None = None) -> str:
    """Return a column (or a value made of it), null where the column is missing."""
    value = value or quote(column)
    return f"CASE WHEN {observed(column, sql_type)} THEN {value} END" if is_float(sql_type) else value


def changes(value: str) -> str:
    """Return the condition, in a group of rows, under which a value differs between the rows or is missing in some."""
    return f"count({value}) > 0 AND (min({value}) <> max({value}) OR count({value}) < count(*))"


def indicator(column: str, level: Any) -> str:
    """Return 1 where a column has this level, else 0; a missing value is 0."""
    return f"CASE WHEN {quote(column)} = {literal(level)} THEN 1e0 ELSE 0e0 END"


def number(value: float | str) -> str:
    """Return a number as a literal; a text is a placeholder for a number not known yet."""
    return value if isinstance(value, str) else double(value)


def centre_of(treatment_col: str, centres: float | str | Mapping[Label, float]) -> str:
    """Return the centre subtracted from a column: one number, or one for each variant."""
    if not isinstance(centres, Mapping):
        return number(centres)
    cases = " ".join(f"WHEN {literal(label)} THEN {double(centre)}" for label, centre in centres.items())
    return f"CASE {quote(treatment_col)} {cases} END"


def centre_of_groups(treatment_col: str, centres: GroupCentres, types: Mapping[str, str]) -> str:
    """Return the centre subtracted from a column where it differs between groups."""
    cases = []
    for (level, arm), centre in centres.own.items():
        of_level = [_is(column, types[column], value) for column, value in zip(centres.columns, level, strict=True)]
        condition = " AND ".join([f"{quote(treatment_col)} = {literal(arm)}", *of_level])
        cases.append(f"WHEN {condition} THEN {double(centre)}")
    return f"CASE {' '.join(cases)} ELSE {centre_of(treatment_col, centres.usual)} END"


def _is(column: str, sql_type: str, value: Label | None) -> str:
    return f"NOT ({observed(column, sql_type)})" if value is None else f"{quote(column)} = {literal(value)}"


def code_of(treatment_col: str, labels: Sequence[Label]) -> str:
    """Return the index of each row's variant, null where it has none."""
    cases = " ".join(f"WHEN {literal(label)} THEN {code}" for code, label in enumerate(labels))
    return f"CAST(CASE {quote(treatment_col)} {cases} END AS USMALLINT)"


@frozen
class Select:
    """A SELECT statement, one column a line, nested ones indented.

    Only line breaks of the statement are indented, not those inside a name or a value.

    Attributes
    ----------
    columns : tuple of str
    source : str or Select
        Name of a table, or a statement.
    rest : str
        What follows: WHERE, GROUP BY …
    """

    columns: tuple[str, ...]
    source: "str | Select"
    rest: str = ""

    def __str__(self) -> str:
        return self.text()

    def text(self, indent: str = "") -> str:
        """Return the statement."""
        inner = self.source
        if isinstance(inner, Select):
            inner = f"(\n{inner.text(indent + '  ')}\n{indent})"
        columns = f",\n{indent}  ".join(self.columns)
        rest = f"\n{indent}{self.rest}" if self.rest else ""
        return f"{indent}SELECT\n{indent}  {columns}\n{indent}FROM {inner}{rest}"


def select(columns: Mapping[str, str] | Sequence[str], source: str | Select, rest: str = "") -> Select:
    """Return a SELECT statement; a mapping of columns gives each its name."""
    if isinstance(columns, Mapping):
        columns = [text if text == name else f"{text} AS {name}" for name, text in columns.items()]
    return Select(tuple(columns), source, rest)
