"""Files and relations through DuckDB: what is accepted, refused, quoted, limited, and said when it fails."""

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from small_data import ARMS, frame, query
from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_core.errors import EngineError, InputError, XpyrmentError
from xpyrment_core.experiment.setup import run_analysis, setup
from xpyrment_core.experiment.state import ExperimentState
from xpyrment_duckdb import sql
from xpyrment_duckdb.engine import DuckDBEngine
from xpyrment_duckdb.settings import Settings


def opened(data: Any) -> Any:
    engine = DuckDBEngine()
    assert engine.accepts(data)
    return engine.open(data)


def csv(folder: Path, text: str, name: str = "data.csv") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


# What is accepted ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.parquet", "a.pq", "a.csv", "a.csv.gz", "A.CSV", "a.tsv", "day-*.parquet"])
def test_paths_are_accepted_by_their_ending(name: str) -> None:
    assert DuckDBEngine().accepts(name)
    assert DuckDBEngine().accepts(Path(name))
    assert DuckDBEngine().accepts([name, name])


@pytest.mark.parametrize("data", ["", [], None, 3, ["a.csv", 3], frame(3)])
def test_other_data_are_not(data: Any) -> None:
    assert not DuckDBEngine().accepts(data)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nosuch.csv", r"CSV file not found at '.*nosuch\.csv'"),
        ("nosuch.parquet", r"Parquet file not found at"),
        ("nosuch-*.parquet", r"no file matches '.*nosuch-\*\.parquet'"),
    ],
)
def test_a_file_that_is_not_there_is_refused_before_any_work(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        DuckDBEngine().open(str(tmp_path / name))


def test_parquet_and_csv_do_not_mix(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "a.csv", index=False)
    frame().to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="do not mix"):
        DuckDBEngine().open([str(tmp_path / "a.csv"), str(tmp_path / "a.parquet")])


@pytest.mark.parametrize("name", ["a[1].csv", "it's.csv", "spaces and ümläuts.csv", "star*.csv"])
def test_files_of_any_name_are_read(tmp_path: Path, name: str) -> None:
    frame(10).to_csv(tmp_path / name, index=False)
    frame(99).to_csv(tmp_path / "a1.csv", index=False)
    frame(99).to_csv(tmp_path / "star-x.csv", index=False)
    assert sum(opened(str(tmp_path / name)).labels("variant").values()) == 10


def test_a_folder_of_parquet_files_is_read_whole(tmp_path: Path) -> None:
    for day in (1, 2):
        (tmp_path / "data.parquet" / f"day={day}").mkdir(parents=True)
        frame(50, day).to_parquet(tmp_path / "data.parquet" / f"day={day}" / "part.parquet")
    source = opened(str(tmp_path / "data.parquet"))
    assert sum(source.labels("variant").values()) == 100
    assert source.schema()["day"] == "number"


def test_files_whose_columns_are_ordered_otherwise_are_matched_by_name(tmp_path: Path) -> None:
    whole = frame()
    for kind in ("csv", "parquet"):
        for i, columns in enumerate((["variant", "revenue", "user"], ["user", "revenue", "variant"])):
            part = whole[i::2][columns]
            part.to_csv(tmp_path / f"{i}.csv", index=False) if kind == "csv" else part.to_parquet(
                tmp_path / f"{i}.parquet"
            )
        found = opened(str(tmp_path / f"*.{kind}")).moments(query("revenue")).moments["revenue", "control"]
        assert found.mean[0] == pytest.approx(whole.loc[whole["variant"] == "control", "revenue"].mean(), rel=1e-12)


# CSV ----------------------------------------------------------------------------


def test_words_that_could_be_booleans_stay_words(tmp_path: Path) -> None:
    rows = "".join(f"{v},{o},{f}\n" for v, o, f in [("t", "yes", "True"), ("f", "no", "False")] * 50)
    source = opened(csv(tmp_path, "variant,opted,flag\n" + rows))
    assert source.labels("variant") == {"f": 50, "t": 50}
    assert source.labels("opted") == {"no": 50, "yes": 50}
    assert source.labels("flag") == {False: 50, True: 50}


@pytest.mark.parametrize("gap", ["", "NA", "NaN", "nan", "null", "None", "n/a", "#N/A"])
def test_what_pandas_reads_as_missing_is_missing(tmp_path: Path, gap: str) -> None:
    path = csv(tmp_path, f"variant,x\ncontrol,1\ncontrol,{gap}\n{gap},2\ntreatment,3\n")
    source = opened(path)
    assert source.schema()["x"] == "number"
    # A word for missing is a label like any other in the column of variants; only a blank one is missing.
    assert source.labels("variant") == {"control": 2, "treatment": 1, gap or None: 1}
    assert source.moments(query("x")).rows == {("x", "control"): 1, ("x", "treatment"): 1}
    assert pd.read_csv(path)["x"].isna().sum() == 1


