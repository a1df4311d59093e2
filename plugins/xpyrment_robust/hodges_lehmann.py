"""Hodges and Lehmann's estimate of a shift, with the interval that inverts the Mann-Whitney test.

Both are order statistics of the n_T n_C differences between a unit of treatment and one of control. They are
selected without forming the differences: sorted values make the number of differences up to a
bound a search per unit, and bounds from a random sample of the differences soon leave few of them
(Floyd and Rivest 1975, Communications of the ACM 18(3), 165-172). The result does not depend on the sample.
"""

import math
from collections.abc import Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

Values = NDArray[np.float64]
Counts = NDArray[np.int64]

FEW = 2**15
"""Differences that are formed and sorted rather than bounded any further."""


@frozen(eq=False)
class _Cut:
    """Differences up to `value`: how many, and for each treatment value the first control value in them."""

    value: float
    first: Counts
    count: int


@frozen(eq=False)
class Differences:
    """All differences between a unit of treatment and a unit of control, as sorted values with counts.

    Attributes
    ----------
    treatment, control : ndarray
        Distinct values, increasing.
    n_treatment, n_control : ndarray of int
        Units with each value.
    """

    treatment: Values
    n_treatment: Counts
    control: Values
    n_control: Counts
    _below: Counts = field()

    @_below.default
    def _count_below(self) -> Counts:
        return np.concatenate([[0], np.cumsum(self.n_control)])

    @classmethod
    def of(cls, control: Values, treatment: Values) -> "Differences":
        """Sort and count the values of both variants."""
        return cls(*np.unique(treatment, return_counts=True), *np.unique(control, return_counts=True))

    @property
    def total(self) -> int:
        """Number of pairs of units."""
        return int(self.n_treatment.sum()) * int(self._below[-1])

    def at(self, ranks: Sequence[int]) -> list[float]:
        """Return the differences with the given ranks, of which 0 is the smallest."""
        highest = float(self.treatment[-1] - self.control[0])
        nothing = np.full(len(self.treatment), len(self.control))
        known = [_Cut(-math.inf, nothing, 0), _Cut(highest, np.zeros_like(nothing), self.total)]
        out: dict[int, float] = {}
        for rank in ranks:
            low = max((cut for cut in known if cut.count <= rank), key=lambda cut: cut.value)
            high = min((cut for cut in known if cut.count > rank), key=lambda cut: cut.value)
            low, high, out[rank] = self._select(rank, low, high)
            # The bounds of one rank are a start for the next, such as the other middle one.
            known += [low, high]
        return [out[rank] for rank in ranks]

    def _select(self, rank: int, low: _Cut, high: _Cut) -> tuple[_Cut, _Cut, float]:
        """Narrow the bounds until they hold few differences, and return them with the difference of this rank."""
        generator = np.random.default_rng(0)
        size = int((low.first - high.first).sum())
        while size > FEW and np.nextafter(low.value, math.inf) < high.value:
            first, last = self._bounds(rank, low, high, generator)
            low, high = self._narrowed(rank, low, high, float(np.nextafter(first, -math.inf)))
            low, high = self._narrowed(rank, low, high, last)
            # With ties the bounds may not have moved; a cut at `first` then parts equal values from the others.
            if (low.first - high.first).sum() > size / 2:
                low, high = self._narrowed(rank, low, high, first)
            size = int((low.first - high.first).sum())
        if size > FEW:
            return low, high, high.value
        return low, high, self._among(rank, low, high)

    def _narrowed(self, rank: int, low: _Cut, high: _Cut, value: float) -> tuple[_Cut, _Cut]:
        if not low.value < value < high.value:
            return low, high
        cut = self._cut(value)
        return (cut, high) if cut.count <= rank else (low, cut)

    def _cut(self, value: float) -> _Cut:
        """Count the differences up to a value."""
        # Rounding of t - value may miss the pairs whose rounded difference is the value itself, of which there are
        # many in decimal data; those rows are searched again by their differences.
        t, c = self.treatment, self.control
        first = np.searchsorted(c, t - value, side="left")
        before = (first > 0) & (t - c[np.maximum(first - 1, 0)] <= value)
        after = (first < len(c)) & (t - c[np.minimum(first, len(c) - 1)] > value)
        wrong = before | after
        if wrong.any():
            first[wrong] = _first_upto(t[wrong], c, value)
        return _Cut(value, first, int((self.n_treatment * (self._below[-1] - self._below[first])).sum()))

    def _bounds(self, rank: int, low: _Cut, high: _Cut, generator: np.random.Generator) -> tuple[float, float]:
        """Return two differences of a random sample which most probably enclose the one of this rank."""
        size = min(max(len(self.treatment), 2**12), 2**18)
        pairs = high.count - low.count
        per_value = self.n_treatment * (self._below[low.first] - self._below[high.first])
        upto = np.cumsum(per_value)
        place = ((np.arange(size) + generator.random(size)) * (pairs / size)).astype(np.int64)
        row = np.searchsorted(upto, place, side="right")
        inner = (place - (upto[row] - per_value[row])) // self.n_treatment[row]
        column = np.searchsorted(self._below, self._below[high.first[row]] + inner, side="right") - 1
        drawn = np.sort(self.treatment[row] - self.control[column])
        middle = (rank - low.count) / pairs * size
        # Four standard deviations of the number of sampled differences below the rank.
        reach = 4 * math.sqrt(middle * max(1 - middle / size, 0.0)) + 1
        return float(drawn[max(math.floor(middle - reach), 0)]), float(drawn[min(math.ceil(middle + reach), size - 1)])

    def _among(self, rank: int, low: _Cut, high: _Cut) -> float:
        """Return the difference of this rank among those between the bounds."""
        sizes = low.first - high.first
        row = np.repeat(np.arange(len(sizes)), sizes)
        column = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes - high.first, sizes)
        found = self.treatment[row] - self.control[column]
        if int(sizes.sum()) == high.count - low.count:
            # Without repeated values a difference is its place, which partitioning finds faster than sorting.
            return float(np.partition(found, rank - low.count)[rank - low.count])
        order = np.argsort(found)
        upto = np.cumsum((self.n_treatment[row] * self.n_control[column])[order])
        return float(found[order[np.searchsorted(upto, rank - low.count, side="right")]])


