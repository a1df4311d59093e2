"""check_balance on frames of every library, with what real data hold: holes, text, infinities."""

import json
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpyrment_balance.from_frame import check_balance
from xpyrment_core.errors import InputError

CASES = json.loads((Path(__file__).parents[1] / "oracles" / "balance.json").read_text())["cases"]
NUMERIC = [pytest.param(c, id=c["name"]) for c in CASES if c["name"].startswith("numeric")]
CATEGORICAL = [pytest.param(c, id=c["name"]) for c in CASES if c["name"].startswith("categorical")]
KEYS = {"mean_control", "mean_treatment", "variance_control", "variance_treatment", "smd", "variance_ratio"}

LIBRARIES = {
    "pandas": lambda d: d,
    "pandas nullable": lambda d: d.convert_dtypes(),
    "pandas arrow": lambda d: d.convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.from_pandas,
    "polars lazy": lambda d: pl.from_pandas(d).lazy(),
    "pyarrow": pa.Table.from_pandas,
}


def frame(control, treatment, **columns):
    labels = ["control"] * len(control) + ["treatment"] * len(treatment)
    return pd.DataFrame({"variant": labels, "x": [*control, *treatment], **columns})


def only(data, covariate="x", **options):
    return check_balance(data, "variant", [covariate], **options).diagnostics_[covariate]


@pytest.fixture(scope="module")
def mixed():
    generator = np.random.default_rng(5)
    n = 300
    data = pd.DataFrame(
        {
            "variant": generator.choice(["Control", "B"], n),
            "age": generator.normal(40, 9, n),
            "clicks": generator.poisson(3, n).astype("int64"),
            "new": generator.random(n) < 0.4,
            "country": generator.choice(["US", "DE", "FR"], n),
        }
    )
    data.loc[:9, "age"] = np.nan
    data.loc[5:8, "country"] = None
    return data


@pytest.mark.parametrize("case", NUMERIC)
def test_numbers_are_those_of_r(case):
    got = only(frame(case["input"]["control"], case["input"]["treatment"]))
    rtol = 1e-6 if "offset" in case["name"] else 1e-12  # R rounds the mean of values near 1e9
    assert got["smd"] == pytest.approx(case["expected"]["smd"], rel=rtol)
    assert got["variance_ratio"] == pytest.approx(case["expected"]["variance_ratio"], rel=1e-9)
    assert (got["ks"] is None) == (got["type"] == "binary")
    assert got["mean_treatment"] - got["mean_control"] == pytest.approx(case["expected"]["difference"], rel=1e-6)


@pytest.mark.parametrize("case", CATEGORICAL)
def test_text_gets_the_smd_and_chi_square_of_r(case):
    values = [
        [
            level
            for level, n in zip(case["input"]["levels"], case["input"][f"{arm}_counts"], strict=True)
            for _ in range(n)
        ]
        for arm in ("control", "treatment")
    ]
    got = only(frame(*values))
    assert got["type"] == "categorical"
    expected = math.inf if case["expected"]["covariance_singular"] else case["expected"]["smd"]
    assert got["smd"] == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert got["p_value"] == pytest.approx(case["expected"]["chi2_p"], rel=1e-10)
    assert [level["level"] for level in got["levels"]] == sorted(case["input"]["levels"])


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_frame_library_gives_the_same_numbers(mixed, library):
    covariates = ["age", "clicks", "new", "country"]
    expected = check_balance(mixed, "variant", covariates)
    got = check_balance(LIBRARIES[library](mixed), "variant", covariates)
    assert got.control == "Control"
    assert got.to_dict() == expected.to_dict()
    assert [d["type"] for d in got.diagnostics_.values()] == ["numeric", "numeric", "binary", "categorical"]


