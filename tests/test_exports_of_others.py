"""Files and frames as people have them, each a situation that once failed, with its value from an outside witness."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats as st
import statsmodels.formula.api as smf

import xpyrment as xp
from commands import command


def analysed(path, *options, metric="y", column="variant"):
    """Return the rows of ``xpyrment analyze`` of a file."""
    done = command("analyze", str(path), "--treatment-col", column, "--metric", metric, *options, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["metrics"]


def written(folder: Path, text: str | bytes, name: str = "export.csv") -> Path:
    """Write a file of a test."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def lines(header: str, row, n: int = 60) -> str:
    """Return a CSV of n rows, ``row(i, arm)`` with the arms in turn."""
    return header + "\n" + "".join(row(i, ("control", "treatment")[i % 2]) + "\n" for i in range(n))


# Ids and labels


def test_ids_of_19_digits_with_a_blank_one_stay_apart(tmp_path):
    rng = np.random.default_rng(7)
    ids = np.array([str(1234567890123456789 + i) for i in range(300)])
    arm = np.where(rng.permutation(300) % 2, "treatment", "control")
    i = np.repeat(np.arange(300), rng.poisson(3, 300) + 1)
    y = np.round(rng.gamma(4, 2, 300)[i] + rng.normal(0, 1, len(i)), 3)
    data = pd.DataFrame({"user": ids[i], "variant": arm[i], "y": y})
    data.loc[len(data)] = ["", "control", 5.0]
    path = tmp_path / "sessions.csv"
    data.to_csv(path, index=False)
    kept = data[data["user"] != ""]
    groups = kept["user"].astype("category").cat.codes
    wanted = smf.ols("y ~ variant", kept).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    done = command("regress", "--csv", str(path), "--y-col", "y", "--x-cols", "variant", "--cluster", "user",
                   "--format", "json")  # fmt: skip
    found = json.loads(done.stdout)
    assert found["clusters"] == 300
    assert found["coefficients"][1]["std_error"] == pytest.approx(wanted.bse.iloc[1], rel=1e-6)


def test_levels_that_no_row_has_are_no_arms():
    arms = np.where(np.arange(200) % 2, "treatment", "control")
    data = pd.DataFrame({"variant": pd.Categorical(arms, categories=["control", "treatment", "old", "paused"])})
    check = xp.check_srm(data, treatment_col="variant")
    assert (check.p_value, check.passed) == (1, True)
    assert xp.check_srm(data, weights={"control": 1, "treatment": 1}, treatment_col="variant").passed


def test_a_variant_called_none_is_a_variant(tmp_path):
    rng = np.random.default_rng(1)
    arms, y = np.array(["None", "A", "B"])[np.arange(300) % 3], rng.normal(10, 2, 300)
    pd.DataFrame({"promo": arms, "y": y}).to_csv(tmp_path / "promo.csv", index=False)
    row = analysed(tmp_path / "promo.csv", "--control", "None", "--treatment", "A", column="promo")[0]
    wanted = st.ttest_ind(y[arms == "A"], y[arms == "None"], equal_var=False).pvalue
    assert row["p_value"] == pytest.approx(wanted, rel=1e-9)


def test_one_arm_in_four_spellings_is_refused(tmp_path):
    spelt = ("control", "Control", "control ", " CONTROL")
    path = written(tmp_path, lines("variant,y", lambda i, arm: f"{arm if i % 2 else spelt[i // 2 % 4]},{i % 7}"))
    done = command("analyze", str(path), "--treatment-col", "variant", "--metric", "y")
    assert done.returncode == 1
    assert "differ in case or spaces only" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("analyze", "FILE", "--treatment-col", "variant", "--metric", "revenue"),
        ("balance", "--csv", "FILE", "--group-col", "variant", "--covariates", "revenue"),
        ("regress", "--csv", "FILE", "--y-col", "revenue", "--x-cols", "variant"),
        ("srm", "FILE", "--treatment-col", "variant"),
    ],
)
def test_two_columns_of_one_name_are_refused(words, tmp_path):
    path = written(tmp_path, lines("variant,revenue,revenue", lambda i, arm: f"{arm},{i % 7},{100 + i % 5}"))
    done = command(*(str(path) if word == "FILE" else word for word in words))
    assert done.returncode == 1
    assert "revenue" in done.stderr


