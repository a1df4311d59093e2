"""The tests of counts agree with R and SciPy."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xpyrment_core.stats.chi_square import pearson
from xpyrment_srm import exact

CASES = json.loads((Path(__file__).parents[1] / "oracles" / "chisq.json").read_text())["cases"]
WEIGHTS = [pytest.param(c, id=c["name"]) for c in CASES if c["name"].startswith("weights")]
EXACT = [p for p in WEIGHTS if "exact_multinomial" in p.values[0]["expected"]]
TABLES = [pytest.param(c, id=c["name"]) for c in CASES if c["name"].startswith("table: 2 x 2")]

# Same formula on both sides: only rounding may differ.
RTOL = 1e-12
# Sums of up to 1e5 probabilities from log factorials near 1e6.
SUM_RTOL = 1e-9


def planned(case):
    weights = np.array(case["input"]["weights"], dtype=float)
    return np.array(case["input"]["counts"]), weights / weights.sum()


@pytest.mark.parametrize("case", WEIGHTS)
def test_chi_square_is_that_of_r(case):
    counts, shares = planned(case)
    statistic, p_value = pearson(counts.astype(float), shares * counts.sum(), df=len(counts) - 1)
    assert statistic == pytest.approx(case["expected"]["chi2"], rel=1e-10, abs=1e-12)
    assert p_value == pytest.approx(case["expected"]["p"], rel=1e-10)


def test_p_values_keep_their_digits_far_out():
    _, p_value = pearson(np.array([5300.0, 1400.0]), np.array([3350.0, 3350.0]), df=1)
    assert 1e-300 > p_value > 0 or p_value == pytest.approx(stats.chi2.sf(2 * 1950**2 / 3350, 1), rel=1e-9)


@pytest.mark.parametrize("case", EXACT)
def test_the_exact_multinomial_test_is_that_of_r(case):
    p_value, method = exact.multinomial(*planned(case))
    assert method == "exact multinomial"
    assert p_value == pytest.approx(case["expected"]["exact_multinomial"]["by_probability"], rel=SUM_RTOL)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.02, 0.98))
@settings(max_examples=80)
def test_two_arms_give_the_exact_binomial_test(a, b, share):
    p_value, _ = exact.multinomial(np.array([a, b]), np.array([share, 1 - share]))
    expected = stats.binomtest(a, a + b, share).pvalue if a + b else 1.0
    assert p_value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("counts", [[2, 5, 13], [1, 2, 3, 9]])
def test_simulated_p_value_is_close_to_the_enumerated_one(counts, monkeypatch):
    counts = np.array(counts)
    shares = np.full(len(counts), 1 / len(counts))
    expected, _ = exact.multinomial(counts, shares)
    monkeypatch.setattr(exact, "MOST_OUTCOMES", 0)
    drawn, method = exact.multinomial(counts, shares)
    assert "simulation (1,000,000 draws, seed 0)" in method
    # Five standard errors of a share among a million draws.
    assert drawn == pytest.approx(expected, abs=5 * np.sqrt(expected * (1 - expected) / exact.DRAWS))
    assert exact.multinomial(counts, shares)[0] == drawn, "the same data give the same p-value"


def test_too_many_outcomes_are_drawn():
    _, method = exact.multinomial(np.array([2000, 1990, 3]), np.array([0.499, 0.499, 0.002]))
    assert "simulation" in method


@pytest.mark.parametrize("case", TABLES)
def test_two_proportions_are_compared_by_r_s_chi_square(case):
    p_value, method = exact.two_proportions(*case["input"]["table"])
    assert method == "chi-square"
    assert p_value == pytest.approx(case["expected"]["p"], rel=RTOL)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=80)
def test_small_tables_get_fishers_exact_test(m_c, m_t, p_c, p_t):
    p_value, method = exact.two_proportions((m_c, m_t), (p_c, p_t))
    table = [[m_c, m_t], [p_c, p_t]]
    if method == "Fisher exact":
        assert p_value == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-7)
    elif m_c + m_t == 0:
        assert p_value == 1.0


def test_empty_variant_cannot_be_compared():
    assert exact.two_proportions((0, 3), (0, 10)) == (1.0, "nothing to compare")


@pytest.mark.simulation
def test_the_exact_test_holds_its_level():
    generator = np.random.default_rng(11)
    shares = np.array([0.2, 0.3, 0.5])
    rejected = sum(exact.multinomial(c, shares)[0] < 0.05 for c in generator.multinomial(12, shares, size=400))
    # An exact test never exceeds its level; 400 runs at 5 % stay below 34 with probability 0.9997.
    assert rejected <= 34
