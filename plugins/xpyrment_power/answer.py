"""A solved plan: effect, sizes and power, of which one was the unknown."""

from typing import Literal

from attrs import frozen

from xpyrment_core import InputError
from xpyrment_power.design import Design, power_at, treatment_size
from xpyrment_power.solve import check_units, days_for, effect_for, effect_of, size_for

Unknown = Literal["sample_size", "power", "mde"]
DEFAULT_POWER = 0.8


@frozen(kw_only=True)
class Answer:
    """Effect, sizes and power of one design.

    Attributes
    ----------
    solved_for : {"sample_size", "power", "mde"}
    design : Design
    effect : float
        In the outcome's unit.
    control, treatment : int
        Units in control, and in each treatment arm.
    power : float
        Power at these whole sizes.
    target : float or None
        Target power; None where power is the answer.
    daily_traffic : float or None
        Units per day, all arms together.
    """

    solved_for: Unknown
    design: Design
    effect: float
    control: int
    treatment: int
    power: float
    target: float | None
    daily_traffic: float | None = None

    @property
    def total(self) -> int:
        """Units in all arms."""
        return self.control + self.design.arms * self.treatment

    @property
    def days(self) -> int | None:
        """Days until all units have entered, None without traffic."""
        return None if self.daily_traffic is None else days_for(self.total, self.daily_traffic)

    @property
    def relative_effect(self) -> float | None:
        """The effect as a share of the baseline, None without one."""
        return self.effect / self.design.baseline if self.design.baseline else None


def answer(
    design: Design,
    mde: float | str | None = None,
    n: int | None = None,
    power: float | None = None,
    daily_traffic: float | None = None,
) -> Answer:
    """Solve for the one of effect, size and power that was left out.

    Without `mde` and with a margin the expected effect is 0. Without `power` and with only one
    of the other two it is 0.80.

    Raises
    ------
    InputError
        All three or none are given, or an argument is out of range.

    Examples
    --------
    >>> answer(Design(std=15), mde=2.5).control, round(answer(Design(std=15), mde=2.5, n=566).power, 4)
    (566, 0.8006)
    """
    if mde is None and design.margin:
        mde = 0.0
    _check_unknown(mde, n, power)
    # Only for its check, before the search for a size, which can take longer.
    if daily_traffic is not None:
        days_for(1, daily_traffic)
    solved_for, effect, control, treatment, target = _solve(design, mde, n, power)
    return Answer(
        solved_for=solved_for,
        design=design,
        effect=effect,
        control=control,
        treatment=treatment,
        # Computed anew for any unknown: whole units have a little more power than the target.
        power=power_at(design, effect, control, treatment),
        target=target,
        daily_traffic=daily_traffic,
    )


def _check_unknown(mde: float | str | None, n: int | None, power: float | None) -> None:
    """Raise InputError unless one of the three is left to solve for, the power having a default."""
    if mde is None and n is None:
        raise InputError(
            "nothing to solve for: give mde (for the sample size), n (for the minimum detectable effect), or both "
            "(for the power)."
        )
    if mde is not None and n is not None and power is not None:
        raise InputError("mde, n and power are all given, which leaves nothing to solve for. Leave one of them out.")


def _solve(
    design: Design, mde: float | str | None, n: int | None, power: float | None
) -> tuple[Unknown, float, int, int, float | None]:
    """Return the unknown's name, the effect, the sizes of control and treatment, and the target power."""
    target = DEFAULT_POWER if power is None else power
    if n is None:
        assert mde is not None
        size = size_for(design, effect_of(mde, design), target)
        return "sample_size", size.effect, size.control, size.treatment, target
    if mde is None:
        return "mde", effect_for(design, n, target), n, treatment_size(n, design.ratio), target
    check_units(n)
    return "power", effect_of(mde, design), n, treatment_size(n, design.ratio), None
