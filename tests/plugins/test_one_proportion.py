"""The exact test of one proportion agrees with SciPy, a published example, and its own interval."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

import xpyrment as xp
from xpyrment_core.errors import InputError

# Both sides are incomplete beta functions; quantiles by root finding are good to about twelve digits.
RTOL = 1e-9

counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_the_published_example_of_rs_manual():
    # ?binom.test: Conover (1971), 682 of 925 against 3/4: p = 0.3825, 95 % interval 0.7076683 to 0.7654066.
    result = xp.one_proportion_test(682, 925, null=0.75)
    assert result.ci_lower == pytest.approx(0.7076683, abs=6e-8)
    assert result.ci_upper == pytest.approx(0.7654066, abs=6e-8)
    # R's two-sided p-value adds the less likely outcomes of the other side; ours doubles the smaller tail.
    assert result.p_value == pytest.approx(2 * stats.binom.cdf(682, 925, 0.75), rel=RTOL)
    assert result.p_value >= 0.3825 - 5e-5


@given(counts, st.floats(0.01, 0.99), st.sampled_from(["greater", "less"]), st.sampled_from([0.01, 0.05, 0.2]))
def test_one_sided_results_are_those_of_scipy(hits, null, alternative, alpha):
    ours = xp.one_proportion_test(*hits, null=null, alternative=alternative, alpha=alpha)
    expected = stats.binomtest(*hits, null, alternative)
    interval = expected.proportion_ci(1 - alpha, "exact")
    assert ours.p_value == pytest.approx(expected.pvalue, rel=RTOL)
    assert (ours.ci_lower, ours.ci_upper) == pytest.approx((interval.low, interval.high), rel=RTOL, abs=1e-12)


@given(counts, st.floats(0.01, 0.99), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_two_sided_interval_is_scipys_and_agrees_with_the_p_value(hits, null, alpha):
    ours = xp.one_proportion_test(*hits, null=null, alpha=alpha)
    interval = stats.binomtest(*hits, null).proportion_ci(1 - alpha, "exact")
    assert (ours.ci_lower, ours.ci_upper) == pytest.approx((interval.low, interval.high), rel=RTOL, abs=1e-12)
    assume(abs(ours.p_value - alpha) > 1e-9)
    assert (ours.p_value < alpha) == (not ours.ci_lower <= null <= ours.ci_upper)


@given(counts, st.floats(0.01, 0.99), st.sampled_from(["two-sided", "greater", "less"]))
def test_failures_mirror_successes(hits, null, alternative):
    mirrored = {"greater": "less", "less": "greater"}.get(alternative, alternative)
    one = xp.one_proportion_test(*hits, null=null, alternative=alternative)
    two = xp.one_proportion_test(hits[1] - hits[0], hits[1], null=1 - null, alternative=mirrored)
    assert one.p_value == pytest.approx(two.p_value, rel=1e-9)
    assert one.ci_lower == pytest.approx(1 - two.ci_upper, abs=1e-9)


@pytest.mark.parametrize(("n", "null"), [(10, 0.3), (50, 0.05), (200, 0.5)])
def test_the_level_is_kept_in_every_sample_size(n, null):
    rejected = (k for k in range(n + 1) if xp.one_proportion_test(k, n, null=null).p_value < 0.05)
    assert math.fsum(stats.binom.pmf(k, n, null) for k in rejected) <= 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 0, 0.5), "n must be a whole number, at least 1, got 0"),
        ((-1, 5, 0.5), "successes must be a whole number, at least 0, got -1"),
        ((2.5, 5, 0.5), "successes must be a whole number"),
        ((6, 5, 0.5), "successes must be at most n, got 6 of 5. Did you swap them?"),
        ((3, 5, 0), "null must be a proportion strictly between 0 and 1, got 0"),
        ((3, 5, "half"), "null must be a proportion"),
    ],
)
def test_what_is_no_proportion_is_refused(arguments, message):
    with pytest.raises(InputError) as refused:
        xp.one_proportion_test(*arguments)
    assert message in str(refused.value)
