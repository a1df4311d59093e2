"""Comparing one treatment with control on one metric: estimate, adjust, test, relative effect, margin."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve, frozen

from xpyrment_core.analysis.adjustment import adjust, impute
from xpyrment_core.analysis.estimates import (
    ArmData,
    Arms,
    Pair,
    arms_of,
    estimate_from_moments,
    estimate_from_samples,
    need_units,
    test_of,
)
from xpyrment_core.analysis.metric_spec import Margin, MetricSpec
from xpyrment_core.analysis.plan import Comparison, Method, Task
from xpyrment_core.choices import Alternative, RelativeMethod
from xpyrment_core.errors import NotEstimable, not_estimable_if_broken
from xpyrment_core.options import Options
from xpyrment_core.stats.distributions import SMALLEST, p_value
from xpyrment_core.stats.power import achieved_power, detectable
from xpyrment_core.stats.relative_interval import ratio_std_error, relative_interval
from xpyrment_core.values.estimates import Counts, Effect, Estimate, Interval, Unavailable
from xpyrment_core.values.moments import Moments


@frozen(kw_only=True)
class Prepared:
    """Two variants ready to be tested.

    Attributes
    ----------
    arms : Arms
    test : Method
    raw, adjusted : pair of Estimate or None
        Without and with covariate adjustment; None where there is none.
    used, notes : tuple of str
        Covariates that entered the adjustment, and why others did not.
    """

    arms: Arms
    test: Method
    raw: Pair | None
    adjusted: Pair | None = None
    used: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def prepare(task: Task, control: ArmData, treatment: ArmData, shifts: Mapping[str, float], repeated: bool) -> Prepared:
    """Estimate and adjust both variants of a metric; nothing here depends on alpha.

    Parameters
    ----------
    task : Task
    control, treatment : ArmData
    shifts : mapping of str to float
        Constant that the engine put in place of a column's missing values.
    repeated : bool
        Whether units have several rows, so that variances are between units.

    Raises
    ------
    NotEstimable
        There is no estimate or no variance; the message is the reason.
    """
    test = test_of(task, repeated)
    arms = arms_of(task, control, treatment)
    if task.spec.reads == "samples":
        raw = estimate_from_samples(task.spec, arms, test)
        return Prepared(arms=arms, test=test, raw=raw, notes=task.notes)
    # Imputation comes before the unadjusted estimate too: both use the same rows, so that their difference in
    # variance is due to the adjustment alone.
    imputed, indicators = impute(arms.moments, task.row_set.terms, shifts)
    raw = estimate_from_moments(task.spec, (imputed[0], imputed[1]), test)
    prepared = Prepared(arms=arms, test=test, raw=raw, notes=task.notes)
    if task.adjuster is None or raw is None:
        return prepared
    # Indicators come last: they are the first to be dropped when the covariates are collinear.
    covariates = [*(m for c in task.covariates for m in c.metrics), *indicators]
    with not_estimable_if_broken(task.adjuster.provenance):
        adjusted, used, notes = adjust(task.spec.metric, covariates, task.adjuster.call, imputed[0], imputed[1])
    # The caller gave no covariate called "x is missing", so a dropped indicator gets no note.
    given = (note for note in notes if " is missing'" not in note)
    return evolve(prepared, adjusted=adjusted, used=tuple(used) if adjusted else (), notes=(*task.notes, *given))


def compare(task: Task, prepared: Prepared, options: Options, alpha: float) -> Comparison:
    """Test a prepared metric at one level; called again at other levels for simultaneous intervals."""
    spec, pair = task.spec, prepared.adjusted or prepared.raw
    alternative, level = _hypothesis(spec, options, alpha)
    effect = _test(prepared, pair, level, alternative)
    raw_effect = None if prepared.adjusted is None else _test(prepared, prepared.raw, level, alternative)
    shown = pair or _without_variance(spec, effect, prepared.arms.moments)
    raw = prepared.raw or shown
    arms = effect.estimates or shown
    null = _null(spec, effect, arms)
    relative = effect.relative or _relative(spec, effect, arms, level, options.relative_interval)
    if spec.relative is None and arms[0].value < 0:
        relative = _mirrored(relative)
    return Comparison(
        control=shown[0],
        treatment=shown[1],
        effect=effect,
        relative=relative,
        lift=None if isinstance(relative, Unavailable) and relative.undefined else _lift(spec, *arms),
        raw_control=raw[0],
        raw_treatment=raw[1],
        raw_effect=raw_effect,
        p_value=null.p_value,
        statistic=null.statistic,
        null=null.difference,
        relative_null=null.lift,
        # Power against a difference of 0 would mislead where the null hypothesis is a margin.
        power=achieved_power(effect, alpha) if spec.margin is None else None,
        mde=detectable(effect, alpha),
        equivalence=_is_equivalence(spec),
        covariates=prepared.used,
        notes=(*prepared.notes, *_disagreement(relative, effect, null, alpha)),
    )


def _is_equivalence(spec: MetricSpec) -> bool:
    return spec.margin is not None and spec.margin.two_sided


def _hypothesis(spec: MetricSpec, options: Options, alpha: float) -> tuple[Alternative, float]:
    """Return the alternative of a metric's test, and 1 minus the level of its interval."""
    if spec.margin is None:
        return options.alternative, alpha
    # Non-inferiority is one-sided in the direction of improvement, regardless of the other metrics' alternative.
    if not spec.margin.two_sided:
        return spec.good_side, alpha
    if alpha >= 0.5:
        raise NotEstimable(f"a test of equivalence needs an alpha below 0.5, got {alpha:g}")
    # Two one-sided tests at alpha reject both bounds where the interval of level 1 - 2 alpha lies between them.
    return "two-sided", 2 * alpha