def test_a_type_that_shows_late_in_the_file_is_found(tmp_path: Path) -> None:
    rows = [f"{ARMS[i % 2]},{i}" for i in range(30_000)] + ["control,0.5"]
    source = opened(csv(tmp_path, "variant,x\n" + "\n".join(rows)))
    reading = source.moments(query("x"))
    assert reading.rows["x", "control"] == 15_001
    assert reading.moments["x", "control"].mean[0] == pytest.approx(
        (sum(range(0, 30_000, 2)) + 0.5) / 15_001, rel=1e-12
    )


def test_text_late_in_a_column_of_numbers_is_said(tmp_path: Path) -> None:
    rows = [f"{ARMS[i % 2]},{i}" for i in range(30_000)] + ["control,unknown"]
    source = opened(csv(tmp_path, "variant,x\n" + "\n".join(rows)))
    assert not math.isfinite(source.moments(query("x")).moments["x", "control"].mean[0])
    assert source.text_values("x").examples == ("unknown",)


def test_semicolons_and_tabs(tmp_path: Path) -> None:
    frame(20).to_csv(tmp_path / "a.csv", index=False, sep=";")
    frame(20).to_csv(tmp_path / "b.tsv", index=False, sep="\t")
    frame(20).to_csv(tmp_path / "c.csv.gz", index=False)
    for name in ("a.csv", "b.tsv", "c.csv.gz"):
        assert list(opened(str(tmp_path / name)).schema()) == ["variant", "revenue", "user"]


# Names --------------------------------------------------------------------------

NASTY = ['x"; DROP TABLE data; --', "it's", 'a"b', "label", "v0", "data", "select", "code", "n", "ä ö", "a.b", "a\nb"]


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("role", ["value", "treatment", "unit", "level"])
def test_a_column_of_any_name_is_only_a_name(tmp_path: Path, name: str, role: str) -> None:
    data = frame()
    data["country"] = np.where(data["user"] % 3 == 0, "it's", 'x"); --')
    data["user"] //= 2
    old = {"value": "revenue", "treatment": "variant", "unit": "user", "level": "country"}[role]
    data = data.rename(columns={old: name}).sort_values(next(c for c in data.columns if c != old), ignore_index=True)
    data.to_parquet(tmp_path / "a.parquet")
    column = {"value": "revenue", "treatment": "variant", "unit": "user", "level": "country", role: name}
    levels = tuple(Term(str(level), column["level"], "level", level) for level in ("it's", 'x"); --'))
    value = column["value"]
    row_sets = (RowSet("m", (value,), (Term("y", value), *levels)),)
    asked = Query(treatment_col=column["treatment"], arms=ARMS, row_sets=row_sets, unit_col=column["unit"])
    source = opened(str(tmp_path / "a.parquet"))
    reading = source.moments(asked)
    assert sum(reading.rows.values()) > 0
    assert all(np.isfinite(m.mean).all() for m in reading.moments.values())
    assert source.samples(asked)["m", "control"].n == reading.rows["m", "control"]
    assert sum(source.labels(column["treatment"]).values()) == 400
    assert name in source.explain(asked)


def test_identifiers_and_literals_are_quoted() -> None:
    connection = duckdb.connect()
    for text in [*NASTY, "", "''", "\\", "%s", "$1", "?"]:
        assert connection.execute(f"SELECT {sql.literal(text)}").fetchall() == [(text,)]
        if text:
            assert connection.execute(f"SELECT 1 AS {sql.quote(text)}").description[0][0] == text
    for value in (0.1, 1e300, 5e-324, -2.5, 2.0**53 + 2, 1 / 3):
        assert connection.execute(f"SELECT {sql.double(value)}, typeof({sql.double(value)})").fetchall() == [
            (value, "DOUBLE")
        ]


@pytest.mark.parametrize(
    ("sql_type", "kind"),
    [
        ("BIGINT", "number"),
        ("UTINYINT", "number"),
        ("HUGEINT", "number"),
        ("DECIMAL(18,3)", "number"),
        ("FLOAT", "number"),
        ("BOOLEAN", "boolean"),
        ("VARCHAR", "text"),
        ("ENUM('a', 'b')", "text"),
        ("UUID", "text"),
        ("DATE", "other"),
        ("TIMESTAMP", "other"),
        ("DOUBLE[]", "other"),
        ("STRUCT(a INTEGER)", "other"),
    ],
)
def test_types_are_sorted_by_what_can_be_done_with_them(sql_type: str, kind: str) -> None:
    assert sql.column_type(sql_type) == kind


