"""One reader: every dialect gives in every command and function what the Parquet file of the same table gives."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import xpyrment as xp
from commands import command
from dialects import CLEAN, FILES, Dialect, stdin_of, table

ROUNDING = 1e-12
"""Sums over the same rows in blocks of another size."""


def _analysis(data: Any, read: Any) -> Any:
    experiment = xp.setup(data, "variant", "user", ["before", "country"], read=read)
    experiment.register_metric("revenue", covariate="before").register_metric("converted", "proportion")
    result = experiment.run_analysis()
    return {"rows": result.raw_results, "balance": result.to_dict()["covariate_balance"]}


def _srm(data: Any, read: Any) -> Any:
    checks = [xp.check_srm(data, treatment_col="variant", id_col=unit, read=read) for unit in (None, "user")]
    return [(check.p_value, check.details["observed"]) for check in checks]


def _balance(data: Any, read: Any) -> Any:
    covariates = ["before", "converted", "country"]
    results = [xp.check_balance(data, "variant", covariates, id_col=unit, read=read) for unit in (None, "user")]
    return [result.to_dict() for result in results]


def _ols(data: Any, read: Any) -> Any:
    result = xp.fit_ols(data, "revenue", ["variant", "before", "country"], cluster_col="user", read=read)
    return result.to_dict()


def _aa(data: Any, read: Any) -> Any:
    experiment = xp.setup(data, "variant", "user", read=read).register_metric("revenue")
    result = xp.aa_test(experiment, replicates=20, seed=1, n_jobs=1)
    return [(metric.metric, metric.level, metric.coverage) for metric in result.metrics]


def _aggregate(data: Any, read: Any) -> Any:
    from xpyrment_aggregates.make import aggregate

    made = aggregate(data, "variant", ["revenue", "converted"], ["before", "country"], read=read)
    return [
        (sorted(map(str, stored.required)), str(arm), moments.n, moments.mean.tolist(), moments.m2.tolist())
        for stored in made.sets
        for arm, moments in stored.moments.items()
    ]


FUNCTIONS: tuple[Callable[[Any, Any], Any], ...] = (_analysis, _srm, _balance, _ols, _aa, _aggregate)

METRICS = ("--metric", "revenue", "--metric", "converted:proportion")
COMMANDS = {
    "analyze": ("{}", "--treatment-col", "variant", *METRICS, "--id-col", "user", "--covariates", "before,country"),
    "srm": ("{}", "--treatment-col", "variant", "--id-col", "user"),
    "balance": ("--csv", "{}", "--group-col", "variant", "--covariates", "before,country", "--id-col", "user"),
    "regress": ("--csv", "{}", "--y-col", "revenue", "--x-cols", "variant,before,country", "--cluster", "user"),
    "aa": ("{}", "--treatment-col", "variant", "--metric", "revenue", "--replicates", "20", "--n-jobs", "1"),
    "aggregate": ("{}", "--treatment-col", "variant", "--columns", "revenue,converted", "--covariates", "country"),
    "init": ("{}", "--id-col", "user"),
}
ABOUT_FILES = {"engine", "reading", "passes", "bytes", "file", "text", "created", "exclusions_file"}
"""Keys of JSON that say which file was read, and how."""


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items() if key not in ABOUT_FILES}
    return [_comparable(item) for item in value] if isinstance(value, list | tuple) else value


def assert_same(found: Any, wanted: Any, where: str = "") -> None:
    """Assert that two nested values are equal, numbers up to rounding."""
    assert type(found) is type(wanted) or {type(found), type(wanted)} <= {int, float}, where
    if isinstance(wanted, dict):
        assert list(found) == list(wanted), where
        for key in wanted:
            assert_same(found[key], wanted[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for i, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_same(one, other, f"{where}[{i}]")
    elif isinstance(wanted, float) and math.isfinite(wanted):
        assert math.isclose(found, wanted, rel_tol=1e-9, abs_tol=ROUNDING), f"{where}: {found} for {wanted}"
    else:
        assert found == wanted or (found != found and wanted != wanted), f"{where}: {found!r} for {wanted!r}"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(CLEAN.write(table(), tmp_path_factory.mktemp("clean")))


@pytest.fixture(scope="module")
def wanted(clean: str) -> dict[str, Any]:
    return {function.__name__: _comparable(function(clean, None)) for function in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__[1:])
@pytest.mark.parametrize("dialect", FILES, ids=lambda dialect: dialect.name)
def test_every_function_reads_every_dialect(
    dialect: Dialect, function: Callable[[Any, Any], Any], wanted: dict[str, Any], tmp_path: Path
) -> None:
    found = function(dialect.write(table(), tmp_path), dialect.read or None)
    assert_same(_comparable(found), wanted[function.__name__])


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__[1:])
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_every_function_reads_frames(library: str, function: Callable[[Any, Any], Any], wanted: dict[str, Any]) -> None:
    frame: Any = table()
    if library != "pandas":
        frame = pytest.importorskip(library).Table.from_pandas(frame) if library == "pyarrow" else frame
        frame = pytest.importorskip("polars").from_pandas(frame) if library == "polars" else frame
    assert_same(_comparable(function(frame, None)), wanted[function.__name__])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"revenue": "decimal comma"}, {"decimal": ","}),
        ({"revenue": "money"}, {"money": True, "thousands": ","}),
        ({"converted": "yes"}, {"success_value": "yes"}),
        ({"revenue": "dash"}, {"missing": "-"}),
    ],
    ids=["decimal comma", "money", "yes and no", "dash"],
)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__[1:])
def test_every_function_reads_numbers_written_as_text_in_a_frame(
    function: Callable[[Any, Any], Any], written: dict[str, str], read: dict[str, Any], wanted: dict[str, Any]
) -> None:
    forms: dict[str, Callable[[float], str]] = {
        "decimal comma": lambda value: str(value).replace(".", ","),
        "money": lambda value: f"{'-' if value < 0 else ''}$ {abs(value):,.2f}",
        "yes": lambda value: "yes" if value else "no",
        "dash": str,
    }
    frame = table()
    for column, form in written.items():
        gap = "-" if form == "dash" else None
        texts = [gap if value != value else forms[form](value) for value in frame[column].tolist()]
        frame[column] = pd.Series(texts, dtype=object)
    assert_same(_comparable(function(frame, read)), wanted[function.__name__])


def _ran(name: str, data: Any, folder: Path, *flags: str, stdin: str | None = None) -> Any:
    paths = data if isinstance(data, list) else [data]
    if name in ("balance", "regress") and len(paths) > 1:
        paths = [paths[0].replace("day-1", "day-*")]  # --csv takes one path, or a glob
    words = [part for word in COMMANDS[name] for part in (paths if word == "{}" else [word])]
    out = {"aggregate": ["--out", str(folder / "x.moments.json")], "init": ["--out", str(folder / "x.toml"), "--force"]}
    with pytest.MonkeyPatch.context() as patch:
        if stdin is not None:
            patch.setattr(sys, "stdin", stdin_of(stdin))
        done = command(name, *words, *out.get(name, []), *flags, "--format", "json", own_stdin=stdin is not None)
    assert done.returncode in (0, 2), done.stderr
    found = _comparable(json.loads(done.stdout))
    if name == "init":
        text = (folder / "x.toml").read_text("utf-8").splitlines()
        found["plan"] = [line for line in text if line.startswith(("name", "type", "treatment", "id_col", "control"))]
    return found


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("dialect", FILES, ids=lambda dialect: dialect.name)
def test_every_command_reads_every_dialect(name: str, dialect: Dialect, clean: str, tmp_path: Path) -> None:
    found = _ran(name, dialect.write(table(), tmp_path), tmp_path, *dialect.flags)
    assert_same(found, _ran(name, clean, tmp_path))


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"init"}))
@pytest.mark.parametrize(
    "dialect", [d for d in FILES if not d.flags and d.name not in ("several files", "glob", "excel")]
)
def test_every_command_reads_standard_input(name: str, dialect: Dialect, clean: str, tmp_path: Path) -> None:
    path = dialect.write(table(), tmp_path)
    assert_same(_ran(name, "-", tmp_path, stdin=path), _ran(name, clean, tmp_path))
