"""Files of moments give the analysis that the data themselves give, whole or in shards."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processes import program
from xpyrment_aggregates.engine import AggregatesEngine
from xpyrment_aggregates.files import read, write
from xpyrment_aggregates.make import aggregate
from xpyrment_core.data.query import Query, RowSet, Term
from xpyrment_core.errors import InputError
from xpyrment_core.experiment.experiment import Experiment
from xpyrment_core.experiment.setup import run_analysis, setup

ARMS = ("control", "treatment")

# Merging changes the order of additions only. A mean near 1e9 is itself rounded to 1e-7
# standard deviations, so that of the column "offset" means and variances are compared, to that.
RTOL = 1e-9

COLUMNS = ["revenue", "converted", "clicks/views", "offset"]
COVARIATES = ["pre_revenue", "country"]


def frame(n: int = 4000, seed: int = 3, gaps: float = 0.1) -> pd.DataFrame:
    """Return an experiment whose columns have different gaps, and a column at 1e9."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=n)
    data = pd.DataFrame(
        {
            "user": np.arange(n) + seed * 10_000_000,
            "variant": rng.choice([*ARMS, "other", None], n, p=[0.4, 0.4, 0.15, 0.05]),
            "revenue": rng.exponential(10, n) + latent,
            "converted": (rng.uniform(size=n) < 0.2).astype(int),
            "views": rng.poisson(8, n) + 1.0,
            "pre_revenue": 10 + latent + rng.normal(size=n),
            "country": rng.choice(["DE", "US", "FR"], n, p=[0.5, 0.4, 0.1]),
            "offset": 1e9 + latent,
        }
    )
    data["clicks"] = rng.binomial(data["views"].astype(int), 0.3).astype(float)
    for column in ("revenue", "clicks", "views", "pre_revenue", "country"):
        data.loc[rng.uniform(size=n) < gaps, column] = None
    return data


def shards(data: pd.DataFrame, parts: int = 3) -> list[pd.DataFrame]:
    """Split by user; the first shard has no missing value at all, and one country less."""
    pieces = [data[data["user"] % parts == i].reset_index(drop=True) for i in range(parts)]
    first = pieces[0].dropna().reset_index(drop=True)
    pieces[0] = first[first["country"] != "FR"].reset_index(drop=True)
    return pieces


def analysed(data: Any, id_col: str | None = None) -> list[dict[str, Any]]:
    """Return the results of the usual metrics."""
    weights = {"control": 0.4, "treatment": 0.4, "other": 0.15}
    experiment = setup(data, "variant", id_col, covariates=list(COVARIATES), weights=weights)
    experiment.register_metric("revenue", value_col="revenue")
    experiment.register_metric("offset", value_col="offset")
    experiment.register_metric("converted", metric_type="proportion")
    experiment.register_metric("ctr", metric_type="ratio", numerator_col="clicks", denominator_col="views")
    experiment.register_metric("by country", value_col="revenue", covariate="country")
    return run_analysis(experiment).raw_results


