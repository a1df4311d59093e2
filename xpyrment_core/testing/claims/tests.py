"""Claims that hold for every test, on estimates, counts or samples."""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from attrs import evolve

from xpyrment_core.choices import Alternative
from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.delta_method import ColumnMean, estimate, linearise
from xpyrment_core.testing.rates_of_tests import coverage, level
from xpyrment_core.testing.running import Check, close, global_randomness_untouched, unchanged
from xpyrment_core.testing.shapes import Values
from xpyrment_core.testing.simulation import ALPHA, seeded
from xpyrment_core.testing.subject_of_tests import COLUMN, SETTINGS, TestSubject, answer, answers, experiments_of
from xpyrment_core.values.estimates import Effect, Estimate, Interval
from xpyrment_core.values.moments import Moments

FLIP: dict[Alternative, Alternative] = {"two-sided": "two-sided", "greater": "less", "less": "greater"}
EDGE = 1e-9
"""A p-value as close to alpha as this may fall on either side of it by rounding."""


def test_checks(subject: TestSubject, statistical: bool) -> Iterator[Check]:
    """Yield every check that applies to a test."""
    structural = [contract, interval_and_p, swap_arms, direction, one_sided, pure, degenerate]
    if subject.needs != "counts":
        structural.append(rescale)
        if subject.shift:
            structural.append(shift)
    if subject.needs == "samples":
        structural.append(row_order)
    if subject.needs == "estimates":
        structural += [chunks, not_a_number]
    for claim in structural:
        yield Check(claim.__name__, partial(claim, subject))
    for name in subject.shapes if statistical else ():
        yield Check(f"level_{name}", partial(level, subject, name), True)
        if subject.estimand is not None:
            yield Check(f"coverage_{name}", partial(coverage, subject, name), True)


test_checks.__test__ = False  # type: ignore[attr-defined]


def contract(subject: TestSubject) -> None:
    """The Effect has p in [0, 1] and an interval of the requested level that contains the difference."""
    for at in range(len(experiments_of(subject))):
        for alpha, alternative in SETTINGS:
            effect = answer(subject, at, alpha, alternative)
            assert isinstance(effect, Effect), f"it returned {type(effect).__name__}, expected an Effect"
            assert 0 <= effect.p_value <= 1, f"the p-value is {effect.p_value!r}"
            assert math.isfinite(effect.difference), f"the difference is {effect.difference!r}"
            assert effect.alternative == alternative, (
                f"alternative was {alternative!r}, the Effect has {effect.alternative!r}"
            )
            _check_interval(effect, alpha)


def _check_interval(effect: Effect, alpha: float) -> None:
    for interval in (effect.interval, effect.relative):
        if isinstance(interval, Interval):
            assert interval.low <= interval.high, f"the interval is [{interval.low}, {interval.high}]"
            assert close(interval.level, 1 - alpha), f"the interval's level is {interval.level}, alpha was {alpha}"
    if isinstance(effect.interval, Interval):
        inside = effect.interval.low <= effect.difference <= effect.interval.high
        assert inside, f"the difference {effect.difference} is outside its interval"


def interval_and_p(subject: TestSubject) -> None:
    """The p-value is below alpha exactly when the interval excludes 0, absolute and relative."""
    for at in range(len(experiments_of(subject))):
        for alpha, alternative in SETTINGS:
            effect = answer(subject, at, alpha, alternative)
            if abs(effect.p_value - alpha) < EDGE:
                continue
            for what, interval in (("interval", effect.interval), ("relative interval", effect.relative)):
                if isinstance(interval, Interval):
                    # A test and an interval that disagree leave the reader two answers; inverting one test gives both.
                    agree = interval.excludes(0.0) == (effect.p_value < alpha)
                    bounds = f"[{interval.low:.4g}, {interval.high:.4g}]"
                    assert agree, f"p = {effect.p_value:.4g} at alpha {alpha}, but the {what} is {bounds}"


def swap_arms(subject: TestSubject) -> None:
    """Swapping the arms changes the sign of the difference and interval, and leaves the p-value."""
    for at, (control, treatment) in enumerate(experiments_of(subject)):
        for alpha, alternative in SETTINGS:
            effect = answer(subject, at, alpha, alternative)
            back = subject(treatment.copy(), control.copy(), alpha, FLIP[alternative])
            _assert_moved(effect, back, -1.0, 0.0, subject.rtol, "swapping the arms")


