"""The plugin host: names, namesakes, contracts on entry, gates, observers, notebooks."""

import types

import pluggy
import pytest

import xpyrment as xp
from xpyrment_core.errors import InputError, PluginError
from xpyrment_core.registry.definitions import MetricDefinition, Registered, TestDefinition
from xpyrment_core.registry.discovery import Candidate, Switches, candidates
from xpyrment_core.registry.hookspecs import hookimpl
from xpyrment_core.registry.host import HOOKS, PluginHost, PluginWarning
from xpyrment_core.registry.provenance import Issue


def metric(name, **options):
    return MetricDefinition(name=name, target=lambda name: None, **options)


def plugin(**hooks):
    """Make a plugin module; plain functions become hook implementations."""
    module = types.ModuleType("made_for_a_test")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


def offering(*definitions):
    return plugin(xpyrment_metrics=lambda: list(definitions))


@pytest.fixture
def host():
    return PluginHost(autoload=False)


def test_an_empty_host_says_that_the_project_is_not_installed(host):
    with pytest.raises(InputError, match="install the project first"):
        host.get("metric", "mean")


def test_a_definition_or_a_plugin_object_can_be_registered_in_a_notebook(host):
    host.register(metric("one"))
    host.register(offering(metric("two")), "cell")
    assert host.names("metric") == ["one", "two"]
    assert host.get("metric", "cell/two").distribution == "local"


def test_registering_again_replaces_what_the_cell_offered_before(host):
    host.register(offering(metric("old")), "cell")
    host.register(offering(metric("new")), "cell")
    assert host.names("metric") == ["new"]
    host.register(metric("a", summary="first"))
    host.register(metric("b"))
    host.register(metric("a", summary="second"))
    assert host.names("metric") == ["a", "b", "new"]
    assert host.get("metric", "a").definition.summary == "second"


def test_a_plugin_can_be_registered_for_the_length_of_a_block(host):
    with host.temporarily(offering(metric("brief"))):
        assert host.names("metric") == ["brief"]
    assert host.names("metric") == []


def test_a_taken_plugin_name_is_refused():
    with pytest.raises(PluginError, match="taken by xpyrment"):
        PluginHost().register(metric("x"), "metrics")


def test_aliases_are_names_too(host):
    host.register(metric("long-name", aliases=("short",)))
    assert host.get("metric", "short") is host.get("metric", "long-name")
    assert len(host.all("metric")) == 1


def test_two_namesakes_raise_at_look_up_in_either_order(host):
    other = PluginHost(autoload=False)
    for target, order in ((host, "ab"), (other, "ba")):
        for name in order:
            target.register(offering(metric("same")), name)
        with pytest.raises(InputError, match="several plugins") as caught:
            target.get("metric", "same")
        assert "'a/same'" in str(caught.value)
        assert "'b/same'" in str(caught.value)
        assert target.names("metric") == ["a/same", "b/same"]


def test_a_preference_decides_openly():
    host = PluginHost(autoload=False, prefer={"metric:same": "b"})
    for name in "ab":
        host.register(offering(metric("same")), name)
    assert host.get("metric", "same").plugin == "b"
    assert host.get("metric", "a/same").plugin == "a"


def test_a_built_in_keeps_its_bare_name_from_a_namesake():
    host = PluginHost()
    host.register(metric("mean"), "acme")
    assert host.get("metric", "mean").builtin
    assert host.get("metric", "acme/mean").plugin == "acme"


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (plugin(xpyrment_metrics=lambda: [{"name": "x"}]), "must return MetricDefinition objects, got dict"),
        (plugin(xpyrment_tests=lambda: [metric("x")]), "must return TestDefinition objects"),
        (plugin(xpyrment_metrics=lambda: 1 / 0), "ZeroDivisionError"),
        (plugin(xpyrment_metrics=lambda colour: []), "colour"),
        (plugin(xpyrment_metricz=lambda: None), "Did you mean 'xpyrment_metrics'"),
        (offering(metric("x"), metric("x")), "twice"),
        (offering(metric("x"), metric("y", aliases=("x",))), "twice"),
        (offering(MetricDefinition(name="x", target=3)), "not callable"),
        (types.SimpleNamespace(xpyrment_metrics=list), "lacks the @hookimpl"),
        (types.SimpleNamespace(XPYRMENT_API=2), "requires plugin API 2"),
    ],
    ids=[
        "dicts",
        "wrong kind",
        "raises",
        "signature",
        "unknown hook",
        "twice",
        "alias",
        "target",
        "undecorated",
        "api",
    ],
)
def test_plugin_with_a_broken_contract_is_refused_as_a_whole(host, module, message):
    host.register(metric("good"))
    with pytest.raises(PluginError, match=message):
        host.register(module, "bad")
    assert host.names("metric") == ["good"]
    assert [info.name for info in host.plugins] == ["notebook"]


