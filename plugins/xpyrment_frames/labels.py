"""Dictionary encoding of a column: its distinct values, and a code per row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import Label
from xpyrment_core.data.labels import in_order, is_missing
from xpyrment_frames import text
from xpyrment_frames.arrow import pa, pc
from xpyrment_frames.parallel import by_segment, threads_for

BLOCK = 1 << 16
HEAD = 1000
FEW = 6
"""Up to this many labels, comparing with each is faster than hashing every value."""

ROWS_PER_SUM = 16
"""Rows whose codes are counted in the time in which one row is summed; threads start at as many more rows."""

# The code of a label that does not occur; -1 is that of missing values.
NOWHERE = -2

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
        threads = threads_for(len(self.codes) // ROWS_PER_SUM)
        parts = by_segment(len(self.codes), BLOCK, lambda: self._count, threads)
        counted = np.sum(parts or [self._count(0, 0)], axis=0)
        seen = {label: int(n) for label, n in zip(self.labels, counted, strict=False) if n}
        # A categorical may have a blank category, which is no label.
        missing = int(counted[-1]) + sum(n for label, n in seen.items() if is_missing(label))
        counts: dict[Label | None, int] = {label: seen[label] for label in in_order(seen) if not is_missing(label)}
        return counts | ({None: missing} if missing else {})

    def _count(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return rows per code, the missing ones last."""
        counted = np.zeros(len(self.labels) + 1, dtype=np.int64)
        for begin in range(start, stop, BLOCK):
            block = self.codes[begin : min(begin + BLOCK, stop)]
            if len(counted) <= 2 * FEW:
                known = [int(np.count_nonzero(block == code)) for code in range(len(self.labels))]
                counted += np.array([*known, len(block) - sum(known)])
            else:
                # bincount needs codes from 0; the missing, counted first, are rolled to the end.
                counted += np.roll(np.bincount(block.astype(np.intp) + 1, minlength=len(counted)), -1)
        return counted

    def codes_of(self, labels: Iterable[Label]) -> tuple[int, ...]:
        """Return the code of each label; a label that does not occur gets a code that no row has."""
        place = {label: code for code, label in enumerate(self.labels)}
        return tuple(place.get(label, NOWHERE) for label in labels)


class _Writer:
    """Codes under construction: one byte each until there are more than 127 distinct values."""

    def __init__(self, rows: int) -> None:
        self._position: dict[Label, int] = {}
        # Every pass reads the codes, at the speed of the memory: one byte instead of eight.
        self._codes: Codes = np.empty(rows, dtype=np.int8)

    def write(self, start: int, codes: Codes, values: Iterable[Any]) -> None:
        """Write a block of codes into its own `values`; -1 is missing."""
        place = [-1 if is_missing(v) else self._position.setdefault(native(v), len(self._position)) for v in values]
        if len(self._position) > 127 and self._codes.dtype == np.int8:
            self._codes = self._codes.astype(np.int32)
        self._codes[start : start + len(codes)] = np.array([*place, -1], dtype=self._codes.dtype)[codes]

    def match(self, labels: Sequence[Any], matches: Callable[[int, int], tuple[Codes, int]]) -> list[tuple[int, int]]:
        """Write codes by comparing with a few labels; return the segments that have others as well."""
        self._position = {native(label): code for code, label in enumerate(labels)}

        def segment(start: int, stop: int) -> list[tuple[int, int]]:
            incomplete = []
            for begin in range(start, stop, BLOCK):
                end = min(begin + BLOCK, stop)
                self._codes[begin:end], known = matches(begin, end)
                if known < end - begin:
                    incomplete.append((begin, end))
            return incomplete

        return [block for part in by_segment(len(self._codes), BLOCK, lambda: segment) for block in part]

    def done(self) -> Encoded:
        """Return the column."""
        return Encoded(tuple(self._position), self._codes)


def native(value: Any) -> Any:
    """Return a numpy scalar as a Python object, others as they are."""
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        return value.item()
    return value


def encode_categorical(values: Any) -> Encoded:
    """Return the codes that a pandas categorical already has."""
    return Encoded(tuple(native(label) for label in values.categories), values.codes)


def encode_array(values: NDArray[Any]) -> Encoded:
    """Encode a numpy array; NaN, NaT and None are missing."""
    import pandas as pd

    if values.dtype == bool:
        return Encoded((False, True), values.view(np.int8))
    writer = _Writer(len(values))
    remaining = _blocks(len(values))
    numbers = list(pd.unique(values[:HEAD])) if values.dtype.kind in "iuf" else []
    head = [value for value in numbers if not is_missing(value)]
    if 0 < len(head) <= FEW:

        def matches(start: int, stop: int) -> tuple[Codes, int]:
            block = values[start:stop]
            return _codes([block == label for label in head], int(np.count_nonzero(block != block)))

        remaining = writer.match(head, matches)
    for start, stop in remaining:
        codes, values_of_block = pd.factorize(values[start:stop], use_na_sentinel=True)
        writer.write(start, codes, values_of_block)
    return writer.done()


def encode_arrow(chunked: pa.ChunkedArray) -> Encoded:
    """Encode an arrow column; null and NaN are missing."""
    writer = _Writer(len(chunked))
    remaining = _blocks(len(chunked))
    # A column of variants has few labels, and the first rows usually show all of them.
    head = chunked.slice(0, HEAD).unique().drop_null().to_pylist() if text.is_text(chunked.type) else []
    head = [label for label in head if not is_missing(label)]
    if 0 < len(head) <= FEW:

        def matches(start: int, stop: int) -> tuple[Codes, int]:
            pieces = [p for p in chunked.slice(start, stop - start).chunks if len(p)]
            parts = [_codes(text.masks(p, head), p.null_count) for p in pieces]
            codes = parts[0][0] if len(parts) == 1 else np.concatenate([codes for codes, _ in parts])
            return codes, sum(known for _, known in parts)

        remaining = writer.match(head, matches)
    for start, stop in remaining:
        at = start
        for piece in chunked.slice(start, stop - start).chunks:
            coded = piece if pa.types.is_dictionary(piece.type) else _dictionary(piece)
            gaps = coded.indices.null_count > 0
            codes = (pc.fill_null(coded.indices.cast(pa.int64()), -1) if gaps else coded.indices).to_numpy()
            writer.write(at, codes, coded.dictionary.to_pylist())
            at += len(piece)
    return writer.done()


def _blocks(rows: int) -> list[tuple[int, int]]:
    return [(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK)]


def _codes(equal: Sequence[NDArray[np.bool_]], missing: int) -> tuple[Codes, int]:
    """Return codes from one mask per label, and how many rows have a label or none at all."""
    # At most one mask is true in a row, so the sum of index times mask is the index; -1 where none is.
    codes = equal[0].view(np.int8) - np.int8(1)
    for code, mask in enumerate(equal[1:], start=2):
        codes += mask.view(np.int8) * np.int8(code)
    return codes, missing + int(np.count_nonzero(codes >= 0))


def _dictionary(block: pa.Array) -> pa.DictionaryArray:
    if pa.types.is_string_view(block.type):
        block = block.cast(pa.large_string())
    return block.dictionary_encode()
