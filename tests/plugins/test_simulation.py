"""Simulated power agrees with theory, and an A/A simulation tells a good pipeline from a bad one."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import xpyrment as xp
from processes import program
from xpyrment.datasets import nsw_path
from xpyrment_core.errors import InputError
from xpyrment_core.stats.binomial import rate
from xpyrment_core.stats.wald import wald
from xpyrment_simulation import power
from xpyrment_simulation.aa import aa_test
from xpyrment_simulation.effects import injector
from xpyrment_simulation.history import Blueprint, history_of
from xpyrment_simulation.power import simulate_power


@pytest.fixture(scope="module")
def experiment():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "variant": np.repeat(["control", "treatment"], 500),
            "revenue": rng.normal(100, 20, 1000),
            "bought": (rng.random(1000) < 0.3).astype(int),
            "clicks": rng.poisson(5, 1000),
            "views": 10 + rng.poisson(5, 1000),
        }
    )
    made = xp.setup(frame, "variant").register_metric("revenue").register_metric("bought", "proportion")
    return made.register_metric("ctr", "ratio", numerator_col="clicks", denominator_col="views")


@pytest.mark.simulation
def test_simulated_power_agrees_with_the_noncentral_t(experiment):
    found = simulate_power(experiment, {"revenue": "3%"}, units=1000, replicates=300, seed=1)
    sd = experiment.data["revenue"].std()
    delta = 0.03 * experiment.data["revenue"].mean()
    shift = delta / (sd * np.sqrt(2 / 500))
    cut = stats.t.ppf(0.975, 998)
    expected = stats.nct.sf(cut, 998, shift) + stats.nct.cdf(-cut, 998, shift)
    revenue = found.metrics[0]
    # 300 seeded replicates: the exact 95 % interval, a little widened, must hold the theory.
    low, high = stats.binomtest(round(revenue.power * 300), 300).proportion_ci(0.999)
    assert low <= expected <= high
    assert revenue.mean_lift == pytest.approx(0.03, abs=4 * sd * np.sqrt(2 / 500) / 100 / np.sqrt(300))
    assert found.power["ctr"] < 0.12  # nothing was injected there


@pytest.mark.simulation
def test_the_numbers_do_not_depend_on_the_number_of_jobs(experiment):
    one, two = (simulate_power(experiment, "5%", replicates=12, seed=9, n_jobs=jobs) for jobs in (1, 2))
    assert one == two
    assert one != simulate_power(experiment, "5%", replicates=12, seed=10)


def test_the_experiment_is_not_moved_by_a_simulation(experiment):
    before = experiment.state, experiment.history
    simulate_power(experiment, "5%", replicates=2)
    aa_test(experiment, replicates=2)
    assert (experiment.state, experiment.history) == before


@pytest.mark.parametrize(
    ("effect", "revenue", "bought"),
    [("10%", 1.1, 1.1), ("-10%", 0.9, 0.9), ({"revenue": 5}, 1.05, 1.0), ({"bought": 0.1}, 1.0, 4 / 3)],
)
def test_effects_move_the_treated_rows_by_what_was_asked(experiment, effect, revenue, bought):
    frame = pd.concat([experiment.data] * 40, ignore_index=True)
    frame["revenue"], treated = 100.0, np.arange(len(frame)) % 2 == 0
    frame["bought"] = (np.arange(len(frame)) // 2 % 10 < 3).astype(int)
    changed = injector(experiment, effect)(frame.copy(), treated, np.random.default_rng(2))
    assert (changed.loc[~treated] == frame.loc[~treated]).all(axis=None)
    assert changed.loc[treated, "revenue"].mean() == pytest.approx(100 * revenue)
    # 20,000 flipped coins: five standard errors.
    assert changed.loc[treated, "bought"].mean() == pytest.approx(0.3 * bought, abs=0.016)
    assert set(changed["bought"]) <= {0, 1}


def test_an_effect_may_be_a_function(experiment):
    def double(frame, treated, rng):
        frame.loc[treated, "revenue"] *= 2
        return frame

    assert simulate_power(experiment, double, units=60, replicates=5).power["revenue"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"effect": {"revenu": "5%"}}, "Did you mean 'revenue'"),
        ({"effect": "five"}, "percentage such as '5%'"),
        ({"effect": {"bought": 0.9}}, "would move the proportion"),
        ({"units": 2}, "4 or more"),
        ({"replicates": 0}, "1 or more"),
        ({"n_jobs": 0}, "-1 for all cores"),
        ({"ratio": -1}, "positive"),
        ({"alpha": 5}, "between 0 and 1"),
        ({"multi_test_correction": "hulm"}, "Did you mean 'holm'"),
    ],
)
def test_a_simulation_that_cannot_be_right_is_refused(experiment, arguments, message):
    with pytest.raises(InputError, match=message):
        simulate_power(experiment, **{"effect": "5%", "replicates": 2, **arguments})


def test_units_keep_their_rows_together():
    frame = pd.DataFrame(
        {"variant": ["control"] * 4 + ["treatment"] * 5, "y": range(9), "user": [3, 1, 3, 1, 7, 7, 8, 8, 8]}
    )
    history = history_of(xp.setup(frame, "variant", "user").register_metric("y"))
    rows, position = history.rows_of(np.array([3, 0, 3]))
    assert history.frame["user"].to_numpy()[rows].tolist() == [8, 8, 8, 1, 1, 8, 8, 8]
    assert position.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


@pytest.mark.simulation
def test_a_sound_pipeline_is_certified_and_a_rigged_one_is_not(experiment):
    good = aa_test(experiment, replicates=300, seed=3, multi_test_correction="holm")
    assert good.passed
    assert good.false_alarm < 0.09
    assert {found.metric for found in good.metrics} == {"revenue", "bought", "ctr"}

    def rigged(control, treatment, alpha, alternative):
        from attrs import evolve

        small = [evolve(arm, unit_variance=arm.unit_variance / 3) for arm in (control, treatment)]
        return wald(*small, alpha=alpha, alternative=alternative, df=None)

    bad = aa_test(experiment, replicates=300, seed=3, test={"revenue": rigged})
    assert not bad.passed
    verdicts = {found.metric: found.verdict for found in bad.metrics}
    assert verdicts["revenue"] == "too many false alarms"
    assert verdicts["ctr"] == "ok"
    assert next(f for f in bad.metrics if f.metric == "revenue").uniformity_p < 1e-6


@pytest.mark.simulation
def test_ignoring_the_unit_is_found_out():
    rng = np.random.default_rng(6)
    users = rng.normal(size=300)
    frame = pd.DataFrame({"user": np.repeat(np.arange(300), 10)})
    frame["y"] = users[frame["user"]] + rng.normal(size=3000)
    frame["variant"] = np.where(frame["user"] % 2, "treatment", "control")
    right = aa_test(xp.setup(frame, "variant", "user").register_metric("y"), replicates=200)
    assert right.metrics[0].verdict == "ok"
    assert right.units == 300


def stratified(n=300):
    """Return units of three strata that explain most of the outcome, with a treated share of each."""
    rng = np.random.default_rng(4)
    size = rng.choice(["large", "medium", "small"], n, p=[0.2, 0.3, 0.5])
    share = np.select([size == "large", size == "medium"], [0.8, 0.5], 0.3)
    level = np.select([size == "large", size == "medium"], [9.0, 3.0], 0.0)
    variant = np.where(rng.random(n) < share, "treatment", "control")
    return pd.DataFrame({"size": size, "variant": variant, "y": 20 + level + rng.normal(size=n)})


def test_assignments_are_permuted_within_strata():
    data = stratified()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        experiment = xp.setup(data, "variant", strata_col="size").register_metric("y")
        certificate = aa_test(experiment, replicates=300, seed=1)
    assert certificate.passed
    history = history_of(experiment)
    order = history.randomised(np.random.default_rng(0))
    assert sorted(order) == list(range(len(data)))
    assert (history.strata[order] == history.strata).all()
    assert (order != np.arange(len(data))).mean() > 0.9


def test_simulated_power_assigns_the_planned_share_of_each_stratum():
    data = stratified(3000)
    within = xp.setup(data, "variant", strata_col="size").register_metric("y")
    simple = xp.setup(data, "variant").register_metric("y")
    options = {"effect": 0.4, "units": 200, "replicates": 60, "seed": 2}
    assert simulate_power(within, **options).power["y"] > 2 * simulate_power(simple, **options).power["y"]
    draw = power._Draw(Blueprint.of(within), history_of(within), lambda frame, *_: frame, 400, 0.25, None)
    frame = draw.frame(np.random.default_rng(3))
    treated = (frame["variant"] == power.TREATMENT).groupby(frame["size"]).agg(["sum", "size"])
    assert ((treated["sum"] - 0.25 * treated["size"]).abs() <= 1).all()


def test_exact_intervals_of_rates_agree_with_scipy():
    for count, n in [(0, 10), (3, 10), (10, 10), (50, 1000)]:
        found = rate(count, n)
        expected = stats.binomtest(count, n).proportion_ci(0.95, "exact")
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_command_prints_a_certificate():
    command = ["aa", nsw_path(), "--treatment-col", "treat"]
    command += ["--metric", "re78", "--replicates", "40", "--n-jobs", "1"]
    done = program(*command, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"] is True
    done = program(*command)
    assert "40 A/A replicates of 445 units" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
