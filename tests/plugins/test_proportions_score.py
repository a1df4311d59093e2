"""The score test of two proportions agrees with its witnesses, with itself, and keeps its level."""

import json
import math
from itertools import pairwise
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.stats.proportion import confint_proportions_2indep

from xpyrment_core.choices import ALTERNATIVES
from xpyrment_core.errors import NotEstimable
from xpyrment_core.values.estimates import Counts, Interval, Unavailable
from xpyrment_proportions.restricted import given_difference, given_ratio
from xpyrment_proportions.score import at_difference, at_ratio, miettinen_nurminen, score

ORACLES = Path(__file__).parents[1] / "oracles"
CASES = json.loads((ORACLES / "proportions_score.json").read_text())["cases"]

# Both sides solve the same equations in double precision or better: rounding and the root's tolerance.
RTOL = 1e-9
ATOL = 1e-10


def arms(case):
    given = case["input"]
    return (
        Counts(int(given["x_control"]), int(given["n_control"])),
        Counts(int(given["x_treatment"]), int(given["n_treatment"])),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_the_uncorrected_interval_is_miettinen_and_nurminens_to_the_last_digits(case):
    control, treatment = arms(case)
    for row in case["expected"]["score_difference"]:
        if row["correction"]:
            effect = miettinen_nurminen(control, treatment, 1 - row["conf_level"], "two-sided")
            expected = (row["conf_low"], row["conf_high"])
            assert (effect.interval.low, effect.interval.high) == pytest.approx(expected, rel=RTOL, abs=ATOL)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_the_uncorrected_interval_of_the_lift_is_that_of_the_ratio_less_one(case):
    control, treatment = arms(case)
    for row in case["expected"]["score_ratio"]:
        if row["correction"]:
            effect = miettinen_nurminen(control, treatment, 1 - row["conf_level"], "two-sided")
            if control.successes == 0:
                assert isinstance(effect.relative, Unavailable)
            else:
                expected = (row["conf_low"] - 1, row["conf_high"] - 1)
                assert (effect.relative.low, effect.relative.high) == pytest.approx(expected, rel=RTOL, abs=ATOL)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_the_uncorrected_statistic_agrees_at_any_supposed_difference(case):
    for row in case["expected"]["z_at"]:
        statistic = at_difference(row["difference"], *arms(case), skewness=False)
        assert statistic == pytest.approx(row["z_corrected"], rel=RTOL, abs=ATOL)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_published_miettinen_nurminen_intervals_are_met_to_the_digits_printed(case):
    published = case["expected"]["published"].get("miettinen_nurminen_garner_2016")
    if published:
        interval = miettinen_nurminen(*arms(case), 0.05, "two-sided").interval
        assert (interval.low, interval.high) == pytest.approx(published, abs=5.1e-5)


# Fagerland, Lydersen and Laake (2015), Stat Methods Med Res 24, 224-254, ratio intervals, three decimals.
@pytest.mark.parametrize(
    ("treatment", "control", "ratio"),
    [
        (Counts(24, 73), Counts(53, 65), (0.280, 0.560)),
        (Counts(29, 55), Counts(11, 11), (0.397, 0.742)),
        (Counts(7, 18), Counts(1, 18), (1.296, 42.544)),
    ],
)
def test_published_ratio_intervals_are_met_to_the_digits_printed(treatment, control, ratio):
    relative = miettinen_nurminen(control, treatment, 0.05, "two-sided").relative
    assert (1 + relative.low, 1 + relative.high) == pytest.approx(ratio, abs=5.1e-4)


# Not its interval of the difference: statsmodels 0.14 and 0.15 solve another cubic there, and miss the
# numbers that Garner prints (0.3440 for 0.3382).
# It brackets only tables in which both arms have successes and failures.
@pytest.mark.parametrize(
    "case", [c for c in CASES if all(0 < arm.successes < arm.n for arm in arms(c))], ids=lambda c: c["name"]
)
def test_statsmodels_gives_the_same_uncorrected_interval_of_the_ratio(case):
    control, treatment = arms(case)
    low, high = confint_proportions_2indep(
        treatment.successes, treatment.n, control.successes, control.n, method="score", compare="ratio", correction=True
    )
    relative = miettinen_nurminen(control, treatment, 0.05, "two-sided").relative
    # statsmodels stops its root finder early.
    assert (1 + relative.low, 1 + relative.high) == pytest.approx((low, high), rel=1e-5)


# Documentation of the R package ratesci by P. J. Laud, the method's author: 5/56 against 0/29 and 245/356
# against 270/370 (Torres et al. 2018), digits as printed there.
def test_the_corrected_test_meets_the_numbers_its_author_prints():
    effect = score(Counts(0, 29), Counts(5, 56), 0.05, "two-sided")
    assert effect.p_value == pytest.approx(0.08199729, abs=5e-9)
    assert effect.statistic == pytest.approx(1.739213, abs=5e-7)
    assert (effect.interval.low, effect.interval.high) == pytest.approx((-0.0186, 0.1867), abs=5e-5)
    swapped = score(Counts(5, 56), Counts(0, 29), 0.05, "two-sided")
    assert 1 / (1 + swapped.relative.high) == pytest.approx(0.7696, abs=5e-5)
    trial = Counts(270, 370), Counts(245, 356)
    assert at_difference(-0.125, *trial) == pytest.approx(2.47516, abs=5e-6)
    interval = score(*trial, 0.05, "two-sided").interval
    assert (interval.low, interval.high) == pytest.approx((-0.108, 0.0246), abs=5e-4)


def test_with_arms_of_equal_size_the_test_is_the_n_minus_1_chi_squared_test():
    effect = score(Counts(1, 34), Counts(7, 34), 0.05, "two-sided")
    chi2 = stats.chi2_contingency([[7, 1], [27, 33]], correction=False).statistic * 67 / 68
    assert effect.p_value == pytest.approx(stats.chi2.sf(chi2, 1), rel=1e-12)


def log_likelihood(p, q, control, treatment):
    parts = (
        (control.successes, p),
        (control.n - control.successes, 1 - p),
        (treatment.successes, q),
        (treatment.n - treatment.successes, 1 - q),
    )
    return mpmath.fsum(count * mpmath.log(share) for count, share in parts if count)


TABLES = [
    (Counts(48, 80), Counts(56, 70)),
    (Counts(10, 2000), Counts(3, 200)),
    (Counts(3, 100000), Counts(9, 5000)),
    (Counts(0, 29), Counts(5, 56)),
    (Counts(999, 1000), Counts(80, 100)),
    (Counts(11, 11), Counts(29, 55)),
]


@pytest.mark.parametrize("supposed", [-0.3, -0.001, 1e-6, 0.02, 0.4])
@pytest.mark.parametrize(("control", "treatment"), TABLES)
def test_no_proportions_with_the_supposed_difference_fit_better(control, treatment, supposed):
    p, q = given_difference(supposed, control, treatment)
    assert q - p == pytest.approx(supposed, abs=1e-15)
    with mpmath.workdps(40):
        base = mpmath.mpf(p)
        best = log_likelihood(base, base + mpmath.mpf(supposed), control, treatment)
        for step in (mpmath.mpf(10) ** -7, -(mpmath.mpf(10) ** -7)):
            other = base * (1 + step)
            if 0 < other < 1 and 0 < other + mpmath.mpf(supposed) < 1:
                assert log_likelihood(other, other + mpmath.mpf(supposed), control, treatment) < best


@pytest.mark.parametrize("supposed", [0.01, 0.5, 1.0, 1.7, 40.0])
@pytest.mark.parametrize(("control", "treatment"), TABLES)
def test_no_proportions_with_the_supposed_ratio_fit_better(control, treatment, supposed):
    p, q = given_ratio(supposed, control, treatment)
    assert q / p == pytest.approx(supposed, rel=1e-14)
    with mpmath.workdps(40):
        base, ratio = mpmath.mpf(p), mpmath.mpf(supposed)
        best = log_likelihood(base, min(base * ratio, 1 - mpmath.mpf(10) ** -30), control, treatment)
        for step in (mpmath.mpf(10) ** -7, -(mpmath.mpf(10) ** -7)):
            other = base * (1 + step)
            if other < 1 and other * ratio < 1:
                assert log_likelihood(other, other * ratio, control, treatment) < best


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize(("control", "treatment"), TABLES[:3])
def test_at_its_bounds_the_interval_solves_gart_and_nams_equation(control, treatment, alpha):
    """``z + g (z² - 1) / 6 = raw score`` with the third moment g written out again, in 40 digits."""
    interval = score(control, treatment, alpha, "two-sided").interval
    n0, n1 = control.n, treatment.n
    with mpmath.workdps(40):
        cut = mpmath.sqrt(2) * mpmath.erfinv(1 - mpmath.mpf(alpha))
        for bound, z in ((interval.low, cut), (interval.high, -cut)):
            d = mpmath.mpf(bound)

            def slope(p, d=d):
                return (
                    control.successes / p
                    - (n0 - control.successes) / (1 - p)
                    + treatment.successes / (p + d)
                    - (n1 - treatment.successes) / (1 - p - d)
                )

            low, high = max(0, -d), min(1, 1 - d)
            gap = (high - low) * mpmath.mpf(10) ** -30
            p = mpmath.findroot(slope, (low + gap, high - gap), solver="anderson", tol=1e-30, maxsteps=500)
            q = p + d
            moment = sum(s * x * (1 - x) * (1 - 2 * x) / n**2 for s, x, n in ((1, q, n1), (-1, p, n0)))
            variance = (q * (1 - q) / n1 + p * (1 - p) / n0) * (n0 + n1) / (n0 + n1 - 1)
            raw = (mpmath.mpf(treatment.successes) / n1 - mpmath.mpf(control.successes) / n0 - d) / mpmath.sqrt(
                variance
            )
            assert float(z + moment / variance**1.5 * (z**2 - 1) / 6 - raw) == pytest.approx(0, abs=1e-7)


counts = st.integers(1, 3000).flatmap(
    lambda n: st.one_of(st.integers(0, n), st.integers(0, min(n, 5)), st.integers(max(n - 3, 0), n)).map(
        lambda x: Counts(x, n)
    )
)
alphas = st.sampled_from([0.3, 0.1, 0.05, 0.01, 1e-4])
tests = st.sampled_from([score, miettinen_nurminen])
alternatives = st.sampled_from(ALTERNATIVES)


def agrees(effect, alpha):
    significant = effect.p_value < alpha
    assert effect.interval.excludes(0) == significant
    if isinstance(effect.relative, Interval):
        assert effect.relative.excludes(0) == significant


@given(counts, counts, alphas, alternatives, tests)
@settings(max_examples=300)
def test_p_is_below_alpha_exactly_when_both_intervals_exclude_0(control, treatment, alpha, alternative, test):
    agrees(test(control, treatment, alpha, alternative), alpha)


@given(counts, counts, alternatives, tests, st.sampled_from([1 - 1e-6, 1 + 1e-6]))
@settings(max_examples=150)
def test_intervals_and_p_agree_a_hair_from_the_border(control, treatment, alternative, test, nudge):
    alpha = test(control, treatment, 0.05, alternative).p_value * nudge
    if not 1e-12 < alpha < 0.45:
        alpha = 0.05  # another level than p, where p itself is none
    agrees(test(control, treatment, alpha, alternative), alpha)


@given(counts, counts, alphas, tests)
@settings(max_examples=100)
def test_swapping_the_arms_mirrors_the_difference_and_inverts_the_ratio(control, treatment, alpha, test):
    one, other = (test(*pair, alpha, "two-sided") for pair in ((control, treatment), (treatment, control)))
    assert other.p_value == pytest.approx(one.p_value, rel=1e-9)
    assert (other.interval.low, other.interval.high) == pytest.approx(
        (-one.interval.high, -one.interval.low), rel=RTOL, abs=ATOL
    )
    if isinstance(one.relative, Interval) and isinstance(other.relative, Interval) and one.relative.low > -1:
        assert 1 + other.relative.high == pytest.approx(1 / (1 + one.relative.low), rel=1e-7)


def test_rates_near_one_have_the_p_value_of_their_failures():
    # 1 - p has few digits where p is near 1: the p-value of the failures, 0.8458, was a division by zero.
    near_one = score(Counts(19269, 19271), Counts(1926920, 1927109), 0.05, "two-sided")
    failures = score(Counts(2, 19271), Counts(189, 1927109), 0.05, "two-sided")
    assert near_one.p_value == pytest.approx(failures.p_value, rel=1e-12)
    assert near_one.p_value == pytest.approx(0.8458, abs=5e-5)
    assert near_one.interval.low == pytest.approx(-failures.interval.high, rel=1e-9)


few = st.tuples(st.integers(0, 60), st.integers(100, 10**8)).map(lambda drawn: Counts(drawn[1] - drawn[0], drawn[1]))


@given(few, few, alphas, tests)
@settings(max_examples=60)
def test_rates_next_to_one_mirror_those_next_to_zero(control, treatment, alpha, test):
    one = test(control, treatment, alpha, "two-sided")
    failures = (Counts(arm.n - arm.successes, arm.n) for arm in (control, treatment))
    other = test(*failures, alpha, "two-sided")
    assert other.p_value == pytest.approx(one.p_value, rel=1e-7)
    assert (other.interval.low, other.interval.high) == pytest.approx(
        (-one.interval.high, -one.interval.low), rel=1e-7, abs=1e-15
    )
    if isinstance(one.relative, Interval):
        assert one.relative.low <= one.difference / (control.successes / control.n) <= one.relative.high


@given(counts, counts, alphas, tests)
@settings(max_examples=100)
def test_counting_failures_mirrors_the_difference(control, treatment, alpha, test):
    one = test(control, treatment, alpha, "two-sided")
    failures = (Counts(arm.n - arm.successes, arm.n) for arm in (control, treatment))
    other = test(*failures, alpha, "two-sided")
    assert other.p_value == pytest.approx(one.p_value, rel=1e-7)
    assert (other.interval.low, other.interval.high) == pytest.approx(
        (-one.interval.high, -one.interval.low), rel=1e-7, abs=1e-9
    )


@given(counts, counts, alphas, tests)
@settings(max_examples=100)
def test_one_sided_intervals_are_the_ends_of_the_two_sided_one_at_twice_alpha(control, treatment, alpha, test):
    two = test(control, treatment, alpha, "two-sided")
    greater, less = (test(control, treatment, alpha / 2, word) for word in ("greater", "less"))
    assert (greater.interval.low, less.interval.high) == pytest.approx(
        (two.interval.low, two.interval.high), rel=RTOL, abs=ATOL
    )
    assert greater.interval.high == math.inf
    assert less.interval.low == -math.inf


@pytest.mark.parametrize("skewness", [True, False])
@pytest.mark.parametrize(("control", "treatment"), TABLES)
def test_the_statistic_falls_as_the_supposition_rises(control, treatment, skewness):
    values = [at_difference(d, control, treatment, skewness) for d in np.linspace(-0.999, 0.999, 200)]
    assert all(b <= a + 1e-9 for a, b in pairwise(values) if abs(a) > 1)
    ratios = [at_ratio(math.exp(u), control, treatment, skewness) for u in np.linspace(-6, 6, 200)]
    assert all(b <= a + 1e-9 for a, b in pairwise(ratios) if abs(a) > 1)


def test_complete_separation_is_significant():
    effect = score(Counts(0, 20), Counts(20, 20), 0.05, "two-sided")
    assert effect.p_value < 1e-8
    assert effect.interval.low > 0.8
    assert effect.interval.high == 1
    assert "0 successes" in effect.relative.reason


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(
    ("control", "treatment"), [(Counts(0, 200), Counts(0, 2000)), (Counts(20, 20), Counts(20, 20))]
)
def test_constant_arms_have_p_value_1_and_a_bounded_difference(control, treatment, alternative):
    effect = score(control, treatment, 0.05, alternative)
    assert effect.p_value == 1
    assert effect.std_error is None
    bounds = [b for b in (effect.interval.low, effect.interval.high) if math.isfinite(b)]
    assert all(0 < abs(b) < 0.2 for b in bounds)


def test_lift_is_unbounded_with_too_few_control_successes():
    effect = score(Counts(1, 2000), Counts(40, 2000), 1e-4, "two-sided")
    assert "too few for an upper bound" in effect.relative.reason
    assert score(Counts(1, 2000), Counts(40, 2000), 1e-4, "greater").relative.low > 0


def test_an_empty_arm_is_refused_by_name():
    with pytest.raises(NotEstimable, match="no units with an observed value in treatment"):
        score(Counts(1, 5), Counts(0, 0), 0.05, "two-sided")


def test_p_values_keep_their_digits_in_the_far_tail():
    effect = score(Counts(5000, 100000), Counts(9000, 100000), 0.05, "two-sided")
    exact = 2 * mpmath.ncdf(-mpmath.mpf(effect.statistic))
    assert 1e-300 < effect.p_value < 1e-250
    assert effect.p_value == pytest.approx(float(exact), rel=1e-9)


ARMS = [(200, 200), (2000, 200), (200, 2000), (100, 10000), (10000, 100), (1000, 1000)]
RATES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.5]


