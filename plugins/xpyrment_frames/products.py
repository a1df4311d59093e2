"""Sums of products over a block of rows that fits the cache."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# OpenBLAS multiplies without repacking while M * N * K stays below a million.
SMALL_PRODUCT = 1_000_000
LONGEST = 4096
BUFFER = 6 << 20


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


def add_gram(values: Floats, out: Floats) -> None:
    """Add the products of all pairs of rows of `values`, whose first row is ones, to `out`."""
    # The products with the row of ones are the sums, and that of ones with itself is the number of rows.
    below = product(values[1:], values)
    out[1:] += below
    out[0, 1:] += below[:, 0]
    out[0, 0] += values.shape[1]
