"""Every surface shows the same verdicts, p-values and flags, from one table of columns."""

from types import SimpleNamespace
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from attrs import fields_dict

import xpyrment as xp
from xpyrment_core import InputError, MetricResult, Verdict
from xpyrment_core.analysis.columns import TABLES
from xpyrment_core.plots.data import forest_data, love_data
from xpyrment_core.plots.layout import FOREST_COLORS, forest_lines, is_flagged
from xpyrment_core.values.verdicts import MEANINGS, judge

RAW = {"metric_name": "revenue", "relative_lift": 0.03, "rel_ci_lower": 0.01, "rel_ci_upper": 0.05, "p_value": 3e-7}
JUST_BELOW = 0.3 - 0.2  # 0.09999999999999998: 0.1 but for rounding


def column(table, header):
    return [row[table.columns.index(header)] for row in table.rows]


@pytest.fixture(scope="module")
def result():
    random = np.random.default_rng(5)
    data = pd.DataFrame({"variant": np.repeat(["control", "blue", "green"], 200), "age": random.normal(40, 9, 600)})
    data["revenue"] = random.gamma(2, 5, 600) + data["age"] / 5 + 2 * (data["variant"] == "blue")
    data["flat"] = 1.0
    experiment = xp.setup(data, "variant", covariates=["age"])
    experiment.register_metric("revenue").register_metric("flat")
    experiment.register_metric("kept", value_col="revenue", role="guardrail", margin="40%")
    return experiment.run_analysis(treatment=None, multi_test_correction="holm")


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES)
def test_a_column_shows_an_attribute_that_results_have(columns):
    known = {*fields_dict(MetricResult), "shown_verdict"}
    for column in columns:
        named = {column.attribute} if isinstance(column.attribute, str) else {*column.attribute}
        assert named <= known


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_a_row_per_comparison_and_its_verdict_as_mark(result, name):
    table = result.table(name)
    assert len(table.rows) == len(result.results) == 6
    assert table.marks == tuple(row.shown_verdict for row in result.results)
    assert len(result.table(name, treatment="blue").rows) == 3


def test_unknown_columns_are_refused_with_the_names_there_are(result):
    with pytest.raises(InputError, match=r"'decisoin' is not one of.*Did you mean 'decision'"):
        result.table("decisoin")


def test_a_result_read_back_from_its_dict_is_the_same(result):
    for row, raw in zip(result.results, result.raw_results, strict=True):
        assert MetricResult.from_raw(raw).raw() == raw == row.raw()


def test_results_made_of_dicts_show_the_same_tables(result):
    again = xp.AnalysisResult(result.raw_results, result.alpha)
    for name in TABLES:
        assert again.table(name) == result.table(name)
    pd.testing.assert_frame_equal(again.summary(), result.summary())
    assert again.raw_results == result.raw_results


def test_raw_dicts_stay_as_given_and_own_keys_are_kept():
    own = {"team": "checkout", "verdict": "not shown", "provenance": {"test": {"name": "t"}}}
    made = xp.AnalysisResult([RAW | own])
    assert made.raw_results[0]["team"] == "checkout"
    assert made.raw_results[0]["verdict"] == "not shown"
    assert made.results[0].verdict == "better"
    assert made.results[0].provenance["test"].name == "t"


def test_changing_a_raw_dict_does_not_change_what_surfaces_show():
    made = xp.AnalysisResult([RAW])
    made.raw_results[0]["p_value"] = 0.9
    assert made.summary()["p-value"][0] == "0.0000***"
    with pytest.raises(AttributeError):
        made.results = ()


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "better"),
        ({"direction": "decrease"}, "worse"),
        ({"p_value": 0.2}, "inconclusive"),
        ({"null_difference": -0.1}, "non-inferior"),
        ({"null_difference": -0.1, "p_value": 0.2}, "not established"),
        ({"null_difference": -0.1, "alternative": "equivalence"}, "equivalent"),
        ({"null_difference": -0.1, "alternative": "equivalence", "p_value": 0.2}, "not established"),
        ({"verdict": "too early"}, "too early"),
        ({"verdict": "withheld"}, "withheld"),
        ({"status": "not_estimable", "reason": "no units"}, "not estimable"),
    ],
)
def test_all_surfaces_say_the_same_verdict(changes, verdict):
    made = xp.AnalysisResult([RAW | changes])
    assert column(made.table("terminal"), "Verdict") == [verdict]
    assert column(made.table("decision"), "Verdict")[0].startswith(verdict.capitalize())
    assert forest_data(made.results, made.alpha).rows[0].verdict == verdict
    assert f"1 comparison: 1 {verdict}." in made.export("markdown")


def test_every_verdict_has_a_meaning_and_a_colour():
    assert list(get_args(Verdict)) == list(MEANINGS) == list(FOREST_COLORS)


def test_an_effect_of_zero_is_neither_better_nor_worse():
    assert judge(0.01, 0.0, 0.05) == "inconclusive"


def test_report_and_plot_print_the_same_p_value():
    made = xp.AnalysisResult([RAW])
    plotted = forest_lines(forest_data(made.results).rows, 40)[0].cells[2]
    assert column(made.table("decision"), "p") == [plotted] == ["<0.0001"]


def test_every_surface_flags_the_same_covariates():
    checker = SimpleNamespace(diagnostics_={"age": {"smd": JUST_BELOW}}, love_plot=str)
    made = xp.AnalysisResult([RAW], balance_checker=checker)
    with pytest.warns(UserWarning, match="COVARIATE IMBALANCE DETECTED: age"):
        made.summary()
    assert "imbalanced" in made.export("markdown").split("## Covariate balance")[1].split("##")[0].split("\n| age")[1]
    plot = love_data({"age": {"treatment": JUST_BELOW}})
    assert is_flagged(plot.rows[0], plot.threshold)
    assert plot.subtitle.startswith("1 of 1")
