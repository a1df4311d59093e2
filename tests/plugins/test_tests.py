"""Welch's, Student's and the z test agree with R and with exact arithmetic."""

import json
import math
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xpyrment_core.choices import Alternative
from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.delta_method import ColumnMean, estimate, linearise
from xpyrment_core.stats.relative_interval import relative_interval
from xpyrment_core.stats.wald import satterthwaite
from xpyrment_core.values.estimates import Estimate
from xpyrment_core.values.moments import Moments
from xpyrment_ttests import xpyrment_tests
from xpyrment_ttests.cr2 import cr2
from xpyrment_ttests.wald import student, welch, z

ORACLES = Path(__file__).parents[1] / "oracles"
R = {c["name"]: c for c in json.loads((ORACLES / "t_test.json").read_text())["cases"]}
EXACT = {c["name"]: c for c in json.loads((ORACLES / "t_test_exact.json").read_text())["cases"]}
NIST = {c["name"]: c for c in json.loads((ORACLES / "nist.json").read_text())["cases"]}
ALTERNATIVES = get_args(Alternative)

# The same formulas in double precision. Where the data are 1e9 plus noise a mean is a double
# within 1.2e-7 / 2 of the truth, which is the error of the difference and 3e-6 of its standard error.
RTOL = 1e-11
MEAN_ROUNDING = {"1e9 plus noise": 2.4e-7, "-1e9 plus noise": 2.4e-7}

estimates = st.builds(Estimate, value=st.floats(-50, 50), n=st.integers(2, 5000), unit_variance=st.floats(0.01, 100))


def arm(values):
    return estimate(linearise([ColumnMean("y")], Moments.of({"y": values})))


def number(x):
    return float(x.replace("Inf", "inf")) if isinstance(x, str) else x


@pytest.mark.parametrize("name", sorted(EXACT))
@pytest.mark.parametrize("equal_var", [False, True])
@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_t_tests_are_those_of_exact_arithmetic(name, equal_var, alternative):
    control, treatment = (arm(R[name]["input"][which]) for which in ("control", "treatment"))
    slip = MEAN_ROUNDING.get(name, 0.0)
    for wanted in EXACT[name]["expected"]["results"]:
        if wanted["equal_var"] != equal_var or wanted["alternative"] != alternative.replace("-", "."):
            continue
        found = (student if equal_var else welch)(control, treatment, 1 - wanted["conf_level"], alternative)
        assert found.df == pytest.approx(wanted["df"], rel=RTOL)
        assert found.std_error == pytest.approx(wanted["se"], rel=RTOL)
        assert found.statistic == pytest.approx(wanted["statistic"], rel=1e-9, abs=slip / wanted["se"])
        # In the tail a relative error of the statistic is multiplied by up to df.
        assert found.p_value == pytest.approx(wanted["p"], rel=1e-5 if slip else 1e-10)
        scale = abs(found.difference) + found.std_error
        for bound, key in ((found.interval.low, "conf_low"), (found.interval.high, "conf_high")):
            assert bound == pytest.approx(number(wanted[key]), rel=1e-10, abs=1e-10 * scale + slip)


@pytest.mark.parametrize("name", sorted(R))
@pytest.mark.parametrize("equal_var", [False, True])
def test_r_t_test_is_reproduced(name, equal_var):
    control, treatment = (arm(R[name]["input"][which]) for which in ("control", "treatment"))
    wanted = next(
        r for r in R[name]["expected"]["results"] if r["equal_var"] == equal_var and r["alternative"] == "two.sided"
    )
    found = (student if equal_var else welch)(control, treatment, 1 - wanted["conf_level"], "two-sided")
    slip = MEAN_ROUNDING.get(name, 0.0)
    assert found.p_value == pytest.approx(wanted["p"], rel=1e-5 if slip else 1e-8, abs=1e-300)
    assert found.df == pytest.approx(wanted["df"], rel=1e-9)


