"""A solved plan: effect, sizes and power, of which one was the unknown."""

from typing import Literal

from attrs import frozen

from xpyrment_core import InputError
from xpyrment_power.allocation import size_given
from xpyrment_power.design import Design, power_at
from xpyrment_power.solve import arms_of, days_for, effect_for, effect_of, size_for

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
    given : {"control", "total"} or None
        The size that was fixed, if one was.
    """

    solved_for: Unknown
    design: Design
    effect: float
    control: int
    treatment: int
    power: float
    target: float | None
    daily_traffic: float | None = None
    given: Literal["control", "total"] | None = None

    @property
    def control_clusters(self) -> int | None:
        """Clusters in control, None without clusters."""
        return None if self.design.cluster_size is None else self.design.draws(self.control)

    @property
    def treatment_clusters(self) -> int | None:
        """Clusters in each treatment, None without clusters."""
        return None if self.design.cluster_size is None else self.design.draws(self.treatment)

    @property
    def ratio(self) -> float:
        """Planned units in a treatment for each unit in control; of the sizes where it was solved for."""
        return self.treatment / self.control if self.given else self.design.ratio

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
    control: int | None = None,
    total: int | None = None,
) -> Answer:
    """Solve for the one of effect, size and power that was left out.

    Without `mde` and with a margin the expected effect is 0. Without `power` and with only one
    of the other two it is 0.80. With `control` or `total` the sizes of the treatments are solved for.

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
    fixed = control is not None or total is not None
    _check_unknown(mde, n, power, fixed)
    # Only for its check, before the search for a size, which can take longer.
    if daily_traffic is not None:
        days_for(1, daily_traffic)
    solved_for, effect, sizes, target = _solve(design, mde, n, power, control, total)
    return Answer(
        solved_for=solved_for,
        design=design,
        effect=effect,
        control=design.units(sizes[0]),
        treatment=design.units(sizes[1]),
        # Computed anew for any unknown: whole units have a little more power than the target.
        power=power_at(design, effect, *sizes),
        target=target,
        daily_traffic=daily_traffic,
        given=("control" if control is not None else "total") if fixed else None,
    )


def _check_unknown(mde: float | str | None, n: int | None, power: float | None, fixed: bool) -> None:
    """Raise InputError unless one of the three is left to solve for, the power having a default."""
    if fixed and (mde is None or n is not None):
        raise InputError(
            "control and total are fixed sizes for which the treatments' size is solved: give mde with them, and not "
            "n. For the effect or the power of known sizes give n, the units in control."
        )
    if mde is None and n is None:
        raise InputError(
            "nothing to solve for: give mde (for the sample size), n (for the minimum detectable effect), or both "
            "(for the power)."
        )
    if mde is not None and n is not None and power is not None:
        raise InputError("mde, n and power are all given, which leaves nothing to solve for. Leave one of them out.")


def _solve(
    design: Design,
    mde: float | str | None,
    n: int | None,
    power: float | None,
    control: int | None,
    total: int | None,
) -> tuple[Unknown, float, tuple[int, int], float | None]:
    """Return the unknown's name, the effect, the sizes (in units or clusters), and the target power."""
    target = DEFAULT_POWER if power is None else power
    if n is None:
        assert mde is not None
        effect = effect_of(mde, design)
        given = control is not None or total is not None
        size = size_given(design, effect, target, control, total) if given else size_for(design, effect, target)
        return "sample_size", effect, size.draws, target
    sizes = arms_of(design, n)
    if mde is None:
        return "mde", effect_for(design, n, target), sizes, target
    return "power", effect_of(mde, design), sizes, None
