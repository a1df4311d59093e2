"""Columns of a frame as blocks of float64, with missing values as NaN, for every column type.

A block is converted when it is read, so the frame is never copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xpyrment_frames.arrow import pa

Floats = NDArray[np.float64]


class Column(Protocol):
    """A column of numbers, read block by block.

    A column that is a float64 array in memory already may offer it as an attribute
    ``plain``; it is then read from there.
    """

    def read(self, start: int, stop: int, shift: float, out: Floats) -> None:
        """Write rows ``start:stop`` minus `shift` to `out`, NaN where missing."""
        ...


def take(
    column: Column, start: int, stop: int, shift: float, order: NDArray[np.intp], out: Floats, room: Floats
) -> None:
    """Write rows ``start:stop`` minus `shift` to `out`, in the given order.

    Parameters
    ----------
    column : Column
    start, stop : int
    shift : float
    order : ndarray of int
        Rows of the block, from 0.
    out : ndarray of shape (len(order),)
    room : ndarray
        Scratch space for a block.
    """
    plain: Floats | None = getattr(column, "plain", None)
    # "clip" lets take write to `out` without a copy; every index is valid.
    if plain is not None:
        np.take(plain[start:stop], order, out=out, mode="clip")
        if shift:
            out -= shift
        return
    room = room[: stop - start]
    column.read(start, stop, shift, room)
    np.take(room, order, out=out, mode="clip")


class ArrayColumn:
    """A numpy array of numbers or booleans; NaN is missing."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values
        self.plain = values if values.dtype == np.float64 and values.flags.c_contiguous else None

    def read(self, start: int, stop: int, shift: float, out: Floats) -> None:
        """See `Column`."""
        np.subtract(self._values[start:stop], shift, out=out, dtype=np.float64)


class GappyColumn:
    """A numpy array of numbers with a bit per value that says whether it is observed, as arrow has them.

    Parameters
    ----------
    values : ndarray of shape (rows,)
    bits : ndarray of uint8
        Bit `first` + i, counted from the low end of each byte, is set where value i is observed.
    first : int
    """

    def __init__(self, values: NDArray[Any], bits: NDArray[np.uint8], first: int) -> None:
        self._values, self._bits, self._first = values, bits, first

    def read(self, start: int, stop: int, shift: float, out: Floats) -> None:
        """See `Column`."""
        # The value under an unset bit is undefined, so it is computed with and then overwritten.
        np.subtract(self._values[start:stop], shift, out=out, dtype=np.float64)
        byte, skip = divmod(self._first + start, 8)
        observed = np.unpackbits(self._bits[byte:], count=skip + stop - start, bitorder="little")[skip:]
        np.copyto(out, np.nan, where=observed == 0)


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
        # side="right" skips empty chunks, which begin where the next one does.
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
    if pa.types.is_integer(chunk.type) or pa.types.is_floating(chunk.type):
        if chunk.null_count == 0:
            return ArrayColumn(chunk.to_numpy())
        # A slice of an arrow array keeps the whole buffers, and an offset.
        bits, values = chunk.buffers()
        flat = np.frombuffer(values, dtype=chunk.type.to_pandas_dtype())[chunk.offset :][: len(chunk)]
        return GappyColumn(flat, np.frombuffer(bits, dtype=np.uint8), chunk.offset)

    def convert(start: int, stop: int) -> Floats:
        # An unsafe cast rounds integers past 2**53 to the nearest float64, as numpy does.
        part = chunk.slice(start, stop - start).cast(pa.float64(), safe=False)
        return np.asarray(part.to_numpy(zero_copy_only=False), dtype=np.float64)

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
