"""The checks of an analysis: sample ratio, and outcomes that go missing in one variant."""

import json

import numpy as np
import pytest
from scipy import stats

from xpyrment_core.values.checks import CheckContext
from xpyrment_core.values.exclusions import ArmLedger, Exclusions
from xpyrment_srm.diagnostics import missingness, sample_ratio


def counts(missing, used, units=None):
    return ArmLedger(rows_in=missing + used, missing_outcome=missing, used=used, units=used if units is None else units)


def context(**metrics):
    exclusions = {
        (metric, "B"): Exclusions(control=control, treatment=treatment)
        for metric, (control, treatment) in metrics.items()
    }
    return CheckContext(counts={"A": 1000, "B": 1000}, control="A", treatments=("B",), exclusions=exclusions)


def test_the_sample_ratio_uses_the_planned_weights_of_the_design():
    good = CheckContext(counts={"A": 900, "B": 100}, weights={"A": 9, "B": 1})
    bad = CheckContext(counts={"A": 900, "B": 100}, control="A", treatments=("B",))
    assert sample_ratio(good).passed
    assert not sample_ratio(bad).passed
    assert sample_ratio(bad).name == "sample_ratio"


def test_the_sample_ratio_sees_an_arm_without_units():
    result = sample_ratio(CheckContext(counts={"A": 500, "B": 500, "C": 0}, weights={"A": 1, "B": 1, "C": 1}))
    assert not result.passed


def test_labels_outside_the_comparison_are_reported_and_not_tested():
    counts = {"A": 1999, "B": 1999, "qa": 2}
    for weights in (None, {"A": 1, "B": 1}):
        result = sample_ratio(CheckContext(counts=counts, weights=weights, control="A", treatments=("B",)))
        assert result.p_value == 1
        assert result.details["not_compared"] == {"qa": 2}
        assert result.message.endswith("; not compared: qa: 2")


def test_a_mismatch_without_weights_tells_how_to_plan_them():
    context = CheckContext(counts={"A": 900, "B": 100}, control="A", treatments=("B",))
    assert "if another ratio was planned, give its weights" in sample_ratio(context).message


def test_one_variant_has_no_ratio():
    assert sample_ratio(CheckContext(counts={"A": 500})) is None


def test_missingness_check_passes_without_missing_outcomes():
    result = missingness(context(revenue=(counts(0, 1000), counts(0, 990))))
    assert (result.passed, result.p_value, result.message) == (True, None, "no outcomes are missing")


def test_without_metrics_there_is_no_check():
    assert missingness(CheckContext(counts={"A": 1, "B": 1})) is None


def test_equal_shares_pass_and_unequal_ones_fail():
    assert missingness(context(revenue=(counts(100, 900), counts(104, 896)))).passed
    result = missingness(context(revenue=(counts(100, 900), counts(170, 830))))
    assert not result.passed
    assert "revenue (10.00% of control, 17.00% of B)" in result.message
    json.dumps(dict(result.details), allow_nan=False)


def test_the_p_value_is_that_of_scipy():
    got = missingness(context(revenue=(counts(100, 900), counts(131, 869)))).p_value
    assert got == pytest.approx(stats.chi2_contingency([[100, 131], [900, 869]], correction=False).pvalue, rel=1e-10)
    got = missingness(context(revenue=(counts(0, 40), counts(4, 30)))).p_value
    assert got == pytest.approx(stats.fisher_exact([[0, 4], [40, 30]]).pvalue, rel=1e-9)


def test_p_values_are_multiplied_by_the_comparisons_that_were_made():
    one = (counts(100, 900), counts(150, 850))
    alone = missingness(context(revenue=one)).p_value
    whole = (counts(0, 1000), counts(0, 1000))
    with_others = missingness(context(revenue=one, orders=(counts(5, 995), counts(6, 994)), clicks=whole))
    assert with_others.p_value == pytest.approx(2 * alone), "a metric without missing outcomes is no comparison"
    assert [row["metric"] for row in with_others.details["comparisons"]] == ["revenue", "orders", "clicks"]


def test_outcomes_that_go_missing_by_unit_count_as_units():
    rows = missingness(context(revenue=(counts(100, 900), counts(131, 869)))).p_value
    repeated = missingness(context(revenue=(counts(1000, 9000, units=900), counts(1310, 8690, units=869)))).p_value
    assert repeated == pytest.approx(rows, rel=1e-9)


def test_an_outcome_missing_everywhere_is_no_difference():
    assert missingness(context(revenue=(counts(50, 0), counts(60, 0)))).passed


@pytest.mark.simulation
def test_sound_data_are_hardly_ever_blamed():
    generator = np.random.default_rng(4)
    failed = 0
    for _ in range(2000):
        metrics = {}
        for metric in "abcde":
            lost = generator.binomial(2000, 0.05, size=2).tolist()
            metrics[metric] = tuple(counts(m, 2000 - m) for m in lost)
        failed += not missingness(context(**metrics)).passed
    # Expected at most 2 of 2,000; more than 9 has probability below 1e-4.
    assert failed <= 9
