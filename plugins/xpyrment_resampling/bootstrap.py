"""Bootstrap test of two variants: studentised for functions of means, percentile for quantiles."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, ref

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from xpyrment_core import Alternative, ArmSample, Effect, Estimate, NotEstimable
from xpyrment_resampling.effects import Replicated, Resampled, percentile_effect, studentised_effect
from xpyrment_resampling.options import ResamplingOptions
from xpyrment_resampling.statistics import statistics
from xpyrment_resampling.units import (
    CHUNK,
    Items,
    bundles,
    centre_of,
    control_first,
    distinct,
    features,
    totals,
    unit_sums,
)

Matrix = NDArray[np.float64]

BUNDLES = 4_096
"""With more units than this a variant is drawn in this many random bundles of units."""


@frozen
class Bootstrap(ResamplingOptions):
    """A bootstrap test; call it, register it under a name of your own, or pass it as ``test=``.

    Attributes
    ----------
    replicates : int
        Number of resamples. The smallest possible p-value is ``2 / (replicates + 1)``, so strict
        corrections over many metrics need more than the default of 9,999.
    seed : int
        The same data give the same numbers, in any order of their rows.

    Raises
    ------
    InputError
        Fewer than 99 replicates, or a seed that is not a whole number from 0.

    Notes
    -----
    **Functions of means.** The units of each variant are drawn with replacement, with all their
    rows. In each resample ``(D* - D) / SE*`` is formed with the resample's own standard error; its
    quantiles take the place of the t distribution's (the bootstrap-t, second-order accurate, Hall
    1988). The p-value is twice the smaller share of pivots beyond ``D / SE``, so ``p < alpha``
    exactly when the interval excludes 0. The relative interval inverts the same pivot for
    ``T - (1 + x) C``, as Fieller's does the t-test, from the same resamples.

    **Quantiles**, and other metrics with ``resample(sample, generator, replicates)``: percentiles
    of the replicates of the difference and of the lift.

    **Large samples.** Past 4,096 units a variant's units are first put into that many bundles at
    random, and bundles are drawn: the cost no longer grows with the units, and the pivots' standard
    errors have 4,095 degrees of freedom. Columns of up to 256 distinct values are drawn as counts of
    values instead, which is exact at any size.

    References
    ----------
    Efron, B. and Tibshirani, R. J. (1993). An Introduction to the Bootstrap, chapters 12 and 13. Chapman & Hall.

    Hall, P. (1988). Theoretical comparison of bootstrap confidence intervals. Annals of Statistics 16(3), 927-953.

    Examples
    --------
    >>> from xpyrment_core.stats.delta_method import ColumnMean
    >>> generator = np.random.default_rng(7)
    >>> control, treatment = (
    ...     ArmSample({"spend": generator.exponential(mean, 80)}, metric=ColumnMean("spend")) for mean in (10, 20)
    ... )
    >>> effect = Bootstrap(replicates=1999)(control, treatment, 0.05, "two-sided")
    >>> effect.p_value < 0.05, effect.interval.excludes(0)
    (True, True)
    """

    name: ClassVar[str] = "bootstrap"
    needs: ClassVar[str] = "samples"

    def __call__(self, control: ArmSample, treatment: ArmSample, alpha: float, alternative: Alternative) -> Effect:
        """Compare the metric of two samples.

        Raises
        ------
        NotEstimable
            A variant has fewer than two units, both are constant, or the metric can be computed
            neither from means nor by resampling.
        """
        metric = treatment.metric
        extra = {"replicates": self.replicates, "seed": self.seed}
        if hasattr(metric, "value"):
            resampled = _remembered(self, control, treatment, self._resampled)
            return evolve(studentised_effect(resampled, metric, alpha, alternative), extra=extra)
        if hasattr(metric, "resample"):
            replicated = _remembered(self, control, treatment, self._replicated)
            return evolve(percentile_effect(replicated, alpha, alternative), extra=extra)
        raise NotEstimable(
            "the bootstrap needs a metric that is a function of means, "
            "or one with resample(sample, generator, replicates)"
        )

    def _generators(self, ordered: bool) -> tuple[np.random.Generator, np.random.Generator]:
        # Streams follow the data, not the roles, so that swapping the variants only flips signs.
        first, second = (np.random.default_rng([self.seed, stream]) for stream in (0, 1))
        return (first, second) if ordered else (second, first)

    def _resampled(self, control: ArmSample, treatment: ArmSample) -> Resampled:
        metric = treatment.metric
        centre = centre_of(control, treatment, metric.columns)
        arms = [unit_sums(sample, metric.columns, centre) for sample in (control, treatment)]
        generators = self._generators(control_first(*arms))
        observed = [observe(metric, centre, totals(rows)) for rows in arms]
        drawn = [
            statistics(metric, centre, draw(as_items(rows, generator), generator, self.replicates))
            for rows, generator in zip(arms, generators, strict=True)
        ]
        return Resampled(observed[0], observed[1], drawn[0], drawn[1])

    def _replicated(self, control: ArmSample, treatment: ArmSample) -> Replicated:
        metric = treatment.metric
        centre = centre_of(control, treatment, metric.columns)
        ordered = control_first(*(unit_sums(sample, metric.columns, centre) for sample in (control, treatment)))
        drawn = [
            metric.resample(sample, generator, self.replicates)
            for sample, generator in zip((control, treatment), self._generators(ordered), strict=True)
        ]
        return Replicated(control.n, treatment.n, *drawn[0], *drawn[1])


def observe(metric: Any, centre: Matrix, sums: Matrix) -> Estimate:
    """Return the estimate of a variant from the sums over all its units."""
    n = round(sums[0, 0])
    if n < 2:
        raise NotEstimable(f"only {n} unit with an observed value: a variance needs two")
    observed = statistics(metric, centre, sums)
    if np.isnan(observed.value[0]):
        raise NotEstimable(f"{metric.name} is not a finite number at the observed means")
    return Estimate(value=float(observed.value[0]), n=n, unit_variance=float(observed.variance[0]) * n)


def as_items(rows: Matrix, generator: np.random.Generator) -> Items:
    """Return the items to draw: the units, their distinct values with counts, or bundles of units."""
    if len(rows) <= BUNDLES:
        return Items(rows)
    # Drawing counts of distinct values is the same bootstrap, without the bundles' limit on degrees of freedom.
    values = distinct(rows)
    if values is not None:
        return values
    return Items(np.array([bundle.sum(axis=0) for bundle in bundles(rows, BUNDLES, generator)]))


def draw(items: Items, generator: np.random.Generator, replicates: int) -> Matrix:
    """Return the sums of the features over units drawn with replacement, of shape (replicates, p)."""
    columns = features(items.rows)
    # A matrix product makes the sums of all resamples of a block; units are never copied per resample.
    sums = [weights @ columns for weights in _weights(items, generator, replicates)]
    return np.concatenate(sums)


def _weights(items: Items, generator: np.random.Generator, replicates: int) -> Iterator[Matrix]:
    """Yield how often each item is drawn, a block of resamples at a time."""
    m = len(items.rows)
    size = max(1, CHUNK // m)
    for start in range(0, replicates, size):
        b = min(size, replicates - start)
        if items.counts is not None:
            # n draws with replacement among values with counts are multinomial.
            total = int(items.counts.sum())
            yield generator.multinomial(total, items.counts / total, size=b).astype(np.float64)
        else:
            # One bincount for all resamples of the block: resample b uses the indices from m b.
            drawn = generator.integers(0, m, size=(b, m)) + m * np.arange(b)[:, None]
            yield np.bincount(drawn.ravel(), minlength=b * m).reshape(b, m).astype(np.float64)


Made = Resampled | Replicated
_kept: "WeakKeyDictionary[ArmSample, tuple[ref[ArmSample], Bootstrap, Made]]" = WeakKeyDictionary()


def _remembered(test: Bootstrap, control: ArmSample, treatment: ArmSample, make: Callable[..., Any]) -> Any:
    """Return the resamples of two samples, cached as long as the samples exist: simultaneous intervals reuse them."""
    known = _kept.get(treatment)
    # By identity: comparing arrays would cost a pass over the data, and weak references keep no sample alive.
    if known is not None and known[0]() is control and known[1] == test:
        return known[2]
    made = make(control, treatment)
    _kept[treatment] = (ref(control), test, made)
    return made


bootstrap = Bootstrap()
"""The test as registered."""
