"""fit_ols codes predictors, drops rows, keeps digits and refuses by name."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xpyrment_core.errors import InputError, NotEstimable
from xpyrment_regress.fit import fit_ols

COLUMNS = ["parameter", "coefficient", "std_error", "t", "p_value", "ci_lower", "ci_upper"]
# Two ways to solve the same well-conditioned problem.
RTOL = 1e-9


def data_set(seed=0, n=200):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "variant": generator.choice(["b", "Control", "a"], n),
            "country": generator.choice(["US", "DE"], n),
            "new": generator.random(n) < 0.4,
            "age": generator.normal(40, 9, n),
            "village": generator.integers(0, 50, n),
        }
    )
    noise = generator.normal(size=n) * (1 + frame.new)
    return frame.assign(revenue=20 + 3 * (frame.variant == "b") + 0.2 * frame.age + 2 * frame.new + noise)


def parameters(result):
    return [row.parameter for row in result.coefficients]


def test_the_table_has_the_promised_columns():
    result = fit_ols(data_set(), "revenue", ["variant", "age"])
    assert list(result.to_frame()) == COLUMNS
    assert result.to_frame()["parameter"].tolist() == parameters(result)
    json.dumps(result.to_dict(), allow_nan=False)


def test_text_and_true_false_are_dummies_with_the_control_as_reference():
    result = fit_ols(data_set(), "revenue", ["variant", "new", "country", "age"])
    assert parameters(result) == ["Intercept", "variant[T.a]", "variant[T.b]", "new[T.True]", "country[T.US]", "age"]
    assert result.references == {"variant": "Control", "country": "DE", "new": "False"}


def test_the_reference_level_can_be_chosen():
    result = fit_ols(data_set(), "revenue", ["variant", "age"], control="b")
    assert parameters(result)[1:3] == ["variant[T.Control]", "variant[T.a]"]
    formula = fit_ols(data_set(), formula="revenue ~ variant + age", control="b")
    assert parameters(formula)[1:3] == ["variant[T.Control]", "variant[T.a]"]


def test_an_ordered_category_keeps_its_own_first_level():
    frame = data_set().assign(size=pd.Categorical(["M", "L", "S", "M"] * 50, ["S", "M", "L", "XL"]))
    assert parameters(fit_ols(frame, "revenue", ["size"])) == ["Intercept", "size[T.M]", "size[T.L]"]


@pytest.mark.parametrize(
    "make", [pl.from_pandas, pa.Table.from_pandas, lambda d: d.convert_dtypes(), lambda d: pl.from_pandas(d).lazy()]
)
def test_every_frame_library_gives_the_same_fit(make):
    frame = data_set()
    frame.loc[:4, "age"] = np.nan
    frame.loc[7:8, "country"] = None
    expected = fit_ols(frame, "revenue", ["variant", "new", "country", "age"], robust="HC3")
    assert (
        fit_ols(make(frame), "revenue", ["variant", "new", "country", "age"], robust="HC3").to_dict()
        == expected.to_dict()
    )


@pytest.mark.parametrize(
    "formula",
    [
        "revenue ~ variant * country",
        "revenue ~ age + np.log(age) + I(age**2)",
        "revenue ~ 0 + variant + age",
        "np.log(revenue) ~ C(village % 3) + age:country",
        "revenue ~ 1",
    ],
)
@pytest.mark.parametrize("robust", [None, "HC2"])
def test_formulas_give_the_fit_of_statsmodels(formula, robust):
    frame = data_set()
    result = fit_ols(frame, formula=formula, robust=robust)
    model = smf.ols(formula.replace("variant", "C(variant, Treatment('Control'))"), frame)
    expected = model.fit(cov_type=robust or "nonrobust", use_t=True)
    # Both libraries may order terms differently; sorted values must be the same.
    assert sorted(r.coefficient for r in result.coefficients) == pytest.approx(sorted(expected.params), rel=1e-7)
    assert sorted(r.std_error for r in result.coefficients) == pytest.approx(sorted(expected.bse), rel=1e-7)
    assert sorted(r.p_value for r in result.coefficients) == pytest.approx(sorted(expected.pvalues), rel=1e-6)
    assert result.r_squared == pytest.approx(expected.rsquared, rel=1e-7, abs=1e-12)
    assert result.adj_r_squared == pytest.approx(expected.rsquared_adj, rel=1e-7, abs=1e-12)


def test_a_formula_without_an_outcome_takes_the_dependent_variable():
    frame = data_set().rename(columns={"revenue": "net revenue"})
    expected = fit_ols(frame, "net revenue", ["age"])
    for formula in ("age", "~ age", "`net revenue` ~ age"):
        assert (
            fit_ols(frame, "net revenue", formula=formula).to_dict()["coefficients"]
            == expected.to_dict()["coefficients"]
        )


def test_intervals_are_those_of_t():
    result = fit_ols(data_set(), "revenue", ["age"], alpha=0.1)
    row = result["age"]
    low, high = stats.t.interval(0.9, result.df_resid, row.coefficient, row.std_error)
    assert (row.ci_lower, row.ci_upper) == pytest.approx((low, high), rel=RTOL)
    assert row.p_value == pytest.approx(2 * stats.t.sf(abs(row.t), result.df_resid), rel=RTOL)


def test_rows_with_missing_values_are_counted_and_left_out():
    frame = data_set()
    holes = pd.concat(
        [frame, pd.DataFrame({"revenue": [None, 1.0, 1.0], "age": [1.0, None, 1.0], "variant": ["a", "b", None]})]
    )
    result = fit_ols(holes, "revenue", ["variant", "age"])
    assert (result.n, result.dropped) == (200, 3)
    assert result["age"] == fit_ols(frame, "revenue", ["variant", "age"])["age"]


def test_missing_values_elsewhere_cost_no_rows():
    frame = data_set().assign(unused=np.nan)
    assert fit_ols(frame, "revenue", ["age"]).dropped == 0


def test_a_level_that_occurs_only_in_incomplete_rows_is_no_level():
    frame = data_set()
    frame.loc[frame.variant == "a", "age"] = np.nan
    assert "variant[T.a]" not in parameters(fit_ols(frame, "revenue", ["variant", "age"]))


@pytest.mark.parametrize("offset", [0, 1e6, 1e9, 1.7e12])
@pytest.mark.parametrize("errors", [{}, {"robust": "HC3"}, {"cluster_col": "village"}])
def test_huge_offsets_change_only_the_intercept(offset, errors):
    frame = data_set()
    frame["age"] = np.round(frame["age"] * 64) / 64  # exact in binary, so that adding the offset rounds nothing
    expected = fit_ols(frame, "revenue", ["age", "variant"], **errors)
    moved = fit_ols(frame.assign(age=frame.age + offset), "revenue", ["age", "variant"], **errors)
    slope = expected["age"].coefficient
    for name in ("age", "variant[T.b]"):
        assert moved[name].coefficient == pytest.approx(expected[name].coefficient, rel=1e-9)
        assert moved[name].std_error == pytest.approx(expected[name].std_error, rel=1e-9)
    assert moved["Intercept"].coefficient == pytest.approx(expected["Intercept"].coefficient - offset * slope, rel=1e-9)
    # Var(a - c b) from the covariance at the origin.
    weights = np.zeros(4)
    weights[[0, parameters(expected).index("age")]] = 1, -offset
    assert moved["Intercept"].std_error == pytest.approx(np.sqrt(weights @ expected.covariance @ weights), rel=1e-8)


def test_a_timestamp_in_nanoseconds_has_its_slope():
    generator = np.random.default_rng(8)
    days = generator.integers(0, 90, 300)
    frame = pd.DataFrame(
        {"at": 1_760_000_000_000_000_000 + days * 86_400_000_000_000, "y": 2.0 * days + generator.normal(size=300)}
    )
    by_day = fit_ols(frame.assign(day=days), "y", ["day"])["day"]
    by_time = fit_ols(frame, "y", ["at"])["at"]
    assert by_time.coefficient * 86_400e9 == pytest.approx(by_day.coefficient, rel=1e-9)
    assert by_time.t == pytest.approx(by_day.t, rel=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e9, 1e12])
@pytest.mark.parametrize(
    ("columns", "named"),
    [
        (["age", "double"], "'double' is determined by"),
        (["same", "age"], "'same' is constant"),
        (["age", "low", "high", "rest"], "'rest' is determined by 'low', 'high'"),
    ],
)
def test_dependent_predictors_are_refused_by_name(offset, columns, named):
    frame = data_set()
    age = frame.age + offset
    frame = frame.assign(
        age=age, double=2 * age + 3, same=7.0 + offset, low=1.0 * (frame.village < 10), high=1.0 * (frame.village > 30),
        rest=1.0 * frame.village.between(10, 30),
    )  # fmt: skip
    with pytest.raises(NotEstimable, match=f"linearly dependent: {named}"):
        fit_ols(frame, "revenue", columns)


def test_nearly_dependent_predictors_are_not_refused():
    frame = data_set()
    close = frame.age + 1e-6 * np.random.default_rng(1).normal(size=len(frame))
    assert fit_ols(frame.assign(close=close), "revenue", ["age", "close"]).df_resid == 197


@pytest.mark.parametrize(
    ("change", "arguments", "reason"),
    [
        ({"revenue": 5.0}, {"x_cols": ["age"]}, "'revenue' is constant"),
        ({"age": np.nan}, {"x_cols": ["age"]}, "none of the 200 rows is complete"),
        ({"village": 1}, {"x_cols": ["age"], "cluster_col": "village"}, "single cluster"),
        ({"country": "US"}, {"x_cols": ["country"]}, "'country' has a single level"),
        ({}, {"formula": "revenue ~ 0"}, "no predictors and no intercept"),
        ({}, {"formula": "revenue ~ C(age)"}, "leave no residual degrees of freedom"),
    ],
)
def test_regression_that_cannot_be_estimated_has_a_reason(change, arguments, reason):
    y_col = None if "formula" in arguments else "revenue"
    with pytest.raises(NotEstimable, match=reason):
        fit_ols(data_set().assign(**change), y_col, **arguments)


@pytest.mark.parametrize("robust", ["HC2", "HC3"])
def test_a_row_that_determines_a_coefficient_alone_stops_hc2_and_hc3(robust):
    frame = data_set()
    frame.loc[0, "country"] = "FR"
    with pytest.raises(NotEstimable, match=r"country\[T.FR\].*use HC1"):
        fit_ols(frame, "revenue", ["country"], robust=robust)
    assert fit_ols(frame, "revenue", ["country"], robust="HC1").df_resid == 197


def test_constant_outcome_has_no_r_squared():
    result = fit_ols(data_set().assign(revenue=0.0), formula="revenue ~ 0 + age")
    assert (result.r_squared, result["age"].coefficient, result["age"].t) == (None, 0.0, None)


def test_decimals_are_numbers():
    frame = data_set().assign(age=lambda d: [Decimal(str(round(x, 2))) for x in d.age])
    assert parameters(fit_ols(frame, "revenue", ["age"])) == ["Intercept", "age"]


def test_few_clusters_get_a_note():
    frame = data_set().assign(region=lambda d: d.village % 4)
    assert "4 clusters are few" in fit_ols(frame, "revenue", ["age"], cluster_col="region").notes[0]
    assert fit_ols(frame, "revenue", ["age"], cluster_col="village").notes == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y_col": "revenu", "x_cols": ["age"]}, "Dependent variable 'revenu' not found .* Did you mean 'revenue'"),
        ({"y_col": "revenue", "x_cols": ["agee"]}, "Predictor variable 'agee' not found"),
        ({"y_col": "revenue", "x_cols": ["age"], "cluster_col": "town"}, "Cluster column 'town' not found"),
        ({"y_col": "variant", "x_cols": ["age"]}, "'variant' holds text"),
        ({"y_col": "revenue", "x_cols": ["revenue"]}, "dependent variable and a predictor"),
        ({"y_col": "revenue", "x_cols": []}, "no predictors"),
        ({"y_col": "revenue"}, "name the predictors once"),
        ({"y_col": "revenue", "x_cols": ["age"], "formula": "revenue ~ age"}, "name the predictors once"),
        ({"x_cols": ["age"]}, "name the dependent variable"),
        ({"y_col": "revenue", "x_cols": ["age"], "robust": "HC4"}, "'HC4' is not one of"),
        (
            {"y_col": "revenue", "x_cols": ["age"], "robust": "HC1", "cluster_col": "village"},
            "two kinds of standard error",
        ),
        ({"y_col": "revenue", "x_cols": ["age"], "alpha": 5}, "alpha must lie between 0 and 1"),
        ({"y_col": "revenue", "x_cols": ["age"], "control": "b"}, "no categorical predictor has the level 'b'"),
        ({"y_col": "revenue", "x_cols": ["when"]}, "days since a fixed day"),
        ({"y_col": "revenue", "x_cols": ["id"]}, "at most 1,000 can be dummy-coded"),
        ({"y_col": "revenue", "x_cols": ["huge"]}, "'huge' has 1 infinite value"),
        ({"formula": "revenue ~ agee"}, "Predictor variable 'agee' not found"),
        ({"formula": "revenu ~ age"}, "Dependent variable 'revenu' not found"),
        ({"formula": "revenue ~ age +"}, "cannot be used"),
        ({"formula": "revenue ~ age | new"}, "one outcome and one right side"),
        ({"formula": "revenue + age ~ new"}, "has 2 outcomes"),
        ({"formula": "age"}, "has no outcome"),
        ({"formula": "revenue ~ age", "y_col": "age"}, "name one of them"),
        ({"formula": "revenue ~ np.log(age - age)"}, "infinite value"),
    ],
)
def test_mistakes_are_named(arguments, message):
    frame = data_set(n=1200).assign(when=pd.Timestamp("2026-01-01"), id=[f"u{i}" for i in range(1200)], huge=1.0)
    frame.loc[3, "huge"] = np.inf
    with pytest.raises(InputError, match=message):
        fit_ols(frame, **arguments)


def test_an_unknown_parameter_is_named():
    with pytest.raises(InputError, match="Did you mean 'age'"):
        fit_ols(data_set(), "revenue", ["age"])["agee"]


@given(st.integers(0, 1000), st.floats(1e-6, 1e6), st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_scale_and_row_order_do_not_matter(seed, scale, random):
    frame = data_set(seed, n=60)
    result = fit_ols(frame, "revenue", ["age", "variant"], robust="HC2")
    rows = list(range(60))
    random.shuffle(rows)
    moved = fit_ols(frame.assign(age=scale * frame.age).iloc[rows], "revenue", ["age", "variant"], robust="HC2")
    assert moved["age"].coefficient * scale == pytest.approx(result["age"].coefficient, rel=1e-8)
    assert moved["age"].t == pytest.approx(result["age"].t, rel=1e-8)
    assert moved["variant[T.b]"].p_value == pytest.approx(result["variant[T.b]"].p_value, rel=1e-6)


@pytest.mark.simulation
def test_hc2_intervals_cover_under_unequal_variances():
    generator = np.random.default_rng(21)
    covered = 0
    for _ in range(400):
        new = np.repeat([0.0, 1.0], [60, 30])
        y = 1 + 0.5 * new + generator.normal(size=90) * (1 + 2 * new)
        row = fit_ols(pd.DataFrame({"y": y, "new": new}), "y", ["new"], robust="HC2")["new"]
        covered += row.ci_lower <= 0.5 <= row.ci_upper
    # 95 % nominal; 400 runs lie within 366 and 394 with probability 0.999.
    assert 364 <= covered <= 396


@pytest.mark.parametrize("errors", [{}, {"robust": "HC3"}, {"cluster_col": "g"}, {"cluster_col": "g", "robust": "CR2"}])
@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e-20, 1e20, 1e160, 1e290])
@pytest.mark.parametrize("scaled", ["y", "x"])
def test_t_does_not_depend_on_the_units_of_a_column(errors, size, scaled):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=40), "y": rng.normal(size=40), "g": np.arange(40) % 9})
    plain = fit_ols(frame, "y", ["x"], **errors)
    frame[scaled] *= size
    found = fit_ols(frame, "y", ["x"], **errors)
    assert found["x"].t == pytest.approx(plain["x"].t, rel=1e-9)
    assert found.r_squared == pytest.approx(plain.r_squared, rel=1e-9)
    assert found["x"].std_error == pytest.approx(plain["x"].std_error * (size if scaled == "y" else 1 / size), rel=1e-9)


def test_cr2_needs_clusters_and_is_the_only_robust_kind_beside_them():
    frame = pd.DataFrame({"x": [0, 1, 0, 1], "y": [1.0, 2.0, 4.0, 3.0], "g": [1, 1, 2, 2]})
    with pytest.raises(InputError, match="robust='CR2' is for clusters"):
        fit_ols(frame, "y", ["x"], robust="CR2")
    with pytest.raises(InputError, match="give one, or robust='CR2'"):
        fit_ols(frame, "y", ["x"], robust="HC3", cluster_col="g")
    assert list(fit_ols(frame, "y", ["x"], robust="CR2", cluster_col="g").to_frame())[-1] == "df"
    assert "df" not in fit_ols(frame, "y", ["x"], cluster_col="g").to_frame()


@pytest.mark.simulation
def test_cr2_holds_its_level_with_few_unequal_clusters_where_the_usual_errors_do_not():
    rng = np.random.default_rng(8)
    sizes = np.array([2, 3, 4, 6, 8, 12, 20, 40, 60, 90])
    group = np.repeat(np.arange(10), sizes)
    rejected = {"CR2": 0, None: 0}
    for _ in range(150):
        treated = rng.permutation(10) < 3
        y = rng.normal(size=10)[group] + rng.normal(size=len(group))
        frame = pd.DataFrame({"t": treated[group].astype(float), "y": y, "g": group})
        for robust in rejected:
            rejected[robust] += fit_ols(frame, "y", ["t"], cluster_col="g", robust=robust)["t"].p_value < 0.05
    # 5 % of 150 is 7.5, with a standard deviation of 2.7.
    assert rejected["CR2"] <= 15
    assert rejected[None] >= 20
