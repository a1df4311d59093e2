"""What must hold for every metric, test and adjuster that is installed, through the whole analysis.

The combinations are read from the plugin host, so everything that a plugin offers is tested the
day it is added. A combination that cannot apply must be refused for the reason in the table below;
all others must give the same numbers for every order of the rows, library that holds them
and the chunks they come in, and numbers that follow a change of units, of zero and of arms as the
metric's own values do.

That is exact for rank, exact, bootstrap and permutation tests too: their random numbers depend on
the seed and the sorted data only.
"""

import math
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
import pytest

import xpyrment as xp
from installed import environment
from processes import process
from xpyrment_core.analysis.methods import default_of
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
ROWS = {**SIZES, "other": 20}

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
    """Yield combinations; a test that does not use estimates gets one adjuster, to see that it says so."""
    for metric in METRICS:
        for test in tests:
            takes_estimates = HOST.get("test", test).definition.needs == "estimates"
            for adjuster in adjusters if takes_estimates else adjusters[:2]:
                yield metric, test, adjuster


NOT_BINARY = "counts successes, but metric 'm' is not a proportion"
NOT_OF_MEANS = "needs a metric that is a function of means"
SEVERAL_COLUMNS = "a rank test compares one column"

# Which of our tests cannot apply to which of our metrics, and what the refusal says.
REFUSALS = {
    "cr2": {NOT_OF_MEANS: "median quantile"},
    "barnard": {NOT_BINARY: "capped log mean median quantile ratio winsorized"},
    "boschloo": {NOT_BINARY: "capped log mean median quantile ratio winsorized"},
    "fisher": {NOT_BINARY: "capped log mean median quantile ratio winsorized"},
    "mannwhitney": {SEVERAL_COLUMNS: "ratio"},
    "miettinen-nurminen": {NOT_BINARY: "capped log mean median quantile ratio winsorized"},
    "newcombe": {NOT_BINARY: "capped log mean median quantile ratio winsorized"},
    "permutation": {NOT_OF_MEANS: "median quantile"},
    "score": {NOT_BINARY: "capped log mean median quantile ratio winsorized"},
}

# Exact tests of a table, which give a p-value only.
WITHOUT_INTERVAL = {"barnard", "boschloo", "fisher"}


def refusal(metric, test):
    """Return what the refusal of a metric and a test says, None where the test applies."""
    kind = metric_kind(metric)
    if HOST.get("test", test).definition.needs == "counts" and not getattr(kind, "binary", False):
        return NOT_BINARY
    if test in ("permutation", "cr2") and not hasattr(kind, "value"):
        return NOT_OF_MEANS
    if test == "mannwhitney" and len(columns(metric)) > 1:
        return SEVERAL_COLUMNS
    return None


@cache
def metric_kind(metric):
    return HOST.get("metric", metric).load()


@cache
def data(metric):
    """One experiment: an effect, correlated columns, missing outcomes and covariates, a third arm."""
    generator = np.random.default_rng(crc32(b"registry"))
    labels = [label for label, n in ROWS.items() for _ in range(n)]
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


COMBINATIONS = list(kept(TESTS, ADJUSTERS))
REFUSED = [found for found in COMBINATIONS if refusal(*found[:2])]
APPLICABLE = [found for found in COMBINATIONS if not refusal(*found[:2])]
each_combination = pytest.mark.parametrize(("metric", "test", "adjuster"), APPLICABLE)


def analyse(frame, metric, test, adjuster, parameters=None, **options):
    experiment = xp.setup(frame, "variant", covariates=["pre"], weights=ROWS)
    experiment.register_metric("m", metric, **(parameters or example_parameters(metric_kind(metric))))
    return experiment.run_analysis(test=test, adjuster=adjuster, **options).raw_results[0]


@cache
def base(metric, test, adjuster):
    try:
        return analyse(data(metric), metric, test, adjuster)
    except InputError as error:
        return error


def estimated(metric, test, adjuster):
    """Return the row of the plain analysis, which has numbers."""
    row = base(metric, test, adjuster)
    assert not isinstance(row, InputError), str(row)
    assert row["status"] == "ok", row["reason"]
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


