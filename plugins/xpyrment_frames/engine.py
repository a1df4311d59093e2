"""The engine for eager frames."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpyrment_core import ArmSample, Label
from xpyrment_core.data.groups import columns_of_groupings, described
from xpyrment_core.data.labels import MAX_LABELS, too_many_labels
from xpyrment_core.data.progress import progress
from xpyrment_core.data.query import ColumnType, Query, Reading
from xpyrment_core.data.reading.columns import TextValues
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.source import Source
from xpyrment_frames.arms import Arms
from xpyrment_frames.cell_moments import Summed
from xpyrment_frames.frame import Frame
from xpyrment_frames.grouped import GroupedMoments, group_columns, grouped_moments
from xpyrment_frames.layout import lay_out
from xpyrment_frames.parallel import by_segment, threads_for
from xpyrment_frames.samples import arm_samples
from xpyrment_frames.units import Units, find_units

# 32k values are 256 KB, which stay in the second-level cache while a block is looked at.
BLOCK = 1 << 15
Floats = NDArray[np.float64]

FRAMES = {
    "pandas": "DataFrame",
    "polars": "DataFrame",
    "pyarrow": "Table",
    "modin": "DataFrame",
    "narwhals": "DataFrame",
}
"""Class names of eager frames, by the library they come from."""


class FramesEngine:
    """Reads pandas, Polars, PyArrow and Modin frames in memory."""

    def accepts(self, data: object) -> bool:
        """Return whether `data` is an eager frame (or a subclass of one), by name, importing nothing."""
        return any(FRAMES.get(cls.__module__.partition(".")[0]) == cls.__name__ for cls in type(data).__mro__)

    def open(self, data: Any, read: ReadOptions | None = None) -> Source:
        """Return a source over the frame; `read` says in which form its columns of text hold numbers."""
        return FrameSource(data, read)


class FrameSource:
    """A frame as a source: see `xpyrment_core.data.source.Source`.

    Examples
    --------
    >>> import pandas as pd
    >>> source = FrameSource(pd.DataFrame({"variant": ["b", "a", "a", None], "y": [1.0, 2.0, 4.0, 8.0]}))
    >>> dict(source.schema()), dict(source.labels("variant"))
    ({'variant': 'text', 'y': 'number'}, {'a': 2, 'b': 1, None: 1})
    """

    def __init__(self, data: Any, read: ReadOptions | None = None) -> None:
        self._frame = Frame(data, read)

    def schema(self) -> Mapping[str, ColumnType]:
        """Return the type of every column, in the frame's order."""
        return self._frame.schema()

    def labels(self, column: str) -> Mapping[Label | None, int]:
        """Return rows per distinct value, in order; None, last, counts the missing."""
        counts = self._frame.counts(column)
        if len(counts) > MAX_LABELS:
            raise too_many_labels(column, self._frame.few_valued())
        return counts

    def repeats(self, unit_col: str, treatment_col: str) -> bool:
        """Return whether some unit has several of the first rows."""
        return self._frame.repeats(unit_col)

    def table(self, columns: Sequence[str], identifiers: Sequence[str]) -> Any:
        """Return some columns as a frame."""
        return self._frame.table(columns, identifiers)

    def text_values(self, column: str) -> TextValues | None:
        """Return the values of a column that are not numbers; None where all are."""
        return self._frame.text_values(column)

    def decisions(self) -> Mapping[str, Any]:
        """Return the forms in which columns of text are read as numbers."""
        forms = self._frame.texts.forms
        return {"forms": forms} if forms else {}

    def moments(self, query: Query) -> Reading:
        """Answer the query in one pass; in two where a column's pilot rows were far from its mean."""
        with progress(f"reading {len(self._frame):,} rows"):
            layout = lay_out(self._frame, query)
            arms, units = self._arms(query)
            read = self._read(query, Summed.of(layout, units), arms, units)
        cells = {
            (row_set.key, label): cell
            for row_set, per_arm in zip(query.row_sets, read.arms, strict=True)
            for label, cell in zip(query.arms, per_arm, strict=True)
        }
        return Reading(
            moments={key: moments for key, (moments, _) in cells.items()},
            rows={key: rows for key, (_, rows) in cells.items()},
            shifts=layout.shifts,
            units=units.report if units else None,
            passes=read.passes,
            groups=read.groups,
        )

    def _read(self, query: Query, summed: Summed, arms: Arms, units: Units | None) -> GroupedMoments:
        if query.group_cols:
            return grouped_moments(self._frame, query, summed, arms, units)
        own = units.unit_arms if units is not None and units.unit_arms is not None else arms
        read = summed.by_cell(own)
        rows = [[read.merged(i, [arm]) for arm in range(own.count)] for i in range(len(query.row_sets))]
        return GroupedMoments(rows, {}, read.passes)

    def samples(self, query: Query) -> Mapping[tuple[str, Label], ArmSample]:
        """Return the values of the query's terms, per row set and arm, complete rows only."""
        arms, units = self._arms(query)
        codes = units.codes if units else None
        return arm_samples(lay_out(self._frame, query), query, arms, codes, group_columns(self._frame, query))

    def infinite(self, columns: Sequence[str], treatment_col: str) -> Mapping[tuple[str, Label], int]:
        """Count infinite values per column and label."""
        encoded = self._frame.encoded(treatment_col)
        counts: dict[tuple[str, Label], int] = {}
        for column in columns:
            # Index 0 counts rows without a label (code -1).
            count = np.zeros(len(encoded.labels) + 1, dtype=np.int64)
            for start, block in self._blocks(column, 0, len(self._frame)):
                codes = encoded.codes[start : start + len(block)][np.isinf(block)]
                count += np.bincount(codes.astype(np.intp) + 1, minlength=len(count))
            counts |= {(column, label): int(n) for label, n in zip(encoded.labels, count[1:], strict=True)}
        return counts

    def values_outside(self, column: str, allowed: Iterable[float], limit: int = 5) -> tuple[float, ...]:
        """Return up to `limit` distinct non-missing values of a column that are not allowed, smallest first."""
        values = tuple(allowed)
        if self._frame.type_of(column) == "boolean" and {0.0, 1.0} <= set(values):
            return ()

        def search(start: int, stop: int) -> set[float]:
            # The smallest values of all are among the smallest of each block.
            blocks = self._blocks(column, start, stop)
            return {value for _, block in blocks for value in _others(block, values)[:limit].tolist()}

        parts = by_segment(len(self._frame), BLOCK, lambda: search)
        return tuple(sorted(set().union(*parts))[:limit])

    def explain(self, query: Query) -> str:
        """Describe how the query is answered."""
        columns = dict.fromkeys(c for s in query.row_sets for c in (*s.required, *(t.column for t in s.terms)))
        units, groups = [query.unit_col] if query.unit_col else [], columns_of_groupings(query.group_cols)
        named = list(dict.fromkeys([query.treatment_col, *units, *groups, *columns]))
        rows = len(self._frame)
        by_unit = f", summed per {query.unit_col!r} where that repeats" if query.unit_col else ""
        return (
            f"{self._frame.maker} frame in memory, {rows:,} rows, not copied: one pass over {len(named)} columns "
            f"({', '.join(map(str, named))}) in blocks that fit the cache, threads: {threads_for(rows)}{by_unit}"
            f"{described(query.group_cols)}."
        )

    def _arms(self, query: Query) -> tuple[Arms, Units | None]:
        variant = self._frame.encoded(query.treatment_col)
        arms = Arms(variant.codes, variant.codes_of(query.arms))
        if query.unit_col is None:
            return arms, None
        units = find_units(self._frame, query.unit_col, arms, variant, query.arms)
        return units.arms, units

    def _blocks(self, column: str, start: int, stop: int) -> Iterator[tuple[int, Floats]]:
        numbers = self._frame.numbers(column)
        for begin in range(start, stop, BLOCK):
            block = np.empty(min(BLOCK, stop - begin))
            numbers.read(begin, begin + len(block), 0.0, block)
            yield begin, block


def _others(block: Floats, allowed: Sequence[float]) -> Floats:
    """Return the distinct values of a block that are neither allowed nor missing."""
    # Most columns asked about are binary, so the usual answer is none; only other values are sorted.
    known = np.zeros(len(block), dtype=bool)
    for value in allowed:
        known |= block == value
    if known.all():
        return block[:0]
    return np.unique(block[~(known | np.isnan(block))])
