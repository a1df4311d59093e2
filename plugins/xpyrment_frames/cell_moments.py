"""Moments of variants, or of cells of variant and group, that are merged into those of a whole."""

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import Moments
from xpyrment_core.data.groups import UnitSums
from xpyrment_frames.arms import Arms
from xpyrment_frames.centring import centred_grams
from xpyrment_frames.layout import Layout
from xpyrment_frames.unit_sums import unit_layout
from xpyrment_frames.units import Units


@frozen(eq=False)
class CellMoments:
    """The moments of every row set in every cell.

    Attributes
    ----------
    layout : Layout
        Of the data.
    by_unit : bool
        Whether the moments are those of sums per unit, the number of rows first.
    parts : list of list of Moments
        Per row set and cell.
    passes : int
        Passes over the data.
    """

    layout: Layout
    by_unit: bool
    parts: list[list[Moments]]
    passes: int

    def merged(self, row_set: int, cells: Sequence[int]) -> tuple[Moments, int]:
        """Return the moments of a row set in some cells together, and the rows behind them."""
        whole = self._whole(row_set, cells)
        if not self.by_unit:
            return whole, whole.n
        # Means over rows are ratios of sums per unit, so their variance is linearised between units, as in the delta
        # method of Deng, Knoblich and Lu (2018); the ratio is that of the merged cells.
        return self.unit_sums(row_set, cells).per_row(), round(whole.n * float(whole.mean[0]))

    def unit_sums(self, row_set: int, cells: Sequence[int]) -> UnitSums:
        """Return the sums per unit of a row set in some cells together."""
        return UnitSums(self._whole(row_set, cells), "", self.layout.shift_of(self.layout.sets[row_set]))

    def _whole(self, row_set: int, cells: Sequence[int]) -> Moments:
        if not cells:
            names = self.layout.sets[row_set].row_set.names
            return Moments.empty(("", *names) if self.by_unit else names)
        return Moments.merged([self.parts[row_set][cell] for cell in cells])


@frozen(eq=False)
class Summed:
    """What is summed for a query: the rows of the data, or a layout with one row per unit.

    Attributes
    ----------
    data : Layout
    layout : Layout
        Sums over each unit's rows, where units have several; else that of the data.
    passes : int
        Passes over the data that the sums per unit took.
    """

    data: Layout
    layout: Layout
    passes: int = 0

    @classmethod
    def of(cls, layout: Layout, units: Units | None) -> "Summed":
        """Sum the rows of each unit where units have several."""
        if units is None or units.codes is None:
            return cls(layout, layout)
        return cls(layout, *unit_layout(layout, units))

    def by_cell(self, arms: Arms) -> CellMoments:
        """Return the moments per cell: of rows, or of units where units have several."""
        by_unit = self.layout is not self.data
        sums, centres, passes = centred_grams(self.layout, arms)
        parts = []
        for slot_set, grams, off in zip(self.data.sets, sums, centres, strict=True):
            names = ("", *slot_set.row_set.names) if by_unit else slot_set.row_set.names
            parts.append([_moments(names, gram, one) for gram, one in zip(grams, off, strict=True)])
        return CellMoments(self.data, by_unit, parts, self.passes if by_unit else passes)


def _moments(names: tuple[str, ...], gram: NDArray[np.float64], shift: NDArray[np.float64]) -> Moments:
    with np.errstate(all="ignore"):  # infinite values make only their own moments NaN
        return Moments.from_shifted_sums(names, round(float(gram[0, 0])), gram[0, 1:], gram[1:, 1:], shift)
