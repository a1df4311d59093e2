"""Post-stratified effects agree with estimatr and survey in R, on every engine and for every kind of metric."""

import importlib
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xpyrment as xp
from xpyrment_core.cli.main import main
from xpyrment_core.data.query import Reading
from xpyrment_core.errors import InputError
from xpyrment_core.registry.host import default_host
from xpyrment_core.stats.delta_method import estimate
from xpyrment_core.stats.stratification import post_stratified, with_strata
from xpyrment_core.values.moments import Moments

CASES = json.loads((Path(__file__).parents[2] / "oracles" / "stratified.json").read_text())["cases"]
MEANS = [case for case in CASES if "y" in case["input"]]
SURVEY = [case for case in CASES if "num" in case["input"]]
# The numbers of R have 15 digits; an offset of 1e6 with a spread of 3 costs six of them.
RTOL = 1e-9
Z = 1.959963984540054


def frame(case):
    data = pd.DataFrame(case["input"])
    data["variant"] = np.where(data.pop("treat") == 1, "treatment", "control")
    return data


def row(data, *, strata="block", metric="y", covariate=None, id_col=None, kind="mean", **options):
    experiment = xp.setup(data, "variant", id_col, strata_col=strata)
    columns = {"numerator_col": "num", "denominator_col": "den"} if kind == "ratio" else {"value_col": metric}
    experiment.register_metric("m", kind, covariate=covariate, **columns)
    return xp.run_analysis(experiment, **options).raw_results[0]


def simulated(rng, n=400, effect=0.0, spread=2.0):
    """Return units of four blocks that differ in outcome and size, randomised within each."""
    block = rng.choice(list("abcd"), n, p=[0.4, 0.3, 0.2, 0.1])
    variant = np.empty(n, dtype=object)
    for b in "abcd":
        rows = np.flatnonzero(block == b)
        variant[rng.permutation(rows)] = np.where(np.arange(len(rows)) % 2, "treatment", "control")
    x = rng.normal(size=n)
    level = spread * np.array([ord(b) - 97 for b in block])
    y = level + x + effect * (variant == "treatment") + rng.normal(size=n)
    return pd.DataFrame({"block": block, "variant": variant, "x": x, "y": y})


@pytest.mark.parametrize("case", MEANS, ids=lambda case: case["name"])
def test_means_agree_with_estimatr(case):
    found, wanted = row(frame(case)), case["expected"]
    # The difference of means of 1e6 has the absolute error of the means.
    size = max(1.0, abs(found["control_mean"]) * 1e-3)
    assert found["absolute_difference"] == pytest.approx(wanted["difference"], rel=RTOL, abs=1e-9 * size)
    assert found["absolute_difference"] == pytest.approx(wanted["lin_difference"], rel=RTOL, abs=1e-9 * size)
    assert found["std_error"] == pytest.approx(wanted["std_error"], rel=RTOL)
    assert found["std_error"] == pytest.approx(wanted["lin_std_error"], rel=RTOL)
    assert found["df"] == pytest.approx(wanted["df_satterthwaite"], rel=1e-8)


@pytest.mark.parametrize("case", SURVEY, ids=lambda case: case["name"])
@pytest.mark.parametrize("form", ["pandas", "parquet", "polars lazy"])
def test_ratios_and_rows_of_units_agree_with_survey(case, form, tmp_path):
    data, wanted = frame(case), case["expected"]
    if "rows of units" in case["name"]:
        data["y"] = data["num"]
        options = {"id_col": "unit"}
    else:
        options = {"kind": "ratio"}
    if form == "parquet":
        data.to_parquet(tmp_path / "data.parquet")
        data = str(tmp_path / "data.parquet")
    if form == "polars lazy":
        data = pytest.importorskip("polars").from_pandas(data).lazy()
    found = row(data, test="z", relative_interval="delta", **options)
    assert found["control_mean"] == pytest.approx(wanted["control"], rel=RTOL)
    assert found["treatment_mean"] == pytest.approx(wanted["treatment"], rel=RTOL)
    assert found["absolute_difference"] == pytest.approx(wanted["difference"], rel=RTOL)
    assert found["std_error"] == pytest.approx(wanted["std_error"], rel=RTOL)
    assert found["relative_lift"] == pytest.approx(wanted["lift"], rel=RTOL)
    assert (found["rel_ci_upper"] - found["rel_ci_lower"]) / 2 / Z == pytest.approx(wanted["se_lift"], rel=1e-8)


