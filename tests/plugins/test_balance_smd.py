"""The measures of balance agree with R, and know what cannot be measured."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xpyrment_balance import kolmogorov_smirnov as ks
from xpyrment_balance import smd as measures
from xpyrment_balance.covariate_balance import Levels, Numbers, compare_levels, compare_numbers
from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.balance import IMBALANCE

CASES = json.loads((Path(__file__).parents[1] / "oracles" / "balance.json").read_text())["cases"]
NUMERIC = [pytest.param(c, id=c["name"]) for c in CASES if c["name"].startswith("numeric")]
CATEGORICAL = [pytest.param(c, id=c["name"]) for c in CASES if c["name"].startswith("categorical")]

# Same formulas on both sides: only rounding may differ.
RTOL = 1e-12
# R sums the walks of the exact Kolmogorov-Smirnov test in another order.
KS_RTOL = 1e-10
# R stops the series of the limit distribution at terms of 1e-6, a little above what that leaves out.
KS_SERIES = 1e-6

ARMS = ("control", "treatment")

counts = st.lists(st.integers(0, 500), min_size=2, max_size=6)
shares = st.floats(0.01, 0.99)


def arms(case):
    return (np.asarray(case["input"][arm], dtype=float) for arm in ("control", "treatment"))


@pytest.mark.parametrize("case", NUMERIC)
def test_smd_is_that_of_r(case):
    control, treatment = arms(case)
    got = measures.smd(control.mean(), control.var(ddof=1), treatment.mean(), treatment.var(ddof=1))
    # R rounds the means of values near 1e9 to 1e-7 and the SMD with them.
    rtol = 1e-6 if "offset" in case["name"] else RTOL
    assert got == pytest.approx(case["expected"]["smd"], rel=rtol)


@pytest.mark.parametrize("case", NUMERIC)
def test_kolmogorov_smirnov_is_that_of_r(case):
    statistic, p_value = ks.kolmogorov_smirnov(*arms(case))
    assert statistic == pytest.approx(case["expected"]["ks_statistic"], rel=1e-9)
    if "ks_p_exact" in case["expected"]:
        assert p_value == pytest.approx(case["expected"]["ks_p_exact"], rel=KS_RTOL)


def test_large_samples_get_kolmogorovs_limit(monkeypatch):
    monkeypatch.setattr(ks, "EXACT_KS", 0)
    for case in (c.values[0] for c in NUMERIC):
        _, p_value = ks.kolmogorov_smirnov(*arms(case))
        assert p_value == pytest.approx(case["expected"]["ks_p_asymptotic"], abs=KS_SERIES)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5])
def test_exact_kolmogorov_smirnov_is_that_of_scipy_without_ties(shift):
    generator = np.random.default_rng(3)
    control, treatment = generator.normal(size=40), generator.normal(size=55) + shift
    expected = stats.ks_2samp(control, treatment, method="exact")
    assert ks.kolmogorov_smirnov(control, treatment) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


@pytest.mark.parametrize("case", CATEGORICAL)
def test_categorical_smd_is_that_of_r(case):
    control, treatment = case["input"]["control_counts"], case["input"]["treatment_counts"]
    got = measures.smd_categorical(control, treatment)
    # Where no level is shared R's generalised inverse gives 0; the variants then have nothing in common.
    expected = math.inf if case["expected"]["covariance_singular"] else case["expected"]["smd"]
    assert got == pytest.approx(expected, rel=1e-10, abs=1e-12)
    row = compare_levels("x", ARMS, *(Levels(counts=dict(enumerate(n))) for n in (control, treatment)))
    assert row.p_value == pytest.approx(case["expected"]["chi2_p"], rel=RTOL)


@pytest.mark.parametrize("case", CATEGORICAL)
def test_smd_of_each_level_is_that_of_r(case):
    c, t = (
        np.array(case["input"][f"{arm}_counts"]) / sum(case["input"][f"{arm}_counts"])
        for arm in ("control", "treatment")
    )
    got = [measures.smd_shares(*pair) for pair in zip(c.tolist(), t.tolist(), strict=True)]
    assert got == pytest.approx([float(x) for x in case["expected"]["per_level_smd"]], rel=1e-10, abs=1e-12)


@given(counts, st.data())
@settings(max_examples=60)
def test_categorical_smd_does_not_depend_on_the_order_of_levels_or_arms(control, data):
    treatment = data.draw(st.lists(st.integers(0, 500), min_size=len(control), max_size=len(control)))
    order = data.draw(st.permutations(range(len(control))))
    if not sum(control) or not sum(treatment) or sum(c + t > 0 for c, t in zip(control, treatment, strict=True)) < 2:
        return
    got = measures.smd_categorical(control, treatment)
    assert measures.smd_categorical(treatment, control) == pytest.approx(got, rel=1e-8, abs=1e-10)
    mixed = measures.smd_categorical([control[i] for i in order], [treatment[i] for i in order])
    assert mixed == pytest.approx(got, rel=1e-8, abs=1e-10)


@given(shares, shares)
@settings(max_examples=60)
def test_two_levels_give_the_absolute_binary_smd(p_control, p_treatment):
    binary = abs(measures.smd_shares(p_control, p_treatment))
    got = measures.smd_categorical(
        [1e6 * (1 - p_control), 1e6 * p_control], [1e3 * (1 - p_treatment), 1e3 * p_treatment]
    )
    assert got == pytest.approx(binary, rel=1e-9, abs=1e-9)


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0.01, 1e3), st.floats(0.01, 1e3), st.floats(0.1, 10))
@settings(max_examples=60)
def test_smd_flips_with_the_arms_and_ignores_the_scale(m_c, m_t, v_c, v_t, scale):
    got = measures.smd(m_c, v_c, m_t, v_t)
    assert measures.smd(m_t, v_t, m_c, v_c) == -got
    scaled = measures.smd(scale * m_c, scale**2 * v_c, scale * m_t, scale**2 * v_t)
    assert scaled == pytest.approx(got, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("offset", [0.0, 0.3, 12.7, 1e6])
@pytest.mark.parametrize("spread", [1.0, 0.3, 7.1])
def test_an_smd_of_a_tenth_up_to_rounding_is_a_tenth(sign, offset, spread):
    got = measures.smd(offset, spread**2, offset + sign * 0.1 * spread, spread**2)
    assert got == sign * 0.1
    assert abs(got) >= IMBALANCE


@pytest.mark.parametrize("smd", [0.0999999, 0.09999])
def test_an_smd_just_below_a_tenth_stays_below(smd):
    assert abs(measures.smd(0.0, 1.0, smd, 1.0)) < IMBALANCE


def test_two_different_constants_are_infinitely_apart():
    assert measures.smd(1.0, 0.0, 2.0, 0.0) == math.inf
    assert measures.smd(2.0, 0.0, 1.0, 0.0) == -math.inf


@pytest.mark.parametrize(
    ("moments", "reason"),
    [
        ((math.nan, 1.0, 0.0, 1.0), "not a finite number"),
        ((0.0, 1.0, math.inf, 1.0), "not a finite number"),
        # An infinite variance would make the SMD 0: perfect balance by overflow.
        ((0.0, math.inf, 1e200, math.inf), "not a finite number"),
    ],
)
def test_missing_smd_has_a_reason(moments, reason):
    with pytest.raises(NotEstimable, match=reason):
        measures.smd(*moments)


def test_the_same_constant_or_level_has_an_smd_of_0():
    assert measures.smd(5.0, 0.0, 5.0, 0.0) == 0
    assert measures.smd_categorical([10, 0], [12, 0]) == 0
    with pytest.raises(NotEstimable, match="no values"):
        measures.smd_categorical([0, 0], [0, 0])


def test_welch_p_value_is_that_of_scipy():
    generator = np.random.default_rng(1)
    c, t = generator.normal(size=30), generator.exponential(size=50)
    row = compare_numbers("x", ARMS, *(Numbers(n=len(x), mean=x.mean(), variance=x.var(ddof=1)) for x in (c, t)))
    assert row.p_value == pytest.approx(stats.ttest_ind(t, c, equal_var=False).pvalue, rel=1e-10)


def test_tests_without_noise_have_no_p_value():
    one, two = (Numbers(n=5, mean=mean, variance=0.0) for mean in (1.0, 2.0))
    assert compare_numbers("x", ARMS, one, two).p_value is None
    assert compare_numbers("x", ARMS, evolve(one, mean=0.0), one, binary=True).p_value is not None
    assert compare_levels("x", ARMS, Levels(counts={"a": 5}), Levels(counts={"a": 7})).p_value is None
