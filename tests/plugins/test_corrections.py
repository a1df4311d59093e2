"""Adjusted p-values are those of R's p.adjust and of exact arithmetic."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpyrment_corrections import adjust, xpyrment_corrections

ORACLES = Path(__file__).parents[1] / "oracles"
R = json.loads((ORACLES / "p_adjust.json").read_text())["cases"]
SIDAK = json.loads((ORACLES / "sidak.json").read_text())["cases"]
IN_R = {
    "bonferroni": "bonferroni",
    "holm": "holm",
    "hochberg": "hochberg",
    "hommel": "hommel",
    "BH": "fdr_bh",
    "BY": "fdr_by",
}
METHODS = {d.name: d.load() for d in xpyrment_corrections() if d.needs == "p_values"}

# Sums and products of a few doubles.
RTOL = 1e-13

families = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def numbers(values):
    return np.array([np.nan if v is None or v in ("NA", "NaN") else float(v) for v in values])


@pytest.mark.parametrize("case", R, ids=lambda c: c["name"])
@pytest.mark.parametrize("theirs", IN_R)
def test_p_values_are_adjusted_as_by_r(case, theirs):
    found = METHODS[IN_R[theirs]](numbers(case["input"]["p"]))
    np.testing.assert_allclose(found, numbers(case["expected"][theirs]), rtol=RTOL, equal_nan=True)


@pytest.mark.parametrize("case", SIDAK, ids=lambda c: c["name"])
@pytest.mark.parametrize("method", ["sidak", "holm-sidak"])
def test_sidaks_adjustment_keeps_the_digits_of_small_p_values(case, method):
    found = METHODS[method](numbers(case["input"]["p"]))
    np.testing.assert_allclose(found, numbers(case["expected"][method.replace("-", "_")]), rtol=RTOL, equal_nan=True)


@pytest.mark.parametrize("method", METHODS)
@given(families, st.integers(0, 12), st.randoms())
@settings(max_examples=30)
def test_missing_p_values_pass_through_and_do_not_count(method, p, at, random):
    at = min(at, len(p))
    with_gap = [*p[:at], np.nan, *p[at:]]
    found = METHODS[method](with_gap)
    assert np.isnan(found[at])
    np.testing.assert_array_equal(np.delete(found, at), METHODS[method](p))


@pytest.mark.parametrize("method", METHODS)
@given(families, st.randoms())
@settings(max_examples=30)
def test_the_order_of_the_rows_does_not_matter(method, p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    np.testing.assert_array_equal(METHODS[method](np.array(p)[order]), METHODS[method](p)[order])


@pytest.mark.parametrize("method", METHODS)
@given(families)
@settings(max_examples=30)
def test_adjusting_never_makes_a_p_value_smaller_or_changes_the_order(method, p):
    found, p = METHODS[method](p), np.array(p)
    assert (found >= p * (1 - 1e-12)).all()
    assert (found <= 1).all()
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= 0).all()


@given(families)
@settings(max_examples=40)
def test_stronger_methods_have_smaller_p_values(p):
    at_least = lambda weak, strong: (METHODS[weak](p) >= METHODS[strong](p) * (1 - 1e-12)).all()  # noqa: E731
    for weak, strong in (
        ("bonferroni", "holm"),
        ("holm", "hochberg"),
        ("hochberg", "hommel"),
        ("hommel", "fdr_bh"),
        ("bonferroni", "sidak"),
        ("sidak", "holm-sidak"),
        ("holm", "holm-sidak"),
        ("fdr_by", "fdr_bh"),
    ):
        assert at_least(weak, strong), (weak, strong)


@pytest.mark.parametrize("method", METHODS)
def test_all_missing_p_values_stay_missing(method):
    assert np.isnan(METHODS[method]([np.nan, np.nan])).all()
    assert METHODS[method]([]).shape == (0,)


@pytest.mark.parametrize("method", METHODS)
def test_one_test_needs_no_correction(method):
    assert METHODS[method]([0.03])[0] == pytest.approx(0.03, rel=1e-15)


def test_the_input_is_not_changed():
    p = np.array([0.2, 0.01])
    adjust.holm(p)
    assert p.tolist() == [0.2, 0.01]


def test_every_correction_has_intervals_and_a_name_for_them():
    for definition in xpyrment_corrections():
        assert definition.interval_label
        assert definition.needs == "effects" or callable(definition.load_intervals())