@pytest.mark.parametrize("adjuster", ["cuped", "ols", "lin"])
def test_covariates_adjust_within_strata(adjuster):
    data = simulated(np.random.default_rng(7), 2000, effect=0.3)
    # A covariate that differs between strata as the outcome does explains nothing within them beyond its own slope.
    data["x"] += 5 * (data["block"] == "b")
    found = row(data, covariate="x", adjuster=adjuster)
    cells = dict(iter(data.groupby(["block", "variant"])))
    share = data["block"].value_counts(normalize=True)

    def covariance(arm):
        return sum(
            share[b] ** 2 * part[["y", "x"]].cov().to_numpy() / len(part) for (b, a), part in cells.items() if a == arm
        )

    def mean(arm):
        return sum(share[b] * part[["y", "x"]].mean().to_numpy() for (b, a), part in cells.items() if a == arm)

    n = {arm: int((data["variant"] == arm).sum()) for arm in ("control", "treatment")}
    # Pooled over both variants: the slope of the sums of squares within cells, each in proportion to its weight.
    pooled = sum(n[arm] * (n[arm] - 1) * covariance(arm) for arm in n)
    theta = {arm: (covariance(arm) if adjuster == "lin" else pooled)[0, 1] for arm in n}
    theta = {arm: t / (covariance(arm) if adjuster == "lin" else pooled)[1, 1] for arm, t in theta.items()}
    gap = mean("treatment") - mean("control")
    total = sum(n.values())
    slope = theta["control"] * n["treatment"] / total + theta["treatment"] * n["control"] / total
    assert found["absolute_difference"] == pytest.approx(gap[0] - slope * gap[1], rel=1e-10)
    weights = np.array([1.0, -slope])
    variance = sum(weights @ covariance(arm) @ weights for arm in n)
    # One slope costs one of 2,000 degrees of freedom, and the covariate's imbalance adds a leverage of that order.
    assert found["std_error"] == pytest.approx(math.sqrt(variance), rel=3e-3)
    assert found["std_error"] < 0.8 * row(data)["std_error"]


def test_a_covariate_that_is_constant_within_strata_is_left_out_with_a_note():
    data = simulated(np.random.default_rng(1))
    data["size"] = data["block"].map({"a": 1.0, "b": 2.0, "c": 5.0, "d": 9.0})
    found = row(data, covariate="size")
    assert not found["cuped_applied"]
    assert any("'size'" in note for note in found["notes"])
    assert found["std_error"] == row(data)["std_error"]


def test_one_stratum_is_the_simple_comparison():
    data = simulated(np.random.default_rng(2), effect=0.5).assign(one="all")
    plain, found = row(data, strata=None, covariate="x"), row(data, strata="one", covariate="x")
    for key in ("absolute_difference", "std_error", "df", "p_value", "ci_lower", "rel_ci_lower", "control_var"):
        assert found[key] == pytest.approx(plain[key], rel=1e-12), key
    assert found["extra"]["cohen_d"] == pytest.approx(plain["extra"]["cohen_d"], rel=1e-12)
    assert plain["extra"].keys().isdisjoint(("strata", "strata_col"))


@pytest.mark.parametrize("test", ["welch", "student", "z"])
def test_swapping_the_variants_flips_the_sign_and_order_of_strata_does_not_matter(test):
    data = simulated(np.random.default_rng(3), effect=0.5)
    found = row(data, test=test)
    swapped = row(data, test=test, control="treatment", treatment="control")
    assert swapped["absolute_difference"] == pytest.approx(-found["absolute_difference"], rel=1e-12)
    assert swapped["p_value"] == pytest.approx(found["p_value"], rel=1e-9)
    renamed = row(data.assign(block=data["block"].map(dict(zip("abcd", [4, 3, 1, 2], strict=True)))), test=test)
    assert renamed["p_value"] == pytest.approx(found["p_value"], rel=1e-9)


def test_student_is_least_squares_where_strata_have_equal_shares_and_sizes():
    # Cells of one size: the variance pooled over cells is then the residual variance of the saturated model.
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"block": np.repeat(list("abc"), 20), "variant": ["control", "treatment"] * 30})
    data["y"] = rng.normal(size=60) + data["block"].map({"a": 0, "b": 3, "c": -2})
    found = row(data, test="student")
    residual = data["y"] - data.groupby(["block", "variant"])["y"].transform("mean")
    error = math.sqrt((residual**2).sum() / (60 - 6) * (2 / 30))
    # The variants are pooled by the degrees of freedom that Satterthwaite gives each, not by 27 of each.
    assert found["std_error"] == pytest.approx(error, rel=5e-3)


