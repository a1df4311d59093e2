"""Description of a query: its passes over the data, and their SQL."""

from collections.abc import Mapping
from typing import Any

from xpyrment_core.data.groups import columns_of_groupings
from xpyrment_core.data.pushdown.database import PILOT_ROWS, SAMPLE_ROWS, Request
from xpyrment_core.data.pushdown.sums import SumPlan, columns_of, number_columns, unmonitored
from xpyrment_core.data.query import Query
from xpyrment_duckdb import sql
from xpyrment_duckdb.queries import census_text, repeats_text
from xpyrment_duckdb.sums_query import Statement
from xpyrment_duckdb.tables import SqlTable


def explained(table: SqlTable, types: Mapping[str, str], query: Query) -> str:
    """Describe the passes over the data, with the SQL of each.

    A name after a colon, such as ``:revenue``, stands for a number near that column's mean,
    taken from its first rows when the query runs.
    """
    units, groups = [query.unit_col] if query.unit_col else [], columns_of_groupings(query.group_cols)
    columns = [query.treatment_col, *units, *groups, *columns_of(query.row_sets)]
    parts = [
        f"DuckDB reads {table.described}: {len(set(columns))} of {len(types)} columns "
        f"({', '.join(dict.fromkeys(columns))}).\n"
        f"A number near each mean comes from the first {PILOT_ROWS:,} rows and is written :column below.",
        *_decided(table.decisions()),
        table.explain(),
    ]
    if query.unit_col is not None:
        key = table.name, types, query.treatment_col, query.unit_col
        parts += [
            f"Pass 1 counts rows and units of {query.unit_col!r}:\n{census_text(*key)}",
            f"Pass 2, unless the first {SAMPLE_ROWS:,} rows have one already, looks for a unit with several rows:\n"
            f"{repeats_text(*key)}",
            f"Last pass, where units have one row each:\n{_text(table.name, types, query, False)}",
            f"Last pass, where some have several:\n{_text(table.name, types, query, True)}",
        ]
    else:
        parts.append(f"One pass:\n{_text(table.name, types, query, False)}")
    parts.append(
        "A column in which a value turns out to be missing, or whose mean is far from that of the first rows, "
        "is read a second time, with the corrected assumption."
    )
    return "\n\n".join(parts)


def _decided(decisions: Mapping[str, Any]) -> list[str]:
    """Return what was decided about the format, a line each."""
    lines = [f"  {name}: {value}" for name, value in decisions.items()]
    return ["What was decided about the files:\n" + "\n".join(lines)] if lines else []


def _text(table: str, types: Mapping[str, str], query: Query, by_unit: bool) -> str:
    # Every other column is assumed complete, as in the first pass of a query whose pilot rows miss no value.
    others = {c for c in columns_of(query.row_sets) if sql.column_type(types[c]) not in ("number", "boolean")}
    plan = SumPlan(query.row_sets, others | unmonitored(query.row_sets), by_unit)
    names = {column: f":{column}" for column in number_columns(query.row_sets)}
    return Statement(table, types, Request(query, plan, names, names, query.arms)).text()
