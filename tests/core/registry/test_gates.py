"""Gates are told what is about to be analysed, and fail closed."""

import attrs
import pytest

import xpyrment as xp
from xpyrment_core import AnalysisPlan, InputError, Issue, PluginError, PluginHost, TestDefinition, hookimpl
from xpyrment_core.stats.wald import wald


class Gate:
    """A house rule made of one function of the plan."""

    def __init__(self, rule):
        self.rule = rule

    @hookimpl
    def xpyrment_check_experiment(self, plan):
        return self.rule(plan)


def shop_experiment(rule=None, rows=200, **options):
    host = PluginHost()
    if rule is not None:
        host.register(Gate(rule), "policy")
    experiment = xp.setup(xp.datasets.shop(rows), "variant", plugins=host, **options)
    return experiment.register_metric("revenue", covariate="pre_revenue").register_metric("converted", "proportion")


def strict_level(plan):
    if plan.alpha > 0.05:
        yield Issue(f"alpha must be at most 0.05, got {plan.alpha:g}", "error")


def corrected_families(plan):
    if len(plan.metrics) > 5 and plan.correction is None:
        yield Issue(f"{len(plan.metrics)} metrics need a correction", "error")


def test_a_house_rule_can_limit_alpha():
    experiment = shop_experiment(strict_level)
    with pytest.raises(InputError, match=r"alpha must be at most 0.05, got 0.1 \(said by plugin 'policy'\)"):
        experiment.run_analysis(alpha=0.1)
    assert experiment.state is xp.ExperimentState.DESIGNED
    assert experiment.run_analysis(alpha=0.05).alpha == 0.05


def test_a_house_rule_can_ask_for_a_correction_of_large_families():
    def experiment():
        made = shop_experiment(corrected_families)
        for i in range(4):
            made.register_metric(f"m{i}", "mean", "revenue")
        return made

    with pytest.raises(InputError, match="6 metrics need a correction"):
        experiment().run_analysis()
    assert len(experiment().run_analysis(multi_test_correction="holm").results) == 6


def test_a_plan_holds_defaults_filled_in_and_is_frozen():
    plans = []
    experiment = shop_experiment(plans.append)
    experiment.run_analysis(alpha=0.01, multi_test_correction="holm")
    experiment.run_analysis(alpha=0.01)
    first, second = plans
    assert isinstance(first, AnalysisPlan)
    assert (first.alpha, first.control, first.treatments) == (0.01, "control", ("treatment",))
    assert (first.correction, second.correction) == ("holm", None)
    assert (first.purpose, second.purpose) == ("analysis", "look")
    revenue, converted = first.metrics
    assert attrs.asdict(revenue) == {
        "name": "revenue",
        "kind": "mean",
        "test": "welch",
        "adjuster": "cuped",
        "covariates": ("pre_revenue",),
        "role": "primary",
    }
    assert (converted.kind, converted.test, converted.adjuster) == ("proportion", "score", None)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        first.alpha = 0.5


def test_a_plan_names_third_party_methods_as_results_do():
    plans = []
    experiment = shop_experiment(plans.append)

    def wide(control, treatment, alpha, alternative):
        return wald(control, treatment, alpha=alpha, alternative=alternative, df=5)

    experiment.plugins.register(TestDefinition(name="wide", target=wide), "acme")
    rows = experiment.run_analysis(test="acme/wide").raw_results
    assert [metric.test for metric in plans[0].metrics] == [row["test"] for row in rows] == ["acme/wide"] * 2


def test_a_change_of_state_is_judged_with_the_plan_where_there_is_one():
    seen = {}

    class Policy:
        @hookimpl
        def xpyrment_before_transition(self, target, plan):
            seen[target.name] = plan

    host = PluginHost()
    host.register(Policy(), "policy")
    experiment = xp.setup(xp.datasets.shop(200), "variant", plugins=host).register_metric("revenue")
    experiment.run_analysis(alpha=0.01)
    assert seen["DESIGNED"] is None
    assert seen["RUNNING"].alpha == 0.01


@pytest.mark.parametrize("run", [xp.aa_test, xp.simulate_power])
def test_a_simulation_asks_the_gates_once_and_says_what_it_is(run):
    plans = []
    experiment = shop_experiment(plans.append)
    run(experiment, replicates=3)
    assert [plan.purpose for plan in plans] == ["simulation"]
    with pytest.raises(InputError, match="alpha must be at most"):
        run(shop_experiment(strict_level), replicates=3, alpha=0.1)


@pytest.mark.parametrize("severity", ["ERROR", "fatal", None, 1])
def test_a_severity_of_another_word_stops_the_analysis_and_names_the_plugin(severity):
    experiment = shop_experiment(lambda plan: [Issue("no plan was registered", severity)])
    with pytest.raises(InputError, match=r"one of 'error', 'warning', 'info', got .*plugin 'policy'"):
        experiment.run_analysis()
    assert experiment.state is xp.ExperimentState.DESIGNED


def test_a_severity_changed_behind_the_validator_stops_the_analysis():
    issue = Issue("no plan was registered")
    object.__setattr__(issue, "severity", "ERROR")
    with pytest.raises(InputError, match=r"plugin 'policy'"):
        shop_experiment(lambda plan: [issue]).run_analysis()


@pytest.mark.parametrize("answer", [False, 0, "no", Issue("single"), [None]])
def test_a_gate_that_answers_with_anything_but_issues_stops_the_analysis(answer):
    with pytest.raises(PluginError, match="'policy'"):
        shop_experiment(lambda plan: answer).run_analysis()


def test_a_gate_may_refuse_by_raising():
    def rule(plan):
        raise InputError("the data set is not approved")

    with pytest.raises(InputError, match=r"not approved \(said by plugin 'policy'\)"):
        shop_experiment(rule).run_analysis()


def test_a_gate_that_wraps_is_refused_on_entry():
    class Wrapping:
        @hookimpl(wrapper=True)
        def xpyrment_check_experiment(self, experiment):
            return (yield)

    with pytest.raises(PluginError, match="must not be a wrapper"):
        PluginHost(autoload=False).register(Wrapping(), "wrapping")
