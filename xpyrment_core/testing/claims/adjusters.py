"""Claims that hold for every covariate adjustment."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from attrs import frozen
from numpy.random import Generator

from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.wald import wald
from xpyrment_core.testing.running import Check, close, global_randomness_untouched, unchanged
from xpyrment_core.testing.shapes import Values
from xpyrment_core.testing.simulation import ALPHA, coverage_band, judge, level_band, seeded
from xpyrment_core.values.estimates import Effect, Estimate, Interval
from xpyrment_core.values.moments import Moments

NAMES = ("y", "x1", "x2")
EFFECT = 0.3
RTOL = 1e-7
"""Slopes come out of a linear solve, which costs some digits."""
Pair = tuple[Estimate, Estimate]
Draw = Callable[[Generator, int], Values]


def _linear(g: Generator, n: int) -> Values:
    x1, x2 = g.normal(5, 1, n), g.normal(0, 2, n)
    return np.column_stack([10 + 1.5 * x1 + 0.3 * x2 + g.normal(0, 1, n), x1, x2])


def _curved(g: Generator, n: int) -> Values:
    x1, x2 = g.exponential(1.0, n), g.random(n)
    return np.column_stack([np.sqrt(1 + 4 * x1) + np.sin(6 * x2) + g.normal(0, 0.5, n), x1, x2])


def _useless(g: Generator, n: int) -> Values:
    return np.column_stack([g.normal(3, 1, n), g.normal(0, 1, n), (g.random(n) < 0.4).astype(float)])


def _skewed(g: Generator, n: int) -> Values:
    activity = g.gamma(2.0, 1.0, n)
    return np.column_stack([activity + g.exponential(1.0, n), activity * g.gamma(4, 0.25, n), g.poisson(activity)])


SHAPES: dict[str, tuple[Draw, tuple[int, int]]] = {
    "linear": (_linear, (200, 200)),
    # Adjusted with one pooled slope (ANCOVA), unequal arms are where classical standard errors fail (Freedman 2008).
    "unequal": (_linear, (450, 150)),
    # The model is wrong on purpose: in an experiment, adjustment must be valid without linearity.
    "curved": (_curved, (250, 250)),
    # Irrelevant covariates cost degrees of freedom, and must not cost validity.
    "useless": (_useless, (200, 200)),
    "skewed": (_skewed, (300, 300)),
}


@frozen(kw_only=True, eq=False)
class AdjusterSubject:
    """An adjustment: moments of outcome and covariates per arm in, an adjusted estimate per arm out.

    Attributes
    ----------
    call : callable
        ``(control, treatment) -> (Estimate, Estimate)``; both `Moments` have the outcome first.
    conservative, fast : bool
    """

    call: Callable[[Moments, Moments], Pair]
    conservative: bool = False
    fast: bool = False

    def __call__(self, control: Values, treatment: Values, names: Sequence[str] = NAMES) -> Pair:
        """Adjust arms given as arrays, the outcome in the first column."""
        return self.call(moments(control, names), moments(treatment, names))

    def effect(self, control: Values, treatment: Values, names: Sequence[str] = NAMES) -> Effect:
        """Return the adjusted difference with its interval."""
        return wald(*self(control, treatment, names), alpha=ALPHA, alternative="two-sided", df=None)


def moments(rows: Values, names: Sequence[str] = NAMES) -> Moments:
    """Return the moments of an array's columns."""
    return Moments.of({name: rows[:, i] for i, name in enumerate(names)})


def adjuster_checks(subject: AdjusterSubject, statistical: bool = True) -> Iterator[Check]:
    """Yield every check that applies to an adjuster."""
    for claim in (contract, swap_arms, rescale, rescale_covariates, covariate_order, chunks, gains, pure, degenerate):
        yield Check(claim.__name__, partial(claim, subject))
    for name in SHAPES if statistical else ():
        yield Check(f"level_{name}", partial(level, subject, name), True)
        yield Check(f"coverage_{name}", partial(coverage, subject, name), True)