def test_diagnostics_have_one_entry_a_covariate_with_the_promised_keys(mixed):
    result = check_balance(mixed, "variant", ["age", "country"])
    assert list(result.diagnostics_) == ["age", "country"]
    for numbers in result.diagnostics_.values():
        assert set(numbers) >= KEYS
    assert len(result.to_frame()) == 2
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_smd_of_exactly_a_tenth_is_an_imbalance(sign):
    # Both arms have variance 1 by construction, and means 0.1 apart.
    base = np.array([-1.0, 1.0] * 200) * math.sqrt(399 / 400)
    result = check_balance(frame(base + 0.3, base + 0.3 + sign * 0.1), "variant", ["x"])
    assert result.diagnostics_["x"]["smd"] == sign * 0.1
    assert not result.passed
    assert result.imbalanced == ("x",)


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ([np.nan] * 4, [1.0, 2.0, 3.0, 4.0], "no values in 'control'"),
        ([1.0, 2.0, 3.0], [1.0, np.inf, 2.0], "1 infinite value in 'treatment'"),
        ([1.0, -np.inf, np.inf], [1.0, 2.0, 3.0], "2 infinite values in 'control'"),
        ([1.0, 2.0], [3.0, np.nan], "only one value in 'treatment'"),
        ([1e200, -1e200], [1e200, 3e200], "not a finite number"),
        ([None] * 3, ["US", "DE", "US"], "no values in 'control'"),
        ([None] * 3, [None] * 3, "no values in 'control'"),
    ],
)
def test_what_has_no_smd_is_never_balanced(control, treatment, reason):
    result = check_balance(frame(control, treatment), "variant", ["x"])
    numbers = result.diagnostics_["x"]
    assert numbers["smd"] is None
    assert numbers["status"] == "not_estimable"
    assert reason in numbers["reason"]
    assert result.not_estimable == ("x",)
    assert not result.passed
    assert not numbers["balanced"]
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize("values", [([5.0] * 3, [5.0] * 4), ([0.1] * 3, [0.1] * 7), (["US"] * 3, ["US"] * 4)])
def test_the_same_constant_in_both_variants_is_balanced(values):
    result = check_balance(frame(*values), "variant", ["x"])
    assert result.diagnostics_["x"]["smd"] == 0
    assert result.passed
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize("values", [([1.0] * 5, [2.0] * 5), (["a"] * 5, ["b"] * 5), ([0] * 5, [1] * 5)])
def test_two_different_constants_are_an_infinite_imbalance(values):
    result = check_balance(frame(*values), "variant", ["x"])
    assert result.diagnostics_["x"]["smd"] == math.inf
    assert result.to_dict()["x"]["smd"] is None
    assert "infinite" in result.to_dict()["x"]["reason"]
    assert result.imbalanced == ("x",)


def test_missing_values_are_counted_and_compared():
    generator = np.random.default_rng(2)
    control, treatment = generator.normal(size=(2, 400))
    treatment[:60] = np.nan
    control[:3] = np.nan
    numbers = only(frame(control, treatment))
    assert (numbers["missing_control"], numbers["missing_treatment"]) == (3, 60)
    assert (numbers["n_control"], numbers["n_treatment"]) == (397, 340)
    indicator = only(frame(np.isnan(control).astype(float), np.isnan(treatment).astype(float)))
    assert numbers["missing_smd"] == pytest.approx(indicator["smd"], rel=1e-12)
    assert numbers["missing_p_value"] == pytest.approx(indicator["p_value"], rel=1e-12)
    result = check_balance(frame(control, treatment), "variant", ["x"])
    assert abs(numbers["smd"]) < 0.1
    assert result.imbalanced == ("x",), "what is missing unevenly is out of balance"


def test_missing_values_do_not_move_the_smd_of_the_rest():
    control, treatment = [1.0, 2.0, 4.0], [2.0, 3.0, 5.0, 9.0]
    whole, holes = only(frame(control, treatment)), only(frame([*control, None], [*treatment, np.nan]))
    for key in ("smd", "variance_ratio", "ks", "p_value", "mean_control"):
        assert holes[key] == whole[key]


def test_every_arm_is_compared_and_the_worst_is_shown():
    base = [1.0, 2.0, 3.0, 4.0]
    data = pd.DataFrame(
        {"variant": ["A"] * 4 + ["B"] * 4 + ["C"] * 4, "x": base + [v + 0.01 for v in base] + [v - 2 for v in base]}
    )
    result = check_balance(data, "variant", "x")
    assert (result.control, result.treatments) == ("A", ("B", "C"))
    worst = result.diagnostics_["x"]
    assert worst["treatment"] == "C"
    assert worst["smd"] < -0.1
    assert abs(worst["arms"]["B"]["smd"]) < 0.1
    assert result.to_frame()["treatment"].tolist() == ["B", "C"]


@pytest.mark.parametrize(
    ("labels", "control", "expected"),
    [
        (["b", "CONTROL", "a"], None, "CONTROL"),
        (["b", "c", "a"], None, "a"),
        (["b", "control", "a"], "b", "b"),
        ([2, 1, 0], None, 0),
        ([2, 1, 0], 1, 1),
        ([True, False, True], None, False),
    ],
)
def test_the_control_is_named_or_found(labels, control, expected):
    data = pd.DataFrame({"variant": labels * 4, "x": range(12)})
    assert check_balance(data, "variant", ["x"], control=control).control == expected


