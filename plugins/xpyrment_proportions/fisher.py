"""Fisher's exact test, conditional on the total of successes."""

import math

from xpyrment_core import Alternative, Counts, Effect, Unavailable
from xpyrment_core.stats.distributions import bounded
from xpyrment_core.stats.hypergeometric import Conditional, conditional, odds_ratio, odds_ratio_bound
from xpyrment_proportions.observed import difference, require_units

NO_INTERVAL = Unavailable(
    "Fisher's test gives an odds ratio and no interval of the difference or lift; test 'score' gives both"
)


def fisher(control: Counts, treatment: Counts, alpha: float, alternative: Alternative) -> Effect:
    """Compare two proportions by Fisher's exact test.

    Two-sided, the p-value adds the probabilities of all tables at most as likely as the
    observed one, as R's ``fisher.test`` does. Its level never exceeds alpha and is often far
    below it.

    Parameters
    ----------
    control, treatment : Counts
    alpha : float
        The interval of the odds ratio has level ``1 - alpha``.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    Effect
        Without intervals of the difference or the lift: a test given the total of successes
        has none. `extra` holds ``odds_ratio`` (conditional maximum likelihood, of treatment to
        control), ``odds_ratio_low`` and ``odds_ratio_high`` (Cornfield's exact interval, None
        where it is open) and ``p_value_central``, twice the smaller tail: the two-sided
        p-value that this interval inverts (it can differ from `p_value`).

    Raises
    ------
    NotEstimable
        A variant has no units.

    References
    ----------
    Fisher, R. A. (1935). The logic of inductive inference. JRSS 98, 39-82.
    Cornfield, J. (1956). A statistical problem arising from retrospective studies.
    Proceedings of the Third Berkeley Symposium 4, 135-148.

    Examples
    --------
    >>> effect = fisher(Counts(1, 4), Counts(3, 4), alpha=0.05, alternative="two-sided")
    >>> round(effect.p_value, 6), round(effect.extra["odds_ratio"], 4)
    (0.485714, 6.4083)
    """
    require_units(control, treatment)
    table = conditional(control, treatment)
    upper, lower = table.upper(), table.lower()
    # R sums the tables that are no more likely than the observed one (up to a relative TIE); doubling one tail is the
    # other convention, and gives different p-values wherever the distribution is asymmetric.
    p = table.as_unlikely() if alternative == "two-sided" else {"greater": upper, "less": lower}[alternative]
    extra = _odds(table, alpha, alternative)
    # The set that the first p-value accepts need not be an interval; the doubled tail matches Cornfield's (Fay 2010,
    # Biostatistics 11, 373-374).
    extra["p_value_central"] = min(1.0, 2 * min(upper, lower)) if alternative == "two-sided" else min(1.0, p)
    return Effect(
        difference=difference(control, treatment),
        p_value=min(1.0, p),
        interval=NO_INTERVAL,
        relative=NO_INTERVAL,
        alternative=alternative,
        extra=extra,
    )


def _odds(table: Conditional, alpha: float, alternative: Alternative) -> dict[str, float | None]:
    tail = alpha / 2 if alternative == "two-sided" else alpha
    low, high = bounded(
        odds_ratio_bound(table, tail, low=True) if alternative != "less" else 0.0,
        odds_ratio_bound(table, tail, low=False) if alternative != "greater" else math.inf,
        alternative,
    )
    odds = {"odds_ratio": odds_ratio(table), "odds_ratio_low": max(low, 0.0), "odds_ratio_high": high}
    return {name: value if math.isfinite(value) else None for name, value in odds.items()}
