"""Equivalence within a two-sided margin: statsmodels, both one-sided tests, intervals, surfaces and level."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind

import xpyrment as xp
from xpyrment_core.analysis.metric_spec import Margin
from xpyrment_core.errors import InputError
from xpyrment_core.plots.data import forest_data

# Closed forms on both sides.
RTOL = 1e-9


def data(seed=1, n=200, shift=0.1, spread=3.0):
    rng = np.random.default_rng(seed)
    variant = np.repeat(["control", "treatment"], [n, n + 10])
    y = rng.normal(20, spread, variant.size) + shift * (variant == "treatment")
    return pd.DataFrame({"variant": variant, "y": y, "pre": y + rng.normal(0, 2, y.size)})


def row(frame, margin, alpha=0.05, test="welch", **metric):
    experiment = xp.setup(frame, "variant").register_metric("y", role="guardrail", margin=margin, **metric)
    return experiment.run_analysis(alpha=alpha, test=test).raw_results[0]


@pytest.mark.parametrize(("test", "usevar"), [("welch", "unequal"), ("student", "pooled")])
@pytest.mark.parametrize("margin", [0.2, 0.5, 1.0, 2.0])
def test_the_p_value_is_that_of_statsmodels(test, usevar, margin):
    frame = data()
    arms = [frame.loc[frame["variant"] == arm, "y"] for arm in ("treatment", "control")]
    expected, low, high = ttost_ind(*arms, -margin, margin, usevar=usevar)
    ours = row(frame, f"±{margin}", test=test)
    assert ours["p_value"] == pytest.approx(expected, rel=RTOL)
    # Of the bound that is less clearly excluded.
    assert ours["statistic"] == pytest.approx(max(low, high, key=lambda one: one[1])[0], rel=RTOL)
    assert abs(ours["null_difference"]) == margin
    assert ours["verdict"] == ("equivalent" if expected < 0.05 else "not established")
    assert ours["alternative"] == "equivalence"


def test_the_interval_has_level_one_minus_two_alpha():
    frame = data()
    arms = [frame.loc[frame["variant"] == arm, "y"] for arm in ("treatment", "control")]
    interval = stats.ttest_ind(*arms, equal_var=False).confidence_interval(0.9)
    ours = row(frame, "±1")
    assert (ours["ci_lower"], ours["ci_upper"]) == pytest.approx((interval.low, interval.high), rel=RTOL)


@given(
    st.integers(0, 10_000), st.floats(-1, 1), st.floats(0.05, 1.5), st.sampled_from([0.01, 0.05, 0.2]), st.booleans()
)
@settings(max_examples=40, deadline=None)
def test_p_value_intervals_and_both_one_sided_tests_agree(seed, shift, margin, alpha, relative):
    frame = data(seed, n=60, shift=shift)
    size = f"{5 * margin}%" if relative else f"{margin}"
    ours = row(frame, f"+-{size}", alpha)
    sides = [row(frame, size, alpha, direction=direction) for direction in ("increase", "decrease")]
    assert ours["p_value"] == pytest.approx(max(side["p_value"] for side in sides), rel=1e-12)
    assume(abs(ours["p_value"] - alpha) > 1e-9)
    bound, low, high = margin, ours["ci_lower"], ours["ci_upper"]
    if relative:
        bound, low, high = 0.05 * margin, ours["rel_ci_lower"], ours["rel_ci_upper"]
    assert (ours["p_value"] < alpha) == (-bound < low and high < bound)


def test_swapping_the_variants_changes_nothing_but_the_sign():
    frame = data()
    swapped = frame.assign(variant=frame["variant"].map({"control": "treatment", "treatment": "control"}))
    one, two = row(frame, "±0.7"), row(swapped, "±0.7")
    assert one["p_value"] == pytest.approx(two["p_value"], rel=RTOL)
    assert one["null_difference"] == -two["null_difference"]


def test_covariates_adjust_an_equivalence_test():
    plain, adjusted = row(data(), "±0.5"), row(data(), "±0.5", covariate="pre")
    assert adjusted["cuped_applied"]
    assert adjusted["std_error"] < plain["std_error"]
    distance = adjusted["absolute_difference"] - adjusted["null_difference"]
    assert adjusted["statistic"] == pytest.approx(distance / adjusted["std_error"], rel=RTOL)


def test_the_level_is_kept_at_the_margin():
    # 400 experiments whose true difference is the margin; a binomial count of 20 has a standard deviation of 4.4.
    rejected = sum(row(data(seed, n=50, shift=1.5), "±1.5")["p_value"] < 0.05 for seed in range(400))
    assert 20 - 4 * 4.4 <= rejected <= 20 + 4 * 4.4


def test_proportions_are_tested_by_estimates():
    frame = data().assign(y=lambda d: (d["y"] > 20).astype(int))
    experiment = xp.setup(frame, "variant").register_metric("y", "proportion", role="guardrail", margin="±0.3")
    assert experiment.run_analysis().raw_results[0]["verdict"] == "equivalent"


@pytest.mark.parametrize(
    ("text", "margin"),
    [("±2%", Margin(0.02, True, True)), ("+/- 0.5", Margin(0.5, False, True)), ("+-1", Margin(1, False, True))],
)
def test_a_plus_minus_sign_makes_a_margin_two_sided(text, margin):
    assert Margin.parse(text) == margin


@pytest.mark.parametrize("text", ["±", "±-1", "±0", "±100%", "-+1", "±two"])
def test_a_margin_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="for equivalence '±2%'"):
        Margin.parse(text)


def test_an_alpha_without_an_interval_is_a_reason():
    ours = row(data(), "±1", alpha=0.6)
    assert (ours["status"], ours["p_value"]) == ("not_estimable", None)
    assert "alpha below 0.5" in ours["reason"]


def test_tables_reports_and_plots_show_equivalence(tmp_path):
    experiment = xp.setup(data(), "variant").register_metric("y", role="guardrail", margin="±10%")
    result = experiment.run_analysis()
    assert result.summary().iloc[0]["95% CI (Rel)"].endswith("] (90%)")
    plot = forest_data(result.results, 0.05)
    assert plot.rows[0].margins == (-0.1, 0.1)
    assert "(90% for equivalence)" in plot.subtitle
    for kind in ("html", "markdown"):
        assert "quivalent" in result.export(kind)
    figure = result.plot(backend="plotly")
    page = figure.to_json() if hasattr(figure, "to_json") else str(figure)
    assert "equivalence margin" in page
    again = xp.AnalysisResult(result.raw_results)
    assert again.results[0].verdict == "equivalent"


def test_an_experiment_file_may_have_a_two_sided_margin(tmp_path):
    data().to_parquet(tmp_path / "data.parquet")
    (tmp_path / "experiment.toml").write_text(
        '[experiment]\ndata = "data.parquet"\ntreatment_col = "variant"\n\n'
        '[[metrics]]\nname = "y"\nrole = "guardrail"\nmargin = "±10%"\n',
        encoding="utf-8",
    )
    from processes import program

    done = program("analyze", str(tmp_path / "experiment.toml"))
    assert "equivalent" in done.stdout, done.stderr
