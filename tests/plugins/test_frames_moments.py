"""Moments of frames in memory equal plain sums in extended precision."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpyrment_frames.parallel as parallel
import xpyrment_frames.products as products
from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_frames.engine import FrameSource

# Relative to the standard deviations involved: what the project promises across engines is 1e-10.
RTOL = 1e-13

NAMES = ("y0", "y1", "y2")


def witness(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means and sums of products of deviations in long double, by two passes."""
    wide = rows.astype(np.longdouble)
    mean = wide.mean(axis=0)
    return mean, (wide - mean).T @ (wide - mean)


def check(found: Any, rows: np.ndarray, rtol: float = RTOL) -> None:
    """Hold moments against the witness."""
    assert found.n == len(rows)
    if not len(rows):
        return
    mean, m2 = witness(rows)
    spread = np.sqrt(np.diag(m2).astype(float))
    # A mean cannot be better than the float64 nearest to it, nor deviations than the mean.
    nearest = np.abs(mean.astype(float)) * np.finfo(float).eps
    noise = len(rows) * np.outer(nearest, nearest)
    assert np.all(np.abs(found.m2 - m2) <= rtol * np.outer(spread, spread) + 8 * noise)
    assert np.all(np.abs(found.mean - mean) <= rtol * spread / np.sqrt(len(rows)) + nearest)


def ask(data: Any, arms: tuple[Any, ...], *row_sets: RowSet) -> Any:
    return FrameSource(data).moments(Query(treatment_col="v", arms=arms, row_sets=row_sets))


def all_of(names: tuple[str, ...] = NAMES) -> RowSet:
    return RowSet("all", names, tuple(Term(name, name) for name in names))


def frame(rows: int, arms: int, seed: int = 0, offset: float = 1e9) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(rows, len(NAMES)))
    base[:, 1] += 0.5 * base[:, 0]
    return pd.DataFrame(base + offset, columns=list(NAMES)).assign(v=rng.integers(0, arms, rows))


@pytest.mark.parametrize("rows", [1, 2, 50, 4097, 100_003])
@pytest.mark.parametrize("arms", [1, 2, 3, 4, 5, 6, 7])
def test_any_number_of_arms_and_rows(rows: int, arms: int) -> None:
    data = frame(rows, arms)
    reading = ask(data, tuple(range(arms)), all_of())
    for arm in range(arms):
        check(reading.moments["all", arm], data.loc[data["v"] == arm, list(NAMES)].to_numpy())
    assert reading.passes == 1 or rows < 50


@pytest.mark.parametrize("share", [1e-4, 0.5])
def test_a_small_arm_keeps_its_digits_beside_a_large_one(share: float) -> None:
    data = frame(200_000, 1)
    data["v"] = np.random.default_rng(3).uniform(size=len(data)) < share
    reading = ask(data, (False, True), all_of())
    for arm in (False, True):
        check(reading.moments["all", arm], data.loc[data["v"] == arm, list(NAMES)].to_numpy())


def test_an_outlier_of_one_arm_does_not_cost_the_others_digits() -> None:
    data = frame(10_000, 3, offset=0.0)
    data.loc[data.index[data["v"] == 0][0], "y0"] = 1e15
    data.loc[data.index[data["v"] == 2][0], "y1"] = -1e12
    reading = ask(data, (0, 1), all_of())
    check(reading.moments["all", 1], data.loc[data["v"] == 1, list(NAMES)].to_numpy())


def test_rows_of_other_arms_and_without_label_never_count() -> None:
    data = frame(5000, 4).astype({"v": float})
    data.loc[::7, "v"] = np.nan
    data.loc[data["v"] == 3, "y0"] = np.inf
    data.loc[data["v"].isna(), "y1"] = np.nan
    reading = ask(data, (2, 0), all_of())
    for arm in (0, 2):
        check(reading.moments["all", arm], data.loc[data["v"] == arm, list(NAMES)].to_numpy())


