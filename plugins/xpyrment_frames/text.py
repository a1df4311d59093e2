"""Compares Arrow text columns with a few labels by 16-byte integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xpyrment_frames.arrow import pa, pc

WORDS = 16
"""Bytes of a text that are compared as two integers."""

INLINE = 12
"""Bytes of text that a string view holds itself."""


def is_text(dtype: pa.DataType) -> bool:
    """Return whether an arrow type is one of the text types."""
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype))


def masks(piece: pa.Array, labels: Sequence[str]) -> list[NDArray[np.bool_]]:
    """Return where an arrow array of text equals each label; False where it is null.

    Examples
    --------
    >>> [mask.tolist() for mask in masks(pa.array(["a", "bb", None, "a"]), ["a", "bb"])]
    [[True, False, False, True], [False, True, False, False]]
    """
    texts = [label.encode() for label in labels]
    longest = max(map(len, texts))
    if piece.null_count == 0 and len(piece):
        if pa.types.is_string_view(piece.type):
            if longest <= INLINE:
                return _views(piece, texts)
        elif longest <= WORDS and (compared := _letters(piece, texts)):
            return compared
    piece = piece.cast(pa.large_string())
    return [_bits(pc.equal(piece, pa.scalar(label, piece.type))) for label in labels]


def _views(piece: pa.Array, texts: Sequence[bytes]) -> list[NDArray[np.bool_]]:
    """Compare views of short texts: a text's length and the text itself, padded with zeros to 16 bytes."""
    views = np.frombuffer(piece.buffers()[1], dtype=np.uint64).reshape(-1, 2)[piece.offset :][: len(piece)]
    words = [np.frombuffer(len(t).to_bytes(4, "little") + t.ljust(INLINE, b"\0"), dtype=np.uint64) for t in texts]
    return [np.asarray((views[:, 0] == low) & (views[:, 1] == high)) for low, high in words]


def _letters(piece: pa.Array, texts: Sequence[bytes]) -> list[NDArray[np.bool_]]:
    """Compare lengths, and the first 16 bytes as two integers; empty if those would reach past the buffer."""
    _, ends, letters = piece.buffers()
    width = np.int64 if pa.types.is_large_string(piece.type) else np.int32
    starts = np.frombuffer(ends, dtype=width)[piece.offset : piece.offset + len(piece) + 1]
    if letters is None or int(starts[-1]) + WORDS > letters.size:
        return []
    # A view of 16 bytes at every offset into the text buffer, aligned or not.
    everywhere = np.ndarray((letters.size - WORDS + 1,), dtype=f"V{WORDS}", buffer=letters, strides=(1,))
    words = everywhere[starts[:-1]].view(np.uint64).reshape(-1, 2)
    lengths = np.diff(starts)
    return [_same(words, lengths, text) for text in texts]


def _same(words: NDArray[np.uint64], lengths: NDArray[np.integer], text: bytes) -> NDArray[np.bool_]:
    # The last word also has bytes of the next text, which are masked out.
    target = np.frombuffer(text.ljust(WORDS, b"\0"), dtype=np.uint64)
    inside = np.frombuffer((b"\xff" * len(text)).ljust(WORDS, b"\0"), dtype=np.uint64)
    same = np.asarray(lengths == len(text))
    for word in range(-(-len(text) // 8)):
        whole = len(text) >= 8 * (word + 1)
        same &= (words[:, word] if whole else words[:, word] & inside[word]) == target[word]
    return same


def _bits(equal: pa.Array) -> NDArray[np.bool_]:
    bits = np.frombuffer(equal.fill_null(False).buffers()[1], dtype=np.uint8)
    return np.unpackbits(bits, count=equal.offset + len(equal), bitorder="little")[equal.offset :].view(bool)
