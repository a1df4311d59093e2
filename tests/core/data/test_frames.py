"""Frames of every library are opened alike, and their labels counted alike."""

import datetime

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from xpyrment_core.data.frames import absent, label_counts, select
from xpyrment_core.errors import InputError

DATA = {"variant": ["b", "a", None, "b"], "x": [1.0, 2.0, 3.0, 4.0]}
FRAME = pd.DataFrame(DATA)


@pytest.mark.parametrize(
    "data",
    [
        FRAME,
        FRAME.convert_dtypes(),
        FRAME.assign(variant=FRAME.variant.astype("category")),
        FRAME.assign(variant=FRAME.variant.astype(object)),
        pl.DataFrame(DATA),
        pl.LazyFrame(DATA),
        pl.DataFrame(DATA).with_columns(pl.col("variant").cast(pl.Categorical)),
        pa.table(DATA),
    ],
    ids=lambda data: type(data).__module__.split(".")[0],
)
def test_labels_are_counted_in_order_with_the_missing_last(data):
    counts = label_counts(select(data, [("Group column", "variant")]), "variant")
    assert list(counts.items()) == [("a", 1), ("b", 2), (None, 1)]


def test_a_lazy_relation_is_collected_for_the_columns_asked_for():
    with duckdb.connect() as connection:
        connection.register("frame", FRAME)
        table = select(connection.sql("select * from frame"), [("Group column", "variant")])
        assert label_counts(table, "variant") == {"a": 1, "b": 2, None: 1}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 0, np.nan, 1], {0: 1, 1: 2, None: 1}),
        ([True, False, None, True], {False: 1, True: 2, None: 1}),
        (pd.array([1, 0, None, 1], dtype="Int64"), {0: 1, 1: 2, None: 1}),
        ([1, "a", "a", 1], {1: 2, "a": 2}),
    ],
)
def test_labels_of_every_type_are_counted(labels, expected):
    assert label_counts(select(pd.DataFrame({"v": labels}), [("Group column", "v")]), "v") == expected


def test_only_the_columns_asked_for_are_kept_once_each():
    assert select(FRAME, [("A", "x"), ("B", "variant"), ("C", "x")]).columns == ["x", "variant"]


@pytest.mark.parametrize("value", [None, float("nan"), np.nan, pd.NA, pd.NaT])
def test_null_value_is_absent(value):
    assert absent(value)


@pytest.mark.parametrize("value", [0, "", False, "nan", datetime.date(2026, 1, 1)])
def test_what_is_empty_or_false_is_not_absent(value):
    assert not absent(value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (FRAME, r"Group column 'Variant' not found in the data; .*Did you mean 'variant'\?"),
        ([1, 2], "must be a frame .* got list"),
        (pl.Series([1, 2]), "must be a frame"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns of the data have the same name"),
    ],
)
def test_what_cannot_be_opened_is_named(data, message):
    with pytest.raises(InputError, match=message):
        select(data, [("Group column", "Variant")])
