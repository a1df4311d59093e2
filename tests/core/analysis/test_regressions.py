"""Mistakes that were once made: each test names what must hold instead."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import xpyrment as xp
from xpyrment_core.errors import EngineError, InputError, PluginError
from xpyrment_core.registry.hookspecs import hookimpl
from xpyrment_core.registry.host import PluginHost


@pytest.fixture
def frame():
    rng = np.random.default_rng(21)
    n = 400
    x = rng.normal(3, 1, n)
    return pd.DataFrame(
        {
            "variant": rng.permutation(np.repeat(["control", "treatment"], n // 2)),
            "x": x,
            "y": 10 + 2 * x + rng.normal(size=n),
            "text": "always the same",
        }
    )


def welch(frame, column):
    arms = [frame.loc[frame["variant"] == label, column] for label in ("treatment", "control")]
    return stats.ttest_ind(*arms, equal_var=False).pvalue


class Broken:
    name = "broken"
    columns = ("y",)

    def value(self, means):
        return means["cost"]


def boom(*_):
    raise RuntimeError("boom")


def test_a_metric_that_raises_is_not_estimable_and_leaves_the_others_alone(frame):
    result = xp.setup(frame, "variant").add_metrics([Broken(), xp.MeanMetric("y", "y")]).run_analysis()
    broken, good = result.raw_results
    assert (broken["status"], broken["reason"]) == ("not_estimable", "metric 'broken' failed: KeyError: 'cost'")
    assert good["p_value"] == pytest.approx(welch(frame, "y"), rel=1e-10)


@pytest.mark.parametrize("option", [{"test": {"y": boom}}, {"adjuster": {"y": boom}}])
def test_a_test_or_adjuster_that_raises_takes_down_its_own_metric_only(frame, option):
    experiment = xp.setup(frame, "variant", covariates=["x"]).register_metric("y").register_metric("z", value_col="y")
    broken, good = experiment.run_analysis(**option).raw_results
    assert broken["status"] == "not_estimable"
    assert "local/boom" in broken["reason"]
    assert "RuntimeError: boom" in broken["reason"]
    assert good["status"] == "ok"


@pytest.mark.parametrize(
    "correction", [boom, lambda p: [0.1], lambda p: np.asarray(p) * 1e9 + 2, lambda p: np.full(len(p), np.nan)]
)
def test_a_correction_that_breaks_its_contract_is_named(frame, correction):
    experiment = xp.setup(frame, "variant").register_metric("y").register_metric("x")
    with pytest.raises(PluginError, match="correction local/"):
        experiment.run_analysis(multi_test_correction=correction)
    assert experiment.state is xp.ExperimentState.DESIGNED


@pytest.mark.parametrize("adjuster", ["cuped", "ols", "lin"])
def test_a_covariate_named_twice_is_used_once(frame, adjuster):
    once, twice = (
        xp.setup(frame, "variant").register_metric("y").run_analysis(covariates=names, adjuster=adjuster).raw_results[0]
        for names in (["x"], ["x", "x"])
    )
    assert twice == once
    registered = xp.setup(frame, "variant").register_metric("y", covariate=["x", "x"]).run_analysis(adjuster=adjuster)
    assert registered.raw_results[0]["std_error"] == once["std_error"]
    assert registered.raw_results[0]["covariates"] == ["x"]


@pytest.mark.parametrize(("column", "why"), [("text", "fewer than two levels"), ("y", "the metric measures it")])
def test_a_covariate_that_cannot_be_used_is_named_in_the_notes(frame, column, why):
    row = xp.setup(frame, "variant").register_metric("y").run_analysis(covariates=["x", column]).raw_results[0]
    assert row["covariates"] == ["x"]
    assert row["notes"] == [f"covariate {column!r} is left out: {'it has ' if column == 'text' else ''}{why}"]


@pytest.mark.parametrize(("labels", "wanted", "meant"), [([False, True], 0, "False"), ([0, 1], False, "0")])
def test_a_label_that_is_equal_but_of_another_type_is_told_apart_by_type(frame, labels, wanted, meant):
    frame["variant"] = np.array(labels)[(frame["variant"] == "treatment").astype(int)]
    with pytest.raises(InputError, match=rf"is of type .* of type .* Did you mean {meant}\?"):
        xp.setup(frame, "variant").register_metric("y").run_analysis(control=wanted, treatment=labels[1])


def test_a_metric_class_or_a_text_of_columns_is_refused(frame):
    experiment = xp.setup(frame, "variant")
    with pytest.raises(InputError, match="MeanMetric is a class"):
        experiment.add_metrics(xp.MeanMetric)
    wrong = Broken()
    wrong.columns = "y"
    with pytest.raises(InputError, match="columns must be a tuple"):
        experiment.add_metrics(wrong)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda result: pickle.loads(pickle.dumps(result))])
def test_results_can_be_copied_and_sent_between_processes(frame, again):
    result = xp.setup(frame, "variant", covariates=["x"]).register_metric("y").run_analysis()
    twin = again(result)
    assert twin.to_json() == result.to_json()
    assert twin.summary().equals(result.summary())
    assert twin.love_plot() == result.love_plot()
    assert twin.results == result.results


@pytest.mark.filterwarnings("ignore:outcomes are missing")
@pytest.mark.parametrize("label", ["control", "treatment"])
def test_what_is_missing_is_said_of_the_variant_that_misses_it(frame, label):
    rows = frame.index[frame["variant"] == label]
    frame.loc[rows, "x"] = np.nan
    frame.loc[rows[1:], "y"] = np.nan
    x, y = xp.setup(frame, "variant").register_metric("x").register_metric("y").run_analysis().raw_results
    assert x["reason"] == f"there are no units with an observed value in the {label} variant"
    assert y["reason"] == f"only 1 unit with an observed value in the {label} variant: a variance needs two"


def test_a_column_that_vanished_after_setup_is_one_clear_error(frame):
    experiment = xp.setup(frame, "variant").register_metric("y")
    del frame["y"]
    with pytest.raises(EngineError, match=r"frames .* failed while reading: KeyError: 'y'"):
        experiment.run_analysis()
    assert experiment.state is xp.ExperimentState.DESIGNED


def test_rows_without_a_unit_are_said_by_the_units_check(frame):
    frame["unit"] = np.arange(len(frame), dtype=float)
    frame.loc[:9, "unit"] = np.nan
    checks = xp.setup(frame, "variant", "unit").register_metric("y").run_analysis().checks
    message = next(check.message for check in checks if check.name == "units")
    assert message == "every unit is in one variant; 10 rows without a unit are left out"


@pytest.mark.parametrize("unit", [{"id_col": "variant"}, {"cluster_col": "variant"}])
def test_the_treatment_column_cannot_be_the_unit(frame, unit):
    with pytest.raises(InputError, match="cannot name both the variant and the unit"):
        xp.setup(frame, "variant", **unit)


def test_the_summary_of_nothing_has_the_columns_of_the_contract():
    assert list(xp.AnalysisResult([]).summary()) == list(xp.AnalysisResult([{"metric_name": "y"}]).summary())


class Meddler:
    @hookimpl
    def xpyrment_after_analysis(self, result):
        result.raw_results[0]["p_value"] = 0.0
        result.raw_results.clear()


def test_an_observer_changes_no_number(frame):
    host = PluginHost()
    host.register(Meddler())
    result = xp.setup(frame, "variant", plugins=host).register_metric("y").run_analysis()
    assert result.raw_results[0]["p_value"] == pytest.approx(welch(frame, "y"), rel=1e-10)


@pytest.mark.parametrize("options", [{"adjuster": "lin"}, {"adjuster": "cuped", "covariates": []}])
def test_an_adjuster_without_covariates_says_that_it_did_nothing(frame, options):
    row = xp.setup(frame, "variant").register_metric("y").run_analysis(**options).raw_results[0]
    assert row["adjuster"] is None
    assert row["notes"] == [f"not adjusted by {options['adjuster']}: there are no covariates"]


@pytest.mark.parametrize("covariates", [3, [3]])
def test_covariates_that_are_no_names_are_refused(frame, covariates):
    with pytest.raises(InputError, match="named by its column, got 3"):
        xp.setup(frame, "variant", covariates=covariates)
    with pytest.raises(InputError, match="named by its column, got 3"):
        xp.setup(frame, "variant").register_metric("y").run_analysis(covariates=covariates)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 1], "must map variants to planned shares"),
        ({"control": 1}, "variant 'treatment' has no weight"),
        ({"Control": 1, "treatment": 1}, "Did you mean 'Control'"),
        ({"control": -1, "treatment": 1}, "'control' must be a number, 0 or more, got -1"),
        ({"control": float("nan"), "treatment": 1}, "must be a number, 0 or more, got nan"),
    ],
)
def test_planned_weights_that_cannot_be_checked_are_refused_before_the_analysis(frame, weights, message):
    with pytest.raises(InputError, match=message):
        xp.setup(frame, "variant", weights=weights).register_metric("y").run_analysis()


def test_values_of_an_arm_that_is_not_compared_refuse_no_proportion():
    frame = pd.DataFrame(
        {"variant": ["control", "treatment", "z"] * 40, "y": [0, 1, 7, 1, 1, 7, 0, 0, 7, 1, 0, 7] * 10}
    )
    experiment = xp.setup(frame, "variant").register_metric("y", "proportion")
    assert experiment.run_analysis().raw_results[0]["status"] == "ok"
    row = experiment.run_analysis(treatment="z").raw_results[0]
    assert row["status"] == "not_estimable"
    assert "holds 7" in row["reason"]


def test_a_frame_that_changed_between_two_looks_is_read_again():
    frame = pd.DataFrame({"variant": ["control", "treatment"] * 20, "y": [float(i % 7) for i in range(40)]})
    experiment = xp.setup(frame, "variant").register_metric("y")
    before = experiment.run_analysis().raw_results[0]["treatment_mean"]
    frame["y"] = frame["y"] * 2
    assert experiment.run_analysis().raw_results[0]["treatment_mean"] == pytest.approx(2 * before)


def test_covariates_and_p_values_of_the_wrong_type_are_refused_with_what_was_wanted():
    frame = pd.DataFrame({"variant": ["control", "treatment"] * 5, "y": range(10)})
    with pytest.raises(xp.InputError, match="column name or a list"):
        xp.setup(frame, "variant").register_metric("y", covariate=3)
    with pytest.raises(xp.InputError, match="must be numbers"):
        xp.adjust_p_values(["a"], "holm")


@pytest.mark.parametrize("weights", [None, {"control": 1, "treatment": 1, "other": 1}])
def test_sample_ratio_does_not_count_rows_of_variants_that_are_not_compared_as_units(weights):
    generator = np.random.default_rng(5)
    units = pd.DataFrame({"variant": np.repeat(["control", "treatment", "other"], 100), "user": np.arange(300)})
    frame = pd.concat([units] * 4, ignore_index=True).assign(y=generator.normal(size=1200))
    experiment = xp.setup(frame, "variant", "user", weights=weights).register_metric("y")
    (check,) = (check for check in experiment.run_analysis().checks if check.name == "sample_ratio")
    assert check.details["observed"] == {"control": 100, "treatment": 100}
    assert check.passed


def test_a_denominator_of_0_is_named_with_its_variant(frame):
    data = frame.assign(n=np.where(frame.variant == "treatment", 2, 0), k=1)
    experiment = xp.setup(data, "variant").register_metric("r", "ratio", numerator_col="k", denominator_col="n")
    row = experiment.run_analysis().raw_results[0]
    assert row["status"] == "not_estimable"
    assert row["reason"] == "r is not defined where the mean of 'n' is 0 in the control variant"
