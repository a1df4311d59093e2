"""Sums of products over a block of rows that fits the cache."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# OpenBLAS multiplies without repacking while M * N * K stays below a million.
SMALL_PRODUCT = 1_000_000
LONGEST = 4096
BUFFER = 6 << 20

FEW_PARTS = 8
LONG_PART = 256
"""Columns per part from which a matrix product for each part is faster than sums over all of them."""


def block_rows(width: int) -> int:
    """Return the rows of a block of `width` columns, so that its buffer fits the cache.

    Threads share one interpreter lock: calls on fewer rows end before another thread has started
    (measured: 8k rows 565 ms, 32k 301 ms, 64k 216 ms for the same data on two cores).
    """
    return int(np.clip(BUFFER // (8 * width) // LONGEST * LONGEST, 2 * LONGEST, 16 * LONGEST))


def product(left: Floats, right: Floats) -> Floats:
    """Return ``left @ right.T`` of two wide matrices, as one batch of short products.

    `left` and `right` must not start at the same address: numpy would then choose SYRK,
    which is two to three times slower than GEMM at these shapes.
    """
    rows = left.shape[1]
    # Multiples of 64 rows keep the batches at the alignment of the buffer.
    step = int(np.clip(SMALL_PRODUCT // max(left.shape[0] * right.shape[0], 1) // 64 * 64, 256, LONGEST))
    whole = rows // step * step
    total = left[:, whole:] @ right[:, whole:].T
    if whole:
        total += np.matmul(_batches(left, whole, step), _batches(right, whole, step).transpose(0, 2, 1)).sum(axis=0)
    return total


def _batches(values: Floats, rows: int, step: int) -> Floats:
    return values[:, :rows].reshape(len(values), -1, step).transpose(1, 0, 2)


def add_grams(values: Floats, bounds: NDArray[np.intp], out: Floats) -> None:
    """Add to each of `out` the products of all pairs of rows of `values` over its part of the columns.

    Parameters
    ----------
    values : ndarray of shape (rows, columns)
        The first row is ones.
    bounds : ndarray of int of shape (parts + 1,)
        Where each part of the columns begins.
    out : ndarray of shape (parts, rows, rows)
    """
    sizes = np.diff(bounds)
    if len(sizes) <= FEW_PARTS or bounds[-1] >= LONG_PART * len(sizes):
        for begin, end, total in zip(bounds[:-1], bounds[1:], out, strict=True):
            add_gram(values[:, begin:end], total)
        return
    # reduceat gives the element itself, not 0, for an empty part.
    full = np.flatnonzero(sizes)
    starts = bounds[:-1][full]
    for i in range(len(values)):
        # The products with the row of ones are the sums.
        row = np.add.reduceat(values[i] * values[i:], starts, axis=1) if len(starts) else np.empty((len(values) - i, 0))
        out[full, i, i:] += row.T
        out[full, i + 1 :, i] += row[1:].T


def add_gram(values: Floats, out: Floats) -> None:
    """Add the products of all pairs of rows of `values`, whose first row is ones, to `out`."""
    # The products with the row of ones are the sums, and that of ones with itself is the number of rows.
    below = product(values[1:], values)
    out[1:] += below
    out[0, 1:] += below[:, 0]
    out[0, 0] += values.shape[1]
