"""Cells of a query with groups: the variant and the level of every group column, per row or per unit."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from xpyrment_core import Label
from xpyrment_core.data.groups import NAMED, ChangedUnits, Grouping, Level
from xpyrment_core.data.labels import in_order, is_missing
from xpyrment_frames.arms import ArmBlock, Arms
from xpyrment_frames.frame import Frame
from xpyrment_frames.parallel import by_segment
from xpyrment_frames.units import Units

BLOCK = 1 << 16
Codes = NDArray[np.integer]
Levels = Callable[[int, int], NDArray[np.int32]]
"""Gives the level of each of some rows."""


class CellArms(Arms):
    """The cell of each row, for many cells: a block's rows are grouped by sorting their codes."""

    def of(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the cell of each of the rows ``start:stop``, `count` for none."""
        return np.asarray(self.codes[start:stop])

    def block(self, start: int, stop: int) -> ArmBlock:
        """Return the positions of each cell's rows among rows ``start:stop``."""
        codes = self.codes[start:stop]
        # A stable sort of 16-bit integers is a radix sort; it leaves the rows of a cell ascending.
        order = np.argsort(codes, kind="stable")
        sizes = np.bincount(codes, minlength=self.count + 1)[: self.count]
        bounds = np.concatenate([[0], np.cumsum(sizes)])
        return ArmBlock(start, stop, order[: bounds[-1]], bounds)


@frozen(eq=False)
class GroupColumn:
    """A group column as levels: ``0 … count - 1`` in the order of the values, `count` where it is missing.

    Attributes
    ----------
    values : tuple
        The values that occur, in order.
    codes : ndarray of int of shape (rows,)
        Codes of the column as it is encoded.
    table : ndarray of int
        Level of each code; the last entry is that of missing values (code -1).
    """

    name: str
    values: tuple[Label, ...]
    codes: Codes
    table: NDArray[np.int32]

    @property
    def missing(self) -> int:
        """Level of missing values."""
        return len(self.values)

    @property
    def changed(self) -> int:
        """Level of units whose rows are in several levels."""
        return len(self.values) + 1

    @classmethod
    def of(cls, frame: Frame, name: str) -> "GroupColumn":
        """Return a column of a frame as levels."""
        encoded = frame.encoded(name)
        values = tuple(in_order(label for label in frame.counts(name) if not is_missing(label)))
        place = {value: level for level, value in enumerate(values)}
        # A categorical has values that do not occur, and may have one that stands for a missing value.
        known = [-1 if is_missing(label) else place.get(label, -1) for label in encoded.labels]
        table = np.array([*known, -1], dtype=np.int32)
        table[table < 0] = len(values)
        return cls(name, values, encoded.codes, table)

    def levels(self, start: int, stop: int) -> NDArray[np.int32]:
        """Return the level of each of the rows ``start:stop``."""
        return self.table[self.codes[start:stop]]

    def value(self, level: int) -> Label | None:
        """Return the value of a level, None for a missing one."""
        return self.values[level] if level < self.missing else None


@frozen(eq=False)
class Cells:
    """The cells that occur.

    Attributes
    ----------
    arms : CellArms
        Cell of each row; of each unit, where units have several rows.
    columns : tuple of GroupColumn
    keys : ndarray of int of shape (cells, 1 + columns)
        Arm and levels of each cell.
    units : ndarray of int of shape (cells,)
        Rows (or units) of each cell.
    changed_rows : mapping of Grouping to (ndarray of int of shape (arms,), tuple of str)
        Rows of the units that change their group, and some of those units.
    """

    arms: CellArms
    columns: tuple[GroupColumn, ...]
    keys: NDArray[np.intp]
    units: NDArray[np.intp]
    changed_rows: Mapping[Grouping, tuple[NDArray[np.intp], tuple[str, ...]]] = field(factory=dict)

    def of_arm(self, arm: int) -> list[int]:
        """Return the cells of an arm."""
        return np.flatnonzero(self.keys[:, 0] == arm).tolist()

    def of_groups(self, grouping: Grouping) -> dict[tuple[Level, int], list[int]]:
        """Return the cells of each level and arm of a grouping; those of changed units are in none."""
        places = self._places(grouping)
        groups: dict[tuple[Level, int], list[int]] = {}
        for cell, key in enumerate(self.keys.tolist()):
            if all(key[1 + place] != self.columns[place].changed for place in places):
                level = tuple(self.columns[place].value(key[1 + place]) for place in places)
                groups.setdefault((level, key[0]), []).append(cell)
        return groups

    def changed(self, grouping: Grouping, labels: Sequence[Label]) -> ChangedUnits:
        """Return the units that change their group."""
        if grouping not in self.changed_rows:
            return ChangedUnits(units=dict.fromkeys(labels, 0), rows=dict.fromkeys(labels, 0))
        rows, named = self.changed_rows[grouping]
        lost = np.zeros(len(self.keys), dtype=bool)
        for place in self._places(grouping):
            lost |= self.keys[:, 1 + place] == self.columns[place].changed
        units = [int(self.units[lost & (self.keys[:, 0] == arm)].sum()) for arm in range(len(labels))]
        return ChangedUnits(
            units=dict(zip(labels, units, strict=True)),
            rows=dict(zip(labels, rows.tolist(), strict=True)),
            named=named,
        )

    def _places(self, grouping: Grouping) -> list[int]:
        return [self._names.index(column) for column in grouping]

    @cached_property
    def _names(self) -> list[str]:
        return [column.name for column in self.columns]


def cells_of_rows(columns: tuple[GroupColumn, ...], arms: Arms) -> Cells:
    """Return the cells of rows."""
    return _cells(columns, arms, [column.levels for column in columns])


def cells_of_units(
    frame: Frame, unit_col: str, several: Sequence[Grouping], columns: tuple[GroupColumn, ...], units: Units
) -> Cells:
    """Return the cells of units: the level of a unit is that of all its rows that count."""
    assert units.codes is not None
    assert units.unit_arms is not None
    levels = [_unit_levels(column, units) for column in columns]
    cells = _cells(columns, units.unit_arms, [partial(_part, own) for own in levels])
    changed: dict[Grouping, tuple[NDArray[np.intp], tuple[str, ...]]] = {}
    names = [column.name for column in columns]
    for grouping in several:
        mixed = np.zeros(len(units.unit_arms.codes), dtype=bool)
        for place in map(names.index, grouping):
            mixed |= levels[place] == columns[place].changed
        if mixed.any():
            changed[grouping] = _rows_of(frame, unit_col, mixed, units)
    return Cells(cells.arms, cells.columns, cells.keys, cells.units, changed)


def _part(values: NDArray[np.int32], start: int, stop: int) -> NDArray[np.int32]:
    return values[start:stop]


def _unit_levels(column: GroupColumn, units: Units) -> NDArray[np.int32]:
    """Return the level of each unit; -1, which is never read, where none of its rows count."""
    assert units.codes is not None
    assert units.unit_arms is not None
    # As for variants: each unit keeps the level of its last row, and any other level then differs.
    own = np.full(len(units.unit_arms.codes), -1, dtype=np.int32)
    mixed = np.zeros(len(own), dtype=bool)
    for start in range(0, len(units.codes), BLOCK):
        unit, level = _counted(column, units, start)
        own[unit] = level
    for start in range(0, len(units.codes), BLOCK):
        unit, level = _counted(column, units, start)
        mixed[unit[own[unit] != level]] = True
    own[mixed] = column.changed
    return own


def _counted(column: GroupColumn, units: Units, start: int) -> tuple[Codes, NDArray[np.int32]]:
    assert units.codes is not None
    stop = min(start + BLOCK, len(units.codes))
    counts = units.arms.of(start, stop) < units.arms.count
    return units.codes[start:stop][counts], column.levels(start, stop)[counts]


def _rows_of(
    frame: Frame, unit_col: str, mixed: NDArray[np.bool_], units: Units
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return the rows per arm of some units, and the names of the first of them."""
    assert units.codes is not None
    rows = np.zeros(units.arms.count + 1, dtype=np.intp)
    first: dict[int, int] = {}
    for start in range(0, len(units.codes), BLOCK):
        stop = min(start + BLOCK, len(units.codes))
        unit, arm = units.codes[start:stop], units.arms.of(start, stop)
        arm[~mixed[unit]] = units.arms.count
        rows += np.bincount(arm, minlength=len(rows))
        if len(first) < NAMED:
            for at in np.flatnonzero(arm < units.arms.count).tolist():
                first.setdefault(int(unit[at]), start + at)
    storage = frame.storage(unit_col)
    found = [storage[row] for row in list(first.values())[:NAMED]]
    return rows[:-1], tuple(str(value.as_py() if hasattr(value, "as_py") else value) for value in found)


def _cells(columns: tuple[GroupColumn, ...], arms: Arms, levels: Sequence[Levels]) -> Cells:
    sizes = [column.changed + 1 for column in columns]
    shape = (arms.count, *sizes)
    none = int(np.prod(shape))
    flat = np.empty(len(arms.codes), dtype=np.int32)

    def encode(start: int, stop: int) -> NDArray[np.intp]:
        seen = np.zeros(none + 1, dtype=np.intp)
        for begin in range(start, stop, BLOCK):
            end = min(begin + BLOCK, stop)
            arm = arms.of(begin, end)
            code = arm.astype(np.int32)
            for size, level in zip(sizes, levels, strict=True):
                code = code * size + level(begin, end)
            code[arm == arms.count] = none
            flat[begin:end] = code
            seen += np.bincount(code, minlength=none + 1)
        return seen

    counts = np.sum([np.zeros(none + 1, dtype=np.intp), *by_segment(len(flat), BLOCK, lambda: encode)], axis=0)
    occurring = np.flatnonzero(counts[:none])
    place = np.full(none + 1, len(occurring), dtype=np.int16 if len(occurring) < 2**15 else np.int32)
    place[occurring] = np.arange(len(occurring))
    codes = np.empty(len(flat), dtype=place.dtype)
    by_segment(len(flat), BLOCK, lambda: lambda start, stop: np.take(place, flat[start:stop], out=codes[start:stop]))
    keys = np.stack(np.unravel_index(occurring, shape), axis=1)
    return Cells(CellArms(codes, range(len(occurring))), columns, keys, counts[occurring])
