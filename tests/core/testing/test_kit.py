"""The kit finds what is wrong with deliberately wrong methods, and nothing with right ones."""

import math

import numpy as np
import pandas as pd
import pytest
from attrs import evolve, frozen

from processes import script
from xpyrment_core.errors import InputError, NotEstimable
from xpyrment_core.registry.definitions import CorrectionDefinition, TestDefinition
from xpyrment_core.registry.host import default_host
from xpyrment_core.stats.binomial import clopper_pearson
from xpyrment_core.stats.delta_method import ColumnMean
from xpyrment_core.stats.distributions import p_value
from xpyrment_core.stats.wald import wald
from xpyrment_core.testing import (
    check_adjuster,
    check_correction,
    check_engine,
    check_metric,
    check_test,
    checks_for,
    parametrize_with_checks,
)
from xpyrment_core.testing.running import outcomes
from xpyrment_core.testing.simulation import judge
from xpyrment_core.values.estimates import Effect, Estimate, Interval

host = default_host()
welch = host.get("test", "welch").load()
mannwhitney = host.get("test", "mannwhitney").load()
cuped = host.get("adjuster", "cuped").load()
holm = host.get("correction", "holm").load()
FramesEngine = host.get("engine", "frames").load()


def failures(kind, subject, **options):
    return {outcome.name for outcome in outcomes(checks_for(kind, subject, **options)) if outcome.problem}


# Tests -----------------------------------------------------------------------


def one_sided_as_two_sided(control, treatment, alpha, alternative):
    effect = welch(control, treatment, alpha, alternative)
    if alternative != "two-sided":
        return effect
    return evolve(effect, p_value=effect.p_value / 2)


def wrong_standard_error(control, treatment, alpha, alternative):
    narrow = [evolve(arm, unit_variance=arm.unit_variance / 2) for arm in (control, treatment)]
    return welch(*narrow, alpha, alternative)


def percent_of_control(control, treatment, alpha, alternative):
    effect = welch(control, treatment, alpha, alternative)
    return evolve(effect, difference=effect.difference / control.value)


def sorts_in_place(control, treatment, alpha, alternative):
    for arm in (control, treatment):
        next(iter(arm.columns.values())).sort()
    return mannwhitney(control, treatment, alpha, alternative)


def smallest_of_five_looks(control, treatment, alpha, alternative):
    values = [arm.columns["y"] for arm in (control, treatment)]
    found = []
    for share in (0.2, 0.4, 0.6, 0.8, 1.0):
        seen = [v[: max(2, round(share * len(v)))] for v in values]
        if any(len(v) < 2 for v in seen):
            raise NotEstimable("too few units")
        pair = [Estimate(value=v.mean(), n=len(v), unit_variance=v.var(ddof=1)) for v in seen]
        found.append(welch(*pair, alpha, alternative))
    return min(found, key=lambda effect: effect.p_value)


def draws_globally(control, treatment, alpha, alternative):
    effect = welch(control, treatment, alpha, alternative)
    return evolve(effect, p_value=min(1.0, effect.p_value * (1 + 1e-3 * np.random.random())))


def always_two_sided(control, treatment, alpha, alternative):
    return welch(control, treatment, alpha, "two-sided")


def nan_where_constant(control, treatment, alpha, alternative):
    error = math.sqrt(control.variance + treatment.variance)
    difference = treatment.value - control.value
    statistic = difference / error if error else math.nan
    half = 1.96 * error
    return Effect(
        difference=difference,
        p_value=0.0 if math.isnan(statistic) else p_value(statistic, None, alternative),
        interval=Interval(difference - half, difference + half, 1 - alpha),
    )


@pytest.mark.parametrize(
    ("subject", "needs", "found", "not_found"),
    [
        (one_sided_as_two_sided, "estimates", {"interval_and_p", "level_normal", "level_heavy"}, {"swap_arms"}),
        (wrong_standard_error, "estimates", {"level_skewed", "coverage_normal"}, {"interval_and_p", "swap_arms"}),
        (host.get("test", "student").load(), "estimates", {"level_unequal", "coverage_unequal"}, {"level_normal"}),
        (percent_of_control, "estimates", {"contract", "swap_arms", "shift"}, {"level_normal", "pure"}),
        (always_two_sided, "estimates", {"contract", "one_sided"}, {"level_normal", "swap_arms"}),
        (nan_where_constant, "estimates", {"degenerate", "not_a_number", "one_sided"}, {"swap_arms"}),
        (draws_globally, "estimates", {"pure"}, {"level_normal", "coverage_normal"}),
        (smallest_of_five_looks, "samples", {"level_normal", "row_order"}, {"interval_and_p", "swap_arms"}),
    ],
)
def test_a_wrong_test_fails_the_checks_it_should(subject, needs, found, not_found):
    failed = failures("test", subject, needs=needs, fast=True)
    assert found <= failed
    assert not failed & not_found


