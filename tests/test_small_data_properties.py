"""What must hold for the numbers of a row, on random small data sets, for everything that is installed.

Every metric is analysed with every test, adjuster, relative interval and alternative of the registry that apply to
it, on data sets of 2 to 40 units per variant with ties, zeros, negative values and constants. An analysis must give a
row or a reason, never an exception; and the p-value, the intervals, the lift and the verdict of a row must agree.
"""

import math
import warnings
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xpyrment as xp
from xpyrment_core.testing.examples import example_parameters

HOST = xp.default_host()
ALPHA = 0.05

# A p-value at the level or a bound at the null may fall on either side by rounding.
NEAR = 1e-9


def offered(kind: str) -> list[str]:
    """Return the full name of everything of a kind."""
    return sorted(entry.qualified for entry in HOST.all(kind))


METRICS, TESTS, ADJUSTERS = offered("metric"), offered("test"), ["none", *offered("adjuster")]
CORRECTIONS = [None, *offered("correction")]
RELATIVE = ("fieller", "delta", "log")
ALTERNATIVES = ("two-sided", "greater", "less")


@cache
def needs(test: str) -> str:
    return HOST.get("test", test).definition.needs


# Adjustment applies to tests of estimates only, so that other tests are combined with one adjuster.
COMBINATIONS = [
    (test, adjuster, relative, alternative)
    for test, adjuster, relative, alternative in product(TESTS, ADJUSTERS, RELATIVE, ALTERNATIVES)
    if needs(test) == "estimates" or adjuster == "none"
]

# Tests of thousands of draws take a hundred times as long as the others.
RESAMPLED = [found for found in COMBINATIONS if found[0].startswith("resampling/")]
QUICK = [found for found in COMBINATIONS if found not in RESAMPLED]


def applies(metric: str, test: str) -> bool:
    """Return whether a test is offered for a kind of metric; the others are refused before any work."""
    kind = HOST.get("metric", metric).load()
    if needs(test) == "counts":
        return bool(getattr(kind, "binary", False))
    return not test.endswith(("/permutation", "/cr2")) or hasattr(kind, "value")


@cache
def parameters(metric: str) -> dict[str, Any]:
    return example_parameters(HOST.get("metric", metric).load())


