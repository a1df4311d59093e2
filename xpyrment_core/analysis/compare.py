"""Comparing one treatment with control on one metric: estimate, adjust, test."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import evolve, frozen

from xpyrment_core.analysis.adjustment import adjust, impute
from xpyrment_core.analysis.plan import Comparison, Method, Task
from xpyrment_core.errors import NotEstimable, not_estimable_if_broken
from xpyrment_core.options import Alternative, Options, RelativeMethod
from xpyrment_core.stats import distributions, power, relative_interval
from xpyrment_core.stats.delta_method import estimate, linearise
from xpyrment_core.values.estimates import Counts, Effect, Estimate, Interval, Unavailable
from xpyrment_core.values.moments import Moments
from xpyrment_core.values.samples import ArmSample

SIDES = ("control", "treatment")


@frozen(kw_only=True)
class ArmData:
    """What was read of one variant for one metric."""

    moments: Moments
    sample: ArmSample | None = None


@frozen(kw_only=True)
class Prepared:
    """Two variants ready to be tested, with and without adjustment."""

    raw: tuple[Estimate, Estimate] | None
    adjusted: tuple[Estimate, Estimate] | None
    samples: tuple[ArmSample, ArmSample] | None
    test: Method
    used: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def prepare(task: Task, control: ArmData, treatment: ArmData, shifts: Mapping[str, float], repeated: bool) -> Prepared:
    """Estimate both variants of a metric.

    Parameters
    ----------
    task : Task
    control, treatment : ArmData
    shifts : mapping of str to float
        What the engine put in place of missing covariate values.
    repeated : bool
        Whether units have several rows, so that variances are between units.

    Raises
    ------
    NotEstimable
        With the reason, where there is no estimate or no variance.
    """
    test = _test_for(task, repeated)
    samples = None
    moments = (control.moments, treatment.moments)
    if task.reads == "derived" and control.sample is not None and treatment.sample is not None:
        samples = _derived(task, control.sample, treatment.sample)
        moments = _moments_of(samples[0]), _moments_of(samples[1])
    elif control.sample is not None and treatment.sample is not None:
        samples = control.sample, treatment.sample
    if samples is not None:
        samples = evolve(samples[0], metric=task.spec.metric), evolve(samples[1], metric=task.spec.metric)
    if task.reads == "samples":
        assert samples is not None
        _need_rows(moments)
        pair = _sample_estimates(task.spec.metric, samples, test)
        return Prepared(raw=pair, adjusted=None, samples=samples, test=test, notes=task.notes)
    arms, indicators = impute(moments, task.row_set.terms, shifts)
    raw = _estimates(task.spec.metric, arms, test)
    adjusted: tuple[Estimate, Estimate] | None = None
    used: list[str] = []
    notes: list[str] = []
    if task.adjuster is not None and raw is not None:
        covariates = [*(m for c in task.covariates for m in c.metrics), *indicators]
        with not_estimable_if_broken(task.adjuster.provenance):
            adjusted, used, notes = adjust(task.spec.metric, covariates, task.adjuster.call, arms[0], arms[1])
    return Prepared(
        raw=raw,
        adjusted=adjusted,
        samples=samples,
        test=test,
        used=tuple(used),
        notes=(*task.notes, *(note for note in notes if " is missing'" not in note)),
    )


def _test_for(task: Task, repeated: bool) -> Method:
    if not repeated or task.test.needs != "counts":
        return task.test
    if task.fallback is None:
        raise NotEstimable(
            f"test {task.test.name!r} counts independent units, but units have several rows here; use 'welch'"
        )
    return task.fallback


def _need_rows(moments: tuple[Moments, ...]) -> None:
    for side, arm in zip(SIDES, moments, strict=True):
        if arm.n == 0:
            raise NotEstimable(f"there are no units with an observed value in the {side} variant")


def _estimates(metric: Any, arms: list[Moments], test: Method) -> tuple[Estimate, Estimate] | None:
    _need_rows((arms[0], arms[1]))
    linear = [linearise([metric], arm) for arm in arms]
    for side, arm in zip(SIDES, linear, strict=True):
        if arm.n < 2 and test.needs != "estimates":
            return None  # a test of counts or ranks can do without a variance
        if arm.n < 2:
            raise NotEstimable(f"only 1 unit with an observed value in the {side} variant: a variance needs two")
    return estimate(linear[0]), estimate(linear[1])


def _sample_estimates(
    metric: Any, samples: tuple[ArmSample, ArmSample], test: Method
) -> tuple[Estimate, Estimate] | None:
    try:
        return metric.estimate(samples[0]), metric.estimate(samples[1])
    except NotEstimable:
        if test.needs != "samples":
            raise
        return None  # a test of the values themselves can do without


def _derived(task: Task, control: ArmSample, treatment: ArmSample) -> tuple[ArmSample, ArmSample]:
    """Apply a metric's transformation to the rows of both variants together."""
    n = control.n
    if n == 0 or treatment.n == 0:
        raise NotEstimable("there are no units with an observed value in one of the variants")
    metric = task.spec.metric
    pooled = {c: np.concatenate([control.columns[c], treatment.columns[c]]) for c in control.columns}
    columns = pooled | {
        name: np.asarray(values, dtype=np.float64)
        for name, values in metric.derive({c: pooled[c] for c in task.spec.sources}).items()
    }
    return (
        evolve(control, columns={c: values[:n] for c, values in columns.items()}),
        evolve(treatment, columns={c: values[n:] for c, values in columns.items()}),
    )


