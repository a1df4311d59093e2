"""Sums of products per variant and row set, in one pass over blocks of rows.

In each block the rows of a variant are brought together, column by column, and become one
matrix product per group of row sets. Only where a value is missing or infinite does each row
set of the group select its own complete rows.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from xpyrment_frames.columns import take
from xpyrment_frames.groups import Group, group
from xpyrment_frames.layout import Layout, SlotSet
from xpyrment_frames.parallel import by_segment
from xpyrment_frames.products import add_gram, block_rows

Floats = NDArray[np.float64]
Grams = list[Floats]
Gaps = Mapping[int, NDArray[np.bool_]]


@frozen(eq=False)
class Arms:
    """Which arm each row is in: rows of an arm have its code, rows of no arm any other.

    Attributes
    ----------
    codes : ndarray of int of shape (rows,)
    arm_codes : sequence of int
        The code of each arm.
    """

    codes: NDArray[np.integer]
    arm_codes: Sequence[int]

    @property
    def count(self) -> int:
        """Number of arms."""
        return len(self.arm_codes)

    def of(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the arm of each of the rows ``start:stop``, `count` for none."""
        codes = self.codes[start:stop]
        arms = np.full(len(codes), self.count, dtype=np.int16)
        for arm, code in enumerate(self.arm_codes):
            arms[codes == code] = arm
        return arms

    def block(self, start: int, stop: int) -> "ArmBlock":
        """Return where the rows of each arm are among rows ``start:stop``."""
        codes = self.codes[start:stop]
        places = [np.flatnonzero(codes == code) for code in self.arm_codes]
        return ArmBlock(start, stop, np.concatenate(places), np.cumsum([0, *map(len, places)]))


@frozen(eq=False)
class ArmBlock:
    """The rows of a block, arm by arm.

    Attributes
    ----------
    start, stop : int
        Rows of the data.
    order : ndarray of int
        Rows of the block that are in an arm, those of the first arm first.
    bounds : ndarray of int of shape (arms + 1,)
        Where in `order` each arm begins.
    """

    start: int
    stop: int
    order: NDArray[np.intp]
    bounds: NDArray[np.intp]

    def sizes(self) -> NDArray[np.intp]:
        """Return the rows of each arm."""
        return np.diff(self.bounds)

    def slices(self) -> Iterator[slice]:
        """Yield the part of `order` that belongs to each arm."""
        for begin, end in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            yield slice(begin, end)


def grams(layout: Layout, arms: Arms, centres: Sequence[Floats] | None = None, threads: int | None = None) -> Grams:
    """Return, per row set, the sums of products of a leading 1 and its shifted terms, one matrix per arm.

    Parameters
    ----------
    layout : Layout
    arms : Arms
    centres : sequence of ndarray of shape (arms, terms), optional
        What more to take off each term, per row set and arm; each row set is then gathered alone.
    threads : int, optional

    Returns
    -------
    list of ndarray of shape (arms, 1 + terms, 1 + terms)
    """
    groups = group(layout.sets)
    rows = block_rows(1 + max((len(one.slots) for one in groups), default=0))
    parts = by_segment(len(arms.codes), rows, lambda: _Worker(layout, arms, groups, rows, centres), threads)
    totals = _zeros(arms.count, [len(s.terms) for s in layout.sets])
    for part in parts:
        for total, add in zip(totals, part, strict=True):
            total += add
    return totals


PADDING = 72
"""Keeps the rows of a buffer off each other's places in the cache, which a power of two would share."""

FAR = 100.0
"""Standard deviations between shift and mean past which digits are lost."""


WHOLE = 2.0**53
"""Up to here float64 holds every whole number."""

MOST_PASSES = 3
"""The first mean may have been spoilt by a far shift; the second cannot be."""


def centred_grams(layout: Layout, arms: Arms) -> tuple[Grams, list[Floats], int]:
    """Return the grams, what was taken off each term, and the passes made.

    One pass, unless the shift of some column lies far from an arm's mean; then further
    ones over the data's own values, less the arm's own means.

    Returns
    -------
    grams : list of ndarray of shape (arms, 1 + terms, 1 + terms)
    centres : list of ndarray of shape (arms, terms)
    passes : int
    """
    sums = grams(layout, arms)
    centres = [np.tile(layout.shift_of(slot_set), (arms.count, 1)) for slot_set in layout.sets]
    passes = 1
    while passes < MOST_PASSES and any(map(_far, sums)):
        centres = [np.nan_to_num(_means(*found), posinf=0.0, neginf=0.0) for found in zip(centres, sums, strict=True)]
        sums = grams(layout.unshifted(), arms, centres)
        passes += 1
    return sums, centres, passes


def _means(centre: Floats, total: Floats) -> Floats:
    with np.errstate(all="ignore"):
        return centre + total[:, 0, 1:] / total[:, :1, 0]