def test_table_of_refused_combinations():
    found = {
        test: {
            reason: " ".join(metric for metric in METRICS if metric in MOVES and refusal(metric, test) == reason)
            for reason in (NOT_BINARY, NOT_OF_MEANS, SEVERAL_COLUMNS)
            if any(metric in MOVES and refusal(metric, test) == reason for metric in METRICS)
        }
        for test in TESTS
    }
    assert {test: reasons for test, reasons in found.items() if reasons} == REFUSALS


@pytest.mark.parametrize(("metric", "test", "adjuster"), REFUSED)
def test_inapplicable_combination_is_refused_with_its_reason(metric, test, adjuster):
    row = base(metric, test, adjuster)
    if isinstance(row, InputError):
        assert refusal(metric, test) in str(row)
        return
    assert row["status"] == "not_estimable"
    assert refusal(metric, test) in row["reason"]
    assert row["p_value"] is None
    assert row["absolute_difference"] is None


@each_combination
def test_applicable_combination_has_finite_numbers(metric, test, adjuster):
    row = estimated(metric, test, adjuster)
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
def test_interval_agrees_with_the_p_value(metric, test, adjuster):
    row = estimated(metric, test, adjuster)
    if metric in MOVES:  # a test may not be able to invert itself for a third party's metric
        assert (row["ci_lower"] is None) == (test in WITHOUT_INTERVAL)
    for low, high in (("ci_lower", "ci_upper"), ("rel_ci_lower", "rel_ci_upper")):
        if row[low] is not None and row[high] is not None:
            assert row[low] < row[high]
            assert (row[low] > 0 or row[high] < 0) == (row["p_value"] < 0.05)


@each_combination
def test_swapping_the_arms_changes_only_the_sign(metric, test, adjuster):
    row = estimated(metric, test, adjuster)
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
        assert share_of_control(metric, row) * share_of_control(metric, back) == pytest.approx(1, rel=RTOL)


def share_of_control(metric, row):
    """Return treatment as a share of control: a lift is over the absolute value of the control mean."""
    negative = row["control_mean"] < 0 and not hasattr(metric_kind(metric), "relative")
    return 1 + (-1 if negative else 1) * row["relative_lift"]


@each_combination
def test_result_is_invariant_to_row_order(metric, test, adjuster):
    row = estimated(metric, test, adjuster)
    moved = data(metric).sample(frac=1, random_state=11)
    assert_same(row, analyse(moved, metric, test, adjuster))


# What our metrics' values do when their columns are multiplied, and when a number is added to them; None where they
# follow no rule (a logarithm of moved values) or the moved values are refused (0 and 250 are not a proportion).
MOVES = {
    "capped": ("scales", "shifts"),
    "log": ("shifts", None),
    "mean": ("scales", "shifts"),
    "median": ("scales", "shifts"),
    "proportion": (None, None),
    "quantile": ("scales", "shifts"),
    "ratio": ("stays", None),
    "winsorized": ("scales", "shifts"),
}
# Parameters that are values themselves, and move with them.
VALUES = {"capped": ("cap",)}


def scale(values):
    return values * FACTOR


def shift(values):
    return values + SHIFT


def analyse_moved(metric, test, adjuster, change):
    frame = data(metric).copy()
    frame[list(columns(metric))] = change(frame[list(columns(metric))])
    parameters = example_parameters(metric_kind(metric))
    parameters |= {name: change(parameters[name]) for name in VALUES.get(metric, ())}
    return analyse(frame, metric, test, adjuster, parameters)


def rule(before, after):
    """Return what a change of the values did to the metric's values in both arms."""
    pairs = [(before[key], after[key]) for key in ("control_mean", "treatment_mean")]
    if all(close(new, FACTOR * old, 1e-9) for old, new in pairs):
        return "scales"
    if all(close(new, old, 1e-9) for old, new in pairs):
        return "stays"
    (old, new), (other_old, other_new) = pairs
    return "shifts" if close(new - old, other_new - other_old, 1e-9) else None


def default_test(metric):
    return HOST.get("metric", metric).definition.default_test or default_of(HOST, "test")


