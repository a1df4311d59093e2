"""Sums of products per variant and row set, in one pass over blocks of rows."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xpyrment_frames.layout import Layout, SlotSet

BLOCK = 1 << 15
Gram = NDArray[np.float64]


def grams(layout: Layout, arms: NDArray[np.integer], count: int) -> list[list[Gram]]:
    """Return, per row set and arm, the sums of products of a leading 1 and the row set's shifted terms.

    Parameters
    ----------
    layout : Layout
    arms : ndarray of int of shape (rows,)
        Arm of each row, `count` for rows that are in none.
    count : int
        Number of arms.
    """
    sums = [[np.zeros((1 + len(s.terms), 1 + len(s.terms))) for _ in range(count)] for s in layout.sets]
    for start in range(0, len(arms), BLOCK):
        stop = min(start + BLOCK, len(arms))
        block = np.empty((len(layout.slots), stop - start))
        for slot, out in zip(layout.slots, block, strict=True):
            slot.column.read(start, stop, slot.shift, out)
        missing = {i: row for i, values in enumerate(block) if (row := np.isnan(values)).any()}
        for slot_set, totals in zip(layout.sets, sums, strict=True):
            for arm, total in enumerate(totals):
                rows = np.flatnonzero(complete(slot_set, missing, arms[start:stop] == arm))
                total += _product(terms(slot_set, block, missing, rows))
    return sums


def complete(slot_set: SlotSet, missing: Mapping[int, NDArray[np.bool_]], rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return those of the rows on which every required slot is observed."""
    for slot in slot_set.required:
        if slot in missing:
            rows = rows & ~missing[slot]
    return rows


def terms(slot_set: SlotSet, block: Gram, missing: Mapping[int, NDArray[np.bool_]], rows: NDArray[np.intp]) -> Gram:
    """Return a leading 1 and the shifted terms of some rows; a missing value stands at the shift, 0."""
    values = np.ones((1 + len(slot_set.terms), len(rows)))
    for out, (slot, missingness) in zip(values[1:], slot_set.terms, strict=True):
        gap = missing[slot][rows] if slot in missing else None
        if missingness:
            out[:] = 0.0 if gap is None else gap
        else:
            out[:] = block[slot][rows]
            if gap is not None:
                out[gap] = 0.0
    return values


def _product(values: Gram) -> Gram:
    with np.errstate(invalid="ignore", over="ignore"):
        return values @ values.T