def rescale(subject: TestSubject) -> None:
    """The p-value is invariant to the unit of measurement; the effect scales with it or is unit-free."""
    for control, treatment, effect in answers(subject):
        # One factor is a power of two, which is exact: a difference there is not due to rounding.
        for factor in (1000.0, 1 / 64):
            other = subject(factor * control, factor * treatment)
            size = max(abs(effect.difference), effect.std_error or 0.0)
            # A rank statistic such as P(T > C) has no unit; it is recognised by the unchanged difference.
            own = close(other.difference, effect.difference, subject.rtol, subject.rtol * size)
            _assert_moved(
                effect, other, 1.0 if own else factor, 0.0, subject.rtol, f"multiplying all values by {factor:g}"
            )


def shift(subject: TestSubject) -> None:
    """Effect and p-value are invariant to adding a constant to all values."""
    for control, treatment, effect in answers(subject):
        for amount in (7.5, -100.0):
            other = subject(control + amount, treatment + amount)
            # Digits are lost to the size of the values, not of their difference.
            noise = 1e-12 * abs(amount)
            _assert_moved(effect, other, 1.0, noise, max(subject.rtol, 1e-7), f"adding {amount:g} to all values")


def _assert_moved(before: Effect, after: Effect, factor: float, atol: float, rtol: float, what: str) -> None:
    assert close(after.p_value, before.p_value, rtol, rtol), (
        f"{what} changed the p-value from {before.p_value!r} to {after.p_value!r}"
    )
    scale = abs(factor) * max(abs(before.difference), before.std_error or 0.0)
    atol = max(atol, rtol * scale)
    assert close(after.difference, factor * before.difference, rtol, atol), (
        f"{what} made the difference {after.difference!r}, expected {factor * before.difference!r}"
    )
    assert isinstance(before.interval, Interval) == isinstance(after.interval, Interval), (
        f"{what} made the interval {after.interval!r} of {before.interval!r}"
    )
    if isinstance(before.interval, Interval) and isinstance(after.interval, Interval):
        expected = sorted((factor * before.interval.low, factor * before.interval.high))
        bounds = after.interval.low, after.interval.high
        assert all(close(g, w, rtol, atol) for g, w in zip(bounds, expected, strict=True)), (
            f"{what} made the interval {bounds}, expected {tuple(expected)}"
        )


def direction(subject: TestSubject) -> None:
    """A large effect is significant, with the right sign and alternative."""
    for shape in subject.shapes.values():
        # Probabilities end at 1, so an effect on them is limited.
        large = min(8 * shape.effect, 0.95 - shape.mean) if shape.mean < 1 else 8 * shape.effect
        if large < 3 * shape.effect:
            continue  # no room for a large effect above
        control, treatment = (arm[0] for arm in shape.experiments(seeded(f"direction {shape.name}"), 1, large))
        effects = {alternative: subject(control, treatment, ALPHA, alternative) for alternative in FLIP}
        p = {alternative: effect.p_value for alternative, effect in effects.items()}
        assert effects["two-sided"].difference > 0, "treatment is larger, but the difference is not positive"
        assert max(p["two-sided"], p["greater"]) < 0.01, f"a large increase has the p-values {p}"
        assert p["less"] > 0.9, f"'less' has p = {p['less']:.4g} for a large increase"


def one_sided(subject: TestSubject) -> None:
    """One-sided intervals are unbounded on the side of the alternative; the two p-values sum to at least 1."""
    for at in range(len(experiments_of(subject))):
        up, down = answer(subject, at, ALPHA, "greater"), answer(subject, at, ALPHA, "less")
        # Discrete statistics count the observed value in both tails, so the sum may exceed 1.
        assert up.p_value + down.p_value >= 1 - 1e-6, f"'greater' {up.p_value:.4g} and 'less' {down.p_value:.4g}"
        if isinstance(up.interval, Interval):
            assert math.isinf(up.interval.high), f"'greater' must have no upper bound, got {up.interval.high!r}"
        if isinstance(down.interval, Interval):
            assert math.isinf(down.interval.low), f"'less' must have no lower bound, got {down.interval.low!r}"


