"""Recognition of two aggregates of the same rows, by their numbers."""

from collections.abc import Iterator

import numpy as np

from xpyrment_aggregates.aggregate import Aggregate
from xpyrment_core import Label

ROUNDING = 1e-9
"""Relative difference that the order of rows and the engine can make; two samples differ far more."""

Summary = tuple[int, float, float]


def same_rows(one: Aggregate, other: Aggregate) -> bool:
    """Return whether two aggregates are of the same rows, regardless of their other columns and covariates.

    They are if they have the same counts per variant, and the same n, mean and sum of squares in every variant of
    every column that both have. A column of 0 and 1 is not enough: two samples can have equal counts by chance.
    """
    if dict(one.labels) != dict(other.labels):
        return False
    left, right = dict(_summaries(one)), dict(_summaries(other))
    shared = left.keys() & right.keys()
    telling = {column for column, _ in shared} - one.binary - other.binary
    varies = any(column in telling and m2 > 0 for (column, _), found in left.items() for _, _, m2 in found)
    return varies and all(any(_close(a, b) for a in left[key] for b in right[key]) for key in shared)


def _summaries(part: Aggregate) -> Iterator[tuple[tuple[str, Label], list[Summary]]]:
    """Yield per column and variant what each set of complete rows says of it."""
    found: dict[tuple[str, Label], list[Summary]] = {}
    for stored in part.sets:
        for label, moments in stored.moments.items():
            for i, term in enumerate(stored.terms):
                if term.kind == "value" and moments.n:
                    summary = moments.n, float(moments.mean[i]), float(moments.m2[i, i])
                    found.setdefault((term.column, label), []).append(summary)
    yield from found.items()


def _close(one: Summary, other: Summary) -> bool:
    (n, mean, m2), (other_n, other_mean, other_m2) = one, other
    # The error of a mean is relative to the spread, too: it may be 0.
    scale = abs(mean) + float(np.sqrt(m2 / n))
    return n == other_n and abs(mean - other_mean) <= ROUNDING * scale and abs(m2 - other_m2) <= ROUNDING * m2
