"""CUPED, analysis of covariance and Lin's regression agree with R and statsmodels."""

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpyrment_adjust import xpyrment_adjusters
from xpyrment_adjust.adjusters import cuped, lin, ols
from xpyrment_adjust.slopes import slopes
from xpyrment_core.errors import CovariateRefused, NotEstimable
from xpyrment_core.stats.delta_method import estimate
from xpyrment_core.stats.wald import wald
from xpyrment_core.values.moments import Moments
from xpyrment_ttests.wald import student, welch

CASES = {
    c["name"]: c for c in json.loads((Path(__file__).parents[1] / "oracles" / "regression.json").read_text())["cases"]
}
ANCOVA = [n for n in CASES if " ~ treat + " in n]
LIN = [n for n in CASES if " lin " in n]
ADJUSTERS = [cuped, ols, lin]

# Normal equations in correlation form lose about the square of the condition number of QR; the
# oracles' covariates are mildly correlated, and 1e-9 is what is left after an offset of 1e6.
RTOL = 1e-9


def data_of(name):
    given_ = CASES[name]["input"]
    columns = CASES["nsw data"]["input"] if given_.get("data") == "nsw" else given_
    out = {"y": np.array(columns["y"], dtype=float)}
    for covariate in given_["covariates"]:
        values = columns[covariate]
        if isinstance(values[0], str):  # R's factor: the first level is the reference
            for level in sorted(set(values))[1:]:
                out[level] = np.array([v == level for v in values], dtype=float)
        else:
            out[covariate] = np.array(values, dtype=float)
    return np.array(columns["treat"]), out


def arms_of(treat, data):
    return tuple(Moments.of({k: v[treat == a] for k, v in data.items()}) for a in (0, 1))


def arms(n=(80, 60), p=2, seed=0, lift=0.5, slope=1.0):
    rng = np.random.default_rng(seed)
    out = []
    for a, size in enumerate(n):
        x = rng.normal(2.0, 1.0, size=(size, p)) * (10.0 ** np.arange(p)) + 5
        y = 3 + a * lift + (x / 10.0 ** np.arange(p)).sum(1) * (1 + (slope - 1) * a) + rng.normal(size=size)
        out.append({"y": y, **{f"x{j}": x[:, j] for j in range(p)}})
    return tuple(Moments.of(d) for d in out)


def difference(pair):
    return pair[1].value - pair[0].value


def variance(pair):
    return pair[0].variance + pair[1].variance


@pytest.mark.parametrize("name", ANCOVA)
def test_ols_with_student_is_least_squares_in_r(name):
    found = student(*ols(*arms_of(*data_of(name))), 0.05, "two-sided")
    wanted = CASES[name]["expected"]
    assert found.difference == pytest.approx(wanted["coef"]["treat"], rel=RTOL)
    assert found.std_error == pytest.approx(wanted["se"]["treat"], rel=RTOL)
    assert found.statistic == pytest.approx(wanted["coef"]["treat"] / wanted["se"]["treat"], rel=RTOL)
    assert found.df == pytest.approx(wanted["df_residual"], rel=1e-12)


def test_ols_with_student_is_least_squares_in_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(7)
    treat = np.repeat([0, 1], [70, 45])
    x = rng.normal(size=(115, 6)) @ rng.normal(size=(6, 6)) * 10.0 ** np.arange(-3, 3) + 1
    y = x @ (1 / 10.0 ** np.arange(-3, 3)) + treat * 0.7 + rng.normal(size=115)
    fit = sm.OLS(y, sm.add_constant(np.column_stack([treat, x]))).fit(method="qr")
    found = student(*ols(*arms_of(treat, {"y": y, **{f"x{j}": x[:, j] for j in range(6)}})), 0.05, "two-sided")
    assert found.statistic == pytest.approx(fit.tvalues[1], rel=1e-8)
    assert found.p_value == pytest.approx(fit.pvalues[1], rel=1e-7)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(fit.conf_int()[1]), rel=1e-8)