def _moments_of(sample: ArmSample) -> Moments:
    if sample.units is None:
        return Moments.of(sample.columns)
    codes, rows = np.unique(sample.units, return_inverse=True)
    counts = np.bincount(rows, minlength=len(codes)).astype(np.float64)
    shifts = {c: float(values.mean()) for c, values in sample.columns.items()}
    sums = {c: np.bincount(rows, values - shifts[c], len(codes)) for c, values in sample.columns.items()}
    return Moments.of(sums | {"(rows)": counts}).per_row("(rows)", list(shifts.values()))


def run_test(
    prepared: Prepared,
    pair: tuple[Estimate, Estimate] | None,
    moments: tuple[Moments, Moments],
    alpha: float,
    alternative: Alternative,
) -> Effect:
    """Call the test with what it needs."""
    test = prepared.test
    arms: tuple[Any, Any] | None = pair
    if test.needs == "samples":
        arms = prepared.samples
    elif test.needs == "counts":
        _need_rows(moments)
        arms = _counts(moments[0]), _counts(moments[1])
    assert arms is not None
    with not_estimable_if_broken(test.provenance):
        effect = test.call(*arms, alpha, alternative)
    return _checked(effect, test)


def _checked(effect: Any, test: Method) -> Effect:
    if not isinstance(effect, Effect):
        raise NotEstimable(f"{test.provenance} returned {type(effect).__name__} where an Effect was wanted")
    if not 0 <= effect.p_value <= 1:
        raise NotEstimable(f"{test.provenance} gave the p-value {effect.p_value!r}")
    return effect


def _counts(moments: Moments) -> Counts:
    return Counts(round(moments.n * float(moments.mean[0])), moments.n)


