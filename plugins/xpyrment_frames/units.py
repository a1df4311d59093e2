"""Units of randomisation: rows that are excluded, and test for units with several rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import Label, UnitReport
from xpyrment_frames.arms import Arms
from xpyrment_frames.frame import Frame
from xpyrment_frames.keys import is_unique, missing_keys, unit_codes
from xpyrment_frames.labels import Encoded

BLOCK = 1 << 16


@frozen(eq=False)
class Units:
    """The units of a query's rows.

    Attributes
    ----------
    arms : Arms
        Rows that do not count are in no arm.
    report : UnitReport
    codes : ndarray of int of shape (rows,), or None
        Unit of each row, where units have several rows; arbitrary where the row does not count.
    unit_arms : Arms or None
        Arm of each unit.
    """

    arms: Arms
    report: UnitReport
    codes: NDArray[np.integer] | None = None
    unit_arms: Arms | None = None


def find_units(frame: Frame, unit_col: str, arms: Arms, variant: Encoded, labels: Sequence[Label]) -> Units:
    """Exclude rows without a unit and units in two arms, and determine whether units repeat.

    Parameters
    ----------
    frame : Frame
    unit_col : str
    arms : Arms
        Arm of each row by its label alone.
    variant : Encoded
        Label of each row, those not compared as well.
    labels : sequence
        The arms' labels.
    """
    storage = frame.storage(unit_col)
    missing = missing_keys(storage)
    # Unique ids, the usual case, need no codes.
    if is_unique(storage):
        return _single_rows(arms, missing, labels)
    codes, count = unit_codes(storage)
    mixed = _in_two_arms(codes, count, variant)
    kept, unit_arms, two = _sort_out(codes, mixed, arms)
    units = np.bincount(unit_arms, minlength=len(labels) + 1)
    repeated = bool(np.count_nonzero(kept < len(labels)) > units[: len(labels)].sum())
    report = UnitReport(
        units=_per_label(units, labels),
        repeated=repeated,
        in_two_arms=int(mixed.sum()),
        rows_in_two_arms=_per_label(two, labels),
        rows_without_unit=_without(arms, missing, labels),
    )
    counted = Arms(kept, range(len(labels)))
    # Ids that repeat only in rows that do not count leave one row per unit.
    if not repeated:
        return Units(counted, report)
    return Units(counted, report, codes, Arms(unit_arms, range(len(labels))))


def _sort_out(
    codes: NDArray[np.integer], mixed: NDArray[np.bool_], arms: Arms
) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int64]]:
    """Return the arm of each row and of each unit that counts, and rows per arm of units in two arms."""
    kept = np.empty(len(codes), dtype=np.int16)
    unit_arms = np.full(len(mixed), arms.count, dtype=np.int16)
    two = np.zeros(arms.count + 1, dtype=np.int64)
    for start, stop in _blocks(len(codes)):
        unit, arm = codes[start:stop], arms.of(start, stop)
        excluded = mixed[unit]  # index -1, a missing unit, reads the last entry, which belongs to no unit
        two += np.bincount(arm[excluded], minlength=len(two))
        arm[excluded | (unit < 0)] = arms.count
        unit_arms[unit[arm < arms.count]] = arm[arm < arms.count]
        kept[start:stop] = arm
    return kept, unit_arms[:-1], two


def _single_rows(arms: Arms, missing: NDArray[np.bool_] | None, labels: Sequence[Label]) -> Units:
    """Return the answer where every unit has one row."""
    without = _without(arms, missing, labels)
    if missing is not None:
        kept = arms.of(0, len(missing))
        kept[missing] = len(labels)
        arms = Arms(kept, range(len(labels)))
    rows = sum((arms.block(*at).sizes() for at in _blocks(len(arms.codes))), np.zeros(len(labels), dtype=np.int64))
    report = UnitReport(
        units=_per_label(rows, labels),
        rows_in_two_arms=dict.fromkeys(labels, 0),
        rows_without_unit=without,
    )
    return Units(arms, report)


def _in_two_arms(codes: NDArray[np.integer], count: int, variant: Encoded) -> NDArray[np.bool_]:
    """Return, per unit, whether its rows have different labels; missing labels aside."""
    # Linear in the rows, without sorting: each unit keeps the label of its last row, and any other label then differs.
    label = np.full(count + 1, -1, dtype=variant.codes.dtype)
    mixed = np.zeros(count + 1, dtype=bool)
    for start, stop in _blocks(len(codes)):
        known = (codes[start:stop] >= 0) & (variant.codes[start:stop] >= 0)
        label[codes[start:stop][known]] = variant.codes[start:stop][known]
    for start, stop in _blocks(len(codes)):
        unit, seen = codes[start:stop], variant.codes[start:stop]
        mixed[unit[(unit >= 0) & (seen >= 0) & (label[unit] != seen)]] = True
    return mixed


def _without(arms: Arms, missing: NDArray[np.bool_] | None, labels: Sequence[Label]) -> dict[Label, int]:
    if missing is None:
        return dict.fromkeys(labels, 0)
    return _per_label(np.array([np.count_nonzero(arms.codes[missing] == code) for code in arms.arm_codes]), labels)


def _per_label(counts: NDArray[Any], labels: Sequence[Label]) -> dict[Label, int]:
    return {label: int(count) for label, count in zip(labels, counts[: len(labels)], strict=True)}


def _blocks(rows: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK))