def _far(total: Floats) -> bool:
    with np.errstate(all="ignore"):
        squares = np.diagonal(total, axis1=1, axis2=2)[:, 1:]
        spread = squares - total[:, 0, 1:] ** 2 / total[:, :1, 0]
        # Whole numbers add up without any rounding: an arm of nothing but ones has no spread, and is not far.
        exact = (spread == 0) & (squares < WHOLE) & (squares == np.round(squares))
        return bool((~exact & np.isfinite(spread) & (squares > FAR**2 * np.abs(spread))).any())


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
    buffers: dict[int, Floats] = field(factory=dict)

    def __call__(self, start: int, stop: int) -> Grams:
        """Return the sums over rows ``start:stop`` per row set."""
        shared = _zeros(self.arms.count, [len(one.slots) for one in self.groups])
        own = _zeros(self.arms.count, [len(s.terms) for s in self.layout.sets])
        with np.errstate(all="ignore"):
            for begin in range(start, stop, self.rows):
                block = self.arms.block(begin, min(begin + self.rows, stop))
                for one, total in zip(self.groups, shared, strict=True):
                    self._add(one, block, total, own)
        for one, total in zip(self.groups, shared, strict=True):
            for member in one.members:
                own[member] += _share(one, self.layout.sets[member], total)
        return own

    def _add(self, one: Group, block: ArmBlock, total: Floats, own: Grams) -> None:
        """Add a block to the group's sums, or to those of its members where they differ in their rows."""
        values = self._load(one, block)
        sums = np.zeros_like(total)
        clean: set[int] = set()
        if self.centres is None:
            for part, out in zip(block.slices(), sums, strict=True):
                add_gram(values[:, part], out)
            fine = np.all(np.isfinite(sums[:, 0] + np.diagonal(sums, axis1=1, axis2=2)), axis=0)
            if fine.all():
                total += sums
                return
            clean = {slot for slot, ok in zip(one.slots, fine[1:], strict=True) if ok}
        rows = dict(zip(one.slots, values[1:], strict=True))
        gaps = gaps_in({slot: rows[slot] for slot in one.slots if slot not in clean})
        for member in one.members:
            slot_set = self.layout.sets[member]
            if self.centres is None and clean.issuperset(slot_set.slots):
                own[member] += _share(one, slot_set, sums)
            else:
                self._add_complete(member, rows, gaps, block, own[member])

    def _add_complete(self, member: int, rows: Mapping[int, Floats], gaps: Gaps, block: ArmBlock, out: Floats) -> None:
        """Add the sums over a row set's complete rows, arm by arm."""
        slot_set = self.layout.sets[member]
        fills = {slot: self.layout.slots[slot].fill for slot in gaps}
        keep = complete(slot_set, gaps, len(block.order))
        for arm, part in enumerate(block.slices()):
            values = terms(slot_set, rows, gaps, fills, part.start + np.flatnonzero(keep[part]))
            if self.centres is not None:
                values[1:] -= self.centres[member][arm][:, None]
            add_gram(values, out[arm])

    def _load(self, one: Group, block: ArmBlock) -> Floats:
        """Return a row of ones and the group's shifted columns, the rows of an arm together."""
        width = 1 + len(one.slots)
        if width not in self.buffers:
            self.buffers[width] = np.ones((width + 1, self.rows + PADDING))
        buffer = self.buffers[width]
        values = buffer[:width, : len(block.order)]
        for out, at in zip(values[1:], one.slots, strict=True):
            slot = self.layout.slots[at]
            take(slot.column, block.start, block.stop, slot.shift, block.order, out, room=buffer[-1])
        return values


def _share(one: Group, slot_set: SlotSet, sums: Floats) -> Floats:
    """Return a row set's share of its group's sums; missingness is 0 where nothing is missing."""
    nothing = len(one.slots) + 1
    padded = np.pad(sums, ((0, 0), (0, 1), (0, 1)))
    place = [0, *(nothing if missingness else 1 + one.slots.index(slot) for slot, missingness in slot_set.terms)]
    return padded[:, place][:, :, place]


def gaps_in(rows: Mapping[int, Floats]) -> dict[int, NDArray[np.bool_]]:
    """Return where values are missing, for the slots that miss any."""
    found = {slot: np.asarray(np.isnan(values)) for slot, values in rows.items()}
    return {slot: gap for slot, gap in found.items() if gap.any()}


def complete(slot_set: SlotSet, gaps: Gaps, rows: int) -> NDArray[np.bool_]:
    """Return whether every required slot is observed, per row."""
    keep = np.ones(rows, dtype=bool)
    for slot in slot_set.required:
        if slot in gaps:
            keep &= ~gaps[slot]
    return keep


def terms(
    slot_set: SlotSet, rows: Mapping[int, Floats], gaps: Gaps, fills: Mapping[int, float], at: NDArray[np.intp]
) -> Floats:
    """Return a leading 1 and the terms of some rows, as the slots hold them."""
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
