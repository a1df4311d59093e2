"""Unit-level values for methods that need more than moments: ranks, quantiles, the bootstrap."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xpyrment_core import ArmSample, Label
from xpyrment_core.data.query import Query
from xpyrment_frames.arms import Arms
from xpyrment_frames.kernel import complete, gaps_in
from xpyrment_frames.layout import Layout, SlotSet


def arm_samples(
    layout: Layout, query: Query, arms: Arms, units: NDArray[np.integer] | None
) -> Mapping[tuple[str, Label], ArmSample]:
    """Return the terms of every row set on its complete rows, per arm, in the data's own units."""
    samples = {}
    rows = len(arms.codes)
    everyone = arms.of(0, rows)
    for slot_set in layout.sets:
        columns = {slot: _values(layout, slot, rows) for slot in slot_set.slots}
        missing = gaps_in(columns)
        keep = complete(slot_set, missing, rows)
        for arm, label in enumerate(query.arms):
            at = np.flatnonzero(keep & (everyone == arm))
            samples[slot_set.row_set.key, label] = ArmSample(
                _terms(layout, slot_set, columns, at), None if units is None else units[at].astype(np.int64)
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
        # Imputed with the shift, as in the moments: a test on values must not see other data than one on means.
        terms[name] = gap.astype(np.float64) if missingness else np.where(gap, layout.slots[slot].shift, values)
    return terms
