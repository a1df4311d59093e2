"""Numbers and labels of a column do not depend on its type and library."""

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_core.errors import InputError
from xpyrment_frames.engine import FramesEngine, FrameSource

NUMBERS = [3.0, None, 1.0, 4.0, 1.0, 5.0]
STR = pd.StringDtype("pyarrow", na_value=np.nan)  # what pandas 3 calls "str"
OBSERVED = [3.0, 1.0, 4.0, 1.0, 5.0]
TEXTS = ["b", "a", None, "b", "b", "é — longer than a string view"]


def numbers() -> dict[str, Any]:
    """Return the same numbers as a column of every type that holds them."""
    whole = [None if v is None else int(v) for v in NUMBERS]
    return {
        "numpy float64": np.array(NUMBERS, dtype=float),
        "numpy float32": np.array(NUMBERS, dtype=np.float32),
        "pandas Int64": pd.array(whole, dtype="Int64"),
        "pandas UInt8": pd.array(whole, dtype="UInt8"),
        "pandas Float32": pd.array(NUMBERS, dtype="Float32"),
        "pandas arrow int": pd.array(whole, dtype=pd.ArrowDtype(pa.int16())),
        "pandas arrow decimal": pd.array(
            [None if v is None else Decimal(v) for v in whole], dtype=pd.ArrowDtype(pa.decimal128(9, 2))
        ),
        "pandas object ints": np.array(whole, dtype=object),
        "pandas object Decimals": np.array([None if v is None else Decimal(v) for v in whole], dtype=object),
        "pandas object mixed": np.array([3, None, True, np.float64(4), Decimal(1), 5.0], dtype=object),
        "pandas object with NA": np.array([3, pd.NA, 1, 4, 1, 5], dtype=object),
        "pandas categorical": pd.Categorical(NUMBERS),
        "polars Int64": pl.Series(whole),
        "polars Float64": pl.Series([3.0, float("nan"), 1.0, 4.0, 1.0, 5.0]),
        "polars Decimal": pl.Series([None if v is None else Decimal(v) for v in whole]),
        "arrow float16": pa.array(np.array([3, np.nan, 1, 4, 1, 5], dtype=np.float16)),
        "arrow uint64": pa.array(whole, pa.uint64()),
        "arrow dictionary": pa.array(NUMBERS, pa.float64()).dictionary_encode(),
        "arrow decimal256": pa.array([None if v is None else Decimal(v) for v in whole], pa.decimal256(40, 3)),
        "arrow null and NaN": pa.array([3.0, None, 1.0, 4.0, 1.0, 5.0], pa.float32()),
    }


def texts() -> dict[str, Any]:
    """Return the same labels as a column of every type that holds them."""
    levels = [t for t in dict.fromkeys(TEXTS) if t is not None]
    return {
        "pandas str": pd.array(TEXTS, dtype=STR),
        "pandas string python": pd.array(TEXTS, dtype=pd.StringDtype("python")),
        "pandas string arrow": pd.array(TEXTS, dtype=pd.StringDtype("pyarrow")),
        "pandas arrow": pd.array(TEXTS, dtype=pd.ArrowDtype(pa.large_string())),
        "pandas object": np.array(TEXTS, dtype=object),
        "pandas object with NaN": np.array([np.nan if t is None else t for t in TEXTS], dtype=object),
        "pandas categorical": pd.Categorical(TEXTS, categories=["unused", *levels]),
        "polars String": pl.Series(TEXTS),
        "polars Categorical": pl.Series(TEXTS, dtype=pl.Categorical),
        "polars Enum": pl.Series(TEXTS, dtype=pl.Enum([*levels, "unused"])),
        "arrow string": pa.array(TEXTS, pa.string()),
        "arrow string view": pa.array(TEXTS, pa.string_view()),
        "arrow dictionary": pa.array(TEXTS).dictionary_encode(),
    }


