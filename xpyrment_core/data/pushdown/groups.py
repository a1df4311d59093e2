"""Moments per group from the rows of a database: one per variant and value of every group column."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from xpyrment_core.choices import Label
from xpyrment_core.data.groups import ChangedUnits, Grouping, GroupReading, Level, UnitSums, all_cells, levels_in_order
from xpyrment_core.data.labels import is_missing
from xpyrment_core.data.pushdown.database import Answer, GroupCentres, Request, by_sum, centre_in, read_answer
from xpyrment_core.data.pushdown.sums import columns_of, unreliable_columns
from xpyrment_core.values.moments import Moments

Floats = NDArray[np.float64]


@frozen(eq=False)
class Cell:
    """The sums of one variant and one value of every group column.

    Attributes
    ----------
    head : tuple
        The label; by unit (code, in two arms).
    level : mapping of str to label
        Value of each group column, None where it is missing.
    changed : frozenset of str
        Columns of which the units have several values.
    numbers : ndarray
        The rows (by unit the units and their rows), then the sums.
    """

    head: tuple[Any, ...]
    level: Mapping[str, Label | None]
    changed: frozenset[str]
    numbers: Floats


def read_groups(request: Request, rows: Iterable[Sequence[Any]]) -> Answer:
    """Return the answer to a request with group columns: the whole, which is the sum of its cells, and every group."""
    cells = [_cell(request, row) for row in rows]
    # Sums about the same centre add up.
    whole = _added((cell.head, cell.numbers) for cell in cells)
    # By row, the first number is the rows of the cell, which are not among the sums.
    drop = 0 if request.plan.by_unit else 1
    answer = read_answer(request, [(*head, *numbers[drop:]) for head, numbers in whole.items()])
    return evolve(answer, groups={grouping: _group(request, grouping, cells) for grouping in request.query.group_cols})


def _cell(request: Request, row: Sequence[Any]) -> Cell:
    names = request.group_columns
    if request.plan.by_unit:
        end = 2 + 2 * len(names)
        head, values, flags = (int(row[0]), bool(row[1])), row[2:end:2], row[3:end:2]
    else:
        end = 1 + len(names)
        head, values, flags = (None if is_missing(row[0]) else row[0],), row[1:end], ()  # type: ignore[assignment]
    changed = frozenset(name for name, flag in zip(names, flags, strict=bool(flags)) if flag)
    # The label as `labels` has it: a database may compare true and false, or categories, in another type.
    exact = {name: {value: value for value in request.levels[name]} for name in names}
    level = {
        name: None if is_missing(value) else exact[name].get(value, value)
        for name, value in zip(names, values, strict=True)
    }
    # SQL's sum of no rows is null.
    return Cell(head, level, changed, np.array([0.0 if n is None else float(n) for n in row[end:]]))


def _added(parts: Iterable[tuple[Any, Floats]]) -> dict[Any, Floats]:
    total: dict[Any, Floats] = {}
    with np.errstate(invalid="ignore"):  # infinities of both signs
        for key, numbers in parts:
            total[key] = total[key] + numbers if key in total else numbers
    return total


def _arm(request: Request, cell: Cell) -> Label | None:
    """Return the arm whose rows a cell has, None where they count in no arm."""
    label = cell.head[0]
    if request.plan.by_unit:
        label = None if cell.head[1] else request.labels[label]
    return label if label in request.query.arms else None


def _group(request: Request, grouping: Grouping, cells: Sequence[Cell]) -> GroupReading:
    counted = [(arm, cell) for cell in cells if (arm := _arm(request, cell)) is not None]
    kept = [(arm, cell) for arm, cell in counted if not cell.changed.intersection(grouping)]
    sums = _added(((tuple(cell.level[c] for c in grouping), arm), cell.numbers) for arm, cell in kept)
    levels = levels_in_order({level for level, _ in sums})
    places = all_cells(levels, request.query.arms)
    moments: dict[tuple[str, Level, Label], Moments] = {}
    rows: dict[tuple[str, Level, Label], int] = {}
    unit_sums: dict[tuple[str, Level, Label], UnitSums] = {}
    plan, head = request.plan, 2 if request.plan.by_unit else 1
    for level, arm in places:
        found = sums.get((level, arm))
        value = by_sum(plan, () if found is None else found[head:].tolist())
        centres = {column: centre_in(request.centres, column, arm, level) for column in request.centres}
        for row_set in plan.row_sets:
            key = row_set.key, level, arm
            if plan.by_unit:
                unit_sums[key] = plan.unit_sums(row_set, value, centres)
            moments[key] = unit_sums[key].per_row() if plan.by_unit else plan.moments(row_set, value, centres)
            rows[key] = plan.rows(row_set, value)
    return GroupReading(
        columns=grouping,
        levels=levels,
        moments=moments,
        rows=rows,
        units={place: int(sums[place][0]) if place in sums else 0 for place in places},
        sums=unit_sums,
        changed=_changed(request, grouping, counted),
    )


def _changed(request: Request, grouping: Grouping, counted: Sequence[tuple[Label, Cell]]) -> ChangedUnits:
    units, rows = dict.fromkeys(request.query.arms, 0), dict.fromkeys(request.query.arms, 0)
    for arm, cell in counted:
        if cell.changed.intersection(grouping):
            units[arm] += int(cell.numbers[0])
            rows[arm] += int(cell.numbers[1])
    return ChangedUnits(units=units, rows=rows)


def far_groups(request: Request, groups: Mapping[Grouping, GroupReading]) -> list[Request]:
    """Return a request for each grouping with groups so far from a centre that their variance lost digits."""
    return [again for grouping, group in groups.items() if (again := _recentred(request, grouping, group)) is not None]


def _recentred(request: Request, grouping: Grouping, group: GroupReading) -> Request | None:
    # The function asks about variants; here a pair of group and variant takes their place.
    moments: dict[tuple[str, Label], Moments] = {(k, (level, arm)): m for (k, level, arm), m in group.moments.items()}

    def centre(column: str, cell: Any) -> float:
        level, arm = cell
        return centre_in(request.centres, column, arm, level)

    _, better = unreliable_columns(request.plan.row_sets, moments, centre)
    row_sets = [row_set for row_set in request.plan.row_sets if set(better) & set(columns_of([row_set]))]
    if not row_sets:
        return None
    usual = {c: {arm: centre_in(request.centres, c, arm) for arm in request.query.arms} for c in better}
    centres = {column: GroupCentres(grouping, usual[column], own) for column, own in better.items()}  # type: ignore[arg-type]
    return evolve(
        request,
        query=evolve(request.query, group_cols=(grouping,)),
        plan=evolve(request.plan, row_sets=row_sets),
        centres={**request.centres, **centres},
    )
