"""The unit of randomisation: whether it has several rows, and what grouping by it left out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from xpyrment_core.labels import is_missing
from xpyrment_core.reading import Label, Query, UnitReport
from xpyrment_duckdb import sql

Ask = Callable[[str], list[tuple[Any, ...]]]

SAMPLE_ROWS = 200_000
"""First rows searched for a unit that repeats: by the birthday paradox they have one where units commonly do."""


@frozen
class Census:
    """Rows per label, and whether any unit has more than one.

    Attributes
    ----------
    rows, with_unit : mapping of label to int
        Rows, and those of them that name a unit.
    repeated : bool
        Whether some unit has several rows, of whichever variants.
    passes : int
        Passes over the two columns that it took to know.
    """

    rows: Mapping[Label, int]
    with_unit: Mapping[Label, int]
    repeated: bool
    passes: int


def take_census(ask: Ask, table: str, types: Mapping[str, str], treatment_col: str, unit_col: str) -> Census:
    """Count rows, and look for a unit with several: in the first rows, then, if there is none, in all."""
    key = table, types, treatment_col, unit_col
    known = [row for row in ask(census_text(*key)) if not is_missing(row[0])]
    rows = {label: count for label, count, _ in known}
    with_unit = {label: count for label, _, count in known}
    if _most(ask(repeats_text(*key, SAMPLE_ROWS))) > 1:
        return Census(rows, with_unit, True, 1)
    return Census(rows, with_unit, _most(ask(repeats_text(*key))) > 1, 2)


def _most(answer: Sequence[tuple[Any, ...]]) -> int:
    return int(answer[0][0] or 0)


def census_text(table: str, types: Mapping[str, str], treatment_col: str, unit_col: str) -> str:
    """Return the statement: per label its rows, and those that name a unit."""
    label = sql.quote(treatment_col)
    there = f"count(CASE WHEN {sql.observed(unit_col, types[unit_col])} THEN 1 END)"
    return sql.select([label, "count(*)", there], table, f"GROUP BY {label}")


def repeats_text(table: str, types: Mapping[str, str], treatment_col: str, unit_col: str, first: int = 0) -> str:
    """Return the statement: the most rows that any unit has, in the first rows or in all."""
    condition = _known(types, treatment_col, unit_col)
    if first:
        table, condition = sql.select([sql.quote(unit_col)], table, f"{condition}\nLIMIT {first}"), ""
    per_unit = sql.select({"n": "count(*)"}, table, f"{condition}\n{_by(unit_col)}".lstrip())
    return sql.select(["max(n)"], per_unit)


def in_two_arms_text(table: str, types: Mapping[str, str], treatment_col: str, unit_col: str) -> str:
    """Return the statement: the units seen under more than one label."""
    label, unit = sql.quote(treatment_col), sql.quote(unit_col)
    having = f"HAVING min({label}) <> max({label})"
    return sql.select([unit], table, f"{_known(types, treatment_col, unit_col)}\n{_by(unit_col)} {having}")


def _known(types: Mapping[str, str], treatment_col: str, unit_col: str) -> str:
    return f"WHERE {sql.observed(treatment_col, types[treatment_col])} AND {sql.observed(unit_col, types[unit_col])}"


def _by(unit_col: str) -> str:
    return f"GROUP BY {sql.quote(unit_col)}"


def unit_report(
    ask: Ask, table: str, types: Mapping[str, str], query: Query, census: Census, groups: Sequence[tuple[Any, ...]]
) -> UnitReport:
    """Return what grouping by unit found.

    Parameters
    ----------
    groups : sequence of (label, in two arms, units, rows)
        What the units were summed up to; empty where no unit has several rows.
    """
    without = {arm: census.rows.get(arm, 0) - census.with_unit.get(arm, 0) for arm in query.arms}
    none = dict.fromkeys(query.arms, 0)
    if not census.repeated:
        units = {arm: census.with_unit.get(arm, 0) for arm in query.arms}
        return UnitReport(units=units, rows_in_two_arms=none, rows_without_unit=without)
    kept = {label: (units, rows) for label, two, units, rows in groups if not two and label in query.arms}
    mixed = sum(units for _, two, units, _ in groups if two)
    return UnitReport(
        units=none | {arm: units for arm, (units, _) in kept.items()},
        repeated=any(rows > units for units, rows in kept.values()),
        in_two_arms=mixed,
        rows_in_two_arms=none | (_rows_in_two_arms(ask, table, types, query) if mixed else {}),
        rows_without_unit=without,
    )


def _rows_in_two_arms(ask: Ask, table: str, types: Mapping[str, str], query: Query) -> dict[Label, int]:
    label, unit = sql.quote(query.treatment_col), sql.quote(str(query.unit_col))
    units = in_two_arms_text(table, types, query.treatment_col, str(query.unit_col))
    answer = ask(sql.select([label, "count(*)"], table, f"WHERE {unit} IN (\n{units}\n)\nGROUP BY {label}"))
    return {arm: count for arm, count in answer if arm in query.arms}
