"""What must hold for every metric, test and adjuster that is installed, through the whole analysis.

The combinations are read from the plugin host, so whatever a plugin offers is held to this the
day it is added. A combination that the plan refuses must say why; all others must give the same
numbers whatever the order of the rows, the library that holds them and the chunks they come in,
and numbers that follow a change of units, of zero and of arms as the metric's own values do.

That is exact for rank, exact, bootstrap and permutation tests too: their random numbers depend on
the seed and the sorted data only.
"""

import math
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
import pytest

import xpyrment as xp
from xpyrment_core.errors import InputError
from xpyrment_core.testing.examples import example_parameters

HOST = xp.default_host()


def offered(kind):
    """Return the name of everything of a kind, each once: in full where the bare name means another's."""
    names = []
    for entry in HOST.all(kind):
        bare = entry.definition.name
        names.append(bare if bare in HOST.names(kind) and HOST.get(kind, bare) is entry else entry.qualified)
    return sorted(names)


METRICS, TESTS, ADJUSTERS = offered("metric"), offered("test"), ["none", *offered("adjuster")]
SIZES = {"control": 60, "treatment": 48}

# Other orders of summation, and slopes from a linear solve, cost some digits.
RTOL = 1e-7
# Digits lost where a number added to all values is a hundred times their spread.
SHIFT_RTOL = 1e-6
FACTOR, SHIFT = 250.0, 40.0

NUMBERS = ("control_mean", "treatment_mean", "control_var", "treatment_var", "control_n", "treatment_n",
           "absolute_difference", "relative_lift", "variance_reduction", "p_value", "ci_lower", "ci_upper",
           "rel_ci_lower", "rel_ci_upper", "power", "std_error", "statistic", "df", "mde", "unadjusted_difference",
           "unadjusted_std_error")  # fmt: skip
DIFFERENCES = ("absolute_difference", "ci_lower", "ci_upper", "std_error", "mde", "unadjusted_difference")


def kept(tests, adjusters):
    """Yield combinations; an adjuster is left out of a test that does not look at estimates, but once."""
    for metric in METRICS:
        for test in tests:
            takes_estimates = HOST.get("test", test).definition.needs == "estimates"
            for adjuster in adjusters if takes_estimates else adjusters[:2]:
                yield metric, test, adjuster


COMBINATIONS = list(kept(TESTS, ADJUSTERS))
each_combination = pytest.mark.parametrize(("metric", "test", "adjuster"), COMBINATIONS)


@cache
def metric_kind(metric):
    return HOST.get("metric", metric).load()


@cache
def data(metric):
    """One experiment: an effect, correlated columns, missing outcomes and covariates, a third arm."""
    generator = np.random.default_rng(crc32(b"registry"))
    labels = [label for label, n in {**SIZES, "other": 20}.items() for _ in range(n)]
    n = len(labels)
    activity = generator.gamma(3.0, 1.0, n)
    frame = {"variant": labels, "pre": activity * generator.gamma(9.0, 1 / 9, n)}
    for i, name in enumerate(columns(metric)):
        values = 0.2 + activity * generator.gamma(4.0, 1 / 16, n)
        values += 0.15 * (np.array(labels) == "treatment") * (i == 0)
        if getattr(metric_kind(metric), "binary", False):
            values = (values > 1.0).astype(float)
        frame[name] = np.where(np.arange(n) % 23 == 5, np.nan, values)
    frame["pre"] = np.where(np.arange(n) % 17 == 3, np.nan, frame["pre"])
    return pd.DataFrame(frame).sample(frac=1, random_state=7, ignore_index=True)


@cache
def columns(metric):
    return tuple(v for v in example_parameters(metric_kind(metric)).values() if isinstance(v, str))