def bulk(n, p):
    """Successes outside of which less than 1e-11 of the probability lies."""
    return np.arange(stats.binom.ppf(5e-12, n, p), stats.binom.isf(5e-12, n, p) + 1, dtype=int)


def exact_level(n_control, n_treatment, p, skewness=True, alpha=0.05):
    """Probability to reject a true null, two-sided and in either direction, summed over all tables."""
    cuts = special.ndtri(1 - alpha / 2), special.ndtri(1 - alpha)
    level = np.zeros(3)
    mass = [stats.binom.pmf(bulk(n, p), n, p) for n in (n_control, n_treatment)]
    for x, weight in zip(bulk(n_control, p).tolist(), mass[0], strict=True):
        z = np.array([null_statistic(x, n_control, y, n_treatment, skewness) for y in bulk(n_treatment, p).tolist()])
        level += weight * np.array(
            [mass[1][abs(z) > cuts[0]].sum(), mass[1][z > cuts[1]].sum(), mass[1][z < -cuts[1]].sum()]
        )
    return level


def null_statistic(x, n_control, y, n_treatment, skewness):
    if x + y in (0, n_control + n_treatment):
        return 0.0
    return at_difference(0.0, Counts(x, n_control), Counts(y, n_treatment), skewness)


@pytest.mark.parametrize(("n_control", "n_treatment"), [(2000, 200), (200, 2000)])
def test_rare_events_in_unequal_arms_keep_the_level_in_every_direction(n_control, n_treatment):
    """At 0.005 Welch's test rejects a true null 36 % of the time."""
    for p in (*RATES, 0.0112, 0.03, 0.1, 0.3):
        assert max(exact_level(n_control, n_treatment, p)) <= 0.06, p


