"""Plans with a fixed control size or total, with clusters, and by week: published values and independent searches."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower

import xpyrment as xp
from xpyrment_core.cli.report import FORMATS, render
from xpyrment_core.errors import InputError
from xpyrment_power.allocation import first
from xpyrment_power.cli import PowerCalculationError
from xpyrment_power.cli import power as command
from xpyrment_power.design import Design

# R prints seven digits.
PRINTED = 6e-8


@pytest.mark.parametrize(("test", "theirs"), [("z", NormalIndPower()), ("t", TTestIndPower())])
@pytest.mark.parametrize("control", [290, 400, 3000])
def test_the_treatment_size_for_a_fixed_control_is_that_of_statsmodels(test, theirs, control):
    size = xp.required_sample_size(2.5, std=15, control=control, test=test)
    # One-sided at half the level, because statsmodels adds the far tail of a two-sided test.
    achieved, before = (
        theirs.power(2.5 / 15, control, 0.025, ratio=n / control, alternative="larger")
        for n in (size.treatment, size.treatment - 1)
    )
    assert before < 0.8 <= achieved
    assert size.power == pytest.approx(achieved, rel=1e-9)
    assert (size.control, size.exact) == (control, None)


def test_the_smallest_control_that_can_do_has_the_variance_of_a_one_sample_test():
    # With infinitely many treatment units only sd² / n_C remains.
    least = math.ceil((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2 * 15**2 / 2.5**2)
    with pytest.raises(InputError, match=f"control must be larger: .* The smallest control group that can is {least}"):
        xp.required_sample_size(2.5, std=15, control=50)
    assert xp.required_sample_size(2.5, std=15, control=least).power >= 0.8


@given(
    st.sampled_from(["z", "t"]),
    st.integers(1, 3),
    st.floats(0.3, 1),
    st.integers(40, 400),
    st.sampled_from([0.6, 0.8, 0.9]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_allocation_of_a_total_is_the_first_of_a_complete_search(test, arms, effect, total, target, proportion):
    options = {"baseline": 0.2} if proportion else {"std": 1.0}
    options["test"] = "z" if proportion else test
    effect = effect * 0.7 if proportion else effect

    def achieved(treatment):
        control = total - arms * treatment
        # The ratio is shortened by a little, so that rounding up returns the whole size.
        return xp.power(effect, control, ratio=treatment / control, arms=arms, **options)

    enough = [n for n in range(2, (total - 2) // arms + 1) if achieved(n) >= target]
    if enough:
        size = xp.required_sample_size(effect, power=target, total=total, arms=arms, **options)
        assert (size.treatment, size.control) == (enough[0], total - arms * enough[0])
        assert size.total == total
    else:
        with pytest.raises(InputError, match="total must be larger") as refused:
            xp.required_sample_size(effect, power=target, total=total, arms=arms, **options)
        needed = int(str(refused.value).split("can is ")[1].rstrip(".").replace(",", ""))
        assert needed > total
        assert xp.required_sample_size(effect, power=target, total=needed, arms=arms, **options).power >= target


def test_the_smallest_total_is_that_of_equal_arms():
    # Equal arms have the most power where the variances are equal.
    least = math.ceil(2 * xp.required_sample_size(2.5, std=15).exact)
    with pytest.raises(InputError, match=f"The smallest total that can is {least:,}"):
        xp.required_sample_size(2.5, std=15, total=1000)
    size = xp.required_sample_size(2.5, std=15, total=least)
    assert size.total == least
    assert size.ratio == size.treatment / size.control


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control": 400, "total": 1000}, "control and total are both given"),
        ({"control": 1}, "control must be a whole number of units in control, at least 2, got 1"),
        ({"control": 2.5}, "control must be a whole number"),
        ({"total": 0}, "total must be a whole number of units in all arms, got 0"),
        ({"total": True}, "total must be a whole number"),
        ({"total": 3}, "total must be larger: no allocation of 3 units"),
        ({"control": 400, "ratio": 2}, "ratio is solved for"),
        ({"icc": 0.1}, "cluster size is missing"),
        ({"cluster_cv": 0.1}, "cluster size is missing"),
        ({"cluster_size": 20}, "icc is missing"),
        ({"cluster_size": 0.5, "icc": 0.1}, "cluster size must be a number of units, at least 1, got 0.5"),
        ({"cluster_size": 20, "icc": 1}, "icc must be a number from 0 to below 1, got 1"),
        ({"cluster_size": 20, "icc": -0.1}, "icc must be"),
        ({"cluster_size": 20, "icc": 0.1, "cluster_cv": -1}, "cluster cv must be 0 or a positive number"),
    ],
)
def test_what_cannot_be_planned_is_refused(options, message):
    with pytest.raises(InputError) as refused:
        xp.required_sample_size(2.5, std=15, **options)
    assert message in str(refused.value)


def test_the_power_with_clusters_is_the_published_one_of_webpower():
    # WebPower's manual: wp.crt2arm(f = 0.6, n = 20, J = 10, icc = 0.1, alpha = 0.05) has power 0.5901684.
    ours = xp.power(0.6, n=5 * 20, std=1, test="t", icc=0.1, cluster_size=20)
    # WebPower adds the tail in the wrong direction.
    far = stats.nct.cdf(-stats.t.ppf(0.975, 8), 8, 0.6 * math.sqrt(10 / (4 * (0.1 + 0.9 / 20))))
    assert ours + far == pytest.approx(0.5901684, abs=PRINTED)


def test_the_detectable_effect_with_clusters_is_the_published_one_of_clusterpower():
    # The tests of R's clusterPower: 5 clusters of 150 per arm, icc 0.05, total variance 1: 0.4804988.
    ours = xp.minimum_detectable_effect(5 * 150, std=1, test="t", icc=0.05, cluster_size=150)
    # Its root is found to 1e-4 (tolerance eps^0.25), the printed digits beyond that are not meant.
    assert ours == pytest.approx(0.4804988, abs=2e-4)


def test_the_number_of_clusters_is_the_published_one_of_clusterpower():
    # clusterPower's manual: crtpwr.2mean(n=10, d=1, icc=.1, varw=5), "a variance of five units", gives 16 clusters.
    size = xp.required_sample_size(1, std=math.sqrt(5), test="t", icc=0.1, cluster_size=10)
    assert (size.control_clusters, size.treatment_clusters, size.control) == (16, 16, 160)


def test_clusters_of_unequal_sizes_have_eldridges_design_effect():
    # Eldridge, Ashby and Kerry (2006), equation 2, by hand: 1 + ((0.65² + 1) * 30 - 1) * 0.05 = 3.08375.
    design = Design(std=1, icc=0.05, cluster_size=30, cluster_cv=0.65)
    assert design.design_effect == pytest.approx(3.08375, rel=1e-12)
    assert Design(std=1, icc=0.05, cluster_size=30).design_effect == pytest.approx(2.45, rel=1e-12)


@given(st.floats(0, 0.5), st.integers(1, 50), st.floats(0, 1), st.sampled_from([0.05, 0.2, 0.4]))
@settings(max_examples=60, deadline=None)
def test_the_size_with_clusters_is_the_simple_size_times_the_design_effect(icc, m, cv, baseline):
    clusters = {"icc": icc, "cluster_size": m, "cluster_cv": cv}
    simple = xp.required_sample_size(0.03, baseline=baseline)
    size = xp.required_sample_size(0.03, baseline=baseline, **clusters)
    effect = Design(baseline=baseline, **clusters).design_effect
    assert size.exact == pytest.approx(simple.exact * effect, rel=1e-9)
    assert size.control == m * math.ceil(size.exact / m * (1 - 1e-12))


def test_clusters_of_one_unit_are_units():
    one = xp.required_sample_size(2.5, std=15, test="t", icc=0.3, cluster_size=1)
    plain = xp.required_sample_size(2.5, std=15, test="t")
    assert (one.control, one.power) == (plain.control, plain.power)


def test_only_whole_clusters_count():
    clusters = {"icc": 0.05, "cluster_size": 20}
    assert xp.power(2, 219, 10, **clusters) == xp.power(2, 200, 10, **clusters)
    with pytest.raises(InputError, match="n must be larger: 39 units in clusters of 20 are 1 clusters in control"):
        xp.power(2, 39, 10, **clusters)


def test_fixed_sizes_and_clusters_combine():
    size = xp.required_sample_size(2.5, std=15, total=2000, test="t", icc=0.02, cluster_size=20)
    assert size.total == 2000
    assert size.control == 20 * size.control_clusters
    assert "in 42 clusters" in render(command(mde="2.5", std=15, test="t", icc=0.02, cluster_size=20, cluster_cv=0.4))


def test_the_effect_of_a_week_is_that_of_its_units():
    plan = xp.mde_by_week(1000, weeks=3, std=15, baseline=100, ratio=2, test="t")
    frame = plan.to_frame()
    assert frame["control"].tolist() == [2333, 4666, 7000]
    assert frame["treatment"].tolist() == [4666, 9332, 14000]
    assert frame["days"].tolist() == [7, 14, 21]
    for row in plan.weeks:
        ratio = row.treatment / row.control
        achieved = TTestIndPower().power(row.mde / 15, row.control, 0.025, ratio=ratio, alternative="larger")
        assert achieved == pytest.approx(0.8, rel=1e-9)
        assert row.relative_mde == row.mde / 100


@given(st.floats(1, 5000), st.integers(1, 4), st.floats(0.2, 4), st.booleans())
@settings(max_examples=40, deadline=None)
def test_effects_by_week_fall_and_units_fit_the_traffic(traffic, arms, ratio, clustered):
    clusters = {"icc": 0.02, "cluster_size": 5} if clustered else {}
    plan = xp.mde_by_week(traffic, weeks=6, std=1, arms=arms, ratio=ratio, **clusters)
    effects = [week.mde for week in plan.weeks if week.mde is not None]
    assert effects == sorted(effects, reverse=True)
    for week in plan.weeks:
        assert week.total <= traffic * week.days * (1 + 1e-9)
        assert (week.mde is None) == (week.reason is not None)


def test_a_week_without_a_detectable_effect_says_why():
    first_week = xp.mde_by_week(1, weeks=1, baseline=0.9, alternative="greater").weeks[0]
    assert first_week.mde is None
    assert "detect no change" in first_week.reason
    assert "variance needs two in each arm" in xp.mde_by_week(0.1, weeks=1, std=1).weeks[0].reason


def test_the_command_prints_weeks():
    report = command(std=15, baseline=100, daily_traffic=500, weeks=4)
    assert [week["control"] for week in report.data["weeks"]] == [1750, 3500, 5250, 7000]
    for form in FORMATS:
        assert "1750" in render(report, form) or "1,750" in render(report, form)
    assert "Week 1: n must be larger" in render(command(baseline=0.9, alternative="greater", daily_traffic=1, weeks=1))


def test_the_command_prints_fixed_sizes():
    assert "Required Treatment Group Size   : 963" in render(command(mde="2.5", std=15, control=400))
    shown = command(mde="2.5", std=15, total=1500, curve=True)
    assert (shown.data["control"], shown.data["treatment"]) == (1122, 378)
    # The curve keeps the ratio that was solved for.
    assert shown.data["curve"][3]["treatment"] == 378


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weeks": 4}, "needs the units per day"),
        ({"weeks": 4, "daily_traffic": 5, "mde": "2", "curve": True}, "excludes --mde, --curve"),
        ({"weeks": 0, "daily_traffic": 5}, "weeks must be a whole number from 1 to 520, got 0"),
        ({"weeks": 4, "daily_traffic": -5}, "daily traffic must be a positive number"),
        ({"weeks": 4, "daily_traffic": 5, "margin": 1, "alternative": "less"}, "a margin has no detectable effect"),
        ({"control": 400}, "give mde with them"),
        ({"total": 400, "mde": "2", "n": 100}, "give mde with them"),
    ],
)
def test_contradicting_flags_are_refused(options, message):
    with pytest.raises(PowerCalculationError, match=message):
        command(std=15, **options)


def test_a_search_that_finds_nothing_ends():
    with pytest.raises(InputError, match="no size up to"):
        first(lambda n: False, 2)
