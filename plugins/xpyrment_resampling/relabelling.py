"""Random relabellings of units for the permutation test."""

import itertools
import math
from collections.abc import Iterable, Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import NotEstimable
from xpyrment_resampling.units import CELLS, CHUNK, bundles, control_first, distinct, features, totals

Matrix = NDArray[np.float64]

ITEMS = 4_096
"""With more units than this, about this many bundles of equal size are permuted."""

FEWEST = 32
"""Minimum number of bundles in the smaller variant."""

MOST = 65_536
"""Maximum number of bundles; more are too slow to permute."""


@frozen(eq=False)
class Permuted:
    """Sums over the units that each of B - 1 relabellings assigns to treatment, by their true variant.

    The last row is that of the true labels.

    Attributes
    ----------
    from_control, from_treatment : ndarray of shape (B, p)
    all_control, all_treatment : ndarray of shape (1, p)
        Sums over all units of the variants as they were.
    """

    from_control: Matrix
    from_treatment: Matrix
    all_control: Matrix
    all_treatment: Matrix


def relabel(control: Matrix, treatment: Matrix, seed: int, replicates: int) -> Permuted:
    """Draw relabellings of the units of two variants.

    Parameters
    ----------
    control, treatment : ndarray of shape (units, q)
        Sums per unit, sorted.
    seed, replicates : int
        If at most ``replicates + 1`` relabellings exist, each is used once.

    Raises
    ------
    NotEstimable
        There are very many units in one variant and very few in the other.
    """
    # Units of the first variant in a canonical order are drawn, so swapping the variants changes no draw.
    generator = np.random.default_rng(seed)
    all_control, all_treatment = totals(control), totals(treatment)
    if control_first(control, treatment):
        rest, other = _drawn(control, treatment, generator, replicates)
        from_control, from_treatment = all_control - rest, all_treatment - other
    else:
        from_treatment, from_control = _drawn(treatment, control, generator, replicates)
    return Permuted(
        np.concatenate([from_control, np.zeros_like(all_control)]),
        np.concatenate([from_treatment, all_treatment]),
        all_control,
        all_treatment,
    )


def _drawn(first: Matrix, second: Matrix, generator: np.random.Generator, replicates: int) -> tuple[Matrix, Matrix]:
    """Return the features' sums over the units that relabellings call the first variant, by origin."""
    n = len(first) + len(second)
    if n > ITEMS:
        cells = distinct(first), distinct(second)
        if cells[0] is not None and cells[1] is not None and len(cells[0].rows) + len(cells[1].rows) <= CELLS:
            rows = [features(c.rows) for c in cells if c is not None]
            counts = np.concatenate([c.counts for c in cells if c is not None and c.counts is not None])
            # Units drawn without replacement among values with counts; 'count' would allocate an array of all units.
            chosen = generator.multivariate_hypergeometric(counts, len(first), size=replicates, method="marginals")
            return _split_sums([chosen.astype(np.float64)], *rows)
        one, other = _equal_bundles(first, second, generator)
        return _split_sums(_subsets(len(one), len(one) + len(other), generator, replicates), one, other)
    one, other = features(first), features(second)
    # Full enumeration: the p-value is exact, without simulation error.
    if math.comb(n, len(first)) <= replicates + 1:
        return _split_sums([_all_subsets(len(first), n)], one, other)
    return _split_sums(_subsets(len(first), n, generator, replicates), one, other)


def _split_sums(weights: Iterable[Matrix], one: Matrix, other: Matrix) -> tuple[Matrix, Matrix]:
    parts = [(w[:, : len(one)] @ one, w[:, len(one) :] @ other) for w in weights]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _equal_bundles(first: Matrix, second: Matrix, generator: np.random.Generator) -> tuple[Matrix, Matrix]:
    fewest = min(len(first), len(second))
    # Only bundles of one size are exchangeable, so the smaller variant limits it: it keeps FEWEST bundles or more.
    size = max(1, min(math.ceil((len(first) + len(second)) / ITEMS), fewest // FEWEST))
    if (len(first) + len(second)) / size > MOST:
        raise NotEstimable(
            f"the variants are too unequal to permute ({len(first):,} and {len(second):,} units); use test='bootstrap'"
        )
    one, other = (
        np.array([features(bundle).sum(axis=0) for bundle in bundles(rows, round(len(rows) / size), generator)])
        for rows in (first, second)
    )
    return one, other


def _subsets(chosen: int, n: int, generator: np.random.Generator, replicates: int) -> Iterator[Matrix]:
    """Yield random subsets as rows of 0 and 1, a block of relabellings at a time."""
    size = max(1, CHUNK // n)
    for start in range(0, replicates, size):
        # Units with the smallest of n uniform keys are a simple random sample; a partition finds them in linear time.
        keys = generator.random((min(size, replicates - start), n))
        limit = np.partition(keys, chosen - 1, axis=1)[:, chosen - 1 : chosen]
        yield (keys <= limit).astype(np.float64)


def _all_subsets(chosen: int, n: int) -> Matrix:
    """Return every subset but the first (the labels as they were) as rows of 0 and 1."""
    # Combinations come in lexicographic order: the first is 0 … chosen - 1, the true labels.
    subsets = np.array(list(itertools.combinations(range(n), chosen)))[1:]
    weights = np.zeros((len(subsets), n))
    np.put_along_axis(weights, subsets, 1.0, axis=1)
    return weights
