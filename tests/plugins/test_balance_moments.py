"""Balance from moments is the balance of the data they are of."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpyrment_balance.diagnostic import balance, message
from xpyrment_balance.from_frame import check_balance
from xpyrment_balance.from_moments import balance_from_moments
from xpyrment_balance.result import BalanceResult
from xpyrment_core.errors import InputError
from xpyrment_core.values.checks import CheckContext
from xpyrment_core.values.moments import Moments

# What only the values themselves can tell.
ONLY_FROM_VALUES = {"ks", "ks_p_value"}
# Moments about a pilot shift against a two-pass variance of the values.
RTOL = 1e-9
# A mean near 1e9 is stored to 1e-7, and so is its distance from the shift that undoes the filling;
# a p-value of 400 units moves ten times as much as the SMD.
OFFSET_ATOL = 1e-5


def moments_of(data, covariates, shifts):
    """Make the moments that an engine returns: filled, missing and level terms."""
    columns = {}
    for name in covariates:
        values = data[name]
        if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
            for level in sorted(values.dropna().unique()):
                columns[f"{name}={level}"] = (values == level).to_numpy(dtype=float)
        else:
            columns[name] = values.astype(float).fillna(shifts.get(name, 0.0)).to_numpy()
        if values.isna().any():
            columns[f"{name} is missing"] = values.isna().to_numpy(dtype=float)
    frame = pd.DataFrame(columns)
    return {
        label: Moments.of({c: frame.loc[(data.variant == label).to_numpy(), c] for c in frame})
        for label in sorted(data.variant.unique())
    }


def same(got, expected):
    assert got.keys() == expected.keys()
    for covariate, numbers in expected.items():
        for key, value in numbers.items():
            if key in ONLY_FROM_VALUES or key in ("levels", "arms"):
                continue
            atol = OFFSET_ATOL if covariate == "offset" else 1e-12
            wanted = pytest.approx(value, rel=RTOL, abs=atol) if isinstance(value, float) else value
            assert got[covariate][key] == wanted, (covariate, key)


def data_set(seed, n=400):
    generator = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "variant": generator.choice(["control", "B", "C"], n),
            "revenue": generator.exponential(20, n),
            "offset": 1e9 + generator.normal(size=n),
            "new": (generator.random(n) < 0.4).astype(float),
            "country": generator.choice(["US", "DE", "FR"], n).astype(object),
            "constant": 7.25,
        }
    )
    for name, share in (("revenue", 0.1), ("offset", 0.3), ("new", 0.05), ("country", 0.02), ("constant", 0.1)):
        data.loc[generator.random(n) < share, name] = None
    return data


COVARIATES = ["revenue", "offset", "new", "country", "constant"]
SHIFTS = {"revenue": 18.0, "offset": 1e9 + 0.5, "new": 0.5, "constant": 7.25}


@pytest.mark.parametrize("seed", range(4))
def test_filled_values_are_undone_exactly(seed):
    data = data_set(seed)
    got = BalanceResult.from_moments(moments_of(data, COVARIATES, SHIFTS), "control", SHIFTS, COVARIATES)
    same(got.diagnostics_, check_balance(data, "variant", COVARIATES).diagnostics_)


@given(st.integers(0, 10_000), st.floats(-50, 90))
@settings(max_examples=15)
def test_the_shift_itself_does_not_matter(seed, shift):
    data = data_set(seed, n=60)
    shifts = SHIFTS | {"revenue": shift}
    got = BalanceResult.from_moments(moments_of(data, ["revenue"], shifts), "control", shifts)
    same(got.diagnostics_, check_balance(data, "variant", ["revenue"]).diagnostics_)


def test_merged_parts_give_the_balance_of_the_whole():
    data = data_set(9)
    whole = moments_of(data, COVARIATES, SHIFTS)
    halves = [moments_of(part, COVARIATES, SHIFTS) for part in (data.iloc[:150], data.iloc[150:])]
    merged = {label: halves[0][label] + halves[1][label] for label in whole}
    same(
        BalanceResult.from_moments(merged, "control", SHIFTS).diagnostics_,
        BalanceResult.from_moments(whole, "control", SHIFTS).diagnostics_,
    )


def test_covariates_can_be_read_off_the_columns():
    moments = moments_of(data_set(3), COVARIATES, SHIFTS)
    assert BalanceResult.from_moments(moments, "control", SHIFTS).covariates == tuple(COVARIATES)


def test_a_level_without_a_term_of_its_own_is_still_a_level():
    data = data_set(4)[["variant", "country"]].dropna()
    moments = moments_of(data, ["country"], {})
    fewer = {label: m.select([c for c in m.columns if c != "country=US"]) for label, m in moments.items()}
    got, expected = (BalanceResult.from_moments(m, "control").diagnostics_["country"] for m in (fewer, moments))
    assert got["smd"] == pytest.approx(expected["smd"], rel=RTOL)
    assert got["p_value"] == pytest.approx(expected["p_value"], rel=RTOL)


def test_an_infinite_value_makes_its_covariate_not_estimable_and_leaves_the_others():
    data = data_set(5)
    data.loc[data.index[data.variant == "B"][0], "revenue"] = np.inf
    with np.errstate(invalid="ignore"):
        moments = moments_of(data, ["revenue", "new"], SHIFTS)
    result = BalanceResult.from_moments(moments, "control", SHIFTS)
    assert result.not_estimable == ("revenue",)
    assert result.diagnostics_["new"]["status"] == "ok"
    assert not result.passed


@pytest.mark.parametrize("n", [0, 1])
def test_an_arm_with_too_few_units_is_not_estimable(n):
    full = Moments.of({"x": [1.0, 2.0, 4.0]})
    few = Moments.of({"x": [1.0]}) if n else Moments.empty(["x"])
    (row,) = balance_from_moments(full, few)
    assert row.smd is None
    assert "'treatment'" in row.reason


def test_all_values_missing_is_not_estimable():
    arm = Moments.of({"x": [3.0, 3.0, 3.0], "x is missing": [1.0, 1.0, 1.0]})
    other = Moments.of({"x": [1.0, 2.0, 3.0], "x is missing": [0.0, 0.0, 1.0]})
    (row,) = balance_from_moments(arm, other, {"x": 3.0})
    assert (row.smd, row.missing_control, row.missing_treatment) == (None, 3, 1)


def test_two_constants_are_infinitely_apart():
    c, t = (Moments.of({"x": [value] * 5}) for value in (1.0, 2.0))
    assert balance_from_moments(c, t)[0].smd == math.inf


@pytest.mark.parametrize(
    ("control", "treatment", "covariates", "message"),
    [
        ({"x": [1.0, 2.0]}, {"z": [1.0, 2.0]}, None, "different columns"),
        ({"x": [1.0, 2.0]}, {"x": [1.0, 2.0]}, ["q"], "'q' has no"),
    ],
)
def test_moments_that_do_not_fit_are_refused(control, treatment, covariates, message):
    with pytest.raises(InputError, match=message):
        balance_from_moments(Moments.of(control), Moments.of(treatment), covariates=covariates)


def context(data, covariates, shifts=SHIFTS, treatments=("B", "C")):
    return CheckContext(
        counts=data.variant.value_counts().to_dict(),
        control="control",
        treatments=treatments,
        balance=moments_of(data, covariates, shifts),
        shifts=shifts,
        covariates=tuple(covariates),
    )


def test_the_diagnostic_of_an_analysis_has_the_numbers_and_the_result():
    data = data_set(6)
    check = balance(context(data, ["revenue", "country"]))
    expected = check_balance(data, "variant", ["revenue", "country"])
    assert check.name == "balance"
    assert check.passed == expected.passed
    assert isinstance(check.value, BalanceResult)
    assert list(check.details["covariates"]) == ["revenue", "country"]
    assert check.details["covariates"]["revenue"]["smd"] == pytest.approx(
        expected.diagnostics_["revenue"]["smd"], rel=RTOL
    )


def test_the_diagnostic_compares_only_the_arms_of_the_analysis():
    check = balance(context(data_set(6), ["revenue"], treatments=("C",)))
    assert check.value.treatments == ("C",)


def test_there_is_no_diagnostic_without_covariates():
    assert balance(CheckContext(counts={"control": 5, "B": 5})) is None


def test_the_message_names_what_is_out_of_balance_and_what_cannot_be_measured():
    data = pd.DataFrame({"variant": ["control"] * 4 + ["B"] * 4, "age": [1.0, 2, 3, 4, 3, 4, 5, 6], "same": np.inf})
    text = message(check_balance(data, "variant", ["age", "same"]))
    assert "|SMD| >= 0.1 for age (+1.5492)" in text
    assert "same (4 infinite values in 'control')" in text
    assert message(check_balance(data, "variant", ["same"])).startswith("the SMD cannot be estimated for same")
    balanced = pd.DataFrame({"variant": ["control", "B"] * 50, "age": np.repeat(range(50), 2)})
    assert message(check_balance(balanced, "variant", ["age"])) == "all covariates are balanced (|SMD| < 0.1)"


@pytest.mark.parametrize("unit", [1e-150, 1e-82, 1e-15, 1e80, 1e140])
def test_balance_does_not_depend_on_the_unit(unit):
    data = data_set(2)
    scaled = data.assign(revenue=data["revenue"] * unit)
    one = check_balance(data, "variant", "revenue", control="control")
    two = check_balance(scaled, "variant", "revenue", control="control")
    parts = [moments_of(d, ["revenue"], {"revenue": 18.0 * u}) for d, u in ((data, 1.0), (scaled, unit))]
    three = balance_from_moments(parts[1]["control"], parts[1]["B"], {"revenue": 18.0 * unit})[0]
    expected = one.comparisons[0]
    assert expected.treatment == "B"
    for row in (two.comparisons[0], three):
        assert row.kind == expected.kind
        for name in ("smd", "p_value", "variance_ratio", "missing_p_value"):
            assert getattr(row, name) == pytest.approx(getattr(expected, name), rel=1e-9), name