def test_nist_atmwtag_has_its_certified_f_statistic():
    data = NIST["AtmWtAg"]
    groups = sorted(set(data["input"]["group"]))
    y, group = np.array(data["input"]["y"]), np.array(data["input"]["group"])
    found = student(*(arm(y[group == g]) for g in groups), 0.05, "two-sided")
    # With two groups F is the square of Student's t. The data keep 9 digits after 1e2: 8 are attainable.
    assert found.statistic**2 == pytest.approx(data["expected"]["certified"]["F"], rel=1e-8)
    assert found.df == 46


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_z_uses_the_normal_distribution(alternative):
    control = Estimate(value=10.0, n=40, unit_variance=4.0)
    treatment = Estimate(value=10.9, n=30, unit_variance=5.0)
    found = z(control, treatment, 0.1, alternative)
    score = 0.9 / math.sqrt(4 / 40 + 5 / 30)
    tail = {"two-sided": 2 * stats.norm.sf(score), "greater": stats.norm.sf(score), "less": stats.norm.cdf(score)}
    assert found.p_value == pytest.approx(tail[alternative], rel=1e-13)
    assert found.df is None
    assert found.interval.method == "z"


@given(estimates, estimates, st.sampled_from([welch, student, z]))
@settings(max_examples=80)
def test_swapping_the_variants_changes_only_the_sign(control, treatment, test):
    one, two = test(control, treatment, 0.05, "two-sided"), test(treatment, control, 0.05, "two-sided")
    assert two.difference == -one.difference
    assert two.p_value == pytest.approx(one.p_value, rel=1e-12)
    assert two.interval.low == pytest.approx(-one.interval.high, rel=1e-12)


@given(estimates, estimates, st.sampled_from([welch, student, z]), st.integers(-300, 300))
@settings(max_examples=80)
def test_a_change_of_unit_changes_neither_p_nor_df(control, treatment, test, power):
    factor = 2.0**power
    scaled = [
        evolve(e, value=e.value * factor, unit_variance=e.unit_variance * factor**2) for e in (control, treatment)
    ]
    one, two = test(control, treatment, 0.05, "two-sided"), test(*scaled, 0.05, "two-sided")
    assert two.p_value == pytest.approx(one.p_value, rel=1e-9)
    assert two.df == one.df or two.df == pytest.approx(one.df, rel=1e-9)


@given(estimates, estimates)
@settings(max_examples=60)
def test_welch_lies_between_the_smaller_arm_and_both_together(control, treatment):
    df = satterthwaite(control, treatment)
    assert min(control.df, treatment.df) * (1 - 1e-12) <= df <= (control.df + treatment.df) * (1 + 1e-12)


@given(estimates, estimates)
@settings(max_examples=60)
def test_the_two_one_sided_tests_add_up_to_one(control, treatment):
    greater, less = (welch(control, treatment, 0.05, side).p_value for side in ("greater", "less"))
    assert greater + less == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("test", [welch, student, z])
def test_constant_variants_are_refused(test):
    flat = Estimate(value=3.0, n=20, unit_variance=0.0)
    with pytest.raises(NotEstimable, match="no noise"):
        test(flat, evolve(flat, value=4.0), 0.05, "two-sided")


def test_one_constant_variant_leaves_the_other_ones_noise():
    flat, noisy = Estimate(value=3.0, n=20, unit_variance=0.0), Estimate(value=4.0, n=10, unit_variance=2.0)
    assert welch(flat, noisy, 0.05, "two-sided").df == pytest.approx(9.0, rel=1e-14)


def test_the_definitions_load():
    assert {d.name: d.load() for d in xpyrment_tests()} == {"welch": welch, "student": student, "z": z, "cr2": cr2}


@pytest.mark.parametrize("unit", [1e-150, 1e-82, 1.0, 1e80, 1e140])
def test_welch_and_its_lift_interval_do_not_depend_on_the_unit(unit):
    control = Estimate(value=10.0 * unit, n=400, unit_variance=4.0 * unit * unit)
    treatment = Estimate(value=10.4 * unit, n=300, unit_variance=5.0 * unit * unit)
    effect = welch(control, treatment, 0.05, "two-sided")
    expected = stats.ttest_ind_from_stats(10.4, math.sqrt(5), 300, 10.0, 2.0, 400, equal_var=False)
    assert effect.p_value == pytest.approx(expected.pvalue, rel=1e-10)
    # Roots of Fieller's quadratic with the normal quantile: (100 - k^2/100) x^2 - 2 (4 + k^2/100) x + 0.16 - 2k^2/75.
    k2 = stats.norm.isf(0.025) ** 2
    low, high = sorted(np.roots([100 - k2 / 100, -2 * (4 + k2 / 100), 0.16 - 2 * k2 / 75]))
    lift = relative_interval(control, treatment, z(control, treatment, 0.05, "two-sided"), 0.05, "fieller")
    assert (lift.low, lift.high) == (pytest.approx(low, rel=1e-9), pytest.approx(high, rel=1e-9))
