"""Data and options that could be counted twice, lose digits or raise what is not an error of the library."""

import copy
import gzip
import json
import os
import threading
import time
import warnings
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

import xpyrment as xp
from xpyrment_aggregates.files import write
from xpyrment_aggregates.make import aggregate
from xpyrment_core.errors import InputError, XpyrmentError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frame(rows=400, seed=0):
    generator = np.random.default_rng(seed)
    half = rows // 2
    return pd.DataFrame(
        {
            "v": np.repeat(["a", "b"], half),
            "y": generator.normal(1, 1, rows),
            "x": generator.normal(size=rows),
            "z": generator.integers(0, 2, rows),
        }
    )


def row(data, **options):
    return xp.setup(data, "v").register_metric("y").run_analysis("a", "b", **options).results[0]


def test_a_file_named_twice_is_read_once(folder):
    frame().to_parquet("a.parquet")
    os.symlink("a.parquet", "link.parquet")
    for names in (
        ["a.parquet", "./a.parquet"],
        ["a.parquet", "link.parquet"],
        ["a.parquet", str(folder / "a.parquet")],
    ):
        assert row(names).control_n == 200


@pytest.mark.parametrize(
    "again",
    [
        lambda data: aggregate(data.sample(frac=1, random_state=1), "v", ["y"]),
        lambda data: aggregate(data, "v", ["y", "x"]),
        lambda data: aggregate(data, "v", ["y"], ["x"]),
        lambda data: aggregate(data.iloc[::-1], "v", ["x/y"], ["z"]),
    ],
)
def test_moments_of_the_same_rows_are_refused_with_any_other_columns(again):
    data = frame()
    with pytest.raises(InputError, match="the same data would count twice"):
        row([aggregate(data, "v", ["y"]), again(data)])


def test_moments_of_other_rows_are_merged():
    parts = [aggregate(frame(seed=seed), "v", ["y"]) for seed in (1, 2)]
    whole = row(pd.concat([frame(seed=1), frame(seed=2)]))
    assert row(parts).p_value == pytest.approx(whole.p_value, rel=1e-9)
    # Equal counts of a column of 0 and 1 are a coincidence, not a proof.
    flat = pd.DataFrame({"v": list("ab") * 50, "y": [0, 1, 1, 0] * 25})
    assert (
        row([aggregate(flat, "v", ["y"]), aggregate(flat.assign(w=np.arange(100.0)), "v", ["y", "w"])]).control_n == 100
    )


def test_a_folder_named_like_a_remote_address_is_a_folder(folder):
    os.makedirs("s3:/bucket")
    frame().to_parquet("s3:/bucket/a.parquet")
    assert row("s3:/bucket/a.parquet").control_n == 200


@pytest.mark.parametrize("scale", [1e3, 1e9, 1e12, 1e15, 1e18, 1e100])
@pytest.mark.parametrize("engine", ["duckdb", "lazy", "frame"])
def test_a_variant_that_is_not_compared_takes_no_digits(folder, engine, scale):
    data = frame()
    third = pd.DataFrame({"v": "c", "y": np.random.default_rng(1).normal(scale, scale, 600)})
    # First, where an engine looks for the magnitude of a column.
    mixed = pd.concat([third, data[["v", "y"]]])
    mixed.to_parquet("d.parquet")
    source = {"duckdb": "d.parquet", "lazy": pl.scan_parquet("d.parquet"), "frame": mixed}[engine]
    oracle = stats.ttest_ind(data.y[data.v == "b"], data.y[data.v == "a"], equal_var=False)
    assert row(source).p_value == pytest.approx(oracle.pvalue, rel=1e-8)


