"""Simultaneous intervals exclude the null exactly where the correction rejects."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from xpyrment_core.values.estimates import FamilyDecision
from xpyrment_corrections import intervals, xpyrment_corrections

CORRECTIONS = {d.name: d for d in xpyrment_corrections() if d.needs == "p_values"}
STEPWISE = ("holm", "hochberg", "hommel", "holm-sidak")

families = st.lists(st.floats(1e-12, 1), min_size=1, max_size=8)


def decide(name, p, alpha, one_sided=False):
    definition = CORRECTIONS[name]
    adjusted = definition.load()(p)
    answer = definition.load_intervals()(p, alpha, np.full(len(p), one_sided))
    if isinstance(answer, FamilyDecision):
        return adjusted, answer.alphas, answer.at_null
    return adjusted, answer, np.zeros(len(p), dtype=bool)


def far_level(name, p):
    """Return the level of the end away from the null of the second row."""
    return CORRECTIONS[name].load_intervals()(p, 0.05, np.full(len(p), False)).far_alphas[1]


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("name", CORRECTIONS)
@given(families, st.floats(0.001, 0.3))
@settings(max_examples=60)
def test_an_interval_excludes_the_null_exactly_where_the_row_is_significant(name, one_sided, p, alpha):
    adjusted, alphas, at_null = decide(name, p, alpha, one_sided)
    assume((np.abs(adjusted - alpha) > 1e-9).all())  # at the very bound rounding decides
    # The test's interval at level 1 - a excludes the null where p < a; one cut at the null excludes it always.
    assert (((np.array(p) < alphas) | at_null) == (adjusted < alpha)).all()


@pytest.mark.parametrize("name", CORRECTIONS)
@given(families, st.integers(0, 8))
@settings(max_examples=30)
def test_rows_without_a_p_value_have_no_interval_and_do_not_count(name, p, at):
    at = min(at, len(p))
    _, alphas, at_null = decide(name, [*p[:at], np.nan, *p[at:]], 0.05)
    _, wanted, wanted_null = decide(name, p, 0.05)
    assert np.isnan(alphas[at])
    assert not at_null[at]
    np.testing.assert_array_equal(np.delete(alphas, at), wanted)
    np.testing.assert_array_equal(np.delete(at_null, at), wanted_null)


@pytest.mark.parametrize("name", CORRECTIONS)
@pytest.mark.parametrize("one_sided", [False, True])
def test_one_row_has_its_marginal_interval(name, one_sided):
    for p in (0.01, 0.2):
        assert decide(name, [p], 0.05, one_sided)[1][0] == pytest.approx(0.05, rel=1e-12)


def test_bonferroni_and_sidak_share_alpha_evenly():
    assert intervals.bonferroni([0.1] * 4, 0.05, [False] * 4).tolist() == [0.0125] * 4
    shares = intervals.sidak([0.1] * 4, 0.05, [False] * 4)
    assert 1 - (1 - shares[0]) ** 4 == pytest.approx(0.05, rel=1e-12)


def test_the_fcr_level_is_benjamini_and_yekutielis():
    # Their example's form: R = 3 of m = 5 selected by BH at 0.05, so each interval has level 1 - 3 * 0.05 / 5.
    p = [0.001, 0.008, 0.02, 0.2, 0.7]
    np.testing.assert_allclose(intervals.fcr_bh(p, 0.05, [False] * 5), 0.03)
    np.testing.assert_allclose(intervals.fcr_bh([0.5] * 5, 0.05, [False] * 5), 0.01)
    harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5
    np.testing.assert_allclose(intervals.fcr_by(p, 0.05, [False] * 5), 2 * 0.05 / (5 * harmonic))


@pytest.mark.parametrize("name", STEPWISE)
def test_with_everything_rejected_the_intervals_are_two_sided(name):
    _, alphas, at_null = decide(name, [0.001, 0.002, 0.003], 0.05)
    share = 1 - 0.95 ** (1 / 3) if name == "holm-sidak" else 0.05 / 3
    np.testing.assert_allclose(alphas, share)
    assert at_null.all()


@pytest.mark.parametrize("name", STEPWISE)
def test_of_a_rejected_row_among_others_only_its_side_is_known(name):
    _, alphas, at_null = decide(name, [0.001, 0.2, 0.6], 0.05)
    assert alphas[0] == 0
    assert at_null.tolist() == [True, False, False]


@pytest.mark.parametrize("name", STEPWISE)
def test_one_sided_rows_that_are_not_rejected_share_all_of_alpha(name):
    # Strassburger and Bretz (2008): two of three are left, each at level alpha / 2.
    _, alphas, _ = decide(name, [0.001, 0.2, 0.6], 0.05, one_sided=True)
    share = 1 - 0.95**0.5 if name == "holm-sidak" else 0.025
    np.testing.assert_allclose(alphas[1:], share)


@pytest.mark.parametrize("p", [0.0251, 0.03, 0.1, 0.5, 0.95, 1.0])
def test_two_sided_rows_reach_to_the_limits_of_a_mean_seen_only_below_the_cut(p):
    _, near, _ = decide("holm", [0.001, p, 1.0], 0.05)
    far = far_level("holm", [0.001, p, 1.0])
    z, c = stats.norm.isf(p / 2), stats.norm.isf(0.0125)

    def limit(at):
        """The upper confidence limit for a truncated normal seen at `at`, as a distance from it."""
        excess = lambda center: stats.truncnorm(-c - center, c - center, loc=center).cdf(at) - 0.0125  # noqa: E731
        return optimize.brentq(excess, at, at + 30) - at if excess(at) > 0 else 0.0

    assert stats.norm.isf(near[1] / 2) == pytest.approx(max(limit(-z), c), rel=1e-6)
    if p > 0.05:  # closer to the cut SciPy's truncated normal loses its digits
        assert stats.norm.isf(far / 2) == pytest.approx(limit(z), rel=1e-6)
    assert far <= near[1] <= 0.025


def test_the_far_end_moves_out_without_bound_towards_the_cut():
    half = stats.norm.isf(np.array([far_level("holm", [0.001, p, 1.0]) for p in (0.9, 0.5, 0.3, 0.2, 0.1, 0.05)]) / 2)
    assert (np.diff(half) > 0).all()
    assert half[0] < 1.25 * stats.norm.isf(0.0125)
    assert half[-1] > 15
    # Past 37 standard errors an interval is as good as unbounded, and its alpha still a positive number.
    assert far_level("holm", [0.001, 0.02500001, 1.0]) == pytest.approx(2 * stats.norm.sf(37.0), rel=1e-9)
