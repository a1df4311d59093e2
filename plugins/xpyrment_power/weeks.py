"""Minimum detectable effect by week, where units enter the experiment at a constant rate."""

from numbers import Integral
from typing import TYPE_CHECKING

from attrs import asdict, frozen

from xpyrment_core import Alternative, InputError
from xpyrment_power.design import Design, PlanTest, check_number
from xpyrment_power.solve import LEAST_UNITS, MOST_UNITS, check_power, effect_of_sizes

if TYPE_CHECKING:
    import pandas as pd

DAYS = 7
MOST_WEEKS = 520


@frozen(kw_only=True)
class Week:
    """Units after a number of whole weeks, and the effect that they detect.

    Attributes
    ----------
    week, days : int
    control, treatment, total : int
        Units in control, in each treatment and in all arms.
    mde : float or None
        In the outcome's unit; None where no effect is detected.
    relative_mde : float or None
        As a share of the baseline; None without one.
    reason : str or None
        Why there is no `mde`.
    """

    week: int
    days: int
    control: int
    treatment: int
    total: int
    mde: float | None
    relative_mde: float | None
    reason: str | None = None


@frozen(kw_only=True)
class WeeklyEffects:
    """Minimum detectable effect by week.

    Attributes
    ----------
    weeks : tuple of Week
    power : float
    daily_traffic : float
    design : Design
    """

    weeks: tuple[Week, ...]
    power: float
    daily_traffic: float
    design: Design

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per week, with the attributes of `Week`."""
        import pandas as pd

        return pd.DataFrame([asdict(week) for week in self.weeks])


def mde_by_week(
    daily_traffic: float,
    weeks: int = 8,
    std: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1.0,
    test: PlanTest = "z",
    *,
    baseline: float | None = None,
    alternative: Alternative = "two-sided",
    arms: int = 1,
    covariate_correlation: float = 0.0,
    icc: float | None = None,
    cluster_size: float | None = None,
    cluster_cv: float = 0.0,
) -> WeeklyEffects:
    """Return the smallest effect that is detected after 1, 2, … weeks.

    Every day `daily_traffic` units enter that were not in the experiment before, and they are
    divided over the arms by `ratio`. The effect of a week is the `minimum_detectable_effect` of
    one analysis at its end; analyses at several weeks need a sequential test.

    Parameters
    ----------
    daily_traffic : float
        New units per day, all arms together.
    weeks : int
        Number of weeks.
    std, power, alpha, ratio, test, baseline, alternative, arms, covariate_correlation
        As in `required_sample_size`.
    icc, cluster_size, cluster_cv
        As in `required_sample_size`.

    Returns
    -------
    WeeklyEffects

    Raises
    ------
    InputError
        An argument is out of range.

    Examples
    --------
    >>> plan = mde_by_week(500, weeks=3, std=15, baseline=100)
    >>> print(plan.to_frame()[["week", "total", "mde", "relative_mde"]].round(4).to_string(index=False))
     week  total    mde  relative_mde
        1   3500 1.4207        0.0142
        2   7000 1.0046        0.0100
        3  10500 0.8202        0.0082
    """
    design = Design(
        std=std,
        baseline=baseline,
        alpha=alpha,
        ratio=ratio,
        test=test,
        alternative=alternative,
        arms=arms,
        covariate_correlation=covariate_correlation,
        icc=icc,
        cluster_size=cluster_size,
        cluster_cv=cluster_cv,
    )
    return by_week(design, daily_traffic, weeks, power)


def by_week(design: Design, daily_traffic: float, weeks: int, power: float) -> WeeklyEffects:
    """Return the detectable effect of a design by week; see `mde_by_week`."""
    most = MOST_UNITS / (DAYS * MOST_WEEKS)
    check_number("daily traffic", daily_traffic, "a positive number of units per day", low=0, high=most)
    if not isinstance(weeks, Integral) or isinstance(weeks, bool) or not 1 <= weeks <= MOST_WEEKS:
        raise InputError(f"weeks must be a whole number from 1 to {MOST_WEEKS}, got {weeks!r}.")
    check_power(power, design)
    if design.margin:
        raise InputError(f"a margin has no detectable effect by week, got margin {design.margin:g}. Leave it out.")
    rows = tuple(_week(design, daily_traffic, week, power) for week in range(1, weeks + 1))
    return WeeklyEffects(weeks=rows, power=power, daily_traffic=daily_traffic, design=design)


def _week(design: Design, daily_traffic: float, week: int, power: float) -> Week:
    total = int(daily_traffic * DAYS * week * (1 + 1e-12))
    # Sizes are rounded down in control, and the remainder of the units goes to no arm.
    draws = int(design.draws(total) / (1 + design.arms * design.ratio) * (1 + 1e-12))
    treatment = int(design.ratio * draws * (1 + 1e-12))
    mde, reason = None, None
    try:
        if min(draws, treatment) < LEAST_UNITS:
            raise InputError(f"a variance needs two in each arm, got {draws} in control and {treatment} in treatment.")
        mde = effect_of_sizes(design, draws, treatment, power)
    except InputError as error:
        reason = str(error)
    return Week(
        week=week,
        days=DAYS * week,
        control=design.units(draws),
        treatment=design.units(treatment),
        total=design.units(draws) + design.arms * design.units(treatment),
        mde=mde,
        relative_mde=mde / design.baseline if mde is not None and design.baseline else None,
        reason=reason,
    )
