"""Exact null distribution of the Mann-Whitney statistic, with ties, by the shift algorithm."""

from functools import lru_cache

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core import Alternative

Values = NDArray[np.float64]


# Compared by identity: `==` of arrays is an array.
@frozen(eq=False)
class Tails:
    """Tail probabilities of the permutation distribution of U, for one alternative.

    Attributes
    ----------
    distances : ndarray
        Possible values of ``U - E(U)``, its absolute value if two-sided, or ``E(U) - U`` for "less"; increasing.
    p_values : ndarray
        Probability of a distance at least as large, under the null hypothesis.
    """

    distances: Values
    p_values: Values

    def p_value(self, distance: float) -> float:
        """Return the p-value of an observed distance."""
        return min(1.0, float(self.p_values[np.searchsorted(self.distances, distance)]))

    def cut(self, alpha: float) -> tuple[float, float]:
        """Return the largest distance that is accepted at level `alpha`, and the smallest that is rejected.

        The second is infinite where no distance is extreme enough to be rejected.
        """
        # p-values decrease: the last one that is not below alpha belongs to the last accepted distance.
        accepted = len(self.p_values) - int(np.searchsorted(self.p_values[::-1], alpha, side="left"))
        rejected = self.distances[accepted] if accepted < len(self.distances) else np.inf
        return float(self.distances[accepted - 1]) if accepted else -np.inf, float(rejected)


@lru_cache(maxsize=64)
def tails(ties: tuple[int, ...], n_treatment: int, alternative: Alternative) -> Tails:
    """Return the tail probabilities of U over all assignments of the observed values to the variants.

    Parameters
    ----------
    ties : tuple of int
        Sizes of the groups of equal values of both variants together, smallest value first.
    n_treatment : int
    alternative : {"two-sided", "greater", "less"}

    Notes
    -----
    With ties and unequal sizes the distribution is not symmetric. The two-sided p-value is then
    ``P(|U - E(U)| >= |u - E(U)|)``, as in R's coin and in SAS, not twice the smaller tail.

    Examples
    --------
    Two of the values 1, 2, 2, 3 are the treatment's: they win all pairs, but for the tie, in 2 of 6 assignments.

    >>> round(tails((1, 2, 1), 2, "greater").p_value(1.5), 4)
    0.3333
    """
    chances, scale = distribution(ties, n_treatment)
    # E(U) is half of the pairs: twice the distances are whole numbers of 1 / scale.
    signed = 2 * np.arange(len(chances)) - (len(chances) - 1)
    doubled = {"two-sided": np.abs(signed), "greater": signed, "less": -signed}[alternative]
    distances, places = np.unique(doubled, return_inverse=True)
    sums = np.bincount(places, chances)
    # Summed from the far end: small tails keep their digits.
    return Tails(distances / (2 * scale), np.minimum(np.cumsum(sums[::-1])[::-1], 1.0))


@lru_cache(maxsize=32)
def distribution(ties: tuple[int, ...], n_treatment: int) -> tuple[Values, int]:
    """Return the null probability of each U in steps of ``1 / scale``, and that scale.

    References
    ----------
    Streitberg, B. and Roehmel, J. (1986). Exact distributions for permutation and rank tests: an
    introduction to some recently published algorithms. Statistical Software Newsletter 12(1), 10-17.
    """
    total = sum(ties)
    n_control = total - n_treatment
    # Midranks are halves where a group of ties has an even size.
    scale = 2 if any(size % 2 == 0 for size in ties) else 1
    chosen = min(n_treatment, n_control)
    # Of `chosen` units the rank sum is least, n (n + 1) / 2, without ties, and greatest n m more.
    floor = scale * chosen * (chosen + 1) // 2
    ways = np.zeros((chosen + 1, scale * chosen * (total - chosen) + floor + 1))
    ways[0, 0] = 1
    # ways[k, s] counts the sets of k units with rank sum s; each unit is taken or not (shift algorithm).
    for rank in _midranks(ties, scale):
        if rank < ways.shape[1]:
            ways[1:, rank:] += ways[:-1, :-rank].copy()
    counts = ways[chosen, floor:] if chosen == n_treatment else ways[chosen, floor:][::-1]
    chances: Values = counts / counts.sum()
    chances.setflags(write=False)
    return chances, scale


def _midranks(ties: tuple[int, ...], scale: int) -> list[int]:
    """Return ``scale`` times the midrank of every unit."""
    out, below = [], 0
    for size in ties:
        out += [scale * (2 * below + size + 1) // 2] * size
        below += size
    return out