CSV = ("v,y\n" + "".join(f"{'ab'[i % 2]},{i * 7919 % 1000}\n" for i in range(40_000))).encode()
DAMAGED = {
    "short.csv.gz": gzip.compress(CSV)[:-500],
    "tail.csv.gz": gzip.compress(CSV)[:-4],
    "start.csv.gz": gzip.compress(CSV)[:30],
    "two.csv.gz": b"\x1f\x8b",
    "flipped.csv.gz": gzip.compress(CSV)[:5000] + b"\x00" * 50 + gzip.compress(CSV)[5050:],
    "empty.parquet": b"",
    "magic.parquet": b"PAR1",
    "zero.jsonl": b"\x00" * 100,
    "empty.xlsx": b"PK",
    "x.arrow": b"ARROW1\x00\x00",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_one_clear_error(folder, name):
    Path(name).write_bytes(DAMAGED[name])
    for use in (row, lambda path: xp.check_srm(path, treatment_col="v")):
        with pytest.raises(XpyrmentError) as refused:
            use(name)
        assert "\n" not in str(refused.value)


def paths(value, path=()):
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from paths(inner, (*path, key))


def damaged(document, generator):
    """Return the document with one value replaced or removed."""
    document = copy.deepcopy(document)
    places = list(paths(document))
    *before, last = places[generator.integers(1, len(places))]
    place = document
    for key in before:
        place = place[key]
    if generator.random() < 0.2:
        del place[last]
    else:
        values = [None, "x", -1, float("inf"), [], {}, True, float("nan"), 2**70, "", [[1]], -1e308, 0.5]
        place[last] = values[generator.integers(len(values))]
    return document


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_damaged_moments_files_raise_errors_of_the_library_only(folder, seed):
    data = frame().assign(k=list("pqrs") * 100)
    document = json.loads(write(aggregate(data, "v", ["y"], ["x", "k"])))
    generator = np.random.default_rng(seed)
    for _ in range(250 if seed == 1 else 5000):
        Path("d.moments.json").write_text(json.dumps(damaged(document, generator)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                xp.setup("d.moments.json", "v", covariates=["x"]).register_metric("y").run_analysis("a", "b").to_json()
            except XpyrmentError:
                continue


@pytest.mark.parametrize(
    "labels",
    [
        np.float32([1.5, 2.5]),
        np.int8([1, 2]),
        np.array([Decimal(1), Decimal(2)]),
        np.array([True, False]),
        np.array([1, "1"], dtype=object),
        pd.to_datetime(["2026-01-01", "2026-01-02"]).to_numpy(),
    ],
    ids=str,
)
def test_labels_that_json_lacks_are_written_and_kept_apart(labels):
    data = frame().assign(v=np.repeat(labels, 200))
    result = xp.setup(data, "v").register_metric("y").run_analysis(labels[0], labels[1])
    document = json.loads(result.to_json())
    assert len(document["analysis"]["rows"]) == 2
    for form in ("html", "markdown", "csv", "json"):
        assert result.export(form)


@pytest.mark.parametrize("alpha", [np.float64(0.05), np.float32(0.05), Decimal("0.05")])
def test_levels_of_other_types_of_numbers_can_be_exported(alpha):
    result = xp.setup(frame(), "v").register_metric("y").run_analysis("a", "b", alpha=alpha)
    for form in ("html", "markdown", "csv", "json"):
        assert result.export(form)
    assert json.loads(result.to_json())["alpha"] == pytest.approx(0.05)


def test_an_array_of_labels_is_a_list_of_treatments():
    data = frame()
    result = xp.setup(data, "v").register_metric("y").run_analysis("a", data.v.unique()[1:])
    assert [one.treatment for one in result.results] == ["b"]
    with pytest.raises(InputError, match="'a' is also the control"):
        xp.setup(data, "v").register_metric("y").run_analysis("a", data.v.unique())


def test_columns_that_are_not_named_by_text_are_left_alone_or_refused():
    data = frame().rename(columns={"x": 3, "z": ("t", 1)})
    assert row(data).status == "ok"
    for use in (
        lambda: xp.setup(data, 3).register_metric("y").run_analysis(),
        lambda: xp.setup(data, "v").register_metric("m", value_col=3),
        lambda: xp.setup(data, "v", covariates=[("t", 1)]).register_metric("y").run_analysis("a", "b"),
    ):
        with pytest.raises(XpyrmentError):
            use()


@pytest.mark.parametrize("scale", [1e308, 1e300, 1e160, 1e-160, 1e-300, 5e-324])
@pytest.mark.parametrize("test", ["welch", "ols", "mannwhitney", "bootstrap"])
@pytest.mark.parametrize("kind", ["mean", "ratio", "winsorized", "log"])
def test_extreme_values_reach_the_user_as_results_and_not_as_warnings_of_numpy(scale, test, kind):
    data = frame(200)
    data = data.assign(y=data.y * scale, x=data.x * scale)
    columns = {"numerator_col": "y", "denominator_col": "x"} if kind == "ratio" else {"value_col": "y"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)
        try:
            experiment = xp.setup(data, "v", covariates=None if kind == "ratio" else ["x"])
            result = experiment.register_metric("m", kind, **columns).run_analysis("a", "b", test=test)
        except XpyrmentError:
            return
        json.loads(result.to_json())


def test_drawing_in_threads_leaves_the_settings_of_matplotlib_as_they_were():
    import matplotlib as mpl

    result = xp.setup(frame(), "v").register_metric("y").run_analysis("a", "b")
    before, failures = dict(mpl.rcParams), []

    def draw():
        try:
            for _ in range(3):
                result.export("html")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=draw) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert dict(mpl.rcParams) == before


def test_the_simulated_sample_ratio_test_of_many_small_variants_is_quick():
    counts = {f"v{i}": int(n) for i, n in enumerate(np.random.default_rng(0).integers(0, 4, 300))}
    start = time.process_time()
    check = xp.check_srm(counts)
    # With a log factorial per count and draw, and a million draws, it took 50 s.
    assert time.process_time() - start < 20
    assert "100,000 draws" in check.details["method"]
    # The chi-square approximation is rough here, but of the same order.
    assert abs(check.p_value - stats.chi2.sf(check.statistic, 299)) < 0.25
