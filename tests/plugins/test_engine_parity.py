"""Every engine gives the same reading of the same data: that of plain sums in extended precision.

One canonical Arrow table per case is handed to each engine in its own form. The witness is
numpy's long double, two passes, no shift; it shares no code with the engines.
"""

import csv
import importlib
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from glob import glob
from itertools import count, product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from attrs import evolve

from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_core.errors import EngineError, InputError
from xpyrment_core.testing.claims.engines import QUERY, EngineSubject, example
from xpyrment_core.testing.claims.groups import group_checks

# The bound that the project promises, relative to the standard deviations involved.
RTOL = 1e-10

N = 3000
ARMS = ("control", "treatment")


# Data ------------------------------------------------------------------------


def nullable(values: np.ndarray, share: float, rng: np.random.Generator, nan: float = 0.0) -> list[Any]:
    """Return a list with some values None and, of a float column, some NaN."""
    kind = rng.uniform(size=len(values))
    return [
        None if k < share else float("nan") if k < share + nan else v
        for k, v in zip(kind, values.tolist(), strict=True)
    ]


def make(n: int = N, seed: int = 1, labels: tuple[Any, ...] = ARMS, rows_per_unit: int = 3) -> dict[str, pa.Array]:
    """Return columns of every sort that an analysis may meet."""
    rng = np.random.default_rng(seed)
    variant = rng.integers(0, len(labels), n)
    unit = rng.integers(0, n // rows_per_unit, n)
    latent = rng.normal(size=n)
    late = np.arange(n) > 1500
    return {
        "variant": pa.array([labels[i] for i in variant]),
        "orders": pa.array(rng.poisson(2, n).astype(np.int64)),
        "revenue": pa.array(np.round(rng.exponential(20, n), 2)),
        "huge": pa.array(1e9 + latent),
        "precise": pa.array(2**53 - rng.integers(0, 1000, n)),
        "small": pa.array(rng.integers(0, 200, n).astype(np.uint8)),
        "single": pa.array(rng.normal(size=n).astype(np.float32)),
        "converted": pa.array((rng.uniform(size=n) < 0.1 + 0.02 * (variant == 1)).tolist()),
        "gaps": pa.array(nullable(latent + rng.normal(size=n), 0.1, rng, nan=0.1), pa.float64()),
        "holes": pa.array(nullable(rng.integers(0, 9, n), 0.2, rng), pa.int64()),
        "maybe": pa.array(nullable(rng.uniform(size=n) < 0.5, 0.2, rng), pa.bool_()),
        "late_null": pa.array([None if late[i] and i % 7 == 0 else float(latent[i]) for i in range(n)], pa.float64()),
        "late_nan": pa.array([float("nan") if late[i] and i % 5 == 0 else float(latent[i]) for i in range(n)]),
        "late_start": pa.array([1e9 + float(latent[i]) if late[i] else None for i in range(n)], pa.float64()),
        "late_jump": pa.array(np.where(late, 1e9 + latent, 0.001 * latent)),
        "none_at_all": pa.array([None] * n, pa.float64()),
        "constant": pa.array(np.where(variant == 0, 3.3, 4.4)),
        "country": pa.array(nullable(rng.choice(["US", "DE", "it's"], n), 0.1, rng), pa.string()),
        "unit": pa.array(unit),
        "name": pa.array([f"user {u}" for u in unit]),
        "row": pa.array(np.arange(n)),
    }


def by_unit(n: int = N, seed: int = 7) -> dict[str, pa.Array]:
    """Return event rows: three variants, some units in two of them, some rows without unit or label."""
    rng = np.random.default_rng(seed)
    columns = make(n, seed)
    unit = np.asarray(columns["unit"])
    variant = np.array(["control", "treatment", "other"])[unit % 3].astype(object)
    stray = rng.uniform(size=n) < 0.01
    variant[stray] = "other"
    variant[rng.uniform(size=n) < 0.02] = None
    lost = rng.uniform(size=n) < 0.03
    columns["variant"] = pa.array(variant.tolist(), pa.string())
    columns["unit"] = pa.array([None if m else int(u) for m, u in zip(lost, unit, strict=True)], pa.int64())
    columns["name"] = pa.array([None if m else f"user {u}" for m, u in zip(lost, unit, strict=True)])
    return columns


@cache
def table(kind: str) -> pa.Table:
    """Return the canonical table of a kind of data."""
    if kind == "units":
        return pa.table(by_unit())
    if kind == "typical":
        columns = make(labels=(*ARMS, None))
        return pa.table(columns)
    if kind == "coded":
        columns = make(labels=(1, 2))
        columns["flag"] = pa.array([v == 1 for v in columns["variant"].to_pylist()])
        columns["category"] = pa.array([f"arm {v}" for v in columns["variant"].to_pylist()]).dictionary_encode()
        return pa.table(columns)
    assert kind == "five"
    return pa.table(make(labels=tuple("abcde")))


# The witness ----------------------------------------------------------------------


def witness(data: pa.Table, query: Query, shifts: dict[str, float]) -> dict[tuple[str, Any], Any]:
    """Return (n, rows, mean, second moments) per row set and arm, in extended precision."""
    values = {c: _floats(data[c]) for c in data.column_names if _is_number(data[c])}
    there = {
        c: ~np.isnan(values[c]) if c in values else np.array([v is not None for v in data[c].to_pylist()])
        for c in data.column_names
    }
    labels = data[query.treatment_col].to_pylist()
    units = data[query.unit_col].to_pylist() if query.unit_col else None
    keep = np.ones(len(labels), dtype=bool)
    if units is not None:
        seen: dict[Any, set[Any]] = {}
        for u, label in zip(units, labels, strict=True):
            if u is not None and label is not None:
                seen.setdefault(u, set()).add(label)
        keep = np.array([u is not None and len(seen.get(u, ())) < 2 for u in units])
    kept = [(u, a) for u, a, k in zip(units or range(len(labels)), labels, keep, strict=True) if k and a in query.arms]
    repeated = units is not None and len(set(kept)) < len(kept)

    def term(t: Term) -> np.ndarray:
        if t.kind == "level":
            return np.array([v == t.level for v in data[t.column].to_pylist()], dtype=np.longdouble)
        if t.kind == "missing":
            return (~there[t.column]).astype(np.longdouble)
        return np.where(there[t.column], values[t.column], np.longdouble(shifts.get(t.column, 0.0)))

    answer = {}
    for row_set, arm in product(query.row_sets, query.arms):
        rows = keep & np.array([label is not None and label == arm for label in labels])
        for column in row_set.required:
            rows &= there[column]
        matrix = np.stack([term(t)[rows] for t in row_set.terms])
        answer[row_set.key, arm] = _moments(matrix, np.array(units, dtype=object)[rows] if repeated else None)

    return answer


def _moments(matrix: np.ndarray, units: Any) -> Any:
    count = matrix.shape[1]
    if not count:
        return 0, 0, None, None
    first = matrix[:, 0]  # taken off exactly, so that the mean keeps its digits next to 2**53
    deviations = matrix - first[:, None]
    offset = deviations.mean(axis=1)
    deviations = deviations - offset[:, None]
    mean = first + offset
    if units is None:
        return count, count, mean, deviations @ deviations.T
    # The linearised ratio of sums: z_u = (sum of deviations of unit u) / (rows per unit).
    codes = {u: i for i, u in enumerate(dict.fromkeys(units))}
    sums = np.zeros((len(matrix), len(codes)), dtype=np.longdouble)
    for row, u in enumerate(units):
        sums[:, codes[u]] += deviations[:, row]
    z = sums / (np.longdouble(count) / len(codes))
    return len(codes), count, mean, z @ z.T


def _is_number(column: pa.ChunkedArray) -> bool:
    kind = column.type
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in column.to_pylist()], dtype=np.longdouble)


