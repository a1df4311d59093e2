"""Capped, winsorised and logged means agree with NumPy, SciPy and their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xpyrment_core.errors import InputError, NotEstimable
from xpyrment_robust.derived import CappedMetric, LogMetric, WinsorizedMetric

VALUES = np.random.default_rng(1).lognormal(2, 1, 200)


def derived(metric, values):
    (column,) = metric.derive({metric.sources[0]: values}).values()
    return column


def mean(metric, values):
    return metric.value({metric.columns[0]: derived(metric, values).mean()})


def test_capping_sets_larger_values_to_the_cap_and_leaves_the_others():
    column = derived(CappedMetric("m", "y", cap=10.0, lower=1.0), VALUES)
    inside = (VALUES >= 1) & (VALUES <= 10)
    assert (column[VALUES > 10] == 10).all()
    assert (column[VALUES < 1] == 1).all()
    assert (column[inside] == VALUES[inside]).all()


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 0.9), (0.1, 0.9), (0.05, 1.0)])
def test_winsorising_an_exact_share_agrees_with_scipy(lower, upper):
    # 201 distinct values: the type 7 quantile at k/200 is the k-th value itself, which is where
    # scipy, cutting whole values, puts the cap as well.
    values = np.random.default_rng(2).permutation(np.linspace(1.0, 3.0, 201) ** 5)
    metric = WinsorizedMetric("m", "y", upper=upper, lower=lower)
    limits = (lower * 200 / 201 + 1e-9 if lower else 0, (1 - upper) * 200 / 201 + 1e-9 if upper < 1 else 0)
    wanted = np.asarray(stats.mstats.winsorize(values, limits=limits))
    np.testing.assert_allclose(derived(metric, values), wanted, rtol=1e-12)


def test_winsorising_uses_one_cap_for_rows_of_both_variants():
    both = np.concatenate([np.arange(100.0), np.arange(100.0) + 1000])
    column = derived(WinsorizedMetric("m", "y", upper=0.9), both)
    assert column[:100].max() == 99
    assert column[100:].max() == np.quantile(both, 0.9)


def test_the_log_mean_is_the_log_of_the_geometric_mean():
    assert np.exp(mean(LogMetric("m", "y"), VALUES)) == pytest.approx(stats.gmean(VALUES), rel=1e-12)


def test_offset_one_keeps_the_digits_of_small_values():
    tiny = np.array([1e-17, 3e-17])
    np.testing.assert_allclose(derived(LogMetric("m", "y", offset=1), tiny), tiny, rtol=1e-15)


def test_the_relative_effect_of_a_log_mean_is_the_lift_of_the_geometric_mean():
    metric = LogMetric("m", "y")
    difference = mean(metric, VALUES * 1.07) - mean(metric, VALUES)
    assert metric.relative(difference) == pytest.approx(0.07, abs=1e-12)


@pytest.mark.parametrize(("offset", "values", "count"), [(0.0, [1.0, 0.0, -2.0], 2), (1.0, [0.0, -1.0, 5.0], 1)])
def test_values_without_a_logarithm_are_counted_not_dropped(offset, values, count):
    with pytest.raises(NotEstimable, match=f"{count} of 3 values of 'y'"):
        derived(LogMetric("m", "y", offset=offset), np.array(values))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: CappedMetric("m", "y", cap=float("inf")), "cap must be a finite number, got inf"),
        (lambda: CappedMetric("m", "y", cap="9"), "cap must be a finite number, got '9'"),
        (lambda: CappedMetric("m", "y", cap=1, lower=1), "lower must be below cap"),
        (lambda: CappedMetric("m", "", cap=1), "value_col must be the name of a column"),
        (lambda: CappedMetric("", "y", cap=1), "name must be a name for reports"),
        (lambda: CappedMetric("m", "y", cap=1, pre_period_col=3), "pre_period_col must be the name of a column"),
        (lambda: WinsorizedMetric("m", "y", upper=99), r"got 0\.0 and 99\. Did you mean 0\.99\?"),
        (lambda: WinsorizedMetric("m", "y", upper=0.5, lower=0.5), "0 <= lower < upper <= 1"),
        (lambda: WinsorizedMetric("m", "y", upper=1.0), "cap nothing"),
        (lambda: LogMetric("m", "y", offset=-1), "offset must be 0 or positive, got -1"),
    ],
)
def test_parameters_are_checked_when_the_metric_is_written_down(make, said):
    with pytest.raises(InputError, match=said):
        make()


@given(st.integers(0, 10_000), st.floats(0.01, 1e4), st.floats(-1e4, 1e4))
@settings(max_examples=30)
def test_winsorised_means_follow_a_change_of_unit_and_origin(seed, scale, shift):
    values = np.random.default_rng(seed).normal(size=40)
    metric = WinsorizedMetric("m", "y", upper=0.9, lower=0.2)
    # Rounding of the shift is relative to its own size.
    assert mean(metric, values * scale + shift) == pytest.approx(mean(metric, values) * scale + shift, abs=1e-10 * 1e4)


def test_derived_metrics_name_their_source_and_their_own_column():
    metric = CappedMetric("m", "revenue", cap=5, pre_period_col="before")
    assert metric.sources == ("revenue",)
    assert metric.columns == ("capped revenue",)
    assert [c.columns for c in metric.covariates] == [("before",)]
    assert metric.gradient({}) == {"capped revenue": 1.0}
