"""Streaming (one-pass, mergeable) bootstrap in constant memory."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xpyrment_core import Alternative, Effect, InputError, NotEstimable
from xpyrment_resampling.bootstrap import BUNDLES, Bootstrap, observe
from xpyrment_resampling.effects import Resampled, studentised_effect
from xpyrment_resampling.options import REPLICATES, SEED
from xpyrment_resampling.statistics import statistics
from xpyrment_resampling.units import CHUNK, features, totals

Matrix = NDArray[np.float64]
Arm = Literal["control", "treatment"]
ARMS: tuple[Arm, Arm] = ("control", "treatment")


class StreamedBootstrap:
    """A Poisson bootstrap that reads every row once and keeps 4,096 sums per variant and column.

    Each unit is hashed by its identifier into one of the buckets, which sum their rows; at the
    end every resample weights each bucket by a Poisson number with mean 1.
    Parts of different shards or days are merged with ``+``; a unit may have rows in several parts.

    Parameters
    ----------
    metric : object
        With ``columns`` and ``value(means)``.
    replicates : int
        Resamples, as in `Bootstrap`.
    seed : int
        Seed of the weights and of the buckets; only parts with equal seeds can be merged.

    Raises
    ------
    InputError
        The metric is not a function of means, or a parameter is not usable.

    Notes
    -----
    Use it with many more units than buckets: the standard error has 4,095 degrees of freedom.
    With fewer units than buckets nearly every unit has a bucket of its own, which is the plain
    Poisson bootstrap.

    References
    ----------
    Chamandy, N., Muralidharan, O., Najmi, A. and Naidu, S. (2012). Estimating uncertainty for massive
    data streams. Google technical report.

    Examples
    --------
    >>> from xpyrment_core.stats.delta_method import ColumnMean
    >>> generator, stream = np.random.default_rng(1), StreamedBootstrap(ColumnMean("y"), replicates=999)
    >>> for day in range(10):
    ...     for arm, mean in (("control", 5), ("treatment", 6)):
    ...         stream.add(arm, {"y": generator.exponential(mean, 500)}, units=np.arange(500) + 500 * day)
    >>> effect = stream.effect(alpha=0.05)
    >>> round(effect.difference), effect.p_value
    (1, 0.002)
    """

    def __init__(self, metric: Any, replicates: int = REPLICATES, seed: int = SEED) -> None:
        if not hasattr(metric, "value"):
            raise InputError(f"a streamed bootstrap needs a metric with value(means), got {metric!r}.")
        self.metric = metric
        self.options = Bootstrap(replicates=replicates, seed=seed)
        self._centre: Matrix | None = None
        self._sums = {arm: np.zeros((BUNDLES, len(metric.columns) + 1)) for arm in ARMS}

    def add(self, arm: Arm, columns: Mapping[str, ArrayLike], units: ArrayLike) -> None:
        """Add rows of one variant.

        Parameters
        ----------
        arm : {"control", "treatment"}
        columns : mapping of str to array_like of shape (n,)
            The metric's columns; rows with a missing value are left out.
        units : array_like of int of shape (n,)
            Each row's unit of randomisation; a unit may appear in several calls.

        Raises
        ------
        InputError
            The arm is neither, or a column is missing or of another length.
        """
        if arm not in ARMS:
            raise InputError(f"arm must be 'control' or 'treatment', got {arm!r}.")
        values, codes = self._rows(columns, units)
        if not len(values):
            return
        if self._centre is None:
            # Any point near the data keeps the digits of centred squares, so the first rows' mean will do for all.
            self._centre = values.mean(axis=0)
        buckets = _bucket(codes, self.options.seed)
        for i, column in enumerate((values - self._centre).T):
            self._sums[arm][:, i] += np.bincount(buckets, weights=column, minlength=BUNDLES)
        self._sums[arm][:, -1] += np.bincount(buckets, minlength=BUNDLES)

    def _rows(self, columns: Mapping[str, ArrayLike], units: ArrayLike) -> tuple[Matrix, NDArray[np.int64]]:
        names = self.metric.columns
        missing = [c for c in names if c not in columns]
        if missing:
            raise InputError(f"column {missing[0]!r} of metric {self.metric.name!r} is not among those given.")
        arrays = [np.asarray(columns[c], dtype=np.float64) for c in names]
        codes = np.asarray(units)
        if codes.dtype.kind not in "iu":
            raise InputError(f"units must be whole numbers, got {codes.dtype}; hash other identifiers to int64 first.")
        lengths = {len(codes), *(len(array) for array in arrays)}
        if len(lengths) > 1:
            raise InputError(f"columns and units must have one length, got {sorted(lengths)}.")
        values = np.column_stack(arrays)
        complete = ~np.isnan(values).any(axis=1)
        return values[complete], codes[complete].astype(np.int64)

    def __add__(self, other: "StreamedBootstrap") -> "StreamedBootstrap":
        if not isinstance(other, StreamedBootstrap):
            return NotImplemented
        if other.options != self.options or other.metric != self.metric:
            raise InputError("streams of different metrics, replicates or seeds do not add up.")
        total = StreamedBootstrap(self.metric, self.options.replicates, self.options.seed)
        total._centre = self._centre if self._centre is not None else other._centre
        for arm in ARMS:
            total._sums[arm] = self._about(total._centre, arm) + other._about(total._centre, arm)
        return total

    def _about(self, centre: Matrix | None, arm: Arm) -> Matrix:
        """Return the sums about another centre."""
        sums = self._sums[arm].copy()
        if centre is not None and self._centre is not None:
            # Sum of (y - new) = sum of (y - old) + rows * (old - new).
            sums[:, :-1] += sums[:, -1:] * (self._centre - centre)
        return sums

    def effect(self, alpha: float = 0.05, alternative: Alternative = "two-sided") -> Effect:
        """Return the effect of the rows added so far; more may be added afterwards.

        Its estimates count filled buckets as units.

        Raises
        ------
        NotEstimable
            A variant has no rows, or both are constant.
        """
        # An empty bucket is not a unit: counted as one it would add a degree of freedom and noise that is not there.
        rows = [self._sums[arm][self._sums[arm][:, -1] > 0] for arm in ARMS]
        if self._centre is None or not all(map(len, rows)):
            raise NotEstimable("there are no units with an observed value in one of the variants")
        centre = self._centre
        observed = [observe(self.metric, centre, totals(part)) for part in rows]
        streams = (np.random.default_rng([self.options.seed, stream]) for stream in (0, 1))
        drawn = [
            statistics(self.metric, centre, _poisson_sums(part, generator, self.options.replicates))
            for part, generator in zip(rows, streams, strict=True)
        ]
        resampled = Resampled(observed[0], observed[1], drawn[0], drawn[1])
        return studentised_effect(resampled, self.metric, alpha, alternative)


def _poisson_sums(rows: Matrix, generator: np.random.Generator, replicates: int) -> Matrix:
    columns, m = features(rows), len(rows)
    size = max(1, CHUNK // m)
    sums = []
    for start in range(0, replicates, size):
        # A Poisson number of balls thrown into m boxes gives independent Poisson counts per box.
        balls = generator.poisson(m, min(size, replicates - start))
        boxes = generator.integers(0, m, balls.sum()) + m * np.repeat(np.arange(len(balls)), balls)
        weights = np.bincount(boxes, minlength=m * len(balls)).reshape(-1, m)
        sums.append(weights.astype(np.float64) @ columns)
    return np.concatenate(sums)


def _bucket(units: NDArray[np.int64], seed: int) -> NDArray[np.intp]:
    """Return a bucket for each unit by the finaliser of SplitMix64, which mixes all bits."""
    with np.errstate(over="ignore"):
        # The multiplier is 2**64 over the golden ratio, which spreads consecutive seeds (Steele, Lea and Flood 2014).
        x = units.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15) % 2**64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return (x % np.uint64(BUNDLES)).astype(np.intp)
