"""Totals per variant give the numbers that the rows they were computed from give."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import xpyrment as xp
from commands import command
from xpyrment_core.data.totals.parse import totals_of
from xpyrment_core.data.totals.values import ArmTotals
from xpyrment_core.errors import InputError

# The rows' variance is summed about their mean, the totals' is the square of a standard deviation: both are rounded
# a few times in the last digit, and a statistic near 0 loses some of them.
RTOL = 1e-9

SAME = (
    "control_mean",
    "treatment_mean",
    "control_var",
    "treatment_var",
    "control_n",
    "treatment_n",
    "absolute_difference",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "p_value_raw",
    "ci_lower",
    "ci_upper",
    "relative_lift",
    "rel_ci_lower",
    "rel_ci_upper",
    "power",
    "mde",
    "status",
    "test",
)


def rows(n: int = 300, seed: int = 7) -> pd.DataFrame:
    """Return three arms with a mean, a proportion and a guardrail that lacks some values."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "variant": rng.choice(["control", "a", "b"], n),
            "revenue": rng.exponential(10, n),
            "converted": (rng.uniform(size=n) < 0.3).astype(int),
            "latency": rng.normal(200, 20, n),
        }
    )
    data.loc[rng.uniform(size=n) < 0.1, "latency"] = np.nan
    return data


def totals(data: pd.DataFrame) -> dict[str, Any]:
    """Return what a dashboard would report of `rows`."""
    groups = data.groupby("variant")
    out: dict[str, Any] = {
        name: {
            label: {"n": int(values.count()), "mean": values.mean(), "sd": values.std()}
            for label, values in groups[name]
        }
        for name in ("revenue", "latency")
    }
    out["latency"] |= {"role": "guardrail", "margin": "5%", "direction": "decrease"}
    out["converted"] = {label: (int(values.sum()), len(values)) for label, values in groups["converted"]}
    return out


def from_rows(data: pd.DataFrame, **options: Any) -> xp.AnalysisResult:
    """Return the analysis of the rows that `totals` describes."""
    experiment = xp.setup(data, "variant").register_metric("revenue")
    experiment.register_metric("latency", role="guardrail", margin="5%", direction="decrease")
    experiment.register_metric("converted", "proportion")
    return experiment.run_analysis(treatment=None, **options)


def assert_same(one: xp.AnalysisResult, other: xp.AnalysisResult) -> None:
    """Assert that two analyses have the same numbers."""
    assert len(one.raw_results) == len(other.raw_results) > 0
    for a, b in zip(one.raw_results, other.raw_results, strict=True):
        assert (a["metric_name"], a["treatment"]) == (b["metric_name"], b["treatment"])
        for key in SAME:
            assert a[key] == (pytest.approx(b[key], rel=RTOL) if isinstance(b[key], float) else b[key]), key


@pytest.mark.parametrize("options", [{}, {"alternative": "less"}, {"relative_interval": "delta"}, {"alpha": 0.1}])
@pytest.mark.parametrize("correction", [None, "holm", "fdr_bh", "dunnett"])
def test_totals_give_the_numbers_of_the_rows(options: dict[str, Any], correction: str | None) -> None:
    data = rows()
    one = xp.analyze_stats(totals(data), multi_test_correction=correction, **options)
    assert_same(one, from_rows(data, multi_test_correction=correction, **options))


@pytest.mark.parametrize("test", ["welch", "student", "z"])
def test_every_test_of_estimates_takes_totals(test: str) -> None:
    data = rows()
    assert_same(xp.analyze_stats(totals(data), test=test), from_rows(data, test=test))


@pytest.mark.parametrize("test", ["score", "fisher", "barnard", "boschloo", "newcombe", "miettinen-nurminen"])
def test_every_test_of_counts_takes_totals(test: str) -> None:
    counts = {"control": (12, 60), "treatment": (23, 58)}
    data = pd.DataFrame([{"variant": label, "y": int(i < yes)} for label, (yes, n) in counts.items() for i in range(n)])
    one = xp.analyze_stats(counts, metric="y", test=test)
    assert_same(one, xp.setup(data, "variant").register_metric("y", "proportion").run_analysis(test=test))