def _experiments() -> Iterator[tuple[Values, Values]]:
    for name, (draw, sizes) in SHAPES.items():
        generator = seeded(f"adjuster {name}")
        control, treatment = (draw(generator, n) for n in sizes)
        treatment[:, 0] += EFFECT
        yield control, treatment


def _assert_moved(before: Pair, after: Pair, factor: float, add: float, what: str) -> None:
    for old, new in zip(before, after, strict=True):
        # Relative to the larger of value and standard error: a value near 0 has no digits of its own to keep.
        size = max(abs(factor * old.value), math.sqrt(old.variance) * abs(factor))
        value = factor * old.value + add
        assert close(new.value, value, RTOL, RTOL * size), f"{what} made the value {new.value!r}, expected {value!r}"
        variance = factor**2 * old.variance
        assert close(new.variance, variance, RTOL), f"{what} made the variance {new.variance!r}, expected {variance!r}"


def contract(subject: AdjusterSubject) -> None:
    """A finite value, a positive variance and positive degrees of freedom per arm; n is the number of units."""
    for arms in _experiments():
        pair = subject(*arms)
        assert len(pair) == 2 and all(isinstance(e, Estimate) for e in pair), f"expected two Estimates, got {pair!r}"
        for estimate, arm in zip(pair, arms, strict=True):
            assert estimate.n == len(arm), f"n is {estimate.n}, expected {len(arm)} units"
            assert math.isfinite(estimate.value), f"the value is {estimate.value!r}"
            assert estimate.variance > 0, f"the variance is {estimate.variance!r}"
            # Not necessarily n - 1: a pooled regression shares its residual degrees of freedom between the arms.
            assert 0 < estimate.df < len(arms[0]) + len(arms[1]), f"the degrees of freedom are {estimate.df!r}"


def swap_arms(subject: AdjusterSubject) -> None:
    """Swapping control and treatment leaves the value and variance of each arm unchanged."""
    for control, treatment in _experiments():
        before = subject(control, treatment)
        back = subject(treatment, control)
        _assert_moved(before, (back[1], back[0]), 1.0, 0.0, "swapping the arms")


def rescale(subject: AdjusterSubject) -> None:
    """Values and variances are equivariant to affine transformations of the outcome."""
    for arms in _experiments():
        before = subject(*arms)
        # A power of two is exact, so a difference there is not due to rounding.
        for factor, add in ((100.0, 0.0), (1 / 64, 0.0), (1.0, 50.0), (-1.0, 0.0)):
            moved = [arm * [factor, 1, 1] + [add, 0, 0] for arm in arms]
            _assert_moved(before, subject(moved[0], moved[1]), factor, add, f"outcome times {factor:g} plus {add:g}")


def rescale_covariates(subject: AdjusterSubject) -> None:
    """Estimates are invariant to affine transformations of a covariate."""
    for arms in _experiments():
        before = subject(*arms)
        for factors, add in (([1, 1000, 1], [0, 0, 0]), ([1, 1, -0.01], [0, 0, 0]), ([1, 1, 1], [0, 20, -7])):
            moved = [arm * factors + add for arm in arms]
            _assert_moved(before, subject(moved[0], moved[1]), 1.0, 0.0, "another unit of a covariate")


def covariate_order(subject: AdjusterSubject) -> None:
    """Estimates are invariant to the order of the covariates."""
    for arms in _experiments():
        control, treatment = (arm[:, [0, 2, 1]] for arm in arms)
        after = subject(control, treatment, ("y", "x2", "x1"))
        _assert_moved(subject(*arms), after, 1.0, 0.0, "another order of covariates")


def chunks(subject: AdjusterSubject) -> None:
    """Moments merged from parts give the same estimates."""
    for arms in _experiments():
        merged = []
        for arm in arms:
            total = Moments.empty(NAMES)
            for part in np.array_split(arm, 5):
                total = total + moments(part)
            merged.append(total)
        _assert_moved(subject(*arms), subject.call(*merged), 1.0, 0.0, "reading the data in chunks")


