"""check_srm takes counts, frames and weights, and refuses what makes no sense."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xpyrment_core.errors import InputError
from xpyrment_srm.check import THRESHOLD, check_srm

CASES = json.loads((Path(__file__).parents[1] / "oracles" / "chisq.json").read_text())["cases"]
WEIGHTS = [pytest.param(c, id=c["name"]) for c in CASES if c["name"].startswith("weights")]


@pytest.mark.parametrize("case", WEIGHTS)
def test_counts_are_tested_by_chi_square_or_exactly_where_small(case):
    result = check_srm(case["input"]["counts"], case["input"]["weights"])
    small = min(case["expected"]["expected_counts"]) < 5
    expected = case["expected"]["exact_multinomial"]["by_probability"] if small else case["expected"]["p"]
    assert result.details["method"] == ("exact multinomial" if small else "chi-square")
    assert result.p_value == pytest.approx(expected, rel=1e-9)
    assert result.statistic == pytest.approx(case["expected"]["chi2"], rel=1e-10, abs=1e-12)
    assert result.passed == (expected >= THRESHOLD)
    assert list(result.details["expected"].values()) == pytest.approx(case["expected"]["expected_counts"])
    json.dumps(dict(result.details), allow_nan=False)


@pytest.mark.parametrize(
    "data",
    [
        {"A": 30, "B": 50},
        pd.Series({"B": 50, "A": 30}),
        {"B": np.int64(50), "A": 30.0},
    ],
)
def test_counts_come_in_several_forms(data):
    result = check_srm(data)
    assert result.details["observed"] == {"A": 30, "B": 50}
    assert result.p_value == pytest.approx(check_srm([30, 50]).p_value)


@pytest.mark.parametrize("make", [lambda d: d, pl.from_pandas])
def test_frames_are_counted_and_rows_without_a_label_reported(make):
    data = make(pd.DataFrame({"variant": ["A"] * 40 + ["B"] * 60 + [None] * 3}))
    result = check_srm(data, {"A": 4, "B": 6}, treatment_col="variant")
    assert result.details["observed"] == {"A": 40, "B": 60}
    assert result.details["rows_without_label"] == 3
    assert result.p_value == pytest.approx(1.0)


def test_an_arm_with_no_units_counts_when_the_weights_name_it():
    without = check_srm({"A": 500, "B": 500})
    named = check_srm({"A": 500, "B": 500}, {"A": 1, "B": 1, "C": 1})
    assert without.passed
    assert not named.passed
    assert named.details["observed"]["C"] == 0


def test_a_variant_of_weight_0_fails_the_check_by_its_units_only():
    planned = {"A": 0.5, "B": 0.5, "old": 0}
    without = check_srm({"A": 5000, "B": 5010, "old": 0}, planned)
    assert without.passed
    assert without.p_value == pytest.approx(stats.chisquare([5000, 5010]).pvalue, rel=1e-12)
    leaked = check_srm({"A": 5000, "B": 5010, "old": 7}, planned)
    assert leaked.passed is False
    assert leaked.p_value == without.p_value
    assert leaked.details["units_of_weight_0"] == {"old": 7}
    assert leaked.message.startswith("units in a variant of planned weight 0: old: 7")


def test_units_of_weight_0_fail_the_check_beside_no_others_and_beside_a_mismatch():
    alone = check_srm({"A": 0, "B": 0, "old": 7}, {"A": 1, "B": 1, "old": 0})
    assert alone.passed is False
    assert "planned weight 0: old: 7; there are no units" in alone.message
    both = check_srm({"A": 900, "B": 500, "old": 7}, {"A": 1, "B": 1, "old": 0})
    assert "planned weight 0: old: 7; sample ratio mismatch: A: 900" in both.message


def test_a_label_without_units_needs_no_weight():
    assert check_srm({"A": 500, "B": 510, "old": 0}, {"A": 1, "B": 1}).passed


@pytest.mark.parametrize(
    "labels",
    [
        pd.Categorical(["A", "B"] * 50, categories=["A", "B", "old", "paused"]),
        pl.Series(["A", "B"] * 50, dtype=pl.Enum(["A", "B", "old", "paused"])),
    ],
    ids=["pandas categorical", "Polars Enum"],
)
def test_categories_that_do_not_occur_are_no_variants(labels):
    make = pl.DataFrame if isinstance(labels, pl.Series) else pd.DataFrame
    result = check_srm(make({"variant": labels}), treatment_col="variant")
    assert result.p_value == 1
    assert result.details["observed"] == {"A": 50, "B": 50}


def test_the_message_says_what_is_compared_and_what_to_do():
    assert "equal weights (none were given)" in check_srm({"A": 500, "B": 510}).message
    failed = check_srm({"A": 500, "B": 700}, {"A": 1, "B": 1}).message
    assert failed.startswith("sample ratio mismatch: A: 500, B: 700")
    assert "the planned weights expect A: 600, B: 600" in failed


def test_no_units_at_all_cannot_be_checked():
    result = check_srm({"A": 0, "B": 0})
    assert (result.passed, result.p_value) == (None, None)
    assert "no units" in result.message


counts = st.lists(st.integers(0, 3000), min_size=2, max_size=5).filter(lambda c: sum(c) > 100)


@given(counts, st.data())
@settings(max_examples=30)
def test_the_order_of_arms_and_the_scale_of_weights_do_not_matter(units, data):
    weights = data.draw(st.lists(st.floats(0.2, 5), min_size=len(units), max_size=len(units)))
    order = data.draw(st.permutations(range(len(units))))
    result = check_srm(units, weights)
    if "simulation" in result.details["method"]:
        return  # the draws depend on the order
    moved = check_srm([units[i] for i in order], [7 * weights[i] for i in order])
    assert moved.p_value == pytest.approx(result.p_value, rel=1e-7, abs=1e-300)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"A": 5.5, "B": 5},), "units of 'A' must be a whole number, 0 or more, got 5.5"),
        (({"A": -1, "B": 5},), "got -1"),
        (({"A": float("nan"), "B": 5},), "got nan"),
        (({"A": float("inf"), "B": 5},), "got inf"),
        (({"A": "7", "B": 5},), "got '7'"),
        (({"A": True, "B": 5},), "got True"),
        (({"A": 5},), "two variants or more"),
        (([],), "two variants or more"),
        (({"A": 5, "B": 5}, {"A": 1}), "'B' has units but no planned weight"),
        (({"A": 5, "B": 5}, {"A": 1, "b": 1}), "Did you mean 'b'"),
        (({1: 5, 2: 5}, {"1": 1, "2": 1}), "Write 1, as in the data"),
        (({"A": 5, "B": 5}, {"A": 1, "B": 0}), "two variants or more"),
        (({"A": 5, "B": 5}, {"A": 1, "B": -1}), "got -1"),
        (({"A": 5, "B": 5}, {"A": 1, "B": float("nan")}), "got nan"),
        (({"A": 5, "B": 5}, {"A": 1, "B": "half"}), "got 'half'"),
        (({"A": 5, "B": 5}, {"A": 1, "B": None}), "got None"),
        (({"A": 5, "B": 5}, [1, 1, 1]), "3 weights for 2 variants"),
        ((pd.DataFrame({"v": ["a"]}),), "name the column of variants with treatment_col"),
        ((5,), "counts must be"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        check_srm(*arguments)


def test_an_unknown_column_is_named():
    with pytest.raises(InputError, match=r"Treatment column 'arm' not found"):
        check_srm(pd.DataFrame({"v": ["a", "b"]}), treatment_col="arm")