def test_effect_sizes_refer_to_the_spread_of_all_units():
    data = simulated(np.random.default_rng(4), effect=1.0, spread=5.0)
    found = row(data)
    arms = [data.loc[data["variant"] == v, "y"] for v in ("control", "treatment")]
    spread = math.sqrt(sum((len(a) - 1) * a.var() for a in arms) / (len(data) - 2))
    assert found["extra"]["cohen_d"] == pytest.approx(found["absolute_difference"] / spread, rel=1e-12)


def test_small_strata_are_left_out_and_every_row_is_counted_once():
    data = simulated(np.random.default_rng(6))
    few = pd.DataFrame({"block": ["e"] * 4 + ["f"] * 3, "variant": ["control"] * 3 + ["treatment"] + ["control"] * 3})
    data = pd.concat([data, few.assign(y=1.0, x=0.0)], ignore_index=True)
    data.loc[:10, "y"] = np.nan
    found = row(data)
    assert found["extra"]["strata"] == 4
    assert found["extra"]["strata_left_out"] == 2
    assert "2 of 6 strata of 'block' (7 units) are left out" in " ".join(found["notes"])
    for side, small in (("control", 6), ("treatment", 1)):
        ledger = found["exclusions"][side]
        assert ledger["small_stratum"] == small
        assert ledger["used"] == ledger["units"] == found[f"{side}_n"]
        reasons = ("missing_unit", "in_two_arms", "in_several_strata", "missing_outcome", "small_stratum", "non_finite")
        assert ledger["rows_in"] == sum(ledger[key] for key in (*reasons, "used"))
    alone = row(data[~data["block"].isin(["e", "f"])])
    assert found["p_value"] == pytest.approx(alone["p_value"], rel=1e-12)
    assert found["extra"]["strata_weights"] == alone["extra"]["strata_weights"]
    assert sum(found["extra"]["strata_weights"].values()) == pytest.approx(1)


def test_without_a_usable_stratum_the_row_says_why():
    data = pd.DataFrame({"block": range(8), "variant": ["control", "treatment"] * 4, "y": range(8)})
    found = row(data)
    assert found["status"] == "not_estimable"
    assert "no stratum of 'block' has 2 units with an observed value in both variants" in found["reason"]


def test_units_without_a_stratum_are_a_stratum_of_their_own():
    data = simulated(np.random.default_rng(8))
    named = row(data)
    data["block"] = data["block"].where(data["block"] != "d", None)
    found = row(data)
    assert found["p_value"] == pytest.approx(named["p_value"], rel=1e-12)
    assert "(missing)" in found["extra"]["strata_weights"]


def test_a_unit_that_changes_its_stratum_is_counted_named_and_left_out():
    data = simulated(np.random.default_rng(9), 300)
    data["user"] = [f"user {i}" for i in range(300)]
    clean = data.iloc[1:]
    data = pd.concat([data, data.iloc[[0]].assign(block="d" if data["block"][0] != "d" else "a")])
    found = row(pd.concat([data, data.iloc[[5]]]), id_col="user")
    assert "1 unit with rows in several strata of 'block' is left out: user 0" in found["notes"]
    side = data["variant"][0].iloc[0]
    assert found["exclusions"][side]["in_several_strata"] == 2
    without = row(pd.concat([clean, clean.iloc[[4]]]), id_col="user")
    assert found["p_value"] == pytest.approx(without["p_value"], rel=1e-9)


def test_every_treatment_has_its_own_strata():
    data = simulated(np.random.default_rng(10), 900)
    data.loc[(data["block"] == "c") & (data.index % 3 == 0), "variant"] = "other"
    weights = {"control": 7, "treatment": 7, "other": 1}
    experiment = xp.setup(data, "variant", strata_col="block", weights=weights).register_metric("y")
    first, second = xp.run_analysis(experiment, treatment=["treatment", "other"]).raw_results
    assert first["extra"]["strata"] == 4
    assert (second["extra"]["strata"], second["extra"]["strata_left_out"]) == (1, 3)