def test_wrappers_of_definition_hooks_are_refused(host):
    module = types.ModuleType("wrapping")

    @hookimpl(wrapper=True)
    def xpyrment_metrics():
        return (yield)

    module.xpyrment_metrics = xpyrment_metrics
    with pytest.raises(PluginError, match="must not be a wrapper"):
        host.register(module, "wrapping")


@pytest.mark.parametrize("name", ["Mean", "1st", "a b", "", "a/b", "_x"])
def test_names_follow_one_pattern(name):
    with pytest.raises(PluginError, match="is not valid"):
        metric(name)


@pytest.mark.parametrize("target", ["module", "module:", ":x", "a b:c", None])
def test_targets_are_objects_or_module_and_attribute(target):
    with pytest.raises(PluginError):
        MetricDefinition(name="x", target=target)


def test_a_lazy_target_that_cannot_be_imported_is_blamed_on_its_plugin(host):
    host.register(TestDefinition(name="gone", target="no_such_module:gone"), "acme")
    with pytest.raises(PluginError, match=r"test 'acme/gone' of local 0 .* XPYRMENT_BLOCK_PLUGINS=acme"):
        host.get("test", "gone").load()


def test_every_hook_has_a_specification():
    manager = pluggy.PluginManager("xpyrment")
    from xpyrment_core.registry import hookspecs

    manager.add_hookspecs(hookspecs)
    assert {name for name in vars(manager.hook) if not name.startswith("_")} == set(HOOKS)


# Gates and observers ---------------------------------------------------------


@pytest.fixture
def experiment():
    host = PluginHost()
    return xp.setup(xp.datasets.shop(200), "variant", plugins=host).register_metric("revenue")


def test_gate_error_stops_the_analysis_and_names_its_plugin(experiment):
    gate = plugin(xpyrment_check_experiment=lambda experiment: [Issue("no plan was registered", "error")])
    experiment.plugins.register(gate, "policy")
    with pytest.raises(InputError, match=r"no plan was registered \(said by plugin 'policy'\)"):
        experiment.run_analysis()
    assert experiment.state is xp.ExperimentState.DESIGNED


def test_gate_warning_does_not_stop_the_analysis(experiment):
    experiment.plugins.register(plugin(xpyrment_check_experiment=lambda experiment: [Issue("small")]), "policy")
    result = experiment.run_analysis()
    assert [(issue.message, issue.source) for issue in result.issues] == [("small", "policy")]


def test_a_gate_watches_transitions(experiment):
    def before(experiment, source, target):
        return [Issue("closed", "error")] if target is xp.ExperimentState.REPORTED else []

    experiment.plugins.register(plugin(xpyrment_before_transition=before), "policy")
    experiment.run_analysis()
    with pytest.raises(InputError, match="closed"):
        experiment.transition(xp.ExperimentState.REPORTED)
    assert experiment.state is xp.ExperimentState.ANALYZED


def test_exception_in_a_gate_names_its_plugin(experiment):
    def broken(experiment):
        raise KeyError("revenue")

    experiment.plugins.register(plugin(xpyrment_check_experiment=broken), "policy")
    with pytest.raises(PluginError, match="xpyrment_check_experiment of plugin 'policy' failed: KeyError: 'revenue'"):
        experiment.run_analysis()


def test_a_gate_that_returns_something_else_is_a_broken_plugin(experiment):
    experiment.plugins.register(plugin(xpyrment_check_experiment=lambda experiment: ["text"]), "policy")
    with pytest.raises(PluginError, match="must return Issues"):
        experiment.run_analysis()


