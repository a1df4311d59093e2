"""The observed difference of two proportions, and checks that it exists."""

from xpyrment_core import Counts, NotEstimable, Unavailable


def require_units(control: Counts, treatment: Counts) -> None:
    """Raise NotEstimable where a variant has no units."""
    for name, arm in (("control", control), ("treatment", treatment)):
        if arm.n == 0:
            raise NotEstimable(f"there are no units with an observed value in {name}")


def difference(control: Counts, treatment: Counts) -> float:
    """Return the difference of proportions, rounded once.

    Examples
    --------
    >>> difference(Counts(1, 10), Counts(3, 10))
    0.2
    """
    # In whole numbers the numerator is exact: 1/3 against 2/6 differ by 0, not by a rounding error that has a sign.
    gap = treatment.successes * control.n - control.successes * treatment.n
    return gap / (control.n * treatment.n)


def failures(arm: Counts) -> Counts:
    """Return the counts of the complementary event."""
    return Counts(arm.n - arm.successes, arm.n)


def no_relative(control: Counts) -> Unavailable:
    """Return the reason why there is no relative effect if control has no success."""
    return Unavailable(f"control has 0 successes in {control.n:,} units, so a relative effect is not defined")
