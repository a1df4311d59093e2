"""An experiment moves forward only, and its metrics cannot follow its results."""

import itertools

import pandas as pd
import pytest

import xpyrment as xp
from xpyrment_core.errors import InputError, PhaseOrderError
from xpyrment_core.experiment.state import MOVES, ExperimentState, check_move

S = ExperimentState
ORDER = list(S)


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "variant": ["control", "treatment"] * 10,
            "revenue": [float(i * i % 7) for i in range(20)],
            "pre_revenue": [float(i % 5) for i in range(20)],
            "clicks": range(20),
            "views": [30] * 20,
        }
    )


@pytest.fixture
def experiment(frame):
    return xp.setup(frame, treatment_col="variant").register_metric("revenue")


def test_the_states_are_those_of_the_contract_in_order():
    assert [s.name for s in S] == ["CREATED", "PLANNED", "DESIGNED", "RUNNING", "ANALYZED", "REPORTED"]


@pytest.mark.parametrize(("source", "target"), list(itertools.product(S, S)))
def test_state_never_goes_backwards_and_a_refusal_lists_the_possible_moves(source, target):
    if target in MOVES[source]:
        check_move(source, target)
        assert ORDER.index(target) > ORDER.index(source) or source is target is S.ANALYZED
    else:
        with pytest.raises(PhaseOrderError, match=f"from {source.name} to {target.name}"):
            check_move(source, target)


def test_setup_leaves_the_experiment_designed(experiment):
    assert experiment.state is S.DESIGNED


def test_setup_prints_nothing(frame, capsys):
    xp.setup(frame, "variant")
    assert capsys.readouterr().out == ""


def test_a_bare_experiment_is_created_then_planned_then_designed(frame):
    experiment = xp.Experiment()
    assert experiment.state is S.CREATED
    experiment.register_metric("revenue")
    assert experiment.state is S.PLANNED
    with pytest.raises(PhaseOrderError, match="design"):
        experiment.run_analysis()
    assert experiment.design(frame, "variant").state is S.DESIGNED
    assert experiment.run_analysis().raw_results[0]["status"] == "ok"


def test_metrics_and_covariates_are_fixed_after_the_first_analysis(experiment):
    experiment.run_analysis()
    assert experiment.state is S.ANALYZED
    for call in (
        lambda: experiment.register_metric("clicks"),
        lambda: experiment.add_metrics(xp.MeanMetric("clicks", "clicks")),
        lambda: experiment.add_covariates("pre_revenue"),
    ):
        with pytest.raises(PhaseOrderError, match="ANALYZED"):
            call()


def test_the_list_of_metrics_cannot_be_changed_behind_the_gate(experiment):
    assert isinstance(experiment.metrics, tuple)
    assert isinstance(experiment.specs, tuple)
    with pytest.raises(AttributeError):
        experiment.metrics = ()
    with pytest.raises(AttributeError):
        experiment.specs[0].metric.value_col = "clicks"


def test_looking_again_is_allowed_and_counted(experiment):
    looks = [experiment.run_analysis().metadata["look"] for _ in range(3)]
    assert looks == [1, 2, 3]
    assert [entry.what for entry in experiment.history].count("analysis") == 3


def test_a_reported_experiment_is_closed(experiment):
    experiment.run_analysis()
    experiment.transition(S.REPORTED)
    with pytest.raises(PhaseOrderError, match="REPORTED"):
        experiment.run_analysis()


def test_history_records_transitions_with_their_time(experiment):
    experiment.run_analysis()
    moves = [(e.details["source"], e.details["target"]) for e in experiment.history if e.what == "transition"]
    assert moves == [("CREATED", "DESIGNED"), ("DESIGNED", "RUNNING"), ("RUNNING", "ANALYZED")]
    assert all(entry.when.endswith("+00:00") for entry in experiment.history)


def test_a_failed_analysis_leaves_state_and_history_as_they_were(experiment, monkeypatch):
    before = experiment.state, experiment.history

    def lost(query):
        raise OSError("the disk is gone")

    monkeypatch.setattr(experiment, "_source", type("Lost", (), _lost_source(experiment.source, lost))())
    with pytest.raises(xp.XpyrmentError, match="the disk is gone"):
        experiment.run_analysis()
    assert (experiment.state, experiment.history) == before


def _lost_source(source, moments):
    return {
        "schema": lambda self: source.schema(),
        "labels": lambda self, column: source.labels(column),
        "moments": lambda self, query: moments(query),
    }


def test_registering_is_chainable_and_takes_every_argument_of_the_contract(frame):
    experiment = (
        xp.setup(frame, "variant")
        .register_metric("revenue", "mean", "revenue", "pre_revenue")
        .register_metric("ctr", "ratio", numerator_col="clicks", denominator_col="views")
        .add_metrics([xp.MeanMetric("clicks", "clicks"), xp.RatioMetric("cpv", "clicks", "views")])
        .add_covariates(["pre_revenue"])
    )
    assert [metric.name for metric in experiment.metrics] == ["revenue", "ctr", "clicks", "cpv"]
    assert experiment.covariates == ("pre_revenue",)


def test_a_metric_object_is_recognised_as_its_kind(frame):
    row = xp.setup(frame, "variant").add_metrics(xp.MeanMetric("r", "revenue")).run_analysis().raw_results[0]
    assert row["metric_type"] == "Mean"
    assert row["provenance"]["metric"]["plugin"] == "metrics"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "x", "metric_type": "maen"}, "Did you mean 'mean'"),
        ({"name": "x", "metric_type": "ratio", "numerator_col": "clicks"}, "needs denominator_col"),
        ({"name": "x", "value_cool": "clicks"}, "Did you mean 'value_col'"),
        ({"name": ""}, "must be a non-empty string"),
        ({"name": "revenue"}, "duplicate metric name 'revenue'"),
        ({"name": "x", "role": "primry"}, "Did you mean 'primary'"),
        ({"name": "x", "direction": "up"}, "'decrease', 'increase'"),
        ({"name": "x", "margin": "2%"}, "role='guardrail'"),
        ({"name": "x", "role": "guardrail", "margin": -1}, "positive"),
    ],
)
def test_unusable_metrics_are_refused_with_a_fix(experiment, arguments, message):
    with pytest.raises(InputError, match=message):
        experiment.register_metric(**arguments)
    assert len(experiment.metrics) == 1


def test_several_metrics_are_added_all_or_none(experiment):
    with pytest.raises(InputError, match="duplicate"):
        experiment.add_metrics([xp.MeanMetric("clicks", "clicks"), xp.MeanMetric("revenue", "revenue")])
    assert len(experiment.metrics) == 1


def test_what_is_not_a_metric_is_refused(experiment):
    with pytest.raises(InputError, match="columns"):
        experiment.add_metrics(object())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"treatment_col": "varient"}, "Did you mean 'variant'"),
        ({"treatment_col": "variant", "id_col": "user"}, "id_col 'user' is not a column"),
        ({"treatment_col": "variant", "covariates": ["pre_revenu"]}, "Did you mean 'pre_revenue'"),
        ({"treatment_col": "variant", "cluster_col": "shop"}, "cluster_col 'shop'"),
    ],
)
def test_setup_refuses_columns_that_are_not_there(frame, arguments, message):
    with pytest.raises(ValueError, match=message):
        xp.setup(frame, **arguments)


def test_data_that_no_engine_reads_are_refused():
    with pytest.raises(InputError, match=r"no engine reads data of type builtins\.int"):
        xp.setup(42, "variant")