def test_badly_scaled_covariates_are_fitted_as_in_50_digit_arithmetic():
    """Spreads from 1e-6 to 1e4 on top of 100: statsmodels is wrong in the second digit of t here."""
    rng = np.random.default_rng(7)
    treat = np.repeat([0, 1], [70, 45])
    x = rng.normal(size=(115, 6)) @ rng.normal(size=(6, 6)) * 10.0 ** np.arange(-6, 6, 2) + 100
    y = x @ (1 / 10.0 ** np.arange(-6, 6, 2)) + treat * 0.7 + rng.normal(size=115)
    mpmath.mp.dps = 50
    design = mpmath.matrix(np.column_stack([np.ones(115), treat, x]).tolist())
    outcome, gram = mpmath.matrix(y.tolist()), design.T * design
    slopes_ = mpmath.lu_solve(gram, design.T * outcome)
    residual = outcome - design * slopes_
    std_error = mpmath.sqrt((gram**-1)[1, 1] * (residual.T * residual)[0] / (115 - 8))
    found = student(*ols(*arms_of(treat, {"y": y, **{f"x{j}": x[:, j] for j in range(6)}})), 0.05, "two-sided")
    # The column of spread 1e-6 about 100 holds eight digits itself.
    assert found.statistic == pytest.approx(float(slopes_[1] / std_error), rel=1e-7)


@pytest.mark.parametrize("name", LIN)
def test_lin_gives_each_variant_its_own_regression_at_the_pooled_means(name):
    treat, data = data_of(name)
    covariates = [c for c in data if c != "y"]
    pair = lin(*arms_of(treat, data))
    wanted = CASES[name]["expected"]
    assert difference(pair) == pytest.approx(wanted["coef"]["treat"], rel=RTOL)
    apart = np.array(
        [wanted["arms"]["treatment"]["slopes"][c] - wanted["arms"]["control"]["slopes"][c] for c in covariates]
    )
    for found, arm, a in zip(pair, ("control", "treatment"), (0, 1), strict=True):
        fit = wanted["arms"][arm]
        x = np.column_stack([data[c][treat == a] for c in covariates])
        # Beside R's residual variance: the pooled means, at which both fits are compared, are a sample's.
        drift = np.mean(treat == a) ** 2 * np.atleast_2d(np.cov(x.T)) @ apart @ apart
        assert found.value == pytest.approx(fit["adjusted_mean"], rel=RTOL)
        assert found.df == fit["df"]
        assert found.unit_variance == pytest.approx(fit["sigma"] ** 2 + drift, rel=1e-8)
        assert math.sqrt(found.leverage) == pytest.approx(fit["se_classical"] / fit["sigma"], rel=1e-8)


def test_cuped_takes_the_slopes_and_degrees_of_freedom_of_ols():
    control, treatment = arms()
    for mean, full in zip(cuped(control, treatment), ols(control, treatment), strict=True):
        assert mean.value == full.value
        assert mean.unit_variance == full.unit_variance
        assert mean.df == full.df


@pytest.mark.parametrize(("n", "p"), [((12, 18), 1), ((30, 20), 8)])
def test_the_leverage_of_cuped_is_the_mean_of_that_of_ols(n, p):
    # Over assignments of normal covariates; the slopes do not enter, so any outcome serves.
    rng, draws = np.random.default_rng(8), 1500
    gaps = []
    for _ in range(draws):
        pair = [
            Moments.of({"y": rng.normal(size=size)} | {f"x{j}": rng.normal(size=size) for j in range(p)}) for size in n
        ]
        gaps.append([sum(e.leverage for e in adjuster(*pair)) for adjuster in (ols, cuped)])
    full, mean = np.array(gaps).T
    assert np.ptp(mean) < 1e-12
    # Five standard errors of the simulated mean.
    assert full.mean() == pytest.approx(mean[0], abs=5 * full.std() / math.sqrt(draws))


def levels(rng, n):
    drawn = rng.integers(0, 40, n)
    return {f"g{k}": (drawn == k).astype(float) for k in range(1, 40) if (drawn == k).any()}