def test_observers_are_told_and_one_that_fails_hides_no_other_and_changes_no_number(experiment):
    expected = experiment.run_analysis().raw_results
    seen = []

    def broken(experiment, result):
        raise RuntimeError("out of disk")

    experiment.plugins.register(plugin(xpyrment_after_analysis=broken), "first")
    experiment.plugins.register(
        plugin(
            xpyrment_after_analysis=lambda result: seen.append(result),
            xpyrment_after_transition=lambda source, target: seen.append(target.name),
        ),
        "second",
    )
    with pytest.warns(PluginWarning, match="hook xpyrment_after_analysis of plugin 'first' failed: RuntimeError"):
        result = experiment.run_analysis()
    assert result.raw_results == expected
    assert seen == ["ANALYZED", result]
    assert any("out of disk" in issue.message for issue in result.issues)


# Discovery -------------------------------------------------------------------


def test_built_ins_come_first_and_the_rest_in_one_order():
    found = candidates()
    assert found == sorted(found)
    assert not found[0].foreign
    assert len({(c.distribution, c.name) for c in found}) == len(found)


def test_third_party_plugins_of_the_same_name_are_named_by_distribution():
    found = [
        Candidate(True, "Left.Dist", "same", "no_such_module_left", "1"),
        Candidate(True, "right-dist", "same", "no_such_module_right", "1"),
        Candidate(True, "right-dist", "other", "no_such_module_other", "1"),
    ]
    names = [info.name for info in PluginHost(autoload=False, found=reversed(found)).plugins]
    assert names == ["left-dist.same", "other", "right-dist.same"]


def test_switches_read_the_environment():
    switches = Switches.from_environment(
        {
            "XPYRMENT_BLOCK_PLUGINS": "one, Two_dist",
            "XPYRMENT_DISABLE_AUTOLOAD": "1",
            "XPYRMENT_STRICT_PLUGINS": "1",
        }
    )
    assert switches.block == {"one", "two-dist"}
    assert (switches.only, switches.autoload, switches.strict) == (None, False, True)
    ours = Candidate(False, "xpyrment", "one", "m", "1")
    theirs = Candidate(True, "two-dist", "x", "m", "1")
    assert "XPYRMENT_BLOCK_PLUGINS" in switches.refuse(ours)
    assert "XPYRMENT_BLOCK_PLUGINS" in switches.refuse(theirs)
    assert "DISABLE_AUTOLOAD" in switches.refuse(Candidate(True, "three", "y", "m", "1"))
    assert Switches().refuse(theirs) == ""


def test_strict_raises_at_the_first_plugin_that_cannot_be_used():
    found = [Candidate(True, "gone", "gone", "no_such_module", "1")]
    with pytest.raises(PluginError, match="plugin 'gone' of gone 1 cannot be used: ModuleNotFoundError"):
        PluginHost(autoload=False, found=found, switches=Switches(strict=True))
    assert PluginHost(autoload=False, found=found).problems[0].startswith("plugin 'gone' of gone 1 was set aside")


def test_registered_definitions_know_their_full_name():
    entry = Registered(definition=metric("m"), plugin="p", distribution="d", version="1", builtin=False)
    assert entry.qualified == "p/m"


def test_third_party_test_can_be_used_without_installation():
    from xpyrment_core.stats.wald import wald

    def wide(control, treatment, alpha, alternative):
        return wald(control, treatment, alpha=alpha, alternative=alternative, df=5)

    host = PluginHost()
    host.register(TestDefinition(name="wide", target=wide), "cell")
    experiment = xp.setup(xp.datasets.shop(200), "variant", plugins=host).register_metric("revenue")
    row = experiment.run_analysis(test="wide").raw_results[0]
    assert (row["df"], row["provenance"]["test"]["plugin"]) == (5, "cell")


def test_broken_third_party_engine_is_skipped():
    from xpyrment_core.registry.definitions import EngineDefinition

    host = PluginHost()
    host.register(EngineDefinition(name="bad", target="no_such_module:Engine", rank=1), "acme")
    with pytest.warns(PluginWarning, match="engine 'acme/bad' was skipped"):
        experiment = xp.setup(xp.datasets.shop(100), "variant", plugins=host)
    assert experiment.register_metric("revenue").run_analysis().raw_results[0]["status"] == "ok"