def test_sorting_the_input_in_place_is_the_only_failure_found():
    assert failures("test", sorts_in_place, needs="samples", statistical=False) == {"pure"}


@pytest.mark.parametrize("name", ["welch", "z"])
def test_a_right_test_passes(name):
    check_test(host.get("test", name).definition, fast=True)


@pytest.mark.slow
def test_a_rank_test_passes_where_its_null_hypothesis_is_true():
    def superiority(control, treatment):
        ranks = np.searchsorted(np.sort(control), treatment, "left") + np.searchsorted(
            np.sort(control), treatment, "right"
        )
        return ranks.mean() / (2 * len(control)) - 0.5

    # With unequal spreads and arms the variance that equal distributions imply is wrong.
    check_test(
        host.get("test", "mannwhitney").definition,
        fast=True,
        estimand=superiority,
        expected_failures=dict.fromkeys(("level_unequal", "coverage_unequal"), "it takes the distributions for equal"),
    )


def test_a_conservative_test_of_counts_passes_as_such():
    fisher = host.get("test", "fisher").definition
    for check in checks_for("test", fisher, conservative=True, fast=True):
        if not check.statistical or check.name in ("level_rare", "level_small"):
            check()


@pytest.mark.simulation
@pytest.mark.slow
@pytest.mark.parametrize("name", ["welch", "z", "score", "newcombe"])
def test_a_right_test_passes_the_full_simulations(name):
    check_test(host.get("test", name).definition)


# Corrections -----------------------------------------------------------------


def assumes_sorted(p_values):
    p = np.asarray(p_values)
    return np.minimum(np.maximum.accumulate(p * np.arange(p.size, 0, -1)), 1.0) if p.size else p


def too_little(p_values):
    return np.minimum(2 * np.asarray(p_values), 1.0)


def counts_nan(p_values):
    return np.minimum(np.asarray(p_values) * len(p_values), 1.0)


def not_capped(p_values):
    return np.asarray(p_values) * np.isfinite(p_values).sum()


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        (assumes_sorted, {"row_order", "monotone", "missing"}),
        (too_little, {"one_alone", "fwer_independent"}),
        (lambda p: p, {"fwer_independent", "fwer_correlated", "fwer_independent_some_true"}),
        (counts_nan, {"missing"}),
        (not_capped, {"contract"}),
        (lambda p: np.ones_like(p), {"one_alone", "effective", "missing"}),
    ],
)
def test_a_wrong_correction_fails_the_checks_it_should(subject, found):
    assert found <= failures("correction", subject, fast=True)


def test_a_correction_that_bounds_the_share_of_false_findings_does_not_bound_the_chance_of_any():
    bh = host.get("correction", "fdr_bh").definition
    check_correction(bh, controls="fdr", fast=True)
    assert failures("correction", bh, controls="fwer", fast=True) == {
        "fwer_correlated_some_true",
        "fwer_independent_some_true",
    }


@pytest.mark.parametrize("name", [e.definition.name for e in host.all("correction") if e.builtin])
def test_every_built_in_correction_of_p_values_passes(name):
    definition = host.get("correction", name).definition
    if definition.needs != "p_values":
        with pytest.raises(InputError, match="works on effects"):
            check_correction(definition)
        return
    check_correction(definition, controls="fdr" if name.startswith("fdr") else "fwer", fast=True)


# Adjusters -------------------------------------------------------------------


def as_if_slopes_were_one(control, treatment):
    pair = []
    for arm in (control, treatment):
        weights = np.array([[1.0, -1.0, *[0.0] * (len(arm.columns) - 2)]])
        made = arm.project(["y"], [arm.mean[0] - arm.mean[1]], weights)
        if made.n < 2:
            raise NotEstimable("too few units")
        pair.append(Estimate(value=made.mean[0], n=made.n, unit_variance=made.cov[0, 0]))
    return tuple(pair)