@settings(max_examples=60, deadline=None)
@given(
    n=st.tuples(st.integers(2, 5000), st.integers(2, 5000)),
    mean=st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
    sd=st.tuples(st.floats(0.01, 1e3), st.floats(0.01, 1e3)),
)
def test_welch_of_totals_is_scipys(n: tuple[int, int], mean: tuple[float, float], sd: tuple[float, float]) -> None:
    arms = zip(("control", "treatment"), n, mean, sd, strict=True)
    # Planned in the ratio of the sizes, so that the sample-ratio check has nothing to warn of.
    planned = dict(zip(("control", "treatment"), n, strict=True))
    result = xp.analyze_stats({label: {"n": size, "mean": m, "sd": s} for label, size, m, s in arms}, weights=planned)
    expected = stats.ttest_ind_from_stats(mean[1], sd[1], n[1], mean[0], sd[0], n[0], equal_var=False)
    row = result.raw_results[0]
    # Statistics beyond 1e3 have p below what a double holds; SciPy's own t tail is given to about 1e-10.
    assert row["statistic"] == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
    assert row["p_value"] == pytest.approx(max(expected.pvalue, 5e-324), rel=1e-6)


@pytest.mark.parametrize(
    "spread",
    [
        {"mean": 3.0, "sd": 2.0},
        {"mean": 3.0, "variance": 4.0},
        {"mean": 3.0, "std_error": 2 / np.sqrt(50)},
        {"sum": 150.0, "sum_squares": 49 * 4.0 + 50 * 9.0},
    ],
)
def test_forms_of_one_spread_agree(spread: dict[str, float]) -> None:
    found = ArmTotals.of({"n": 50, **spread}, "control")
    assert (found.n, found.mean) == (50, 3.0)
    assert found.m2 == pytest.approx(196.0, rel=1e-14)


def table(data: pd.DataFrame) -> pd.DataFrame:
    """Return `totals` with one row per metric and variant."""
    lines = []
    for metric, arms in totals(data).items():
        roles = {key: value for key, value in arms.items() if isinstance(value, str)}
        for label, arm in arms.items():
            if isinstance(arm, dict):
                lines.append({"variant": label, "metric": metric, **arm, **roles})
            elif isinstance(arm, tuple):
                lines.append({"variant": label, "metric": metric, "successes": arm[0], "n": arm[1], **roles})
    return pd.DataFrame(lines)


def save(data: pd.DataFrame, path: Path) -> Path:
    """Write the totals in the format of the path's suffix."""
    lines = table(data)
    if path.suffix == ".json":
        path.write_text(json.dumps(totals(data)))
    elif path.suffix == ".toml":
        path.write_text("\n".join(_toml(totals(data))))
    elif path.suffix == ".parquet":
        lines.to_parquet(path)
    elif path.suffix == ".xlsx":
        lines.to_excel(path, index=False)
    elif path.suffix == ".jsonl":
        lines.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        lines.to_csv(path, index=False, sep=";", decimal=",")
    return path


def _toml(metrics: dict[str, Any]) -> list[str]:
    lines = []
    for metric, arms in metrics.items():
        lines.append(f"[{metric}]")
        for key, value in arms.items():
            if isinstance(value, dict):
                value = "{" + ", ".join(f"{name} = {number!r}" for name, number in _plain(value).items()) + "}"
                lines.append(f"{key} = {value}")
            else:
                lines.append(f"{key} = {json.dumps(value)}")
    return lines


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: float(value) if isinstance(value, float) else value for key, value in values.items()}


@pytest.mark.parametrize("suffix", [".csv", ".json", ".toml", ".parquet", ".xlsx", ".jsonl", ".stats.csv"])
def test_files_and_the_command_give_the_numbers_of_the_mapping(suffix: str, tmp_path: Path) -> None:
    data = rows()
    path = save(data, tmp_path / f"totals{suffix}")
    expected = xp.analyze_stats(totals(data), multi_test_correction="holm")
    by_metric = {(row["metric_name"], row["treatment"]): row for row in expected.raw_results}
    shown = json.loads(command("analyze", "--from-stats", str(path), "--correction", "holm", "--format", "json").stdout)
    for found in (xp.analyze_stats(path, multi_test_correction="holm").raw_results, shown["metrics"]):
        assert len(found) == len(by_metric)
        for row in found:
            wanted = by_metric[row["metric_name"], row["treatment"]]
            # Text keeps 15 digits or more; near 0 the difference of two means has fewer.
            for key in ("p_value", "rel_ci_upper", "std_error", "control_n"):
                assert row[key] == (None if wanted[key] is None else pytest.approx(wanted[key], rel=1e-8)), key


