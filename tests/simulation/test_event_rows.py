"""A/A on event rows: every check and every metric and test that accepts repeated units holds its level; others refuse.

Users have as many rows as a geometric number, around a level of their own, so that rows of a user are alike. Rows
taken for units would be significant in a third of the experiments or more.
"""

import warnings

import numpy as np
import pandas as pd
import pytest

import xpyrment as xp

ARMS = ("control", "treatment")
ESTIMATES = ("welch", "student", "z")
RESAMPLED = ("bootstrap", "permutation")
# Tests of rows, and of successes out of n, which have no form for repeated units.
REFUSING = ("mannwhitney", "barnard", "boschloo", "fisher", "miettinen-nurminen", "newcombe", "score")
OF_COUNTS = REFUSING[1:]


def events(seed: int, users: int) -> pd.DataFrame:
    """Return rows of users, without an effect."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), rng.geometric(0.25, users))
    level = rng.gamma(4, 1, users)[user]
    y = level * rng.lognormal(sigma=0.4, size=len(user))
    return pd.DataFrame(
        {
            "user": user,
            "variant": rng.choice(ARMS, users)[user],
            "y": y,
            "won": (y > 4).astype(int),
            "views": 1 + rng.poisson(level),
            "age": rng.normal(40, 10, users)[user],
        }
    )


def experiment(data: pd.DataFrame) -> xp.Experiment:
    """Return an experiment with every built-in kind of metric."""
    made = xp.setup(data, "variant", "user")
    made.register_metric("mean", value_col="y").register_metric("won", "proportion")
    made.register_metric("ratio", "ratio", numerator_col="y", denominator_col="views")
    made.register_metric("log", "log", value_col="y").register_metric("capped", "capped", value_col="y", cap=9.0)
    made.register_metric("winsorized", "winsorized", value_col="y")
    made.register_metric("median", "median", value_col="y").register_metric("p80", "quantile", value_col="y", q=0.8)
    return made


def p_values(seed: int, users: int, test: str) -> dict[str, float]:
    """Return the p-value of each metric that the test can estimate, and those of the checks."""
    data = events(seed, users)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # one A/A in a thousand has a sample-ratio warning
        result = experiment(data).run_analysis(test=test)
    found = {row["metric_name"]: row["p_value"] for row in result.raw_results if row["status"] == "ok"}
    found["sample ratio"] = xp.check_srm(data, treatment_col="variant", id_col="user").p_value
    balance = xp.check_balance(data, "variant", ["age"], id_col="user").diagnostics_["age"]
    return found | {"balance": balance["p_value"]}


def shares(users: int, replicates: int, test: str) -> pd.Series:
    """Return the share of A/A experiments with p < 0.05, per metric and check."""
    return (pd.DataFrame([p_values(seed, users, test) for seed in range(replicates)]) < 0.05).mean()


@pytest.mark.simulation
def test_checks_and_metrics_hold_their_level_on_event_rows():
    found = shares(150, 100, "welch")
    assert len(found) == 10
    # 5 % of 100 has a standard deviation of 2.2 points. Quantiles with few users are conservative.
    assert found.max() <= 0.12, found


@pytest.mark.simulation
@pytest.mark.slow
@pytest.mark.parametrize("test", ESTIMATES)
def test_checks_and_metrics_hold_their_level_on_event_rows_in_full(test):
    found = shares(1000, 2000, test)
    assert len(found) == 10
    # 5 % of 2,000 has a standard deviation of 0.5 points.
    assert found.between(0.02, 0.066).all(), found


@pytest.mark.simulation
@pytest.mark.slow
@pytest.mark.parametrize("test", RESAMPLED)
def test_resampling_holds_its_level_on_event_rows(test):
    found = shares(200, 300, test)
    assert found.max() <= 0.09, found


@pytest.mark.parametrize("test", REFUSING)
def test_a_test_that_takes_rows_for_units_refuses_them(test):
    data = events(1, 150)
    kind = "proportion" if test in OF_COUNTS else "mean"
    made = xp.setup(data, "variant", "user").register_metric("m", kind, "won" if test in OF_COUNTS else "y")
    row = made.run_analysis(test=test).raw_results[0]
    assert (row["status"], row["p_value"]) == ("not_estimable", None)
    assert "several rows" in row["reason"]
