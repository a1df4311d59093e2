"""A lazy frame as a `xpyrment_core.data.pushdown.database.Database`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import narwhals as nw
import numpy as np

from xpyrment_core import EngineError, XpyrmentError
from xpyrment_core.data.groups import columns_of_groupings
from xpyrment_core.data.progress import progress
from xpyrment_core.data.pushdown.database import PILOT_ROWS, Fetched, Pilot, Request
from xpyrment_core.data.pushdown.samples import sample_factors
from xpyrment_core.data.pushdown.sums import Factor
from xpyrment_core.data.query import ColumnType, Query
from xpyrment_lazy import native
from xpyrment_lazy.explanation import explained
from xpyrment_lazy.expressions import code_of, infinite, number, observed
from xpyrment_lazy.grouping import changing_units, parts_of
from xpyrment_lazy.sums_query import Frame, Statement

Rows = Iterable[Sequence[Any]]


class LazyDatabase:
    """Aggregates a lazy frame in its own library; see `xpyrment_core.data.pushdown.database.Database`.

    Parameters
    ----------
    frame : narwhals LazyFrame
    described : str
        Name in messages.
    """

    reads_groups = True

    def __init__(self, frame: Frame, described: str) -> None:
        self._frame = frame
        self._types: dict[str, ColumnType] | None = None
        self._floats: frozenset[str] = frozenset()
        self._can_be_nan: frozenset[str] = frozenset()
        self._minimum_as: dict[str, Any] = {}
        self.described = described

    def types(self) -> Mapping[str, ColumnType]:
        """See `Database`."""
        if self._types is None:
            schema = self._frame.collect_schema()
            self._types = {name: _column_type(kind) for name, kind in schema.items()}
            self._floats = frozenset(name for name, kind in schema.items() if kind.is_float())
            # Categories and booleans have no minimum in some libraries.
            self._minimum_as = {
                name: nw.Int8() if isinstance(kind, nw.Boolean) else nw.String()
                for name, kind in schema.items()
                if isinstance(kind, nw.Boolean | nw.Categorical | nw.Enum)
            }
            self._can_be_nan = self._floats if native.knows_nan(self._frame) else frozenset()
        return self._types

    def errors(self) -> AbstractContextManager[None]:
        """See `Database`."""
        return _as_engine_error(self._frame, self.described)

    def count_labels(self, column: str) -> Rows:
        """See `Database`."""
        return self._rows(self._frame.select(label=nw.col(column)).group_by("label").agg(rows=nw.len()))

    def pilot(self, columns: Sequence[str]) -> Mapping[str, Pilot]:
        """Return pilots from the first 1,024 rows; for a column without finite values there, from its first 1,024."""
        # Summarised in NumPy, because libraries differ in the mean of a column with NaN.
        names = {f"c{i}": column for i, column in enumerate(columns)}
        first = self._frame.select(**{name: number(column) for name, column in names.items()}).head(PILOT_ROWS)
        rows = _floats(self._collected(first))
        return {column: self._pilot(column, rows[name]) for name, column in names.items()}

    def _pilot(self, column: str, values: np.ndarray) -> Pilot:
        finite = values[np.isfinite(values)]
        if len(values) and not len(finite):
            first = self._frame.select(c=number(column)).filter(_within_bounds("c")).head(PILOT_ROWS)
            finite = _floats(self._collected(first))["c"]
            finite = finite[np.isfinite(finite)]
        if not len(finite):
            return Pilot()
        # Libraries differ in how they sum NaN, so every column is masked.
        return Pilot.of(float(finite.mean()), float(finite.min()), float(finite.std()), missing=True)

    def count_units(self, treatment_col: str, unit_col: str) -> Rows:
        """See `Database`."""
        there = nw.when(self._there(unit_col)).then(nw.lit(1)).otherwise(nw.lit(0))
        rows = self._frame.select(label=nw.col(treatment_col), there=there)
        return self._rows(rows.group_by("label").agg(nw.len().alias("rows"), nw.col("there").sum()))

    def most_rows(self, treatment_col: str, unit_col: str, first: int | None) -> int:
        """See `Database`."""
        rows = self._known(treatment_col, unit_col).select(unit=nw.col(unit_col))
        rows = rows if first is None else rows.head(first)
        ((most,),) = self._rows(rows.group_by("unit").agg(n=nw.len()).select(nw.col("n").max()))
        # The maximum of no rows is null, or NaN in pandas.
        return int(most) if most is not None and most == most else 0

    def rows_in_two_arms(self, treatment_col: str, unit_col: str) -> Rows:
        """See `Database`."""
        rows = self._known(treatment_col, unit_col).select(label=nw.col(treatment_col), unit=nw.col(unit_col))
        # A join, because the units may be too many to list in a condition.
        both = rows.join(self._in_two_arms(treatment_col, unit_col), on="unit", how="inner")
        return self._rows(both.group_by("label").agg(rows=nw.len()))

    def sums(self, request: Request) -> Rows:
        """See `Database`."""
        self.types()
        return [
            row
            for frame, part in parts_of(self._frame, request, self._can_be_nan)
            for row in self._rows(Statement(frame, self._can_be_nan, part, self._minimum_as).aggregated())
        ]

    def changed_units(self, query: Query, columns: Sequence[str], limit: int) -> list[str]:
        """Return some units of the arms whose rows have several values in the columns."""
        self.types()
        rows = self._frame.filter(nw.col(query.treatment_col).is_in(list(query.arms)))
        found: dict[str, None] = {}
        for column in columns:
            changing = changing_units(rows, str(query.unit_col), column, self._can_be_nan, self._minimum_as)
            both = changing.join(self._in_two_arms(query.treatment_col, str(query.unit_col)), on="unit", how="anti")
            found |= dict.fromkeys(str(unit) for (unit,) in self._rows(both.sort("unit").head(limit)))
        return list(found)[:limit]

    def values(self, query: Query, by_unit: bool) -> Fetched:
        """See `Database`."""
        names = {factor: f"c{i}" for i, factor in enumerate(sample_factors(query))}
        rows = self._frame.filter(nw.col(query.treatment_col).is_in(list(query.arms)))
        columns = {"code": code_of(query.treatment_col, query.arms)}
        if query.unit_col is not None:
            rows = rows.filter(self._there(query.unit_col))
            columns |= {"unit": nw.col(query.unit_col)} if by_unit else {}
        groups = {f"g{i}": column for i, column in enumerate(columns_of_groupings(query.group_cols))}
        columns |= {name: self._sampled(factor) for factor, name in names.items()}
        rows = rows.select(**columns, **{name: nw.col(column) for name, column in groups.items()})
        if query.unit_col is not None and by_unit:
            rows = rows.join(self._in_two_arms(query.treatment_col, query.unit_col), on="unit", how="anti")
        fetched = self._collected(rows)
        arrays = _floats(fetched.select(*names.values()))
        units = _codes(fetched["unit"]) if by_unit else None
        code = np.asarray(fetched["code"].to_numpy(), dtype=np.int64)
        return Fetched(
            code,
            {factor: arrays[name] for factor, name in names.items()},
            units,
            {column: fetched[name].to_arrow() for name, column in groups.items()},
        )

    def count_infinite(self, columns: Sequence[str], treatment_col: str) -> Rows:
        """See `Database`."""
        names = {f"c{i}": column for i, column in enumerate(columns)}
        counts = {name: self._infinity(column) for name, column in names.items()}
        rows = self._frame.select(label=nw.col(treatment_col), **counts)
        return self._rows(rows.group_by("label").agg(*(nw.col(name).sum() for name in names)))

    def values_outside(self, column: str, allowed: Sequence[float], limit: int) -> Iterable[float]:
        """See `Database`."""
        values = self._frame.filter(self._there(column)).select(value=number(column)).unique()
        if allowed:
            values = values.filter(~nw.col("value").is_in(list(allowed)))
        return [value for (value,) in self._rows(values.sort("value").head(limit))]

    def explain(self, query: Query) -> str:
        """See `Database`."""
        self.types()
        return explained(self._frame, self.described, self._can_be_nan, self.types(), query)

    def _there(self, column: str) -> nw.Expr:
        self.types()
        return observed(column, column in self._can_be_nan)

    def _known(self, treatment_col: str, unit_col: str) -> Frame:
        return self._frame.filter(self._there(treatment_col), self._there(unit_col))

    def _in_two_arms(self, treatment_col: str, unit_col: str) -> Frame:
        """Return the units with more than one label."""
        # Distinct pairs, then a count: not every back end can count distinct values within groups.
        rows = self._known(treatment_col, unit_col).select(label=nw.col(treatment_col), unit=nw.col(unit_col))
        pairs = rows.unique().group_by("unit").agg(labels=nw.len())
        return pairs.filter(nw.col("labels") > 1).select("unit")

    def _sampled(self, factor: Factor) -> nw.Expr:
        if factor.kind == "level":
            return nw.when(nw.col(factor.column) == factor.level).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
        if factor.kind == "missing":
            return nw.when(self._there(factor.column)).then(nw.lit(0.0)).otherwise(nw.lit(1.0))
        return number(factor.column)

    def _infinity(self, column: str) -> nw.Expr:
        # Integers are never infinite. The condition ties the 0 to the rows: a literal alone has length 1.
        if column not in self._floats:
            return nw.when(nw.col(column).is_null()).then(nw.lit(0)).otherwise(nw.lit(0))
        return nw.when(infinite(column)).then(nw.lit(1)).otherwise(nw.lit(0))

    def _rows(self, frame: Frame) -> list[tuple[Any, ...]]:
        rows = self._collected(frame).rows()
        return [tuple(map(_plain, row)) for row in rows]

    def _collected(self, frame: Frame) -> "nw.DataFrame[Any]":
        with progress(f"reading {self.described}"):
            return native.collected(frame)


def _plain(value: Any) -> Any:
    """Return a value as a Python object: not pandas.NA, which cannot be compared, nor a numpy scalar."""
    if type(value).__name__ == "NAType":
        return None
    return value.item() if hasattr(value, "item") else value


def _column_type(kind: "nw.dtypes.DType") -> ColumnType:
    if kind.is_numeric():
        return "number"
    if isinstance(kind, nw.Boolean):
        return "boolean"
    return "text" if isinstance(kind, nw.String | nw.Categorical | nw.Enum) else "other"


def _within_bounds(column: str) -> nw.Expr:
    """Return the condition under which a value is finite, by comparisons that every database supports."""
    return (nw.col(column) < float("inf")) & (nw.col(column) > -float("inf"))


def _floats(frame: "nw.DataFrame[Any]") -> dict[str, np.ndarray]:
    # By way of Arrow, whose nulls become NaN in NumPy whichever library the frame is from.
    arrow = frame.to_arrow()
    return {name: np.asarray(arrow[name].to_numpy(), dtype=np.float64) for name in frame.columns}


def _codes(units: "nw.Series[Any]") -> np.ndarray:
    encoded = units.to_arrow().dictionary_encode()
    encoded = encoded.combine_chunks() if hasattr(encoded, "combine_chunks") else encoded
    return np.asarray(encoded.indices.to_numpy(), dtype=np.int64)


@contextmanager
def _as_engine_error(frame: Frame, described: str) -> Iterator[None]:
    """Turn any exception of a library into an EngineError."""
    try:
        yield
    except XpyrmentError:
        raise
    except Exception as error:
        if native.session_is_lost(frame):
            raise EngineError(
                f"reading {described} failed: its Spark session has been stopped. "
                "Start a session and set the experiment up anew."
            ) from error
        # The first line is the message; more are query plans and stack traces of the Java machine.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise EngineError(f"reading {described} failed: {type(error).__name__}: {' '.join(lines[:1])}") from error