def test_frames_of_other_libraries() -> None:
    import polars as pl

    data = rows()
    lines = table(data)
    for frame in (lines, pl.from_pandas(lines)):
        assert_same_values(xp.analyze_stats(frame), xp.analyze_stats(totals(data)))


def assert_same_values(one: xp.AnalysisResult, other: xp.AnalysisResult) -> None:
    """Assert equal p-values, in any order of the metrics."""
    p_values = [{(r["metric_name"], r["treatment"]): r["p_value"] for r in x.raw_results} for x in (one, other)]
    assert p_values[0] == pytest.approx(p_values[1], rel=1e-12)


def test_an_experiment_file_may_have_totals_as_data(tmp_path: Path) -> None:
    save(rows(), tmp_path / "week.stats.csv")
    plan = tmp_path / "experiment.toml"
    plan.write_text(
        '[experiment]\ndata = "week.stats.csv"\ntreatment_col = "variant"\ntreatments = ["a"]\n'
        '[[metrics]]\nname = "converted"\ntype = "proportion"\n'
    )
    assert command("register", str(plan)).returncode == 0
    shown = json.loads(command("analyze", str(plan), "--locked", "--format", "json").stdout)
    p_value = {r["treatment"]: r["p_value"] for r in xp.analyze_stats(totals(rows())).raw_results[4:]}["a"]
    assert shown["metrics"][0]["p_value"] == pytest.approx(p_value, rel=1e-12)


def test_sample_ratio_is_checked_on_the_units() -> None:
    with pytest.warns(UserWarning, match="sample ratio"):
        result = xp.analyze_stats({"control": (100, 1000), "treatment": (90, 800)})
    check = {check.name: check for check in result.checks}["sample_ratio"]
    assert check.p_value == pytest.approx(stats.chisquare([1000, 800]).pvalue, rel=1e-9)
    planned = xp.analyze_stats({"control": (100, 1000), "treatment": (90, 800)}, weights={"control": 5, "treatment": 4})
    assert all(check.passed for check in planned.checks)


def test_missing_outcomes_are_the_units_that_another_metric_has() -> None:
    result = xp.analyze_stats(
        {
            "converted": {"control": (10, 100), "treatment": (12, 110)},
            "revenue": {"control": {"n": 97, "mean": 3, "sd": 1}, "treatment": {"n": 104, "mean": 3, "sd": 1}},
        }
    )
    revenue = result.raw_results[1]
    assert (revenue["control_n"], revenue["treatment_n"]) == (97, 104)
    assert revenue["exclusions"]["control"]["missing_outcome"] == 3


def test_reports_and_plots_of_totals(tmp_path: Path) -> None:
    result = xp.analyze_stats(totals(rows()))
    assert "latency" in str(result.export("html"))
    result.plot().figure.savefig(tmp_path / "forest.png")
    json.loads(result.to_json())


@pytest.mark.filterwarnings("ignore:outcomes are missing more often in one variant")
def test_an_arm_that_one_metric_lacks_is_not_estimable_there_only() -> None:
    result = xp.analyze_stats(
        {
            "revenue": {"control": {"n": 97, "mean": 3, "sd": 1}, "treatment": {"n": 104, "mean": 3.1, "sd": 1}},
            "refunds": {"control": {"n": 97, "mean": 3, "sd": 1}},
        }
    )
    assert [row["status"] for row in result.raw_results] == ["ok", "not_estimable"]