@pytest.mark.parametrize("cast", ["TINYINT", "UBIGINT", "HUGEINT", "DECIMAL(12,4)", "FLOAT", "BOOLEAN"])
def test_numbers_of_every_type_are_added_up_as_doubles(cast: str) -> None:
    connection = duckdb.connect()
    relation = connection.sql(
        f"SELECT CASE WHEN range % 2 = 0 THEN 'control' ELSE 'treatment' END AS variant, "
        f"CAST(range % 100 AS {cast}) AS x FROM range(2000)"
    )
    values = connection.execute(
        f"SELECT CAST(CAST(range % 100 AS {cast}) AS DOUBLE) FROM range(0, 2000, 2)"
    ).fetchnumpy()
    wanted = np.concatenate(list(values.values()))
    found = opened(relation).moments(query("x")).moments["x", "control"]
    assert found.mean[0] == pytest.approx(wanted.mean(), rel=1e-12)
    assert found.cov[0, 0] == pytest.approx(wanted.var(ddof=1), rel=1e-12)


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("DATE '2024-01-01' + CAST(range % 2 AS INTEGER)", 2),
        ("CAST(range % 2 AS DECIMAL(6, 2)) + 0.25", 2),
        ("CAST(CASE WHEN range % 2 = 0 THEN 'a' ELSE 'b' END AS ENUM('a', 'b', 'c'))", 2),
        ("CASE WHEN range % 3 = 0 THEN 'NaN'::DOUBLE WHEN range % 3 = 1 THEN 0.1 ELSE 1e300 END", 2),
    ],
)
def test_labels_of_unusual_types_are_matched_by_value(expression: str, labels: int) -> None:
    connection = duckdb.connect()
    source = opened(connection.sql(f"SELECT {expression} AS variant, range AS x FROM range(60)"))
    arms = tuple(label for label in source.labels("variant") if label is not None)
    assert len(arms) == labels
    for unit in (None, "x"):
        reading = source.moments(query("x", arms=arms, unit_col=unit))
        assert [reading.rows["x", arm] for arm in arms] == [source.labels("variant")[arm] for arm in arms]


# Connections and limits -----------------------------------------------------------


def test_the_default_connection_is_never_touched(tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "a.parquet")
    before = duckdb.sql("SELECT current_setting('memory_limit')").fetchall()
    opened(str(tmp_path / "a.parquet")).moments(query("revenue"))
    assert duckdb.sql("SELECT current_setting('memory_limit')").fetchall() == before
    assert duckdb.sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall() == [(0,)]


def test_relation_leaves_no_objects_on_its_connection() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE xpyrment_data AS SELECT 1 AS mine")
    connection.execute("CREATE TABLE t AS SELECT 'control' AS variant, 1.0 AS revenue")
    opened(connection.table("t")).moments(query("revenue"))
    assert connection.execute("SELECT * FROM xpyrment_data").fetchall() == [(1,)]
    assert sorted(connection.execute("SHOW TABLES").fetchall()) == [("t",), ("xpyrment_data",)]


def test_two_sources_do_not_see_each_other(tmp_path: Path) -> None:
    for i, n in enumerate((30, 70)):
        frame(n).to_parquet(tmp_path / f"{i}.parquet")
    one, other = (opened(str(tmp_path / f"{i}.parquet")) for i in range(2))
    assert (sum(one.labels("variant").values()), sum(other.labels("variant").values())) == (30, 70)


def test_limits_come_from_the_option_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.of() == Settings("50%", None)
    monkeypatch.setenv("XPYRMENT_DUCKDB_MEMORY_LIMIT", "700MB")
    monkeypatch.setenv("XPYRMENT_DUCKDB_THREADS", "1")
    assert Settings.of() == Settings("700MB", 1)
    assert Settings.of("1GiB", 3) == Settings("1GiB", 3)


@pytest.mark.parametrize(("memory", "threads"), [("much", None), ("1 potato", None), ("1GB", 0), ("1GB", -1)])
def test_invalid_limits_are_refused(memory: str, threads: int | None) -> None:
    with pytest.raises(InputError, match="DuckDB"):
        Settings.of(memory, threads)


@pytest.mark.parametrize("memory", ["50%", "300MB", "1.5 GiB"])
def test_limits_reach_duckdb(tmp_path: Path, memory: str) -> None:
    frame().to_parquet(tmp_path / "a.parquet")
    source = DuckDBEngine(memory, 1).open(str(tmp_path / "a.parquet"))
    source.schema()
    connection = source._database._table._database._connected()
    limit, threads = connection.execute(
        "SELECT current_setting('memory_limit'), current_setting('threads')"
    ).fetchall()[0]
    plain = duckdb.connect()
    standard = plain.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]
    if memory == "50%":  # DuckDB's own limit is 80 % of the memory
        assert float(limit.split()[0]) == pytest.approx(float(standard.split()[0]) * 50 / 80, rel=0.02)
    else:
        plain.execute(f"SET memory_limit = '{memory}'")
        assert limit == plain.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]
    assert threads == 1