def test_an_arm_without_rows_has_empty_moments() -> None:
    data = pd.DataFrame({"y0": [np.nan, 1.0, 2.0], "v": ["a", "b", "b"]})
    reading = ask(data, ("a", "b", "none"), all_of(("y0",)))
    assert [reading.moments["all", arm].n for arm in ("a", "b", "none")] == [0, 2, 0]
    assert reading.moments["all", "a"].columns == ("y0",)


@pytest.mark.parametrize("empty", [pd.DataFrame({"y0": [], "v": []}), pl.DataFrame({"y0": [], "v": []})])
def test_a_frame_without_rows_has_empty_moments(empty: Any) -> None:
    data = empty.astype({"y0": float}) if isinstance(empty, pd.DataFrame) else empty.cast({"y0": pl.Float64})
    assert ask(data, ("a",), all_of(("y0",))).moments["all", "a"].n == 0


def mixed(rows: int, arms: int = 2, seed: int = 1) -> pd.DataFrame:
    """Return columns that miss values each in their own rows, some of them only late in the data."""
    rng = np.random.default_rng(seed)
    data = frame(rows, arms, seed)
    data["y1"] = data["y1"].where(rng.uniform(size=rows) > 0.1)
    data["y2"] = data["y2"].where((np.arange(rows) < 0.8 * rows) | (rng.uniform(size=rows) > 0.5))
    data["x"] = rng.normal(size=rows)
    data.loc[rng.uniform(size=rows) < 0.05, "x"] = np.nan
    data["g"] = rng.choice(np.array(["US", "DE", None], dtype=object), rows)
    return data


SETS = (
    *(RowSet(name, (name,), (Term(name, name),)) for name in NAMES),
    RowSet(
        "adjusted",
        ("y1",),
        (
            Term("y1", "y1"),
            Term("x", "x", "filled"),
            Term("x?", "x", "missing"),
            Term("US", "g", "level", "US"),
            Term("g?", "g", "missing"),
        ),
    ),
    RowSet("ratio", ("y1", "y2"), (Term("y1", "y1"), Term("y2", "y2"))),
    RowSet("balance", (), (Term("x", "x", "filled"), Term("x?", "x", "missing"), Term("DE", "g", "level", "DE"))),
    RowSet("has a country", ("g",), (Term("y0", "y0"),)),
)


def expected_rows(data: pd.DataFrame, row_set: RowSet, arm: Any, shifts: Any) -> np.ndarray:
    """Return the terms of a row set's complete rows, made by pandas."""
    rows = data[(data["v"] == arm) & data[list(row_set.required)].notna().all(axis=1)]
    columns = []
    for term in row_set.terms:
        column = rows[term.column]
        if term.kind == "level":
            columns.append((column == term.level).to_numpy(dtype=float))
        elif term.kind == "missing":
            columns.append(column.isna().to_numpy(dtype=float))
        else:
            columns.append(column.fillna(shifts.get(term.column, 0.0)).to_numpy(dtype=float))
    return np.column_stack(columns)


@pytest.mark.parametrize("arms", [2, 3])
@pytest.mark.parametrize("make", [lambda d: d, pl.from_pandas, lambda d: d.convert_dtypes(dtype_backend="pyarrow")])
def test_each_row_set_has_its_own_complete_rows(arms: int, make: Any) -> None:
    data = mixed(70_000, arms)
    reading = ask(make(data), tuple(range(arms)), *SETS)
    assert reading.passes == 1
    for row_set in SETS:
        for arm in range(arms):
            rows = expected_rows(data, row_set, arm, reading.shifts)
            check(reading.moments[row_set.key, arm], rows, rtol=1e-12)
            assert reading.rows[row_set.key, arm] == len(rows)


def test_null_and_nan_are_both_missing() -> None:
    data = pa.table({"y0": pa.array([1.0, None, float("nan"), 4.0]), "v": ["a"] * 4})
    assert ask(data, ("a",), all_of(("y0",))).moments["all", "a"].n == 2


