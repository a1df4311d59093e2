"""Sums over units give the same metric and variance as the core does on the units themselves."""

import math

import numpy as np
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from xpyrment_core.errors import NotEstimable
from xpyrment_core.stats.delta_method import ColumnMean, estimate, linearise
from xpyrment_core.values.moments import Moments
from xpyrment_core.values.samples import ArmSample
from xpyrment_resampling.statistics import evaluate, statistics
from xpyrment_resampling.units import CELLS, bundles, centre_of, control_first, distinct, features, totals, unit_sums


@frozen
class Ratio:
    name = "ratio"
    columns = ("a", "b")

    def value(self, means):
        return means["a"] / means["b"]


@frozen
class Scalar:
    """A metric that takes single numbers only."""

    name = "scalar"
    columns = ("a", "b")

    def value(self, means):
        return math.sqrt(means["a"]) * means["b"]


@frozen
class Branching:
    """A metric whose value for arrays is silently another one."""

    name = "branching"
    columns = ("a", "b")

    def value(self, means):
        return means["a"] * np.max(means["b"])


METRICS = [Ratio(), Scalar(), Branching()]


def two_columns(n, seed):
    generator = np.random.default_rng(seed)
    return {"a": generator.exponential(5, n), "b": 1e6 + generator.normal(size=n)}


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_all_units_give_the_estimate_of_the_core(metric):
    columns = two_columns(200, 1)
    sample = ArmSample(columns)
    centre = centre_of(sample, sample, metric.columns)
    found = statistics(metric, centre, totals(unit_sums(sample, metric.columns, centre)))
    wanted = estimate(linearise([metric], Moments.of(columns)))
    assert found.value[0] == pytest.approx(wanted.value, rel=1e-12)
    assert found.variance[0] == pytest.approx(wanted.variance, rel=1e-6)  # the scalar metric has a numeric gradient


def test_repeated_rows_give_the_estimate_of_the_core_per_unit():
    columns = two_columns(200, 2)
    units = np.random.default_rng(3).integers(0, 30, 200)
    sample = ArmSample(columns, units)
    centre = centre_of(sample, sample, ("a", "b"))
    found = statistics(Ratio(), centre, totals(unit_sums(sample, ("a", "b"), centre)))
    sums = {c: np.bincount(units, columns[c] - columns[c].mean()) for c in columns}
    shifts = [columns[c].mean() for c in columns]
    moments = Moments.of(sums | {"rows": np.bincount(units)}).per_row("rows", shifts)
    wanted = estimate(linearise([Ratio()], moments))
    assert found.value[0] == pytest.approx(wanted.value, rel=1e-12)
    assert found.variance[0] == pytest.approx(wanted.variance, rel=1e-9)


def test_each_resample_is_like_its_units_drawn_one_by_one():
    columns = two_columns(40, 4)
    sample = ArmSample(columns)
    centre = centre_of(sample, sample, ("a", "b"))
    rows = unit_sums(sample, ("a", "b"), centre)
    drawn = np.random.default_rng(5).integers(0, 40, size=(20, 40))
    weights = np.array([np.bincount(d, minlength=40) for d in drawn], dtype=float)
    found = statistics(Ratio(), centre, weights @ features(rows))
    for i, d in enumerate(drawn):
        again = Moments.of({"a": rows[d, 0] + centre[0], "b": rows[d, 1] + centre[1]})
        wanted = estimate(linearise([Ratio()], again))
        assert found.value[i] == pytest.approx(wanted.value, rel=1e-12)
        assert found.variance[i] == pytest.approx(wanted.variance, rel=1e-9)


def test_a_constant_resample_has_exactly_no_variance():
    rows = np.column_stack([np.full(7, 0.1 + 0.2), np.ones(7)])
    found = statistics(ColumnMean("y"), np.array([0.7]), totals(rows))
    assert found.variance[0] == 0


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_many_points_are_evaluated_like_single_ones(metric):
    means = np.random.default_rng(6).uniform(1, 2, size=(50, 2))
    value, slopes = evaluate(metric, means)
    for i, (a, b) in enumerate(means.tolist()):
        assert value[i] == pytest.approx(metric.value({"a": a, "b": b}), rel=1e-14)
        nudged = (metric.value({"a": a + 1e-6, "b": b}) - metric.value({"a": a - 1e-6, "b": b})) / 2e-6
        assert slopes[i, 0] == pytest.approx(nudged, rel=1e-6)


def test_points_where_a_metric_is_not_defined_are_nan_and_the_others_are_not():
    found = statistics(
        Scalar(), np.zeros(2), np.array([[2.0, -4, 2, 2, 8, -4, -4, 2, 2, 2], [2.0, 4, 2, 2, 9, 4, 4, 2, 2, 2]])
    )
    assert math.isnan(found.value[0])
    assert found.value[1] == pytest.approx(math.sqrt(2))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=50))
@settings(max_examples=50)
def test_distinct_rows_and_their_counts_restore_the_rows(numbers):
    rows = unit_sums(ArmSample({"y": np.array(numbers, dtype=float)}), ("y",), np.zeros(1))
    found = distinct(rows)
    assert np.array_equal(np.repeat(found.rows, found.counts, axis=0), rows)


def test_too_many_distinct_rows_are_left_as_they_are():
    assert distinct(unit_sums(ArmSample({"y": np.arange(CELLS + 1.0)}), ("y",), np.zeros(1))) is None


def test_bundles_hold_every_row_once_and_are_of_nearly_one_size():
    rows = np.arange(100.0).reshape(50, 2)
    parts = bundles(rows, 7, np.random.default_rng(1))
    assert sorted(np.concatenate(parts)[:, 0]) == sorted(rows[:, 0])
    assert {len(part) for part in parts} == {7, 8}


def test_which_variant_draws_first_does_not_depend_on_their_roles():
    small, large = np.zeros((3, 2)), np.ones((3, 2))
    longer = np.zeros((4, 2))
    assert control_first(small, large)
    assert not control_first(large, small)
    assert control_first(large, longer)
    assert not control_first(longer, large)
    assert control_first(small, small)


def test_empty_variants_and_infinite_values_are_refused():
    some, none = ArmSample({"y": np.ones(2)}), ArmSample({"y": np.empty(0)})
    with pytest.raises(NotEstimable, match="no units"):
        centre_of(some, none, ("y",))
    with pytest.raises(NotEstimable, match="infinite"):
        centre_of(some, ArmSample({"y": np.array([1, np.inf])}), ("y",))