def values(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return n values of a random kind: with ties, zeros, negative values, outliers, or constant."""
    kind = rng.integers(7)
    size = 10.0 ** rng.integers(-2, 3)
    if kind == 0:
        return size * rng.normal(size=n)
    if kind == 1:
        return size * rng.exponential(size=n) * (rng.uniform(size=n) < 0.4)
    if kind == 2:
        return rng.integers(-2, 3, n).astype(float)
    if kind == 3:
        return np.full(n, size * rng.integers(-1, 2))
    if kind == 4:
        return size * (5 + rng.normal(size=n))
    if kind == 5:
        return -size * rng.lognormal(sigma=1.5, size=n)
    return rng.poisson(3, n).astype(float)


def data_sets(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Return data sets side by side: column ``y 3`` of the fourth, with the covariate ``pre 3``.

    Each has 2 to 40 units per variant; its columns are missing in the other rows.
    """
    frame: dict[str, Any] = {"variant": np.repeat(["control", "treatment"], 40)}
    for k in range(count):
        sizes = rng.integers(2, 41, 2) if rng.uniform() < 0.7 else rng.integers(2, 7, 2)
        shift = np.repeat([0.0, rng.choice([0.0, 1.0, -3.0])], sizes)
        n = int(sizes.sum())
        drawn: dict[str, np.ndarray] = {
            "binary": (rng.uniform(size=n) < rng.choice([0.0, 0.1, 0.5, 1.0])).astype(float)
        }
        for column in dict.fromkeys(column for metric in METRICS for column in columns(metric)):
            drawn[column] = values(rng, n)
            if rng.uniform() < 0.5:
                drawn[column] = drawn[column] + shift * max(float(drawn[column].std()), 0.1)
        outcome = drawn[columns(METRICS[-1])[0]]
        drawn["pre"] = values(rng, n) if rng.uniform() < 0.5 else outcome + rng.normal(size=n)
        present = np.concatenate([np.arange(40) < size for size in sizes])
        for column, found in drawn.items():
            frame[f"{column} {k}"] = np.full(80, np.nan)
            frame[f"{column} {k}"][present] = found
    return pd.DataFrame(frame)


@cache
def columns(metric: str) -> tuple[str, ...]:
    return tuple(value for value in parameters(metric).values() if isinstance(value, str))


@cache
def binary(metric: str) -> bool:
    return bool(getattr(HOST.get("metric", metric).load(), "binary", False))


def analyse(seed: int, combination: tuple[str, ...], count: int) -> tuple[str, xp.AnalysisResult]:
    """Analyse some data sets with one combination; return the result with its description."""
    test, adjuster, relative, alternative = combination
    # Half of the analyses are without correction: the family of a correction is all data sets together.
    correction = CORRECTIONS[seed // 2 % len(CORRECTIONS)] if seed % 2 else None
    frame = data_sets(np.random.default_rng(seed), count)
    experiment = xp.setup(frame, "variant")
    for position, metric in enumerate(METRICS):
        for k in range(count if applies(metric, test) else 0):
            if count > 1 and needs(test) != "counts" and (k + position) % 3:
                continue  # a third of the metrics per data set: more data sets in the time
            given = {
                name: f"{'binary' if binary(metric) else value} {k}" if isinstance(value, str) else value
                for name, value in parameters(metric).items()
            }
            own = {} if adjuster == "none" else {"covariate": [f"pre {k}"]}
            direction = ("increase", "decrease")[k % 2]
            experiment.register_metric(f"{metric} {k}", metric, direction=direction, **own, **given)
    options: dict[str, Any] = {"test": test, "adjuster": adjuster, "relative_interval": relative}
    with warnings.catch_warnings():
        # The checks of assignment and missingness see data sets side by side, which no experiment has.
        warnings.simplefilter("ignore", UserWarning)
        result = experiment.run_analysis(alternative=alternative, multi_test_correction=correction, **options)
    return f"seed {seed}, {test}, {adjuster}, {relative}, {alternative}, {correction}", result


def close(a: float, b: float) -> bool:
    return abs(a - b) <= NEAR * max(abs(a), abs(b))


def inside(value: float | None, low: float | None, high: float | None) -> bool:
    """Return whether a value lies in an interval, of which None is an infinite end; a missing one holds anything."""
    if value is None or (low is None and high is None):
        return True
    above = low is None or low <= value or close(low, value)
    return above and (high is None or value <= high or close(value, high))


def excludes(low: float | None, high: float | None, null: float) -> bool:
    return (low is not None and low > null) or (high is not None and high < null)


def violations(row: dict[str, Any]) -> list[str]:
    """Return what is wrong with the numbers of a row."""
    if row["status"] != "ok":
        return [] if row["reason"] and row["p_value"] is None else ["no reason, or a p-value without an estimate"]
    infinite = [key for key, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
    wrong = [f"{key} is {row[key]}" for key in infinite]
    return wrong + wrong_p_value(row) + wrong_effect(row) + wrong_intervals(row) + wrong_verdict(row)


def wrong_p_value(row: dict[str, Any]) -> list[str]:
    p, raw = row["p_value"], row["p_value_raw"]
    if not (0 < p <= 1 and 0 < raw <= 1):
        return [f"p-values {raw} and {p} are not in (0, 1]"]
    return [f"the corrected p-value {p} is below {raw}"] if p < raw and not close(p, raw) else []


def wrong_effect(row: dict[str, Any]) -> list[str]:
    lift, difference = row["relative_lift"], row["absolute_difference"]
    found = []
    if not inside(difference, row["ci_lower"], row["ci_upper"]):
        found.append(f"the difference {difference} is outside [{row['ci_lower']}, {row['ci_upper']}]")
    if not inside(lift, row["rel_ci_lower"], row["rel_ci_upper"]):
        found.append(f"the lift {lift} is outside [{row['rel_ci_lower']}, {row['rel_ci_upper']}]")
    if lift and difference and (lift > 0) != (difference > 0):
        found.append(f"lift {lift} and difference {difference} differ in sign")
    return found


def wrong_intervals(row: dict[str, Any]) -> list[str]:
    approximate = any("does not agree with the p-value" in note for note in row["notes"])
    found = []
    for kind, p in (("", row["p_value_raw"]), ("simultaneous_", row["p_value"])):
        for scale in ("ci", "rel_ci"):
            low, high = row[f"{kind}{scale}_lower"], row[f"{kind}{scale}_upper"]
            if (low is None and high is None) or close(p, ALPHA) or (approximate and scale == "rel_ci"):
                continue
            if excludes(low, high, 0.0) != (p < ALPHA):
                found.append(f"p = {p} and the {kind}{scale} [{low}, {high}] disagree")
    return found


def wrong_verdict(row: dict[str, Any]) -> list[str]:
    p, difference = row["p_value"], row["absolute_difference"]
    good = difference and (difference > 0) == (row["direction"] == "increase")
    wanted = "inconclusive" if not p < ALPHA or not difference else ("better" if good else "worse")
    return [] if row["verdict"] == wanted else [f"verdict {row['verdict']} for p = {p} and the difference {difference}"]


def check(seeds: range, combinations: list[tuple[str, ...]], count: int) -> None:
    """Analyse `count` data sets for each seed, and assert that all rows agree with themselves."""
    found = []
    for seed in seeds:
        described, result = analyse(seed, combinations[seed % len(combinations)], count)
        result.to_json()
        found += [f"{described}: {issue.message}" for issue in result.issues]
        found += [
            f"{described}, {row['metric_name']}: {wrong}" for row in result.raw_results for wrong in violations(row)
        ]
    assert not found, f"{len(found)} violations\n" + "\n".join(found[:20])


def test_rows_agree_with_themselves() -> None:
    check(range(1_000), QUICK, 10)


def test_rows_of_resampling_agree_with_themselves() -> None:
    check(range(8), RESAMPLED, 1)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_rows_agree_with_themselves_in_full(part: int) -> None:
    check(range(10_000 * (part + 1), 10_000 * (part + 1) + 2_000), QUICK, 10)
    check(range(1_000 * (part + 1), 1_000 * (part + 1) + 100), RESAMPLED, 1)