APPROXIMATE = ("delta", "log")
"""Relative intervals that do not invert the test, so that they may contradict its p-value."""


def disagreement(method: str, excludes_null: bool, significant: bool, what: str = "relative interval") -> list[str]:
    """Return a note where an approximate interval and the p-value lead to different conclusions."""
    if method not in APPROXIMATE or excludes_null == significant:
        return []
    return [
        f"the {what} ({method}) is approximate and does not agree with the p-value; the verdict follows the p-value, "
        f"with which Fieller's interval agrees"
    ]


def _disagreement(relative: Interval | Unavailable, effect: Effect, null: "_Null", alpha: float) -> list[str]:
    if not isinstance(relative, Interval) or null.lift is not None or null.difference:
        return []
    return disagreement(relative.method, relative.excludes(0.0), effect.p_value < alpha)


def _mirrored(relative: Interval | Unavailable) -> Interval | Unavailable:
    """Return the interval of the lift over the absolute value of a negative control mean."""
    # Intervals of ratios are of T / C - 1, which is minus the lift (T - C) / |C|.
    return evolve(relative, low=-relative.high, high=-relative.low) if isinstance(relative, Interval) else relative


def _test(prepared: Prepared, pair: Pair | None, alpha: float, alternative: Alternative) -> Effect:
    """Call the test with the kind of data it needs, and check the effect it returns."""
    test = prepared.test
    arms: tuple[Any, Any] | None = pair
    if test.needs == "samples":
        arms = prepared.arms.samples
    elif test.needs == "counts":
        need_units(prepared.arms.moments)
        arms = _counts(prepared.arms.moments[0]), _counts(prepared.arms.moments[1])
    assert arms is not None
    with not_estimable_if_broken(test.provenance):
        effect = test.call(*arms, alpha, alternative)
    if not isinstance(effect, Effect):
        raise NotEstimable(f"{test.provenance} returned {type(effect).__name__} instead of an Effect")
    if not 0 <= effect.p_value <= 1:
        raise NotEstimable(f"{test.provenance} returned the p-value {effect.p_value!r}; it must be between 0 and 1")
    # No data have probability 0 under a null hypothesis that allows them: the tail has underflowed.
    return effect if effect.p_value else evolve(effect, p_value=SMALLEST)


def _counts(moments: Moments) -> Counts:
    return Counts(round(moments.n * float(moments.mean[0])), moments.n)