def test_rows_without_a_label_are_counted_and_left_out():
    data = frame([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    noise = pd.DataFrame({"variant": [None, None], "x": [1e9, -5.0]})
    result = check_balance(pd.concat([data, noise]), "variant", ["x"])
    assert result.rows_without_label == 2
    assert result.diagnostics_["x"] == only(data)


@pytest.mark.parametrize("values", [[1, 2, None, 4, 2, 3], [Decimal("1.5"), Decimal(2), None, 4, 2, 3]])
def test_numbers_among_python_objects_are_numbers(values):
    numbers = only(frame(values[:3], values[3:]).astype({"x": object}))
    assert (numbers["type"], numbers["missing_control"]) == ("numeric", 1)
    assert numbers["mean_treatment"] == 3


def test_text_among_numbers_makes_levels_of_both():
    numbers = only(frame(["a", 1, None], ["a", 1, 1]).astype({"x": object}))
    assert (numbers["type"], numbers["n_control"]) == ("categorical", 2)
    assert [level["level"] for level in numbers["levels"]] == ["1", "a"]


def test_a_column_of_identifiers_is_no_covariate():
    names = [f"u{i}" for i in range(1200)]
    assert "1,200 levels" in only(frame(names[:600], names[600:]))["reason"]


def test_a_plot_backend_gets_every_covariate_and_treatment(mixed):
    data = mixed.assign(same=np.inf, variant=np.where(mixed.index < 100, "C", mixed.variant))
    result = check_balance(data, "variant", ["clicks", "same"])
    plot = result.plot_data()
    assert [(row.label, row.treatment) for row in plot.rows] == [
        ("clicks", "B"), ("clicks", "C"), ("same", "B"), ("same", "C"),
    ]  # fmt: skip
    assert plot.rows[0].smd == result.comparisons[0].smd
    assert "infinite" in plot.rows[2].note
    assert plot.threshold == 0.1


def test_true_false_with_holes_is_binary():
    numbers = only(frame([True, None, False, True], [False, False, True, None]))
    assert numbers["type"] == "binary"
    assert numbers["missing_control"] == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: check_balance(d, "varian", ["x"]), "Group column 'varian' not found .* Did you mean 'variant'"),
        (lambda d: check_balance(d, "variant", ["xx"]), "Covariate column 'xx' not found"),
        (lambda d: check_balance(d, "variant", []), "no covariates"),
        (lambda d: check_balance(d, "variant", ["variant"]), "is the group column"),
        (lambda d: check_balance(d, "variant", ["x"], control="ctrl"), "'ctrl' is not one of"),
        (lambda d: check_balance(d[d.variant == "control"], "variant", ["x"]), "two variants or more"),
        (lambda d: check_balance(d.assign(day=pd.Timestamp("2026-01-01")), "variant", ["day"]), "days since"),
        (lambda d: check_balance([1, 2], "variant", ["x"]), "must be a frame"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call(frame([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]))


def test_a_label_of_another_type_is_said_to_be_one():
    data = pd.DataFrame({"variant": [0, 1] * 4, "x": range(8)})
    with pytest.raises(InputError, match="Did you mean 0"):
        check_balance(data, "variant", ["x"], control="0")


def close(number):
    return None if number is None else pytest.approx(number, rel=1e-9, abs=1e-12)


numbers = st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=3, max_size=30)


@given(numbers, numbers, st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_row_order_does_not_matter_and_swapping_arms_flips_the_sign(control, treatment, random):
    data = frame(control, treatment)
    rows = list(range(len(data)))
    random.shuffle(rows)
    numbers, shuffled = only(data), only(data.iloc[rows])
    swapped = only(data, control="treatment")
    for key in ("smd", "p_value", "ks"):
        assert shuffled[key] == close(numbers[key])
    assert swapped["smd"] == (None if numbers["smd"] is None else close(-numbers["smd"]))


@given(numbers, numbers, st.floats(0.1, 100), st.floats(-100, 100))
@settings(max_examples=25)
def test_rescaling_and_shifting_leave_the_smd_alone(control, treatment, scale, shift):
    numbers = only(frame(control, treatment))
    moved = only(frame([scale * v + shift for v in control], [scale * v + shift for v in treatment]))
    if (
        numbers["smd"] is None
        or math.isinf(numbers["smd"])
        or numbers["variance_control"] + numbers["variance_treatment"] < 1e-3
    ):
        return  # constants: shifting may round them apart
    assert moved["smd"] == pytest.approx(numbers["smd"], rel=1e-6, abs=1e-6)
