"""Groups in a lazy frame: the units that change them, and centres of their own for many groups."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import narwhals as nw
from attrs import evolve

from xpyrment_core.data.groups import Level
from xpyrment_core.data.pushdown.database import GroupCentres, Request
from xpyrment_lazy.expressions import any_of, level_is, observed
from xpyrment_lazy.sums_query import Frame

AT_ONCE = 8
"""Groups with centres of their own in one statement: conditions nest, which libraries limit (SQLite at about 40)."""


def parts_of(frame: Frame, request: Request, can_be_nan: Collection[str]) -> Iterator[tuple[Frame, Request]]:
    """Yield the frame with the request; where many groups have centres of their own, some groups at a time."""
    moved = {c: own for c, own in request.centres.items() if isinstance(own, GroupCentres)}
    levels = list(dict.fromkeys(level for centres in moved.values() for level, _ in centres.own))
    if not levels:
        yield frame, request
    for start in range(0, len(levels), AT_ONCE):
        some = levels[start : start + AT_ONCE]
        (columns,) = request.query.group_cols
        here = any_of([level_is(columns, level, can_be_nan) for level in some])
        centres = {column: _only(own, some) for column, own in moved.items()}
        yield frame.filter(here), evolve(request, centres={**request.centres, **centres})


def _only(centres: GroupCentres, levels: Collection[Level]) -> GroupCentres:
    return evolve(centres, own={cell: own for cell, own in centres.own.items() if cell[0] in levels})


def changing_units(
    rows: Frame, unit_col: str, column: str, can_be_nan: Collection[str], minimum_as: Mapping[str, Any]
) -> Frame:
    """Return the units whose rows have several values in a column, or a value in some of the rows only."""
    value = nw.col(column).cast(minimum_as[column]) if column in minimum_as else nw.col(column)
    there = observed(column, column in can_be_nan)
    rows = rows.filter(observed(unit_col, unit_col in can_be_nan))
    rows = rows.select(nw.col(unit_col).alias("unit"), nw.when(there).then(value).alias("value"))
    units = rows.group_by("unit").agg(
        nw.len().alias("n"),
        nw.col("value").count().alias("seen"),
        nw.col("value").min().alias("first"),
        nw.col("value").max().alias("last"),
    )
    several = (nw.col("first") != nw.col("last")) | (nw.col("seen") < nw.col("n"))
    return units.filter((nw.col("seen") > 0) & several).select("unit")