def row_order(subject: TestSubject) -> None:
    """The effect is invariant to the order of the units."""
    generator = seeded("row order")
    for control, treatment, effect in answers(subject):
        other = subject(generator.permutation(control), generator.permutation(treatment))
        _assert_moved(effect, other, 1.0, 0.0, subject.rtol, "another order of the units")


def chunks(subject: TestSubject) -> None:
    """Estimates from merged moments give the same effect."""
    for control, treatment, effect in answers(subject):
        parts = [_merged(arm) for arm in (control, treatment)]
        other = subject.call(*parts, ALPHA, "two-sided")
        _assert_moved(effect, other, 1.0, 0.0, subject.rtol, "reading the data in chunks")


def _merged(values: Values) -> Estimate:
    total = Moments.empty([COLUMN])
    for part in np.array_split(values, 7):
        total = total + Moments.of({COLUMN: part})
    return estimate(linearise([ColumnMean(COLUMN)], total))


def pure(subject: TestSubject) -> None:
    """The test is deterministic, and changes neither its input nor the global random state."""
    for control, treatment, _ in answers(subject):
        with unchanged(control, treatment), global_randomness_untouched():
            first = subject(control, treatment)
        second = subject(control, treatment)
        same = (first.p_value, first.difference, first.interval) == (second.p_value, second.difference, second.interval)
        assert same, f"two calls with the same data gave p = {first.p_value!r} and {second.p_value!r}"


def degenerate(subject: TestSubject) -> None:
    """On degenerate data the test raises NotEstimable or returns finite numbers."""
    shape = next(iter(subject.shapes.values()))
    control, treatment = (arm[0] for arm in shape.experiments(seeded("degenerate"), 1, 0.0))
    one, none = control[:1], control[:0]
    same = np.full(20, 1.0 if subject.needs == "counts" else np.round(control.mean()))
    cases = {
        "one unit in control": (one, treatment),
        "one unit in treatment": (control, one),
        "one unit in each arm": (one, one),
        "constant arms": (same, same),
        "constant arms, all zero": (0 * same, 0 * same),
        "a constant control": (same, treatment),
    }
    if subject.needs != "estimates":  # an estimate of no units does not exist
        cases |= {"an empty control": (none, treatment), "an empty treatment": (control, none)}
    for what, arms in cases.items():
        for alternative in FLIP:
            _assert_sane(subject, what, arms, alternative)


def _assert_sane(subject: TestSubject, what: str, arms: tuple[Values, Values], alternative: Alternative) -> None:
    try:
        with np.errstate(all="ignore"):
            effect = subject(*arms, ALPHA, alternative)
    except NotEstimable as error:
        assert error.reason, f"{what}: NotEstimable without a reason"
        return
    assert "empty" not in what, f"{what}: p = {effect.p_value!r}, expected NotEstimable"
    # An exact 0 would claim certainty, and has no logarithm in later meta-analyses.
    assert 0 < effect.p_value <= 1, f"{what}: the p-value is {effect.p_value!r}, expected NotEstimable with the reason"
    assert math.isfinite(effect.difference), f"{what}: the difference is {effect.difference!r}"
    if isinstance(effect.interval, Interval):
        assert not math.isnan(effect.interval.low + effect.interval.high), f"{what}: the interval has NaN"
        # A width of 0 would mean that the effect is known exactly from a sample.
        assert effect.interval.low < effect.interval.high, f"{what}: the interval has no width"


def not_a_number(subject: TestSubject) -> None:
    """An estimate that is not a finite number raises NotEstimable."""
    finite = Estimate(value=1.0, n=50, unit_variance=2.0)
    for bad in (evolve(finite, value=math.nan), evolve(finite, unit_variance=math.nan), evolve(finite, value=math.inf)):
        for pair in ((bad, finite), (finite, bad)):
            try:
                effect = subject.call(*pair, ALPHA, "two-sided")
            except NotEstimable:
                continue
            raise AssertionError(f"{bad} gave p = {effect.p_value!r}, expected NotEstimable")
