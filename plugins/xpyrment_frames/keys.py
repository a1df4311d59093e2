"""Unit ids: test for repeated ids, and an integer code per row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpyrment_frames.arrow import is_arrow, pa, pc
from xpyrment_frames.text import is_text

BLOCK = 1 << 16
LONGEST_KEY = 64
"""Bytes of a text id past which it is encoded rather than hashed."""


def missing_keys(storage: Any) -> NDArray[np.bool_] | None:
    """Return a mask of missing ids, None if none is missing."""
    if is_arrow(storage):
        if storage.null_count == 0 and not pa.types.is_floating(storage.type):
            return None
        gaps = np.asarray(pc.is_null(storage, nan_is_null=True))
    else:
        if isinstance(storage, np.ndarray) and storage.dtype.kind in "iub":
            return None
        import pandas as pd

        gaps = np.asarray(pd.isna(storage))
    return gaps if gaps.any() else None


def is_unique(storage: Any) -> bool:
    """Return whether no id occurs twice; may be False for unique ids, never True for others.

    Ids, or 64-bit hashes of them, are sorted: that takes a tenth of the time and of the
    memory of a hash table.
    """
    # Running numbers, and tables sorted by id, need no sorting.
    if isinstance(storage, np.ndarray) and storage.dtype.kind in "iu" and _increases(storage):
        return True
    # Two ids with one hash look like one id that repeats: `unit_codes` then decides, at a higher cost.
    hashes = _fingerprints(storage)
    if hashes is None:
        return False
    hashes.sort()
    return not any(
        (hashes[s : s + BLOCK][: len(hashes) - s - 1] == hashes[s + 1 : s + 1 + BLOCK]).any() for s in _starts(hashes)
    )


def _starts(values: NDArray[Any]) -> range:
    return range(0, len(values), BLOCK)


def _increases(values: NDArray[Any]) -> bool:
    return all((np.diff(values[s : s + BLOCK + 1].astype(np.int64, copy=False)) > 0).all() for s in _starts(values))


def _fingerprints(storage: Any) -> NDArray[Any] | None:
    """Return a number per observed id, equal for equal ids; None for types without a cheap one."""
    if is_arrow(storage):
        return _arrow_fingerprints(storage)
    if isinstance(storage, np.ndarray) and storage.dtype.kind in "iuf":
        return storage.copy()
    if hasattr(storage.dtype, "numpy_dtype") and storage.dtype.kind in "iuf":  # a nullable array
        return np.asarray(storage.dropna(), dtype=storage.dtype.numpy_dtype)
    if isinstance(storage, np.ndarray) and storage.dtype == object:
        import pandas as pd

        there = storage[~np.asarray(pd.isna(storage))]
        return pd.util.hash_array(there, categorize=False)
    return None


def _arrow_fingerprints(chunked: pa.ChunkedArray) -> NDArray[Any] | None:
    if pa.types.is_integer(chunked.type) or pa.types.is_floating(chunked.type):
        return np.concatenate([chunk.drop_null().to_numpy() for chunk in chunked.chunks] or [np.empty(0)])
    if not is_text(chunked.type):
        return None
    parts = [np.empty(0, dtype=np.uint64)]
    for chunk in chunked.chunks:
        for start in range(0, len(chunk), BLOCK):
            hashed = _hash_text(chunk.slice(start, BLOCK).cast(pa.large_string()).drop_null())
            if hashed is None:
                return None
            parts.append(hashed)
    return np.concatenate(parts)


def _hash_text(block: pa.Array) -> NDArray[np.uint64] | None:
    """Return a 64-bit hash of each text, None where one is too long."""
    _, offsets, data = block.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[block.offset : block.offset + len(block) + 1]
    lengths = np.diff(ends)
    width = -(-int(lengths.max(initial=0)) // 8) * 8
    if width > LONGEST_KEY:
        return None
    padded = np.zeros((len(block), width), dtype=np.uint8)
    if width:
        letters = np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]]
        padded[np.arange(width) < lengths[:, None]] = letters
    # A text's hash must not depend on the longest text of its block, so words past its end are skipped.
    hashed = lengths.astype(np.uint64)
    for at, word in enumerate(padded.view(np.uint64).T):
        # 2**64 divided by the golden ratio, as in SplitMix64.
        hashed = np.where(lengths > 8 * at, _mix(hashed * np.uint64(0x9E3779B97F4A7C15) + word), hashed)
    return hashed


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of 64-bit numbers one to one (finaliser of SplitMix64, Steele, Lea and Flood 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def unit_codes(storage: Any) -> tuple[NDArray[np.integer], int]:
    """Return a code per row, -1 where the id is missing, and an upper bound of the codes."""
    if is_arrow(storage):
        return _arrow_codes(storage)
    if hasattr(storage, "categories"):
        return storage.codes, len(storage.categories)
    if isinstance(storage, np.ndarray) and storage.dtype.kind in "iu":
        # Ids without large gaps are codes already, less the smallest; arrays per unit have two entries per row at most.
        low, high = int(storage.min()), int(storage.max())
        if high - low < 2 * len(storage):
            # A narrow signed type cannot hold the differences of its own values: int8 from -128 to 127 would wrap.
            wide = storage.astype(np.int64) if storage.dtype.kind == "i" else storage
            dense: NDArray[np.integer] = (wide - wide.dtype.type(low)).astype(
                np.int32 if high - low < 2**31 else np.int64
            )
            return dense, high - low + 1
    import pandas as pd

    codes, ids = pd.factorize(storage, use_na_sentinel=True)
    return codes, len(ids)


def _arrow_codes(chunked: pa.ChunkedArray) -> tuple[NDArray[np.integer], int]:
    if pa.types.is_string_view(chunked.type):
        chunked = chunked.cast(pa.large_string())
    if not pa.types.is_dictionary(chunked.type):
        chunked = chunked.dictionary_encode()
    coded = chunked.unify_dictionaries().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0) if coded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    codes = np.asarray(pc.fill_null(coded.indices.cast(pa.int32()), -1))
    values = coded.dictionary
    if pa.types.is_floating(values.type):  # NaN is encoded as a value, but is not a unit
        codes = np.append(np.where(np.asarray(pc.is_nan(values)), -1, np.arange(len(values))), -1)[codes]
    return codes, len(values)
