"""Noncentral hypergeometric distribution of a 2 x 2 table given its margins: the basis of Fisher's exact test."""

import math
from collections.abc import Callable

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from xpyrment_core.stats.root_finding import zero
from xpyrment_core.values.estimates import Counts

TIE = 1e-7
"""Two tables whose probabilities differ by less than this share are equally likely (as in R)."""


@frozen(eq=False)
class Conditional:
    """The conditional distribution, restricted to its bulk and the observed table.

    Attributes
    ----------
    support : ndarray of float64
        Successes in treatment; omitted points have a total probability below 1e-300.
    log_weights : ndarray of float64
        Log probabilities at odds ratio 1, up to a constant.
    least, most : int
        Ends of the full support.
    observed : int
    """

    support: NDArray[np.float64]
    log_weights: NDArray[np.float64]
    least: int
    most: int
    observed: int

    def probabilities(self, log_odds_ratio: float = 0.0) -> NDArray[np.float64]:
        """Return the probability of each point of `support` at an odds ratio."""
        logs = self.log_weights + (self.support - self.observed) * log_odds_ratio
        weights: NDArray[np.float64] = np.exp(logs - logs.max())
        return np.asarray(weights / weights.sum())

    def upper(self, log_odds_ratio: float = 0.0) -> float:
        """Return the probability of the observed successes or more."""
        return float(self.probabilities(log_odds_ratio)[self.support >= self.observed].sum())

    def lower(self, log_odds_ratio: float = 0.0) -> float:
        """Return the probability of the observed successes or fewer."""
        return float(self.probabilities(log_odds_ratio)[self.support <= self.observed].sum())

    def as_unlikely(self) -> float:
        """Return the probability of all tables at most as likely as the observed one."""
        p = self.probabilities()
        own = p[int(self.observed - self.support[0])]
        return min(1.0, float(np.sort(p[p <= own * (1 + TIE)]).sum()))


def conditional(control: Counts, treatment: Counts) -> Conditional:
    """Return the distribution of treatment's successes given those of both variants.

    Examples
    --------
    >>> tea = conditional(Counts(1, 4), Counts(3, 4))
    >>> round(tea.upper(), 6), round(tea.as_unlikely(), 6)
    (0.242857, 0.485714)
    """
    total, n = control.successes + treatment.successes, control.n + treatment.n
    least, most = max(0, total - control.n), min(total, treatment.n)
    mode = (total + 1) * (treatment.n + 1) // (n + 2)
    # 40 standard deviations and 400 points beyond mode and observed value.
    spread = math.sqrt(total * treatment.n / n * control.n / n * (n - total) / max(n - 1, 1))
    reach = math.ceil(40 * spread) + 400
    start = max(least, min(mode, treatment.successes) - reach)
    end = min(most, max(mode, treatment.successes) + reach)
    k = np.arange(start, end, dtype=np.float64)
    # Sums of log ratios of neighbouring probabilities: log factorials would cancel and lose digits.
    steps = np.log((total - k) * (treatment.n - k)) - np.log((k + 1) * (control.n - total + k + 1))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    return Conditional(np.arange(start, end + 1, dtype=np.float64), logs, least, most, treatment.successes)


def odds_ratio(table: Conditional) -> float:
    """Return the conditional maximum likelihood odds ratio: where the expected successes are the observed ones."""
    if table.least == table.most:
        return math.nan
    if table.observed == table.least:
        return 0.0
    if table.observed == table.most:
        return math.inf

    def excess(log_odds_ratio: float) -> float:
        return float(((table.support - table.observed) * table.probabilities(log_odds_ratio)).sum())

    return math.exp(_rising_zero(excess))


def odds_ratio_bound(table: Conditional, tail: float, *, low: bool) -> float:
    """Return the odds ratio at which the observed successes lie just in the tail (Cornfield 1956)."""
    if low:
        return 0.0 if table.observed == table.least else math.exp(_rising_zero(lambda x: table.upper(x) - tail))
    return math.inf if table.observed == table.most else math.exp(_rising_zero(lambda x: tail - table.lower(x)))


def _rising_zero(function: Callable[[float], float]) -> float:
    width = 1.0
    while function(-width) > 0 or function(width) < 0:
        width *= 2
    return zero(function, -width, width, tolerance=1e-13)
