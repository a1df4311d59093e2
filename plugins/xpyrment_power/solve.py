"""Solves for sample size, effect or power, each from the other two."""

import math
from numbers import Integral

from attrs import frozen

from xpyrment_core import InputError, check_alpha
from xpyrment_core.stats.distributions import quantile
from xpyrment_core.stats.root_finding import zero
from xpyrment_power.design import Design, check_number, power_at, treatment_size

MOST_UNITS = 10**15
LEAST_UNITS = 2


@frozen(kw_only=True)
class SampleSize:
    """Units an experiment needs.

    Attributes
    ----------
    control : int
        Units in control.
    treatment : int
        Units in each treatment arm.
    arms : int
        Treatment arms.
    exact : float or None
        Units in control before rounding up; None with test ``"t"``, which is solved in whole units.
    power : float
        Power of each comparison with the rounded sizes, at least the target.
    effect : float
        The effect planned for, in the outcome's unit.
    """

    control: int
    treatment: int
    arms: int = 1
    exact: float | None
    power: float
    effect: float

    @property
    def total(self) -> int:
        """Units in all arms."""
        return self.control + self.arms * self.treatment

    def days(self, daily_traffic: float) -> int:
        """Return the days it takes when `daily_traffic` units enter the experiment (all arms) each day.

        Examples
        --------
        >>> size_for(Design(std=15), effect=2.5, power=0.8).days(daily_traffic=100)
        12
        """
        return days_for(self.total, daily_traffic)


def days_for(total: int, daily_traffic: float) -> int:
    """Return ``⌈total / daily traffic⌉``."""
    check_number("daily traffic", daily_traffic, "a positive number of units per day", low=0)
    return math.ceil(total / daily_traffic)


def effect_of(mde: float | str, design: Design, relative: bool = False) -> float:
    """Return the effect in the outcome's unit; ``"2.5%"`` is a share of the baseline.

    Examples
    --------
    >>> effect_of("2.5%", Design(std=15, baseline=100))
    2.5
    """
    if isinstance(mde, str):
        text = mde.strip()
        relative = relative or text.endswith("%")
        try:
            mde = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            raise InputError(f"mde must be a number such as 2.5, or a percentage such as 2.5%, got {text!r}.") from None
    check_number("mde", mde, "a finite number, or a percentage such as '2.5%'")
    if not relative:
        return float(mde)
    if not design.baseline:
        got = "none" if design.baseline is None else "0"
        raise InputError(f"a relative mde needs a baseline other than 0, got {got}. Give the mean of control.")
    return mde * design.baseline


def size_for(design: Design, effect: float, power: float) -> SampleSize:
    """Return the smallest sizes of a design that reach a power; see `required_sample_size`."""
    _check_power(power, design)
    null, truth = design.noise(effect, design.ratio)
    # `power_at` solved for n: z_alpha sqrt(V0) + z_power sqrt(V1) = distance sqrt(n).
    reach = design.cut() * math.sqrt(null) + quantile(power) * math.sqrt(truth)
    exact = (reach / design.distance(effect)) ** 2
    if not exact < MOST_UNITS:
        raise InputError(f"mde {effect:g} would need more than {MOST_UNITS:.0e} units; is it given in the right unit?")
    # Rounding must not push a whole number to the next one; a variance needs two units per variant.
    control = max(LEAST_UNITS, math.ceil(exact * (1 - 1e-12)))
    # The t test needs a few units more, by how many has no closed form.
    if design.test == "t":
        control = _smallest(design, effect, power, control)
    treatment = max(LEAST_UNITS, treatment_size(control, design.ratio))
    return SampleSize(
        control=control,
        treatment=treatment,
        arms=design.arms,
        exact=exact if design.test == "z" else None,
        power=power_at(design, effect, control, treatment),
        effect=effect,
    )


def _smallest(design: Design, effect: float, power: float, start: int) -> int:
    """Return the smallest control size that reaches the power, searching from the z test's answer."""

    def enough(control: int) -> bool:
        return power_at(design, effect, control, treatment_size(control, design.ratio)) >= power

    # A variance needs two units in the smaller arm.
    least = max(2, math.floor(1 / design.ratio) + 1)
    low, high = max(least, start) - 1, max(least, start)
    # Bracket upwards, then downwards, then bisect: power increases with the size.
    while not enough(high):
        low, high = high, high + 2 * (high - low)
    step = 1
    while low >= least and enough(low):
        low, high, step = low - step, low, 2 * step
    low = max(low, least - 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def effect_for(design: Design, n: int, power: float) -> float:
    """Return the smallest effect a design of `n` units in control detects; see `minimum_detectable_effect`."""
    check_units(n)
    _check_power(power, design)
    treatment = treatment_size(n, design.ratio)
    sign = -1 if design.alternative == "less" else 1

    def excess(size: float) -> float:
        return power_at(design, sign * size, n, treatment) - power

    if not design.is_proportion:
        _, truth = design.noise(0.0, treatment / n)
        # The variance of a mean does not depend on the effect: one standard error starts the bracket.
        high = math.sqrt(truth / n)
        while excess(high) < 0:
            high *= 2
        return sign * zero(excess, high * 1e-9, high, tolerance=1e-13)
    assert design.baseline is not None
    # A proportion cannot leave the interval from 0 to 1.
    room = (1 - design.baseline if sign > 0 else design.baseline) * (1 - 1e-9)
    if excess(room) < 0:
        raise InputError(
            f"n must be larger: {n:,} units in control detect no change of a proportion of {design.baseline:g} "
            f"with power {power:g}."
        )
    return sign * zero(excess, room * 1e-9, room, tolerance=1e-13)


def check_units(n: int) -> None:
    """Raise InputError unless `n` is a usable number of units in control."""
    if not isinstance(n, Integral) or isinstance(n, bool) or not 2 <= n <= MOST_UNITS:
        raise InputError(f"n must be a whole number of units in control, at least 2, got {n!r}.")


def _check_power(power: float, design: Design) -> None:
    check_alpha(power, "power")
    tails = 2 if design.alternative == "two-sided" else 1
    floor = design.comparison_alpha / tails
    if power <= floor:
        raise InputError(
            f"power must be above {floor:g}, which a test at this alpha has without any data, got {power:g}."
        )