def test_an_infinity_spoils_its_own_column_in_its_own_arm_only() -> None:
    data = frame(1000, 2, offset=0.0)
    data.loc[data.index[data["v"] == 1][0], "y0"] = -np.inf
    row_sets = tuple(RowSet(name, (name,), (Term(name, name),)) for name in NAMES)
    reading = ask(data, (0, 1), *row_sets)
    assert not np.isfinite(reading.moments["y0", 1].mean[0])
    check(reading.moments["y0", 0], data.loc[data["v"] == 0, ["y0"]].to_numpy())
    check(reading.moments["y1", 1], data.loc[data["v"] == 1, ["y1"]].to_numpy())
    found = FrameSource(data).infinite(["y0", "y1"], "v")
    assert found == {("y0", 0): 0, ("y0", 1): 1, ("y1", 0): 0, ("y1", 1): 0}


def test_squares_that_overflow_in_one_arm_leave_the_other_alone() -> None:
    data = frame(1000, 2, offset=0.0)
    data.loc[data["v"] == 1, "y0"] = 1e200
    data.loc[data.index[data["v"] == 1][0], "y0"] = -1e200
    reading = ask(data, (0, 1), all_of())
    assert not np.isfinite(reading.moments["all", 1].m2[0, 0])
    check(reading.moments["all", 0], data.loc[data["v"] == 0, list(NAMES)].to_numpy())


@pytest.mark.parametrize(
    "column",
    [
        2**53 - np.arange(3000),
        np.arange(3000, dtype=np.uint64) + np.uint64(2**60),
        np.linspace(0, 1, 3000, dtype=np.float32),
        np.arange(3000) % 7 == 0,
        (np.arange(3000) % 100).astype(np.uint8),
        np.full(3000, 3.3),
        np.r_[np.full(1500, 3.3), np.full(1500, 1e7)],
    ],
    ids=["int64 near 2**53", "uint64", "float32", "bool", "uint8", "constant", "constant per arm"],
)
def test_products_are_formed_in_float64(column: np.ndarray) -> None:
    data = pd.DataFrame({"y0": column, "v": np.arange(3000) >= 1500})
    reading = ask(data, (False, True), all_of(("y0",)))
    for arm in (False, True):
        check(reading.moments["all", arm], column[data["v"] == arm].astype(np.float64)[:, None])


def test_a_column_whose_arms_are_worlds_apart_is_read_again() -> None:
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"v": np.arange(5000) % 2, "y0": rng.normal(size=5000)})
    data["y0"] += data["v"] * 1e9
    reading = ask(data, (0, 1), all_of(("y0",)))
    assert reading.passes > 1
    for arm in (0, 1):
        check(reading.moments["all", arm], data.loc[data["v"] == arm, ["y0"]].to_numpy())


def test_column_that_starts_with_nulls_finds_its_shift() -> None:
    values = np.full(200_000, np.nan)
    values[123_457:123_460] = 1e9 + np.array([0.25, 0.5, 1.0])
    reading = ask(pd.DataFrame({"y0": values, "v": "a"}), ("a",), all_of(("y0",)))
    check(reading.moments["all", "a"], values[~np.isnan(values)][:, None])


def test_result_is_invariant_to_chunk_borders() -> None:
    data = frame(100_000, 3)
    cuts = [0, 0, 1, 700, 32_768, 32_769, 65_000, 100_000]
    parts = [pa.Table.from_pandas(data.iloc[a:b], preserve_index=False) for a, b in pairwise(cuts)]
    whole, pieces = (ask(d, (0, 1, 2), all_of()) for d in (data, pa.concat_tables(parts)))
    for arm in range(3):
        np.testing.assert_array_equal(whole.moments["all", arm].m2, pieces.moments["all", arm].m2)


def test_a_frame_laid_out_by_rows_is_read_as_it_lies() -> None:
    base = np.random.default_rng(0).normal(size=(1000, 3))
    data = pd.DataFrame(base, columns=list(NAMES)).assign(v="a")
    check(ask(data, ("a",), all_of()).moments["all", "a"], base)


