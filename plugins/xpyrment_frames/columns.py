"""Columns of a frame as blocks of float64, missing as NaN, whatever their type.

Nothing is converted before its block is asked for, so that a frame is never copied.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Column(Protocol):
    """A column of numbers, read block by block."""

    def read(self, start: int, stop: int, shift: float, out: Floats) -> None:
        """Write rows ``start:stop`` less `shift` to `out`, NaN where missing."""
        ...


class ArrayColumn:
    """A numpy array of numbers or booleans; NaN is missing."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values

    def read(self, start: int, stop: int, shift: float, out: Floats) -> None:
        """See `Column`."""
        np.subtract(self._values[start:stop], shift, out=out, dtype=np.float64)


class ConvertedColumn:
    """A column whose blocks `convert` turns into arrays of float64, missing as NaN."""

    def __init__(self, convert: Callable[[int, int], Floats]) -> None:
        self._convert = convert

    def read(self, start: int, stop: int, shift: float, out: Floats) -> None:
        """See `Column`."""
        np.subtract(self._convert(start, stop), shift, out=out)


class CodedColumn:
    """A column of few values: a table looked up by code, its last entry for missing (code -1)."""

    def __init__(self, codes: NDArray[Any], table: Sequence[float]) -> None:
        self._codes = codes
        self._table = np.asarray(table, dtype=np.float64)

    def read(self, start: int, stop: int, shift: float, out: Floats) -> None:
        """See `Column`."""
        np.subtract(self._table[self._codes[start:stop]], shift, out=out)


class ChunkedColumn:
    """Columns laid end to end: the chunks of an arrow column."""

    def __init__(self, parts: Sequence[Column], lengths: Sequence[int]) -> None:
        self._parts = list(parts)
        self._ends = np.cumsum([0, *lengths])

    def read(self, start: int, stop: int, shift: float, out: Floats) -> None:
        """See `Column`."""
        at = start
        part = int(np.searchsorted(self._ends, start, side="right")) - 1
        while at < stop:
            begin, end = int(self._ends[part]), min(int(self._ends[part + 1]), stop)
            if at < end:
                self._parts[part].read(at - begin, end - begin, shift, out[at - start : end - start])
            at, part = end, part + 1


def arrow_column(chunked: pa.ChunkedArray) -> Column:
    """Return a column over the chunks of an arrow column, without copying them."""
    parts = [_arrow_part(chunk) for chunk in chunked.chunks]
    return parts[0] if len(parts) == 1 else ChunkedColumn(parts, [len(c) for c in chunked.chunks])


def _arrow_part(chunk: pa.Array) -> Column:
    flat = pa.types.is_integer(chunk.type) or pa.types.is_floating(chunk.type)
    if flat and chunk.null_count == 0:
        return ArrayColumn(chunk.to_numpy())

    def convert(start: int, stop: int) -> Floats:
        # An unsafe cast rounds integers past 2**53 to the nearest float64, as numpy does.
        return chunk.slice(start, stop - start).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)

    return ConvertedColumn(convert)


def masked_column(array: Any) -> Column:
    """Return a column over a pandas nullable array (Int64, Float32, boolean)."""
    return ConvertedColumn(lambda start, stop: array[start:stop].to_numpy(dtype=np.float64, na_value=np.nan))


def object_column(values: NDArray[Any], missing: NDArray[np.bool_]) -> Column:
    """Return a column over Python numbers (int, bool, Decimal), some missing."""

    def convert(start: int, stop: int) -> Floats:
        block = np.full(stop - start, np.nan)
        there = ~missing[start:stop]
        block[there] = values[start:stop][there].astype(np.float64)
        return block

    return ConvertedColumn(convert)