# The engines -------------------------------------------------------------------------


@dataclass
class Kind:
    """One form of data: how it is made of an Arrow table, and whether each query costs seconds."""

    name: str
    make: Callable[[pa.Table, Any], Any]
    engine: str
    needs: tuple[str, ...] = ()
    marks: tuple[Any, ...] = ()
    slow: bool = False


def _engine(name: str) -> Any:
    module = importlib.import_module(f"xpyrment_{name}")
    (definition,) = module.xpyrment_engines()
    return definition.load()()


def _parquet(data: pa.Table, folder: Any) -> str:
    import pyarrow.parquet as pq

    half = len(data) // 2
    pq.write_table(data.slice(0, half), folder / "part-1.parquet", row_group_size=700)
    pq.write_table(data.slice(half), folder / "part-2.parquet")
    return str(folder / "part-*.parquet")


def _csv(data: pa.Table, folder: Any) -> str:
    with (folder / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(data.column_names)
        columns = [column.to_pylist() for column in data.columns]
        writer.writerows(
            ["" if v is None else repr(v) if isinstance(v, float) else v for v in row]
            for row in zip(*columns, strict=True)
        )
    return str(folder / "data.csv")


@cache
def _connection() -> Any:
    import duckdb

    return duckdb.connect()


def _relation(data: pa.Table, folder: Any) -> Any:
    return _connection().from_arrow(data)


def _pandas(data: pa.Table, folder: Any) -> Any:
    return data.to_pandas()


def _pandas_arrow(data: pa.Table, folder: Any) -> Any:
    import pandas as pd

    return data.to_pandas(types_mapper=pd.ArrowDtype)


def _pandas_nullable(data: pa.Table, folder: Any) -> Any:
    with np.errstate(invalid="ignore"):  # pandas 2.3 tries whether infinite values are integers
        return data.to_pandas().convert_dtypes(dtype_backend="numpy_nullable")


def _polars(data: pa.Table, folder: Any) -> Any:
    import polars as pl

    return pl.from_arrow(data)


def _polars_scan(data: pa.Table, folder: Any) -> Any:
    import polars as pl

    return pl.scan_parquet(_parquet(data, folder))


@cache
def _ibis_connection(backend: str) -> Any:
    import ibis

    return getattr(ibis, backend).connect()


def _ibis_duckdb(data: pa.Table, folder: Any) -> Any:
    return _ibis_connection("duckdb").read_parquet(_parquet(data, folder))


def _ibis_sqlite(data: pa.Table, folder: Any) -> Any:
    small = [i for i, kind in enumerate(data.schema.types) if kind == pa.uint8()]
    for i in small:  # a type that SQLite does not have
        data = data.set_column(i, data.column_names[i], data.column(i).cast(pa.int64()))
    return _ibis_connection("sqlite").create_table("t", data, overwrite=True)


def _dask(data: pa.Table, folder: Any) -> Any:
    import dask.dataframe as dd

    frame = data.to_pandas()
    gaps = [name for name in data.column_names if data[name].type == pa.bool_() and data[name].null_count]
    return dd.from_pandas(frame.astype(dict.fromkeys(gaps, "boolean")), npartitions=3)


@cache
def _spark_session() -> Any:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("xpyrment parity")
    return builder.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "2").getOrCreate()


