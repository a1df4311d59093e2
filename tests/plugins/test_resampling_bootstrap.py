"""The bootstrap agrees with R's boot and SciPy, and its interval with its p-value."""

import json
import math
from pathlib import Path
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
from xpyrment_resampling.bootstrap import BUNDLES, Bootstrap, bootstrap
from xpyrment_robust.derived import LogMetric
from xpyrment_robust.quantile import MedianMetric, QuantileMetric

ORACLES = Path(__file__).parents[1] / "oracles"
ALTERNATIVES = get_args(Alternative)
MEAN = ColumnMean("y")


@frozen
class Ratio:
    name = "ratio"
    columns = ("a", "b")

    def value(self, means):
        return means["a"] / means["b"]


def cases(file, prefix):
    found = json.loads((ORACLES / file).read_text())["cases"]
    return [pytest.param(c, id=c["name"]) for c in found if c["name"].startswith(prefix)]


def arm(values, metric=MEAN, units=None):
    return ArmSample({metric.columns[0]: np.asarray(values, dtype=float)}, units, metric)


def run(control, treatment, alternative="two-sided", alpha=0.05, metric=MEAN, test=None):
    return (test or Bootstrap(replicates=999))(arm(control, metric), arm(treatment, metric), alpha, alternative)


@pytest.mark.parametrize("case", cases("samples.json", "studentised"))
def test_intervals_are_those_of_boot_ci_stud(case):
    replicates, theirs = 99_999, 200_000
    expected = case["expected"]
    for level, interval, spread in zip(expected["levels"], expected["intervals"], expected["mc_sd"], strict=True):
        effect = run(**case["input"], alpha=1 - level, test=Bootstrap(replicates=replicates))
        # Five Monte Carlo standard errors of theirs, and five of ours, which has fewer replicates.
        slack = 5 * np.array(spread) * (1 + math.sqrt(theirs / replicates))
        assert abs(effect.interval.low - interval[0]) < slack[0]
        assert abs(effect.interval.high - interval[1]) < slack[1]
    assert effect.difference == pytest.approx(expected["estimate"], rel=1e-12)
    assert effect.std_error == pytest.approx(expected["std_error"], rel=1e-12)
    # Five binomial standard errors of both, on the doubled tail.
    p = expected["p"]
    assert abs(effect.p_value - p) < 10 * math.sqrt(p / 2 * (1 / replicates + 1 / theirs)) + 2 / replicates


def test_a_median_has_the_percentile_interval_of_boot_ci():
    (case,) = (p.values[0] for p in cases("rank_quantile.json", "bootstrap: mtcars mpg, median"))
    arms = case["input"]["control"], case["input"]["treatment"]
    effect = run(*arms, metric=MedianMetric("m", "y"), test=Bootstrap(replicates=49_999))
    expected = case["expected"]
    assert effect.difference == pytest.approx(expected["estimate"])
    assert effect.std_error == pytest.approx(expected["se"], rel=0.02)  # 50,000 and 100,000 replicates
    # Medians jump between neighbours, 0.05 apart at these places of the data.
    assert (effect.interval.low, effect.interval.high) == pytest.approx(expected["percentile"], abs=0.051)


def test_a_moderate_sample_agrees_with_scipys_bca():
    generator = np.random.default_rng(1)
    control, treatment = generator.exponential(10, 300), generator.exponential(12, 250)
    wanted = stats.bootstrap(
        (treatment, control), lambda t, c, axis: t.mean(axis) - c.mean(axis), n_resamples=4999, rng=generator
    ).confidence_interval
    effect = run(control, treatment, test=bootstrap)
    # Both are second-order accurate: they differ by a share of 1/n and by Monte Carlo noise.
    assert (effect.interval.low, effect.interval.high) == pytest.approx(wanted, abs=0.05 * (wanted[1] - wanted[0]))


def test_without_skewness_and_with_many_units_it_is_welch():
    generator = np.random.default_rng(2)
    control, treatment = generator.normal(10, 1, 3000), generator.normal(10.05, 2, 2000)
    effect, wanted = run(control, treatment, test=bootstrap), stats.ttest_ind(treatment, control, equal_var=False)
    low, high = wanted.confidence_interval()
    assert effect.statistic == pytest.approx(wanted.statistic, rel=1e-12)
    # A 2.5 % quantile of 9,999 pivots is uncertain by 0.027 standard errors.
    assert (effect.interval.low, effect.interval.high) == pytest.approx((low, high), abs=5 * 0.027 * effect.std_error)


@pytest.mark.parametrize("discrete", [False, True], ids=["bundles of units", "counts of values"])
def test_more_units_than_are_drawn_singly_make_no_difference(discrete):
    generator = np.random.default_rng(3)
    control, treatment = generator.exponential(10, 20_000), generator.exponential(10.2, 20_000)
    if discrete:
        control, treatment = np.floor(control), np.floor(treatment)
    assert len(control) > BUNDLES
    effect = run(control, treatment, test=bootstrap)
    low, high = stats.ttest_ind(treatment, control, equal_var=False).confidence_interval()
    # As above; and bundles know the standard error to 1/sqrt(2 * 4095) = 1.1 %.
    assert (effect.interval.low, effect.interval.high) == pytest.approx((low, high), abs=5 * 0.04 * effect.std_error)