def forgets_the_slopes_noise(control, treatment):
    pair = cuped(control, treatment)
    return tuple(evolve(estimate, unit_variance=estimate.unit_variance / 2) for estimate in pair)


def control_slopes_only(control, treatment):
    plain = Estimate(value=treatment.mean[0], n=treatment.n, unit_variance=treatment.cov[0, 0])
    return cuped(control, treatment)[0], plain


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        (as_if_slopes_were_one, {"rescale_covariates", "covariate_order"}),
        (forgets_the_slopes_noise, {"level_linear", "coverage_curved"}),
        (control_slopes_only, {"swap_arms"}),
    ],
)
def test_a_wrong_adjuster_fails_the_checks_it_should(subject, found):
    names = {f.rpartition("_")[0] for f in found}
    statistical = bool(names & {"level", "coverage"})
    assert found <= failures("adjuster", subject, fast=True, statistical=statistical)


@pytest.mark.parametrize("name", [e.definition.name for e in host.all("adjuster") if e.builtin])
def test_every_built_in_adjuster_keeps_its_symmetries(name):
    check_adjuster(host.get("adjuster", name).definition, statistical=False)


@pytest.mark.simulation
@pytest.mark.slow
@pytest.mark.parametrize("name", [e.definition.name for e in host.all("adjuster") if e.builtin])
def test_every_built_in_adjuster_holds_its_level_and_coverage(name):
    check_adjuster(host.get("adjuster", name).definition)


# Metrics ---------------------------------------------------------------------


@frozen
class Margin:
    name: str = "margin"
    columns: tuple[str, ...] = ("cost", "revenue")

    def value(self, means):
        return 1 - means["cost"] / means["revenue"]


class WrongSlope(Margin):
    def gradient(self, means):
        return {"cost": -1 / means["revenue"], "revenue": 0.0}


class ChangesMeans(Margin):
    def value(self, means):
        value = 1 - means["cost"] / means["revenue"]
        means["cost"] = 0.0
        return value


