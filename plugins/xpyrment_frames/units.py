"""The unit of randomisation: which rows count, and sums per unit where units have several rows."""

from collections.abc import Sequence

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from xpyrment_core.reading import Label, UnitReport
from xpyrment_frames.columns import ArrayColumn
from xpyrment_frames.kernel import BLOCK, complete, grams, terms
from xpyrment_frames.labels import Encoded
from xpyrment_frames.layout import Layout, Slot, SlotSet


@frozen(eq=False)
class Units:
    """What is known of the units of a query's rows.

    Attributes
    ----------
    arms : ndarray of int of shape (rows,)
        Arm of each row, the number of arms where the row does not count.
    codes : ndarray of int or None
        Unit of each row, where units have several rows; arbitrary where the row does not count.
    unit_arms : ndarray of int or None
        Arm of each unit.
    """

    arms: NDArray[np.integer]
    report: UnitReport
    codes: NDArray[np.integer] | None = None
    unit_arms: NDArray[np.integer] | None = None


def find_units(unit: Encoded, variant: Encoded, labels: Sequence[Label]) -> Units:
    """Leave out rows without a unit and units in two arms, and see whether units repeat."""
    count = len(labels)
    arms = variant.table(labels, count)[variant.codes]
    without = unit.codes < 0
    known = (variant.codes >= 0) & ~without
    first = np.full(len(unit.labels) + 1, -1, dtype=np.int64)
    first[unit.codes[known]] = variant.codes[known]
    mixed = np.zeros(len(first), dtype=bool)
    mixed[unit.codes[known][first[unit.codes[known]] != variant.codes[known]]] = True
    in_two = mixed[unit.codes] & ~without
    kept = np.where(without | in_two, count, arms)
    rows = np.bincount(unit.codes[kept < count], minlength=len(unit.labels))
    unit_arms = np.full(len(unit.labels), count, dtype=np.int64)
    unit_arms[unit.codes[kept < count]] = kept[kept < count]
    repeated = bool((rows > 1).any())
    report = UnitReport(
        units=_per_label(unit_arms, labels),
        repeated=repeated,
        in_two_arms=int(mixed.sum()),
        rows_in_two_arms=_per_label(arms[in_two], labels),
        rows_without_unit=_per_label(arms[without], labels),
    )
    return Units(kept, report, unit.codes if repeated else None, unit_arms if repeated else None)


def _per_label(arms: NDArray[np.integer], labels: Sequence[Label]) -> dict[Label, int]:
    return {label: int((arms == arm).sum()) for arm, label in enumerate(labels)}


def unit_grams(layout: Layout, units: Units, count: int) -> list[list[NDArray[np.float64]]]:
    """Return grams over units of the rows and the shifted sums of each row set's terms."""
    assert units.codes is not None
    assert units.unit_arms is not None
    sums = []
    for slot_set in layout.sets:
        totals = _unit_sums(layout, slot_set, units, count)
        totals[:, totals[0] == 0] = np.nan
        slots = tuple(Slot(ArrayColumn(total)) for total in totals)
        one = SlotSet(slot_set.row_set, (0,), tuple((i, False) for i in range(len(slots))))
        sums += grams(Layout(slots, (one,), {}), units.unit_arms, count)
    return sums


def _unit_sums(layout: Layout, slot_set: SlotSet, units: Units, count: int) -> NDArray[np.float64]:
    assert units.codes is not None
    assert units.unit_arms is not None
    totals = np.zeros((1 + len(slot_set.terms), len(units.unit_arms)))
    needed = {old: new for new, old in enumerate(slot_set.slots)}
    local = evolve(
        slot_set,
        required=tuple(needed[slot] for slot in slot_set.required),
        terms=tuple((needed[slot], flag) for slot, flag in slot_set.terms),
    )
    for start in range(0, len(units.arms), BLOCK):
        stop = min(start + BLOCK, len(units.arms))
        block = np.empty((len(needed), stop - start))
        for slot, out in zip(slot_set.slots, block, strict=True):
            layout.slots[slot].column.read(start, stop, layout.slots[slot].shift, out)
        missing = {i: row for i, values in enumerate(block) if (row := np.isnan(values)).any()}
        rows = np.flatnonzero(complete(local, missing, units.arms[start:stop] < count))
        for total, values in zip(totals, terms(local, block, missing, rows), strict=True):
            np.add.at(total, units.codes[start:stop][rows], values)
    return totals
