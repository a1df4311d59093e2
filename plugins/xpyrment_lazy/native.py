"""Differences between the libraries behind narwhals."""

import warnings
from typing import Any

import narwhals as nw


def collected(frame: "nw.LazyFrame[Any]") -> "nw.DataFrame[Any]":
    """Collect a lazy frame; Polars streams, so that products of columns are never held completely."""
    if frame.implementation.is_polars():
        return frame.collect(engine="streaming")
    if frame.implementation.is_dask():
        return _collected_by_pandas(frame)
    return frame.collect()


def _collected_by_pandas(frame: "nw.LazyFrame[Any]") -> "nw.DataFrame[Any]":
    from pandas.errors import PerformanceWarning

    # Dask adds columns to pandas frames one at a time, of which pandas warns from 100 columns on.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PerformanceWarning)
        return frame.collect()


def knows_nan(frame: "nw.LazyFrame[Any]") -> bool:
    """Return whether the frame can hold NaN; SQLite and some other databases do not have NaN."""
    if not frame.implementation.is_ibis():
        return True
    import ibis
    from ibis.common.exceptions import OperationNotDefinedError

    # Databases are too many to list: one that has NaN can compile a test for it. Nothing is run.
    try:
        backend = frame.to_native().get_backend()
        backend.compile(ibis.literal(1.0).isnan())
    except OperationNotDefinedError:
        return False
    return True


def query_text(frame: "nw.LazyFrame[Any]") -> str:
    """Return the SQL or plan of a lazy frame, empty where its library has none to show."""
    data, kind = frame.to_native(), frame.implementation
    if kind.is_ibis():
        import ibis

        return str(ibis.to_sql(data))
    if kind.is_polars():
        return str(data.explain())
    if kind.is_duckdb():
        return str(data.sql_query())
    if kind.is_pyspark() and hasattr(data, "_jdf"):
        return str(data._jdf.queryExecution().optimizedPlan().toString())
    return ""


def session_is_lost(frame: "nw.LazyFrame[Any]") -> bool:
    """Return whether the Spark session of a frame has been stopped."""
    if not frame.implementation.is_pyspark():
        return False
    # A stopped context has lost its Java object; a session of Spark Connect has no context at all.
    context = getattr(frame.to_native().sparkSession, "_sc", None)
    return context is not None and getattr(context, "_jsc", None) is None