GOOD = {"n": 10, "mean": 1.0, "sd": 0.5}


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ({"n": 10, "mean": 1.0}, "give one of sd, variance, std_error, got none of them"),
        ({"n": 10, "mean": 1.0, "sd": 1, "variance": 1}, "got 'sd', 'variance'"),
        ({"mean": 1.0, "sd": 1}, "n, the number of units, is missing"),
        ({"n": 10, "sd": 1}, "mean is missing"),
        ({"n": 10.5, "mean": 1.0, "sd": 1}, "whole number of units, got 10.5"),
        ({"n": -1, "mean": 1.0, "sd": 1}, "whole number of units, got -1"),
        ({"n": True, "mean": 1.0, "sd": 1}, "finite number, got True"),
        ({"n": "ten", "mean": 1.0, "sd": 1}, "finite number, got 'ten'"),
        ({"n": 10, "mean": float("inf"), "sd": 1}, "finite number, got inf"),
        ({"n": 10, "mean": 1.0, "sd": -1}, "sd must not be negative"),
        ({"n": 10, "mean": 1.0, "sd": 1e200}, "too large for its square"),
        ({"n": 10, "mean": 1.0, "std": 1}, "'std' is not a total.*Did you mean 'sd'"),
        ({"n": 10, "successes": 11}, "at most n, got 11 of 10"),
        ({"n": 10, "successes": 2, "mean": 0.2}, "mean beside 'successes'"),
        ({"n": 10, "sum": 10.0}, "sum_squares is missing"),
        ({"n": 10, "sum": 100.0, "sum_squares": 900.0}, "at least sum² / n = 1000"),
        ({"n": 10, "sum": 1e10, "sum_squares": 1e19 * (1 + 1e-12)}, "variance is lost"),
        ((1, 2, 3), r"pair must be \(successes, n\)"),
        ((5, 3), "at most n"),
    ],
)
def test_impossible_totals_are_refused(arm: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        totals_of({"control": arm, "treatment": GOOD}, "revenue")
    assert "metric 'revenue', variant 'control'" in str(error.value)


@pytest.mark.parametrize(
    ("stats_", "message"),
    [
        ({}, "totals must be a mapping"),
        ([1, 2], "frame"),
        ({"control": 5, "treatment": GOOD}, "'control' must be a variant with its totals"),
        ({"control": (1, 10), "treatment": GOOD}, "successes in one variant and a mean in another"),
        ({"m": {"control": GOOD, "role": "guardian"}}, "role"),
        ({"variant": {"control": GOOD, "treatment": GOOD}}, "give the metric another name"),
        ({"control": GOOD, "Control ": GOOD, "treatment": GOOD}, "differ in case or spaces"),
    ],
)
def test_other_shapes_are_refused(stats_: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        xp.analyze_stats(stats_)


@pytest.mark.parametrize("test", ["mannwhitney", "bootstrap", "permutation"])
def test_tests_of_unit_level_values_are_refused(test: str) -> None:
    with pytest.raises(InputError, match="not the values of the units"):
        xp.analyze_stats({"control": GOOD, "treatment": GOOD}, test=test)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--metric", "revenue"], "--metric cannot be given with --from-stats"),
        (["--id-col", "user"], "--id-col cannot be given"),
        (["--locked"], "takes the place of --locked"),
        (["data.csv"], "takes the place of DATA"),
        (["--treatment-col", "arm"], "no column 'arm' of variants"),
    ],
)
def test_the_command_refuses_what_totals_do_not_have(words: list[str], message: str, tmp_path: Path) -> None:
    path = save(rows(), tmp_path / "totals.csv")
    done = command("analyze", *words, "--from-stats", str(path))
    assert done.returncode == 1
    assert message in done.stderr


def test_a_table_says_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "totals.csv"
    path.write_text("variant,n,average,sd\ncontrol,10,1,1\ntreatment,10,1,1\n")
    with pytest.raises(InputError, match="column 'average' is not known"):
        xp.analyze_stats(path)
    path.write_text("variant,n,mean,sd\ncontrol,10,1,1\ncontrol,10,1,1\n")
    with pytest.raises(InputError, match=r"two rows of .* have its totals"):
        xp.analyze_stats(path)
    path.write_text("variant,n,mean,sd,role\ncontrol,10,1,1,primary\ntreatment,10,1,1,guardrail\n")
    with pytest.raises(InputError, match="two values of role: 'primary' and 'guardrail'"):
        xp.analyze_stats(path)
    path.write_text("variant,n,mean,sd\ncontrol,10,1,1\n,10,1,1\n")
    with pytest.raises(InputError, match="a row of metric 'metric' has no variant"):
        xp.analyze_stats(path)
