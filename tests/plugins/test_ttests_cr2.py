"""The cr2 test is the t-test of a regression with CR2 errors, and holds its level with few unequal units."""

import numpy as np
import pandas as pd
import pytest

import xpyrment as xp

SIZES = np.array([2, 3, 5, 8, 13, 21, 4, 6, 9, 30])


def stores(seed=3, treated=(1, 3, 4, 8), spread=1.0):
    rng = np.random.default_rng(seed)
    store = np.repeat(np.arange(len(SIZES)), SIZES)
    y = 5 + spread * rng.normal(size=len(SIZES))[store] + rng.normal(size=len(store))
    arm = np.where(np.isin(store, treated), "treatment", "control")
    return pd.DataFrame({"store": store, "variant": arm, "y": y, "views": 1 + rng.poisson(3, len(store))})


def analysed(data, metric="mean", test="cr2", **parameters):
    weights = dict(data.drop_duplicates("store")["variant"].value_counts())
    experiment = xp.setup(data, "variant", "store", weights=weights)
    return experiment.register_metric("y", metric, **parameters).run_analysis(test=test).raw_results[0]


@pytest.mark.parametrize("seed", range(4))
def test_of_a_mean_it_is_the_regression_with_cr2_errors(seed):
    data = stores(seed)
    row = analysed(data)
    wanted = xp.fit_ols(data, "y", ["variant"], cluster_col="store", robust="CR2").coefficients[1]
    # The witness of fit_ols is clubSandwich; both sum the same products in another order.
    assert row["absolute_difference"] == pytest.approx(wanted.coefficient, rel=1e-10)
    assert (row["std_error"], row["df"]) == pytest.approx((wanted.std_error, wanted.df), rel=1e-9)
    assert row["p_value"] == pytest.approx(wanted.p_value, rel=1e-9)
    assert (row["ci_lower"], row["ci_upper"]) == pytest.approx((wanted.ci_lower, wanted.ci_upper), rel=1e-9)


def test_with_one_row_per_unit_the_standard_error_is_welchs():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"store": np.arange(40), "variant": np.repeat(["control", "treatment"], [25, 15])})
    data["y"] = rng.normal(size=40)
    assert analysed(data)["std_error"] == pytest.approx(analysed(data, test="welch")["std_error"], rel=1e-12)


def test_a_ratio_of_rows_with_a_constant_denominator_is_the_mean():
    data = stores().assign(one=2.0)
    ratio = analysed(data, "ratio", numerator_col="y", denominator_col="one")
    mean = analysed(data)
    assert ratio["p_value"] == pytest.approx(mean["p_value"], rel=1e-9)
    assert ratio["std_error"] == pytest.approx(mean["std_error"] / 2, rel=1e-9)


def test_a_quantile_is_refused_with_another_test():
    assert "test='welch'" in analysed(stores(), "median", value_col="y")["reason"]


def level(replicates, test):
    rng = np.random.default_rng(6)
    rejected = 0
    for seed in range(replicates):
        row = analysed(stores(seed, rng.choice(10, 3, replace=False)), test=test)
        rejected += row["p_value"] is not None and row["p_value"] < 0.05
    return rejected / replicates


@pytest.mark.simulation
def test_it_holds_its_level_with_ten_unequal_units():
    # 5 % of 200 has a standard deviation of 1.5 points.
    assert level(200, "cr2") <= 0.09


@pytest.mark.simulation
@pytest.mark.slow
def test_it_holds_its_level_where_the_z_test_does_not():
    assert level(3000, "cr2") <= 0.06
    assert level(3000, "z") >= 0.12
