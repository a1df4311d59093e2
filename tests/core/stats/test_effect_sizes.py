"""Cohen's d, Glass's delta and Hedges' g agree with R's effectsize and with mpmath, and are absent where undefined."""

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pandas as pd
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

import xpyrment as xp
from xpyrment_core import Estimate
from xpyrment_core.stats.effect_sizes import effect_sizes, hedges_correction

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "effect_sizes.json").read_text())["cases"]
KEYS = ("cohen_d", "glass_delta", "hedges_g")


def run(control, treatment):
    labels = ["control"] * len(control) + ["treatment"] * len(treatment)
    data = pd.DataFrame({"variant": labels, "y": [*control, *treatment]})
    weights = {"control": len(control), "treatment": len(treatment)}
    return xp.setup(data, "variant", weights=weights).register_metric("y").run_analysis().raw_results[0]


def arm(values):
    return Estimate(value=float(np.mean(values)), n=len(values), unit_variance=float(np.var(values, ddof=1)))


@pytest.mark.parametrize("case", ORACLE, ids=lambda case: case["name"])
def test_a_row_has_the_effect_sizes_of_effectsize(case):
    row = run(case["input"]["control"], case["input"]["treatment"])
    for key in KEYS:
        # effectsize uses log-gamma as well; the means and variances are summed in another order.
        assert row["extra"][key] == pytest.approx(case["expected"][key], rel=1e-11)


@pytest.mark.parametrize("df", [2, 3, 5, 18, 127, 128, 129, 1000, 10**6, 10**9, 10**12])
def test_the_correction_is_the_gamma_ratio(df):
    with mpmath.workdps(60):
        m = mpmath.mpf(df) / 2
        exact = mpmath.exp(mpmath.loggamma(m) - mpmath.loggamma(m - mpmath.mpf(1) / 2)) / mpmath.sqrt(m)
        # Log-gamma of 64 is near 200, so its rounding is 200 eps; the series is better.
        assert abs(hedges_correction(df) / exact - 1) < 1e-13


def test_hedges_g_is_unbiased_where_cohens_d_is_not():
    generator = np.random.default_rng(3)
    draws = generator.normal(size=(20_000, 8)) + np.repeat([0.0, 0.8], 4)
    control, treatment = draws[:, :4], draws[:, 4:]
    spread = np.sqrt((control.var(axis=1, ddof=1) + treatment.var(axis=1, ddof=1)) / 2)
    d = (treatment.mean(axis=1) - control.mean(axis=1)) / spread
    # d has the standard deviation 0.95 here, so the mean of 20,000 is within 0.03 in more than 99.99 % of runs.
    assert d.mean() * hedges_correction(6) == pytest.approx(0.8, abs=0.03)
    assert d.mean() > 0.86


values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20).filter(lambda v: np.ptp(v) > 1e-3)


@given(values, values, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
@settings(max_examples=60)
def test_they_do_not_depend_on_unit_and_origin(control, treatment, scale, shift):
    there = effect_sizes(np.mean(treatment) - np.mean(control), arm(control), arm(treatment))
    moved = [np.array(v) * scale + shift for v in (control, treatment)]
    back = effect_sizes(np.mean(moved[1]) - np.mean(moved[0]), arm(moved[0]), arm(moved[1]))
    for key in KEYS:
        # Absolute: near a difference of 0 the means cancel.
        assert getattr(back, key) == pytest.approx(getattr(there, key), rel=1e-6, abs=1e-6)


def test_they_are_absent_where_there_is_no_spread():
    sizes = effect_sizes(1.0, *(Estimate(value=v, n=5, unit_variance=0.0) for v in (1.0, 2.0)))
    assert (sizes.cohen_d, sizes.glass_delta, sizes.hedges_g) == (None, None, None)
    one = effect_sizes(1.0, Estimate(value=1.0, n=5, unit_variance=0.0), Estimate(value=2.0, n=5, unit_variance=1.0))
    assert one.glass_delta is None
    assert one.cohen_d == pytest.approx(math.sqrt(2))


def test_they_are_absent_where_degrees_of_freedom_lack():
    def unit(n, variance):
        return Estimate(value=0.0, n=n, unit_variance=variance, df=max(n - 1, 1))

    assert effect_sizes(1.0, unit(1, 0.0), unit(1, 0.0)).cohen_d is None
    sizes = effect_sizes(1.0, unit(1, 0.0), unit(2, 4.0))
    assert (sizes.cohen_d, sizes.glass_delta, sizes.hedges_g) == (0.5, None, None)


def test_a_row_that_is_not_estimable_has_none():
    row = run([3, 3, 3], [5, 5, 5])
    assert row["status"] == "not_estimable"
    assert [row["extra"][key] for key in KEYS] == [None, None, None]


@frozen
class Logarithm:
    """A smooth function of a mean, of which units have no standard deviation."""

    name = "log of the mean"
    columns = ("revenue",)

    def value(self, means):
        return np.log(means["revenue"])


@frozen
class Balance:
    """A linear function of two means: the mean of a difference per unit."""

    name = "balance"
    columns = ("revenue", "pre_revenue")

    def value(self, means):
        return means["revenue"] - 2 * means["pre_revenue"]


def shop():
    return xp.setup(xp.datasets.shop(), "variant")


def test_only_means_of_units_have_effect_sizes():
    experiment = shop().register_metric("ctr", "ratio", numerator_col="clicks", denominator_col="impressions")
    experiment = experiment.add_metrics([Logarithm(), Balance()])
    experiment = experiment.register_metric("p50", "quantile", value_col="revenue", q=0.5)
    rows = {row["metric_name"]: row for row in experiment.run_analysis().raw_results}
    for name in ("ctr", "log of the mean", "p50"):
        assert rows[name]["status"] == "ok"
        assert [rows[name]["extra"][key] for key in KEYS] == [None, None, None]
    data = xp.datasets.shop()
    derived = data.revenue - 2 * data.pre_revenue
    wanted = effect_sizes(
        rows["balance"]["absolute_difference"],
        *(arm(derived[data.variant == label]) for label in ("control", "treatment")),
    )
    for key in KEYS:
        assert rows["balance"]["extra"][key] == pytest.approx(getattr(wanted, key), rel=1e-9)


def test_a_rank_test_reports_no_standardised_mean_difference():
    row = shop().register_metric("revenue").run_analysis(test="mannwhitney").raw_results[0]
    assert [row["extra"][key] for key in KEYS] == [None, None, None]


def test_repeated_units_have_none():
    data = xp.datasets.shop().head(400)
    data = pd.concat([data, data], ignore_index=True)
    row = xp.setup(data, "variant", "user_id").register_metric("revenue").run_analysis().raw_results[0]
    assert row["extra"]["cohen_d"] is None


def test_an_adjusted_difference_is_divided_by_the_unadjusted_spread():
    plain = shop().register_metric("revenue").run_analysis().raw_results[0]
    adjusted = shop().register_metric("revenue", covariate="pre_revenue").run_analysis().raw_results[0]
    spread = plain["absolute_difference"] / plain["extra"]["cohen_d"]
    assert adjusted["extra"]["cohen_d"] == pytest.approx(adjusted["absolute_difference"] / spread, rel=1e-9)
