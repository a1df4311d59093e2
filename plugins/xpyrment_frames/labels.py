"""Distinct values of a column and a code per row: each column is encoded once."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core.reading import Label

BLOCK = 1 << 18
Codes = NDArray[Any]


@frozen(eq=False)
class Encoded:
    """A column as codes.

    Attributes
    ----------
    labels : tuple
        Distinct values as Python objects; `codes` index it.
    codes : ndarray of signed integers, shape (rows,)
        -1 where the value is missing.
    """

    labels: tuple[Any, ...]
    codes: Codes

    def counts(self) -> Mapping[Label | None, int]:
        """Return rows per value that occurs, values in order; None, last, counts the missing."""
        found = np.zeros(len(self.labels) + 1, dtype=np.int64)
        for start in range(0, len(self.codes), BLOCK):
            block = self.codes[start : start + BLOCK]
            found += np.bincount(block.astype(np.intp) + 1, minlength=len(found))
        seen = [(label, int(n)) for label, n in zip(self.labels, found[1:], strict=True) if n]
        counts: dict[Label | None, int] = dict(in_order(seen))
        if found[0]:
            counts[None] = int(found[0])
        return counts

    def table(self, labels: Iterable[Label], other: int) -> NDArray[np.intp]:
        """Return the position in `labels` of each code, `other` for the rest; looked up by code."""
        position = {label: i for i, label in enumerate(labels)}
        return np.array([*(position.get(label, other) for label in self.labels), other], dtype=np.int16)


def in_order(pairs: list[tuple[Label, int]]) -> list[tuple[Label, int]]:
    """Sort by value, or by type and text where values do not compare."""
    try:
        return sorted(pairs, key=lambda pair: pair[0])  # type: ignore[arg-type, return-value]
    except TypeError:
        return sorted(pairs, key=lambda pair: (type(pair[0]).__name__, str(pair[0])))


class _Writer:
    """Codes as they are found: one byte each until there are more than 127 values."""

    def __init__(self, rows: int) -> None:
        self._position: dict[Label, int] = {}
        self._codes: Codes = np.empty(rows, dtype=np.int8)

    def write(self, start: int, codes: Codes, values: Iterable[Any]) -> None:
        """Write a block of codes into its own `values`; -1 is missing."""
        place = [-1 if _is_missing(v) else self._position.setdefault(native(v), len(self._position)) for v in values]
        if len(self._position) > 127 and self._codes.dtype == np.int8:
            self._codes = self._codes.astype(np.int32)
        self._codes[start : start + len(codes)] = np.array([*place, -1], dtype=np.intp)[codes]

    def done(self) -> Encoded:
        return Encoded(tuple(self._position), self._codes)


def is_text(dtype: pa.DataType) -> bool:
    """Say whether an arrow type is one of the text types."""
    return pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype)


def native(value: Any) -> Any:
    """Return a numpy scalar as a Python object, others as they are."""
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        return value.item()
    return value


def encode_array(values: NDArray[Any]) -> Encoded:
    """Encode a numpy array; NaN, NaT and None are missing."""
    import pandas as pd

    writer = _Writer(len(values))
    for start in range(0, len(values), BLOCK):
        codes, found = pd.factorize(values[start : start + BLOCK], use_na_sentinel=True)
        writer.write(start, codes, found)
    return writer.done()


def encode_categorical(values: Any) -> Encoded:
    """Return the codes that a pandas categorical already has."""
    return Encoded(tuple(native(label) for label in values.categories), values.codes)


def encode_arrow(chunked: pa.ChunkedArray) -> Encoded:
    """Encode an arrow column; null and NaN are missing."""
    writer = _Writer(len(chunked))
    at = 0
    for chunk in chunked.chunks:
        for start in range(0, len(chunk), BLOCK):
            block = chunk.slice(start, BLOCK)
            coded = block if pa.types.is_dictionary(block.type) else _dictionary(block)
            codes = pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy()
            writer.write(at + start, codes, coded.dictionary.to_pylist())
        at += len(chunk)
    return writer.done()


def _dictionary(block: pa.Array) -> pa.DictionaryArray:
    if pa.types.is_string_view(block.type):
        block = block.cast(pa.large_string())
    return block.dictionary_encode()


def _is_missing(value: Any) -> bool:
    return value is None or value != value
