"""Sums per unit of a sample, in a canonical order, as the rows that resampling draws."""

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import ArmSample, NotEstimable

Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]

CELLS = 256
"""Up to this many distinct unit rows are drawn as counts, which is exact at any sample size."""

CHUNK = 2_000_000
"""Entries of a weight matrix held at a time: 16 MB."""


@frozen(eq=False)
class Items:
    """What is drawn: units, values with their counts, or bundles of units.

    Attributes
    ----------
    rows : ndarray of shape (m, q)
        Per item the sums of the columns less their centre, and last the number of data rows.
    counts : ndarray of shape (m,) or None
        Units that each item stands for; None if each item is drawn once.
    """

    rows: Matrix
    counts: Counts | None = None


def unit_sums(sample: ArmSample, columns: Sequence[str], centre: Matrix) -> Matrix:
    """Return per unit the sums of ``column - centre`` and the number of rows, sorted.

    Sorting makes seeded draws the same for any order of the data's rows.
    """
    values = np.column_stack([sample.columns[c] for c in columns]) - centre
    if sample.units is None:
        order = np.sort(values, axis=0) if values.shape[1] == 1 else values[np.lexsort(values.T)]
        return np.column_stack([order, np.ones(len(values))])
    codes = np.unique(sample.units, return_inverse=True)[1]
    sums = [np.bincount(codes, weights=column) for column in values.T]
    rows = np.column_stack([*sums, np.bincount(codes)])
    return rows[np.lexsort(rows.T)]


def centre_of(control: ArmSample, treatment: ArmSample, columns: Sequence[str]) -> Matrix:
    """Return the columns' means over both variants; sums about them keep their digits.

    Raises
    ------
    NotEstimable
        A variant is empty, or a column holds infinite values.
    """
    if not control.n or not treatment.n:
        raise NotEstimable("there are no units with an observed value in one of the variants")
    # One centre for both variants: permutation adds sums of both.
    total = control.n + treatment.n
    centre = np.array([(control.columns[c].sum() + treatment.columns[c].sum()) / total for c in columns])
    if not np.isfinite(centre).all():
        raise NotEstimable("a column of the metric holds infinite values")
    return centre


def control_first(control: Matrix, treatment: Matrix) -> bool:
    """Return whether control takes the first stream of random numbers.

    The smaller variant does; of equally large ones that with the smaller values. So swapping the
    variants swaps their draws as well, and only the sign of the effect changes.
    """
    if len(control) != len(treatment):
        return len(control) < len(treatment)
    different = np.flatnonzero(control.ravel() != treatment.ravel())
    return bool(len(different) == 0 or control.flat[different[0]] < treatment.flat[different[0]])


def distinct(rows: Matrix) -> Items | None:
    """Return the distinct rows of sorted rows with their counts, None if there are more than `CELLS`."""
    starts = np.flatnonzero(np.append(True, (rows[1:] != rows[:-1]).any(axis=1)))
    if len(starts) > CELLS:
        return None
    return Items(rows[starts], np.diff(starts, append=len(rows)))


def bundles(rows: Matrix, number: int, generator: np.random.Generator) -> list[Matrix]:
    """Return the rows split at random into bundles of nearly equal size."""
    return np.array_split(rows[generator.permutation(len(rows))], number)


def features(rows: Matrix) -> Matrix:
    """Return per row: 1, the row itself, and the products of its entries (upper triangle)."""
    upper = np.triu_indices(rows.shape[1])
    return np.column_stack([np.ones(len(rows)), rows, rows[:, upper[0]] * rows[:, upper[1]]])


def totals(rows: Matrix) -> Matrix:
    """Return the sums of the features of all rows, of shape (1, p)."""
    return np.concatenate([[float(len(rows))], rows.sum(axis=0), (rows.T @ rows)[np.triu_indices(rows.shape[1])]])[None]
