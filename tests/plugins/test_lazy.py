"""Lazy frames: what is accepted and refused, and what is said when the library behind them fails."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from processes import script
from small_data import frame, query
from xpyrment_core.errors import EngineError, InputError
from xpyrment_core.experiment.setup import run_analysis, setup
from xpyrment_core.experiment.state import ExperimentState
from xpyrment_lazy.engine import LazyEngine

pl = pytest.importorskip("polars")

JAVA = pytest.mark.skipif(shutil.which("java") is None, reason="PySpark needs Java, and none was found on the PATH")


def test_lazy_frames_are_accepted_and_eager_ones_are_not() -> None:
    engine = LazyEngine()
    assert engine.accepts(pl.LazyFrame({"a": [1]}))
    assert not any(engine.accepts(data) for data in (frame(), pl.DataFrame({"a": [1]}), "a.parquet", None, [1], {}))


def test_narwhals_frames_are_accepted() -> None:
    nw = pytest.importorskip("narwhals")
    lazy = nw.from_native(pl.from_pandas(frame()).lazy())
    assert LazyEngine().accepts(lazy)
    assert sum(LazyEngine().open(lazy).labels("variant").values()) == 400


def test_asking_what_is_accepted_imports_no_library() -> None:
    heavy = ("numpy", "pandas", "polars", "narwhals", "ibis", "pyspark", "dask", "duckdb", "pyarrow")
    code = (
        "import sys\nfrom xpyrment_lazy.engine import LazyEngine\nLazyEngine().accepts(object())\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    assert script(code).stdout == "[]\n"


def test_sqlframe_is_refused_with_the_reason() -> None:
    kind = type("DataFrame", (), {"__module__": "sqlframe.duckdb.dataframe"})
    assert LazyEngine().accepts(kind())
    with pytest.raises(InputError, match="does not tell NaN from a number"):
        LazyEngine().open(kind())


def test_a_lazy_frame_is_analysed_as_the_frame_it_stands_for() -> None:
    data = frame()
    lazy, eager = (
        run_analysis(setup(d, "variant", "user").register_metric("revenue")).raw_results[0]
        for d in (pl.from_pandas(data).lazy(), data)
    )
    for key in ("control_mean", "p_value", "ci_lower", "ci_upper"):
        assert lazy[key] == pytest.approx(eager[key], rel=1e-10)


def test_polars_explains_its_plan_and_reads_nothing(tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "a.parquet")
    source = LazyEngine().open(pl.scan_parquet(tmp_path / "a.parquet"))
    source.schema()
    (tmp_path / "a.parquet").unlink()
    text = source.explain(query("revenue", unit_col="user"))
    assert "3 of 3 columns" in text
    assert "Parquet SCAN" in text


def test_ibis_explains_its_sql() -> None:
    ibis = pytest.importorskip("ibis")
    connection = ibis.duckdb.connect()
    source = LazyEngine().open(connection.create_table("visits", frame()))
    text = source.explain(query("revenue"))
    assert "SELECT" in text
    assert '"visits"' in text


def test_an_int_that_overflows_in_its_own_type_is_added_up_as_a_double() -> None:
    data = pl.LazyFrame(
        {"variant": ["control", "treatment"] * 500, "x": [2**62 + (i % 7) * 2**40 for i in range(1000)]}
    )
    found = LazyEngine().open(data).moments(query("x")).moments["x", "control"]
    wanted = np.array([2.0**62 + (i % 7) * 2.0**40 for i in range(0, 1000, 2)])
    assert found.mean[0] == pytest.approx(wanted.mean(), rel=1e-15)
    assert found.cov[0, 0] == pytest.approx(wanted.var(ddof=1), rel=1e-10)


def test_labels_that_are_null_or_nan_are_missing() -> None:
    data = pl.LazyFrame({"variant": [1.0, 2.0, None, float("nan")], "x": [1.0, 2.0, 3.0, 4.0]})
    source = LazyEngine().open(data)
    assert source.labels("variant") == {1.0: 1, 2.0: 1, None: 2}
    assert source.moments(query("x", arms=(1.0, 2.0))).rows == {("x", 1.0): 1, ("x", 2.0): 1}


# Failures --------------------------------------------------------------------


def test_a_file_that_vanishes_is_one_clear_error_and_the_experiment_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame().to_parquet(path)
    experiment = setup(pl.scan_parquet(path), "variant").register_metric("revenue")
    history = experiment.history
    path.unlink()
    with pytest.raises(EngineError, match="reading the Polars LazyFrame failed") as caught:
        run_analysis(experiment)
    assert "\n" not in str(caught.value)
    assert experiment.state is ExperimentState.DESIGNED
    assert experiment.history == history


def test_a_table_that_is_dropped_is_one_clear_error() -> None:
    ibis = pytest.importorskip("ibis")
    connection = ibis.duckdb.connect()
    source = LazyEngine().open(connection.create_table("visits", frame()))
    source.schema()
    connection.drop_table("visits")
    with pytest.raises(EngineError, match="reading the Ibis table failed"):
        source.moments(query("revenue"))


def test_a_column_that_fails_while_computing_is_one_clear_error() -> None:
    data = pl.from_pandas(frame()).lazy().with_columns(bad=pl.col("variant").cast(pl.Float64, strict=True))
    with pytest.raises(EngineError, match="reading the Polars LazyFrame failed"):
        LazyEngine().open(data).moments(query("bad"))


def test_a_column_of_text_is_refused_by_name() -> None:
    with pytest.raises(EngineError, match="column 'variant' of the Polars LazyFrame is text, expected numbers"):
        LazyEngine().open(pl.from_pandas(frame()).lazy()).moments(query("variant"))


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.xdist_group("spark")
@JAVA
def test_a_stopped_spark_session_is_one_clear_error(tmp_path: Path) -> None:
    """In a process of its own: stopping the session would stop that of the other tests."""
    pytest.importorskip("pyspark")
    frame().to_parquet(tmp_path / "a.parquet")
    code = f"""
from pyspark.sql import SparkSession
from xpyrment_core.experiment.setup import run_analysis
from xpyrment_core.errors import EngineError
from xpyrment_core.experiment.setup import setup
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
experiment = setup(spark.read.parquet({str(tmp_path / "a.parquet")!r}), "variant").register_metric("revenue")
print(experiment.explain())
spark.stop()
try:
    run_analysis(experiment)
except EngineError as error:
    print("EngineError:", error)
print(experiment.state.name)
"""
    done = script(code)
    assert "Aggregate" in done.stdout, done.stderr
    assert "EngineError: reading the Spark DataFrame failed: its Spark session has been stopped" in done.stdout
    assert done.stdout.endswith("DESIGNED\n")
