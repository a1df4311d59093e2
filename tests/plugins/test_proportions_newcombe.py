"""Newcombe's interval agrees with its paper and others, and its p-value with the interval."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from xpyrment_core.choices import ALTERNATIVES
from xpyrment_core.errors import NotEstimable
from xpyrment_core.values.estimates import Counts, Interval, Unavailable
from xpyrment_proportions.newcombe import newcombe, wilson

ORACLES = Path(__file__).parents[1] / "oracles"
CASES = json.loads((ORACLES / "proportions_score.json").read_text())["cases"]
BASE_R = {case["name"]: case for case in json.loads((ORACLES / "proportions.json").read_text())["cases"]}

# The same closed forms on both sides: only rounding may differ.
RTOL = 1e-11
ATOL = 1e-13


def arms(case):
    given = case["input"]
    return (
        Counts(int(given["x_control"]), int(given["n_control"])),
        Counts(int(given["x_treatment"]), int(given["n_treatment"])),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_the_interval_of_the_difference_agrees_with_forty_digits(case):
    for row in case["expected"]["newcombe"]:
        interval = newcombe(*arms(case), 1 - row["conf_level"], "two-sided").interval
        assert (interval.low, interval.high) == pytest.approx((row["conf_low"], row["conf_high"]), rel=RTOL, abs=ATOL)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_the_examples_of_newcombes_table_ii_are_met_to_the_digits_printed(case):
    published = case["expected"]["published"].get("newcombe_1998_table_ii_method_10")
    if published:
        interval = newcombe(*arms(case), 0.05, "two-sided").interval
        assert (interval.low, interval.high) == pytest.approx(published, abs=5.1e-5)


# Fagerland and Newcombe (2013), Statistics in Medicine 32, 2823-2836, ratios, three decimals.
@pytest.mark.parametrize(
    ("treatment", "control", "ratio"),
    [
        (Counts(24, 73), Counts(53, 65), (0.282, 0.563)),
        (Counts(29, 55), Counts(11, 11), (0.398, 0.761)),
        (Counts(7, 18), Counts(1, 18), (1.277, 40.751)),
    ],
)
def test_published_ratio_intervals_are_met_to_the_digits_printed(treatment, control, ratio):
    relative = newcombe(control, treatment, 0.05, "two-sided").relative
    assert (1 + relative.low, 1 + relative.high) == pytest.approx(ratio, abs=5.1e-4)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_wilsons_interval_of_each_arm_is_that_of_r_and_statsmodels(case):
    control, treatment = arms(case)
    expected = BASE_R[case["name"]]["expected"]["arms"]
    for arm, row in ((treatment, expected[0]), (control, expected[1])):
        assert wilson(arm, 1.959963984540054) == pytest.approx(row["wilson"], rel=1e-9, abs=1e-12)
        assert wilson(arm, 1.959963984540054) == pytest.approx(
            proportion_confint(arm.successes, arm.n, 0.05, "wilson"), rel=1e-9, abs=1e-12
        )


def test_statsmodels_gives_the_same_interval():
    interval = newcombe(Counts(48, 80), Counts(56, 70), 0.05, "two-sided").interval
    expected = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", compare="diff")
    assert (interval.low, interval.high) == pytest.approx(expected, rel=RTOL)


counts = st.integers(1, 3000).flatmap(
    lambda n: st.one_of(st.integers(0, n), st.integers(0, min(n, 5))).map(lambda x: Counts(x, n))
)


@given(counts, counts, st.sampled_from([0.3, 0.1, 0.05, 0.01, 1e-6]), st.sampled_from(ALTERNATIVES))
@settings(max_examples=300)
def test_p_is_below_alpha_exactly_when_both_intervals_exclude_0(control, treatment, alpha, alternative):
    effect = newcombe(control, treatment, alpha, alternative)
    assert effect.interval.excludes(0) == (effect.p_value < alpha)
    if isinstance(effect.relative, Interval):
        assert effect.relative.excludes(0) == (effect.p_value < alpha)


@given(counts, counts, st.sampled_from(ALTERNATIVES), st.sampled_from([1 - 1e-6, 1 + 1e-6]))
@settings(max_examples=150)
def test_the_p_value_is_the_alpha_at_which_the_interval_touches_0(control, treatment, alternative, nudge):
    p = newcombe(control, treatment, 0.05, alternative).p_value
    if 1e-200 < p < 0.45:
        effect = newcombe(control, treatment, p * nudge, alternative)
        assert effect.interval.excludes(0) == (nudge > 1)


@given(counts, counts)
@settings(max_examples=100)
def test_swapping_the_arms_mirrors_the_difference_and_inverts_the_ratio(control, treatment):
    one, other = (newcombe(*pair, 0.05, "two-sided") for pair in ((control, treatment), (treatment, control)))
    assert other.p_value == pytest.approx(one.p_value, rel=1e-9)
    assert (other.interval.low, other.interval.high) == pytest.approx(
        (-one.interval.high, -one.interval.low), rel=RTOL, abs=ATOL
    )
    if isinstance(one.relative, Interval) and isinstance(other.relative, Interval):
        assert (1 + other.relative.high) * (1 + one.relative.low) == pytest.approx(1, rel=1e-9)


def test_complete_separation_is_significant_and_stays_within_one():
    effect = newcombe(Counts(0, 20), Counts(20, 20), 0.05, "two-sided")
    assert effect.p_value < 1e-10
    assert effect.interval.low > 0.7
    assert effect.interval.high == 1
    assert effect.std_error is None
    assert isinstance(effect.relative, Unavailable)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_equal_proportions_have_an_interval_around_0(alternative):
    effect = newcombe(Counts(0, 200), Counts(0, 2000), 0.05, alternative)
    assert effect.p_value == (1 if alternative == "two-sided" else 0.5)
    assert not effect.interval.excludes(0)
    assert any(math.isfinite(bound) for bound in (effect.interval.low, effect.interval.high))


def test_an_empty_arm_is_refused_by_name():
    with pytest.raises(NotEstimable, match="no units with an observed value in control"):
        newcombe(Counts(0, 0), Counts(1, 5), 0.05, "two-sided")
