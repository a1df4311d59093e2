"""Where a unit has several rows, variances are between units, as survey's ratio estimator has them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_frames.engine import FrameSource
from xpyrment_frames.keys import is_unique, unit_codes

# Same formula on both sides: only the order of summation differs.
RTOL = 1e-10

CASES = json.loads((Path(__file__).parents[1] / "oracles" / "ratio_survey.json").read_text())["cases"]
SUMS = RowSet("sums", ("num", "den"), (Term("num", "num"), Term("den", "den")))
MEAN = RowSet("mean", ("y",), (Term("y", "y"),))


def ask(data: Any, *row_sets: RowSet, arms: tuple[Any, ...] = ("a", "b"), unit_col: str | None = "u") -> Any:
    return FrameSource(data).moments(Query(treatment_col="v", arms=arms, row_sets=row_sets, unit_col=unit_col))


@pytest.mark.parametrize("case", [c for c in CASES if "num" in c["input"]], ids=lambda c: c["name"])
def test_a_ratio_has_the_standard_error_of_svyratio(case: dict[str, Any]) -> None:
    given = case["input"]
    data = pd.DataFrame({"u": given["unit"], "v": given["treat"], "num": given["num"], "den": given["den"]})
    reading = ask(data, SUMS, arms=(0, 1))
    for arm, name in enumerate(("control", "treatment")):
        found, wanted = reading.moments["sums", arm], case["expected"][name]
        assert found.n == reading.units.units[arm] == wanted["units"]
        assert reading.rows["sums", arm] == wanted["rows"]
        num, den = found.mean
        slope = np.array([1, -num / den]) / den
        assert num / den == pytest.approx(wanted["ratio"], rel=RTOL)
        assert math.sqrt(slope @ found.cov @ slope / found.n) == pytest.approx(wanted["se"], rel=RTOL)


@pytest.mark.parametrize("case", [c for c in CASES if "y" in c["input"]], ids=lambda c: c["name"])
def test_a_mean_over_rows_has_the_standard_error_of_clusters(case: dict[str, Any]) -> None:
    given = case["input"]
    data = pd.DataFrame({"u": given["unit"], "v": given["treat"], "y": given["y"]})
    reading = ask(data, MEAN, arms=(0, 1))
    for arm, name in enumerate(("control", "treatment")):
        found, wanted = reading.moments["mean", arm], case["expected"][name]
        assert found.mean[0] == pytest.approx(wanted["mean"], rel=RTOL)
        # One case has an offset of 1e6, which costs R the digits that it costs.
        assert math.sqrt(found.cov[0, 0] / found.n) == pytest.approx(wanted["se"], rel=1e-9)


def events(rows: int = 4000, seed: int = 0, units: int = 900) -> pd.DataFrame:
    """Return rows of units, with gaps in every column, strays in a second arm and rows without unit."""
    rng = np.random.default_rng(seed)
    unit = rng.integers(0, units, rows)
    labels = np.array(["a", "b", "c"], dtype=object)
    data = pd.DataFrame({"u": unit.astype(float), "v": labels[unit % 3]})
    stray = rng.uniform(size=rows) < 0.005
    data.loc[stray, "v"] = rng.choice(labels, stray.sum())
    data.loc[rng.uniform(size=rows) < 0.01, "v"] = None
    data.loc[rng.uniform(size=rows) < 0.02, "u"] = np.nan
    data["num"] = rng.normal(size=rows) + 1e6
    data["den"] = rng.poisson(3, rows)
    data["y"] = data["num"].where(rng.uniform(size=rows) > 0.2)
    data["x"] = pd.Series(rng.normal(size=rows)).where(rng.uniform(size=rows) > 0.1)
    data["g"] = rng.choice(np.array(["US", "DE", None], dtype=object), rows)
    return data


ADJUSTED = RowSet(
    "adjusted",
    ("y",),
    (
        Term("y", "y"),
        Term("x", "x", "filled"),
        Term("x?", "x", "missing"),
        Term("US", "g", "level", "US"),
        Term("g?", "g", "missing"),
    ),
)


def reference(data: pd.DataFrame, row_set: RowSet, arm: Any, shifts: Any) -> tuple[int, int, np.ndarray, np.ndarray]:
    """Return units, rows, means and covariances, by pandas and the formula of a ratio of sums."""
    rows = data[data["u"].notna()]
    arms_of = rows[rows["v"].notna()].groupby("u")["v"].nunique()
    rows = rows[rows["u"].map(arms_of).eq(1) & (rows["v"] == arm) & rows[list(row_set.required)].notna().all(axis=1)]
    terms = pd.DataFrame({"u": rows["u"], "rows": 1.0})
    for term in row_set.terms:
        column = rows[term.column]
        if term.kind == "level":
            terms[term.name] = (column == term.level).astype(float)
        elif term.kind == "missing":
            terms[term.name] = column.isna().astype(float)
        else:
            terms[term.name] = column.fillna(shifts[term.column]).astype(float)
    names = list(row_set.names)
    mean = terms[names].mean()
    terms[names] -= mean
    sums = terms.groupby("u").sum()
    # The linearised values of a ratio of sums: deviations summed per unit, over the mean number of rows.
    linear = (sums[names] / sums["rows"].mean()).to_numpy()
    return len(sums), len(rows), mean.to_numpy(), linear.T @ linear / (len(sums) - 1)


FORMS = {
    "pandas": lambda d: d,
    "pandas nullable": lambda d: d.convert_dtypes(),
    "pandas ids of text": lambda d: d.assign(u=[None if u != u else f"user {u:.0f}" for u in d["u"]]),
    "pandas ids of objects": lambda d: d.astype({"u": object}),
    "pandas categorical ids": lambda d: d.astype({"u": "category"}),
    "polars": pl.from_pandas,
    "polars ids of text": lambda d: pl.from_pandas(FORMS["pandas ids of text"](d)),
    "arrow in chunks": lambda d: pa.concat_tables(
        [pa.Table.from_pandas(part, preserve_index=False) for part in (d[:1700], d[1700:])]
    ),
    "arrow dictionary ids": lambda d: pa.Table.from_pandas(d).set_column(
        0, "u", pa.array(d["u"], from_pandas=True).dictionary_encode()
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_summed_per_unit_and_row_set(form: str) -> None:
    data = events()
    row_sets = (SUMS, MEAN, ADJUSTED)
    reading = ask(FORMS[form](data), *row_sets)
    assert reading.units.repeated
    for row_set in row_sets:
        for arm in ("a", "b"):
            units, rows, mean, cov = reference(data, row_set, arm, reading.shifts)
            found = reading.moments[row_set.key, arm]
            assert (found.n, reading.rows[row_set.key, arm]) == (units, rows)
            spread = np.sqrt(np.diag(cov))
            np.testing.assert_allclose(found.mean, mean, rtol=1e-13, atol=1e-12)
            np.testing.assert_allclose(found.cov / np.outer(spread, spread), cov / np.outer(spread, spread), atol=RTOL)


@pytest.mark.parametrize("form", FORMS)
def test_units_in_two_arms_and_rows_without_unit_are_left_out_and_counted(form: str) -> None:
    data = events()
    known = data[data["u"].notna() & data["v"].notna()]
    two = known.groupby("u")["v"].nunique().loc[lambda s: s > 1].index
    strays = data[data["u"].isin(two)]
    report = ask(FORMS[form](data), MEAN).units
    assert report.in_two_arms == len(two)
    assert report.rows_in_two_arms == {arm: int((strays["v"] == arm).sum()) for arm in ("a", "b")}
    assert report.rows_without_unit == {arm: int((data["u"].isna() & (data["v"] == arm)).sum()) for arm in ("a", "b")}
    kept = known[~known["u"].isin(two)]
    assert report.units == {arm: kept.loc[kept["v"] == arm, "u"].nunique() for arm in ("a", "b")}


IDS: dict[str, Any] = {
    "sorted": np.arange(300),
    "shuffled": np.random.default_rng(0).permutation(300),
    "huge": np.random.default_rng(0).permutation(300) * 2**50 - 2**60,
    "unsigned": np.arange(300, dtype=np.uint64)[::-1] + np.uint64(2**63),
    "floats": np.random.default_rng(0).permutation(300) / 7,
    "nullable": pd.array(np.random.default_rng(0).permutation(300) * 2**40, dtype="Int64"),
    "text": [f"{i * 7919 % 300}" for i in range(300)],
    "long text": [f"{'x' * 70}{i}" for i in range(300)],
    "empty text among them": ["" if i == 0 else "a" * i for i in range(60)] * 1,
    "objects": np.array([*range(150), *map(str, range(150))], dtype=object),
}


PANDAS_ONLY = ("objects", "nullable")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        *(pytest.param(pd.DataFrame, kind, id=f"pandas-{kind}") for kind in IDS),
        *(pytest.param(pl.DataFrame, kind, id=f"polars-{kind}") for kind in IDS if kind not in PANDAS_ONLY),
    ],
)
def test_units_with_one_row_each_are_rows(make: Any, kind: str) -> None:
    ids = IDS[kind]
    rng = np.random.default_rng(1)
    data = make({"u": ids, "v": rng.choice(["a", "b"], len(ids)), "y": rng.normal(size=len(ids))})
    with_unit, without = ask(data, MEAN), ask(data, MEAN, unit_col=None)
    assert not with_unit.units.repeated
    assert with_unit.units.units == {arm: without.rows["mean", arm] for arm in ("a", "b")}
    for key, moments in without.moments.items():
        np.testing.assert_allclose(with_unit.moments[key].m2, moments.m2, rtol=1e-14)


@pytest.mark.parametrize("kind", [k for k in IDS if k not in ("long text", "objects")])
def test_units_that_do_not_repeat_are_told_without_encoding_them(kind: str) -> None:
    column = pa.chunked_array([IDS[kind]]) if isinstance(IDS[kind], list) else IDS[kind]
    assert is_unique(column)


@settings(max_examples=200)
@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=30))
def test_ids_are_never_called_unique_when_they_are_not(ids: list[str | None]) -> None:
    there = [i for i in ids if i is not None]
    for kind in (pa.string(), pa.string_view()):
        column = pa.chunked_array([pa.array(ids, kind), pa.array(ids[:1], kind)])
        assert not (is_unique(column) and len(set(there)) < len(there) + len([i for i in ids[:1] if i is not None]))
    assert is_unique(pa.chunked_array([pa.array(ids, pa.string())])) == (len(set(there)) == len(there))


@settings(max_examples=100)
@given(st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62), st.integers(0, 5)), min_size=1, max_size=30))
def test_codes_are_equal_where_ids_are(ids: list[int | None]) -> None:
    for column in (
        pa.chunked_array([pa.array(ids, pa.int64())]),
        np.array(ids, dtype=object),
        *([np.array(ids)] if None not in ids else []),
    ):
        codes, count = unit_codes(column)
        assert all((code < 0) == (i is None) for code, i in zip(codes, ids, strict=True))
        assert max(codes, default=-1) < count
        pairs = {(int(code), i) for code, i in zip(codes, ids, strict=True)}
        assert len(pairs) == len({code for code, _ in pairs}) == len({i for _, i in pairs})


def test_a_unit_that_repeats_only_in_another_arm_leaves_rows_as_they_are() -> None:
    data = pd.DataFrame({"u": [1, 2, 3, 4, 5, 5], "v": ["a", "a", "b", "b", "c", "c"], "y": range(6)})
    reading = ask(data, MEAN)
    assert not reading.units.repeated
    assert reading.moments["mean", "a"].n == 2


def test_units_in_two_arms_alone_do_not_make_units_of_several_rows() -> None:
    data = pd.DataFrame({"u": [1, 2, 3, 4, 5, 5], "v": ["a", "a", "b", "b", "a", "b"], "y": range(6)})
    report = ask(data, MEAN).units
    assert (report.repeated, report.in_two_arms) == (False, 1)
    assert report.rows_in_two_arms == {"a": 1, "b": 1}


def test_samples_carry_the_unit_of_each_row() -> None:
    data = events()
    query = Query(treatment_col="v", arms=("a", "b"), row_sets=(MEAN,), unit_col="u")
    source = FrameSource(data)
    samples, reading = source.samples(query), source.moments(query)
    for arm in ("a", "b"):
        sample = samples["mean", arm]
        assert sample.n == reading.rows["mean", arm]
        assert len(np.unique(sample.units)) == reading.moments["mean", arm].n
        assert sample.columns["y"].mean() == pytest.approx(reading.moments["mean", arm].mean[0], rel=1e-14)


def test_infinities_of_both_signs_in_one_unit_do_not_pass_for_missing() -> None:
    data = pd.DataFrame({"u": [1, 1, 2, 3, 3, 4], "v": list("aaabbb"), "y": [np.inf, -np.inf, 1.0, 1.0, 2.0, 3.0]})
    reading = ask(data, MEAN)
    assert not np.isfinite(reading.moments["mean", "a"].mean[0])
    assert reading.moments["mean", "b"].mean[0] == 2.0


@pytest.mark.parametrize("make", [lambda d: d, pl.from_pandas, lambda d: d.convert_dtypes()])
def test_rows_without_a_unit_are_left_out_where_units_do_not_repeat(make: Any) -> None:
    data = pd.DataFrame({"u": [3.0, np.nan, 1.0, 2.0, np.nan, 9.0], "v": list("aaabbb"), "y": np.arange(6.0)})
    reading = ask(make(data), MEAN)
    assert not reading.units.repeated
    assert reading.units.units == {"a": 2, "b": 2}
    assert reading.units.rows_without_unit == {"a": 1, "b": 1}
    assert [reading.moments["mean", arm].mean[0] for arm in ("a", "b")] == [1.0, 4.0]


@pytest.mark.parametrize("make", [lambda d: d, pl.from_pandas])
def test_a_frame_without_rows_has_no_units(make: Any) -> None:
    empty = pd.DataFrame({"u": pd.Series([], dtype=object), "v": pd.Series([], dtype=object), "y": []})
    report = ask(make(empty), MEAN).units
    assert (report.units, report.in_two_arms) == ({"a": 0, "b": 0}, 0)


def test_a_row_set_of_nothing_but_its_rows_counts_them() -> None:
    data = pd.DataFrame({"u": [1, 1, 2, 3], "v": list("aaab"), "y": np.arange(4.0)})
    rows = RowSet("rows", (), ())
    assert ask(data, rows).rows == {("rows", "a"): 3, ("rows", "b"): 1}
    assert ask(data, rows, unit_col=None).moments["rows", "a"].n == 3


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "int64"])
def test_unit_ids_over_the_whole_range_of_their_type_are_kept(dtype):
    ids = np.tile(np.arange(0, 256) if dtype == "uint8" else np.arange(-128, 128), 2)
    codes, bound = unit_codes(ids.astype(dtype))
    assert codes.min() == 0
    assert bound == codes.max() + 1 == 256
    assert np.array_equal(codes[:256], np.arange(256))
