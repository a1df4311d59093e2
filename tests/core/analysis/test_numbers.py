"""Numbers of one row agree with one another: lift, interval, p-value, statistic and verdict of one estimand."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

import xpyrment as xp
from xpyrment_core.stats.distributions import p_value
from xpyrment_core.stats.power import detectable
from xpyrment_core.values.estimates import Effect, Interval

ARMS = ("control", "treatment")


def row(control, treatment, **options):
    """Return the row of the means of two samples."""
    frame = pd.DataFrame({"variant": np.repeat(ARMS, [len(control), len(treatment)]), "y": [*control, *treatment]})
    return xp.setup(frame, "variant").register_metric("y").run_analysis(**options).raw_results[0]


RNG = np.random.default_rng(3)
NOISE = RNG.normal(size=(2, 60)) / 2


@pytest.mark.parametrize("relative_interval", ["fieller", "delta", "log"])
@pytest.mark.parametrize("test", ["welch", "student", "bootstrap"])
def test_a_lift_over_a_negative_control_mean_has_the_sign_of_the_difference(test, relative_interval):
    found = row(-14.2 + NOISE[0], -4.9 + NOISE[1], test=test, relative_interval=relative_interval)
    assert found["relative_lift"] == pytest.approx(found["absolute_difference"] / abs(found["control_mean"]))
    assert 0 < found["rel_ci_lower"] < found["relative_lift"] < found["rel_ci_upper"]
    assert found["verdict"] == "better"
    # The same data with the opposite sign are the mirrored comparison.
    mirrored = row(14.2 - NOISE[0], 4.9 - NOISE[1], test=test, relative_interval=relative_interval)
    assert mirrored["relative_lift"] == pytest.approx(-found["relative_lift"])
    if test != "bootstrap":
        ends = mirrored["rel_ci_lower"], mirrored["rel_ci_upper"]
        assert ends == pytest.approx((-found["rel_ci_upper"], -found["rel_ci_lower"]))


@pytest.mark.parametrize("alternative", ["greater", "less"])
def test_one_sided_lifts_over_a_negative_control_mean_open_at_the_same_side_as_the_difference(alternative):
    found = row(-14.2 + NOISE[0], -13 + NOISE[1], alternative=alternative)
    assert (found["ci_lower"] is None) == (found["rel_ci_lower"] is None)
    assert (found["ci_upper"] is None) == (found["rel_ci_upper"] is None)


def test_there_is_no_lift_where_its_interval_is_unbounded():
    found = row(NOISE[0] - NOISE[0].mean() + 0.01, NOISE[1] + 0.3)
    assert found["status"] == "ok"
    assert (found["relative_lift"], found["rel_ci_lower"]) == (None, None)
    assert "not distinguishable from 0" in found["reason"]


def test_a_rank_test_has_no_lift_of_the_mean():
    found = row(NOISE[0] + 5, NOISE[1] + 6, test="mannwhitney")
    assert found["relative_lift"] is None
    assert 0 < found["absolute_difference"] < 0.5


def test_a_lift_without_spread_has_a_reason_instead_of_a_point():
    found = row(NOISE[0] + 5, np.zeros(60))
    assert (found["rel_ci_lower"], found["rel_ci_upper"]) == (None, None)
    assert "no spread" in found["reason"]


def test_two_constants_have_a_difference_without_inference():
    found = row([3.0] * 3, [5.0] * 3)
    assert found["status"] == "not_estimable"
    assert (found["absolute_difference"], found["relative_lift"]) == (2.0, pytest.approx(2 / 3))
    assert (found["p_value"], found["ci_lower"]) == (None, None)


@given(
    st.lists(st.floats(-5, 5), min_size=4, max_size=20), st.lists(st.floats(-5, 5), min_size=4, max_size=20),
    st.sampled_from(["delta", "log"]),
)  # fmt: skip
def test_a_relative_interval_agrees_with_the_p_value_or_says_that_it_does_not(control, treatment, method):
    found = row(control, treatment, relative_interval=method)
    if found["status"] != "ok" or found["rel_ci_lower"] is None:
        return
    excludes = found["rel_ci_lower"] > 0 or found["rel_ci_upper"] < 0
    noted = any("does not agree with the p-value" in note for note in found["notes"])
    assert noted == (excludes != (found["p_value"] < 0.05))


def test_the_statistic_of_a_guardrail_gives_its_p_value():
    frame = pd.DataFrame({"variant": np.repeat(ARMS, 60), "y": [*(NOISE[0] + 5), *(NOISE[1] + 5)]})
    for margin in (0.2, "5%"):
        experiment = xp.setup(frame, "variant").register_metric("y", role="guardrail", margin=margin)
        found = experiment.run_analysis().raw_results[0]
        assert p_value(found["statistic"], found["df"], "greater") == pytest.approx(found["p_value"], rel=1e-12)


def contradictory(change):
    """Return Welch's test with some of its numbers changed."""
    welch = xp.default_host().get("test", "welch").load()

    def test(control, treatment, alpha, alternative):
        effect = welch(control, treatment, alpha, alternative)
        return evolve(effect, **change(effect))

    return test


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda effect: {"p_value": 0.9}, "lead to different conclusions"),
        (lambda effect: {"p_value": effect.p_value / 2}, "the statistic .* has p ="),
        (lambda effect: {"difference": effect.difference + 9}, "difference .* is outside its interval"),
        (lambda effect: {"relative": Interval(3.0, 4.0, 0.95)}, "the lift .* is outside its interval"),
    ],
)
def test_a_test_whose_numbers_contradict_each_other_is_named(change, message):
    frame = pd.DataFrame({"variant": np.repeat(ARMS, 60), "y": [*(NOISE[0] + 5), *(NOISE[1] + 5.5)]})
    result = xp.setup(frame, "variant").register_metric("y").run_analysis(test=contradictory(change))
    assert any(re.search(message, issue.message) for issue in result.issues)
    assert all("test" in issue.message and issue.severity == "warning" for issue in result.issues)
    assert xp.setup(frame, "variant").register_metric("y").run_analysis().issues == ()


