"""fit_ols reaches NIST's certified values, and R's lm with sandwich's robust errors."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xpyrment_regress.fit import fit_ols

ORACLES = Path(__file__).parents[1] / "oracles"
NIST = {c["name"]: c for c in json.loads((ORACLES / "nist.json").read_text())["cases"]}
REGRESSIONS = [name for name, case in NIST.items() if case["input"].get("kind") == "regression"]
R = json.loads((ORACLES / "regression.json").read_text())["cases"]
NSW = next(c["input"] for c in R if c["name"] == "nsw data")
FITS = [pytest.param(c, id=c["name"]) for c in R if "coef" in c["expected"]]

# Digits of the coefficients that least squares in double precision attains (R's lm gives as many):
# condition numbers reach 1e10 for Filip, and Wampler 4 and 5 bury polynomials in huge residuals.
DIGITS = {"Filip": 7, "Wampler1": 8, "Wampler2": 11, "Wampler3": 8, "Wampler4": 7, "Wampler5": 5, "NoInt2": 14}
STANDARD_ERRORS = {"Filip": 7}

# R works on the columns as given, we on centred and scaled ones.
RTOL = 1e-8


def digits(got, expected):
    """Return the least number of correct digits (log relative error; absolute where 0 is certified)."""
    got, expected = (np.asarray(x, dtype=float) for x in (got, expected))
    error = np.abs(got - expected) / np.where(expected == 0, 1.0, np.abs(expected))
    return float(-np.log10(np.maximum(error, 1e-17)).min())


def nist(case):
    """Return the data and the predictors' names, powers made as a user would make them."""
    given = case["input"]
    frame = pd.DataFrame({k: v for k, v in given.items() if k[0] in "xy"})
    names = [name for name in frame if name != "y"]
    for power in range(2, given["degree"] + 1):
        frame[f"x{power}"] = frame["x1"] ** power
        names.append(f"x{power}")
    return frame, names


@pytest.mark.parametrize("name", REGRESSIONS)
def test_nist_values_are_reached_to_their_attainable_digits(name):
    case = NIST[name]
    frame, names = nist(case)
    formula = None if case["input"]["intercept"] else "y ~ 0 + " + " + ".join(names)
    result = fit_ols(frame, "y", None if formula else names, formula)
    expected = case["expected"]
    assert digits([row.coefficient for row in result.coefficients], expected["coef"]) >= DIGITS.get(name, 12)
    errors = [row.std_error for row in result.coefficients]
    if expected["rss"] == 0:  # a perfect fit: certified errors are 0
        assert digits(errors, expected["se"]) >= 8
        assert any("perfect" in note for note in result.notes)
    else:
        assert digits(errors, expected["se"]) >= STANDARD_ERRORS.get(name, 12)
        assert digits(result.residual_std_error, expected["sd_residual"]) >= STANDARD_ERRORS.get(name, 12)
    assert digits(result.r_squared, expected["r_squared"]) >= 10
    assert result.df_resid == expected["df_residual"]


@pytest.mark.parametrize("name", ["Filip", "Wampler3"])
def test_powers_in_a_formula_give_the_same_polynomial(name):
    frame, names = nist(NIST[name])
    powers = " + ".join(f"I(x1**{power})" for power in range(2, NIST[name]["input"]["degree"] + 1))
    columns = fit_ols(frame, "y", names)
    formula = fit_ols(frame, formula=f"y ~ x1 + {powers}")
    assert [r.coefficient for r in formula.coefficients] == [r.coefficient for r in columns.coefficients]


def r_data(case):
    """Return the frame of one of R's cases and the formula it was fitted with."""
    given = NSW if case["input"].get("data") == "nsw" else case["input"]
    frame = pd.DataFrame({k: v for k, v in given.items() if k != "covariates"})
    covariates = case["input"]["covariates"]
    if "lin" in case["name"]:
        for name in covariates:
            frame[f"{name}_c"] = frame[name] - frame[name].mean()
        return frame, f"y ~ treat * ({' + '.join(f'{c}_c' for c in covariates)})"
    return frame, " + ".join(["y ~ treat", *covariates])


def named(result, expected):
    """Put R's names on the parameters, in R's order."""
    ours = {name.replace("Intercept", "intercept").replace("[T.", "").replace("]", ""): name for name in names(result)}
    return [ours[key.replace("factor(group)", "group")] for key in expected]


def names(result):
    return [row.parameter for row in result.coefficients]


@pytest.mark.parametrize("case", FITS)
@pytest.mark.parametrize("robust", [None, "HC0", "HC1", "HC2", "HC3"])
def test_coefficients_and_robust_errors_are_those_of_r(case, robust):
    frame, formula = r_data(case)
    result = fit_ols(frame, formula=formula, robust=robust)
    expected = case["expected"]
    for parameter, name in zip(named(result, expected["coef"]), expected["coef"], strict=True):
        assert result[parameter].coefficient == pytest.approx(expected["coef"][name], rel=RTOL)
        key = "se" if robust is None else f"se_{robust}"
        assert result[parameter].std_error == pytest.approx(expected[key][name], rel=RTOL)
    assert result.df_resid == expected["df_residual"]
    assert result.r_squared == pytest.approx(expected["r_squared"], rel=RTOL)
    assert result.residual_std_error == pytest.approx(expected["sigma"], rel=RTOL)
    if robust == "HC2":
        tested = expected["treat_HC2_t"]
        assert result["treat"].t == pytest.approx(tested["statistic"], rel=RTOL)
        assert result["treat"].p_value == pytest.approx(tested["p"], rel=1e-6)
        assert result.df_inference == tested["df"]


@pytest.mark.parametrize("case", FITS)
def test_cluster_robust_errors_are_those_of_r(case):
    frame, formula = r_data(case)
    result = fit_ols(frame, formula=formula, cluster_col="cluster")
    expected = case["expected"]["se_cluster_HC1_cadjust"]
    for parameter, name in zip(named(result, expected), expected, strict=True):
        assert result[parameter].std_error == pytest.approx(expected[name], rel=RTOL)
    assert result.clusters == frame["cluster"].nunique()
    assert result.df_inference == result.clusters - 1


@pytest.mark.parametrize("case", FITS)
def test_cr2_errors_of_the_treatment_are_those_of_r(case):
    frame, formula = r_data(case)
    found = fit_ols(frame, formula=formula, cluster_col="cluster", robust="CR2")["treat"]
    expected = case["expected"]["treat_CR2"]
    assert (found.std_error, found.df) == pytest.approx((expected["se"], expected["df"]), rel=RTOL)
    assert found.p_value == pytest.approx(expected["p"], rel=1e-6)


CR2 = [pytest.param(c, id=c["name"]) for c in json.loads((ORACLES / "cr2.json").read_text())["cases"]]


@pytest.mark.parametrize("case", CR2)
def test_cr2_errors_of_every_coefficient_are_those_of_club_sandwich(case):
    given = dict(case["input"])
    formula = given.pop("formula")
    result = fit_ols(pd.DataFrame(given), formula=formula, cluster_col="Chick", robust="cr2")
    expected = case["expected"]
    found = result.to_frame()
    np.testing.assert_allclose(found["coefficient"], expected["coef"], rtol=1e-7)
    # Of coefficients that one cluster determines, both have a standard error of rounding error only.
    clear = np.array(expected["se"]) > 1e-6
    assert clear.sum() >= 2
    for column, key in (("std_error", "se"), ("df", "df")):
        np.testing.assert_allclose(found[column][clear], np.array(expected[key])[clear], rtol=1e-6)