def test_without_the_skewness_correction_one_tail_would_not_keep_its_level():
    assert max(exact_level(2000, 200, 0.005, skewness=False)[1:]) > 0.06


@pytest.mark.parametrize(("n_control", "n_treatment"), ARMS)
def test_the_two_sided_level_is_at_most_six_percent_at_every_rate(n_control, n_treatment):
    for p in RATES:
        assert exact_level(n_control, n_treatment, p)[0] <= 0.06, p


def test_the_level_of_a_common_event_is_close_to_nominal():
    level = exact_level(300, 900, 0.5)
    assert level == pytest.approx([0.05, 0.05, 0.05], abs=0.004)


def exact_coverage(n_control, n_treatment, p_control, lift):
    """Probability that the intervals of the lift and of the difference hold the truth, over all tables."""
    cut, p_treatment = special.ndtri(0.975), p_control * (1 + lift)
    x, y = bulk(n_control, p_control), bulk(n_treatment, p_treatment)
    mass = np.outer(stats.binom.pmf(x, n_control, p_control), stats.binom.pmf(y, n_treatment, p_treatment))
    covered = np.zeros(2)
    for (i, j), weight in np.ndenumerate(mass):
        if weight > 1e-9:
            control, treatment = Counts(int(x[i]), n_control), Counts(int(y[j]), n_treatment)
            if control.successes + treatment.successes == 0:
                covered += weight
                continue
            statistics = (
                at_ratio(1 + lift, control, treatment),
                at_difference(p_treatment - p_control, control, treatment),
            )
            covered += weight * (np.abs(statistics) <= cut)
    return covered


@pytest.mark.parametrize("lift", [-0.8, -0.3, 0.5, 2.0])
@pytest.mark.parametrize(("n_control", "n_treatment"), [(2000, 2000), (10000, 1000)])
def test_intervals_of_a_two_percent_rate_have_their_nominal_coverage(n_control, n_treatment, lift):
    assert exact_coverage(n_control, n_treatment, 0.02, lift) == pytest.approx([0.95, 0.95], abs=0.01)


@pytest.mark.parametrize("lift", [-0.8, -0.3, 0.5, 2.0])
@pytest.mark.parametrize(("n_control", "n_treatment"), [(2000, 100), (100, 2000)])
def test_with_two_events_to_expect_in_an_arm_they_cover_at_least_as_often(n_control, n_treatment, lift):
    """So few tables are likely there that no interval covers exactly 95 %; these err towards more."""
    assert min(exact_coverage(n_control, n_treatment, 0.02, lift)) >= 0.94
