"""Fisher's, Barnard's and Boschloo's tests agree with R and with brute force, and never exceed their level."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import odds_ratio

from xpyrment_core.choices import ALTERNATIVES
from xpyrment_core.errors import NotEstimable
from xpyrment_core.values.estimates import Counts, Unavailable
from xpyrment_proportions import unconditional
from xpyrment_proportions.fisher import fisher
from xpyrment_proportions.unconditional import barnard, boschloo

ORACLES = Path(__file__).parents[1] / "oracles"
BASE_R = json.loads((ORACLES / "proportions.json").read_text())["cases"]
EXACT = [
    case
    for case in json.loads((ORACLES / "proportions_score.json").read_text())["cases"]
    if "exact" in case["expected"]
]
WORD = {"two.sided": "two-sided", "less": "less", "greater": "greater"}


def arms(case):
    given = case["input"]
    return (
        Counts(int(given["x_control"]), int(given["n_control"])),
        Counts(int(given["x_treatment"]), int(given["n_treatment"])),
    )


# With no success or no failure only one table is possible, and the odds ratio is undefined.
WITH_ODDS_RATIO = [
    case for case in BASE_R if 0 < sum(arm.successes for arm in arms(case)) < sum(arm.n for arm in arms(case))
]


def number(value):
    return {"Inf": None, "NaN": None, "NA": None}.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize("case", BASE_R, ids=lambda c: c["name"])
def test_fishers_p_value_is_that_of_r(case):
    for row in case["expected"]["fisher"]:
        effect = fisher(*arms(case), 0.05, WORD[row["alternative"]])
        # R adds up densities from lgamma: ten digits at these sizes.
        assert effect.p_value == pytest.approx(row["p"], rel=1e-9)


@pytest.mark.parametrize("case", WITH_ODDS_RATIO, ids=lambda c: c["name"])
def test_the_odds_ratio_and_its_interval_are_those_of_r(case):
    control, treatment = arms(case)
    for row in case["expected"]["fisher"]:
        extra = fisher(control, treatment, 0.05, WORD[row["alternative"]]).extra
        for ours, theirs in (
            ("odds_ratio", "odds_ratio"),
            ("odds_ratio_low", "conf_low"),
            ("odds_ratio_high", "conf_high"),
        ):
            expected = number(row[theirs])
            # R looks for the root in the ratio or its reciprocal, whichever is below 1, and stops at 1e-4.
            assert small(extra[ours]) == (None if expected is None else pytest.approx(small(expected), abs=2e-4))


def small(ratio):
    return ratio if ratio is None or ratio <= 1 else 1 / ratio


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(
    "case", [c for c in WITH_ODDS_RATIO if c["input"]["n_control"] <= 2000], ids=lambda c: c["name"]
)
def test_scipy_has_the_same_conditional_odds_ratio_and_interval(case, alternative):
    control, treatment = arms(case)
    table = [[arm.successes, arm.n - arm.successes] for arm in (treatment, control)]
    theirs = odds_ratio(table, kind="conditional")
    interval = theirs.confidence_interval(0.95, alternative)
    extra = fisher(control, treatment, 0.05, alternative).extra
    for ours, expected in zip(
        ("odds_ratio", "odds_ratio_low", "odds_ratio_high"), (theirs.statistic, *interval), strict=True
    ):
        # scipy's root finder stops at 1e-10 or so, far out a little earlier.
        assert extra[ours] == (pytest.approx(expected, rel=1e-6) if math.isfinite(expected) else None)


def test_one_possible_table_leaves_the_odds_ratio_open():
    effect = fisher(Counts(0, 20), Counts(0, 30), 0.05, "two-sided")
    assert effect.p_value == 1
    assert (effect.extra["odds_ratio"], effect.extra["odds_ratio_low"], effect.extra["odds_ratio_high"]) == (
        None,
        0,
        None,
    )


def test_the_bounds_of_the_odds_ratio_leave_half_of_alpha_in_each_tail():
    control, treatment = Counts(8, 17), Counts(2, 15)
    extra = fisher(control, treatment, 0.05, "two-sided").extra
    for bound, tail in (("odds_ratio_low", "sf"), ("odds_ratio_high", "cdf")):
        law = stats.nchypergeom_fisher(32, 10, 15, extra[bound])
        assert (law.sf(1) if tail == "sf" else law.cdf(2)) == pytest.approx(0.025, rel=1e-7)


def test_fishers_test_copes_with_a_million_units_and_its_far_tail():
    near = fisher(Counts(50_000, 1_000_000), Counts(50_600, 1_000_000), 0.05, "greater")
    assert near.p_value == pytest.approx(stats.hypergeom.sf(50_599, 2_000_000, 100_600, 1_000_000), rel=1e-6)
    far = fisher(Counts(100, 1000), Counts(700, 1000), 0.05, "greater")
    assert far.p_value == pytest.approx(stats.hypergeom.sf(699, 2000, 800, 1000), rel=1e-8)
    assert far.p_value < 1e-150


@pytest.mark.parametrize("case", EXACT, ids=lambda c: c["name"])
@pytest.mark.parametrize("test", [barnard, boschloo])
def test_unconditional_tests_agree_with_listing_every_table(case, test):
    for row in case["expected"]["exact"]:
        effect = test(*arms(case), 0.05, row["alternative"])
        # Both maximise over the common proportion numerically, to about ten digits.
        assert effect.p_value == pytest.approx(row[f"{test.__name__}_brute"], rel=1e-8)


counts = st.integers(1, 25).flatmap(lambda n: st.integers(0, n).map(lambda x: Counts(x, n)))


@given(counts, counts, st.sampled_from(ALTERNATIVES))
@settings(max_examples=60)
def test_boschloo_is_never_weaker_than_fisher(control, treatment, alternative):
    effect = boschloo(control, treatment, 0.05, alternative)
    conditional = fisher(control, treatment, 0.05, alternative).p_value
    assert effect.p_value <= conditional * (1 + 1e-9)
    assert effect.extra["fisher_p_value"] == pytest.approx(conditional, rel=1e-9)


@given(counts, counts, st.sampled_from([fisher, barnard, boschloo]))
@settings(max_examples=60)
def test_swapping_the_arms_swaps_the_directions(control, treatment, test):
    p = {word: test(control, treatment, 0.05, word).p_value for word in ALTERNATIVES}
    q = {word: test(treatment, control, 0.05, word).p_value for word in ALTERNATIVES}
    expected = (q["two-sided"], q["less"], q["greater"])
    assert (p["two-sided"], p["greater"], p["less"]) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("test", [fisher, barnard, boschloo])
@pytest.mark.parametrize(("n_control", "n_treatment"), [(12, 12), (20, 6)])
def test_level_is_not_exceeded_at_any_common_proportion(test, n_control, n_treatment):
    x, y = range(n_control + 1), range(n_treatment + 1)
    p_values = [[test(Counts(i, n_control), Counts(j, n_treatment), 0.05, "two-sided").p_value for j in y] for i in x]
    reject = np.array(p_values) < 0.05
    level, _ = unconditional.largest_probability(reject)
    by_hand = max(
        stats.binom.pmf(x, n_control, p) @ reject @ stats.binom.pmf(y, n_treatment, p) for p in np.linspace(0, 1, 501)
    )
    assert by_hand <= level * (1 + 1e-9)
    assert level <= 0.05


@pytest.mark.parametrize("test", [fisher, barnard, boschloo])
def test_missing_interval_has_a_reason_and_an_alternative(test):
    effect = test(Counts(2, 15), Counts(8, 17), 0.05, "two-sided")
    assert isinstance(effect.interval, Unavailable)
    assert isinstance(effect.relative, Unavailable)
    assert "'score'" in effect.interval.reason


@pytest.mark.parametrize("test", [fisher, barnard, boschloo])
def test_complete_separation_is_significant_and_constant_arms_are_not(test):
    assert test(Counts(0, 20), Counts(20, 20), 0.05, "two-sided").p_value < 1e-10
    for constant in (0, 20):
        for alternative in ALTERNATIVES:
            assert test(Counts(constant, 20), Counts(constant, 20), 0.05, alternative).p_value == 1


@pytest.mark.parametrize("test", [barnard, boschloo])
def test_too_many_tables_are_refused_with_the_limit_and_another_way(test):
    with pytest.raises(NotEstimable, match=r"4,004,001 .* stops at 2,000,000; use test 'score'"):
        test(Counts(10, 2000), Counts(20, 2000), 0.05, "two-sided")


@pytest.mark.parametrize("test", [fisher, barnard, boschloo])
def test_an_empty_arm_is_refused_by_name(test):
    with pytest.raises(NotEstimable, match="no units with an observed value in treatment"):
        test(Counts(1, 5), Counts(0, 0), 0.05, "two-sided")


def test_infinite_odds_are_written_as_none():
    extra = fisher(Counts(0, 20), Counts(20, 20), 0.05, "two-sided").extra
    assert extra["odds_ratio"] is None
    assert extra["odds_ratio_high"] is None
    assert math.isfinite(extra["odds_ratio_low"])
