"""The permutation test agrees with SciPy's, and its interval holds what it does not reject."""

import math
from typing import get_args

import numpy as np
import pytest
from attrs import frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from xpyrment_core.choices import Alternative
from xpyrment_core.errors import InputError, NotEstimable
from xpyrment_core.stats.delta_method import ColumnMean
from xpyrment_core.values.estimates import Interval, Unavailable
from xpyrment_core.values.samples import ArmSample
from xpyrment_resampling.moves import find_moves
from xpyrment_resampling.permutation import Permutation, moved, permutation
from xpyrment_resampling.relabelling import ITEMS, relabel
from xpyrment_resampling.units import features, totals
from xpyrment_robust.derived import LogMetric
from xpyrment_robust.quantile import MedianMetric

ALTERNATIVES = get_args(Alternative)
MEAN = ColumnMean("y")
LITTLE = Permutation(replicates=199)


@frozen
class Ratio:
    name = "ratio"
    columns = ("a", "b")

    def value(self, means):
        return means["a"] / means["b"]


@frozen
class Margin:
    name = "margin"
    columns = ("a", "b")

    def value(self, means):
        return 1 - means["a"] / means["b"]


def arm(values, metric=MEAN, units=None):
    return ArmSample({metric.columns[0]: np.asarray(values, dtype=float)}, units, metric)


def run(control, treatment, alternative="two-sided", alpha=0.05, metric=MEAN, test=None):
    return (test or permutation)(arm(control, metric), arm(treatment, metric), alpha, alternative)


def welch(treatment, control, axis=-1):
    spread = (
        treatment.var(axis=axis, ddof=1) / treatment.shape[axis] + control.var(axis=axis, ddof=1) / control.shape[axis]
    )
    return (treatment.mean(axis=axis) - control.mean(axis=axis)) / np.sqrt(spread)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("m", "n"), [(5, 6), (4, 7), (7, 3)])
def test_all_relabellings_of_few_units_give_scipys_exact_p(m, n, alternative):
    generator = np.random.default_rng(m)
    control, treatment = generator.normal(size=m), generator.normal(0.8, 2, n)
    wanted = stats.permutation_test(
        (treatment, control), welch, vectorized=True, n_resamples=np.inf, alternative=alternative
    )
    effect = run(control, treatment, alternative)
    assert effect.p_value == pytest.approx(wanted.pvalue, rel=1e-12)
    assert effect.extra["replicates"] == math.comb(m + n, m) - 1


def test_random_relabellings_agree_with_scipys():
    generator = np.random.default_rng(1)
    control, treatment = generator.exponential(1, 40), generator.exponential(1.5, 30)
    wanted = stats.permutation_test(
        (treatment, control), welch, vectorized=True, n_resamples=9999, rng=generator
    ).pvalue
    # Five standard errors of the difference of two such shares, doubled.
    assert abs(run(control, treatment).p_value - wanted) < 10 * math.sqrt(wanted / 2 * 2 / 9999)


@pytest.mark.parametrize("discrete", [False, True], ids=["bundles of units", "counts of values"])
def test_more_units_than_are_permuted_singly_make_no_difference(discrete):
    generator = np.random.default_rng(2)
    control, treatment = generator.exponential(10, 6000), generator.exponential(10.4, 4000)
    if discrete:
        control, treatment = np.floor(control), np.floor(treatment)
    assert len(control) + len(treatment) > ITEMS
    effect = run(control, treatment)
    wanted = stats.ttest_ind(treatment, control, equal_var=False)
    low, high = wanted.confidence_interval()
    assert effect.statistic == pytest.approx(wanted.statistic, rel=1e-10)
    assert effect.p_value == pytest.approx(wanted.pvalue, abs=10 * math.sqrt(wanted.pvalue / 2 / 9999) + 0.002)
    # A 2.5 % quantile of 9,999 statistics is uncertain by 0.027, bundles by 1.1 % of 1.96 more.
    assert (effect.interval.low, effect.interval.high) == pytest.approx((low, high), abs=5 * 0.035 * effect.std_error)


def test_the_ends_of_the_interval_are_where_scipy_begins_to_reject():
    generator = np.random.default_rng(3)
    control, treatment = generator.exponential(1, 6), generator.exponential(2, 6) + 1

    def p(shift):
        moved_back = treatment - shift
        return stats.permutation_test((moved_back, control), welch, vectorized=True, n_resamples=np.inf).pvalue

    effect = run(control, treatment, alpha=0.1)
    for end, outward in ((effect.interval.low, -1e-6), (effect.interval.high, 1e-6)):
        assert p(end - outward) >= 0.1
        assert p(end + outward) < 0.1


def test_the_ends_of_the_lift_are_where_scipy_begins_to_reject():
    generator = np.random.default_rng(4)
    control, treatment = generator.exponential(1, 6) + 2, generator.exponential(2, 6) + 3

    def p(lift):
        scaled = treatment / (1 + lift)
        return stats.permutation_test((scaled, control), welch, vectorized=True, n_resamples=np.inf).pvalue

    effect = run(control, treatment, alpha=0.1)
    for end, outward in ((effect.relative.low, -1e-6), (effect.relative.high, 1e-6)):
        assert p(end - outward) >= 0.1
        assert p(end + outward) < 0.1


