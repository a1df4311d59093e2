"""Metrics and design are fixed once an experiment runs; each way to change them is refused."""

import inspect

import numpy as np
import pandas as pd
import pytest
from attrs import define, evolve

import xpyrment as xp
from xpyrment_core import EngineDefinition, Experiment, Options, analyse, hookimpl
from xpyrment_core.experiment.fingerprint import describe, fingerprint
from xpyrment_core.experiment.setup import run_analysis
from xpyrment_core.experiment.state import ExperimentState
from xpyrment_core.registry.host import PluginHost

READ_ONLY = ("data", "treatment_col", "id_col", "cluster_col", "unit_col", "weights", "plugins", "state", "history",
             "specs", "metrics", "covariates", "looks", "source", "engine")  # fmt: skip


@define
class Mutable:
    """A metric class that somebody forgot to freeze."""

    name: str
    column: str

    @property
    def columns(self):
        return (self.column,)

    def value(self, means):
        return means[self.column]


@pytest.fixture
def data():
    rng = np.random.default_rng(7)
    variant = np.repeat(["control", "treatment"], 40)
    return pd.DataFrame({"variant": variant, "y": rng.normal(10, 2, 80), "z": rng.normal(5, 1, 80)})


@pytest.fixture
def experiment(data):
    return xp.setup(data, "variant", covariates=["z"]).register_metric("y")


@pytest.mark.parametrize("name", READ_ONLY)
def test_design_and_state_are_read_only(experiment, name):
    with pytest.raises(AttributeError):
        setattr(experiment, name, None)


def test_weights_are_copied_and_read_only(data):
    planned = {"control": 1, "treatment": 1}
    experiment = xp.setup(data, "variant", weights=planned)
    planned["treatment"] = 9
    assert dict(experiment.weights) == {"control": 1, "treatment": 1}
    with pytest.raises(TypeError):
        experiment.weights["control"] = 2


def test_there_is_no_public_way_to_restore_a_state(experiment):
    assert not hasattr(experiment, "restore")
    assert not hasattr(experiment, "record")


def test_weights_cannot_be_set_after_the_analysis(experiment):
    experiment.set_weights({"control": 1, "treatment": 1}).run_analysis()
    with pytest.raises(xp.PhaseOrderError, match=r"set_weights\(\) is not possible in state ANALYZED"):
        experiment.set_weights(None)


def test_a_metric_changed_after_the_analysis_is_refused_by_name(data):
    metric = Mutable("m", "y")
    experiment = xp.setup(data, "variant").add_metrics(metric)
    experiment.run_analysis()
    metric.column = "z"
    with pytest.raises(xp.PhaseOrderError, match="metric 'm' changed after the experiment began to run"):
        experiment.run_analysis()
    metric.column = "y"
    assert experiment.run_analysis().metadata["look"] == 2


def test_a_metric_may_change_before_the_experiment_runs(data):
    metric = Mutable("m", "y")
    experiment = xp.setup(data, "variant").add_metrics(metric)
    metric.column = "z"
    assert experiment.run_analysis().raw_results[0]["control_mean"] == pytest.approx(
        data.loc[data.variant == "control", "z"].mean(), rel=1e-12
    )


def test_a_failed_analysis_leaves_state_and_history_as_they_were(experiment):
    history = experiment.history
    with pytest.raises(xp.InputError):
        experiment.run_analysis(control="absent")
    assert (experiment.state, experiment.history) == (ExperimentState.DESIGNED, history)


class Failing:
    """A data engine whose reading fails after the gates."""

    def accepts(self, data):
        return True

    def open(self, data):
        source = PluginHost().get("engine", "frames").load()().open(data)

        def moments(query):
            raise OSError("connection lost")

        source.moments = moments
        return source


