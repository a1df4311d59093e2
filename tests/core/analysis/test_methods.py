"""The core names no method: definitions say what is default, which flag they set and how parameters are called."""

import numpy as np
import pandas as pd
import pytest
from attrs import frozen

import xpyrment as xp
from xpyrment_core import (
    AdjusterDefinition,
    Effect,
    Estimate,
    MetricDefinition,
    PlotBackendDefinition,
    PluginHost,
    TestDefinition,
    Unavailable,
)
from xpyrment_core.experiment.metric_text import parse_metric
from xpyrment_core.registry.discovery import Switches


def blocking(*plugins):
    return PluginHost(switches=Switches(block=frozenset(plugins)))


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    n = 200
    pre = rng.normal(10, 2, n)
    return pd.DataFrame(
        {
            "variant": np.repeat(["control", "treatment"], n // 2),
            "pre_y": pre,
            "y": pre + rng.normal(0, 1, n),
            "bought": rng.integers(0, 2, n),
        }
    )


def row_of(data, host, **options):
    experiment = xp.setup(data, "variant", covariates=["pre_y"], plugins=host).register_metric("y")
    return experiment.run_analysis(**options).raw_results[0]


def unadjusted(control, treatment):
    """Adjust nothing: the first column's estimate as it is."""
    arms = (control, treatment)
    return tuple(Estimate(value=float(a.mean[0]), n=a.n, unit_variance=float(a.m2[0, 0] / (a.n - 1))) for a in arms)


def test_without_an_adjuster_plugin_covariates_are_left_out_with_a_note(data):
    row = row_of(data, blocking("adjust"))
    assert row["status"] == "ok"
    assert row["adjuster"] is None
    assert not row["cuped_applied"]
    assert "not adjusted for covariates: no plugin offers a default adjuster" in row["notes"]


def test_a_third_partys_default_adjuster_takes_the_place_of_a_blocked_one(data):
    host = blocking("adjust")
    host.register(AdjusterDefinition(name="plain", target=unadjusted, default=True), name="acme")
    row = row_of(data, host)
    assert row["adjuster"] == "plain"
    assert row["variance_reduction"] == pytest.approx(0, abs=1e-12)


def test_the_built_in_default_goes_before_a_third_partys(data):
    host = PluginHost()
    host.register(AdjusterDefinition(name="aaa", target=unadjusted, default=True), name="acme")
    assert row_of(data, host)["adjuster"] == "cuped"


def test_a_namesake_of_cuped_that_sets_no_flag_does_not_report_cuped(data):
    host = PluginHost()
    host.register(AdjusterDefinition(name="cuped", target=unadjusted), name="acme")
    assert row_of(data, host)["cuped_applied"]
    row = row_of(data, host, adjuster="acme/cuped")
    assert row["adjuster"] == "acme/cuped"
    assert not row["cuped_applied"]


def test_an_adjuster_may_say_that_it_is_cuped(data):
    host = PluginHost()
    host.register(AdjusterDefinition(name="mlrate", target=unadjusted, flag="cuped_applied"), name="acme")
    assert row_of(data, host, adjuster="mlrate")["cuped_applied"]


def constant_test(control, treatment, alpha, alternative):
    return Effect(difference=treatment.value - control.value, p_value=0.5, interval=Unavailable("a constant test"))


def test_without_the_plugin_of_the_default_test_another_default_is_used(data):
    host = blocking("ttests")
    host.register(TestDefinition(name="constant", target=constant_test, default=True), name="acme")
    assert row_of(data, host, adjuster="none")["test"] == "constant"


def test_without_any_default_test_the_message_names_what_there_is(data):
    with pytest.raises(xp.InputError, match=r"no default test is available.*Name one of: .*bootstrap"):
        row_of(data, blocking("ttests"), adjuster="none")


def test_a_proportion_needs_no_default_test(data):
    host = blocking("ttests", "adjust")
    experiment = xp.setup(data, "variant", plugins=host).register_metric("bought", "proportion")
    assert experiment.run_analysis().raw_results[0]["test"] == "score"


@frozen
class Margin:
    name: str
    column: str
    before: str | None = None

    @property
    def columns(self):
        return (self.column,)

    @property
    def covariates(self):
        return ()

    def value(self, means):
        return means[self.column]


def test_a_metrics_definition_names_the_parameters_of_name_and_covariate(data):
    host = PluginHost()
    definition = MetricDefinition(name="margin", target=Margin, name_parameter="column", covariate_parameter="before")
    host.register(definition, name="acme")
    experiment = xp.setup(data, "variant", plugins=host).register_metric("y", "margin", covariate="pre_y")
    assert experiment.metrics == (Margin("y", "y", "pre_y"),)


def test_metric_text_uses_the_parameters_of_the_definition():
    host = PluginHost()
    definition = MetricDefinition(
        name="quotient", target=Margin, name_parameter="column", quotient_parameters=("above", "below")
    )
    host.register(definition, name="acme")
    assert parse_metric("m=y:quotient", host) == {"name": "m", "metric_type": "quotient", "column": "y"}
    assert parse_metric("a/b:quotient", host)["above"] == "a"
    assert parse_metric("a/b", host)["metric_type"] == "ratio"
    assert parse_metric("a/b", blocking("metrics")) == {"name": "a/b", "value_col": "a/b"}


def test_a_missing_default_test_is_replaced_with_a_note(data):
    experiment = xp.setup(data, "variant", plugins=blocking("proportions")).register_metric("bought", "proportion")
    row = experiment.run_analysis().raw_results[0]
    assert row["test"] == "welch"
    assert row["notes"] == [
        "test 'score', the default of this kind of metric, is not available; 'welch' is used instead"
    ]


def test_the_default_plot_backend_is_the_built_in_one_else_a_plugins(data):
    def drawn(host):
        ours = PlotBackendDefinition(name="ours", target=lambda plot, **options: "ours", default=True)
        host.register(ours, "acme")
        return xp.setup(data, "variant", plugins=host).register_metric("y").run_analysis().plot()

    assert drawn(blocking()) != "ours"
    assert drawn(blocking("matplotlib")) == "ours"


def test_without_a_default_plot_backend_the_others_are_named(data):
    result = xp.setup(data, "variant", plugins=blocking("matplotlib")).register_metric("y").run_analysis()
    with pytest.raises(xp.InputError, match=r"no default plot backend is available.*Name one of: 'plotly'"):
        result.plot()
