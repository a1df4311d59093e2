"""Sums of products per variant and row set, in one pass over blocks of rows.

In each block the rows of a variant are gathered column by column, and there is one matrix
product per group of row sets. Only where a value is missing or infinite does each row
set of the group select its own complete rows.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from xpyrment_frames.arms import ArmBlock, Arms
from xpyrment_frames.columns import take
from xpyrment_frames.groups import Group, group
from xpyrment_frames.layout import Layout, SlotSet
from xpyrment_frames.parallel import SEGMENTS, by_segment
from xpyrment_frames.products import add_grams, block_rows

Floats = NDArray[np.float64]
Grams = list[Floats]
Gaps = Mapping[int, NDArray[np.bool_]]

PADDING = 72
"""Padding of buffer rows: at a stride of a power of two they would map to the same cache lines."""


SUMS_HELD = 256 << 20
FEWEST_SEGMENTS = 8
"""Sums of many cells, of every segment, take as many bytes at most, but there are so many segments at least."""


def grams(layout: Layout, arms: Arms, centres: Sequence[Floats] | None = None, threads: int | None = None) -> Grams:
    """Return, per row set, the sums of products of a leading 1 and its shifted terms, one matrix per arm.

    Parameters
    ----------
    layout : Layout
    arms : Arms
    centres : sequence of ndarray of shape (arms, terms), optional
        Further amounts subtracted from each term, per row set and arm; each row set is then gathered alone.
    threads : int, optional

    Returns
    -------
    list of ndarray of shape (arms, 1 + terms, 1 + terms)
    """
    groups = group(layout.sets)
    rows = block_rows(1 + max((len(one.slots) for one in groups), default=0))
    worker = partial(_Worker, layout, arms, groups, rows, centres)
    totals = _zeros(arms.count, [len(s.terms) for s in layout.sets])
    shared = _zeros(arms.count, [len(one.slots) for one in groups])
    # Segments are added in the order of their rows, so that rounding does not depend on the number of threads.
    segments = _segments(8 * sum(total.size for total in (*totals, *shared)))
    for part, own in by_segment(len(arms.codes), rows, worker, threads, segments):
        for total, add in zip(shared, part, strict=True):
            total += add
        for member, add in own.items():
            totals[member] += add
    for one, total in zip(groups, shared, strict=True):
        for member in one.members:
            totals[member] += _share(one, layout.sets[member], total)
    return totals


def _segments(size: int) -> int:
    """Return the number of segments whose sums, of so many bytes each, are held at once."""
    return int(np.clip(SUMS_HELD // max(size, 1), FEWEST_SEGMENTS, SEGMENTS))


def _zeros(count: int, widths: Sequence[int]) -> Grams:
    return [np.zeros((count, 1 + width, 1 + width)) for width in widths]


@frozen(eq=False)
class _Worker:
    """One thread's pass over segments of rows, with its buffers."""

    layout: Layout
    arms: Arms
    groups: tuple[Group, ...]
    rows: int
    centres: Sequence[Floats] | None
    # One per width, used for all blocks: fresh memory for each would be cleared by the operating system page by page.
    buffers: dict[int, Floats] = field(factory=dict)

    def __call__(self, start: int, stop: int) -> tuple[Grams, dict[int, Floats]]:
        """Return the sums over rows ``start:stop`` per group, and per row set where those differ."""
        shared = _zeros(self.arms.count, [len(one.slots) for one in self.groups])
        own: dict[int, Floats] = {}
        with np.errstate(all="ignore"):
            for begin in range(start, stop, self.rows):
                block = self.arms.block(begin, min(begin + self.rows, stop))
                for one, total in zip(self.groups, shared, strict=True):
                    self._add(one, block, total, own)
        return shared, own

    def _add(self, one: Group, block: ArmBlock, total: Floats, own: dict[int, Floats]) -> None:
        """Add a block to the group's sums, or to those of its members where they differ in their rows."""
        values = self._load(one, block)
        sums = np.zeros_like(total)
        clean: set[int] = set()
        if self.centres is None:
            add_grams(values, block.bounds, sums)
            # The product of a block shows missing and infinite values as non-finite sums, without a scan.
            fine = np.all(np.isfinite(sums[:, 0] + np.diagonal(sums, axis1=1, axis2=2)), axis=0)
            if fine.all():
                total += sums
                return
            clean = {slot for slot, ok in zip(one.slots, fine[1:], strict=True) if ok}
        rows = dict(zip(one.slots, values[1:], strict=True))
        # Only slots with non-finite sums are scanned for missing values.
        gaps = gaps_in({slot: rows[slot] for slot in one.slots if slot not in clean})
        for member in one.members:
            slot_set = self.layout.sets[member]
            if member not in own:
                (own[member],) = _zeros(self.arms.count, [len(slot_set.terms)])
            if self.centres is None and clean.issuperset(slot_set.slots):
                own[member] += _share(one, slot_set, sums)
            else:
                self._add_complete(member, rows, gaps, block, own[member])

    def _add_complete(self, member: int, rows: Mapping[int, Floats], gaps: Gaps, block: ArmBlock, out: Floats) -> None:
        """Add the sums over a row set's complete rows to each arm."""
        slot_set = self.layout.sets[member]
        fills = {slot: self.layout.slots[slot].fill for slot in gaps}
        keep = complete(slot_set, gaps, len(block.order))
        values = terms(slot_set, rows, gaps, fills, np.flatnonzero(keep))
        # Where each arm begins among the rows that are kept.
        bounds = np.concatenate([[0], np.cumsum(keep)])[block.bounds]
        if self.centres is not None:
            values[1:] -= np.repeat(self.centres[member].T, np.diff(bounds), axis=1)
        add_grams(values, bounds, out)

    def _load(self, one: Group, block: ArmBlock) -> Floats:
        """Return a row of ones and the group's shifted columns, the rows of an arm together."""
        width = 1 + len(one.slots)
        if width not in self.buffers:
            # The last row is scratch space; row 0 stays ones.
            self.buffers[width] = np.ones((width + 1, self.rows + PADDING))
        buffer = self.buffers[width]
        values = buffer[:width, : len(block.order)]
        for out, at in zip(values[1:], one.slots, strict=True):
            slot = self.layout.slots[at]
            take(slot.column, block.start, block.stop, slot.shift, block.order, out, room=buffer[-1])
        return values