@cache
def moves(metric):
    """Return the rules of `MOVES`; those of a third party's metric are seen from its own default test."""
    if metric in MOVES:
        return MOVES[metric]
    combination = metric, default_test(metric), "none"
    changed = [analyse_moved(*combination, change) for change in (scale, shift)]
    return tuple(rule(base(*combination), row) if row["status"] == "ok" else None for row in changed)


SCALED = [found for found in APPLICABLE if moves(found[0])[0]]
SHIFTED = [found for found in APPLICABLE if moves(found[0])[1]]


@pytest.mark.parametrize(("metric", "test", "adjuster"), SCALED)
def test_effect_follows_a_change_of_units(metric, test, adjuster):
    row, other = estimated(metric, test, adjuster), analyse_moved(metric, test, adjuster, scale)
    assert other["status"] == "ok", other["reason"]
    assert rule(row, other) == moves(metric)[0]
    if moves(metric)[0] == "stays":
        assert_same(row, other)
    elif moves(metric)[0] == "scales":
        follow(row, other, FACTOR)
        assert close(other["relative_lift"], row["relative_lift"], RTOL, 1.0)
    else:  # a logarithm: the values move by a constant
        follow(row, other, 1.0)


@pytest.mark.parametrize(("metric", "test", "adjuster"), SHIFTED)
def test_effect_is_invariant_to_a_constant_added_to_all_values(metric, test, adjuster):
    row, other = estimated(metric, test, adjuster), analyse_moved(metric, test, adjuster, shift)
    assert other["status"] == "ok", other["reason"]
    assert rule(row, other) == moves(metric)[1]
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
def test_result_is_invariant_to_frame_library_and_chunks(metric, test, adjuster):
    row = estimated(metric, test, adjuster)
    # One library per combination; all of them for all combinations in the slow version below.
    library = LIBRARIES[crc32(f"{metric} {test} {adjuster}".encode()) % len(LIBRARIES)]
    assert_same(row, analyse(library(data(metric)), metric, test, adjuster))


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@each_combination
def test_result_is_invariant_to_every_frame_library(metric, test, adjuster, library):
    row = estimated(metric, test, adjuster)
    assert_same(row, analyse(library(data(metric)), metric, test, adjuster))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("adjuster", ADJUSTERS)
def test_pushdown_engine_gives_the_same_result(metric, adjuster, tmp_path):
    test = default_test(metric)
    row = estimated(metric, test, adjuster)
    assert_same(row, analyse(in_a_file(data(metric), tmp_path), metric, test, adjuster))


@pytest.mark.slow
@pytest.mark.parametrize("alternative", ["greater", "less"])
@each_combination
def test_one_sided_intervals_are_open_and_agree_with_p(metric, test, adjuster, alternative):
    estimated(metric, test, adjuster)
    row = analyse(data(metric), metric, test, adjuster, alternative=alternative)
    bound, open_end = ("ci_lower", "ci_upper") if alternative == "greater" else ("ci_upper", "ci_lower")
    assert row[open_end] is None
    if row[bound] is not None:
        excluded = row[bound] > 0 if alternative == "greater" else row[bound] < 0
        assert excluded == (row["p_value"] < 0.05)


def test_everything_installed_is_in_the_suite():
    assert {metric for metric, _, _ in COMBINATIONS} == set(METRICS)
    assert {test for _, test, _ in COMBINATIONS} == set(TESTS)
    assert {adjuster for _, _, adjuster in COMBINATIONS} == set(ADJUSTERS)
    assert set(MOVES) <= set(METRICS)


@pytest.mark.install
def test_third_party_metrics_and_tests_pass_the_suite(tmp_path):
    python = environment(tmp_path / "venv", ["acme", "namesake_left", "namesake_right"])
    theirs = ["margin", "acme", "cautious", "popular", "everything_installed"]
    done = process(
        python, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-k", " or ".join(theirs),
        "-m", "not slow and not install", Path(__file__), cwd=Path(__file__).parents[1], timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    for name in ("margin-welch-lin", "acme/mean-cautious", "left/popular-bootstrap", "mean-cautious-cuped"):
        assert f"{name}" in done.stdout