def _first_upto(t: Values, c: Values, value: float) -> Counts:
    """Return for each t the first index into c of which the rounded difference is not above the value."""
    low, high = np.zeros(len(t), dtype=np.int64), np.full(len(t), len(c))
    while (low < high).any():
        middle = (low + high) // 2
        upto = (low < high) & (t - c[np.minimum(middle, len(c) - 1)] <= value)
        low, high = np.where(upto | (low >= high), low, middle + 1), np.where(upto, middle, high)
    return low


def hodges_lehmann(control: Values, treatment: Values, accepted: float) -> tuple[float, float, float]:
    """Return the median difference of a pair of units, and the shifts that the rank test accepts.

    Parameters
    ----------
    control, treatment : ndarray
        Finite values.
    accepted : float
        Largest distance of U from half of the pairs that the test accepts.

    Returns
    -------
    estimate, low, high : float
        An end is infinite where the test cannot reject any shift on that side.

    References
    ----------
    Hodges, J. L. and Lehmann, E. L. (1963). Estimates of location based on rank tests. Annals of
    Mathematical Statistics 34(2), 598-611.
    Bauer, D. F. (1972). Constructing confidence sets using rank statistics. Journal of the American
    Statistical Association 67(339), 687-690.

    Examples
    --------
    >>> hodges_lehmann(np.array([1.0, 2, 3]), np.array([2.0, 4, 9]), 3.5)
    (2.0, -1.0, 8.0)
    """
    differences = Differences.of(control, treatment)
    pairs = differences.total
    # U of the shifted values is the number of differences above the shift: a shift is accepted while that lies within
    # `accepted` of half the pairs, which is the case between two differences.
    above = pairs - math.floor(pairs / 2 + accepted) - 1
    below = pairs - math.ceil(pairs / 2 - accepted)
    middle = [(pairs - 1) // 2, pairs // 2]
    ends = [rank for rank in (above, below) if 0 <= rank < pairs]
    found = dict(zip([*middle, *ends], differences.at([*middle, *ends]), strict=True))
    # Halves first: the sum of two large values could overflow.
    estimate = found[middle[0]] / 2 + found[middle[1]] / 2
    return estimate, found.get(above, -math.inf), found.get(below, math.inf)