def framed(column: Any, **others: Any) -> Any:
    """Return a frame of the column's own library."""
    if isinstance(column, pl.Series):
        return pl.DataFrame({"x": column, **others})
    if isinstance(column, pa.Array):
        return pa.table({"x": column, **others})
    return pd.DataFrame({"x": column, **others})


def moments_of(data: Any) -> Any:
    row_set = RowSet("x", ("x",), (Term("x", "x"),))
    return FrameSource(data).moments(Query(treatment_col="v", arms=("a",), row_sets=(row_set,))).moments["x", "a"]


@pytest.mark.parametrize("kind", numbers())
def test_numbers_are_read_from_every_type(kind: str) -> None:
    data = framed(numbers()[kind], v=["a"] * len(NUMBERS))
    assert FrameSource(data).schema()["x"] == "number"
    found = moments_of(data)
    assert found.n == len(OBSERVED)
    assert found.mean[0] == pytest.approx(np.mean(OBSERVED), rel=1e-15)
    assert found.cov[0, 0] == pytest.approx(np.var(OBSERVED, ddof=1), rel=1e-15)


@pytest.mark.parametrize("kind", texts())
def test_labels_are_counted_in_every_type(kind: str) -> None:
    source = FrameSource(framed(texts()[kind]))
    assert source.schema() == {"x": "text"}
    found = source.labels("x")
    assert list(found.items()) == [("a", 1), ("b", 3), ("é — longer than a string view", 1), (None, 1)]
    assert all(type(label) is str for label in found if label is not None)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (np.array([True, False]), "boolean"),
        (pd.array([True, None], dtype="boolean"), "boolean"),
        (np.array([True, None], dtype=object), "boolean"),
        (pl.Series([True, None]), "boolean"),
        (pd.Categorical([True, False]), "boolean"),
        (np.array([None, None], dtype=object), "number"),
        (pa.nulls(2), "number"),
        (np.array(["2024-01-01", "NaT"], dtype="datetime64[ns]"), "other"),
        (pl.Series([datetime.date(2024, 1, 1), None]), "other"),
        (pa.array([b"x", None]), "other"),
        (np.array([1j, 2]), "other"),
        (np.array([1, "x"], dtype=object), "other"),
        (np.array([[1], [2, 3]], dtype=object), "other"),
        (pd.Categorical(pd.to_datetime(["2024-01-01", "2024-01-02"])), "other"),
        (pd.to_datetime(["2024-01-01", None], utc=True), "other"),
        (pd.period_range("2024-01", periods=2, freq="M"), "other"),
        (pd.arrays.SparseArray([0.0, 1.0]), "number"),
    ],
    ids=str,
)
def test_what_is_a_number_is_told_by_type_and_of_objects_by_value(column: Any, kind: str) -> None:
    assert FrameSource(framed(column)).schema() == {"x": kind}


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (np.array([2, 1, 2]), {1: 1, 2: 2}),
        (np.array([2.0, np.nan, 2.0]), {2.0: 2, None: 1}),
        (np.array([True, False, True]), {False: 1, True: 2}),
        (pd.array([1, None, 0], dtype="Int8"), {0: 1, 1: 1, None: 1}),
        (np.array([10, "9", None], dtype=object), {10: 1, "9": 1, None: 1}),
        (pl.Series([True, None, True]), {True: 2, None: 1}),
        (pa.array([2.5, float("nan"), None]), {2.5: 1, None: 2}),
        (pa.chunked_array([pa.array(c).dictionary_encode() for c in (["x", "y"], ["y"])]), {"x": 1, "y": 2}),
    ],
    ids=str,
)
def test_labels_are_python_objects_in_order_with_missing_last(column: Any, wanted: dict[Any, int]) -> None:
    data = pa.table({"x": column}) if isinstance(column, pa.ChunkedArray) else framed(column)
    found = FrameSource(data).labels("x")
    assert list(found.items()) == list(wanted.items())
    assert [type(label) for label in found] == [type(label) for label in wanted]