def same(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    for one, other in zip(found, wanted, strict=True):
        for key, value in other.items():
            if other["metric_name"] == "offset" and key not in ("control_mean", "control_var", "treatment_var"):
                continue
            if isinstance(value, float) and key not in ("power", "mde"):
                rtol = 1e-6 if other["metric_name"] == "offset" else RTOL
                assert one[key] == pytest.approx(value, rel=rtol, abs=1e-9), (other["metric_name"], key)
            elif isinstance(value, int | str | None):
                assert one[key] == value, (other["metric_name"], key)


def saved(folder: Path, parts: list[pd.DataFrame], **options: Any) -> str:
    for i, part in enumerate(parts):
        found = aggregate(part, "variant", COLUMNS, COVARIATES, **options)
        (folder / f"part-{i}.moments.json").write_text(write(found))
    return str(folder / "*.moments.json")


@pytest.mark.parametrize("gaps", [0.0, 0.1], ids=["complete", "gaps"])
def test_a_file_gives_the_results_of_its_data(tmp_path: Path, gaps: float) -> None:
    data = frame(gaps=gaps)
    same(analysed(saved(tmp_path, [data])), analysed(data))


def test_shards_give_the_results_of_the_whole(tmp_path: Path) -> None:
    parts = shards(frame())
    same(analysed(saved(tmp_path, parts)), analysed(pd.concat(parts, ignore_index=True)))


def test_shards_by_unit_give_the_results_of_the_whole_and_say_what_they_cannot_see(tmp_path: Path) -> None:
    parts = shards(frame())
    with pytest.warns(UserWarning, match="count twice"):
        found = analysed(saved(tmp_path, parts, id_col="user"), id_col="user")
    same(found, analysed(pd.concat(parts, ignore_index=True), id_col="user"))


def test_units_with_several_rows_come_through_one_file(tmp_path: Path) -> None:
    data = pd.concat([frame(), frame()], ignore_index=True)
    data["revenue"] += np.random.default_rng(0).normal(size=len(data))
    path = saved(tmp_path, [data], id_col="user")
    same(analysed(path, id_col="user"), analysed(data, id_col="user"))
    with pytest.raises(InputError, match="id_col='user'"):
        analysed(path)


def test_units_with_several_rows_do_not_merge(tmp_path: Path) -> None:
    data = pd.concat([frame(500), frame(500)], ignore_index=True)
    path = saved(tmp_path, shards(data, 2), id_col="user")
    with pytest.raises(InputError, match="do not merge"):
        analysed(path, id_col="user")


@settings(max_examples=20)
@given(cut=st.integers(1, 399), seed=st.integers(0, 100))
def test_where_the_data_are_cut_does_not_matter(cut: int, seed: int) -> None:
    data = frame(400, seed)
    parts = [aggregate(part, "variant", COLUMNS, COVARIATES) for part in (data[:cut], data[cut:])]
    whole = aggregate(data, "variant", COLUMNS, COVARIATES)
    same(analysed(parts), analysed(whole))


def test_a_file_read_back_is_the_aggregate_to_the_last_digit(tmp_path: Path) -> None:
    found = aggregate(frame(), "variant", COLUMNS, COVARIATES)
    (tmp_path / "a.moments.json").write_text(write(found))
    again = read(str(tmp_path / "a.moments.json"))
    assert write(again) == write(found)
    for one, other in zip(again.sets, found.sets, strict=True):
        for arm in other.moments:
            assert np.array_equal(one.moments[arm].m2, other.moments[arm].m2)


def test_moments_file_holds_no_data_of_single_units(tmp_path: Path) -> None:
    text = write(aggregate(frame(), "variant", COLUMNS, COVARIATES, id_col="user"))
    assert not any(str(user) in text for user in frame()["user"])
    assert json.loads(text)["schema_version"] == 1


def test_complete_data_are_kept_once() -> None:
    assert [s.required for s in aggregate(frame(gaps=0.0), "variant", COLUMNS).sets] == [
        {"revenue", "converted", "clicks", "views", "offset"}
    ]
    required = [set(s.required) for s in aggregate(frame(), "variant", COLUMNS, COVARIATES).sets]
    assert required == [{"revenue"}, {"converted"}, {"clicks", "views"}, {"offset"}, {"clicks"}, {"views"}, set()]


def test_infinite_values_are_counted(tmp_path: Path) -> None:
    data = frame(100)
    data.loc[[3, 4], "revenue"] = np.inf
    data.loc[[3, 4], "variant"] = "control"
    (revenue, *_) = analysed(saved(tmp_path, [data]))
    assert revenue["status"] == "not_estimable"
    assert "2 infinite values" in revenue["reason"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (RowSet("m", ("revenue", "offset"), (Term("revenue", "revenue"),)), "--columns revenue/offset"),
        (RowSet("m", ("revenue",), (Term("offset", "offset", "filled"),)), "--covariates offset"),
    ],
)
def test_what_was_not_aggregated_is_named_with_the_remedy(query: RowSet, words: str) -> None:
    source = AggregatesEngine().open(aggregate(frame(), "variant", COLUMNS, COVARIATES))
    with pytest.raises(InputError, match=words):
        source.moments(Query(treatment_col="variant", arms=ARMS, row_sets=(query,)))


def test_rank_tests_and_quantiles_are_refused_on_moments_files(tmp_path: Path) -> None:
    experiment = Experiment(saved(tmp_path, [frame()]), "variant")
    experiment.register_metric("p90", metric_type="quantile", value_col="revenue", q=0.9)
    with pytest.raises(InputError, match="holds moments, not the values of 'revenue'"):
        experiment.design().run_analysis()