def test_rows_of_a_unit_are_permuted_together():
    generator = np.random.default_rng(5)
    control, treatment = generator.normal(0, 1, 30), generator.normal(0.5, 1, 25)
    alone = run(control, treatment)
    repeated = permutation(
        arm(np.repeat(control, 4), units=np.repeat(np.arange(30), 4)),
        arm(np.repeat(treatment, 4), units=np.repeat(np.arange(25), 4)),
        0.05,
        "two-sided",
    )
    assert repeated.p_value == alone.p_value
    assert repeated.interval.low == pytest.approx(alone.interval.low, rel=1e-6)


def ratio_arms(seed, rates, n=300):
    generator = np.random.default_rng(seed)
    arms = []
    for rate in rates:
        views = generator.poisson(20, n) + 1.0
        arms.append(ArmSample({"a": generator.binomial(views.astype(int), rate) * 1.0, "b": views}, None, Ratio()))
    return arms


def test_a_ratio_is_shifted_in_its_numerator():
    control, treatment = ratio_arms(6, (0.3, 0.33))
    effect = permutation(control, treatment, 0.05, "two-sided")
    half = stats.norm.isf(0.025) * effect.std_error
    assert effect.interval.low == pytest.approx(effect.difference - half, abs=5 * 0.03 * effect.std_error)
    back = treatment.columns["a"] - (effect.interval.low + 1e-7) * treatment.columns["b"]
    again = permutation(control, ArmSample({"a": back, "b": treatment.columns["b"]}, None, Ratio()), 0.05, "two-sided")
    assert again.p_value == pytest.approx(0.05, abs=0.01)


def test_other_functions_of_means_have_a_p_value_and_no_interval():
    control, treatment = ratio_arms(7, (0.3, 0.35))
    arms = [ArmSample(dict(a.columns), None, Margin()) for a in (control, treatment)]
    effect = permutation(*arms, 0.05, "two-sided")
    assert effect.p_value < 0.01
    assert "cannot be shifted" in effect.interval.reason
    assert isinstance(effect.relative, Unavailable)


def test_moves_are_found_for_means_and_ratios_only():
    sums = totals(np.column_stack([np.arange(1.0, 9), np.arange(2.0, 10), np.ones(8)]))
    centre = np.array([3.0, 4.0])
    found = find_moves(Ratio(), centre, sums)
    assert (found.numerator, found.per) == (0, 1)
    assert find_moves(Margin(), centre, sums) is None


def test_moving_sums_is_moving_rows():
    generator = np.random.default_rng(8)
    rows, matrix = generator.normal(size=(20, 3)), generator.normal(size=(3, 3))
    np.testing.assert_allclose(moved(totals(rows), matrix), totals(rows @ matrix), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("m", "n"), [(4, 5), (30, 20), (3000, 2000)])
def test_every_relabelling_keeps_all_units_and_the_size_of_the_variants(m, n):
    generator = np.random.default_rng(9)
    control, treatment = (np.column_stack([np.sort(generator.normal(size=k)), np.ones(k)]) for k in (m, n))
    made = relabel(control, treatment, 1, 199)
    called = made.from_control[:, 0] + made.from_treatment[:, 0]
    # Bundles are of nearly equal size, here 1 or 2 units.
    np.testing.assert_allclose(called, n, atol=0 if m + n <= ITEMS else 0.02 * n)
    assert (made.from_control[:, 0] <= m).all()
    assert (made.from_treatment[:, 0] <= n).all()
    share = made.from_treatment[:-1, 0].mean() / n
    assert share == pytest.approx(n / (m + n), abs=0.06)


def test_single_rows_are_equally_likely_to_be_relabelled():
    control, treatment = (np.column_stack([np.arange(10.0) + k, np.ones(10)]) for k in (0, 100))
    made = relabel(control, treatment, 2, 20_000)
    # Mean of the sums over the treated: every unit has the chance 1/2.
    assert made.from_control[:-1, 1].mean() == pytest.approx(features(control)[:, 1].sum() / 2, abs=0.4)


values = st.one_of(
    st.lists(st.integers(0, 3).map(float), min_size=3, max_size=12),
    st.lists(st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=3, max_size=12),
)


def either(control, treatment, alternative="two-sided", alpha=0.05):
    try:
        return run(control, treatment, alternative, alpha, test=LITTLE)
    except NotEstimable:
        return None


@given(values, values, st.sampled_from(ALTERNATIVES), st.sampled_from([0.02, 0.05, 0.1, 0.5]))
@settings(max_examples=60)
def test_intervals_exclude_no_effect_exactly_when_p_is_below_alpha(control, treatment, alternative, alpha):
    effect = either(control, treatment, alternative, alpha)
    for interval in () if effect is None else (effect.interval, effect.relative):
        if isinstance(interval, Interval):
            assert interval.excludes(0.0) == (effect.p_value < alpha)
        else:
            assert isinstance(interval, Unavailable)


