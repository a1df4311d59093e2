"""Unit-level values for methods that need more than moments: ranks, quantiles, the bootstrap."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xpyrment_core import ArmSample, Label
from xpyrment_core.data.groups import GroupCodes, group_codes
from xpyrment_core.data.query import Query
from xpyrment_frames.arms import Arms
from xpyrment_frames.cells import GroupColumn
from xpyrment_frames.kernel import complete, gaps_in
from xpyrment_frames.layout import Layout, SlotSet


def arm_samples(
    layout: Layout,
    query: Query,
    arms: Arms,
    units: NDArray[np.integer] | None,
    columns: Mapping[str, GroupColumn],
) -> Mapping[tuple[str, Label], ArmSample]:
    """Return the terms of every row set on its complete rows, per arm, in the data's own units."""
    samples = {}
    rows = len(arms.codes)
    everyone = arms.of(0, rows)
    counted = np.flatnonzero(everyone < arms.count)
    groups = {grouping: _groups([columns[c] for c in grouping], counted, units, rows) for grouping in query.group_cols}
    for slot_set in layout.sets:
        values = {slot: _values(layout, slot, rows) for slot in slot_set.slots}
        missing = gaps_in(values)
        keep = complete(slot_set, missing, rows)
        for arm, label in enumerate(query.arms):
            at = np.flatnonzero(keep & (everyone == arm))
            samples[slot_set.row_set.key, label] = ArmSample(
                _terms(layout, slot_set, values, at),
                None if units is None else units[at].astype(np.int64),
                groups={grouping: codes.take(at) for grouping, codes in groups.items()},
            )
    return samples


def _groups(
    columns: Sequence[GroupColumn], counted: NDArray[np.intp], units: NDArray[np.integer] | None, rows: int
) -> GroupCodes:
    """Return the group of each row; arbitrary where the row does not count."""
    parts = []
    for column in columns:
        levels = column.levels(0, rows)[counted]
        parts.append((np.where(levels == column.missing, -1, levels), column.values))
    found = group_codes(parts, None if units is None else units[counted])
    codes = np.full(rows, -1, dtype=np.int64)
    codes[counted] = found.codes
    return GroupCodes(codes, found.levels)


def _values(layout: Layout, slot: int, rows: int) -> NDArray[np.float64]:
    out = np.empty(rows)
    layout.slots[slot].column.read(0, rows, 0.0, out)
    return out


def _terms(
    layout: Layout, slot_set: SlotSet, columns: Mapping[int, NDArray[np.float64]], rows: NDArray[np.intp]
) -> dict[str, NDArray[np.float64]]:
    terms = {}
    for name, (slot, missingness) in zip(slot_set.row_set.names, slot_set.terms, strict=True):
        values = columns[slot][rows]
        gap = np.isnan(values)
        # Imputed with the shift, as in the moments: a test on values must not see other data than one on means.
        terms[name] = gap.astype(np.float64) if missingness else np.where(gap, layout.slots[slot].shift, values)
    return terms
