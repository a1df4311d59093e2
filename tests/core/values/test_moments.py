"""Moments keep their digits, and add up however the rows are cut."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpyrment_core.errors import InputError
from xpyrment_core.values.moments import Moments

ORACLES = Path(__file__).parents[2] / "oracles"
NIST = json.loads((ORACLES / "nist.json").read_text())["cases"]
UNIVARIATE = [pytest.param(c, id=c["name"]) for c in NIST if c["input"]["kind"] == "univariate"]
SURVEY = json.loads((ORACLES / "ratio_survey.json").read_text())["cases"]

# Two passes and merging of parts only round; 1e-12 leaves four digits for the summation order.
RTOL = 1e-12

values = st.floats(-1e3, 1e3).map(lambda x: round(x, 6))


def frames(min_rows=1):
    return st.lists(st.tuples(values, values), min_size=min_rows, max_size=30).map(np.array)


def of(rows, offset=0.0):
    return Moments.of({"a": rows[:, 0] + offset, "b": rows[:, 1]})


def assert_same(one, two, scale=1.0):
    assert one.n == two.n
    np.testing.assert_allclose(one.mean, two.mean, rtol=RTOL, atol=1e-12 * scale)
    np.testing.assert_allclose(one.m2, two.m2, rtol=RTOL, atol=1e-10 * scale)


@pytest.mark.parametrize("case", UNIVARIATE)
def test_nist_means_and_standard_deviations_are_reproduced(case):
    moments = Moments.of({"y": case["input"]["y"]})
    certified = case["expected"]["certified"]
    assert moments.mean[0] == pytest.approx(certified["mean"], rel=1e-15)
    # NumAcc3 and 4 lose digits in the data: 1e6 + 0.1 and 1e7 + 0.1 are not doubles (notes of the oracle).
    tolerance = {"NumAcc3": 1e-9, "NumAcc4": 1e-8}.get(case["name"], 1e-13)
    assert np.sqrt(moments.cov[0, 0]) == pytest.approx(certified["sd"], rel=tolerance)


def test_a_large_offset_does_not_cost_the_variance_its_digits():
    noise = np.random.default_rng(3).normal(size=(10_000, 2))
    far = noise[:, 0] + 1e9
    moments = Moments.of({"a": far, "b": noise[:, 1]})
    exact = far - 1e9  # exact: the rounding happened when 1e9 was added
    np.testing.assert_allclose(moments.cov, np.cov(exact, noise[:, 1]), rtol=1e-11, atol=1e-13)


@given(frames(2), st.data())
@settings(max_examples=60)
def test_any_cut_of_the_rows_adds_up_to_the_whole(rows, data):
    cut = data.draw(st.integers(0, len(rows)))
    other = data.draw(st.integers(0, len(rows)))
    low, high = sorted((cut, other))
    parts = [of(rows[:low]), of(rows[low:high]), of(rows[high:])]
    assert_same((parts[0] + parts[1]) + parts[2], of(rows), 1e6)
    assert_same(parts[2] + (parts[1] + parts[0]), of(rows), 1e6)


@given(frames())
@settings(max_examples=40)
def test_no_units_at_all_is_the_neutral_element(rows):
    whole, nothing = of(rows), Moments.empty(("a", "b"))
    assert whole + nothing is whole
    assert nothing + whole is whole


@given(frames(2), st.integers(-30, 30), st.integers(-1000, 1000))
@settings(max_examples=40)
def test_moments_follow_shift_and_scale(rows, power, shift):
    factor = 2.0**power
    one, two = of(rows), Moments.of({"a": rows[:, 0] * factor, "b": rows[:, 1] + shift})
    np.testing.assert_allclose(two.mean, [one.mean[0] * factor, one.mean[1] + shift], rtol=1e-12, atol=1e-9)
    wanted = one.m2 * np.outer([factor, 1], [factor, 1])
    np.testing.assert_allclose(two.m2, wanted, rtol=1e-9, atol=1e-6 * max(factor, 1) ** 2)


@given(frames(), st.floats(-5, 5))
@settings(max_examples=40)
def test_shifted_sums_are_the_same_moments(rows, away):
    shift = rows.mean(axis=0) + away
    d = rows - shift
    assert_same(Moments.from_shifted_sums(("a", "b"), len(rows), d.sum(0), d.T @ d, shift), of(rows), 1e6)


@pytest.mark.parametrize("case", [c for c in SURVEY if c["name"].startswith("row mean")], ids=lambda c: c["name"])
@pytest.mark.parametrize("arm", [0, 1])
@pytest.mark.parametrize("shift", [0.0, None])
def test_row_means_have_the_variance_between_units_of_r_survey(case, arm, shift):
    data = {k: np.array(v, dtype=float) for k, v in case["input"].items()}
    shift = data["y"].mean() if shift is None else shift
    here = data["treat"] == arm
    codes, at = np.unique(data["unit"][here], return_inverse=True)
    sums, rows = np.bincount(at, data["y"][here] - shift), np.bincount(at).astype(float)
    moments = Moments.of({"y": sums, "rows": rows}).per_row("rows", [shift])
    expected = case["expected"]["treatment" if arm else "control"]
    assert moments.n == expected["units"] == len(codes)
    # Unshifted sums of values near 1e6 lose six digits, which is why engines shift.
    tolerance = 1e-4 if "1e6" in case["name"] and shift == 0 else 1e-10
    assert moments.mean[0] == pytest.approx(expected["mean"], rel=1e-12)
    assert np.sqrt(moments.cov[0, 0] / moments.n) == pytest.approx(expected["se"], rel=tolerance)


def test_projection_and_selection_follow_linear_algebra():
    rows = np.random.default_rng(0).normal(size=(50, 3))
    moments = Moments.of(dict(zip("abc", rows.T, strict=True)))
    weights = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, 1.0]])
    projected = moments.project(("u", "v"), weights @ moments.mean, weights)
    direct = Moments.of(dict(zip("uv", (rows @ weights.T).T, strict=True)))
    assert_same(projected, direct)
    assert moments.select(("c", "a")).means == {"c": moments.means["c"], "a": moments.means["a"]}
    assert moments.select(("c", "a")).m2[0, 1] == moments.m2[2, 0]


def test_different_columns_do_not_add_up():
    with pytest.raises(InputError, match="different columns"):
        Moments.empty(("a",)) + Moments.of({"b": [1.0]})


def test_adding_something_else_is_a_type_error():
    with pytest.raises(TypeError):
        Moments.empty(("a",)) + 1  # type: ignore[operator]


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="shape"):
        Moments(("a", "b"), 3, [1.0], [[1.0]])


def test_moments_cannot_be_changed():
    moments = Moments.of({"a": [1.0, 2.0]})
    with pytest.raises(ValueError, match="read-only"):
        moments.mean[0] = 5.0


def test_no_rows_and_no_columns_are_empty():
    assert Moments.of({"a": []}).n == 0
    assert Moments.from_shifted_sums(("a",), 0, [0.0], [[0.0]], [3.0]).n == 0
    assert Moments.of({}).columns == ()
    assert Moments.empty(("rows", "y")).per_row("rows").columns == ("y",)
