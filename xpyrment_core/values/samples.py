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
class ArmSample:
    """Unit-level columns of one variant, complete rows only.

    Attributes
    ----------
    columns : mapping of str to ndarray of float64
    units : ndarray of int or None
        Integer code of the unit of each row, where units have several rows.
    metric : object
        The metric being tested; set by the analysis, so that a test can compute its statistic.
    """

    columns: Mapping[str, NDArray[np.float64]] = field(converter=_read_only)
    units: NDArray[np.int64] | None = None
    metric: Any = None

    @property
    def n(self) -> int:
        """Rows in the sample."""
        return len(next(iter(self.columns.values()))) if self.columns else 0
