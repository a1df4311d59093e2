"""Unit-level sample of one variant."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray


def _read_only(columns: Mapping[str, NDArray[np.float64]]) -> Mapping[str, NDArray[np.float64]]:
    # The mapping is frozen, not the arrays: copying them would double the memory of a large sample.
    return MappingProxyType(dict(columns))


@frozen(eq=False)
class GroupCodes:
    """The group of each row of a sample.

    Attributes
    ----------
    codes : ndarray of int
        Index in `levels`; -1 for a row of a unit whose rows are in several groups.
    levels : tuple of tuple
        One value per column of the grouping, None where it is missing; the same in every variant.
    """

    codes: NDArray[np.int64]
    levels: tuple[tuple[Any, ...], ...]

    def take(self, rows: NDArray[np.intp]) -> "GroupCodes":
        """Return those of some rows."""
        return GroupCodes(self.codes[rows], self.levels)


@frozen(eq=False)
class ArmSample:
    """Unit-level columns of one variant, complete rows only.

    Attributes
    ----------
    columns : mapping of str to ndarray of float64
    units : ndarray of int or None
        Integer code of the unit of each row, where units have several rows.
    metric : object
        The metric being tested; set by the analysis, so that a test can compute its statistic.
    groups : mapping of tuple of str to GroupCodes
        The groups of the rows, where the query named some.
    """

    columns: Mapping[str, NDArray[np.float64]] = field(converter=_read_only)
    units: NDArray[np.int64] | None = None
    metric: Any = None
    groups: Mapping[tuple[str, ...], GroupCodes] = field(factory=dict)

    @property
    def n(self) -> int:
        """Rows in the sample."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def take(self, rows: NDArray[np.intp]) -> "ArmSample":
        """Return the sample of some rows."""
        return ArmSample(
            {name: values[rows] for name, values in self.columns.items()},
            None if self.units is None else self.units[rows],
            self.metric,
            {grouping: own.take(rows) for grouping, own in self.groups.items()},
        )
