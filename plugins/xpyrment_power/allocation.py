"""Sizes where the control group or the total is given, and the treatment groups are solved for."""

from collections.abc import Callable
from numbers import Integral

from xpyrment_core import InputError
from xpyrment_power.design import Design, power_at, threshold
from xpyrment_power.solve import LEAST_UNITS, MOST_UNITS, SampleSize, check_power, check_units, size_of


def size_given(design: Design, effect: float, power: float, control: int | None, total: int | None) -> SampleSize:
    """Return the sizes of a design of which the control size or the total is given.

    Examples
    --------
    >>> size_given(Design(std=15), 2.5, 0.8, control=400, total=None).treatment
    963
    >>> size = size_given(Design(std=15), 2.5, 0.8, control=None, total=1500)
    >>> size.control, size.treatment
    (1122, 378)
    """
    check_power(power, design)
    if design.ratio != 1:
        raise InputError(f"ratio is solved for where control or total is given, got {design.ratio:g}. Leave it out.")
    if control is not None and total is not None:
        raise InputError("control and total are both given, which leaves no size to solve for. Leave one of them out.")
    if control is not None:
        return _given_control(design, effect, power, control)
    assert total is not None
    return _given_total(design, effect, power, total)


def _given_control(design: Design, effect: float, power: float, control: int) -> SampleSize:
    check_units(control, "control")
    draws = design.draws(control)

    def enough(draws: int, treatment: int) -> bool:
        return power_at(design, effect, draws, treatment) >= power

    if draws < LEAST_UNITS or not enough(draws, MOST_UNITS):
        # Treatment groups without limit leave control's own variance, which only more control units reduce.
        least = design.units(first(lambda size: enough(size, MOST_UNITS), LEAST_UNITS))
        raise InputError(
            f"control must be larger: with {control:,} units in control no size of the treatment groups reaches power "
            f"{power:g}. The smallest control group that can is {least:,}."
        )
    treatment = first(lambda size: enough(draws, size), LEAST_UNITS)
    return size_of(design, effect, draws, treatment)


def _given_total(design: Design, effect: float, power: float, total: int) -> SampleSize:
    if not isinstance(total, Integral) or isinstance(total, bool) or not 1 <= total <= MOST_UNITS:
        raise InputError(f"total must be a whole number of units in all arms, got {total!r}.")
    least = LEAST_UNITS * (1 + design.arms)
    draws = design.draws(total)

    def reached(draws: int, treatment: int) -> bool:
        return power_at(design, effect, draws - design.arms * treatment, treatment) >= power

    best = _best_treatment(design, effect, draws) if draws >= least else LEAST_UNITS
    if draws < least or not reached(draws, best):
        needed = first(lambda size: reached(size, _best_treatment(design, effect, size)), least)
        raise InputError(
            f"total must be larger: no allocation of {total:,} units reaches power {power:g}. The smallest total that "
            f"can is {design.units(needed):,}."
        )
    # Up to the best allocation the power increases with the treatment group, so the first that is enough is smallest.
    treatment = first(lambda size: size >= best or reached(draws, size), LEAST_UNITS)
    return size_of(design, effect, draws - design.arms * treatment, treatment)


def _best_treatment(design: Design, effect: float, draws: int) -> int:
    """Return the size of a treatment arm with the most power, of so many units (or clusters) in all arms."""

    def falling(size: int) -> bool:
        one, two = (threshold(design, effect, draws - design.arms * n, n) for n in (size, size + 1))
        return two >= one

    # The threshold falls to its minimum and rises after it.
    most = (draws - LEAST_UNITS) // design.arms
    return first(lambda size: size >= most or falling(size), LEAST_UNITS)


def first(enough: Callable[[int], bool], least: int) -> int:
    """Return the smallest whole number from `least` on that is enough, where all larger ones are.

    Raises
    ------
    InputError
        None up to the largest size is.

    Examples
    --------
    >>> first(lambda n: n * n >= 1000, least=2)
    32
    """
    low, high = least - 1, least
    while not enough(high):
        if high > MOST_UNITS:
            raise InputError(f"no size up to {MOST_UNITS:.0e} units reaches the power; is mde given in the right unit?")
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