def test_a_failed_read_leaves_the_design_open(data):
    host = PluginHost()
    host.register(EngineDefinition(name="failing", target=Failing), name="acme")
    experiment = xp.setup(data, "variant", plugins=host, engine="failing").register_metric("y")
    for metric in ("z", "x"):
        with pytest.raises(xp.XpyrmentError, match="connection lost"):
            experiment.run_analysis()
        experiment.register_metric(metric, value_col="z")
    assert experiment.state is ExperimentState.DESIGNED


def test_a_fingerprint_depends_on_values_not_on_addresses():
    parts = {"metric": Mutable("m", "y"), "numbers": np.arange(3), "names": {"a", "b"}, "function": describe}
    same = {"metric": Mutable("m", "y"), "numbers": np.arange(3), "names": {"b", "a"}, "function": describe}
    assert fingerprint(parts) == fingerprint(same)
    for name, other in (("metric", Mutable("m", "z")), ("numbers", np.arange(4)), ("function", fingerprint)):
        changed = fingerprint({**parts, name: other})
        assert [key for key in parts if changed[key] != fingerprint(parts)[key]] == [name]


def test_a_function_is_described_by_its_code():
    def double(x):
        return 2 * x

    def triple(x):
        return 3 * x

    triple.__qualname__ = double.__qualname__
    assert describe(double) != describe(triple)


# Signatures


def test_run_analysis_has_one_signature_everywhere():
    function = inspect.signature(run_analysis)
    method = inspect.signature(Experiment.run_analysis)
    explain = inspect.signature(Experiment.explain)
    assert list(function.parameters.values())[1:] == list(method.parameters.values())[1:]
    assert list(method.parameters.values()) == list(explain.parameters.values())
    assert all(p.annotation is not inspect.Parameter.empty for p in list(method.parameters.values())[1:])


def test_one_covariate_is_a_name_not_a_list_of_letters(experiment):
    assert "z" in experiment.explain(covariates="z")
    assert experiment.run_analysis(covariates="z", adjuster="ols").raw_results[0]["covariates"] == ["z"]


def test_explain_takes_a_host_and_reads_no_row(experiment):
    host = PluginHost()
    assert experiment.explain(plugins=host)
    assert experiment.state is ExperimentState.DESIGNED


# The flow without an experiment


def test_the_flow_gives_the_numbers_of_the_experiment_and_changes_nothing(experiment):
    study = experiment.study()
    pure = analyse(study, Options(control="control", treatment="treatment"))
    assert experiment.state is ExperimentState.DESIGNED
    assert experiment.history[-1].details["target"] == "DESIGNED"
    assert pure.raw_results == experiment.run_analysis().raw_results


def test_an_option_that_does_not_exist_is_refused_by_name(experiment):
    with pytest.raises(xp.InputError, match="Did you mean 'adjuster'"):
        xp.aa_test(experiment, replicates=5, ajuster="cuped")


class Counting:
    """Gates and observers that count their calls."""

    def __init__(self):
        self.calls = []

    @hookimpl
    def xpyrment_check_experiment(self, experiment):
        self.calls.append("gate")
        return []

    @hookimpl
    def xpyrment_after_analysis(self, experiment, result):
        self.calls.append("observer")


def test_simulation_calls_gates_once_and_no_observer(data):
    host, counting = PluginHost(), Counting()
    host.register(counting, name="counting")
    experiment = xp.setup(data, "variant", plugins=host).register_metric("y")
    xp.aa_test(experiment, replicates=5)
    xp.simulate_power(experiment, "50%", replicates=5)
    assert counting.calls == ["gate", "gate"]
    experiment.run_analysis()
    assert counting.calls == ["gate", "gate", "gate", "observer"]


def test_another_host_is_used_for_one_call_only(experiment):
    host, counting = PluginHost(), Counting()
    host.register(counting, name="counting")
    before = experiment.plugins
    experiment.run_analysis(plugins=host)
    experiment.run_analysis()
    assert counting.calls == ["gate", "observer"]
    assert experiment.plugins is before


def test_a_study_is_frozen(experiment):
    study = experiment.study()
    with pytest.raises(AttributeError):
        study.unit_col = "z"
    assert evolve(study, look=3).look == 3