def _spark(data: pa.Table, folder: Any) -> Any:
    return _spark_session().read.parquet(*sorted(glob(_parquet(data, folder))))


JAVA = pytest.mark.skipif(shutil.which("java") is None, reason="PySpark needs Java, and none was found on the PATH")

KINDS = [
    Kind("pandas", _pandas, "frames"),
    Kind("pandas arrow", _pandas_arrow, "frames"),
    Kind("pandas nullable", _pandas_nullable, "frames"),
    Kind("polars", _polars, "frames", needs=("polars",)),
    Kind("pyarrow", lambda data, folder: data, "frames"),
    Kind("parquet files", _parquet, "duckdb"),
    Kind("csv file", _csv, "duckdb"),
    Kind("duckdb relation", _relation, "duckdb"),
    Kind("polars lazy", lambda data, folder: _polars(data, folder).lazy(), "lazy", needs=("polars",)),
    Kind("polars scan", _polars_scan, "lazy", needs=("polars",)),
    Kind("ibis duckdb", _ibis_duckdb, "lazy", needs=("ibis",), slow=True),
    Kind("ibis sqlite", _ibis_sqlite, "lazy", needs=("ibis",), slow=True),
    Kind("dask", _dask, "lazy", needs=("dask.dataframe",), slow=True),
    Kind(
        "spark",
        _spark,
        "lazy",
        needs=("pyspark",),
        marks=(pytest.mark.spark, JAVA, pytest.mark.xdist_group("spark")),
        slow=True,
    ),
]