def test_rows_without_a_label_are_missing_in_a_frame_as_in_its_file(tmp_path):
    arms = np.where(np.arange(400) % 2, "treatment", "control").astype(object)
    arms[::10] = ""
    data = pd.DataFrame({"variant": arms, "y": np.random.default_rng(0).normal(10, 1, 400)})
    data.to_csv(tmp_path / "d.csv", index=False)
    for given in (data, tmp_path / "d.csv"):
        row = xp.setup(given, "variant").register_metric("y").run_analysis().raw_results[0]
        assert row["exclusions"]["missing_label"] == 40


@pytest.mark.parametrize(
    "words",
    [
        ("analyze", "FILE", "--treatment-col", "flag", "--metric", "y"),
        ("balance", "--csv", "FILE", "--group-col", "flag", "--covariates", "y"),
    ],
)
def test_control_false_as_the_file_spells_it(words, tmp_path):
    path = written(tmp_path, lines("flag,y", lambda i, arm: f"{('false', 'true')[i % 2]},{i % 7}"))
    done = command(*(str(path) if word == "FILE" else word for word in words), "--control", "false")
    assert done.returncode == 0, done.stderr


def test_a_name_with_signs_of_the_grammar_is_a_column(tmp_path):
    path = written(tmp_path, lines('variant,rev:usd,"c,d"', lambda i, arm: f"{arm},{i // 2 % 7},{i % 3}", 84))
    assert analysed(path, metric="rev:usd")[0]["control_mean"] == 3
    assert analysed(path, metric='"c,d"')[0]["control_n"] == 42


# Dialects and formats


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize(
    "words",
    [
        ("analyze", "FILE", "--treatment-col", "variant", "--metric", "y"),
        ("balance", "--csv", "FILE", "--group-col", "variant", "--covariates", "x"),
        ("srm", "FILE", "--treatment-col", "variant"),
        ("regress", "--csv", "FILE", "--y-col", "y", "--x-cols", "variant"),
        ("aa", "FILE", "--treatment-col", "variant", "--metric", "y", "--replicates", "20", "--n-jobs", "1"),
    ],
)
def test_every_command_reads_every_separator(separator, words, tmp_path):
    header = separator.join(("variant", "y", "x"))
    path = written(tmp_path, lines(header, lambda i, arm: separator.join((arm, str(i % 7), str(i % 3)))))
    done = command(*(str(path) if word == "FILE" else word for word in words))
    assert done.returncode == 0, done.stderr


def test_line_ends_of_two_systems_in_one_file(tmp_path):
    path = written(
        tmp_path, b"variant,y\r\ncontrol,1\r\ncontrol,2\r\ncontrol,3\ntreatment,4\r\ntreatment,5\r\ntreatment,7\r\n"
    )
    wanted = st.ttest_ind([4, 5, 7], [1, 2, 3], equal_var=False).pvalue
    assert analysed(path)[0]["p_value"] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.jsonl", b'{"variant":"control","y":1}\n'),
        ("d.xlsx", b"PK\x03\x04junk"),
        ("d.sav", b"variant,y\n"),
    ],
)
def test_a_file_that_cannot_be_analysed_is_named_without_a_type(name, content, tmp_path):
    path = written(tmp_path, content, name)
    done = command("analyze", str(path), "--treatment-col", "variant", "--metric", "y")
    assert done.returncode == 1
    assert "builtins.str" not in done.stderr
    assert "Traceback" not in done.stderr


def test_several_files_as_a_shell_expands_a_glob(tmp_path):
    paths = [written(tmp_path, lines("variant,y", lambda i, arm: f"{arm},{i % 7}"), f"day{k}.csv") for k in (1, 2)]
    done = command("analyze", *map(str, paths), "--treatment-col", "variant", "--metric", "y", "--format", "json")
    assert [json.loads(done.stdout)["metrics"][0][f"{arm}_n"] for arm in ("control", "treatment")] == [60, 60]


def test_checks_take_the_path_that_setup_takes(tmp_path):
    path = written(tmp_path, lines("variant,y", lambda i, arm: f"{arm},{i // 2 % 7}"))
    assert xp.check_srm(path, treatment_col="variant").p_value == 1
    assert xp.check_balance(path, "variant", ["y"]).diagnostics_["y"]["smd"] == pytest.approx(0, abs=1e-12)
    assert xp.fit_ols(path, "y", ["variant"]).coefficients[1].coefficient == pytest.approx(0, abs=1e-12)


# Numbers as text