def test_rows_of_a_unit_are_drawn_together():
    generator = np.random.default_rng(4)
    control, treatment = generator.normal(0, 1, 60), generator.normal(0.5, 1, 50)
    alone = run(control, treatment)
    repeated = Bootstrap(replicates=999)(
        arm(np.repeat(control, 10), units=np.repeat(np.arange(60), 10)),
        arm(np.repeat(treatment, 10), units=np.repeat(np.arange(50), 10)),
        0.05,
        "two-sided",
    )
    assert repeated.p_value == alone.p_value
    assert repeated.interval.low == pytest.approx(alone.interval.low, rel=1e-9)
    assert repeated.std_error == pytest.approx(alone.std_error, rel=1e-9)


# Properties -----------------------------------------------------------------

values = st.one_of(
    st.lists(st.integers(0, 3).map(float), min_size=3, max_size=15),
    st.lists(st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=3, max_size=15),
)
LITTLE = Bootstrap(replicates=199)


def either(control, treatment, alternative="two-sided", alpha=0.05, metric=MEAN):
    try:
        return run(control, treatment, alternative, alpha, metric, LITTLE)
    except NotEstimable:
        return None


@given(values, values, st.sampled_from(ALTERNATIVES), st.sampled_from([0.02, 0.05, 0.1, 0.5]))
@settings(max_examples=100)
def test_intervals_exclude_no_effect_exactly_when_p_is_below_alpha(control, treatment, alternative, alpha):
    effect = either(control, treatment, alternative, alpha)
    for interval in () if effect is None else (effect.interval, effect.relative):
        if isinstance(interval, Interval):
            assert interval.excludes(0.0) == (effect.p_value < alpha)
        else:
            assert isinstance(interval, Unavailable)


@given(values, values, st.sampled_from(ALTERNATIVES), st.sampled_from([0.02, 0.05, 0.2]))
@settings(max_examples=60)
def test_the_same_holds_for_medians(control, treatment, alternative, alpha):
    effect = either(control, treatment, alternative, alpha, MedianMetric("m", "y"))
    for interval in () if effect is None else (effect.interval, effect.relative):
        if isinstance(interval, Interval):
            assert interval.excludes(0.0) == (effect.p_value < alpha)


@given(values, values, st.randoms())
@settings(max_examples=25)
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
@settings(max_examples=30)
def test_the_interval_follows_unit_and_origin(seed, scale, shift):
    generator = np.random.default_rng(seed)
    control, treatment = generator.exponential(size=12), generator.exponential(size=9)
    there = run(control, treatment, test=LITTLE)
    back = run(control * scale + shift, treatment * scale + shift, test=LITTLE)
    assert back.p_value == there.p_value
    # The shift costs digits in proportion to its size over that of the data.
    assert back.interval.low == pytest.approx(there.interval.low * scale, rel=1e-6, abs=1e-9 * abs(shift))
    if shift == 0 and isinstance(there.relative, Interval):
        assert back.relative.low == pytest.approx(there.relative.low, rel=1e-6)


def test_the_lift_does_not_depend_on_the_unit():
    generator = np.random.default_rng(5)
    control, treatment = generator.exponential(10, 80), generator.exponential(14, 80)
    euros, cents = run(control, treatment), run(control * 100, treatment * 100)
    assert cents.relative.low == pytest.approx(euros.relative.low, rel=1e-6)
    assert cents.relative.high == pytest.approx(euros.relative.high, rel=1e-6)


def test_a_negative_control_turns_the_one_sided_lift_round():
    generator = np.random.default_rng(6)
    control, treatment = generator.normal(-10, 1, 50), generator.normal(-8, 1, 50)
    effect = run(control, treatment, "greater")
    assert effect.p_value < 0.05
    assert effect.relative.low == -math.inf
    assert effect.relative.high < 0


def test_a_ratio_agrees_with_its_delta_method():
    generator = np.random.default_rng(7)
    arms = []
    for rate in (0.3, 0.33):
        views = generator.poisson(20, 2500) + 1.0
        arms.append(ArmSample({"a": generator.binomial(views.astype(int), rate) * 1.0, "b": views}, None, Ratio()))
    effect = bootstrap(*arms, 0.05, "two-sided")
    half = stats.norm.isf(0.025) * effect.std_error
    assert effect.interval.low == pytest.approx(effect.difference - half, abs=5 * 0.03 * effect.std_error)
    assert effect.relative.excludes(0)


def test_a_log_mean_has_the_lift_of_the_geometric_mean():
    generator = np.random.default_rng(8)
    metric = LogMetric("m", "y")
    logs = [ArmSample({metric.columns[0]: generator.normal(mu, 1, 60)}, None, metric) for mu in (0, 0.5)]
    effect = bootstrap(*logs, 0.05, "two-sided")
    assert effect.relative.low == pytest.approx(math.expm1(effect.interval.low))


