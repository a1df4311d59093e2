"""Sample size, power and detectable effect agree with R and statsmodels, and with each other."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import power_proportions_2indep, samplesize_proportions_2indep_onetail

from xpyrment_core.choices import ALTERNATIVES
from xpyrment_core.errors import InputError
from xpyrment_power.answer import answer
from xpyrment_power.design import PLAN_TESTS, Design, power_at, treatment_size
from xpyrment_power.planning import minimum_detectable_effect, power, required_sample_size
from xpyrment_power.solve import size_for

CASES = json.loads((Path(__file__).parents[1] / "oracles" / "power.json").read_text())["cases"]

# Closed forms on both sides: rounding only.
RTOL = 1e-10
# R's noncentral t and ours, both good to eleven digits or so; R's roots to 1e-12.
NONCENTRAL = 1e-9


def cases(prefix, **wanted):
    return [
        case
        for case in CASES
        if case["name"].startswith(prefix) and all(case["input"].get(key) == value for key, value in wanted.items())
    ]


def side(word):
    return "two-sided" if word == "two.sided" else "greater"


def names(case):
    return case["name"]


@pytest.mark.parametrize(
    ("mde", "std", "ratio", "control", "treatment"),
    [(2.5, 15, 1, 566, 566), (5, 20, 1, 252, 252), (5, 20, 2, 189, 378), (0.05, 1, 1, 6280, 6280)],
)
def test_the_figures_of_the_command_lines_manual_are_met(mde, std, ratio, control, treatment):
    size = required_sample_size(mde, std, ratio=ratio)
    assert (size.control, size.treatment, size.total) == (control, treatment, control + treatment)


@pytest.mark.parametrize("case", cases("t n", strict=False), ids=names)
def test_the_t_tests_sample_size_is_rs_rounded_up(case):
    given = case["input"]
    size = required_sample_size(
        given["delta"], given["sd"], given["power"], given["alpha"], test="t", alternative=side(given["alternative"])
    )
    assert size.control == size.treatment == math.ceil(case["expected"]["n_per_arm"])


@pytest.mark.parametrize("case", cases("t power", strict=False), ids=names)
def test_the_t_tests_power_is_rs(case):
    given = case["input"]
    ours = power(
        given["delta"],
        given["n_per_arm"],
        given["sd"],
        given["alpha"],
        test="t",
        alternative=side(given["alternative"]),
    )
    assert ours == pytest.approx(case["expected"]["power"], rel=NONCENTRAL)


@pytest.mark.parametrize("case", cases("t delta", strict=False), ids=names)
def test_the_t_tests_detectable_effect_is_rs(case):
    given = case["input"]
    ours = minimum_detectable_effect(
        given["n_per_arm"],
        given["sd"],
        given["power"],
        given["alpha"],
        test="t",
        alternative=side(given["alternative"]),
    )
    assert ours == pytest.approx(case["expected"]["delta"], rel=NONCENTRAL)


@pytest.mark.parametrize("case", [c for c in cases("pwr t2n") if "power" in c["expected"]], ids=names)
def test_the_t_tests_power_with_unequal_arms_is_that_of_pwr(case):
    given = case["input"]
    ratio = given["n_treatment"] / given["n_control"]
    alternative = {"two.sided": "two-sided"}.get(given["alternative"], given["alternative"])
    ours = power(given["d"], given["n_control"], 1, given["alpha"], ratio, "t", alternative=alternative)
    # pwr adds the tail on the wrong side, at most 0.001 here; one-sided there is none.
    slack = 0 if alternative != "two-sided" else 1e-3
    assert ours <= case["expected"]["power"] * (1 + NONCENTRAL)
    assert ours == pytest.approx(case["expected"]["power"], rel=NONCENTRAL, abs=slack)


@pytest.mark.parametrize("case", cases("proportion n", strict=False), ids=names)
def test_the_sample_size_of_proportions_is_that_of_rs_power_prop_test(case):
    given = case["input"]
    size = required_sample_size(
        given["p_treatment"] - given["p_control"],
        power=given["power"],
        alpha=given["alpha"],
        baseline=given["p_control"],
        alternative=side(given["alternative"]),
    )
    assert size.exact == pytest.approx(case["expected"]["n_per_arm"], rel=1e-8)
    assert size.control == math.ceil(case["expected"]["n_per_arm"])


@pytest.mark.parametrize("case", cases("proportion power", strict=False), ids=names)
def test_the_power_of_proportions_is_that_of_rs_power_prop_test(case):
    given = case["input"]
    ours = power(
        given["p_treatment"] - given["p_control"],
        given["n_per_arm"],
        alpha=given["alpha"],
        baseline=given["p_control"],
        alternative=side(given["alternative"]),
    )
    assert ours == pytest.approx(case["expected"]["power"], rel=RTOL)


@pytest.mark.parametrize("case", cases("proportion p_treatment", strict=False), ids=names)
def test_the_detectable_change_of_a_proportion_is_rs(case):
    given = case["input"]
    ours = minimum_detectable_effect(
        given["n_per_arm"],
        power=given["power"],
        alpha=given["alpha"],
        baseline=given["p_control"],
        alternative=side(given["alternative"]),
    )
    assert given["p_control"] + ours == pytest.approx(case["expected"]["p_treatment"], rel=1e-9)


@pytest.mark.parametrize("ratio", [0.25, 1, 3])
def test_statsmodels_sizes_unequal_arms_of_proportions_alike(ratio):
    theirs = samplesize_proportions_2indep_onetail(0.02, 0.1, 0.8, ratio=ratio, alpha=0.05, alternative="larger")
    # statsmodels gives the size of its first group, here treatment; the other is `ratio` times as large.
    size = required_sample_size(0.02, baseline=0.1, ratio=1 / ratio, alternative="greater")
    assert size.exact / ratio == pytest.approx(theirs, rel=1e-9)


def test_statsmodels_has_the_same_power_of_proportions_one_sided():
    theirs = power_proportions_2indep(0.02, 0.1, 2000, alpha=0.05, alternative="larger").power
    assert power(0.02, 2000, baseline=0.1, alternative="greater") == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("ratio", [0.25, 1, 2])
def test_statsmodels_has_the_same_power_of_means_one_sided(ratio):
    for test, theirs in (("z", NormalIndPower()), ("t", TTestIndPower())):
        expected = theirs.power(0.3, 100, 0.05, ratio=ratio, alternative="larger")
        assert power(0.3, 100, 1, 0.05, ratio, test, alternative="greater") == pytest.approx(expected, rel=NONCENTRAL)


@pytest.mark.parametrize("case", cases("non-inferiority mean"), ids=names)
def test_the_size_of_a_non_inferiority_trial_of_means_is_the_closed_form(case):
    given = case["input"]
    size = required_sample_size(
        given["true_difference"],
        given["sd"],
        given["power"],
        given["alpha"],
        given["ratio"],
        margin=given["margin"],
        alternative="greater",
    )
    assert size.exact == pytest.approx(case["expected"]["n_control"], rel=RTOL)


@pytest.mark.parametrize("case", cases("non-inferiority proportion"), ids=names)
def test_the_size_of_a_non_inferiority_trial_of_proportions_is_the_closed_form(case):
    given = case["input"]
    size = required_sample_size(
        given["p_treatment"] - given["p_control"],
        power=given["power"],
        alpha=given["alpha"],
        baseline=given["p_control"],
        margin=given["margin"],
        alternative="greater",
    )
    assert size.exact == pytest.approx(case["expected"]["n_per_arm"], rel=RTOL)


designs = st.builds(
    Design,
    std=st.floats(0.1, 100),
    alpha=st.sampled_from([0.01, 0.05, 0.1]),
    ratio=st.just(1.0) | st.floats(0.2, 5),
    test=st.sampled_from(PLAN_TESTS),
    alternative=st.sampled_from(["two-sided", "greater"]),
    arms=st.integers(1, 4),
    covariate_correlation=st.floats(-0.9, 0.9),
) | st.builds(
    Design,
    baseline=st.floats(0.05, 0.5),
    alpha=st.sampled_from([0.01, 0.05, 0.1]),
    ratio=st.just(1.0) | st.floats(0.2, 5),
    alternative=st.sampled_from(["two-sided", "greater"]),
    arms=st.integers(1, 4),
)


@given(designs, st.floats(0.03, 0.9), st.sampled_from([0.5, 0.8, 0.9, 0.99]))
@settings(max_examples=150)
def test_the_size_is_the_smallest_that_reaches_the_power(design, share, target):
    effect = share * (design.std or 0.5)
    size = size_for(design, effect, target)
    assert power_at(design, effect, size.control, size.treatment) >= target * (1 - 1e-12) or design.ratio != 1
    if size.control > 3:
        smaller = size.control - 1
        before = power_at(design, effect, smaller, treatment_size(smaller, design.ratio))
        # The formula of the z test rounds both arms up apart, so that one less may still do with unequal arms.
        assert before < target or (design.test == "z" and design.ratio != 1)


@given(designs, st.integers(20, 100_000), st.sampled_from([0.5, 0.8, 0.9, 0.99]))
@settings(max_examples=150)
def test_effect_size_and_power_go_round(design, n, target):
    # A proportion has room for a detectable change from a few hundred units on.
    n = n + 1000 if design.is_proportion else n
    found = answer(design, n=n, power=target)
    assert found.power == pytest.approx(target, abs=1e-9)
    assert answer(design, mde=found.effect, n=n).power == pytest.approx(target, abs=1e-9)
    if design.ratio == 1:
        assert size_for(design, found.effect * 1.0001, target).control <= n


@given(st.floats(0.01, 1), st.floats(0.1, 10), st.floats(0.1, 1000), st.sampled_from(PLAN_TESTS))
@settings(max_examples=60)
def test_only_the_ratio_of_effect_to_spread_matters(effect, std, scale, test):
    one = power(effect, 50, std, test=test)
    assert power(effect * scale, 50, std * scale, test=test) == pytest.approx(one, rel=1e-9)


def test_sample_size_is_invariant_to_swapping_success_and_failure():
    assert power(0.05, 500, baseline=0.2) == pytest.approx(power(-0.05, 500, baseline=0.8), rel=1e-12)


def test_a_covariate_saves_the_square_of_its_correlation():
    plain, adjusted = (required_sample_size(1, 10, covariate_correlation=r).exact for r in (0, 0.6))
    assert adjusted == pytest.approx(plain * (1 - 0.36), rel=1e-12)


def test_several_arms_share_alpha_and_add_up():
    size = required_sample_size(1, 10, arms=3, alpha=0.06)
    assert size.control == required_sample_size(1, 10, alpha=0.02).control
    assert size.total == size.control + 3 * size.treatment


@pytest.mark.parametrize("mde", ["2.5%", " 2.5 %", "0.025"])
def test_relative_effects_are_shares_of_the_baseline(mde):
    relative = mde == "0.025"
    assert required_sample_size(mde, 15, baseline=100, relative=relative).control == 566
    assert required_sample_size(0.025, 15, baseline=100, relative=True).effect == 2.5


def test_duration_rounds_up_to_whole_days():
    assert required_sample_size(2.5, 15).days(1132) == 1
    assert required_sample_size(2.5, 15).days(1131) == 2


def test_a_ratio_that_is_not_exact_in_binary_does_not_add_a_unit():
    assert treatment_size(30, 0.1) == 3
    assert treatment_size(1000, 0.001) == 1


def test_less_looks_for_a_decrease():
    assert minimum_detectable_effect(100, 1, alternative="less") == pytest.approx(
        -minimum_detectable_effect(100, 1, alternative="greater")
    )
    assert power(-0.3, 100, 1, alternative="less") == pytest.approx(power(0.3, 100, 1, alternative="greater"))


@pytest.mark.simulation
@pytest.mark.parametrize("test", PLAN_TESTS)
def test_simulated_experiments_reject_as_often_as_planned(test):
    rng = np.random.default_rng(20240501)
    size = required_sample_size(1.0, 2.0, 0.8, ratio=2, test=test)
    control = rng.normal(0, 2, (20_000, size.control))
    treatment = rng.normal(1, 2, (20_000, size.treatment))
    rejected = np.mean(stats.ttest_ind(treatment, control, axis=1).pvalue < 0.05)
    # Four standard errors of 20,000 replicates; the z formula is about one unit short per arm.
    assert rejected == pytest.approx(size.power, abs=4 * math.sqrt(0.16 / 20_000) + (0.005 if test == "z" else 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mde": 0, "std": 1}, "mde must not be 0"),
        ({"mde": math.nan, "std": 1}, "mde must be a finite number"),
        ({"mde": "two", "std": 1}, "got 'two'"),
        ({"mde": "5%", "std": 1}, "a relative mde needs a baseline other than 0, got none"),
        ({"mde": "5%", "std": 1, "baseline": 0}, "a relative mde needs a baseline other than 0, got 0"),
        ({"mde": 1}, "std is missing"),
        ({"mde": 1, "std": 0}, "std must be a positive number, got 0"),
        ({"mde": 1, "std": math.inf}, "std must be a positive number, got inf"),
        ({"mde": 1, "std": True}, "std must be a positive number, got True"),
        ({"mde": 1, "std": 1, "power": 1}, "power must lie between 0 and 1, got 1"),
        ({"mde": 1, "std": 1, "power": 80}, "Did you mean 0.8?"),
        ({"mde": 1, "std": 1, "power": 0.01}, "power must be above 0.025"),
        ({"mde": 1, "std": 1, "alpha": 5}, "alpha must lie between 0 and 1, got 5"),
        ({"mde": 1, "std": 1, "ratio": -1}, "ratio must be a positive number"),
        ({"mde": 1, "std": 1, "arms": 0}, "arms must be a whole number"),
        ({"mde": 1, "std": 1, "test": "tt"}, "test 'tt' is not one of: 't', 'z'"),
        ({"mde": 1, "std": 1, "alternative": "larger"}, "alternative 'larger' is not one of"),
        ({"mde": 1, "std": 1, "covariate_correlation": 1}, "covariate correlation must be"),
        ({"mde": -2.5, "std": 1, "alternative": "greater"}, "must lie above 0, got -2.5. Did you mean 2.5?"),
        ({"mde": 2.5, "std": 1, "alternative": "less"}, "must lie below 0, got 2.5. Did you mean -2.5?"),
        ({"mde": -3, "std": 1, "alternative": "greater", "margin": 2}, "must lie above -2, got -3"),
        ({"mde": 0, "std": 1, "margin": 1}, "a margin needs a direction"),
        ({"mde": 0, "std": 1, "margin": -1, "alternative": "greater"}, "margin must be 0 or a positive number"),
        ({"mde": 0.1, "baseline": 1.5}, "its baseline must lie between 0 and 1, got 1.5"),
        ({"mde": 0.6, "baseline": 0.5}, "from 0.5 to 1.1, which must lie between 0 and 1"),
        ({"mde": 0.1, "baseline": 0.5, "test": "t"}, "test 't' is for means"),
        ({"mde": 1e-12, "std": 1000}, "would need more than"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(arguments, message):
    with pytest.raises(InputError) as refused:
        required_sample_size(**arguments)
    assert message in str(refused.value)


@pytest.mark.parametrize("n", [1, 0, -5, 2.5, True, "100"])
def test_a_control_group_is_a_whole_number_of_at_least_two(n):
    with pytest.raises(InputError, match="n must be a whole number of units in control, at least 2"):
        power(1, n, 1)
    with pytest.raises(InputError, match="n must be a whole number"):
        minimum_detectable_effect(n, 1)


def test_numpy_numbers_are_numbers():
    size = required_sample_size(np.float64(2.5), np.int64(15))
    assert size.control == 566
    assert power(2.5, np.int64(566), 15) == pytest.approx(size.power)


def test_too_few_units_for_any_change_of_a_proportion_are_said_to_be():
    with pytest.raises(InputError, match="n must be larger: 3 units in control detect no change"):
        minimum_detectable_effect(3, baseline=0.9, alternative="greater")


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_every_alternative_has_a_detectable_effect(alternative):
    assert minimum_detectable_effect(1000, baseline=0.3, alternative=alternative) != 0


@pytest.mark.parametrize("unit", [1e-150, 1e-82, 1e80, 1e140])
@pytest.mark.parametrize("test", PLAN_TESTS)
def test_planning_does_not_depend_on_the_unit(test, unit):
    size = required_sample_size(2.5 * unit, std=15 * unit, test=test)
    assert size.control == required_sample_size(2.5, std=15, test=test).control
    assert power(2.5 * unit, size.control, std=15 * unit, test=test) == pytest.approx(size.power, rel=1e-12)
    effect = minimum_detectable_effect(size.control, std=15 * unit, test=test)
    assert effect / unit == pytest.approx(minimum_detectable_effect(size.control, std=15, test=test), rel=1e-12)
