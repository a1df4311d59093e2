"""The whole analysis: arms, labels, missing values, what cannot be estimated, JSON and summary."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import xpyrment as xp
from xpyrment_core.errors import InputError

# Same formula as SciPy's: only rounding may differ.
RTOL = 1e-10

CONTRACT_KEYS = [
    "metric_name", "metric_type", "control_mean", "treatment_mean", "control_var", "treatment_var", "control_n",
    "treatment_n", "absolute_difference", "relative_lift", "cuped_applied", "variance_reduction", "p_value", "ci_lower",
    "ci_upper", "rel_ci_lower", "rel_ci_upper", "power",
]  # fmt: skip
OUR_KEYS = [
    "std_error", "statistic", "df", "p_value_raw", "unadjusted_difference", "unadjusted_std_error", "mde", "control",
    "treatment", "test", "adjuster", "correction", "status", "reason", "exclusions", "provenance",
]  # fmt: skip


@pytest.fixture
def frame():
    rng = np.random.default_rng(11)
    n = 600
    return pd.DataFrame(
        {
            "variant": rng.permutation(np.repeat(["control", "treatment", "other"], n // 3)),
            "revenue": rng.gamma(2.0, 5.0, n),
            "pre_revenue": rng.gamma(2.0, 5.0, n),
            "converted": (rng.random(n) < 0.2).astype(int),
            "clicks": rng.poisson(3, n),
            "views": 1 + rng.poisson(20, n),
            "note": "text",
        }
    )


def rows(frame, *metrics, setup=None, **options):
    experiment = xp.setup(frame, "variant", **(setup or {}))
    for metric in metrics:
        experiment.register_metric(**({"name": metric} if isinstance(metric, str) else metric))
    return experiment.run_analysis(**options).raw_results


def arm(frame, label, column):
    return frame.loc[frame["variant"] == label, column]


def test_a_row_has_the_keys_of_the_contract_in_their_order_and_native_types(frame):
    row = rows(frame, "revenue")[0]
    assert list(row)[: len(CONTRACT_KEYS)] == CONTRACT_KEYS
    assert set(OUR_KEYS) <= set(row)
    native = (str, bool, int, float, dict, list, type(None))
    assert all(type(value) in native for value in row.values())


def test_the_default_test_is_welchs_as_scipy_has_it(frame):
    row = rows(frame, "revenue")[0]
    expected = stats.ttest_ind(arm(frame, "treatment", "revenue"), arm(frame, "control", "revenue"), equal_var=False)
    low, high = expected.confidence_interval(0.95)
    found = [row[key] for key in ("statistic", "p_value", "df", "ci_lower", "ci_upper")]
    assert found == pytest.approx([expected.statistic, expected.pvalue, expected.df, low, high], rel=RTOL)
    assert row["std_error"] ** 2 == pytest.approx(
        row["control_var"] / row["control_n"] + row["treatment_var"] / row["treatment_n"], rel=RTOL
    )


def test_rows_of_other_arms_and_without_a_label_change_only_the_exclusions(frame):
    both = frame[frame["variant"] != "other"]
    strange = frame.copy()
    strange.loc[strange["variant"] == "other", ["revenue", "pre_revenue"]] = 1e12
    strange = pd.concat([strange, frame.head(5).assign(variant=None, revenue=-1e12)])
    metric = {"name": "revenue", "covariate": "pre_revenue"}
    clean, dirty = rows(both, metric)[0], rows(strange, metric)[0]
    ledger = dirty.pop("exclusions")
    clean.pop("exclusions")
    for key, value in clean.items():
        # The order in which rows are added up differs, so only rounding may.
        assert dirty[key] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), key
    assert (ledger["rows_in"], ledger["missing_label"], ledger["other_arms"]) == (605, 5, 200)


def test_every_row_is_counted_once_in_the_exclusions(frame):
    frame.loc[frame.index[:30], "revenue"] = np.nan
    frame.loc[frame.index[30:35], "variant"] = None
    ledger = rows(frame, "revenue")[0]["exclusions"]
    arms = [ledger["control"], ledger["treatment"]]
    assert ledger["rows_in"] == len(frame)
    assert ledger["rows_in"] == ledger["missing_label"] + ledger["other_arms"] + sum(a["rows_in"] for a in arms)
    for label, side in zip(["control", "treatment"], arms, strict=True):
        assert side["missing_outcome"] == int(arm(frame, label, "revenue").isna().sum())
        parts = ("missing_unit", "in_two_arms", "missing_outcome", "non_finite", "used")
        assert side["rows_in"] == sum(side[part] for part in parts)


def test_one_treatment_a_list_or_none(frame):
    frame["variant"] = frame["variant"].replace({"other": "b"})
    one = rows(frame, "revenue", treatment="b")
    several = rows(frame, "revenue", "clicks", treatment=["b", "treatment"], multi_test_correction="bonferroni")
    every = rows(frame, "revenue", "clicks", treatment=None, multi_test_correction="bonferroni")
    assert [(r["metric_name"], r["treatment"]) for r in several] == [
        ("revenue", "b"), ("revenue", "treatment"), ("clicks", "b"), ("clicks", "treatment"),
    ]  # fmt: skip
    assert several == every
    assert one[0]["p_value"] == pytest.approx(several[0]["p_value_raw"], rel=RTOL)
    # The family is metrics times arms.
    assert [r["p_value"] for r in several] == pytest.approx([min(1, 4 * r["p_value_raw"]) for r in several])


@pytest.mark.parametrize(
    ("make", "control", "treatment"),
    [
        (lambda v: v.astype(object), "control", "treatment"),
        (lambda v: v.astype("category"), "control", "treatment"),
        (lambda v: v.astype("string"), "control", "treatment"),
        (lambda v: v == "treatment", False, True),
        (lambda v: (v == "treatment").astype(int), 0, 1),
        (lambda v: (v == "treatment").astype("Int64"), 0, 1),
        (lambda v: (v == "treatment").astype(float), 0, 1),
    ],
    ids=["object", "category", "string", "bool", "int", "nullable int", "float"],
)
def test_labels_of_every_type_are_matched_by_value(frame, make, control, treatment):
    frame = frame[frame["variant"] != "other"].reset_index(drop=True)
    expected = rows(frame, "revenue")[0]["p_value"]
    frame["variant"] = make(frame["variant"])
    assert rows(frame, "revenue", control=control, treatment=treatment)[0]["p_value"] == pytest.approx(expected)


def test_a_label_of_another_type_is_an_error_that_says_so(frame):
    frame["variant"] = (frame["variant"] == "treatment").astype(int)
    with pytest.raises(ValueError, match="type int") as caught:
        rows(frame, "revenue", control="0", treatment="1")
    assert "Did you mean 0?" in str(caught.value)


def broken(frame, **columns):
    return frame.assign(**columns)


@pytest.mark.filterwarnings("ignore:outcomes are missing more often in one variant")
@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (lambda f: np.where(f["variant"] == "treatment", np.nan, f["revenue"]), "no units with an observed value"),
        (
            lambda f: np.where((f["variant"] == "treatment") & f["variant"].duplicated(), np.nan, f["revenue"]),
            "only 1 unit",
        ),
        (lambda f: 3.5, "both variants are constant"),
        (lambda f: 0.1, "both variants are constant"),
        (lambda f: "words", "does not hold numbers"),
        (lambda f: np.where(f.index == 7, np.inf, f["revenue"]), "1 infinite value"),
    ],
    ids=["empty arm", "one unit", "constant", "constant that rounds", "text", "infinite"],
)
def test_metric_that_cannot_be_estimated_has_a_reason_and_other_metrics_are_unchanged(frame, column, reason):
    frame = frame.copy()
    frame.loc[7, "variant"] = "control"
    expected = rows(frame, "revenue")[0]
    frame["bad"] = column(frame)
    experiment = xp.setup(frame, "variant").register_metric("bad").register_metric("revenue")
    result = experiment.run_analysis(multi_test_correction="holm")
    bad, good = result.raw_results
    assert bad["status"] == "not_estimable"
    assert reason in bad["reason"]
    for key in ("p_value", "absolute_difference", "relative_lift", "ci_lower", "rel_ci_upper", "power", "std_error"):
        assert bad[key] is None
    assert good["p_value"] == pytest.approx(expected["p_value"], rel=RTOL)
    shown = result.summary().iloc[0]
    assert shown["p-value"] == "N/A"
    assert reason in shown["Note"]
    assert json.loads(result.to_json())["metrics"][0]["reason"] == bad["reason"]


def test_zero_against_all_conversions_is_a_difference():
    frame = pd.DataFrame({"variant": ["control"] * 20 + ["treatment"] * 20, "converted": [0] * 20 + [1] * 20})
    row = rows(frame, {"name": "converted", "metric_type": "proportion"})[0]
    assert row["status"] == "ok"
    assert row["p_value"] < 1e-6
    assert row["absolute_difference"] == 1
    assert row["relative_lift"] is None


def test_values_that_are_not_binary_are_refused_and_shown(frame):
    frame.loc[frame.index[3], "converted"] = 7
    bad, good = rows(frame, {"name": "converted", "metric_type": "proportion"}, "revenue", treatment=None)[::2]
    assert bad["status"] == "not_estimable"
    assert "7" in bad["reason"]
    assert good["status"] == "ok"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control": "contrl"}, "Did you mean 'control'"),
        ({"treatment": "treatmnt"}, "'control', 'other', 'treatment'"),
        ({"treatment": "control"}, "also the control"),
        ({"treatment": ["treatment", "treatment"]}, "given twice"),
        ({"treatment": []}, "empty list"),
        ({"alpha": 0}, "between 0 and 1"),
        ({"alpha": 95}, "Did you mean 0.05"),
        ({"alpha": float("nan")}, "between 0 and 1"),
        ({"test": "welsh"}, "Did you mean 'welch'"),
        ({"test": {"revenu": "z"}}, "Did you mean 'revenue'"),
        ({"adjuster": "cupid"}, "Did you mean 'cuped'"),
        ({"multi_test_correction": "hulm"}, "Did you mean 'holm'"),
        ({"covariates": ["pre_revenu"]}, "Did you mean 'pre_revenue'"),
        ({"alternative": "bigger"}, "'greater', 'less', 'two-sided'"),
        ({"relative_interval": "feller"}, "Did you mean 'fieller'"),
    ],
)
def test_a_call_that_cannot_be_right_is_refused_before_anything_is_read(frame, options, message):
    experiment = xp.setup(frame, "variant").register_metric("revenue")
    with pytest.raises(ValueError, match=message):
        experiment.run_analysis(**options)
    assert experiment.state is xp.ExperimentState.DESIGNED


def test_an_analysis_without_metrics_is_refused(frame):
    with pytest.raises(ValueError, match="register_metric"):
        xp.setup(frame, "variant").run_analysis()


def test_an_unknown_column_is_refused_with_the_nearest_name(frame):
    with pytest.raises(ValueError, match="Did you mean 'revenue'"):
        rows(frame, {"name": "r", "value_col": "revenu"})


def test_a_covariate_is_matched_by_name_and_the_result_says_so(frame):
    row = rows(frame, "revenue", setup={"covariates": ["pre_revenue"]})[0]
    assert row["cuped_applied"]
    assert row["covariates"] == ["pre_revenue"]
    assert "matched by its name" in row["notes"][0]
    assert not rows(frame, "clicks", setup={"covariates": ["pre_revenue"]})[0]["cuped_applied"]
    assert not rows(frame, "revenue", setup={"covariates": ["pre_revenue"]}, adjuster="none")[0]["cuped_applied"]


def test_cuped_equals_the_textbook_estimate(frame):
    frame["revenue"] += 2 * frame["pre_revenue"]
    row = rows(frame, "revenue", setup={"covariates": ["pre_revenue"]})[0]
    two = frame[frame["variant"] != "other"]
    within = two.groupby("variant")[["revenue", "pre_revenue"]].transform(lambda column: column - column.mean())
    theta = (within["revenue"] * within["pre_revenue"]).sum() / (within["pre_revenue"] ** 2).sum()
    means = two.groupby("variant")[["revenue", "pre_revenue"]].mean()
    gap = means.loc["treatment"] - means.loc["control"]
    assert row["absolute_difference"] == pytest.approx(gap["revenue"] - theta * gap["pre_revenue"], rel=1e-9)
    assert row["unadjusted_difference"] == pytest.approx(gap["revenue"], rel=1e-9)
    assert 0.5 < row["variance_reduction"] < 1
    assert row["treatment_mean"] - row["control_mean"] == pytest.approx(row["absolute_difference"], rel=1e-9)


def test_missing_covariates_drop_no_unit_and_are_counted(frame):
    frame["revenue"] += 2 * frame["pre_revenue"]
    frame.loc[frame.index[::4], "pre_revenue"] = np.nan
    row = rows(frame, {"name": "revenue", "covariate": "pre_revenue"})[0]
    two = frame[frame["variant"] != "other"]
    assert row["control_n"] + row["treatment_n"] == len(two)
    assert row["exclusions"]["imputed"] == {"pre_revenue": int(two["pre_revenue"].isna().sum())}
    assert row["covariates"] == ["pre_revenue", "pre_revenue is missing"]
    # Witness: least squares with mean imputation and a missingness indicator (statsmodels).
    import statsmodels.api as sm

    filled = two["pre_revenue"].fillna(two["pre_revenue"].mean())
    x = sm.add_constant(
        np.column_stack([two["variant"] == "treatment", filled, two["pre_revenue"].isna()]).astype(float)
    )
    fit = sm.OLS(two["revenue"].to_numpy(), x).fit()
    ols = rows(frame, {"name": "revenue", "covariate": "pre_revenue"}, adjuster="ols", test="student")[0]
    assert ols["absolute_difference"] == pytest.approx(fit.params[1], rel=1e-9)
    assert ols["std_error"] == pytest.approx(fit.bse[1], rel=1e-9)


def test_text_covariates_enter_as_dummies_like_statsmodels_has_them(frame):
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(3)
    frame["country"] = rng.choice(["DE", "FR", "US"], len(frame))
    frame["revenue"] += frame["country"].map({"DE": 0, "FR": 5, "US": 12})
    row = rows(frame, {"name": "revenue", "covariate": ["country"]}, adjuster="ols", test="student")[0]
    two = frame[frame["variant"] != "other"].assign(t=lambda f: (f["variant"] == "treatment").astype(int))
    fit = smf.ols("revenue ~ t + C(country)", two).fit()
    assert row["absolute_difference"] == pytest.approx(fit.params["t"], rel=1e-9)
    assert row["p_value"] == pytest.approx(fit.pvalues["t"], rel=1e-8)


def test_a_covariate_that_cannot_be_used_is_named_and_the_metric_still_reported(frame):
    frame["fixed"] = 4.0
    frame["twice"] = 2 * frame["pre_revenue"]
    frame["endless"] = np.where(frame.index == 3, np.inf, frame["pre_revenue"])
    metric = {"name": "revenue", "covariate": ["pre_revenue", "fixed", "twice", "endless"]}
    row = rows(frame, metric, treatment=["treatment", "other"])[0]
    assert row["status"] == "ok"
    assert row["covariates"] == ["pre_revenue"]
    notes = " ".join(row["notes"])
    assert all(f"'{name}'" in notes for name in ("fixed", "twice", "endless"))


def test_repeated_rows_become_units(frame):
    rng = np.random.default_rng(5)
    frame = frame[frame["variant"] != "other"].reset_index(drop=True).assign(user=lambda f: f.index)
    events = frame.loc[frame.index.repeat(rng.integers(1, 6, len(frame)))].reset_index(drop=True)
    events["revenue"] += rng.normal(size=len(events))
    row = rows(events, "revenue", setup={"id_col": "user"})[0]
    parts = []
    for label in ("control", "treatment"):
        sums = events[events["variant"] == label].groupby("user")["revenue"].agg(["sum", "count"])
        ratio = sums["sum"].sum() / sums["count"].sum()
        residual = (sums["sum"] - ratio * sums["count"]) / sums["count"].mean()
        parts.append((ratio, residual.var(ddof=1) / len(sums)))
    assert row["control_mean"] == pytest.approx(parts[0][0], rel=1e-10)
    assert row["std_error"] ** 2 == pytest.approx(parts[0][1] + parts[1][1], rel=1e-10)
    assert row["control_n"] + row["treatment_n"] == len(frame)


def test_units_in_two_arms_are_counted_and_left_out(frame):
    frame = frame[frame["variant"] != "other"].reset_index(drop=True).assign(user=lambda f: f.index)
    both = frame.head(10).assign(variant=lambda f: f["variant"].map({"control": "treatment", "treatment": "control"}))
    mixed = pd.concat([frame, both.assign(revenue=1e9)])
    clean = rows(frame.iloc[10:], "revenue", setup={"id_col": "user"})[0]
    experiment = xp.setup(mixed, "variant", "user").register_metric("revenue")
    with pytest.warns(UserWarning, match="10 units are in more than one variant"):
        result = experiment.run_analysis()
    row = result.raw_results[0]
    assert result.metadata["units_in_two_arms"] == 10
    assert row["exclusions"]["control"]["in_two_arms"] + row["exclusions"]["treatment"]["in_two_arms"] == 20
    assert row["p_value"] == pytest.approx(clean["p_value"], rel=1e-9)


def test_p_value_and_intervals_of_a_row_agree(frame):
    for shift in np.linspace(-2, 2, 21):
        moved = frame.assign(revenue=frame["revenue"] + shift * (frame["variant"] == "treatment"))
        row = rows(moved, "revenue")[0]
        significant = row["p_value"] < 0.05
        assert significant == (not row["ci_lower"] <= 0 <= row["ci_upper"])
        assert significant == (not row["rel_ci_lower"] <= 0 <= row["rel_ci_upper"])


def test_one_sided_alternatives_have_one_sided_intervals(frame):
    greater = rows(frame, "revenue", alternative="greater")[0]
    less = rows(frame, "revenue", alternative="less")[0]
    assert greater["ci_upper"] is None
    assert greater["rel_ci_upper"] is None
    assert less["ci_lower"] is None
    assert greater["p_value"] + less["p_value"] == pytest.approx(1, abs=1e-12)


def test_a_guardrail_is_tested_against_its_margin(frame):
    metric = {"name": "revenue", "role": "guardrail", "direction": "increase"}
    row = rows(frame, metric | {"margin": 3.0})[0]
    control, treatment = arm(frame, "control", "revenue"), arm(frame, "treatment", "revenue")
    shifted = stats.ttest_ind(treatment + 3.0, control, equal_var=False, alternative="greater")
    assert row["p_value"] == pytest.approx(shifted.pvalue, rel=RTOL)
    assert row["null_difference"] == -3.0
    assert (row["p_value"] < 0.05) == (row["ci_lower"] > -3.0)
    assert row["verdict"] == ("non-inferior" if row["p_value"] < 0.05 else "not established")
    for percent in (1, 5, 10, 20, 30, 50):
        row = rows(frame, metric | {"margin": f"{percent}%"})[0]
        assert row["null_lift"] == pytest.approx(-percent / 100)
        assert (row["p_value"] < 0.05) == (row["rel_ci_lower"] > -percent / 100)


def test_secondary_metrics_are_a_family_of_their_own(frame):
    names = [
        {"name": c, "role": r} for c, r in [("revenue", "primary"), ("clicks", "secondary"), ("views", "secondary")]
    ]
    found = rows(frame, *names, multi_test_correction="bonferroni")
    factors = [row["p_value"] / row["p_value_raw"] for row in found if row["p_value"] < 1]
    assert factors == pytest.approx([1, 2, 2][: len(factors)])


def test_a_corrected_verdict_and_its_simultaneous_interval_agree(frame):
    rng = np.random.default_rng(8)
    for correction in ("bonferroni", "holm", "fdr_bh"):
        for _ in range(20):
            moved = frame.copy()
            for column in ("revenue", "clicks", "views"):
                moved[column] = moved[column] + rng.normal(0, 1) * (moved["variant"] == "treatment")
            for row in rows(moved, "revenue", "clicks", "views", multi_test_correction=correction):
                assert row["correction"] == correction
                if row["simultaneous_ci_lower"] is None:
                    continue
                excluded = not row["simultaneous_ci_lower"] <= 0 <= row["simultaneous_ci_upper"]
                if correction == "holm" and row["p_value"] < 0.05:
                    # A step-down rejection may touch the null and not pass it.
                    assert row["simultaneous_ci_lower"] >= 0 or row["simultaneous_ci_upper"] <= 0
                else:
                    assert excluded == (row["p_value"] < 0.05)


def test_summary_has_the_columns_and_formats_of_the_contract(frame):
    experiment = xp.setup(frame, "variant").register_metric("revenue")
    table = experiment.run_analysis(alpha=0.01).summary()
    assert list(table.columns) == [
        "Metric", "Type", "Control Mean", "Treatment Mean", "Relative Lift", "99% CI (Rel)", "p-value",
        "Post-hoc Power", "CUPED", "Var Reduction",
    ]  # fmt: skip
    row = table.iloc[0]
    assert row["Relative Lift"].endswith("%")
    assert row["Relative Lift"][0] in "+-"
    assert row["99% CI (Rel)"].startswith("[")
    assert (row["CUPED"], row["Var Reduction"]) == ("No", "-")


def test_stars_follow_p_and_are_shown_only_below_alpha():
    raw = {"metric_name": "m", "metric_type": "Mean", "alternative": "two-sided"}
    for p_value, alpha, text in [
        (0.0004, 0.05, "0.0004***"), (0.004, 0.05, "0.0040**"), (0.04, 0.05, "0.0400*"), (0.06, 0.05, "0.0600"),
        (0.04, 0.01, "0.0400"), (0.06, 0.1, "0.0600"), (None, 0.05, "N/A"),
    ]:  # fmt: skip
        result = xp.AnalysisResult([raw | {"p_value": p_value}], alpha)
        assert result.summary()["p-value"].iloc[0] == text


def test_json_is_standard_even_where_bounds_are_infinite(frame):
    experiment = xp.setup(frame, "variant").register_metric("revenue").register_metric("note")
    text = experiment.run_analysis(alternative="greater").to_json()

    def refuse(name):
        raise AssertionError(name)

    document = json.loads(text, parse_constant=refuse)
    assert document["schema_version"] == 1
    assert {"alpha", "metrics", "covariate_balance"} <= set(document)
    assert document["covariate_balance"] is None


def test_balance_is_part_of_the_result_and_summary_warns(frame):
    frame.loc[frame["variant"] == "treatment", "pre_revenue"] += 5
    experiment = xp.setup(frame, "variant", covariates=["pre_revenue"]).register_metric("clicks")
    result = experiment.run_analysis()
    row = result.to_dict()["covariate_balance"]["pre_revenue"]
    for key in ("mean_control", "mean_treatment", "variance_control", "variance_treatment", "smd", "variance_ratio"):
        assert math.isfinite(row[key])
    c, t = arm(frame, "control", "pre_revenue"), arm(frame, "treatment", "pre_revenue")
    assert row["smd"] == pytest.approx((t.mean() - c.mean()) / np.sqrt((t.var() + c.var()) / 2), rel=1e-9)
    with pytest.warns(UserWarning, match="^COVARIATE IMBALANCE DETECTED"):
        result.summary()
    assert "COVARIATE BALANCE LOVE PLOT" in result.love_plot()


def test_without_covariates_the_love_plot_is_one_sentence(frame):
    result = xp.setup(frame, "variant").register_metric("clicks").run_analysis()
    assert result.love_plot() == "No covariate balance diagnostics were compiled (no covariates provided)."
    assert result.balance_checker is None
    result.summary()  # and no warning, which would be an error


def test_a_result_can_be_made_from_plain_dicts_alone():
    result = xp.AnalysisResult([{"metric_name": "m", "metric_type": "Mean", "p_value": 0.2, "relative_lift": 0.01}])
    assert result.df_raw["p_value"].iloc[0] == 0.2
    assert result.summary().iloc[0]["Relative Lift"] == "+1.00%"
    json.loads(result.to_json(indent=2))


def test_run_analysis_takes_the_seeds_positional_arguments(frame):
    experiment = xp.setup(frame, "variant").register_metric("revenue")
    result = xp.run_analysis(experiment, "control", "treatment", 0.1, "holm", ["pre_revenue"])
    assert result.alpha == 0.1
    assert result.raw_results[0]["correction"] == "holm"


def test_a_callable_can_be_the_test(frame):
    from xpyrment_core.stats.wald import wald

    def strict(control, treatment, alpha, alternative):
        return wald(control, treatment, alpha=alpha / 10, alternative=alternative, df=None)

    row = rows(frame, "revenue", test=strict)[0]
    assert row["test"] == "strict"
    assert row["provenance"]["test"]["distribution"] == "local"


def test_p_values_are_adjusted_and_missing_ones_pass_through():
    found = xp.adjust_p_values([0.01, None, 0.04, float("nan")], "bonferroni")
    assert found[0::2] == pytest.approx([0.02, 0.08])
    assert math.isnan(found[1])
    assert math.isnan(found[3])
    with pytest.raises(InputError, match="between 0 and 1"):
        xp.adjust_p_values([1.2], "holm")
    with pytest.raises(InputError, match="Did you mean 'holm'"):
        xp.adjust_p_values([0.1], "holn")