def test_money_is_refused_with_an_example_and_read_on_request(tmp_path):
    rng = np.random.default_rng(0)
    arms, x = np.where(np.arange(400) % 2, "treatment", "control"), np.round(rng.gamma(2, 2000, 400), 2)
    path = tmp_path / "money.csv"
    pd.DataFrame({"variant": arms, "spend": [f"${value:,.2f}" for value in x]}).to_csv(path, index=False)
    words = ("balance", "--csv", str(path), "--group-col", "variant", "--covariates", "spend", "--format", "json")
    refused = command(*words)
    assert refused.returncode == 1
    assert "$" in refused.stderr
    found = json.loads(command(*words, "--money", "--thousands", ",").stdout)["covariates"]["spend"]
    a, b = x[arms == "treatment"], x[arms == "control"]
    wanted = (a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    assert (found["type"], found["smd"]) == ("numeric", pytest.approx(wanted, rel=1e-9))


def test_decimal_commas_of_a_semicolon_file(tmp_path):
    path = written(tmp_path, lines("variant;revenue", lambda i, arm: f"{arm};{10 + i % 6},5"))
    assert analysed(path, metric="revenue")[0]["control_mean"] == 12.5


@pytest.mark.parametrize(("yes", "no"), [("yes", "no"), ("Y", "N"), ("t", "f")])
def test_yes_and_no_are_a_proportion_or_are_shown(yes, no, tmp_path):
    path = written(tmp_path, lines("variant,won", lambda i, arm: f"{arm},{yes if i // 2 % 5 < 2 else no}", 100))
    done = command("analyze", str(path), "--treatment-col", "variant", "--metric", "won:proportion")
    assert done.returncode == 0 or (yes in done.stderr and no in done.stderr)
    assert analysed(path, "--success", yes, metric="won:proportion")[0]["control_mean"] == pytest.approx(0.4)


def test_init_names_a_column_that_it_leaves_out(tmp_path):
    text = lines("variant,revenue,clicks", lambda i, arm: f"{arm},{'-' if i == 7 else i % 6 + 0.5},{i % 3}")
    path, plan = written(tmp_path, text), tmp_path / "plan.toml"
    done = command("init", str(path), "--out", str(plan))
    assert "revenue" in plan.read_text() + done.stdout + done.stderr


# Checks and reasons


def test_a_stray_label_is_no_mismatch_of_the_arms_compared():
    arms = np.where(np.arange(4000) % 2, "treatment", "control").astype(object)
    arms[:2] = "qa"
    data = pd.DataFrame({"variant": arms, "y": np.random.default_rng(0).normal(size=4000)})
    result = xp.setup(data, "variant").register_metric("y").run_analysis(control="control", treatment="treatment")
    assert {check.name: check.passed for check in result.checks}["sample_ratio"] is not False


def test_an_arm_planned_with_weight_0_is_a_leak_if_it_has_units():
    counts = {"control": 5000, "treatment": 5010, "old": 0}
    shares = {"control": 0.5, "treatment": 0.5, "old": 0}
    assert xp.check_srm(counts, shares).p_value == pytest.approx(st.chisquare([5000, 5010]).pvalue, abs=1e-3)
    assert xp.check_srm(counts | {"old": 7}, shares).passed is False
    assert xp.check_srm(counts, {"control": 0.5, "treatment": 0.5}).passed


def test_a_denominator_of_zero_is_the_reason():
    treated = np.arange(200) % 2
    data = pd.DataFrame({"variant": np.where(treated, "treatment", "control"), "k": treated, "N": 2 * treated})
    experiment = xp.setup(data, "variant").register_metric("r", "ratio", numerator_col="k", denominator_col="N")
    reason = experiment.run_analysis().raw_results[0]["reason"]
    assert "'N'" in reason
    assert "division" not in reason


def test_a_covariate_that_is_the_same_for_all_is_balanced(tmp_path):
    path = written(tmp_path, lines("variant,x,platform,age", lambda i, arm: f"{arm},{i // 2 % 3},web,30"))
    done = command("balance", "--csv", str(path), "--group-col", "variant", "--covariates", "x,platform,age",
                   "--fail-on-imbalance")  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_cuped_pays_for_the_levels_of_a_text_covariate():
    rng = np.random.default_rng(343)
    data = pd.DataFrame({"country": [f"g{i:02d}" for i in rng.integers(1, 41, 50)], "z": rng.integers(0, 2, 50)})
    data["y"] = 0.1 * data["z"] + rng.normal(size=50)
    data["variant"] = np.where(data["z"], "treatment", "control")
    experiment = xp.setup(data, "variant", weights=dict(data["variant"].value_counts())).register_metric("y")
    row = experiment.run_analysis(covariates=["country"]).raw_results[0]
    assert row["std_error"] > 0.9 * smf.ols("y ~ z + country", data).fit().bse["z"]
