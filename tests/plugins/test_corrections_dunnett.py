"""Dunnett's adjustment agrees with R's multcomp and with quadrature of its own formula."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xpyrment_core.stats.distributions import quantile
from xpyrment_core.stats.wald import wald
from xpyrment_core.values.estimates import Estimate
from xpyrment_corrections import xpyrment_corrections
from xpyrment_corrections.adjust import bonferroni, sidak
from xpyrment_corrections.dunnett import adjusted_p_value, any_beyond, dunnett, simultaneous_level

ORACLES = Path(__file__).parents[1] / "oracles"
EXACT = json.loads((ORACLES / "dunnett_exact.json").read_text())["cases"]
MULTCOMP = {c["name"]: c for c in json.loads((ORACLES / "dunnett.json").read_text())["cases"]}
SIDES = {"two.sided": "two-sided", "less": "less", "greater": "greater"}

loadings = st.lists(st.floats(0, 0.99), min_size=2, max_size=5).map(np.array)


def effects(case, side):
    """Classical Dunnett: every comparison with the variance pooled over all groups."""
    e = case["expected"]
    groups = [case["input"]["control"], *case["input"]["treatments"].values()]
    control, *arms = (Estimate(value=float(np.mean(g)), n=len(g), unit_variance=e["sd_pooled"] ** 2) for g in groups)
    return [wald(control, arm, alpha=0.05, alternative=SIDES[side], df=e["df"]) for arm in arms]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", EXACT, ids=lambda c: c["name"])
def test_p_values_and_critical_values_are_those_of_the_exact_distribution(case, side):
    rows = effects(case, side)
    wanted = case["expected"][side]
    for interval in wanted["intervals"]:
        found = dunnett(rows, ["y"] * len(rows), 1 - interval["conf_level"])
        # The oracle is good to 1e-12, ours to 1e-8 near p = 1 and better below.
        np.testing.assert_allclose(found.p_values, wanted["p_adjusted"], atol=1e-8)
        tail = found.alphas / 2 if side == "two.sided" else found.alphas
        critical = [-quantile(a, case["expected"]["df"]) for a in tail]
        np.testing.assert_allclose(critical, interval["critical"], rtol=1e-8)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", EXACT, ids=lambda c: c["name"])
def test_p_values_are_multcomps_within_its_own_error(case, side):
    rows = effects(case, side)
    wanted = MULTCOMP[case["name"]]["expected"][side]["p_adjusted"]
    np.testing.assert_allclose(dunnett(rows, ["y"] * len(rows), 0.05).p_values, wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("df", "critical"),
    # Dunnett (1955), table 1a: one-sided 5 % points for 2 to 9 treatments, equal groups.
    [
        (5, [2.44, 2.68, 2.85, 2.98, 3.08, 3.16, 3.24, 3.30]),
        (10, [2.15, 2.34, 2.47, 2.56, 2.64, 2.70, 2.76, 2.81]),
        (20, [2.03, 2.19, 2.30, 2.39, 2.46, 2.51, 2.56, 2.60]),
        (60, [1.95, 2.10, 2.21, 2.28, 2.35, 2.39, 2.44, 2.48]),
        (None, [1.92, 2.06, 2.16, 2.23, 2.29, 2.34, 2.38, 2.42]),
    ],
)
def test_dunnetts_own_table_is_reproduced(df, critical):
    for k, wanted in enumerate(critical, start=2):
        alpha = simultaneous_level(0.05, np.full(k, math.sqrt(0.5)), df, two_sided=False)
        assert -quantile(alpha, df) == pytest.approx(
            wanted, abs=0.006
        )  # one entry of the 1955 table is rounded up from 2.3448


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize("df", [1.0, 2.5, 30.0, 1e4, 1e6, None])
@pytest.mark.parametrize("p", [0.9, 0.3, 1e-3, 1e-8, 1e-30, 1e-100])
@pytest.mark.parametrize("loading", [0.0, 0.4, 0.9, 0.999])
def test_of_a_single_treatment_the_quadrature_gives_the_t_tail(loading, p, df, two_sided):
    cut = -quantile(p / 2 if two_sided else p, df)
    assert any_beyond(cut, np.array([loading]), df, two_sided=two_sided) == pytest.approx(p, rel=1e-7)


@given(loadings, st.floats(1e-8, 0.9), st.sampled_from([3.0, 25.5, None]), st.booleans())
@settings(max_examples=40)
def test_the_adjusted_p_value_lies_between_one_test_and_bonferroni(lam, p, df, two_sided):
    found = adjusted_p_value(p, lam, df, two_sided=two_sided)
    assert p <= found <= min(1.0, lam.size * p)
    if df is None:  # Sidak's inequality for normal statistics
        assert found <= sidak(np.full(lam.size, p))[0] * (1 + 1e-9)


@given(st.integers(2, 6), st.floats(1e-8, 0.9), st.booleans())
@settings(max_examples=20)
def test_without_a_shared_control_it_is_sidaks(k, p, two_sided):
    found = adjusted_p_value(p, np.zeros(k), None, two_sided=two_sided)
    assert found == pytest.approx(sidak(np.full(k, p))[0], rel=1e-9)


@given(loadings, st.sampled_from([4.0, 60.0, None]), st.booleans(), st.floats(0.001, 0.3))
@settings(max_examples=15)
def test_the_level_and_the_p_value_are_inverse(lam, df, two_sided, alpha):
    level = simultaneous_level(alpha, lam, df, two_sided=two_sided)
    assert adjusted_p_value(level, lam, df, two_sided=two_sided) == pytest.approx(alpha, rel=1e-8)


def test_correlated_statistics_have_the_chance_that_scipys_multivariate_normal_gives():
    lam = np.array([0.9, 0.5, 0.3])
    correlation = np.outer(lam, lam)
    np.fill_diagonal(correlation, 1.0)
    normal = stats.multivariate_normal(cov=correlation, seed=1)
    normal.abseps, normal.maxpts = 1e-9, 10**6  # arguments of the constructor only from SciPy 1.16 on
    inside = normal.cdf([2.0] * 3, lower_limit=[-2.0] * 3)
    assert any_beyond(2.0, lam, None, two_sided=True) == pytest.approx(1 - inside, abs=1e-6)


def arms(n=100, values=(0.0, 0.3, 0.1)):
    control, *treatments = (Estimate(value=v, n=n, unit_variance=1.0) for v in values)
    return [wald(control, t, alpha=0.05, alternative="two-sided", df=2 * n - 2) for t in treatments]


def test_metrics_are_corrected_apart_and_their_order_does_not_matter():
    rows = arms()
    alone = dunnett(rows, ["a", "a"], 0.05)
    both = dunnett([rows[0], rows[0], rows[1], rows[1]], ["a", "b", "a", "b"], 0.05)
    np.testing.assert_array_equal(both.p_values, np.repeat(alone.p_values, 2))
    np.testing.assert_array_equal(both.alphas, np.repeat(alone.alphas, 2))


def test_one_treatment_needs_no_correction():
    rows = arms()[:1]
    found = dunnett(rows, ["a"], 0.05)
    assert found.p_values[0] == rows[0].p_value
    assert found.alphas[0] == 0.05


def test_effects_without_estimates_are_taken_as_uncorrelated():
    rows = [evolve(e, estimates=None, df=None, std_error=None, statistic=None) for e in arms()]
    found = dunnett(rows, ["a", "a"], 0.05)
    np.testing.assert_allclose(found.p_values, [sidak([e.p_value] * 2)[0] for e in rows], rtol=1e-9)


def test_a_significant_row_is_one_whose_interval_at_its_level_excludes_the_null():
    for third in (0.1, 0.2, 0.25, 0.3, 0.31, 0.32, 0.35, 0.4):
        rows = arms(values=(0.0, third, 0.1))
        found = dunnett(rows, ["a", "a"], 0.05)
        assert ((found.p_values < 0.05) == (np.array([e.p_value for e in rows]) < found.alphas)).all()


@pytest.mark.parametrize("p", [0.0, 1.0, 1e-300, 5e-324])
@pytest.mark.parametrize("df", [1.0, 3.0, None])
def test_the_ends_of_the_scale_are_reached_without_a_stumble(p, df):
    found = adjusted_p_value(p, np.array([0.7, 0.7]), df, two_sided=True)
    assert p <= found <= bonferroni([p, p])[0]


def test_a_constant_treatment_and_a_constant_control_have_correlations():
    noisy, flat = Estimate(value=1.0, n=50, unit_variance=1.0), Estimate(value=2.0, n=50, unit_variance=0.0)
    for control, treatment in ((noisy, flat), (flat, noisy)):
        rows = [wald(control, treatment, alpha=0.05, alternative="two-sided", df=49)] * 2
        assert 0 <= dunnett(rows, ["a", "a"], 0.05).p_values[0] <= 1


def test_the_definition_asks_for_effects():
    (definition,) = (d for d in xpyrment_corrections() if d.name == "dunnett")
    assert definition.load() is dunnett
    assert definition.needs == "effects"