class MeanOfHalfTheRows:
    name, columns = "half", ("y",)

    def estimate(self, sample):
        values = sample.columns["y"]
        values = values[: len(values) // 2]
        if len(values) < 2:
            raise NotEstimable("too few units")
        return Estimate(value=float(values.mean()), n=sample.n, unit_variance=float(values.var(ddof=1)))


@pytest.mark.parametrize(
    ("metric", "found"),
    [
        (WrongSlope(), {"slopes", "level_normal"}),
        (MeanOfHalfTheRows(), {"row_order", "level_normal", "level_skewed"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_wrong_metric_fails_the_checks_it_should(metric, found):
    assert found <= failures("metric", metric, fast=True)


def test_a_metric_that_changes_what_it_is_given_is_found():
    assert "pure" in failures("metric", ChangesMeans(), statistical=False)


def test_a_metric_of_three_lines_passes():
    check_metric(Margin(), fast=True)


def test_a_metric_can_bring_data_of_its_own():
    def sample(generator, n):
        revenue = generator.gamma(2.0, 10.0, n)
        return {"revenue": revenue, "cost": 0.7 * revenue + generator.normal(0, 1, n)}

    names = [check.name for check in checks_for("metric", Margin(), sample=sample)]
    assert "level_own_unequal" in names
    check_metric(Margin(), sample=sample, fast=True)
    with pytest.raises(AssertionError, match="returns no column 'cost'"):
        check_metric(Margin(), sample=lambda generator, n: {"revenue": np.ones(n)}, statistical=False)


# Engines ---------------------------------------------------------------------


class DropsInfinite(FramesEngine):
    def open(self, data):
        return super().open(data.replace([np.inf, -np.inf], np.nan))


class ForgetsGroups(FramesEngine):
    def open(self, data):
        source = super().open(data)
        answer = source.moments
        source.moments = lambda query: answer(evolve(query, group_cols=()))
        return source


class ForgetsUnits(FramesEngine):
    def open(self, data):
        source = super().open(data)
        answer = source.moments
        source.moments = lambda query: answer(evolve(query, unit_col=None))
        return source


class RawSums(FramesEngine):
    def open(self, data):
        numeric = data.select_dtypes("number").columns
        return super().open(data.assign(**{c: data[c].astype("float32") for c in numeric}))


def frame(columns):
    return pd.DataFrame(columns)


@pytest.mark.parametrize(
    ("engine", "found"),
    [
        (DropsInfinite, {"infinite"}),
        (ForgetsGroups, {"groups", "groups_of_units"}),
        (ForgetsUnits, {"units", "units_in_two_arms"}),
        (RawSums, {"stable", "moments"}),
    ],
)
def test_a_wrong_engine_fails_the_checks_it_should(engine, found):
    assert found <= failures("engine", engine, make=frame)


def test_the_engine_of_frames_passes():
    check_engine(FramesEngine, make=frame)
    check_engine(host.get("engine", "frames").definition, make=pytest.importorskip("polars").DataFrame)


def test_the_engine_of_files_passes(tmp_path):
    def parquet(columns):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet"
        frame(columns).to_parquet(path)
        return str(path)

    check_engine(host.get("engine", "duckdb").definition, make=parquet)


# The kit itself --------------------------------------------------------------


@parametrize_with_checks(
    "test",
    host.get("test", "student").definition,
    fast=True,
    expected_failures=dict.fromkeys(
        ("level_unequal", "coverage_unequal"), "Student's test takes the variances for equal"
    ),
)
def test_students_test_case_by_case(check):
    check()


def test_an_expected_failure_that_passes_is_a_failure():
    with pytest.raises(AssertionError, match=r"pure: passed, though it was expected to fail \(for fun\)"):
        check_correction(holm, statistical=False, expected_failures={"pure": "for fun"})


def test_expectations_must_name_a_check_and_give_a_reason():
    with pytest.raises(InputError, match="Did you mean 'monotone'"):
        check_correction(holm, expected_failures={"monoton": "typo"})
    with pytest.raises(InputError, match="needs a reason"):
        check_correction(holm, expected_failures={"monotone": ""})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: checks_for("metrik", Margin()), "Did you mean 'metric'"),
        (lambda: checks_for("metric", Margin), "got the class Margin; pass an instance"),
        (lambda: checks_for("test", welch, conservatve=True), "conservatve"),
        (lambda: check_engine(FramesEngine), "make="),
        (lambda: check_correction(CorrectionDefinition(name="d", target=holm, needs="effects")), "works on effects"),
    ],
)
def test_what_the_kit_is_asked_wrongly_is_refused_with_the_way_out(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_a_definition_brings_what_the_test_needs():
    names = {check.name for check in checks_for("test", TestDefinition(name="r", target=mannwhitney, needs="samples"))}
    assert "row_order" in names
    assert "chunks" not in names


def test_a_rate_is_judged_as_early_as_the_numbers_allow_and_the_same_each_time():
    def coin(chance):
        return lambda generator, k: (int(generator.binomial(k, chance)), k)

    with pytest.raises(AssertionError, match="in 500 experiments"):
        judge("gross", "hits", coin(0.2), (0.035, 0.065))
    right = judge("right", "hits", coin(0.05), (0.035, 0.065))
    assert right == judge("right", "hits", coin(0.05), (0.035, 0.065))
    assert 0.035 < right.low < 0.05 < right.high < 0.065
    with pytest.raises(AssertionError, match="16,000"):
        judge("subtle", "hits", coin(0.068), (0.035, 0.065))
    assert judge("never estimable", "hits", lambda generator, k: (0, 0), (0.035, 0.065)) is None


def test_the_bounds_of_a_rate_are_scipys_exact_ones():
    from scipy import stats

    for hits, trials in ((0, 30), (3, 50), (50, 50), (812, 16_000)):
        interval = stats.binomtest(hits, trials).proportion_ci(0.999, "exact")
        assert clopper_pearson(hits, trials, 0.001) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_importing_the_kit_does_not_need_pytest():
    code = "import sys; sys.modules['pytest'] = None; import xpyrment_core.testing"
    script(code)


def test_a_metric_without_a_name_of_its_own_is_still_named_in_the_message():
    with pytest.raises(AssertionError, match="metric 'margin' fails"):
        check_metric(WrongSlope(), statistical=False)


def test_plain_means_pass_without_simulation():
    check_metric(ColumnMean("y"), statistical=False)


def test_a_wald_test_written_in_one_line_passes():
    def own(control, treatment, alpha, alternative):
        return wald(control, treatment, alpha=alpha, alternative=alternative, df=control.df + treatment.df)

    check_test(own, statistical=False)