def _without_variance(spec: MetricSpec, effect: Effect, moments: tuple[Moments, Moments]) -> Pair:
    """Return the values to report if the test needs no estimate of the metric."""
    if effect.estimates is not None:
        return effect.estimates
    # The first column's mean is not the value of a metric that is computed from samples.
    values = [math.nan if spec.reads == "samples" else float(arm.mean[0]) for arm in moments]
    control, treatment = (
        Estimate(value=value, n=arm.n, unit_variance=math.nan) for value, arm in zip(values, moments, strict=True)
    )
    return control, treatment


def _lift(spec: MetricSpec, control: Estimate, treatment: Estimate) -> float | None:
    if spec.relative is not None:
        return _own_lift(spec.relative, treatment.value - control.value)
    # Over the absolute value: the lift has the sign of the difference also where the control mean is negative.
    if control.value < 0:
        return 1 - treatment.value / control.value
    return treatment.value / control.value - 1 if control.value != 0 else None


def _relative(
    spec: MetricSpec, effect: Effect, arms: Pair, alpha: float, method: RelativeMethod
) -> Interval | Unavailable:
    if spec.relative is None:
        return relative_interval(*arms, effect, alpha, method)
    if isinstance(effect.interval, Unavailable):
        return effect.interval
    # The metric's own function is increasing, so it maps the bounds of the difference to those of the lift.
    low, high = (_own_lift(spec.relative, x) for x in (effect.interval.low, effect.interval.high))
    return evolve(effect.interval, low=low, high=high)


def _own_lift(relative: Callable[[float], float], difference: float) -> float:
    """Return the lift of a difference by the metric's own increasing function; infinite beyond what a float holds."""
    if math.isinf(difference):
        return difference
    try:
        return float(relative(difference))
    except OverflowError:
        return math.copysign(math.inf, difference)


@frozen
class _Null:
    """The null hypothesis as a difference, and as a lift if that is fixed, with its p-value."""

    difference: float
    lift: float | None
    p_value: float
    statistic: float | None


def _null(spec: MetricSpec, effect: Effect, arms: Pair) -> _Null:
    """Return the null hypothesis and its p-value: no difference, or the margin of a guardrail.

    Equivalence has two null hypotheses, and the larger of their p-values (Schuirmann 1987, Journal of
    Pharmacokinetics and Biopharmaceutics 15(6), 657-680).
    """
    if spec.margin is None:
        return _Null(0.0, None, effect.p_value, effect.statistic)
    if spec.margin.relative and spec.relative is not None:
        raise NotEstimable("the lift of this metric is not a share of its control value; give the margin as a number")
    # Without a standard error there is no statistic whose null value could be moved to the margin.
    if effect.std_error is None:
        raise NotEstimable("a margin needs a test with a standard error")
    sides: tuple[Alternative, ...] = ("greater", "less") if spec.margin.two_sided else (spec.good_side,)
    return max((_at_margin(spec.margin, effect, arms, side) for side in sides), key=lambda null: null.p_value)


def _at_margin(margin: Margin, effect: Effect, arms: Pair, side: Alternative) -> _Null:
    """Return the one-sided test against one bound of a margin."""
    assert effect.std_error is not None
    # The bound lies opposite to the alternative that the test looks for: below 0 for "greater".
    size = (-1 if side == "greater" else 1) * margin.size
    if not margin.relative:
        statistic = (effect.difference - size) / effect.std_error
        return _Null(size, None, p_value(statistic, effect.df, side), statistic)
    control = arms[0].value
    # A share of a control value of 0 is 0, and of a negative one it has the wrong sign.
    if control <= 0:
        raise NotEstimable("a relative margin needs a positive control mean; give the margin in the metric's unit")
    # T - (1 + size) C has mean 0 at the margin: the linear form of the hypothesis T / C = 1 + size.
    spread = ratio_std_error(*arms, effect, 1 + size)
    statistic = (effect.difference - size * control) / spread
    return _Null(size * control, size, p_value(statistic, effect.df, side), statistic)


__all__ = ["ArmData", "Prepared", "compare", "disagreement", "prepare"]