def test_many_labels_are_told_apart() -> None:
    texts = [f"user {i % 1000}" for i in range(5000)]
    for column in (pd.array(texts, dtype=STR), np.array(texts, dtype=object), pl.Series(texts)):
        assert FrameSource(framed(column)).labels("x") == dict(sorted((t, 5) for t in set(texts)))


@pytest.mark.parametrize("late", ["late", None, "a label that does not fit into a string view"])
@pytest.mark.parametrize("make", [lambda t: pd.array(t, dtype=STR), pl.Series, pa.array])
def test_a_label_that_first_appears_late_is_found(late: str | None, make: Any) -> None:
    found = FrameSource(framed(make(["a", "b"] * 50_000 + [late]))).labels("x")
    assert found == {"a": 50_000, "b": 50_000, late: 1}


def test_a_late_number_is_found_too() -> None:
    assert FrameSource(framed(np.array([0, 1] * 50_000 + [7]))).labels("x") == {0: 50_000, 1: 50_000, 7: 1}


@pytest.mark.parametrize(
    "data", [pd.DataFrame({"x": []}), pl.DataFrame({"x": []}), pa.table({"x": pa.array([], "str")})]
)
def test_an_empty_frame_has_no_labels(data: Any) -> None:
    assert FrameSource(data).labels("x") == {}


def test_frames_are_recognised_by_name_and_other_data_are_left_to_other_engines() -> None:
    class Mine(pd.DataFrame):
        pass

    engine = FramesEngine()
    assert all(engine.accepts(f) for f in (pd.DataFrame(), Mine(), pl.DataFrame(), pa.table({"x": [1]})))
    assert not any(engine.accepts(d) for d in (pl.LazyFrame(), pd.Series([1]), "data.csv", {"x": [1]}, np.eye(2), None))


def test_a_frame_with_two_columns_of_one_name_is_refused() -> None:
    with pytest.raises(InputError, match="not unique"):
        FramesEngine().open(pd.DataFrame([[1, 2]], columns=["x", "x"]))


def test_an_unknown_column_is_named_with_its_nearest_neighbour() -> None:
    with pytest.raises(InputError, match="Did you mean 'revenue'"):
        FrameSource(pd.DataFrame({"revenue": [1.0]})).labels("revenu")


def test_text_is_refused_where_numbers_are_wanted() -> None:
    with pytest.raises(InputError, match="'x' is text, expected numbers"):
        moments_of(pd.DataFrame({"x": ["1"], "v": ["a"]}))


@pytest.mark.parametrize("kind", [pa.int32(), pa.uint8(), pa.float32(), pa.float64()], ids=str)
@pytest.mark.parametrize(("start", "length"), [(0, 999), (1, 7), (3, 500), (8, 1), (13, 986), (500, 0)])
def test_a_slice_of_an_arrow_column_starts_where_it_says(kind: pa.DataType, start: int, length: int) -> None:
    values = [None if i % 3 == 0 else i % 200 for i in range(999)]
    column = pa.array(values, kind).slice(start, length)
    there = [v for v in values[start : start + length] if v is not None]
    found = moments_of(pa.table({"x": column, "v": ["a"] * length}))
    assert found.n == len(there)
    if there:
        assert found.mean[0] == pytest.approx(np.mean(there), rel=1e-15)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
@pytest.mark.parametrize("gaps", [False, True])
def test_a_slice_of_an_arrow_column_of_text_has_its_own_labels(kind: pa.DataType, gaps: bool) -> None:
    texts = [None if gaps and i % 7 == 0 else "control" if i % 2 else "treatment" for i in range(9999)]
    part = texts[501:9000]
    wanted = {t: part.count(t) for t in ("control", "treatment", None) if t in part}
    assert FrameSource(pa.table({"x": pa.array(texts, kind).slice(501, len(part))})).labels("x") == wanted
