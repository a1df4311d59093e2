"""Barnard's and Boschloo's unconditional exact tests.

Only the sizes of the arms are fixed. All tables of successes are ranked by their distance from
"no difference"; the p-value is the probability of tables at least as extreme as the observed one,
maximised over the common proportion. Barnard's test ranks by the pooled z statistic, Boschloo's by Fisher's p-value.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from xpyrment_core import Alternative, Counts, Effect, NotEstimable, Unavailable
from xpyrment_core.stats.hypergeometric import TIE
from xpyrment_proportions.observed import difference, require_units

ROUNDING = 1e-10
"""Statistics closer than this count as equal: they are sums of at most a few thousand terms."""

MOST_TABLES = 2_000_000
"""More tables than this are refused, because they would take more than a few seconds."""

NO_INTERVAL = Unavailable("this exact test gives no interval; test 'score' gives those of the difference and the lift")


def barnard(control: Counts, treatment: Counts, alpha: float, alternative: Alternative) -> Effect:
    """Compare two proportions by Barnard's exact test with the pooled z statistic.

    Parameters
    ----------
    control, treatment : Counts
    alpha : float
        Not used: there are no intervals.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    Effect
        `statistic` is the pooled z; ``extra["common_proportion"]`` is where the p-value is largest.

    Raises
    ------
    NotEstimable
        A variant has no units, or there are more than 2,000,000 tables.

    References
    ----------
    Barnard, G. A. (1947). Significance tests for 2 x 2 tables. Biometrika 34, 123-138.
    Suissa, S. and Shuster, J. J. (1985). Exact unconditional sample sizes for the 2 x 2
    binomial trial. JRSS A 148, 317-327.

    Examples
    --------
    >>> effect = barnard(Counts(8, 17), Counts(2, 15), alpha=0.05, alternative="two-sided")
    >>> round(effect.p_value, 4)
    0.0514
    """
    _require_few_tables(control, treatment, "Barnard's")
    z = _pooled_z(control.n, treatment.n)
    distance = {"two-sided": np.abs(z), "greater": z, "less": -z}[alternative]
    own = float(distance[control.successes, treatment.successes])
    extreme = distance >= own - ROUNDING * max(1.0, abs(own))
    return _effect(control, treatment, extreme, alternative, statistic=float(z[control.successes, treatment.successes]))


def boschloo(control: Counts, treatment: Counts, alpha: float, alternative: Alternative) -> Effect:
    """Compare two proportions by Boschloo's exact test.

    Ranks the tables by Fisher's p-value of the same alternative, so it is never weaker than
    Fisher's test and has the same guarantee.

    Parameters
    ----------
    control, treatment : Counts
    alpha : float
        Not used: there are no intervals.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    Effect
        ``extra["common_proportion"]`` is where the p-value is largest, ``extra["fisher_p_value"]``
        Fisher's.

    Raises
    ------
    NotEstimable
        A variant has no units, or there are more than 2,000,000 tables.

    References
    ----------
    Boschloo, R. D. (1970). Raised conditional level of significance for the 2 x 2-table when
    testing the equality of two probabilities. Statistica Neerlandica 24, 1-9.

    Examples
    --------
    >>> effect = boschloo(Counts(1, 4), Counts(3, 4), alpha=0.05, alternative="two-sided")
    >>> round(effect.p_value, 4), round(effect.extra["fisher_p_value"], 4)
    (0.2891, 0.4857)
    """
    _require_few_tables(control, treatment, "Boschloo's")
    p_values = _fisher_p_values(control.n, treatment.n, alternative)
    own = float(p_values[control.successes, treatment.successes])
    return _effect(control, treatment, p_values <= own * (1 + ROUNDING), alternative, fisher_p_value=min(own, 1.0))


def _require_few_tables(control: Counts, treatment: Counts, whose: str) -> None:
    require_units(control, treatment)
    tables = (control.n + 1) * (treatment.n + 1)
    if tables > MOST_TABLES:
        raise NotEstimable(
            f"{whose} test lists every possible table, {tables:,} with {control.n:,} and {treatment.n:,} units, "
            f"and stops at {MOST_TABLES:,}; use test 'score', which at this size holds its level too"
        )


def _effect(
    control: Counts,
    treatment: Counts,
    extreme: NDArray[np.bool_],
    alternative: Alternative,
    statistic: float | None = None,
    **extra: float,
) -> Effect:
    p, where = largest_probability(extreme)
    return Effect(
        difference=difference(control, treatment),
        p_value=p,
        interval=NO_INTERVAL,
        relative=NO_INTERVAL,
        statistic=statistic,
        alternative=alternative,
        extra={"common_proportion": where, **extra},
    )


def _pooled_z(n_control: int, n_treatment: int) -> NDArray[np.float64]:
    """Return the pooled z of every table, shape (n_control + 1, n_treatment + 1)."""
    x, y = np.arange(n_control + 1.0)[:, None], np.arange(n_treatment + 1.0)[None, :]
    pooled = (x + y) / (n_control + n_treatment)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n_control + 1 / n_treatment))
    gap = y / n_treatment - x / n_control
    return np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)


def _fisher_p_values(n_control: int, n_treatment: int, alternative: Alternative) -> NDArray[np.float64]:
    """Return Fisher's p-value of every table, shape (n_control + 1, n_treatment + 1)."""
    logs = _log_choose(n_control)[:, None] + _log_choose(n_treatment)[None, :]
    p_values = np.empty_like(logs)
    for total in range(n_control + n_treatment + 1):
        y = np.arange(max(0, total - n_control), min(total, n_treatment) + 1)
        log = logs[total - y, y]
        # Given the total the table is hypergeometric. Relative to the mode, as probabilities themselves can underflow.
        weights = np.exp(log - log.max())
        p_values[total - y, y] = _tail(weights, alternative) / weights.sum()
    return p_values


