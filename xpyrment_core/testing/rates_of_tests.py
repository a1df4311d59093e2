"""Type I error rate and coverage of a test, by simulation."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from attrs import evolve

from xpyrment_core.errors import NotEstimable
from xpyrment_core.testing.shapes import Shape, Values
from xpyrment_core.testing.simulation import ALPHA, coverage_band, judge, level_band, seeded
from xpyrment_core.testing.subject_of_tests import TestSubject
from xpyrment_core.values.estimates import Effect, Estimate, Interval

LARGE = 100_000
"""Units per arm from which the true effect of a test with an estimand of its own is computed."""


def level(subject: TestSubject, name: str) -> None:
    """The type I error rate is 5 %: so many experiments without an effect have p < 0.05."""
    shape = subject.shapes[name]

    def batch(generator: np.random.Generator, k: int) -> tuple[int, int]:
        effects = _effects(subject, shape, generator, k, 0.0)
        # An experiment that is not estimable rejects nothing, but counts as a trial.
        return sum(effect is not None and effect.p_value < ALPHA for effect in effects), k

    judge(f"level {name}", f"false findings at 5 %, {name} data", batch, level_band(subject.conservative), subject.fast)


def coverage(subject: TestSubject, name: str) -> None:
    """Intervals contain the true effect in 95 % of experiments."""
    shape = subject.shapes[name]
    truth = _truth(subject, shape)

    def batch(generator: np.random.Generator, k: int) -> tuple[int, int]:
        effects = [effect for effect in _effects(subject, shape, generator, k, shape.effect) if effect is not None]
        intervals = [effect.interval for effect in effects if isinstance(effect.interval, Interval)]
        return sum(not interval.excludes(truth) for interval in intervals), len(intervals)

    what = f"95 % intervals that hold the true effect, {name} data"
    judge(f"coverage {name}", what, batch, coverage_band(subject.conservative), subject.fast)


def _truth(subject: TestSubject, shape: Shape) -> float:
    if subject.estimand == "means":
        return shape.effect
    # The error of this truth is sqrt(200 / 100,000), 5 % of a standard error of the experiments; far below the
    # band of the coverage.
    size = evolve(shape, n=(LARGE, LARGE))
    control, treatment = size.experiments(seeded(f"truth {shape.name}"), 1, shape.effect)
    return float(subject.estimand(control[0], treatment[0]))


def _effects(
    subject: TestSubject, shape: Shape, generator: np.random.Generator, k: int, effect: float
) -> Iterator[Effect | None]:
    control, treatment = shape.experiments(generator, k, effect)
    known: dict[Any, Effect | None] = {}  # the same counts recur often
    for pair in zip(_arms(subject, control), _arms(subject, treatment), strict=True):
        if subject.needs != "counts":
            yield _effect(subject, pair)
            continue
        if pair not in known:
            known[pair] = _effect(subject, pair)
        yield known[pair]


def _effect(subject: TestSubject, pair: tuple[Any, Any]) -> Effect | None:
    try:
        return subject.call(*pair, ALPHA, "two-sided")
    except NotEstimable:
        return None


def _arms(subject: TestSubject, values: Values) -> Iterator[Any]:
    if subject.needs != "estimates":
        yield from (subject.arm(row) for row in values)
        return
    n = values.shape[1]
    # All experiments at once: the Python loop then only calls the test.
    for mean, variance in zip(values.mean(axis=1).tolist(), values.var(axis=1, ddof=1).tolist(), strict=True):
        yield Estimate(value=mean, n=n, unit_variance=variance)