def _share(one: Group, slot_set: SlotSet, sums: Floats) -> Floats:
    """Return a row set's share of its group's sums; missingness is 0 where nothing is missing."""
    place = np.array([0, *(1 + one.slots.index(slot) for slot, _ in slot_set.terms)])
    absent = np.array([False, *(missingness for _, missingness in slot_set.terms)])
    part = sums[:, place[:, None], place]
    part[:, absent] = 0.0
    part[:, :, absent] = 0.0
    return part


def gaps_in(rows: Mapping[int, Floats]) -> dict[int, NDArray[np.bool_]]:
    """Return a mask of missing values for each slot that has any."""
    masks = {slot: np.asarray(np.isnan(values)) for slot, values in rows.items()}
    return {slot: gap for slot, gap in masks.items() if gap.any()}


def complete(slot_set: SlotSet, gaps: Gaps, rows: int) -> NDArray[np.bool_]:
    """Return, per row, whether every required slot is observed."""
    keep = np.ones(rows, dtype=bool)
    for slot in slot_set.required:
        if slot in gaps:
            keep &= ~gaps[slot]
    return keep


def terms(
    slot_set: SlotSet, rows: Mapping[int, Floats], gaps: Gaps, fills: Mapping[int, float], at: NDArray[np.intp]
) -> Floats:
    """Return a leading row of ones and the terms of the rows `at`, missing values filled."""
    values = np.ones((1 + len(slot_set.terms), len(at)))
    for out, (slot, missingness) in zip(values[1:], slot_set.terms, strict=True):
        gap = gaps[slot][at] if slot in gaps else None
        if missingness:
            out[:] = 0.0 if gap is None else gap
        else:
            out[:] = rows[slot][at]
            if gap is not None:
                out[gap] = fills[slot]
    return values
