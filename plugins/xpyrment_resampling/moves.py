"""Shifts and scalings of units that change a mean or a ratio by a given amount."""

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@frozen(eq=False)
class Move:
    """The linear maps of a unit's sums that shift or scale a mean or a ratio.

    Attributes
    ----------
    centre : ndarray of shape (k,)
        What was subtracted from the columns, per data row.
    numerator : int
        Index of the column that is moved.
    per : int
        Index of the denominator: another column, or the number of rows (index k).
    """

    centre: Matrix
    numerator: int
    per: int

    def shift(self, by: float) -> Matrix:
        """Return the map that adds ``by`` times the denominator to the numerator."""
        raw = np.eye(len(self.centre) + 1)
        raw[self.per, self.numerator] += by
        return self._centred(raw)

    def scale(self, factor: float) -> Matrix:
        """Return the map that multiplies the numerator."""
        raw = np.eye(len(self.centre) + 1)
        raw[self.numerator, self.numerator] = factor
        return self._centred(raw)

    def _centred(self, raw: Matrix) -> Matrix:
        # Rows hold sums about the centre, and the map is of plain sums: add rows * centre, map, subtract it again.
        back, forth = (np.eye(len(raw)) for _ in range(2))
        back[-1, :-1], forth[-1, :-1] = self.centre, -self.centre
        return np.asarray(back @ raw @ forth)


def find_moves(metric: Any, centre: Matrix, sums: Matrix) -> Move | None:
    """Return the moves of a metric that is a mean or a ratio, None if it is neither.

    Found by trial: after a shift of the means the metric must have changed by the same amount,
    and after a scaling in proportion.

    Parameters
    ----------
    metric : object
    centre : ndarray of shape (k,)
    sums : ndarray of shape (1, p)
        Sums of the features over the units of a variant.
    """
    k = len(centre)
    rows = sums[0, 1 : k + 2]
    # The row count comes first as denominator: a mean has no other, and a ratio of two columns fails the trial there.
    for numerator in range(k):
        for per in (k, *(i for i in range(k) if i != numerator)):
            move = Move(centre, numerator, per)
            if _moves_alike(metric, centre, rows, move):
                return move
    return None


def _moves_alike(metric: Any, centre: Matrix, rows: Matrix, move: Move) -> bool:
    value = _at(metric, centre, rows)
    if value is None:
        return False
    # Two shifts and two scalings of either sign, by factors at which no usual function agrees by chance.
    size = abs(value) or 1.0
    tries = [(move.shift(by * size), value + by * size) for by in (0.37, -1.9)]
    tries += [(move.scale(factor), value * factor) for factor in (0.6, 2.3)]
    results = [(_at(metric, centre, rows @ matrix), expected) for matrix, expected in tries]
    return all(result is not None and abs(result - expected) <= 1e-9 * size for result, expected in results)


def _at(metric: Any, centre: Matrix, rows: Matrix) -> float | None:
    means = (rows[:-1] / rows[-1] + centre).tolist()
    try:
        return float(metric.value(dict(zip(metric.columns, means, strict=True))))
    except (ArithmeticError, ValueError):
        return None
