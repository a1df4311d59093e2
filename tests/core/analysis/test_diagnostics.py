"""Checks made with an analysis: names, provenance, order, and third-party checks that break the contract."""

import warnings

import numpy as np
import pytest

import xpyrment as xp
from xpyrment_core import CheckResult, DiagnosticDefinition, PluginError, PluginHost
from xpyrment_core.registry.discovery import Switches


def analysed(*diagnostics, plugin="acme", block=(), **options):
    """Analyse a small shop beside third-party diagnostics; return the result and the warnings."""
    host = PluginHost(switches=Switches(block=frozenset(block)))
    for definition in diagnostics:
        host.register(definition, plugin)
    experiment = xp.setup(xp.datasets.shop(400), "variant", plugins=host, **options).register_metric("revenue")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = experiment.run_analysis()
    return result, [str(warning.message) for warning in caught]


def diagnostic(answer, name="mine", **options):
    return DiagnosticDefinition(name=name, target=lambda context: answer, **options)


def names(result):
    return [check.name for check in result.checks]


def test_a_third_party_check_called_balance_breaks_nothing():
    foreign = CheckResult(name="balance", passed=True, value={"a": 1})
    result, _ = analysed(diagnostic(foreign), covariates=["pre_revenue"])
    assert names(result).count("balance") == 1
    assert "mine" in names(result)
    assert list(result.balance_checker.diagnostics_) == ["pre_revenue"]
    assert len(result.summary()) == 1
    without, _ = analysed(diagnostic(foreign))
    assert without.balance_checker is None
    assert len(without.summary()) == 1


def test_a_failed_third_party_check_called_balance_is_warned_of():
    foreign = CheckResult(name="balance", passed=False, message="arms differ in browser version")
    for definition in (diagnostic(foreign), diagnostic(foreign, "balance")):
        _, caught = analysed(definition)
        assert "arms differ in browser version" in caught


def test_a_check_has_the_name_and_the_provenance_of_its_definition():
    foreign = CheckResult(name="anything", passed=True)
    result, _ = analysed(diagnostic(foreign, "sample_ratio"))
    assert [name for name in names(result) if "sample_ratio" in name] == ["sample_ratio", "acme/sample_ratio"]
    made_by = {check.name: (check.provenance.plugin, check.provenance.distribution) for check in result.checks}
    assert made_by["sample_ratio"] == ("srm", "xpyrment")
    assert made_by["acme/sample_ratio"] == ("acme", "local")


def test_checks_are_listed_by_rank_and_units_come_first():
    late, early = (diagnostic(CheckResult(name="x", passed=True), name, rank=r) for name, r in (("late", 90), ("a", 1)))
    result, _ = analysed(late, early, id_col="user_id", covariates=["pre_revenue"])
    assert names(result) == ["a", "units", "balance", "sample_ratio", "missingness", "late"]


def test_a_diagnostic_of_the_wrong_type_is_reported_with_plugin_and_distribution():
    result, _ = analysed(diagnostic({"passed": False}))
    [issue] = result.issues
    assert issue.message == ("diagnostic 'acme/mine' of local failed: it must return a CheckResult or None, got dict.")
    assert issue.source == "acme"
    assert "mine" not in names(result)


def test_failed_check_with_a_numpy_bool_counts_as_failed():
    _, caught = analysed(diagnostic(CheckResult(name="mine", passed=np.bool_(False))))
    assert caught == ["check 'mine' failed"]


class Table:
    """What a replacement of the balance check gives: diagnostics and a text plot."""

    def __init__(self, smd):
        self.diagnostics_ = {"age": {"smd": smd}}

    def love_plot(self):
        return "a plot"


@pytest.mark.parametrize(("smd", "message"), [(0.2, r"IMBALANCE DETECTED: age \(SMD \+0.2000\)"), (0.0, "ages differ")])
def test_a_third_party_diagnostic_can_replace_the_balance_check(smd, message):
    own = CheckResult(name="x", passed=False, message="ages differ", value=Table(smd))
    result, caught = analysed(diagnostic(own, "ages", attribute="balance_checker"), block=["balance"])
    assert result.balance_checker is own.value
    assert result.love_plot() == "a plot"
    assert caught == []
    with pytest.warns(UserWarning, match=message):
        result.summary()


def test_the_first_of_two_balance_checks_is_the_results_own_and_the_other_is_warned_of():
    own = CheckResult(name="x", passed=False, message="ages differ", value=Table(0.2))
    result, caught = analysed(diagnostic(own, "ages", attribute="balance_checker"), covariates=["pre_revenue"])
    assert list(result.balance_checker.diagnostics_) == ["pre_revenue"]
    assert caught == ["ages differ"]


def test_a_value_that_is_not_a_balance_table_is_reported():
    wrong = CheckResult(name="x", passed=True, value={"a": 1})
    result, _ = analysed(diagnostic(wrong, attribute="balance_checker"))
    assert result.balance_checker is None
    assert "acme/mine" in result.issues[0].message
    assert "no diagnostics_ and no love_plot" in result.issues[0].message


def test_an_unknown_attribute_is_refused():
    with pytest.raises((PluginError, ValueError), match="balance_checker"):
        diagnostic(None, attribute="alpha")


def test_the_units_check_can_be_blocked_and_replaced():
    result, _ = analysed(block=["srm"], id_col="user_id")
    assert "units" not in names(result)
    seen = []
    own = DiagnosticDefinition(name="units", target=lambda context: seen.append(context.units))
    analysed(own, block=["srm"], id_col="user_id")
    assert seen[0].units == {"control": 200, "treatment": 200}
    assert not seen[0].repeated
