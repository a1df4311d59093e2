"""Unit-level values for what moments cannot answer: ranks, quantiles, the bootstrap."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xpyrment_core.reading import ArmSample, Label, Query
from xpyrment_frames.kernel import complete
from xpyrment_frames.layout import Layout, SlotSet


def arm_samples(
    layout: Layout, query: Query, arms: NDArray[np.integer], units: NDArray[np.integer] | None
) -> Mapping[tuple[str, Label], ArmSample]:
    """Return the terms of every row set on its complete rows, per arm, in the data's own units."""
    samples = {}
    for slot_set in layout.sets:
        columns = {slot: _values(layout, slot, len(arms)) for slot in slot_set.slots}
        missing = {slot: gap for slot, values in columns.items() if (gap := np.isnan(values)).any()}
        for arm, label in enumerate(query.arms):
            rows = np.flatnonzero(complete(slot_set, missing, arms == arm))
            samples[slot_set.row_set.key, label] = ArmSample(
                _terms(layout, slot_set, columns, rows), None if units is None else units[rows].astype(np.int64)
            )
    return samples


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
        terms[name] = gap.astype(np.float64) if missingness else np.where(gap, layout.slots[slot].shift, values)
    return terms
