"""The rest of what a source answers: samples, values outside a set, and what it is about to do."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_frames.engine import FrameSource

DATA = pd.DataFrame(
    {
        "v": ["a", "b", None, "a", "b", "c"],
        "y": [1.0, 2.0, 3.0, np.nan, 5.0, 6.0],
        "x": [10.0, np.nan, 30.0, 40.0, 50.0, 60.0],
        "g": ["US", "DE", "US", None, None, "DE"],
    }
)
ROWS = RowSet(
    "y", ("y",), (Term("y", "y"), Term("x", "x", "filled"), Term("x?", "x", "missing"), Term("DE", "g", "level", "DE"))
)
QUERY = Query(treatment_col="v", arms=("b", "a"), row_sets=(ROWS,))
FORMS = [DATA, pl.from_pandas(DATA), pa.Table.from_pandas(DATA)]


@pytest.mark.parametrize("data", FORMS, ids=["pandas", "polars", "pyarrow"])
def test_samples_are_the_terms_of_complete_rows_in_the_data_s_own_units(data: Any) -> None:
    source = FrameSource(data)
    shift = source.moments(QUERY).shifts["x"]
    found = source.samples(QUERY)["y", "b"]
    assert {name: values.tolist() for name, values in found.columns.items()} == {
        "y": [2.0, 5.0],
        "x": [shift, 50.0],
        "x?": [1.0, 0.0],
        "DE": [1.0, 0.0],
    }
    assert found.units is None
    assert source.samples(QUERY)["y", "a"].columns["y"].tolist() == [1.0]


@pytest.mark.parametrize("data", FORMS, ids=["pandas", "polars", "pyarrow"])
def test_values_that_are_not_allowed_are_named(data: Any) -> None:
    source = FrameSource(data)
    assert source.values_outside("y", (1.0, 2.0)) == (3.0, 5.0, 6.0)
    assert source.values_outside("y", (1.0, 2.0), limit=2) == (3.0, 5.0)
    assert source.values_outside("y", (1.0, 2.0, 3.0, 5.0, 6.0)) == ()


def test_an_infinite_value_is_not_allowed_either() -> None:
    assert FrameSource(pd.DataFrame({"y": [0, np.inf, 1]})).values_outside("y", (0.0, 1.0)) == (np.inf,)


def test_explain_says_what_is_read_and_how_often() -> None:
    text = FrameSource(FORMS[1]).explain(QUERY)
    assert "polars frame" in text
    assert "one pass" in text
    assert all(column in text for column in ("v", "y", "x", "g"))
    assert "'u'" in FrameSource(DATA.assign(u=1)).explain(
        Query(treatment_col="v", arms=("a", "b"), row_sets=(ROWS,), unit_col="u")
    )


def test_the_frame_is_left_as_it_was() -> None:
    before = DATA.copy(deep=True)
    source = FrameSource(DATA)
    source.labels("v")
    source.moments(QUERY)
    source.samples(QUERY)
    pd.testing.assert_frame_equal(DATA, before)


def test_the_schema_is_a_mapping_that_looks_when_asked() -> None:
    class Unlooked:
        """Stands for something that must not be looked at."""

        def __float__(self) -> float:
            raise AssertionError("looked at")

    schema = FrameSource(DATA.assign(odd=[Unlooked()] * len(DATA))).schema()
    assert schema["y"] == "number"
    assert ("odd" in schema, "none" in schema, len(schema)) == (True, False, 5)
    with pytest.raises(KeyError):
        schema["none"]
    assert repr(FrameSource(DATA).schema()) == repr(dict(FrameSource(DATA).schema()))


def test_booleans_are_never_odd_values_of_a_proportion() -> None:
    source = FrameSource(pd.DataFrame({"y": [True, False]}))
    assert source.values_outside("y", (0.0, 1.0)) == ()
    assert source.values_outside("y", (0.0,)) == (1.0,)


def test_a_second_pass_keeps_what_stands_for_missing() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"v": np.arange(3000) % 2, "y": rng.normal(size=3000), "x": rng.normal(size=3000)})
    data["y"] += 1e9 * data["v"]  # no shift is near both arms
    data["x"] = (data["x"] + 50).where(rng.uniform(size=3000) > 0.1)
    row_set = RowSet("y", ("y",), (Term("y", "y"), Term("x", "x", "filled"), Term("x?", "x", "missing")))
    reading = FrameSource(data).moments(Query(treatment_col="v", arms=(0, 1), row_sets=(row_set,)))
    assert reading.passes > 1
    for arm in (0, 1):
        rows = data[data["v"] == arm]
        filled = rows["x"].fillna(reading.shifts["x"])
        found = reading.moments["y", arm]
        assert found.mean[1] == pytest.approx(filled.mean(), rel=1e-13)
        assert found.cov[1, 1] == pytest.approx(filled.var(), rel=1e-12)
        assert found.mean[2] == pytest.approx(rows["x"].isna().mean(), rel=1e-13)
