"""Mean, proportion and ratio: what they read, what they give, what they refuse."""

import numpy as np
import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from xpyrment_core.errors import InputError
from xpyrment_core.stats.delta_method import estimate, gradient, linearise
from xpyrment_core.values.moments import Moments
from xpyrment_metrics import xpyrment_metrics
from xpyrment_metrics.kinds import MeanMetric, ProportionMetric, RatioMetric

DATA = {"y": [0.0, 1.0, 1.0, 0.0, 1.0], "clicks": [1, 0, 2, 4, 3], "views": [10, 2, 9, 16, 11]}

positive = st.floats(1e-3, 1e6)


def test_the_definitions_name_what_they_offer():
    offered = {d.name: (d.label, d.default_test, d.load()) for d in xpyrment_metrics()}
    assert offered == {
        "mean": ("Mean", "", MeanMetric),
        "proportion": ("Proportion", "score", ProportionMetric),
        "ratio": ("Ratio", "", RatioMetric),
    }


@pytest.mark.parametrize("kind", [MeanMetric, ProportionMetric])
def test_a_mean_is_the_mean_and_has_its_variance(kind):
    found = estimate(linearise([kind("m", "y")], Moments.of(DATA)))
    assert found.value == np.mean(DATA["y"])
    assert found.unit_variance == pytest.approx(np.var(DATA["y"], ddof=1), rel=1e-14)


def test_a_ratio_is_the_ratio_of_totals_not_the_mean_of_ratios():
    found = estimate(linearise([RatioMetric("ctr", "clicks", "views")], Moments.of(DATA)))
    assert found.value == pytest.approx(10 / 48, rel=1e-15)
    assert found.value != pytest.approx(np.mean(np.divide(DATA["clicks"], DATA["views"])), rel=1e-3)


@given(positive, positive)
def test_the_ratios_gradient_is_the_one_from_calculus(above, below):
    found = gradient(RatioMetric("r", "a", "b"), {"a": above, "b": below})
    np.testing.assert_allclose(found, [1 / below, -above / below**2], rtol=1e-15)


def test_only_a_proportion_is_binary():
    assert ProportionMetric.binary
    assert not hasattr(MeanMetric, "binary")


def test_a_metric_brings_its_pre_period_self_as_covariate():
    assert [c.name for c in MeanMetric("m", "y", "y_before").covariates] == ["y_before"]
    (before,) = RatioMetric("ctr", "c", "v", "c_before", "v_before").covariates
    assert (before.name, before.columns) == ("c_before/v_before", ("c_before", "v_before"))
    assert before.value({"c_before": 1.0, "v_before": 4.0}) == 0.25
    assert before.covariates == ()


def test_without_a_pre_period_column_there_is_no_covariate():
    assert MeanMetric("m", "y").covariates == RatioMetric("r", "a", "b").covariates == ()


def test_metrics_cannot_be_changed_and_compare_by_value():
    metric = MeanMetric("m", "y")
    with pytest.raises(FrozenInstanceError):
        metric.name = "other"
    assert metric == MeanMetric("m", "y")
    assert metric != ProportionMetric("m", "y")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MeanMetric("m", None), "value_col must be the name of a column, got None"),
        (lambda: MeanMetric("m", ""), "value_col must be the name of a column, got ''"),
        (lambda: MeanMetric("", "y"), "name must be a name for reports, got ''"),
        (lambda: MeanMetric(3, "y"), "name must be a name for reports, got 3"),
        (lambda: MeanMetric("m", "y", 7), "pre_period_col must be the name of a column, got 7"),
        (lambda: ProportionMetric("p", "y", "y"), "is the outcome column 'y' itself"),
        (lambda: RatioMetric("r", "a", None), "denominator_col must be the name of a column"),
        (lambda: RatioMetric("r", "a", "a"), "the ratio is always 1"),
        (lambda: RatioMetric("r", "a", "b", "c"), "pre_denominator_col is missing"),
        (lambda: RatioMetric("r", "a", "b", None, "d"), "pre_numerator_col is missing"),
    ],
)
def test_unusable_arguments_are_refused_with_the_reason(make, message):
    with pytest.raises(InputError, match=message):
        make()