def test_a_proportion_of_a_column_with_other_values_is_refused(tmp_path: Path) -> None:
    experiment = setup(saved(tmp_path, [frame()]), "variant").register_metric("revenue", metric_type="proportion")
    with pytest.raises(InputError, match="values other than 0 and 1"):
        experiment.run_analysis()


def test_the_same_file_twice_is_refused() -> None:
    found = aggregate(frame(200), "variant", ["revenue"])
    with pytest.raises(InputError, match="count twice"):
        AggregatesEngine().open([found, found])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ('{"kind": "other"}', "is not a file of moments"),
        ('{"kind": "xpyrment moments", "schema_version": 99}', "version 99"),
        ('{"kind": "xpyrment moments", "schema_version": 1}', "is damaged"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.moments.json").write_text(text)
    with pytest.raises(InputError, match=words):
        AggregatesEngine().open(str(tmp_path / "x.moments.json"))


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    engine = AggregatesEngine()
    with pytest.raises(InputError, match="not found at"):
        engine.open(str(tmp_path / "nosuch.moments.json"))
    with pytest.raises(InputError, match="no file matches"):
        engine.open(str(tmp_path / "*.moments.json"))


def test_files_of_another_experiment_do_not_merge() -> None:
    one = aggregate(frame(200), "variant", ["revenue"])
    other = aggregate(frame(200).rename(columns={"variant": "arm"}), "arm", ["revenue"])
    with pytest.raises(InputError, match="one experiment only"):
        AggregatesEngine().open([one, other])


@pytest.mark.parametrize(
    ("columns", "covariates", "words"),
    [
        ([], [], "at least one column"),
        (["revenu"], [], "Did you mean 'revenue'"),
        (["country"], [], "does not hold numbers: .*'DE'"),
        (["revenue"], ["user name"], "user name"),
    ],
)
def test_what_cannot_be_aggregated_is_refused(columns: list[str], covariates: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        aggregate(frame(200), "variant", columns, covariates)


def test_an_identifier_is_no_variant() -> None:
    with pytest.raises(InputError, match="at most 50"):
        aggregate(frame(200), "user", ["revenue"])


def test_engine_accepts_only_moments() -> None:
    engine = AggregatesEngine()
    assert engine.accepts("a.moments.json")
    assert engine.accepts([Path("a.moments.json"), "b.moments.json"])
    assert engine.accepts(aggregate(frame(200), "variant", ["revenue"]))
    assert not any(
        engine.accepts(data) for data in ("a.json", "a.csv", [], None, frame(5), ["a.moments.json", "b.csv"])
    )


# The command ------------------------------------------------------------------


def test_the_command_writes_a_file_that_analyze_reads(tmp_path: Path) -> None:
    data = frame(600)
    data.to_csv(tmp_path / "day.csv", index=False)
    options = ["--treatment-col", "variant", "--columns", "revenue,clicks/views", "--covariates", "pre_revenue"]
    done = program("aggregate", "day.csv", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Saved as day.moments.json" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    metric = ["--treatment-col", "variant", "--metric", "revenue", "--metric", "ctr=clicks/views", "--format", "json"]
    found, wanted = (program("analyze", name, *metric, cwd=tmp_path) for name in ("day.moments.json", "day.csv"))
    assert (found.returncode, wanted.returncode) == (0, 0), found.stderr + wanted.stderr
    for one, other in zip(json.loads(found.stdout)["metrics"], json.loads(wanted.stdout)["metrics"], strict=True):
        assert one["p_value"] == pytest.approx(other["p_value"], rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["day.csv", "--out", "x.json"], "must end in .moments.json"),
        (["*.csv"], "name the file to write"),
        (["nosuch.csv"], "CSV file not found at 'nosuch.csv'"),
        (["day.csv", "--out", "no/such/folder.moments.json"], "cannot be saved"),
    ],
)
def test_the_command_refuses_with_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    frame(50).to_csv(tmp_path / "day.csv", index=False)
    done = program("aggregate", *arguments, "--treatment-col", "variant", "--columns", "revenue", cwd=tmp_path)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_warning_for_one_file(tmp_path: Path) -> None:
    AggregatesEngine().open(aggregate(frame(200), "variant", ["revenue"], id_col="user"))  # a warning is an error
