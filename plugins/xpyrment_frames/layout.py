"""Translates a query into slots, the numeric columns that the kernel multiplies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_frames.columns import CodedColumn, Column
from xpyrment_frames.frame import Frame

PILOT_ROWS = 1024
PILOT_PARTS = 16
"""Data are often sorted, by time or size, so the pilot rows are spread over 16 places."""

NEAR = 4.0
"""Typical deviations between 0 and the median up to which a shift would save less than two digits."""


@frozen(eq=False)
class Slot:
    """A column the kernel reads.

    Attributes
    ----------
    column : Column
    shift : float
        Subtracted from its values.
    fill : float
        Replaces missing values after the subtraction: 0 imputes the shift.
    """

    column: Column
    shift: float = 0.0
    fill: float = 0.0


@frozen(eq=False)
class SlotSet:
    """A row set in terms of slots.

    Attributes
    ----------
    required : tuple of int
        Slots that must not be missing.
    terms : tuple of (int, bool)
        Slot of each term, and whether the term is its missingness rather than its value.
    """

    row_set: RowSet
    required: tuple[int, ...]
    terms: tuple[tuple[int, bool], ...]

    @property
    def slots(self) -> tuple[int, ...]:
        """Every slot the row set touches, once."""
        return tuple(dict.fromkeys([*self.required, *(slot for slot, _ in self.terms)]))


@frozen(eq=False)
class Layout:
    """All slots of a query, and each row set in terms of them."""

    slots: tuple[Slot, ...]
    sets: tuple[SlotSet, ...]
    shifts: dict[str, float]

    def unshifted(self) -> "Layout":
        """Return the layout with shifts of 0, and the same values imputed."""
        slots = tuple(Slot(slot.column, 0.0, slot.fill + slot.shift) for slot in self.slots)
        return Layout(slots, self.sets, self.shifts)

    def shift_of(self, slot_set: SlotSet) -> NDArray[np.float64]:
        """Return the shift of each term of a row set; an indicator of missingness has 0."""
        return np.array([0.0 if missing else self.slots[slot].shift for slot, missing in slot_set.terms])


class _Slots:
    """Slots, created on first use."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._position: dict[tuple[str, Any], int] = {}
        self.slots: list[Slot] = []
        self.shifts: dict[str, float] = {}

    def values(self, column: str) -> int:
        """Return the slot of a column of numbers."""
        numbers = self._frame.numbers(column)
        if (column, None) not in self._position:
            self.shifts[column] = pilot(numbers, len(self._frame))
            self._add((column, None), Slot(numbers, self.shifts[column]))
        return self._position[column, None]

    def observed(self, column: str) -> int:
        """Return a slot that is missing where the column is: its numbers, or zeros for a column of text."""
        if self._frame.type_of(column) in ("number", "boolean"):
            return self.values(column)
        if (column, None) not in self._position:
            encoded = self._frame.encoded(column)
            self._add((column, None), Slot(CodedColumn(encoded.codes, [*(0.0 for _ in encoded.labels), np.nan])))
        return self._position[column, None]

    def level(self, column: str, level: Any) -> int:
        """Return the slot of an indicator of one level."""
        # In a tuple, so that no level is equal to None, the key of the column itself.
        if (column, (level,)) not in self._position:
            encoded = self._frame.encoded(column)
            table = [*(float(label == level) for label in encoded.labels), 0.0]
            self._add((column, (level,)), Slot(CodedColumn(encoded.codes, table)))
        return self._position[column, (level,)]

    def _add(self, key: tuple[str, Any], slot: Slot) -> None:
        self._position[key] = len(self.slots)
        self.slots.append(slot)

    def term(self, term: Term) -> tuple[int, bool]:
        if term.kind == "level":
            return self.level(term.column, term.level), False
        if term.kind == "missing":
            return self.observed(term.column), True
        return self.values(term.column), False


def lay_out(frame: Frame, query: Query) -> Layout:
    """Return the slots of a query, each column once."""
    slots = _Slots(frame)
    sets = [
        SlotSet(
            row_set, tuple(slots.observed(c) for c in row_set.required), tuple(slots.term(t) for t in row_set.terms)
        )
        for row_set in query.row_sets
    ]
    return Layout(tuple(slots.slots), tuple(sets), slots.shifts)


def pilot(column: Column, rows: int) -> float:
    """Return the shift of a column: the median of a few rows spread over the whole column.

    0 where a shift gains nothing because the values lie about 0. Where all of those rows are
    missing, the first observed value of the column is used.
    """
    length = PILOT_ROWS // PILOT_PARTS
    starts = np.unique(np.linspace(0, max(rows - length, 0), PILOT_PARTS).astype(int))
    values = _finite(column, starts, length, rows)
    if not values.size:
        everywhere = range(0, rows, PILOT_ROWS)
        values = next((f for s in everywhere if (f := _finite(column, [s], PILOT_ROWS, rows)).size), values)
    if not values.size:
        return 0.0
    # The median is robust to outliers, which would make the mean a poor shift.
    middle = float(np.median(values))
    return 0.0 if abs(middle) <= NEAR * np.median(np.abs(values - middle)) else middle


def _finite(column: Column, starts: Sequence[int] | NDArray[Any], length: int, rows: int) -> NDArray[np.float64]:
    parts = []
    for start in starts:
        part = np.empty(min(length, rows - int(start)))
        column.read(int(start), int(start) + len(part), 0.0, part)
        parts.append(part[np.isfinite(part)])
    return np.concatenate(parts) if parts else np.empty(0)