@pytest.mark.parametrize("id_col", [None, "user"])
@pytest.mark.parametrize("column", ["day", "flag", "number", "category"])
def test_strata_of_any_type_are_the_same_in_every_engine(column, id_col, tmp_path):
    polars = pytest.importorskip("polars")
    rng = np.random.default_rng(22)
    data = simulated(rng, 500)
    code = rng.integers(0, 3, 500)
    data["day"] = pd.to_datetime("2026-01-01") + pd.to_timedelta(code, unit="D")
    data["flag"], data["number"] = code > 1, np.array([1.5, 2.5, np.nan])[code]
    data["category"] = pd.Categorical.from_codes(code, ["x", "y", "z"])
    data["user"] = np.arange(500)
    data = pd.concat([data, data.iloc[:100].assign(y=data["y"][:100] - 1)], ignore_index=True)
    named = row(data.assign(name=data[column].astype(str)), strata="name", id_col=id_col)
    path = tmp_path / "data.parquet"
    data.to_parquet(path)
    for source in (data, str(path), polars.read_parquet(path), polars.scan_parquet(path)):
        found = row(source, strata=column, id_col=id_col)
        assert found["p_value"] == pytest.approx(named["p_value"], rel=1e-9)
        assert list(found["extra"]["strata_weights"].values()) == pytest.approx(
            list(named["extra"]["strata_weights"].values())
        )


def test_a_proportion_is_compared_by_its_estimates():
    data = simulated(np.random.default_rng(11))
    data["converted"] = (data["y"] > 2).astype(int)
    found = row(data, kind="proportion", metric="converted")
    assert found["test"] == "welch"
    assert found["std_error"] == row(data, metric="converted")["std_error"]


def test_a_margin_and_a_correction_apply():
    data = simulated(np.random.default_rng(12), effect=0.0)
    experiment = xp.setup(data, "variant", strata_col="block")
    experiment.register_metric("g", value_col="y", role="guardrail", margin=1.0).register_metric("y")
    guard, plain = xp.run_analysis(experiment, multi_test_correction="holm").raw_results
    statistic = (plain["absolute_difference"] + 1.0) / plain["std_error"]
    assert guard["statistic"] == pytest.approx(statistic, rel=1e-12)
    assert guard["verdict"] == "non-inferior"


@pytest.mark.parametrize("test", ["score", "fisher", "mannwhitney", "bootstrap"])
def test_tests_that_do_not_know_strata_are_refused(test):
    data = simulated(np.random.default_rng(13))
    data["converted"] = (data["y"] > 2).astype(int)
    with pytest.raises(InputError, match=r"which strata_col='block' does not support; use one of these tests: .*welch"):
        row(data, kind="proportion", metric="converted", test=test)


def test_a_quantile_is_not_estimable_and_other_metrics_are():
    data = simulated(np.random.default_rng(14))
    experiment = xp.setup(data, "variant", strata_col="block").register_metric("y")
    experiment.register_metric("median", "median", value_col="y")
    mean, median = xp.run_analysis(experiment).raw_results
    assert mean["status"] == "ok"
    assert "is not a function of means, which strata_col='block' needs" in median["reason"]


@pytest.mark.parametrize("form", ["pandas", "parquet", "polars lazy"])
@pytest.mark.parametrize("id_col", [None, "user"])
def test_derived_values_are_post_stratified_as_the_same_values_computed_before(form, id_col, tmp_path):
    data = simulated(np.random.default_rng(20), 600, effect=0.3)
    data["user"] = [f"user {i}" for i in range(600)]
    data = pd.concat([data, data.iloc[:200].assign(y=data["y"][:200] + 1)], ignore_index=True)
    # A unit that changes its stratum, and a stratum with one unit of treatment.
    data.loc[610, "block"] = "e" if id_col else data.loc[610, "block"]
    data.loc[len(data)] = {"user": "x", "block": "f", "variant": "treatment", "x": 0.0, "y": 50.0}
    data["capped"] = data["y"].clip(upper=4.0)
    source = data
    if form == "parquet":
        data.to_parquet(tmp_path / "data.parquet")
        source = str(tmp_path / "data.parquet")
    if form == "polars lazy":
        source = pytest.importorskip("polars").from_pandas(data).lazy()
    experiment = xp.setup(source, "variant", id_col, strata_col="block")
    experiment.register_metric("m", "capped", value_col="y", cap=4.0, covariate="x")
    found = xp.run_analysis(experiment).raw_results[0]
    wanted = row(data, metric="capped", covariate="x", id_col=id_col)
    for key in ("absolute_difference", "std_error", "df", "p_value", "unadjusted_std_error", "control_n"):
        assert found[key] == pytest.approx(wanted[key], rel=1e-9), key
    assert found["exclusions"] == wanted["exclusions"]
    assert found["extra"]["strata_weights"] == pytest.approx(wanted["extra"]["strata_weights"])
    assert found["notes"] == wanted["notes"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"strata_col": "nothing"}, "strata_col.*nothing"),
        ({"strata_col": "variant"}, "cannot name both the stratum and the variant"),
        ({"strata_col": "user", "id_col": "user"}, "cannot name both the stratum and the variant or unit"),
    ],
)
def test_a_column_that_cannot_be_a_stratum_is_refused(columns, message):
    data = simulated(np.random.default_rng(15)).assign(user=range(400))
    with pytest.raises(InputError, match=message):
        xp.setup(data, "variant", **columns)


