"""The arm of each row, and the rows of a block grouped by arm."""

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray


@frozen(eq=False)
class Arms:
    """The arm of each row: rows of an arm have its code, rows outside the comparison any other code.

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
        # One comparison per arm, because an experiment has few; int16, because the array is as long as the data.
        codes = self.codes[start:stop]
        arms = np.full(len(codes), self.count, dtype=np.int16)
        for arm, code in enumerate(self.arm_codes):
            arms[codes == code] = arm
        return arms

    def block(self, start: int, stop: int) -> "ArmBlock":
        """Return the positions of each arm's rows among rows ``start:stop``."""
        # Ascending within an arm, so that gathering a column reads memory forwards.
        codes = self.codes[start:stop]
        places = [np.flatnonzero(codes == code) for code in self.arm_codes]
        return ArmBlock(start, stop, np.concatenate(places), np.cumsum([0, *map(len, places)]))


@frozen(eq=False)
class ArmBlock:
    """The rows of a block, grouped by arm.

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