@contextmanager
def largest_size(folder: Path) -> Iterator[list[int]]:
    """Yield a list that holds, in the end, the largest sum of bytes that the files below the folder had."""
    sizes, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(0.005):
            with suppress(FileNotFoundError):  # DuckDB may delete a file between listing and asking
                sizes[0] = max(sizes[0], sum(path.stat().st_size for path in folder.rglob("*.*")))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield sizes
    finally:
        done.set()
        watcher.join()


def test_grouping_units_spills_to_disk_and_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spill))
    duckdb.connect().execute(
        f"COPY (SELECT hash(range) % 2000000 AS unit, CASE WHEN unit % 2 = 0 THEN 'control' ELSE 'treatment' END "
        f"AS variant, random() AS a, random() AS b, random() AS c, random() AS d FROM range(6000000)) "
        f"TO '{tmp_path / 'events.parquet'}' (FORMAT parquet)"
    )
    # Far from both ends: DuckDB 1.3 and 2.0 need less than 150 MB here, and still spill at 400 MB.
    source = DuckDBEngine("250MB", 2).open(str(tmp_path / "events.parquet"))
    with largest_size(spill) as spilled:
        reading = source.moments(query("a", "b", "c", "d", unit_col="unit"))
    assert reading.units.repeated
    assert sum(reading.rows["a", arm] for arm in ARMS) == 6_000_000
    assert spilled[0] > 0
    del source
    assert os.listdir(spill) == []


# Failures ------------------------------------------------------------------------


def test_a_file_that_vanishes_is_one_clear_error_and_the_experiment_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame().to_parquet(path)
    experiment = setup(str(path), "variant").register_metric("revenue")
    history = experiment.history
    path.unlink()
    with pytest.raises(EngineError, match=r"a file was removed .*a\.parquet"):
        run_analysis(experiment)
    assert experiment.state is ExperimentState.DESIGNED
    assert experiment.history == history


def test_a_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    with pytest.raises(XpyrmentError, match=r"a\.parquet") as caught:
        setup(str(tmp_path / "a.parquet"), "variant")
    assert "\n" not in str(caught.value)


def test_a_relation_whose_connection_is_closed_is_one_clear_error() -> None:
    connection = duckdb.connect()
    source = opened(connection.sql("SELECT 'control' AS variant, 1.0 AS revenue"))
    source.schema()
    connection.close()
    with pytest.raises(EngineError, match="connection"):
        source.moments(query("revenue"))


def test_too_little_memory_says_which_limit_to_raise(tmp_path: Path) -> None:
    connection = duckdb.connect()
    connection.execute(
        f"COPY (SELECT 'control' AS variant, range AS user, repeat('x', 200) || range AS name FROM range(300000)) "
        f"TO '{tmp_path / 'a.parquet'}' (FORMAT parquet)"
    )
    source = DuckDBEngine("4MB", 1).open(str(tmp_path / "a.parquet"))
    with pytest.raises(EngineError, match="XPYRMENT_DUCKDB_MEMORY_LIMIT"):
        source.moments(query("user", unit_col="name"))


def test_unknown_columns_are_named(tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "a.parquet")
    source = opened(str(tmp_path / "a.parquet"))
    with pytest.raises(InputError, match="Did you mean 'revenue'"):
        source.moments(query("revenu"))
    with pytest.raises(InputError, match="variants"):
        source.labels("variants")


# Passes ---------------------------------------------------------------------------


def test_number_of_passes_is_reported(tmp_path: Path) -> None:
    data = frame(4000)
    data["late"] = np.where(np.arange(4000) > 3000, np.nan, 1.0 * (np.arange(4000) % 7))
    data["gaps"] = np.where(np.arange(4000) % 5 == 0, np.nan, 1.0 * (np.arange(4000) % 7))
    data["jump"] = np.where(np.arange(4000) > 2000, 1e9, 0) + data["revenue"]
    data.to_parquet(tmp_path / "a.parquet")
    source = opened(str(tmp_path / "a.parquet"))
    assert source.moments(query("revenue")).passes == 1
    assert source.moments(query("revenue", "gaps")).passes == 1
    assert source.moments(query("revenue", "late")).passes == 2
    assert source.moments(query("revenue", unit_col="user")).passes == 3


def test_explain_shows_the_sql_and_reads_no_rows(tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "a.parquet")
    source = opened(str(tmp_path / "a.parquet"))
    text = source.explain(query("revenue", unit_col="user"))
    assert "read_parquet" in text
    assert 'CAST("revenue" AS DOUBLE)' in text
    assert ":revenue" in text
    assert "GROUP BY" in text
    assert source._pilots == {}
    assert "3 of 3 columns" in text