def analyse(frame, metric, test, adjuster, **options):
    experiment = xp.setup(frame, "variant", covariates=["pre"])
    experiment.register_metric("m", metric, **example_parameters(metric_kind(metric)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return experiment.run_analysis(test=test, adjuster=adjuster, **options).raw_results[0]


@cache
def base(metric, test, adjuster):
    try:
        return analyse(data(metric), metric, test, adjuster)
    except InputError as error:
        return error


def estimable(metric, test, adjuster):
    """Return the row of the plain analysis; skip where there is none."""
    row = base(metric, test, adjuster)
    if isinstance(row, InputError):
        pytest.skip(f"refused: {row}")
    if row["status"] != "ok":
        pytest.skip(f"not estimable: {row['reason']}")
    return row


def close(got, wanted, rtol, scale=0.0):
    if got is None or wanted is None:
        return got is wanted
    return abs(got - wanted) <= rtol * max(abs(got), abs(wanted), scale)


def assert_same(before, after, rtol=RTOL, keys=NUMBERS):
    assert after["status"] == before["status"], after["reason"]
    for key in keys:
        scale = before["std_error"] or 0.0
        assert close(after[key], before[key], rtol, scale), f"{key}: {before[key]!r} became {after[key]!r}"
    for key in ("test", "adjuster", "covariates", "cuped_applied", "notes", "metric_type"):
        assert after[key] == before[key]


@each_combination
def test_a_combination_is_refused_with_a_reason_or_has_numbers_that_are_numbers(metric, test, adjuster):
    row = base(metric, test, adjuster)
    if isinstance(row, InputError):
        assert len(str(row)) > 20
        assert "'" in str(row)
        return
    if row["status"] == "not_estimable":
        assert row["reason"]
        assert row["p_value"] is None
        assert row["absolute_difference"] is None
        return
    assert 0 < row["p_value"] <= 1
    assert math.isfinite(row["absolute_difference"])
    assert (row["control_n"], row["treatment_n"]) == tuple(
        int(data(metric).loc[data(metric)["variant"] == label, list(columns(metric))].notna().all(axis=1).sum())
        for label in SIZES
    )
    adjusts = HOST.get("test", test).definition.needs == "estimates" and hasattr(metric_kind(metric), "value")
    assert (row["adjuster"] == adjuster) is (adjuster != "none" and adjusts)
    if adjuster != "none" and not adjusts:
        assert any("not adjusted" in note for note in row["notes"])


@each_combination
def test_the_interval_says_what_the_p_value_says(metric, test, adjuster):
    row = estimable(metric, test, adjuster)
    for low, high in (("ci_lower", "ci_upper"), ("rel_ci_lower", "rel_ci_upper")):
        if row[low] is not None and row[high] is not None:
            assert row[low] < row[high]
            assert (row[low] > 0 or row[high] < 0) == (row["p_value"] < 0.05)


@each_combination
def test_swapping_the_arms_flips_the_sign_and_nothing_else(metric, test, adjuster):
    row = estimable(metric, test, adjuster)
    back = analyse(data(metric), metric, test, adjuster, control="treatment", treatment="control")
    flipped = dict(back)
    for side in ("mean", "var", "n"):
        flipped[f"control_{side}"], flipped[f"treatment_{side}"] = back[f"treatment_{side}"], back[f"control_{side}"]
    for key in ("absolute_difference", "unadjusted_difference", "statistic"):
        flipped[key] = None if back[key] is None else -back[key]
    for key, other in (("ci_lower", "ci_upper"), ("ci_upper", "ci_lower")):
        flipped[key] = None if back[other] is None else -back[other]
    assert_same(row, flipped, keys=[k for k in NUMBERS if not k.startswith("rel")])
    if row["relative_lift"] is not None and back["relative_lift"] is not None:
        assert (1 + row["relative_lift"]) * (1 + back["relative_lift"]) == pytest.approx(1, rel=RTOL)


@each_combination
def test_the_order_of_the_rows_says_nothing(metric, test, adjuster):
    row = estimable(metric, test, adjuster)
    moved = data(metric).sample(frac=1, random_state=11)
    assert_same(row, analyse(moved, metric, test, adjuster))


def _moved_values(metric, test, adjuster, change):
    row = estimable(metric, test, adjuster)
    frame = data(metric).copy()
    frame[list(columns(metric))] = change(frame[list(columns(metric))])
    return row, analyse(frame, metric, test, adjuster)


@each_combination
def test_a_change_of_units_does_to_the_effect_what_it_does_to_the_values(metric, test, adjuster):
    row, other = _moved_values(metric, test, adjuster, lambda values: values * FACTOR)
    if other["status"] != "ok":
        assert other["reason"]  # 0 and 250 are no proportion; values far beyond a cap do not vary
        return
    ratios = [other[key] / row[key] for key in ("control_mean", "treatment_mean")]
    gaps = [other[key] - row[key] for key in ("control_mean", "treatment_mean")]
    if all(close(ratio, FACTOR, 1e-9) for ratio in ratios):
        follow(row, other, FACTOR)
        assert close(other["relative_lift"], row["relative_lift"], RTOL, 1.0)
    elif close(*ratios, 1e-9, 1.0) and close(ratios[0], 1.0, 1e-9):
        assert_same(row, other)
    elif close(*gaps, 1e-9):  # a logarithm: the values move by a constant
        follow(row, other, 1.0)
    else:
        assert metric_has_a_number_of_its_own(metric), "the values follow no rule, and no parameter says why"


def metric_has_a_number_of_its_own(metric):
    return any(not isinstance(v, str) for v in example_parameters(metric_kind(metric)).values())


@each_combination
def test_a_change_of_zero_changes_nothing_where_both_values_move_alike(metric, test, adjuster):
    row, other = _moved_values(metric, test, adjuster, lambda values: values + SHIFT)
    if other["status"] != "ok":
        assert other["reason"]
        return
    gaps = [other[key] - row[key] for key in ("control_mean", "treatment_mean")]
    if close(*gaps, 1e-9) and abs(gaps[0]) > 1e-6:
        follow(row, other, 1.0, SHIFT_RTOL)


def follow(row, other, factor, rtol=RTOL):
    """Assert that the p-value stays and the effect follows the factor, or is free of units."""
    assert close(other["p_value"], row["p_value"], rtol, rtol)
    # The effect of a rank test is a probability, which has no unit.
    own = close(other["absolute_difference"], row["absolute_difference"], rtol)
    for key in DIFFERENCES:
        unit = 1.0 if own and key != "unadjusted_difference" else factor
        if row[key] is not None:
            scale = unit * (row["std_error"] or 0.0)
            assert close(other[key], unit * row[key], rtol, scale), f"{key}: {row[key]!r} became {other[key]!r}"


def in_pandas_arrow(frame):
    return frame.convert_dtypes(dtype_backend="pyarrow")


def in_polars(frame):
    polars = pytest.importorskip("polars")
    return polars.from_pandas(frame)


def in_polars_chunks(frame):
    polars = pytest.importorskip("polars")
    parts = [polars.from_pandas(frame.iloc[rows]) for rows in np.array_split(np.arange(len(frame)), 5)]
    return polars.concat(parts, rechunk=False)


def in_pyarrow(frame):
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def in_pyarrow_chunks(frame):
    import pyarrow as pa

    return pa.concat_tables(in_pyarrow(frame.iloc[rows]) for rows in np.array_split(np.arange(len(frame)), 5))


def in_a_file(frame, folder):
    path = folder / "data.parquet"
    frame.to_parquet(path, row_group_size=30)
    return str(path)


LIBRARIES = (in_pandas_arrow, in_polars, in_polars_chunks, in_pyarrow, in_pyarrow_chunks)


@each_combination
def test_the_library_and_the_chunks_that_hold_the_data_say_nothing(metric, test, adjuster):
    row = estimable(metric, test, adjuster)
    # One library per combination; all of them for all combinations in the slow version below.
    library = LIBRARIES[crc32(f"{metric} {test} {adjuster}".encode()) % len(LIBRARIES)]
    assert_same(row, analyse(library(data(metric)), metric, test, adjuster))


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@each_combination
def test_no_library_says_anything_in_any_combination(metric, test, adjuster, library):
    row = estimable(metric, test, adjuster)
    assert_same(row, analyse(library(data(metric)), metric, test, adjuster))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_an_engine_that_pushes_the_sums_down_finds_the_same(metric, adjuster, tmp_path):
    test = HOST.get("metric", metric).definition.default_test
    row = estimable(metric, test, adjuster)
    assert_same(row, analyse(in_a_file(data(metric), tmp_path), metric, test, adjuster))


@pytest.mark.slow
@pytest.mark.parametrize("alternative", ["greater", "less"])
@each_combination
def test_one_sided_intervals_are_open_and_agree_with_p(metric, test, adjuster, alternative):
    estimable(metric, test, adjuster)
    row = analyse(data(metric), metric, test, adjuster, alternative=alternative)
    bound, open_end = ("ci_lower", "ci_upper") if alternative == "greater" else ("ci_upper", "ci_lower")
    assert row[open_end] is None
    if row[bound] is not None:
        excluded = row[bound] > 0 if alternative == "greater" else row[bound] < 0
        assert excluded == (row["p_value"] < 0.05)


def test_every_kind_that_is_installed_is_in_the_suite():
    assert {metric for metric, _, _ in COMBINATIONS} == set(METRICS)
    assert {test for _, test, _ in COMBINATIONS} == set(TESTS)
    assert {adjuster for _, _, adjuster in COMBINATIONS} == set(ADJUSTERS)
    assert any(not isinstance(base(*combination), InputError) for combination in COMBINATIONS)


@pytest.mark.install
def test_strangers_metrics_and_tests_are_held_to_the_same(tmp_path):
    sys.path.insert(0, str(Path(__file__).parent))
    from installed import environment

    python = environment(tmp_path / "venv", ["acme", "namesake_left", "namesake_right"])
    theirs = ["margin", "acme", "cautious", "popular", "every_kind"]
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-k", " or ".join(theirs),
         "-m", "not slow and not install", Path(__file__)],
        capture_output=True, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    for name in ("margin-welch-lin", "acme/mean-cautious", "left/popular-bootstrap", "mean-cautious-cuped"):
        assert f"{name}" in done.stdout