def test_strata_made_of_the_outcome_or_of_ids_are_refused():
    data = simulated(np.random.default_rng(16), 3000)
    with pytest.raises(InputError, match="reads the column of the strata 'y'"):
        row(data, strata="y")
    with pytest.raises(InputError, match="group column 'x' has 3,000 values, at most 1,000"):
        row(data, strata="x")


def test_an_engine_without_groups_is_refused_by_name(monkeypatch):
    from xpyrment_frames.engine import FrameSource

    def ignoring(self, query, answer=FrameSource.moments):
        reading = answer(self, query)
        return Reading(moments=reading.moments, rows=reading.rows, shifts=reading.shifts)

    monkeypatch.setattr(FrameSource, "moments", ignoring)
    with pytest.raises(
        InputError, match=r"engine frames/frames \(xpyrment .*\) does not read groups, which strata_col='block'"
    ):
        row(simulated(np.random.default_rng(17)))


def test_totals_and_files_of_moments_are_refused(tmp_path):
    data = simulated(np.random.default_rng(18))
    moments = importlib.import_module("xpyrment_aggregates.make").aggregate(data, "variant", ["y"], ["block"])
    with pytest.raises(InputError, match="cannot be split by 'block'"):
        row(moments)


def test_the_command_line_and_the_experiment_file_name_the_strata(tmp_path, capsys):
    data = simulated(np.random.default_rng(19))
    data.to_csv(tmp_path / "data.csv", index=False)
    wanted = row(data)
    path = tmp_path / "experiment.toml"
    path.write_text(
        '[experiment]\ndata = "data.csv"\ntreatment_col = "variant"\nstrata_col = "block"\n[[metrics]]\nname = "y"\n'
    )
    flags = ("--treatment-col", "variant", "--metric", "y", "--strata-col", "block")
    for arguments in ((str(tmp_path / "data.csv"), *flags), (str(path),)):
        code = main(["analyze", *arguments, "--format", "json"])
        out, err = capsys.readouterr()
        assert code == 0, err
        found = json.loads(out)
        assert found["analysis"]["strata_col"] == "block"
        assert found["metrics"][0]["std_error"] == pytest.approx(wanted["std_error"], rel=1e-9)
        assert found["metrics"][0]["extra"]["strata"] == 4


# Properties of the moments ----------------------------------------------------------------

values = st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=2, max_size=8)


@given(values, values)
def test_strata_of_one_distribution_weighted_by_size_have_the_mean_of_the_whole(a, b):
    parts = [Moments.of({"y": a}), Moments.of({"y": b})]
    whole = Moments.merged(parts)
    arm = post_stratified(parts, [len(a) / whole.n, len(b) / whole.n])
    assert arm.mean[0] == pytest.approx(whole.mean[0], rel=1e-12, abs=1e-9)
    assert arm.n == whole.n
    # The variance between strata is gone: what is left is at most the largest variance within one.
    found = estimate(arm)
    assert found.variance <= max(p.cov[0, 0] for p in parts) / min(len(a), len(b)) + 1e-9
    assert min(len(a), len(b)) - 1 - 1e-9 <= found.df <= whole.n - 2 + 1e-9


