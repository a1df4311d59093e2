"""Estimating both variants of a metric, from moments or from unit-level values."""

import numpy as np
from attrs import evolve, frozen

from xpyrment_core.analysis.metric_spec import MetricSpec
from xpyrment_core.analysis.plan import Method, Task
from xpyrment_core.data.groups import UnitSums
from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.delta_method import estimate, linearise
from xpyrment_core.stats.jackknife import jackknifed
from xpyrment_core.values.estimates import Estimate
from xpyrment_core.values.moments import Moments
from xpyrment_core.values.samples import ArmSample

SIDES = ("control", "treatment")

Pair = tuple[Estimate, Estimate]


@frozen(kw_only=True)
class ArmData:
    """Data of one variant for one metric."""

    moments: Moments
    sample: ArmSample | None = None


@frozen(kw_only=True)
class Arms:
    """Data of both variants of a metric, as moments and as the samples that tests receive.

    Attributes
    ----------
    moments : pair of Moments
        As read, or of the derived columns.
    samples : pair of ArmSample or None
        None where only moments were read.
    """

    moments: tuple[Moments, Moments]
    samples: tuple[ArmSample, ArmSample] | None


def arms_of(task: Task, control: ArmData, treatment: ArmData) -> Arms:
    """Return both variants, with the columns that the metric derives from its sources."""
    moments = control.moments, treatment.moments
    if control.sample is None or treatment.sample is None:
        return Arms(moments=moments, samples=None)
    samples = control.sample, treatment.sample
    if task.spec.reads == "derived":
        samples = derived(task.spec, *samples)
        moments = moments_of(samples[0]), moments_of(samples[1])
    with_metric = tuple(evolve(sample, metric=task.spec.metric) for sample in samples)
    return Arms(moments=moments, samples=(with_metric[0], with_metric[1]))


def test_of(task: Task, repeated: bool) -> Method:
    """Return the test of a metric; a test of counts is replaced if units have several rows."""
    if repeated and task.test.needs == "samples" and not task.test.clustered:
        raise NotEstimable(
            f"test {task.test.name!r} does not say that it keeps the rows of a unit together (clustered), and units "
            f"have several rows here; use a test that compares estimates, or aggregate to one row per unit first"
        )
    if not repeated or task.test.needs != "counts":
        return task.test
    if task.fallback is None:
        raise NotEstimable(
            f"test {task.test.name!r} counts independent units, but units have several rows here; use a test that "
            f"compares estimates"
        )
    return task.fallback


def estimate_from_moments(spec: MetricSpec, arms: tuple[Moments, Moments], test: Method) -> Pair | None:
    """Return the estimates of a function of means; None if there is no variance and the test needs none."""
    need_units(arms)
    linear = [_linear(spec, side, arm) for side, arm in zip(SIDES, arms, strict=True)]
    for side, arm in zip(SIDES, linear, strict=True):
        # Tests of counts and of samples accept a single unit; a variance of estimates divides by n - 1.
        if arm.n < 2 and test.needs != "estimates":
            return None
        if arm.n < 2:
            raise NotEstimable(f"only 1 unit with an observed value in the {side} variant: a variance needs two")
    return estimate(linear[0]), estimate(linear[1])


def _linear(spec: MetricSpec, side: str, arm: Moments) -> Moments:
    try:
        return linearise([spec.metric], arm)
    except NotEstimable as error:
        raise NotEstimable(f"{error.reason} in the {side} variant") from error


def estimate_from_samples(spec: MetricSpec, arms: Arms, test: Method) -> Pair | None:
    """Return the estimates of a sample metric; None where the test itself compares samples."""
    assert arms.samples is not None
    need_units(arms.moments)
    try:
        return _of_sample(spec, arms.samples[0]), _of_sample(spec, arms.samples[1])
    except NotEstimable:
        # A rank test, say, is valid where the metric's own variance is not estimable.
        if test.needs != "samples":
            raise
        return None


def _of_sample(spec: MetricSpec, sample: ArmSample) -> Estimate:
    """Return a metric's estimate of one variant; its variance is between units where they have several rows."""
    if sample.units is None:
        return _estimated(spec, sample)
    if not spec.clustered:
        # The metric takes rows for units: its value is right, its variance is not.
        return jackknifed(lambda part: _estimated(spec, part).value, sample)
    found, units = _estimated(spec, sample), len(np.unique(sample.units))
    if found.n != units:
        raise NotEstimable(
            f"metric {spec.name!r} declares that it keeps the rows of a unit together, but its estimate is of "
            f"n = {found.n:,}, not of {units:,} units"
        )
    return found


def _estimated(spec: MetricSpec, sample: ArmSample) -> Estimate:
    found = spec.metric.estimate(sample)
    if not isinstance(found, Estimate):
        raise NotEstimable(f"estimate() of metric {spec.name!r} returned {type(found).__name__} instead of an Estimate")
    return found


def need_units(moments: tuple[Moments, Moments]) -> None:
    """Raise NotEstimable where a variant has no unit with an observed value."""
    for side, arm in zip(SIDES, moments, strict=True):
        if arm.n == 0:
            raise NotEstimable(f"there are no units with an observed value in the {side} variant")


def derived(spec: MetricSpec, control: ArmSample, treatment: ArmSample) -> tuple[ArmSample, ArmSample]:
    """Apply a metric's transformation to the rows of both variants together, so that both get the same cut."""
    n = control.n
    if n == 0 or treatment.n == 0:
        raise NotEstimable("there are no units with an observed value in one of the variants")
    # A cut such as a winsorising quantile must not depend on the arm: separate cuts would bias the difference.
    pooled = {c: np.concatenate([control.columns[c], treatment.columns[c]]) for c in control.columns}
    columns = pooled | {
        name: np.asarray(values, dtype=np.float64)
        for name, values in spec.metric.derive({c: pooled[c] for c in spec.sources}).items()
    }
    return (
        evolve(control, columns={c: values[:n] for c, values in columns.items()}),
        evolve(treatment, columns={c: values[n:] for c, values in columns.items()}),
    )


def moments_of(sample: ArmSample) -> Moments:
    """Return the moments of a sample's columns, between units."""
    if sample.n == 0:
        return Moments.empty(sample.columns)
    return Moments.of(sample.columns) if sample.units is None else unit_sums_of(sample).per_row()


def unit_sums_of(sample: ArmSample) -> UnitSums:
    """Return the sums over each unit's rows, of which the mean over rows is a ratio."""
    assert sample.units is not None
    codes, rows = np.unique(sample.units, return_inverse=True)
    counts = np.bincount(rows, minlength=len(codes)).astype(np.float64)
    # Sums of centred values keep the digits that those of large values lose; the mean is added back at the end.
    shifts = {c: float(values.mean()) for c, values in sample.columns.items()}
    sums = {c: np.bincount(rows, values - shifts[c], len(codes)) for c, values in sample.columns.items()}
    return UnitSums(Moments.of(sums | {"(rows)": counts}), "(rows)", np.array(list(shifts.values())))
