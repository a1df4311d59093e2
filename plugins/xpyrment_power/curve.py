"""Power curve around an answer: by sample size, or by effect if the effect was the unknown."""

import math
from collections.abc import Sequence

from attrs import frozen

from xpyrment_core import InputError
from xpyrment_core.plots.data import Mark, PlotData, PowerSeries
from xpyrment_power.answer import DEFAULT_POWER, Answer
from xpyrment_power.design import power_at, treatment_size

STEPS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
"""Multiples of the answer at which the table is printed."""
EFFECTS = (1.0, 0.5, 1.5)
"""Multiples of the effect that get a curve by sample size, the planned effect first."""
POINTS = 81


@frozen(kw_only=True)
class CurvePoint:
    """Power at one sample size and one effect.

    Attributes
    ----------
    control, treatment, total : int
    effect : float
        In the outcome's unit.
    power : float
    """

    control: int
    treatment: int
    total: int
    effect: float
    power: float


def curve(answer: Answer, steps: Sequence[float] = STEPS) -> tuple[CurvePoint, ...]:
    """Return power at multiples of the answer: of its sizes, or of its effect if that was the unknown.

    Examples
    --------
    >>> from xpyrment_power.answer import answer
    >>> from xpyrment_power.design import Design
    >>> [round(point.power, 2) for point in curve(answer(Design(std=15), mde=2.5), steps=(0.5, 1, 2))]
    [0.51, 0.8, 0.98]
    """
    if answer.solved_for == "mde":
        return tuple(
            _point(answer, answer.control, effect) for effect in possible(answer, [s * answer.effect for s in steps])
        )
    return tuple(_point(answer, control, answer.effect) for control in _sizes(answer, steps))


def possible(answer: Answer, effects: Sequence[float]) -> list[float]:
    """Return the effects that the design can have (a proportion stays between 0 and 1), without repeats."""
    out: list[float] = []
    for effect in effects:
        try:
            answer.design.noise(effect, answer.ratio)
            answer.design.distance(effect)
        except InputError:
            continue
        # A proportion cannot move past 0 or 1. Such effects are dropped, not limited: the edge would be drawn twice.
        if effect not in out:
            out.append(effect)
    return out


def _sizes(answer: Answer, steps: Sequence[float]) -> list[int]:
    # A variance needs two units; the small term keeps the rounding of a product from adding a unit.
    draws = answer.design.draws(answer.control)
    return [answer.design.units(n) for n in sorted({max(2, math.ceil(step * draws - 1e-9)) for step in steps})]


def _point(answer: Answer, units: int, effect: float) -> CurvePoint:
    design = answer.design
    control = design.draws(units)
    # A multiple of the answer's sizes keeps the ratio that was planned, or that was solved for.
    treatment = treatment_size(control, answer.ratio)
    return CurvePoint(
        control=units,
        treatment=design.units(treatment),
        total=units + design.arms * design.units(treatment),
        effect=effect,
        power=power_at(design, effect, control, treatment),
    )


def power_plot(answer: Answer) -> PlotData:
    """Return the power curve for a plot backend, with the answer marked on it."""
    # From just above 0 to twice the answer; one of the steps is exactly 1, so the curve passes through the mark.
    steps = [i / (POINTS - 1) * 2 for i in range(1, POINTS)]
    if answer.solved_for == "mde":
        points = [_point(answer, answer.control, e) for e in possible(answer, [s * answer.effect for s in steps])]
        # With alternative "less" effects are negative and come in falling order.
        points.sort(key=lambda point: point.effect)
        series = [_series("", [(point.effect, point.power) for point in points])]
        mark = Mark(answer.effect, answer.power, f"{answer.effect:.4g}: {answer.power:.0%}")
        what, x_label = "effect", "Effect in the outcome's unit"
    else:
        effects = possible(answer, [share * answer.effect for share in EFFECTS])
        sizes = _sizes(answer, steps)
        series = [
            _series(f"effect {effect:.4g}", [(p.total, p.power) for p in (_point(answer, n, effect) for n in sizes)])
            for effect in effects
        ]
        mark = Mark(answer.total, answer.power, f"{answer.total:,} units: {answer.power:.0%}")
        what, x_label = "sample size", "Units in all arms"
    return PlotData(
        kind="power",
        title=f"Power by {what}",
        subtitle=f"{describe_test(answer)}, alpha {describe_alpha(answer)}",
        rows=tuple(series),
        level=1 - answer.design.alpha,
        x_label=x_label,
        threshold=DEFAULT_POWER if answer.target is None else answer.target,
        marks=(mark,),
    )


def _series(label: str, points: Sequence[tuple[float, float]]) -> PowerSeries:
    return PowerSeries(label=label, x=tuple(float(x) for x, _ in points), power=tuple(y for _, y in points))


def describe_test(answer: Answer) -> str:
    """Return the test, the kind of outcome and the alternative as a phrase.

    Examples
    --------
    >>> from xpyrment_power.answer import answer
    >>> from xpyrment_power.design import Design
    >>> describe_test(answer(Design(std=15), mde=2.5))
    'z test of means, two-sided'
    """
    design = answer.design
    outcome = "proportions" if design.is_proportion else "means"
    sides = design.alternative if design.alternative == "two-sided" else f"one-sided ({design.alternative})"
    return f"{design.test} test of {outcome}, {sides}"


def describe_alpha(answer: Answer) -> str:
    """Return the significance level, and how several arms share it, as a phrase.

    Examples
    --------
    >>> from xpyrment_power.answer import answer
    >>> from xpyrment_power.design import Design
    >>> describe_alpha(answer(Design(std=15, arms=2), mde=2.5))
    '0.05 / 2 arms = 0.025 each (Bonferroni)'
    """
    design = answer.design
    if design.arms == 1:
        return f"{design.alpha:g}"
    return f"{design.alpha:g} / {design.arms} arms = {design.comparison_alpha:.4g} each (Bonferroni)"