@given(values, values, st.floats(-10, 10, allow_subnormal=False))
def test_linear_combinations_keep_the_variances_of_strata(a, b, slope):
    n = min(len(a), len(b))
    parts = [Moments.of({"y": a[:n], "x": b[:n]}), Moments.of({"y": b[:n], "x": a[:n]})]
    weights = [0.25, 0.75]
    projected = post_stratified(parts, weights).project(["z"], [0.0], [[1.0, slope]])
    direct = post_stratified([p.project(["z"], [0.0], [[1.0, slope]]) for p in parts], weights)
    scale = float(np.abs([*a, *b]).max() + 1) ** 2 * (1 + slope**2)
    np.testing.assert_allclose(projected.m2, direct.m2, rtol=1e-9, atol=1e-9 * scale)
    assert projected.strata is not None
    assert direct.strata is not None
    np.testing.assert_allclose(projected.strata.covariances, direct.strata.covariances, rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(projected.m2 / projected.n / (projected.n - 1), projected.strata.covariances.sum(axis=0))


def test_post_stratified_moments_do_not_add_up():
    part = post_stratified([Moments.of({"y": [1.0, 2.0]})], [1.0])
    with pytest.raises(InputError, match="add those of each stratum"):
        part + part


# Level and gain ---------------------------------------------------------------------------


def rejections(replicates, n, spread, seed, strata="block"):
    rng = np.random.default_rng(seed)
    found = [row(simulated(rng, n, spread=spread), strata=strata)["p_value"] < 0.05 for _ in range(replicates)]
    return float(np.mean(found))


def test_the_level_is_kept_where_the_simple_test_is_far_too_conservative():
    # 300 replicates: a share of 0.05 has a standard error of 0.0126; four of them on either side.
    assert rejections(300, 80, 2.0, seed=1) == pytest.approx(0.05, abs=0.05)
    # Randomised within blocks that explain most of the variance, the simple test hardly ever rejects.
    assert rejections(300, 80, 2.0, seed=1, strata=None) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("n", "spread"), [(40, 0.0), (40, 3.0), (200, 0.0), (200, 3.0)])
def test_the_level_is_kept_with_small_and_large_strata(n, spread):
    # 4,000 replicates: standard error 0.0034, four of them.
    assert rejections(4000, n, spread, seed=n) == pytest.approx(0.05, abs=0.014)


def adjusted_rejections(replicates, strata, units, adjuster, seed):
    """Return the share of rejections without an effect, by an adjuster on so many strata and units per cell."""
    rng, welch = np.random.default_rng(seed), default_host().get("test", "welch").load()
    adjust = default_host().get("adjuster", adjuster).load()
    found = 0
    for _ in range(replicates):
        x = rng.normal(size=(2, strata, units)) + np.arange(strata)[:, None]
        y = x + rng.normal(size=x.shape) * (1 + 0.5 * (np.arange(strata) % 2))[:, None]
        cells = [[Moments.of({"y": y[a, s], "x": x[a, s]}) for s in range(strata)] for a in (0, 1)]
        arms = [post_stratified(parts, [1 / strata] * strata) for parts in cells]
        before, after = (with_strata(e, arm) for e, arm in zip(adjust(*arms), arms, strict=True))
        found += welch(before, after, 0.05, "two-sided").p_value < 0.05
    return found / replicates


# With two units per cell Satterthwaite's degrees of freedom are so few that the test is conservative. So only an excess
# over 0.05 is a fault: four standard errors.
@pytest.mark.parametrize("adjuster", ["cuped", "ols", "lin"])
def test_adjusters_keep_the_level_with_many_small_strata(adjuster):
    assert adjusted_rejections(400, 10, 2, adjuster, seed=3) <= 0.05 + 4 * 0.0109


@pytest.mark.slow
@pytest.mark.parametrize("adjuster", ["cuped", "ols", "lin"])
@pytest.mark.parametrize(("strata", "units"), [(10, 2), (20, 2), (5, 5), (10, 10)])
def test_adjusters_keep_the_level_for_all_sizes_of_strata(adjuster, strata, units):
    assert adjusted_rejections(6000, strata, units, adjuster, seed=strata + units) <= 0.05 + 4 * 0.0028


def test_post_stratification_gains_what_the_strata_explain():
    rng = np.random.default_rng(21)
    data = simulated(rng, 20_000, spread=2.0)
    plain, found = row(data, strata=None), row(data)
    within = data.groupby("block")["y"].var()
    share = data["block"].value_counts(normalize=True)
    # Var(y) = E Var(y | block) + Var E(y | block): the second part is gone.
    wanted = float((share * within).sum() / data["y"].var())
    assert (found["std_error"] / plain["std_error"]) ** 2 == pytest.approx(wanted, rel=0.02)