def numbers(rng, n):
    return {f"x{k}": rng.normal(size=n) for k in range(20)}


def estimates_of_all(arms_):
    """Adjust with every covariate that is not refused, as an analysis does."""
    names = list(arms_[0].columns)
    while True:
        try:
            return cuped(*(arm.select(names) for arm in arms_))
        except CovariateRefused as refused:
            names.remove(refused.covariate)


@pytest.mark.simulation
@pytest.mark.parametrize("covariates", [levels, numbers], ids=["40 levels", "20 covariates"])
@pytest.mark.parametrize("draws", [1000, pytest.param(8000, marks=pytest.mark.slow)])
def test_cuped_with_many_covariates_holds_the_level(covariates, draws):
    rng, n, effects = np.random.default_rng(20), 100, []
    for _ in range(draws):
        treat = rng.permutation(np.repeat([0, 1], n // 2))
        columns = {"y": rng.normal(size=n)} | covariates(rng, n)
        effects.append(welch(*estimates_of_all(arms_of(treat, columns)), 0.05, "two-sided"))
    # The variance of the estimates is the mean of the estimated variances; without the expected leverage it is 1.26
    # times as large with 20 covariates. The slack is four standard errors of a simulated variance of normal values.
    ratio = np.mean([e.difference**2 for e in effects]) / np.mean([e.std_error**2 for e in effects])
    assert ratio == pytest.approx(1, abs=4 * math.sqrt(2 / draws))
    rejected = np.mean([e.p_value < 0.05 for e in effects])
    # 4 to 6.5 % are required; beside it, four standard errors of the simulated share.
    slack = 4 * math.sqrt(0.05 * 0.95 / draws)
    assert 0.04 - slack < rejected < 0.065 + slack


def test_cuped_with_one_covariate_is_the_textbook_formula():
    rng = np.random.default_rng(1)
    x, y = [rng.normal(size=n) for n in (50, 70)], []
    y = [2 * v + rng.normal(size=len(v)) for v in x]
    control, treatment = (Moments.of({"y": a, "x": b}) for a, b in zip(y, x, strict=True))
    covariance = sum(((a - a.mean()) * (b - b.mean())).sum() for a, b in zip(y, x, strict=True))
    theta = covariance / sum(((b - b.mean()) ** 2).sum() for b in x)
    everyone = np.concatenate(x).mean()
    for found, a, b in zip(cuped(control, treatment), y, x, strict=True):
        assert found.value == pytest.approx(a.mean() - theta * (b.mean() - everyone), rel=1e-12)
        residual = a - theta * b
        assert found.unit_variance * found.df == pytest.approx(((residual - residual.mean()) ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_adjuster_without_covariates_returns_the_estimate_unchanged(adjuster):
    control, treatment = (m.select(("y",)) for m in arms())
    assert adjuster(control, treatment) == (estimate(control), estimate(treatment))


@pytest.mark.parametrize("adjuster", ADJUSTERS)
@pytest.mark.parametrize("n", [(80, 60), (30, 900)])
def test_what_variants_share_cancels_in_the_difference(adjuster, n):
    before, after = adjuster(*arms(n, slope=2.0))
    assert before.covariance == after.covariance
    assert before.extra_variance + after.extra_variance == 2 * before.covariance


@pytest.mark.parametrize("adjuster", ADJUSTERS)
@pytest.mark.parametrize("ratio", [0.0, 0.4, 1.0, 3.0])
def test_the_variance_about_any_ratio_is_that_of_the_linear_combination(adjuster, ratio):
    control, treatment = arms((20_000, 5_000), slope=1.8)
    before, after = adjuster(control, treatment)
    thetas = [np.linalg.solve(m.m2[1:, 1:], m.m2[1:, 0]) for m in (control, treatment)]
    if adjuster is not lin:
        both = control.m2 + treatment.m2
        thetas = [np.linalg.solve(both[1:, 1:], both[1:, 0])] * 2
    u, v = 0.2 * thetas[0], 0.8 * thetas[1]
    # value_C = mean_C(y - u'x) + mean_T(u'x) and value_T = mean_T(y - v'x) + mean_C(v'x), slopes taken as known.
    in_control = np.concatenate([[-ratio], v + ratio * u])
    in_treatment = np.concatenate([[1.0], -v - ratio * u])
    wanted = in_control @ control.cov @ in_control / control.n + in_treatment @ treatment.cov @ in_treatment / 5_000
    found = after.variance + after.extra_variance - 2 * ratio * before.covariance
    found += ratio**2 * (before.variance + before.extra_variance)
    # They differ by what the slopes cost: p / n of each variance.
    assert found == pytest.approx(wanted, rel=2e-3)


@pytest.mark.parametrize("adjuster", ADJUSTERS)
@given(seed=st.integers(0, 200), scale=st.integers(-40, 40), shift=st.floats(-1e3, 1e3))
@settings(max_examples=25)
def test_a_covariates_unit_and_origin_do_not_matter(adjuster, seed, scale, shift):
    control, treatment = arms(seed=seed)
    weights = np.diag([1.0, 2.0**scale, 1.0])
    moved = [m.project(m.columns, weights @ m.mean + [0, shift * 2.0**scale, 0], weights) for m in (control, treatment)]
    one, two = adjuster(control, treatment), adjuster(*moved)
    assert difference(two) == pytest.approx(difference(one), rel=1e-8, abs=1e-9)
    assert variance(two) == pytest.approx(variance(one), rel=1e-8)


@pytest.mark.parametrize("adjuster", ADJUSTERS)
@given(seed=st.integers(0, 200))
@settings(max_examples=25)
def test_swapping_the_variants_changes_only_the_sign(adjuster, seed):
    control, treatment = arms(seed=seed)
    one, two = adjuster(control, treatment), adjuster(treatment, control)
    assert difference(two) == pytest.approx(-difference(one), rel=1e-10, abs=1e-12)
    for a, b in zip(one, reversed(two), strict=True):
        assert (a.value, a.variance, a.df) == pytest.approx((b.value, b.variance, b.df), rel=1e-10)


@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_the_order_of_covariates_does_not_matter(adjuster):
    control, treatment = arms(p=3)
    turned = [m.select(("y", "x2", "x0", "x1")) for m in (control, treatment)]
    assert difference(adjuster(*turned)) == pytest.approx(difference(adjuster(control, treatment)), rel=1e-11)


def test_with_equal_slopes_all_three_agree_in_large_samples():
    control, treatment = arms((50_000, 50_000))
    found = [(difference(a(control, treatment)), math.sqrt(variance(a(control, treatment)))) for a in ADJUSTERS]
    for pair in found[1:]:
        assert pair == pytest.approx(found[0], rel=1e-3)


def test_lin_is_at_least_as_precise_as_no_adjustment_where_slopes_differ():
    control, treatment = arms((2_000, 200), slope=-3.0)
    raw = variance((estimate(control.select(("y",))), estimate(treatment.select(("y",)))))
    assert variance(lin(control, treatment)) < 0.7 * raw < variance(cuped(control, treatment))


def refused(adjuster, control, treatment):
    with pytest.raises(CovariateRefused) as caught:
        adjuster(control, treatment)
    assert caught.value.covariate in caught.value.reason
    return caught.value.covariate, caught.value.reason


def with_column(moments_rows, **columns):
    return tuple(Moments.of({**rows, **{k: v[a] for k, v in columns.items()}}) for a, rows in enumerate(moments_rows))


@pytest.fixture
def rows():
    rng = np.random.default_rng(11)
    return tuple({"y": rng.normal(5, 1, n), "x": rng.normal(3, 1, n)} for n in (40, 50))


@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_a_constant_covariate_is_refused_by_name(adjuster, rows):
    flat = with_column(rows, flat=(np.full(40, 0.1), np.full(50, 0.1)))
    name, reason = refused(adjuster, *flat)
    assert name == "flat"
    assert "does not vary" in reason


@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_a_covariate_that_is_the_assignment_is_refused_by_name(adjuster, rows):
    assert refused(adjuster, *with_column(rows, arm=(np.zeros(40), np.ones(50))))[0] == "arm"


@pytest.mark.parametrize("adjuster", ADJUSTERS)
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_of_collinear_covariates_the_later_one_is_refused(adjuster, rows, size):
    twin = tuple(size * (r["x"] - 2.0) for r in rows)
    name, reason = refused(adjuster, *with_column(rows, twin=twin))
    assert name == "twin"
    assert "linear function of the covariates before it" in reason


@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_a_nearly_collinear_covariate_is_kept(adjuster, rows):
    rng = np.random.default_rng(12)
    near = tuple(r["x"] + 1e-3 * rng.normal(size=len(r["x"])) for r in rows)
    assert all(math.isfinite(e.value) for e in adjuster(*with_column(rows, near=near)))


@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_a_covariate_that_is_the_outcome_is_refused(adjuster, rows):
    copy = tuple(3 * r["y"] - 7 for r in rows)
    name, reason = refused(adjuster, *with_column(rows, copy=copy))
    assert name == "copy"
    assert "reproduces the outcome" in reason


@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_an_infinite_covariate_is_refused_by_name(adjuster, rows):
    values = [r["x"].copy() for r in rows]
    values[1][3] = np.inf
    with np.errstate(invalid="ignore"):
        arms_ = with_column(rows, wild=tuple(values))
    name, reason = refused(adjuster, *arms_)
    assert name == "wild"
    assert "not finite" in reason


def test_a_covariate_constant_in_one_variant_is_refused_by_lin_only(rows):
    half = with_column(rows, rare=(np.zeros(40), np.arange(50) % 7 == 0))
    name, reason = refused(lin, *half)
    assert name == "rare"
    assert "within control" in reason
    assert len(ols(*half)) == len(cuped(*half)) == 2


@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_more_covariates_than_units_allow_are_refused_one_at_a_time(adjuster):
    control, treatment = arms((4, 4), p=6)
    left = list(control.columns)
    while True:
        try:
            pair = adjuster(control.select(left), treatment.select(left))
            break
        except CovariateRefused as error:
            left.remove(error.covariate)
    assert len(left) > 1
    assert all(e.df > 0 for e in pair)


def test_a_constant_outcome_is_no_covariates_fault(rows):
    flat = with_column([{**r, "y": np.full(len(r["y"]), 2.0)} for r in rows])
    pair = ols(*flat)
    with pytest.raises(NotEstimable, match="no noise"):
        welch(*pair, 0.05, "two-sided")


@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_one_unit_has_no_variance(adjuster):
    lonely = Moments.of({"y": [1.0], "x": [2.0]})
    with pytest.raises(NotEstimable, match="a variance needs two"):
        adjuster(lonely, arms(p=1)[1])


def test_slopes_solve_the_normal_equations():
    control, treatment = arms(p=3)
    both = control.m2 + treatment.m2
    wanted = np.linalg.lstsq(both[1:, 1:], both[1:, 0], rcond=None)[0]
    np.testing.assert_allclose(slopes(both, control.columns[1:], "both"), wanted, rtol=1e-8)


def test_an_adjusted_effect_reports_what_it_saved():
    control, treatment = arms((2000, 2000), p=1)
    raw = wald(
        estimate(control.select(("y",))),
        estimate(treatment.select(("y",))),
        alpha=0.05,
        alternative="two-sided",
        df=None,
    )
    adjusted = wald(*cuped(control, treatment), alpha=0.05, alternative="two-sided", df=None)
    # Outcome and covariate share half of their variance: the adjusted effect has half of the raw one's.
    assert (adjusted.std_error / raw.std_error) ** 2 == pytest.approx(0.5, rel=0.05)


def test_the_definitions_load():
    assert {d.name: d.load() for d in xpyrment_adjusters()} == {"cuped": cuped, "ols": ols, "lin": lin}
