"""Sums over each unit's rows, as a layout with one row per unit."""

from collections.abc import Iterator, Mapping

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from xpyrment_frames.arms import Arms
from xpyrment_frames.columns import ArrayColumn
from xpyrment_frames.kernel import Gaps, complete, gaps_in
from xpyrment_frames.layout import Layout, Slot, SlotSet
from xpyrment_frames.units import Units

Floats = NDArray[np.float64]
Key = tuple[frozenset[int], int, bool]
ROWS = -1
"""Stands for a slot of ones, whose sum counts a unit's rows."""

BLOCK = 1 << 15


@frozen(eq=False)
class _UnitSums:
    """The sums per unit that the row sets need; row sets differ in their rows only where a required slot has gaps.

    Attributes
    ----------
    gappy : frozenset of int
        Slots with missing values among the rows that count.
    sums : dict of key to ndarray
        Filled in place.
    """

    layout: Layout
    gappy: frozenset[int]
    sums: dict[Key, Floats] = field(factory=dict)

    def mask(self, slot_set: SlotSet) -> frozenset[int]:
        """Return the slots that decide which rows the row set has."""
        return self.gappy.intersection(slot_set.required)

    def keys(self, slot_set: SlotSet) -> list[Key]:
        """Return the sums that are the row set's columns, the number of rows first."""
        mask = self.mask(slot_set)
        return [(mask, ROWS, False), *((mask, slot, missingness) for slot, missingness in slot_set.terms)]


def unit_layout(layout: Layout, units: Units) -> tuple[Layout, int]:
    """Return a layout over units in place of rows, and the passes it took to sum them.

    Each row set's terms are sums over the unit's complete rows, of values less their
    shift; the number of those rows comes first, and is missing where it is 0.
    """
    # First as if nothing were missing, when row sets share their sums. If something is, the rest of that pass only
    # determines where, and a second one sums the rows of each row set.
    unit_sums, passes = _UnitSums(layout, frozenset()), 1
    gappy = _sum(unit_sums, units)
    if gappy:
        unit_sums, passes = _UnitSums(layout, gappy), 2
        _sum(unit_sums, units)
    place = {key: at for at, key in enumerate(unit_sums.sums)}
    slots = tuple(Slot(ArrayColumn(total)) for total in unit_sums.sums.values())
    sets = []
    for slot_set in layout.sets:
        at = [place[key] for key in unit_sums.keys(slot_set)]
        sets.append(SlotSet(slot_set.row_set, (at[0],), tuple((slot, False) for slot in at)))
    return Layout(slots, tuple(sets), layout.shifts), passes


def _sum(unit_sums: _UnitSums, units: Units) -> frozenset[int]:
    """Sum the keys per unit; return slots with missing values that are not among the known ones."""
    assert units.codes is not None
    assert units.unit_arms is not None
    unit_sums.sums.update(
        {key: np.zeros(len(units.unit_arms.codes)) for s in unit_sums.layout.sets for key in unit_sums.keys(s)}
    )
    new: set[int] = set()
    with np.errstate(invalid="ignore"):
        for codes, rows in _blocks(unit_sums.layout, units.arms, units.codes):
            gaps = gaps_in(rows)
            new |= gaps.keys() - unit_sums.gappy
            if not new:
                _add(unit_sums, codes, rows, gaps)
    for (_, slot, _), total in unit_sums.sums.items():
        # A unit without complete rows is missing. NaN from infinities of both signs must stay non-finite, not missing.
        total[total == 0 if slot == ROWS else np.isnan(total)] = np.nan if slot == ROWS else np.inf
    return frozenset(new)


def _add(unit_sums: _UnitSums, codes: NDArray[np.integer], rows: Mapping[int, Floats], gaps: Gaps) -> None:
    # np.add.at adds in place; np.bincount would make an array of all units for every block.
    masks = {unit_sums.mask(slot_set): slot_set for slot_set in unit_sums.layout.sets}
    keep = {mask: np.flatnonzero(complete(slot_set, gaps, len(codes))) for mask, slot_set in masks.items()}
    for (mask, slot, missingness), total in unit_sums.sums.items():
        at = keep[mask]
        if slot == ROWS:
            np.add.at(total, codes[at], 1.0)
        elif missingness and slot in gaps:
            np.add.at(total, codes[at], gaps[slot][at].astype(np.float64))
        elif not missingness:
            values = rows[slot][at]
            if slot in gaps:
                values[gaps[slot][at]] = 0.0
            np.add.at(total, codes[at], values)


def _blocks(
    layout: Layout, arms: Arms, codes: NDArray[np.integer]
) -> Iterator[tuple[NDArray[np.integer], dict[int, Floats]]]:
    """Yield the units and the shifted values of the rows that count."""
    for start in range(0, len(codes), BLOCK):
        stop = min(start + BLOCK, len(codes))
        order = np.flatnonzero(arms.of(start, stop) < arms.count)
        plain = np.empty(stop - start)
        rows = {}
        for at, slot in enumerate(layout.slots):
            slot.column.read(start, stop, slot.shift, plain)
            rows[at] = plain[order]
        yield codes[start:stop][order], rows