def gains(subject: AdjusterSubject) -> None:
    """Covariates that explain most of the outcome reduce the standard error, without bias of the effect."""
    generator = seeded("gains")
    control, treatment = _linear(generator, 4000), _linear(generator, 4000)
    treatment[:, 0] += EFFECT
    effect = subject.effect(control, treatment)
    plain = math.sqrt(sum(arm[:, 0].var(ddof=1) / len(arm) for arm in (control, treatment)))
    assert effect.std_error is not None
    # The residual's share of the outcome's variance is 1 / (1 + 2.25 + 0.36).
    assert effect.std_error < 0.7 * plain, f"the standard error is {effect.std_error / plain:.2f} of the unadjusted one"
    off = abs(effect.difference - EFFECT) / effect.std_error
    # Five standard errors: a chance of 6e-7, and the seed is fixed.
    assert off < 5, f"the effect is {effect.difference:.4f}, {off:.1f} standard errors from the true {EFFECT}"


def pure(subject: AdjusterSubject) -> None:
    """The adjustment is deterministic, and changes neither its input nor the global random state."""
    for arms in _experiments():
        given = [moments(arm) for arm in arms]
        with unchanged(*(a for m in given for a in (m.mean, m.m2))), global_randomness_untouched():
            first = subject.call(*given)
        assert first == subject.call(*given), "two calls with the same moments gave different numbers"


def degenerate(subject: AdjusterSubject) -> None:
    """An unusable covariate or arm raises CovariateRefused or NotEstimable; no result is NaN."""
    control, treatment = next(_experiments())
    cases: dict[str, tuple[Any, Any]] = {
        "an empty control": (control[:0], treatment),
        "an empty treatment": (control, treatment[:0]),
        "one unit": (control[:1], treatment),
        "as many covariates as units": (control[:2], treatment[:2]),
        "constant covariates": (control * [1, 0, 0], treatment * [1, 0, 0]),
        "a covariate twice": (control[:, [0, 1, 1]], treatment[:, [0, 1, 1]]),
        "the outcome as covariate": (control[:, [0, 0, 2]], treatment[:, [0, 0, 2]]),
        "a constant outcome": (control * [0, 1, 1], treatment * [0, 1, 1]),
    }
    for what, arms in cases.items():
        try:
            with np.errstate(all="ignore"):
                pair = subject(*arms)
        except NotEstimable as error:
            assert error.reason, f"{what}: refused without a reason"
            continue
        # Only these have no answer; the other cases may drop a covariate and go on.
        assert what not in ("an empty control", "an empty treatment", "one unit"), f"{what} gave {pair}"
        for estimate in pair:
            sane = math.isfinite(estimate.value) and estimate.variance >= 0
            assert sane, f"{what}: value {estimate.value!r}, variance {estimate.variance!r}"


def level(subject: AdjusterSubject, name: str) -> None:
    """The type I error rate is 5 %."""

    def batch(generator: Generator, k: int) -> tuple[int, int]:
        effects = [subject.effect(*arms) for arms in _simulated(name, generator, k, 0.0)]
        return sum(effect.p_value < ALPHA for effect in effects), k

    what = f"false findings at 5 %, {name} data"
    judge(f"adjuster level {name}", what, batch, level_band(subject.conservative), subject.fast)


def coverage(subject: AdjusterSubject, name: str) -> None:
    """95 % of intervals contain the true effect."""

    def batch(generator: Generator, k: int) -> tuple[int, int]:
        intervals = [subject.effect(*arms).interval for arms in _simulated(name, generator, k, EFFECT)]
        return sum(isinstance(i, Interval) and not i.excludes(EFFECT) for i in intervals), k

    what = f"95 % intervals that hold the true effect, {name} data"
    judge(f"adjuster coverage {name}", what, batch, coverage_band(subject.conservative), subject.fast)


def _simulated(name: str, generator: Generator, k: int, effect: float) -> Iterator[tuple[Values, Values]]:
    draw, sizes = SHAPES[name]
    for _ in range(k):
        control, treatment = (draw(generator, n) for n in sizes)
        treatment[:, 0] += effect
        yield control, treatment