def test_quantiles_of_a_negative_or_unclear_control_are_handled():
    generator = np.random.default_rng(9)
    below = run(generator.normal(-9, 1, 80), generator.normal(-7, 1, 80), "greater", metric=MedianMetric("m", "y"))
    assert below.relative.low == -math.inf
    unclear = run(generator.normal(0, 1, 80), generator.normal(0, 1, 80), metric=MedianMetric("m", "y"))
    assert "not distinguishable from 0" in unclear.relative.reason


# Refusals -------------------------------------------------------------------


def test_constant_empty_and_single_units_are_refused():
    for control, treatment, said in [
        ([1, 1, 1], [1, 1], "constant"),
        ([], [1, 2], "no units"),
        ([1], [1, 2], "only 1 unit"),
        ([1, np.inf], [1, 2], "infinite"),
    ]:
        with pytest.raises(NotEstimable, match=said):
            run(control, treatment)


def test_quantiles_that_all_resamples_share_are_refused():
    with pytest.raises(NotEstimable, match="same value"):
        run([0] * 90 + [1] * 10, [0] * 95 + [1] * 5, metric=MedianMetric("m", "y"))


def test_a_metric_it_cannot_resample_is_refused():
    @frozen
    class Odd:
        name = "odd"
        columns = ("y",)

    with pytest.raises(NotEstimable, match="function of means"):
        run([1, 2], [1, 3], metric=Odd())


def test_no_interval_where_too_few_replicates_can_reject():
    effect = run([1, 2, 3, 4], [3, 4, 5, 9], alpha=0.001, test=Bootstrap(replicates=99))
    assert "99 resamples cannot reject at level 0.001" in effect.interval.reason
    assert effect.relative == effect.interval
    assert effect.p_value >= 0.02


@pytest.mark.parametrize("options", [{"replicates": 98}, {"replicates": 999.0}, {"seed": -1}, {"seed": None}])
def test_options_are_checked(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Bootstrap(**options)


def test_the_seed_is_the_only_thing_that_changes_the_numbers():
    control, treatment = np.arange(9.0), np.arange(9.0) ** 1.2
    first, again, other = (run(control, treatment, test=Bootstrap(999, seed)) for seed in (1, 1, 2))
    assert (first.interval, first.p_value) == (again.interval, again.p_value)
    assert first.interval != other.interval


def test_asking_again_at_another_level_uses_the_same_resamples():
    control, treatment = arm(np.arange(9.0)), arm(np.arange(9.0) ** 1.3)
    wide, narrow = (bootstrap(control, treatment, alpha, "two-sided") for alpha in (0.01, 0.2))
    assert wide.p_value == narrow.p_value
    assert wide.interval.low < narrow.interval.low


# Level and coverage -----------------------------------------------------------

FEW_AND_MANY = [300, pytest.param(4000, marks=pytest.mark.slow)]


def at_95(experiments):
    """Half-width around 95 % within which 998 of 1,000 simulations of a true 95 % fall."""
    return 3.1 * math.sqrt(0.95 * 0.05 / experiments)


def coverage(draw, sizes, metric, truth, experiments, seed):
    generator, test, covered, made = np.random.default_rng(seed), Bootstrap(replicates=199), 0, 0
    for _ in range(experiments):
        try:
            effect = run(draw(generator, sizes[0]), draw(generator, sizes[1]) * (1 + truth), metric=metric, test=test)
        except NotEstimable:
            continue
        made += 1
        covered += not (effect.relative if truth else effect.interval).excludes(truth)
    return covered / made


@pytest.mark.simulation
@pytest.mark.parametrize("experiments", FEW_AND_MANY)
@pytest.mark.parametrize(
    ("draw", "sizes", "metric", "spare"),
    [
        # Percentiles of a quantile may cover a little more, of a few counts much more.
        pytest.param(lambda g, n: g.exponential(size=n), (25, 40), MEAN, 0.01, id="skewed mean"),
        pytest.param(lambda g, n: g.normal(size=n), (30, 30), MedianMetric("m", "y"), 0.03, id="median"),
        pytest.param(lambda g, n: g.poisson(1.678, n) * 1.0, (200, 200), MedianMetric("m", "y"), 0.05, id="counts"),
        pytest.param(lambda g, n: g.lognormal(0, 1, n), (100, 200), QuantileMetric("m", "y", q=0.9), 0.03, id="p90"),
    ],
)
def test_no_effect_is_covered_in_about_95_percent(draw, sizes, metric, spare, experiments):
    found = coverage(draw, sizes, metric, 0.0, experiments, 31)
    assert 0.95 - 0.01 - at_95(experiments) <= found <= 0.95 + spare + at_95(experiments)


@pytest.mark.simulation
@pytest.mark.parametrize("experiments", FEW_AND_MANY)
def test_a_true_lift_of_skewed_data_is_covered_in_about_95_percent(experiments):
    found = coverage(lambda g, n: g.exponential(10, n), (40, 40), MEAN, 0.3, experiments, 32)
    assert abs(found - 0.95) <= 0.01 + at_95(experiments)
