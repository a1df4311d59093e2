"""Moments per group of a frame, next to those of the whole: sums of cells of variant and group."""

from attrs import frozen

from xpyrment_core import Moments
from xpyrment_core.data.groups import (
    Grouping,
    GroupReading,
    check_levels,
    columns_of_groupings,
    levels_in_order,
    passes_of,
)
from xpyrment_core.data.query import Query
from xpyrment_frames.arms import Arms
from xpyrment_frames.cell_moments import CellMoments, Summed
from xpyrment_frames.cells import Cells, GroupColumn, cells_of_rows, cells_of_units
from xpyrment_frames.frame import Frame
from xpyrment_frames.units import Units


@frozen(eq=False)
class GroupedMoments:
    """The moments per arm, and those of every grouping.

    Attributes
    ----------
    arms : list of list of (Moments, int)
        Moments and rows per row set and arm.
    groups : dict of Grouping to GroupReading
    passes : int
    """

    arms: list[list[tuple[Moments, int]]]
    groups: dict[Grouping, GroupReading]
    passes: int


def group_columns(frame: Frame, query: Query) -> dict[str, GroupColumn]:
    """Return the group columns of a query, each of which must not have too many values."""
    names = columns_of_groupings(query.group_cols)
    check_levels(query.group_cols, {name: len(frame.counts(name)) for name in names})
    return {name: GroupColumn.of(frame, name) for name in names}


def grouped_moments(frame: Frame, query: Query, summed: Summed, arms: Arms, units: Units | None) -> GroupedMoments:
    """Return the moments per arm and per group, in one pass unless the groups have too many cells."""
    columns = group_columns(frame, query)
    levels = {name: len(column.values) for name, column in columns.items()}
    whole: list[list[tuple[Moments, int]]] = []
    groups: dict[Grouping, GroupReading] = {}
    passes = summed.passes
    for several in passes_of(query.group_cols, levels, len(query.arms)):
        used = tuple(columns[name] for name in columns_of_groupings(several))
        if units is not None and units.codes is not None:
            cells = cells_of_units(frame, str(query.unit_col), several, used, units)
        else:
            cells = cells_of_rows(used, arms)
        read = summed.by_cell(cells.arms)
        # The sums per unit are passes over the data; the cells of units are not.
        passes += 0 if read.by_unit else read.passes
        if not whole:
            own = [cells.of_arm(arm) for arm in range(len(query.arms))]
            whole = [[read.merged(i, one) for one in own] for i in range(len(query.row_sets))]
        groups |= {grouping: _group(grouping, query, cells, read) for grouping in several}
    return GroupedMoments(whole, groups, passes)


def _group(grouping: Grouping, query: Query, cells: Cells, read: CellMoments) -> GroupReading:
    found = cells.of_groups(grouping)
    levels = levels_in_order({level for level, _ in found})
    moments, rows, sums = {}, {}, {}
    for i, row_set in enumerate(query.row_sets):
        for level in levels:
            for arm, label in enumerate(query.arms):
                key, own = (row_set.key, level, label), found.get((level, arm), [])
                moments[key], rows[key] = read.merged(i, own)
                if read.by_unit:
                    sums[key] = read.unit_sums(i, own)
    return GroupReading(
        columns=grouping,
        levels=levels,
        moments=moments,
        rows=rows,
        units={
            (level, label): int(cells.units[found.get((level, arm), [])].sum())
            for level in levels
            for arm, label in enumerate(query.arms)
        },
        sums=sums,
        changed=cells.changed(grouping, query.arms),
    )
