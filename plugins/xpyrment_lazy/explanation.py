"""Description of a query on a lazy frame: its passes over the data, and the native query."""

from collections.abc import Collection, Mapping

from xpyrment_core.data.pushdown.database import PILOT_ROWS, SAMPLE_ROWS, Request
from xpyrment_core.data.pushdown.sums import SumPlan, columns_of, number_columns
from xpyrment_core.data.query import ColumnType, Query
from xpyrment_lazy import native
from xpyrment_lazy.sums_query import Frame, Statement


def explained(
    frame: Frame, described: str, floats: Collection[str], types: Mapping[str, ColumnType], query: Query
) -> str:
    """Describe the passes over the data, with the native query of the last one; no rows are read."""
    columns = [query.treatment_col, *([query.unit_col] if query.unit_col else []), *columns_of(query.row_sets)]
    columns = list(dict.fromkeys(columns))
    parts = [
        f"{described[0].upper()}{described[1:]} is aggregated where it is: {len(columns)} of {len(types)} columns "
        f"({', '.join(columns)}).\n"
        f"A number near each mean comes from the first {PILOT_ROWS:,} rows; it is written 0 below.",
    ]
    if query.unit_col is not None:
        parts.append(
            f"One pass counts rows and units of {query.unit_col!r}; one more, unless the first {SAMPLE_ROWS:,} rows "
            "show a unit with several rows, looks for one. Where there are some, rows are summed per unit first."
        )
    # The centres are known only after the pilot rows have been read.
    zeros = dict.fromkeys(number_columns(query.row_sets), 0.0)
    plan = SumPlan(query.row_sets, columns_of(query.row_sets))
    text = native.query_text(Statement(frame, floats, Request(query, plan, zeros, zeros)).aggregated())
    parts.append(f"One pass:\n{text}" if text else "One pass; the library shows no query.")
    return "\n\n".join(parts)
