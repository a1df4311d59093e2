"""The first rows of a table: what to take off each column, and whether values are missing there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from xpyrment_core.pushdown import centre
from xpyrment_duckdb import sql

PILOT_ROWS = 1024

Ask = Callable[[str], list[tuple[Any, ...]]]


@frozen
class Pilot:
    """What the first rows say of one column.

    Attributes
    ----------
    centre : float
        About the mean of its finite values; 0 where it has none or is no number.
    missing : bool
        Whether a value is missing there; true of a column that is no number.
    """

    centre: float = 0.0
    missing: bool = True


def take_pilot(ask: Ask, table: str, types: Mapping[str, str], columns: Sequence[str]) -> dict[str, Pilot]:
    """Look at the first 1,024 rows; of a column without any value there, at its first 1,024 values."""
    numbers = [c for c in columns if sql.column_type(types[c]) in ("number", "boolean")]
    found = {column: Pilot() for column in columns}
    if not numbers:
        return found
    answer = iter(ask(pilot_text(table, types, numbers))[0])
    rows = next(answer)
    for column, there, mean, least, spread in zip(numbers, answer, answer, answer, answer, strict=True):
        if mean is None and rows:
            condition = f"WHERE isfinite(CAST({sql.quote(column)} AS DOUBLE))"
            _, _, mean, least, spread = ask(pilot_text(table, types, [column], condition))[0]
        found[column] = Pilot(_centre(mean, least, spread), there < rows)
    return found


def pilot_text(table: str, types: Mapping[str, str], columns: Sequence[str], condition: str = "") -> str:
    """Return the statement: the rows; then per column values, mean, least and standard deviation of the finite ones."""
    rows = sql.select([sql.quote(column) for column in columns], table, f"{condition} LIMIT {PILOT_ROWS}".lstrip())
    wanted = ["count(*)"]
    for column in columns:
        value = f"CAST({sql.quote(column)} AS DOUBLE)"
        finite = f"CASE WHEN isfinite({value}) THEN {value} END"
        wanted.append(f"count(CASE WHEN {sql.observed(column, types[column])} THEN 1 END)")
        wanted += [f"avg({finite})", f"min({finite})", f"stddev_pop({finite})"]
    return sql.select(wanted, rows)


def _centre(mean: float | None, least: float | None, spread: float | None) -> float:
    if mean is None or least is None:
        return 0.0
    return centre(mean, spread) if spread else least  # the mean of equal values is rounded, the values are not