@given(values, values, st.randoms())
@settings(max_examples=30)
def test_swapping_the_variants_changes_the_sign_and_row_order_has_no_effect(control, treatment, random):
    assume(sorted(control) != sorted(treatment))  # else both calls are one, and chance has no reason to be even
    there = either(control, treatment)
    back = either(random.sample(treatment, len(treatment)), random.sample(control, len(control)))
    assert (there is None) == (back is None)
    if there is not None:
        assert back.difference == pytest.approx(-there.difference, abs=1e-9)
        assert back.p_value == there.p_value
        assert isinstance(there.interval, Interval) == isinstance(back.interval, Interval)
        if isinstance(there.interval, Interval):
            assert back.interval.low == pytest.approx(-there.interval.high, rel=1e-6, abs=1e-6)


@given(st.integers(0, 1000), st.floats(0.001, 1000), st.floats(-1000, 1000))
@settings(max_examples=20)
def test_the_interval_follows_unit_and_origin(seed, scale, shift):
    generator = np.random.default_rng(seed)
    control, treatment = generator.exponential(size=9), generator.exponential(size=12)
    there = run(control, treatment, test=LITTLE)
    back = run(control * scale + shift, treatment * scale + shift, test=LITTLE)
    assert back.p_value == there.p_value
    assert back.interval.low == pytest.approx(there.interval.low * scale, rel=1e-6, abs=1e-8 * (abs(shift) + scale))


def test_separated_constants_have_a_p_value_and_say_why_there_is_no_interval():
    effect = run(np.zeros(20), np.ones(20))
    assert effect.p_value == 2 / 10_000
    assert "constant" in effect.interval.reason
    assert effect.std_error is None


def test_a_log_mean_has_the_lift_of_the_geometric_mean():
    generator = np.random.default_rng(10)
    metric = LogMetric("m", "y")
    logs = [ArmSample({metric.columns[0]: generator.normal(mu, 1, 40)}, None, metric) for mu in (0, 0.5)]
    effect = LITTLE(*logs, 0.05, "two-sided")
    assert effect.relative.low == pytest.approx(math.expm1(effect.interval.low))


def test_what_cannot_be_permuted_is_refused():
    with pytest.raises(NotEstimable, match="constant and equal"):
        run([1, 1, 1], [1, 1])
    with pytest.raises(NotEstimable, match="only 1 unit"):
        run([1], [1, 2])
    with pytest.raises(NotEstimable, match="'bootstrap' compares quantiles"):
        run([1, 2], [1, 2], metric=MedianMetric("m", "y"))
    with pytest.raises(NotEstimable, match="too unequal"):
        run(np.arange(40.0), np.arange(120_000.0) ** 1.1)
    with pytest.raises(InputError, match="replicates"):
        Permutation(replicates=10)


def test_no_interval_where_too_few_units_can_reject():
    effect = run([1, 2, 3], [7, 8, 9])
    assert effect.p_value == pytest.approx(0.1)
    assert "19 resamples cannot reject" in effect.interval.reason


def test_values_of_opposite_sign_have_no_lift():
    generator = np.random.default_rng(11)
    effect = run(generator.normal(-3, 1, 30), generator.normal(3, 1, 30), test=LITTLE)
    assert "differ in sign" in effect.relative.reason


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("draw", "sizes"),
    [
        pytest.param(lambda g, n: g.lognormal(0, 1.5, n), (15, 45), id="equal skewed distributions"),
        pytest.param(lambda g, n: g.normal(0, 60 / n, n), (60, 180), id="equal means, unequal variances"),
    ],
)
def test_the_level_is_5_percent(draw, sizes):
    generator = np.random.default_rng(41)
    test, rejected = Permutation(replicates=399), 0
    for _ in range(600):
        arms = [np.sort(draw(generator, n)) for n in sizes]
        made = relabel(*(np.column_stack([y, np.ones(len(y))]) for y in arms), 7, 399)
        rejected += _p(test, arms, made) < 0.05
    # 600 experiments at 5 %: 2.3 % to 7.8 % in 998 of 1,000 runs.
    assert 0.02 <= rejected / 600 <= 0.078


def _p(test, arms, made):
    """Return the p-value without the intervals, which take most of the time."""
    assert made.from_control.shape[0] == test.replicates + 1
    n, m = len(arms[0]), len(arms[1])
    treated = made.from_control + made.from_treatment
    rest = made.all_control + made.all_treatment - treated

    def half(sums, size):
        mean = sums[:, 1] / size
        return mean, (sums[:, 3] - size * mean**2) / (size - 1) / size

    (t, vt), (c, vc) = half(treated, m), half(rest, n)
    star, observed = ((t - c) / np.sqrt(vt + vc))[:-1], welch(arms[1], arms[0])
    return min(1.0, 2 * (1 + min((star >= observed).sum(), (star <= observed).sum())) / (len(star) + 1))