def compare(
    task: Task,
    prepared: Prepared,
    moments: tuple[Moments, Moments],
    options: Options,
    alpha: float,
) -> Comparison:
    """Test a prepared metric at one level; called again at other levels for simultaneous intervals."""
    margin = task.spec.margin
    good: Alternative = "greater" if task.spec.direction == "increase" else "less"
    alternative = good if margin is not None else options.alternative
    pair = prepared.adjusted or prepared.raw
    effect = run_test(prepared, pair, moments, alpha, alternative)
    shown = pair or _shown_without_variance(task, effect, moments)
    raw = prepared.raw or shown
    raw_effect = run_test(prepared, raw, moments, alpha, alternative) if prepared.adjusted is not None else None
    arms = effect.estimates or shown
    relative = effect.relative or _relative(task.spec.metric, effect, arms, alpha, options.relative_interval)
    null, relative_null, p_value = 0.0, None, effect.p_value
    if margin is not None:
        if margin.relative and hasattr(task.spec.metric, "relative"):
            raise NotEstimable(
                "the lift of this metric is not a share of its control value; give the margin as a number"
            )
        sign = -1 if good == "greater" else 1
        null, relative_null, p_value = _margin(effect, arms, sign * margin.size, margin.relative, good)
    return Comparison(
        control=shown[0],
        treatment=shown[1],
        effect=effect,
        relative=relative,
        lift=_lift(task.spec.metric, *shown),
        raw_control=raw[0],
        raw_treatment=raw[1],
        raw_effect=raw_effect,
        p_value=p_value,
        null=null,
        relative_null=relative_null,
        power=power.achieved_power(effect, alpha) if margin is None else None,
        mde=power.detectable(effect, alpha),
        covariates=prepared.used if prepared.adjusted is not None else (),
        notes=prepared.notes,
    )


def _shown_without_variance(task: Task, effect: Effect, moments: tuple[Moments, Moments]) -> tuple[Estimate, Estimate]:
    if effect.estimates is not None:
        return effect.estimates
    # The first column's mean is not the value of a metric that is computed from samples.
    values = [math.nan if task.reads == "samples" else float(arm.mean[0]) for arm in moments]
    control, treatment = (
        Estimate(value=value, n=arm.n, unit_variance=math.nan) for value, arm in zip(values, moments, strict=True)
    )
    return control, treatment


def _lift(metric: Any, control: Estimate, treatment: Estimate) -> float | None:
    """Return the relative effect: of the metric's own making where it has one, as a mean of logarithms does."""
    if hasattr(metric, "relative"):
        return float(metric.relative(treatment.value - control.value))
    return treatment.value / control.value - 1 if control.value != 0 else None


def _relative(
    metric: Any, effect: Effect, arms: tuple[Estimate, Estimate], alpha: float, method: RelativeMethod
) -> Interval | Unavailable:
    if not hasattr(metric, "relative"):
        return relative_interval.relative_interval(*arms, effect, alpha, method)
    if isinstance(effect.interval, Unavailable):
        return effect.interval
    low, high = (x if math.isinf(x) else float(metric.relative(x)) for x in (effect.interval.low, effect.interval.high))
    return evolve(effect.interval, low=low, high=high)


def _margin(
    effect: Effect, arms: tuple[Estimate, Estimate], size: float, relative: bool, alternative: Alternative
) -> tuple[float, float | None, float]:
    """Return the null difference, the null lift and the p-value of a non-inferiority test."""
    if effect.std_error is None:
        raise NotEstimable("a non-inferiority margin needs a test with a standard error: 'welch', 'student' or 'z'")
    if not relative:
        return size, None, distributions.p_value((effect.difference - size) / effect.std_error, effect.df, alternative)
    control = arms[0]
    if control.value <= 0:
        raise NotEstimable("a relative margin needs a positive control mean; give the margin in the metric's unit")
    spread = relative_interval.ratio_std_error(*arms, effect, 1 + size)
    statistic = (effect.difference - size * control.value) / spread
    return size * control.value, size, distributions.p_value(statistic, effect.df, alternative)


def interval_of(value: Interval | Unavailable | None) -> tuple[float | None, float | None]:
    """Return the bounds of an interval, None where there is none."""
    return (value.low, value.high) if isinstance(value, Interval) else (None, None)


__all__ = ["ArmData", "Prepared", "compare", "interval_of", "prepare"]
