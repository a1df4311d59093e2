"""A metric is a smooth function of column means: its gradient, its variance, what it refuses."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.delta_method import ColumnMean, estimate, gradient, linearise
from xpyrment_core.values.moments import Moments
from xpyrment_metrics.kinds import MeanMetric, RatioMetric

SURVEY = json.loads((Path(__file__).parents[2] / "oracles" / "ratio_survey.json").read_text())["cases"]
RATIOS = [pytest.param(c, id=c["name"]) for c in SURVEY if "num" in c["input"]]

# Complex step is exact to rounding; central differences to about eps^(2/3).
COMPLEX_STEP = 1e-14
DIFFERENCES = 1e-8

positive = st.floats(1e-3, 1e6)


class Margin:
    """A third party's metric, in three lines."""

    name, columns = "margin", ("cost", "revenue")

    def value(self, means):
        return 1 - means["cost"] / means["revenue"]


class Plain:
    """The same as a built-in ratio, without a gradient of its own."""

    def __init__(self, metric):
        self.name, self.columns, self.value = metric.name, metric.columns, metric.value


class Logarithmic:
    name, columns = "log", ("y",)

    def value(self, means):
        return math.log(means["y"])  # takes no complex numbers


class Absolute:
    name, columns = "absolute", ("y",)

    def value(self, means):
        return abs(means["y"])  # takes them, and drops the imaginary part


@given(positive, positive)
@settings(max_examples=60)
def test_the_complex_step_is_the_analytic_gradient(above, below):
    ratio, means = RatioMetric("r", "a", "b"), {"a": above, "b": below}
    np.testing.assert_allclose(gradient(Plain(ratio), means), gradient(ratio, means), rtol=COMPLEX_STEP)


@given(positive, positive)
@settings(max_examples=40)
def test_numerical_gradient_of_a_third_party_metric_is_the_analytic_one(cost, revenue):
    found = gradient(Margin(), {"cost": cost, "revenue": revenue})
    np.testing.assert_allclose(found, [-1 / revenue, cost / revenue**2], rtol=COMPLEX_STEP)


@pytest.mark.parametrize(("metric", "slope"), [(Logarithmic(), 1 / 2.5), (Absolute(), 1.0)])
def test_what_takes_no_complex_numbers_gets_central_differences(metric, slope):
    assert gradient(metric, {"y": 2.5})[0] == pytest.approx(slope, rel=DIFFERENCES)


@pytest.mark.parametrize("case", RATIOS)
@pytest.mark.parametrize("arm", ["control", "treatment"])
def test_a_ratio_has_the_variance_of_r_surveys_svyratio(case, arm):
    data = {k: np.array(v, dtype=float) for k, v in case["input"].items()}
    here = data["treat"] == (arm == "treatment")
    _, at = np.unique(data["unit"][here], return_inverse=True)
    units = {k: np.bincount(at, data[k][here]) for k in ("num", "den")}
    found = estimate(linearise([RatioMetric("r", "num", "den")], Moments.of(units)))
    expected = case["expected"][arm]
    assert (found.n, found.value) == (expected["units"], pytest.approx(expected["ratio"], rel=1e-14))
    assert math.sqrt(found.variance) == pytest.approx(expected["se"], rel=1e-12)


def test_third_party_metric_has_the_variance_of_its_linearised_values():
    rng = np.random.default_rng(1)
    revenue = rng.gamma(4.0, 2.0, size=500)
    data = {"cost": 0.6 * revenue + rng.normal(size=500), "revenue": revenue}
    found = estimate(linearise([Margin()], Moments.of(data)))
    mean = {k: v.mean() for k, v in data.items()}
    by_hand = -data["cost"] / mean["revenue"] + mean["cost"] / mean["revenue"] ** 2 * revenue
    assert found.value == pytest.approx(1 - mean["cost"] / mean["revenue"], rel=1e-14)
    assert found.unit_variance == pytest.approx(by_hand.var(ddof=1), rel=1e-12)


def test_several_metrics_are_linearised_together():
    rng = np.random.default_rng(2)
    data = {"y": rng.normal(size=80), "a": rng.gamma(3, size=80), "b": rng.gamma(3, size=80)}
    joint = linearise([MeanMetric("m", "y"), RatioMetric("r", "a", "b"), ColumnMean("a")], Moments.of(data))
    means = {k: v.mean() for k, v in data.items()}
    pseudo = data["a"] / means["b"] - means["a"] / means["b"] ** 2 * data["b"]
    np.testing.assert_allclose(joint.cov, np.cov([data["y"], pseudo, data["a"]]), rtol=1e-11)
    assert joint.columns == ("m", "r", "a")


@pytest.mark.parametrize("constant", [0.1, 1e9 + 0.1, -7.3])
def test_a_constant_column_has_no_spread_at_all(constant):
    moments = linearise([MeanMetric("m", "y")], Moments.of({"y": np.full(1001, constant)}))
    assert moments.m2[0, 0] == 0


def test_the_ratio_of_proportional_columns_has_no_spread_at_all():
    below = np.random.default_rng(4).gamma(2, size=1000)
    moments = linearise([RatioMetric("r", "a", "b")], Moments.of({"a": 0.3 * below, "b": below}))
    assert moments.m2[0, 0] == 0


def test_a_small_real_spread_is_kept():
    rng = np.random.default_rng(5)
    below = rng.gamma(2, size=1000)
    above = 0.3 * below * (1 + 1e-4 * rng.normal(size=1000))
    moments = linearise([RatioMetric("r", "a", "b")], Moments.of({"a": above, "b": below}))
    exact = (above - above.mean() / below.mean() * below) / below.mean()
    assert moments.cov[0, 0] == pytest.approx(exact.var(ddof=1), rel=1e-5)


def test_an_infinite_column_that_a_metric_does_not_read_does_not_spoil_it():
    moments = Moments(("y", "x"), 5, [1.0, np.inf], [[2.0, np.nan], [np.nan, np.inf]])
    assert linearise([MeanMetric("m", "y")], moments).m2[0, 0] == 2.0


def test_no_units_are_not_estimable():
    with pytest.raises(NotEstimable, match="no units"):
        linearise([MeanMetric("m", "y")], Moments.empty(("y",)))


def test_one_unit_has_no_variance():
    with pytest.raises(NotEstimable, match="a variance needs two"):
        estimate(linearise([MeanMetric("m", "y")], Moments.of({"y": [3.0]})))


def test_a_ratio_over_zero_is_not_estimable():
    with pytest.raises(NotEstimable, match="r is not defined where the mean of 'b' is 0"):
        linearise([RatioMetric("r", "a", "b")], Moments.of({"a": [1.0, 2.0], "b": [0.0, 0.0]}))


def test_a_value_that_is_no_finite_number_is_not_estimable():
    class Infinite:
        name, columns = "m", ("y",)

        def value(self, means):
            return means["y"] * math.inf

    with pytest.raises(NotEstimable, match="not a finite number"):
        linearise([Infinite()], Moments.of({"y": [1.0, 2.0]}))