@pytest.fixture(params=[pytest.param(kind, id=kind.name, marks=kind.marks) for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return each form of data in turn; one whose library is not installed is skipped by name when it is opened."""
    return request.param


def opened(kind: Kind, name: str, tmp_path: Any) -> Any:
    """Return a source over a kind of data."""
    for library in kind.needs:
        pytest.importorskip(library)
    data = kind.make(table(name), tmp_path)
    engine = _engine(kind.engine)
    assert engine.accepts(data)
    return engine.open(data)


# Queries -------------------------------------------------------------------------------


def mean_of(*columns: str) -> RowSet:
    return RowSet("+".join(columns), columns, tuple(Term(c, c) for c in columns))


def adjusted(column: str, *covariates: str) -> RowSet:
    terms = [Term(column, column)]
    for c in covariates:
        terms += [Term(f"{c} filled", c, "filled"), Term(f"{c} is missing", c, "missing")]
    return RowSet(f"{column} by {'+'.join(covariates)}", (column,), tuple(terms))


LEVELS = RowSet(
    "levels",
    ("orders",),
    (
        Term("orders", "orders"),
        Term("country=US", "country", "level", "US"),
        Term("country=it's", "country", "level", "it's"),
        Term("country is missing", "country", "missing"),
        Term("gaps", "gaps", "filled"),
    ),
)

ROW_SETS = {
    "complete": (mean_of("orders"), mean_of("revenue", "orders"), mean_of("converted")),
    "large": (mean_of("huge", "precise"), mean_of("precise"), mean_of("huge", "small", "single")),
    "missing": (
        mean_of("gaps"),
        mean_of("gaps", "holes"),
        mean_of("holes", "orders"),
        mean_of("maybe", "gaps", "revenue"),
    ),
    "late": (
        mean_of("late_null"),
        mean_of("late_nan", "orders"),
        mean_of("late_start"),
        mean_of("late_null", "late_nan"),
        mean_of("orders"),
    ),
    "jump": (mean_of("late_jump", "revenue"), adjusted("orders", "late_jump")),
    "covariates": (
        adjusted("revenue", "gaps"),
        adjusted("orders", "late_nan", "holes"),
        adjusted("gaps", "late_start", "maybe"),
    ),
    "levels": (LEVELS, mean_of("gaps")),
    "nothing": (mean_of("none_at_all"), adjusted("orders", "none_at_all")),
}


def check(source: Any, data: pa.Table, query: Query) -> Any:
    """Hold a reading against the witness."""
    reading = source.moments(query)
    for key, (n, rows, mean, m2) in witness(data, query, dict(reading.shifts)).items():
        found = reading.moments[key]
        assert found.columns == next(r for r in query.row_sets if r.key == key[0]).names
        assert (found.n, reading.rows[key]) == (n, rows), key
        if n == 0:
            continue
        spread = np.sqrt(np.diag(m2).astype(float) / max(n, 1))
        assert np.all(np.abs(found.mean - mean) <= RTOL * np.maximum(spread, 1e-3 * np.abs(mean).astype(float))), key
        scale = np.sqrt(np.outer(np.diag(m2), np.diag(m2))).astype(float)
        assert np.all(np.abs(found.m2 - m2) <= RTOL * scale), (key, found.m2, m2)
    return reading


def cases(*names: str) -> list[Any]:
    """Return (kind, row sets): each group alone, or all in one query where a query costs seconds."""
    found = []
    for k in KINDS:
        everything = tuple({r.key: r for name in names for r in ROW_SETS[name]}.values())
        groups = {"all": everything} if k.slow else {"all": everything} | {name: ROW_SETS[name] for name in names}
        found += [pytest.param(k, sets, id=f"{k.name}-{name}", marks=k.marks) for name, sets in groups.items()]
    return found


@pytest.mark.parametrize(("form", "row_sets"), cases(*ROW_SETS))
def test_every_engine_gives_the_moments_of_the_witness(form: Kind, row_sets: tuple[RowSet, ...], tmp_path: Any) -> None:
    source = opened(form, "typical", tmp_path)
    check(source, table("typical"), Query(treatment_col="variant", arms=ARMS, row_sets=row_sets))


@pytest.mark.parametrize("arms", [("a",), ("a", "c", "e"), tuple("abcde"), ("e", "absent")], ids=len)
def test_one_to_five_arms_and_an_empty_one(kind: Kind, arms: tuple[str, ...], tmp_path: Any) -> None:
    source = opened(kind, "five", tmp_path)
    row_sets = (*ROW_SETS["missing"], *ROW_SETS["complete"])
    reading = check(source, table("five"), Query(treatment_col="variant", arms=arms, row_sets=row_sets))
    assert set(reading.moments) == {(r.key, arm) for r in row_sets for arm in arms}


@pytest.mark.parametrize(
    ("column", "arms"), [("variant", (1, 2)), ("flag", (True, False)), ("category", ("arm 1", "arm 2"))]
)
def test_labels_of_any_type(kind: Kind, column: str, arms: tuple[Any, ...], tmp_path: Any) -> None:
    source, data = opened(kind, "coded", tmp_path), table("coded")
    check(source, data, Query(treatment_col=column, arms=arms, row_sets=ROW_SETS["complete"]))
    values = data[column].to_pylist()
    assert source.labels(column) == {label: values.count(label) for label in arms}
    assert [type(label) for label in source.labels(column)] == [type(arms[0])] * 2


# Spark answers the claims of groups in half a minute, in the slow run. The parser of SQLite before 3.46 has a stack of
# 100 entries, which a sum over many groups exceeds.
GROUPED = [
    pytest.param(k, id=k.name, marks=(*k.marks, *([pytest.mark.slow] if "pyspark" in k.needs else [])))
    for k in KINDS
    if k.name != "ibis sqlite" or sqlite3.sqlite_version_info >= (3, 46)
]


@pytest.mark.parametrize("kind", GROUPED)
def test_moments_per_group_are_those_of_the_rows_of_the_group(kind: Kind, tmp_path: Any) -> None:
    for library in kind.needs:
        pytest.importorskip(library)
    folders = count()

    def make(columns: Any) -> Any:
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        return kind.make(pa.table({c: pa.array(v, from_pandas=True) for c, v in columns.items()}), folder)

    subject = EngineSubject(engine=lambda: _engine(kind.engine), make=make)
    # An engine that refuses groups passes the claims; these must not.
    query = evolve(QUERY, group_cols=("country",))
    assert subject.open(example()).moments(query).groups
    assert "country" in subject.open(example()).explain(query)
    for check_of_groups in group_checks(subject):
        check_of_groups()


@pytest.mark.parametrize("form", [k for k in KINDS if not k.slow], ids=lambda k: k.name)
def test_twenty_groups_far_apart_keep_their_variances(form: Kind, tmp_path: Any) -> None:
    for library in form.needs:
        pytest.importorskip(library)
    rng = np.random.default_rng(4)
    group, noise = rng.integers(0, 20, N), rng.normal(size=N)
    variant = np.array(ARMS)[rng.integers(0, 2, N)]
    values = 1e9 * group + noise
    data = pa.table({"variant": variant, "group": group, "far": values})
    source = _engine(form.engine).open(form.make(data, tmp_path))
    query = Query(treatment_col="variant", arms=ARMS, row_sets=(mean_of("far"),), group_cols=("group",))
    read = source.moments(query).groups[("group",)]
    for level, arm in product(range(20), ARMS):
        wanted = np.var(values[(group == level) & (variant == arm)].astype(np.longdouble), ddof=1)
        # A double near 1e10 is exact to 2e-6, which the values themselves have lost; the sums add nothing to that.
        assert read.moments["far", (level,), arm].cov[0, 0] == pytest.approx(float(wanted), rel=1e-9)


def test_a_file_of_moments_refuses_groups() -> None:
    import pandas as pd

    data = pd.DataFrame({"variant": ["a", "b"] * 5, "y": range(10), "country": ["DE", "FR"] * 5})
    aggregate = importlib.import_module("xpyrment_aggregates.make").aggregate(data, "variant", ["y"])
    source = _engine("aggregates").open(aggregate)
    query = Query(treatment_col="variant", arms=("a", "b"), row_sets=(mean_of("y"),), group_cols=("country",))
    with pytest.raises(InputError, match="cannot be split by 'country'"):
        source.moments(query)


@pytest.mark.parametrize("unit", ["unit", "name"])
@pytest.mark.parametrize(("form", "row_sets"), cases("complete", "large", "missing", "late", "covariates", "levels"))
def test_rows_of_a_unit_are_summed_first(form: Kind, row_sets: tuple[RowSet, ...], unit: str, tmp_path: Any) -> None:
    source, data = opened(form, "units", tmp_path), table("units")
    query = Query(treatment_col="variant", arms=ARMS, row_sets=row_sets, unit_col=unit)
    report = check(source, data, query).units
    seen: dict[Any, set[Any]] = {}
    for u, label in zip(data[unit].to_pylist(), data["variant"].to_pylist(), strict=True):
        if u is not None and label is not None:
            seen.setdefault(u, set()).add(label)
    pairs = list(zip(data[unit].to_pylist(), data["variant"].to_pylist(), strict=True))
    assert report.repeated
    assert report.in_two_arms == sum(len(labels) > 1 for labels in seen.values())
    for arm in ARMS:
        assert report.units[arm] == sum(labels == {arm} for labels in seen.values())
        assert report.rows_in_two_arms[arm] == sum(label == arm and len(seen.get(u, ())) > 1 for u, label in pairs)
        assert report.rows_without_unit[arm] == sum(label == arm and u is None for u, label in pairs)


def test_units_of_one_row_each_are_counted_as_rows(kind: Kind, tmp_path: Any) -> None:
    source, data = opened(kind, "typical", tmp_path), table("typical")
    query = Query(treatment_col="variant", arms=ARMS, row_sets=ROW_SETS["missing"], unit_col="row")
    report = check(source, data, query).units
    labels = data["variant"].to_pylist()
    assert not report.repeated
    assert report.in_two_arms == 0
    assert report.units == {arm: labels.count(arm) for arm in ARMS}
    assert report.rows_in_two_arms == report.rows_without_unit == dict.fromkeys(ARMS, 0)


def test_labels_are_counted_in_order_with_the_missing_last(kind: Kind, tmp_path: Any) -> None:
    labels = opened(kind, "typical", tmp_path).labels("variant")
    values = table("typical")["variant"].to_pylist()
    assert list(labels.items()) == [(label, values.count(label)) for label in (*ARMS, None)]


def test_the_schema_names_numbers_booleans_and_text(kind: Kind, tmp_path: Any) -> None:
    schema = opened(kind, "typical", tmp_path).schema()
    assert list(schema) == table("typical").column_names
    numbers = ["orders", "revenue", "huge", "precise", "small", "single", "gaps", "holes", "late_nan", "unit", "row"]
    assert {schema[c] for c in numbers} == {"number"}
    assert {schema[c] for c in ("variant", "country", "name")} == {"text"}
    assert schema["converted"] == "boolean"


def test_a_variant_of_equal_values_has_no_spread_at_all(kind: Kind, tmp_path: Any) -> None:
    source = opened(kind, "typical", tmp_path)
    reading = source.moments(Query(treatment_col="variant", arms=ARMS, row_sets=(mean_of("constant"),)))
    for arm, value in zip(ARMS, (3.3, 4.4), strict=True):
        found = reading.moments["constant", arm]
        assert found.mean[0] == pytest.approx(value, rel=1e-15)
        assert found.m2[0, 0] <= found.n * (8 * np.finfo(float).eps * value) ** 2


@pytest.mark.parametrize("unit", [None, "unit", "row"])
def test_samples_are_the_values_of_complete_rows(kind: Kind, unit: str | None, tmp_path: Any) -> None:
    name = "units" if unit == "unit" else "typical"
    source, data = opened(kind, name, tmp_path), table(name)
    row_sets = (mean_of("gaps", "orders"), adjusted("revenue", "holes"), LEVELS)
    query = Query(treatment_col="variant", arms=ARMS, row_sets=row_sets, unit_col=unit)
    samples, reading = source.samples(query), source.moments(query)
    for (key, arm), sample in samples.items():
        moments = reading.moments[key, arm]
        assert tuple(sample.columns) == moments.columns
        assert sample.n == reading.rows[key, arm]
        assert (sample.units is not None) == (unit == "unit")
        for i, column in enumerate(moments.columns):
            assert np.mean(sample.columns[column]) == pytest.approx(moments.mean[i], rel=1e-12, abs=1e-12)
        if sample.units is not None:
            assert len(np.unique(sample.units)) == moments.n
    wanted = sorted(
        v
        for v, o, a in zip(
            data["gaps"].to_pylist(), data["orders"].to_pylist(), data["variant"].to_pylist(), strict=True
        )
        if unit != "unit" and a == "control" and v is not None and v == v and o is not None
    )
    if wanted:
        assert sorted(samples["gaps+orders", "control"].columns["gaps"].tolist()) == wanted


def test_values_that_are_not_allowed_are_named(kind: Kind, tmp_path: Any) -> None:
    source = opened(kind, "typical", tmp_path)
    assert source.values_outside("holes", (0.0, 1.0)) == (2.0, 3.0, 4.0, 5.0, 6.0)
    assert source.values_outside("holes", (0.0, 1.0), limit=2) == (2.0, 3.0)
    assert source.values_outside("converted", (0.0, 1.0)) == ()
    assert len(source.values_outside("gaps", ())) == 5


def test_infinite_values_reach_the_moments_and_are_counted(kind: Kind, tmp_path: Any) -> None:
    values = [1.0, float("inf"), 2.0, float("nan"), None, float("-inf"), 5.0, 6.0]
    data = pa.table(
        {
            "variant": pa.array(["a", "a", "a", "a", "b", "b", "b", "b"]),
            "x": pa.array(values, pa.float64()),
            "y": pa.array([1.0, 2.0, 4.0, 8.0] * 2),
        }
    )
    for library in kind.needs:
        pytest.importorskip(library)
    source = _engine(kind.engine).open(kind.make(data, tmp_path))
    reading = source.moments(Query(treatment_col="variant", arms=("a", "b"), row_sets=(mean_of("x"), mean_of("y"))))
    assert not np.isfinite(reading.moments["x", "a"].mean[0])
    assert (reading.moments["x", "a"].n, reading.moments["x", "b"].n) == (3, 3)
    assert reading.moments["y", "a"].mean[0] == 3.75
    assert source.infinite(["x", "y"], "variant") == {("x", "a"): 1, ("x", "b"): 1, ("y", "a"): 0, ("y", "b"): 0}


def test_a_column_of_text_is_no_metric(kind: Kind, tmp_path: Any) -> None:
    source = opened(kind, "typical", tmp_path)
    with pytest.raises((EngineError, ValueError), match="country"):
        source.moments(Query(treatment_col="variant", arms=ARMS, row_sets=(mean_of("country"),)))


def test_explain_names_the_columns_it_reads(kind: Kind, tmp_path: Any) -> None:
    source = opened(kind, "typical", tmp_path)
    text = source.explain(Query(treatment_col="variant", arms=ARMS, row_sets=ROW_SETS["missing"], unit_col="row"))
    assert all(column in text for column in ("variant", "gaps", "holes", "revenue", "row"))
