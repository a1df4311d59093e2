"""The delete-a-group jackknife makes sample metrics and their analyses hold their level on repeated units."""

import numpy as np
import pandas as pd
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

import xpyrment as xp
from xpyrment_core import ArmSample, Estimate, NotEstimable, PluginHost, TestDefinition, hookimpl
from xpyrment_core.stats.jackknife import MOST_GROUPS, jackknifed

ARMS = ("control", "treatment")


def mean(sample):
    return float(sample.columns["y"].mean())


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=MOST_GROUPS))
def test_of_one_row_per_unit_the_variance_of_the_mean_is_s2_over_n(values):
    found = jackknifed(mean, ArmSample({"y": np.array(values)}, units=np.arange(len(values))))
    # An identity; the pseudo-values lose the digits that values and n have beyond their differences.
    scale = max(map(abs, values)) ** 2 + 1e-300
    assert found.variance == pytest.approx(np.var(values, ddof=1) / len(values), rel=1e-7, abs=1e-11 * scale)
    assert (found.n, found.df) == (len(values), len(values) - 1)


def test_of_a_ratio_of_sums_it_is_near_the_linearised_variance_between_units():
    rng = np.random.default_rng(4)
    units = np.repeat(np.arange(3000), rng.geometric(0.3, 3000))
    y = rng.normal(size=3000)[units] + rng.normal(size=len(units))
    sums, rows = np.bincount(units, y), np.bincount(units)
    centre = sums.sum() / rows.sum()
    linearised = np.sum((sums - centre * rows) ** 2) / rows.sum() ** 2
    found = jackknifed(mean, ArmSample({"y": y}, units=units))
    # A variance on 59 degrees of freedom has a standard deviation of 18 % of its value.
    assert found.variance == pytest.approx(linearised, rel=0.5)
    assert (found.n, found.df) == (3000, MOST_GROUPS - 1)


def test_the_result_does_not_depend_on_the_order_of_the_rows_or_the_codes():
    rng = np.random.default_rng(5)
    units = rng.integers(0, 500, 2000)
    y = rng.normal(size=2000)
    order, codes = rng.permutation(2000), rng.permutation(500)
    one, other = (
        jackknifed(mean, ArmSample({"y": y}, units=units)),
        jackknifed(mean, ArmSample({"y": y[order]}, units=codes[units[order]])),
    )
    assert other.variance == pytest.approx(one.variance, rel=1e-9)


def test_one_unit_has_no_variance():
    with pytest.raises(NotEstimable, match="two units"):
        jackknifed(mean, ArmSample({"y": np.ones(5)}, units=np.zeros(5, dtype=int)))


@frozen
class TrimmedMean:
    """A third party's sample metric that takes rows for units."""

    name: str = "trimmed"
    column: str = "y"
    clustered: bool = False

    @property
    def columns(self):
        return (self.column,)

    def estimate(self, sample):
        values = np.sort(sample.columns[self.column])
        cut = len(values) // 10
        kept = values[cut : len(values) - cut]
        return Estimate(value=float(kept.mean()), n=len(values), unit_variance=float(values.var(ddof=1)))


def events(seed, users):
    """Return rows of users: as many as a geometric number, around the user's own mean; no effect."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), rng.geometric(0.2, users))
    arm = rng.choice(ARMS, users)[user]
    y = 10 + 2 * rng.normal(size=users)[user] + rng.normal(size=len(user))
    return pd.DataFrame({"user": user, "variant": arm, "y": y})


def p_value(seed, users, id_col="user"):
    data = events(seed, users)
    weights = dict(data.drop_duplicates(id_col or "user")["variant"].value_counts()) if id_col else None
    experiment = xp.setup(data, "variant", id_col, weights=weights).add_metrics(TrimmedMean())
    return experiment.run_analysis(test="welch").raw_results[0]["p_value"]


@pytest.mark.simulation
def test_a_sample_metric_holds_its_level_on_event_rows():
    share = np.mean([p_value(seed, 200) < 0.05 for seed in range(300)])
    # 5 % of 300 has a standard deviation of 1.26 points; taken for units, the rows are significant in 48 %.
    assert 0.02 < share < 0.09


@pytest.mark.simulation
@pytest.mark.slow
def test_a_sample_metric_holds_its_level_on_event_rows_in_full():
    share = np.mean([p_value(seed, 1000) < 0.05 for seed in range(4000)])
    assert 0.04 < share < 0.06


def test_a_metric_that_declares_itself_clustered_must_count_units():
    result = xp.setup(events(1, 100), "variant", "user").add_metrics(TrimmedMean(clustered=True)).run_analysis()
    assert "declares that it keeps the rows of a unit together" in result.raw_results[0]["reason"]


def of_rows(control, treatment, alpha, alternative):
    raise AssertionError("a test of rows must not be called with repeated units")


class OfRows:
    """A plugin with a test of samples that does not know units."""

    @hookimpl
    def xpyrment_tests(self):
        return [TestDefinition(name="rows", target=of_rows, needs="samples")]


def test_a_test_of_samples_that_takes_rows_for_units_is_not_used():
    host = PluginHost()
    host.register(OfRows(), "acme")
    experiment = xp.setup(events(1, 100), "variant", "user", plugins=host).register_metric("y")
    reason = experiment.run_analysis(test="rows").raw_results[0]["reason"]
    assert "does not say that it keeps the rows of a unit together" in reason
