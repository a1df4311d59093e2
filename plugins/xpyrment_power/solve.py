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
        Units in control before rounding up; None with test ``"t"``, which is solved in whole units, and where
        the control size or the total was given.
    power : float
        Power of each comparison with the rounded sizes, at least the target.
    effect : float
        The effect planned for, in the outcome's unit.
    control_clusters, treatment_clusters : int or None
        Clusters in control and in each treatment arm; None where units are randomised.
    """

    control: int
    treatment: int
    arms: int = 1
    exact: float | None
    power: float
    effect: float
    control_clusters: int | None = None
    treatment_clusters: int | None = None

    @property
    def ratio(self) -> float:
        """Units in a treatment arm for each unit in control."""
        return self.treatment / self.control

    @property
    def draws(self) -> tuple[int, int]:
        """What is randomised into control and into each treatment: clusters, or units without clusters."""
        if self.control_clusters is None or self.treatment_clusters is None:
            return self.control, self.treatment
        return self.control_clusters, self.treatment_clusters

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
    check_power(power, design)
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
    exact *= design.cluster_size or 1
    return size_of(design, effect, control, treatment, exact if design.test == "z" else None)


def size_of(design: Design, effect: float, control: int, treatment: int, exact: float | None = None) -> SampleSize:
    """Return the sizes and the power of so many units, or clusters, per arm."""
    clustered = design.cluster_size is not None
    return SampleSize(
        control=design.units(control),
        treatment=design.units(treatment),
        arms=design.arms,
        exact=exact,
        power=power_at(design, effect, control, treatment),
        effect=effect,
        control_clusters=control if clustered else None,
        treatment_clusters=treatment if clustered else None,
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
    return effect_of_sizes(design, *arms_of(design, n), power)


def effect_of_sizes(design: Design, control: int, treatment: int, power: float) -> float:
    """Return the smallest effect that so many units, or clusters, in control and in a treatment detect."""
    check_power(power, design)
    sign = -1 if design.alternative == "less" else 1

    def excess(size: float) -> float:
        return power_at(design, sign * size, control, treatment) - power

    if not design.is_proportion:
        _, truth = design.noise(0.0, treatment / control)
        # The variance of a mean does not depend on the effect: one standard error starts the bracket.
        high = math.sqrt(truth / control)
        while excess(high) < 0:
            high *= 2
        return sign * zero(excess, high * 1e-9, high, tolerance=1e-13)
    assert design.baseline is not None
    # A proportion cannot leave the interval from 0 to 1.
    room = (1 - design.baseline if sign > 0 else design.baseline) * (1 - 1e-9)
    if excess(room) < 0:
        raise InputError(
            f"n must be larger: {design.units(control):,} units in control detect no change of a proportion of "
            f"{design.baseline:g} with power {power:g}."
        )
    return sign * zero(excess, room * 1e-9, room, tolerance=1e-13)


def check_units(n: int, name: str = "n") -> None:
    """Raise InputError unless `n`, an argument of this name, is a usable number of units in control."""
    if not isinstance(n, Integral) or isinstance(n, bool) or not 2 <= n <= MOST_UNITS:
        raise InputError(f"{name} must be a whole number of units in control, at least 2, got {n!r}.")


def arms_of(design: Design, n: int) -> tuple[int, int]:
    """Return the units, or the whole clusters, in control and in each treatment, of `n` units in control."""
    check_units(n)
    control = design.draws(n)
    if design.cluster_size is None:
        return control, treatment_size(control, design.ratio)
    treatment = treatment_size(control, design.ratio)
    if min(control, treatment) < LEAST_UNITS:
        raise InputError(
            f"n must be larger: {n:,} units in clusters of {design.cluster_size:g} are {control} clusters in control "
            f"and {treatment} in treatment, and a variance needs two in each."
        )
    return control, treatment


def check_power(power: float, design: Design) -> None:
    """Raise InputError unless the power is between the level of the test and 1."""
    check_alpha(power, "power")
    tails = 2 if design.alternative == "two-sided" else 1
    floor = design.comparison_alpha / tails
    if power <= floor:
        raise InputError(
            f"power must be above {floor:g}, which a test at this alpha has without any data, got {power:g}."
        )
