"""Metrics and tests that read unit-level values, through `run_analysis` and every kind of frame."""

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

import xpyrment as xp
from xpyrment_resampling.bootstrap import Bootstrap
from xpyrment_resampling.permutation import Permutation

GENERATOR = np.random.default_rng(20)
ROWS = 1500
FRAME = pd.DataFrame(
    {
        "user": np.arange(ROWS),
        "variant": np.where(GENERATOR.random(ROWS) < 0.5, "control", "treatment"),
        "spend": GENERATOR.lognormal(2, 1, ROWS).round(2),
        "before": GENERATOR.normal(size=ROWS),
        "orders": GENERATOR.poisson(0.5, ROWS),
    }
)
FRAME.loc[FRAME.variant == "treatment", "spend"] *= 1.1
CONTROL = FRAME.spend[FRAME.variant == "control"].to_numpy()
TREATMENT = FRAME.spend[FRAME.variant == "treatment"].to_numpy()
FAST = Bootstrap(replicates=499)


def analyse(metric_type, data=FRAME, id_col=None, value_col="spend", options=None, **analysis):
    experiment = xp.setup(data, "variant", id_col=id_col)
    experiment.register_metric("m", metric_type, value_col, **(options or {}))
    (row,) = experiment.run_analysis(**analysis).raw_results
    return row


def test_a_capped_mean_is_welch_on_the_capped_column():
    row = analyse("capped", options={"cap": 20})
    wanted = stats.ttest_ind(np.minimum(TREATMENT, 20), np.minimum(CONTROL, 20), equal_var=False)
    assert row["p_value"] == pytest.approx(wanted.pvalue, rel=1e-10)
    assert row["metric_type"] == "Capped mean"


def test_a_winsorized_mean_is_welch_on_the_column_capped_for_both_variants():
    row = analyse("winsorized", options={"upper": 0.95})
    cap = np.quantile(FRAME.spend, 0.95)
    wanted = stats.ttest_ind(np.minimum(TREATMENT, cap), np.minimum(CONTROL, cap), equal_var=False)
    assert row["p_value"] == pytest.approx(wanted.pvalue, rel=1e-10)


@pytest.mark.parametrize(
    "test", ["welch", FAST, Permutation(replicates=499)], ids=["welch", "bootstrap", "permutation"]
)
def test_the_lift_of_a_log_mean_is_that_of_the_geometric_mean_in_any_unit(test):
    row = analyse("log", test=test)
    cents = analyse("log", FRAME.assign(spend=FRAME.spend * 100), test=test)
    assert row["relative_lift"] == pytest.approx(stats.gmean(TREATMENT) / stats.gmean(CONTROL) - 1, rel=1e-9)
    assert row["rel_ci_lower"] == pytest.approx(math.expm1(row["ci_lower"]))
    for key in ("relative_lift", "rel_ci_lower", "rel_ci_upper"):
        assert cents[key] == pytest.approx(row[key], rel=1e-6)


def test_values_without_logarithm_leave_the_other_metrics_alone():
    experiment = xp.setup(FRAME, "variant").register_metric("logs", "log", "orders").register_metric("orders")
    logs, mean = experiment.run_analysis().raw_results
    assert logs["status"] == "not_estimable"
    assert "values of 'orders' are 0 or less" in logs["reason"]
    assert mean["status"] == "ok"


def test_a_relative_margin_of_a_log_mean_is_refused_with_the_way_out():
    row = analyse("log", options={"role": "guardrail", "margin": "2%"})
    assert "give the margin as a number" in row["reason"]


def test_a_derived_mean_takes_a_covariate_like_any_mean():
    frame = FRAME.assign(before=FRAME.spend**0.5 + FRAME.before)
    row = analyse("winsorized", frame, options={"covariate": "before"})
    assert row["cuped_applied"]
    assert row["variance_reduction"] > 0.3


def test_quantiles_report_the_quantiles():
    row = analyse("quantile", options={"q": 0.9})
    assert row["control_mean"] == pytest.approx(np.quantile(CONTROL, 0.9))
    assert row["treatment_mean"] == pytest.approx(np.quantile(TREATMENT, 0.9))
    assert row["test"] == "z"


def test_rank_test_agrees_with_scipy_for_every_metric_of_the_column():
    wanted = stats.mannwhitneyu(TREATMENT, CONTROL)
    for metric_type in ("mean", "median"):
        row = analyse(metric_type, test="mannwhitney")
        assert row["p_value"] == pytest.approx(wanted.pvalue, rel=1e-9)
        assert row["extra"]["u"] == wanted.statistic


def test_a_rank_test_of_a_median_without_noise_shows_no_value_instead_of_a_wrong_one():
    assert "compare the mean" in analyse("median", value_col="orders")["reason"]
    row = analyse("median", value_col="orders", test="mannwhitney")
    assert row["status"] == "ok"
    assert row["control_mean"] is None
    assert row["relative_lift"] is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pl.from_pandas(FRAME), id="polars"),
        pytest.param(pl.from_pandas(FRAME).lazy(), id="lazy polars"),
        pytest.param(FRAME.sample(frac=1, random_state=1), id="other order of rows"),
    ],
)
@pytest.mark.parametrize("metric_type", ["winsorized", "median"])
def test_frames_and_orders_of_rows_give_the_same_bootstrap(data, metric_type):
    here, there = (analyse(metric_type, d, test=FAST) for d in (FRAME, data))
    for key in ("p_value", "ci_lower", "ci_upper", "rel_ci_lower"):
        assert there[key] == pytest.approx(here[key], rel=1e-9)


@pytest.mark.parametrize("metric_type", ["mean", "winsorized", "median"])
def test_rows_repeated_within_units_do_not_add_information(metric_type):
    repeated = FRAME.loc[np.repeat(FRAME.index, 5)].reset_index(drop=True)
    once, often = analyse(metric_type, id_col="user"), analyse(metric_type, repeated, id_col="user")
    assert often["control_n"] == once["control_n"]
    # Pooled type 7 quantiles of repeated rows move by less than a gap between two values.
    assert often["std_error"] == pytest.approx(once["std_error"], rel=0.15 if metric_type == "median" else 0.01)


@pytest.mark.parametrize(("test", "metric_type"), [("mannwhitney", "mean"), ("bootstrap", "median")])
def test_tests_that_need_independent_rows_say_so_where_units_repeat(test, metric_type):
    repeated = FRAME.loc[np.repeat(FRAME.index, 2)].reset_index(drop=True)
    assert "units have several rows" in analyse(metric_type, repeated, id_col="user", test=test)["reason"]


def test_a_test_object_is_used_under_its_own_name_and_corrected_like_others():
    experiment = xp.setup(FRAME, "variant").register_metric("spend").register_metric("orders", "median")
    experiment.register_metric("p75", "quantile", "spend", q=0.75)
    result = experiment.run_analysis(test=FAST, multi_test_correction="bonferroni")
    spend, orders, p75 = result.raw_results
    assert spend["test"] == "bootstrap"
    assert spend["extra"]["replicates"] == 499
    assert spend["extra"]["seed"] == FAST.seed
    assert orders["status"] == "not_estimable"
    assert p75["p_value"] >= p75["p_value_raw"]
    assert (p75["simultaneous_ci_lower"] > 0) == (p75["p_value"] < 0.05)