def _tail(weights: NDArray[np.float64], alternative: Alternative) -> NDArray[np.float64]:
    """Return for each point the total weight of the points at least as extreme, or as unlikely."""
    if alternative == "greater":
        return np.cumsum(weights[::-1])[::-1]
    if alternative == "less":
        return np.cumsum(weights)
    ranked = np.sort(weights)
    return np.cumsum(ranked)[np.searchsorted(ranked, weights * (1 + TIE), side="right") - 1]


def _log_choose(n: int) -> NDArray[np.float64]:
    k = np.arange(n + 1.0)
    return special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)


def largest_probability(extreme: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the largest probability of a set of tables over the common proportion, and where it is.

    Parameters
    ----------
    extreme : ndarray of bool, shape (n_control + 1, n_treatment + 1)
        The set: row is the successes in control, column those in treatment.

    Returns
    -------
    tuple of float
        The probability to about 10 digits, and the proportion.

    Examples
    --------
    >>> one_of_two = np.array([[False, True], [True, False]])
    >>> [round(value, 6) for value in largest_probability(one_of_two)]
    [0.5, 0.5]
    """
    n_control, n_treatment = extreme.shape[0] - 1, extreme.shape[1] - 1
    weights = extreme.astype(np.float64)

    def probability(angles: NDArray[np.float64]) -> NDArray[np.float64]:
        p = np.sin(angles) ** 2
        return np.asarray(((_binomial(n_control, p) @ weights) * _binomial(n_treatment, p)).sum(axis=1))

    # On the arcsine scale a binomial has standard deviation 1 / (2 sqrt n) everywhere: ten grid points per deviation.
    count = math.ceil(math.pi / 2 * 20 * math.sqrt(n_control + n_treatment)) + 1
    angles = np.linspace(0, math.pi / 2, min(count, 1500))
    values = probability(angles)
    step = angles[1] - angles[0]
    best = np.argsort(values)[-4:]
    # The maximum is rarely unique: several peaks are of similar height, so the four best points are all refined.
    # Each round narrows the step eightfold, five rounds to 1/32,768 of the grid's.
    for _ in range(5):
        near = (angles[best, None] + step * np.linspace(-1, 1, 17)[None, :]).ravel()
        angles = np.clip(np.concatenate([angles[best], near]), 0, math.pi / 2)
        values = probability(angles)
        step /= 8
        best = np.argsort(values)[-4:]
    top = int(np.argmax(values))
    return min(1.0, float(values[top])), float(np.sin(angles[top]) ** 2)


def _binomial(n: int, p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return binomial probabilities, shape (len(p), n + 1)."""
    k = np.arange(n + 1.0)
    # Logarithms, as binomial coefficients overflow from n = 1030; xlogy(0, 0) = 0 covers p = 0 and p = 1.
    logs = _log_choose(n) + special.xlogy(k, p[:, None]) + special.xlog1py(n - k, -p[:, None])
    return np.exp(logs)