def test_result_is_invariant_to_row_order_up_to_rounding() -> None:
    data = mixed(20_000)
    moved = data.sample(frac=1.0, random_state=1)
    first, second = (ask(d, (0, 1), *SETS[:3]) for d in (data, moved))
    for key, moments in first.moments.items():
        np.testing.assert_allclose(second.moments[key].m2, moments.m2, rtol=1e-12)


@pytest.mark.parametrize("arms", [2, 3])
def test_result_is_identical_for_any_number_of_threads(arms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = mixed(150_000, arms)
    readings = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(parallel, "threads_for", lambda rows, threads=threads: threads)
        readings.append(ask(data, tuple(range(arms)), *SETS))
    for key, moments in readings[0].moments.items():
        for other in readings[1:]:
            np.testing.assert_array_equal(other.moments[key].m2, moments.m2)


def test_a_failure_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(start: int, stop: int) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        parallel.by_segment(10, 1, lambda: fail, threads=2)


def test_metrics_without_anything_in_common_are_not_multiplied() -> None:
    widths = []
    add = products.add_gram

    def watched(values: np.ndarray, out: np.ndarray) -> None:
        widths.append(len(values))
        add(values, out)

    names = tuple(f"m{i}" for i in range(50))
    data = pd.DataFrame(np.random.default_rng(0).normal(size=(2000, 50)), columns=list(names)).assign(v="a")
    row_sets = tuple(RowSet(name, (name,), (Term(name, name),)) for name in names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "add_gram", watched)
        reading = ask(data, ("a",), *row_sets)
    assert sum(width * width for width in widths) < 50 * 51 * 51 / 25
    for name in names:
        check(reading.moments[name, "a"], data[[name]].to_numpy())


def test_wide_row_sets_are_exact_too() -> None:
    names = tuple(f"m{i}" for i in range(60))
    data = pd.DataFrame(np.random.default_rng(0).normal(size=(9001, 60)) + 1e6, columns=list(names)).assign(v="a")
    check(ask(data, ("a",), all_of(names)).moments["all", "a"], data[list(names)].to_numpy())


value = st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-9, 9).map(float), st.just(float("nan")))


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), value, value), min_size=1, max_size=40),
    offset=st.sampled_from([0.0, 1e9]),
    polars=st.booleans(),
)
def test_each_row_set_counts_its_complete_rows(rows: list[tuple[Any, Any, Any]], offset: float, polars: bool) -> None:
    def shifted(at: int) -> list[float | None]:
        return [None if row[at] is None else row[at] + offset for row in rows]

    columns = {"v": [row[0] for row in rows], "y0": shifted(1), "y1": shifted(2)}
    plain = pd.DataFrame(columns).astype({"y0": float, "y1": float, "v": object})
    types = {"v": pl.String, "y0": pl.Float64, "y1": pl.Float64}
    data = pl.DataFrame(columns, schema=types, strict=False) if polars else plain
    row_sets = (all_of(("y0",)), RowSet("both", ("y0", "y1"), (Term("y0", "y0"), Term("y1", "y1"))))
    reading = ask(data, ("a", "b"), *row_sets)
    for row_set in row_sets:
        for arm in ("a", "b"):
            wanted = expected_rows(plain, row_set, arm, {})
            found = reading.moments[row_set.key, arm]
            assert found.n == len(wanted)
            if found.n:
                mean, m2 = witness(wanted)
                # A shift is common to all arms: what is kept is relative to the column, not to one arm's values.
                spread = np.nanmax(np.abs(plain[["y0", "y1"]].to_numpy() - offset)) + 1e-300
                np.testing.assert_allclose(found.mean, mean.astype(float), rtol=1e-12, atol=1e-13 * spread)
                np.testing.assert_allclose(found.m2, m2.astype(float), rtol=1e-9, atol=1e-12 * len(wanted) * spread**2)