def test_a_correction_that_lowers_p_values_is_named():
    frame = pd.DataFrame({"variant": np.repeat(ARMS, 60), "y": [*NOISE[0], *NOISE[1]]})
    experiment = xp.setup(frame, "variant").register_metric("y")
    result = experiment.run_analysis(multi_test_correction=lambda p_values: p_values / 10)
    assert "corrected p-value" in result.issues[0].message


def test_a_relative_margin_is_a_lift_not_a_difference():
    frame = pd.DataFrame({"variant": np.repeat(ARMS, 60), "y": [*(NOISE[0] + 5), *(NOISE[1] + 5)]})
    experiment = xp.setup(frame, "variant").register_metric("y", role="guardrail", margin="5%")
    found = experiment.run_analysis().raw_results[0]
    assert (found["null_difference"], found["null_lift"]) == (None, -0.05)
    assert (found["rel_ci_lower"] > -0.05) == (found["p_value"] < 0.05)


def test_covariates_of_a_call_are_added_to_the_one_that_is_named_after_the_metric():
    n = 400
    frame = pd.DataFrame({"variant": np.tile(ARMS, n // 2), "age": RNG.normal(size=n), "pre_y": RNG.normal(size=n)})
    frame["y"] = frame["pre_y"] + RNG.normal(size=n)
    experiment = xp.setup(frame, "variant", covariates=["pre_y"]).register_metric("y")
    found = experiment.run_analysis(covariates=["age"]).raw_results[0]
    assert found["covariates"] == ["pre_y", "age"]
    assert any("matched by its name" in note for note in found["notes"])
    alone = xp.setup(frame, "variant").register_metric("y").run_analysis(covariates=["age"]).raw_results[0]
    assert found["std_error"] < 0.8 * alone["std_error"]


def test_a_treatment_may_be_an_array_of_labels():
    frame = pd.DataFrame({"variant": np.tile(["a", "b", "c"], 40), "y": RNG.normal(size=120)})
    experiment = xp.setup(frame, "variant").register_metric("y")
    result = experiment.run_analysis("a", frame["variant"].unique()[1:], alpha=np.float64(0.05))
    assert [found["treatment"] for found in result.raw_results] == ["b", "c"]
    assert "alpha" in result.to_json()
    assert result.export("html")


@pytest.mark.parametrize("df", [0.2, 0.9])
def test_the_detectable_effect_below_one_degree_of_freedom_is_none(df):
    effect = Effect(difference=1.0, p_value=0.5, interval=Interval(-1, 1, 0.99), std_error=1.0, statistic=1.0, df=df)
    assert detectable(effect, 0.01) is None


def test_there_is_no_detectable_effect_at_a_level_above_the_power():
    effect = Effect(difference=1.0, p_value=0.5, interval=Interval(-1, 1, 0.1), std_error=1.0, statistic=1.0, df=None)
    assert detectable(effect, 0.9) is None
    assert detectable(effect, 0.7) > 0


@pytest.mark.parametrize("effect", [1.5, 1.7, 1.9, 2.1, 5.0])
def test_planned_power_of_large_effects_is_one(effect):
    assert xp.power(effect, n=1000, std=1, test="t") == 1.0


@pytest.mark.parametrize("effect", [0.05, 0.1, 0.2])
def test_planned_power_is_that_of_the_noncentral_t_distribution(effect):
    df, shift = 1998, effect / math.sqrt(2 / 1000)
    wanted = stats.nct.sf(stats.t.ppf(0.975, df), df, shift)
    assert xp.power(effect, n=1000, std=1, test="t") == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("test", ["z", "t"])
@pytest.mark.parametrize("ratio", [0.2, 1, 3])
def test_sizes_are_at_least_two_per_variant(test, ratio):
    size = xp.required_sample_size(mde=50, std=1, test=test, ratio=ratio)
    assert min(size.control, size.treatment) >= 2


@pytest.mark.parametrize("df", [1.0, 1.2, 3.0, 30.0])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-3, 1e-5, 1e-8, 1e-12])
def test_the_minimum_detectable_effect_has_its_power(df, alpha):
    cut = -stats.t.ppf(alpha / 2, df)
    effect = Effect(difference=0.0, p_value=1.0, interval=Interval(-1.0, 1.0, 0.95), std_error=1.0, df=df)
    shift = detectable(effect, alpha)
    # P(T > cut) = E Phi(shift - cut S), S the root of chi-square over df. Past a cut of 1000 the normal part is
    # left out, which costs about 1e-6 of the power.
    power = integrate.quad(
        lambda u: stats.norm.cdf(shift - cut * math.sqrt(stats.chi2.ppf(u, df) / df)), 0, 1, limit=400, points=[0.8]
    )[0]
    assert power == pytest.approx(0.8, abs=1e-4)


def test_one_metric_whose_lift_overflows_leaves_the_others():
    frame = pd.DataFrame(
        {"variant": np.repeat(ARMS, 3), "y": [1e-300, 1.0, 1e300, 1.0, 1e-300, 1e290], "z": [1.0, 2, 3, 2, 3, 5]}
    )
    experiment = xp.setup(frame, "variant").register_metric("y", "log").register_metric("z")
    for method in ("holm", "fdr_bh", "dunnett"):
        rows = experiment.run_analysis(multi_test_correction=method).raw_results
        assert [found["status"] for found in rows] == ["ok", "ok"]
        assert (rows[0]["rel_ci_upper"], rows[1]["p_value"] is None) == (None, False)


def test_a_p_value_that_underflows_is_positive():
    found = row([0.0, 1e-9, 0.0, 1e-9], [1.0, 1.0 + 1e-9, 1.0, 1.0 + 1e-9], test="z")
    assert 0 < found["p_value"] < 1e-300
