"""Exact test of one proportion against a given value, with the interval that inverts it."""

from numbers import Integral, Real
from typing import get_args

from attrs import frozen

from xpyrment_core import Alternative, InputError, check_alpha, check_choice


@frozen(kw_only=True)
class OneProportion:
    """Exact test of one proportion.

    Attributes
    ----------
    successes, n : int
    proportion : float
        Observed: successes over trials.
    null : float
        The proportion under the null hypothesis.
    p_value : float
    ci_lower, ci_upper : float
        The null values that the test does not reject at `alpha`; one-sided with a one-sided alternative.
    alpha : float
    alternative : {"two-sided", "greater", "less"}
    """

    successes: int
    n: int
    proportion: float
    null: float
    p_value: float
    ci_lower: float
    ci_upper: float
    alpha: float
    alternative: Alternative


def one_proportion_test(
    successes: int, n: int, null: float, *, alternative: Alternative = "two-sided", alpha: float = 0.05
) -> OneProportion:
    """Test whether one proportion differs from a given value, by the binomial distribution.

    One-sided p-values are binomial tails. The two-sided one is twice the smaller tail, at most 1: the
    central test, whose inversion is the interval of Clopper and Pearson, so that p-value and interval
    agree. R's ``binom.test`` and ``scipy.stats.binomtest`` give the same interval and one-sided
    p-values; their two-sided p-value adds the outcomes that are at most as likely, is often smaller,
    and can contradict that interval.

    Parameters
    ----------
    successes, n : int
        Successes out of trials.
    null : float
        The proportion of the null hypothesis, strictly between 0 and 1.
    alternative : {"two-sided", "greater", "less"}
    alpha : float

    Returns
    -------
    OneProportion

    Raises
    ------
    InputError
        Counts that are not whole numbers with ``0 <= successes <= n``, or `null` outside (0, 1).

    References
    ----------
    Clopper, C. J. and Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated in the
    case of the binomial. Biometrika 26(4), 404-413. Fay, M. P. (2010). Two-sided exact tests and matching
    confidence intervals for discrete data. The R Journal 2(1), 53-58.

    Examples
    --------
    >>> result = one_proportion_test(30, 200, null=0.1)
    >>> round(result.p_value, 4), round(result.ci_lower, 4), round(result.ci_upper, 4)
    (0.0327, 0.1035, 0.2072)
    """
    _check(successes, n, null)
    check_alpha(alpha)
    check_choice("alternative", alternative, get_args(Alternative))
    from xpyrment_core.stats.binomial import clopper_pearson

    tails = {"greater": _upper(successes, n, null), "less": _upper(n - successes, n, 1 - null)}
    two_sided = alternative == "two-sided"
    p_value = min(1.0, 2 * min(tails.values())) if two_sided else tails[alternative]
    low, high = clopper_pearson(int(successes), int(n), alpha if two_sided else 2 * alpha)
    return OneProportion(
        successes=int(successes),
        n=int(n),
        proportion=successes / n,
        null=float(null),
        p_value=p_value,
        ci_lower=0.0 if alternative == "less" else low,
        ci_upper=1.0 if alternative == "greater" else high,
        alpha=alpha,
        alternative=alternative,
    )


def _upper(successes: int, n: int, null: float) -> float:
    """Return ``P(X >= successes)`` of a binomial variable."""
    from scipy import special

    # The binomial tail as an incomplete beta function, of full relative precision in the tail.
    return float(special.betainc(successes, n - successes + 1, null)) if successes else 1.0


def _check(successes: int, n: int, null: float) -> None:
    for name, got, least in (("n", n, 1), ("successes", successes, 0)):
        if not isinstance(got, Integral) or isinstance(got, bool) or got < least:
            raise InputError(f"{name} must be a whole number, at least {least}, got {got!r}.")
    if successes > n:
        raise InputError(f"successes must be at most n, got {successes} of {n}. Did you swap them?")
    if not isinstance(null, Real) or isinstance(null, bool) or not 0 < null < 1:
        raise InputError(f"null must be a proportion strictly between 0 and 1, got {null!r}.")
