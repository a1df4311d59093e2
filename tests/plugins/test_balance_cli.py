"""``xpyrment balance`` as installed, and the gate script that is built on it."""

import csv
import io
import json
import math
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands import command
from processes import process

GATE = Path(__file__).parents[1] / "fixtures" / "gate.sh"
BIN = Path(sys.executable).parent
HIGH, LOW = "SMD >= 0.1", "SMD <= -0.1"

needs_program = pytest.mark.skipif(not (BIN / "xpyrment").exists(), reason="xpyrment is not installed beside python")
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="the gate is a bash script")


def xpyrment(folder, *arguments, stdin=""):
    """Run the program as a shell in `folder` would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return command(*arguments, stdin=stdin)


def gate(folder):
    """Run the gate script, which calls the program by its name."""
    return process("bash", GATE, cwd=folder, PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")


def unit_variance(n=200):
    """Return n values with mean 0 and variance 1 (divisor n - 1)."""
    return np.array([-1.0, 1.0] * (n // 2)) * math.sqrt((n - 1) / n)


def exposures(clicks=0.0, revenue=0.0):
    """Make a table whose covariates have these SMDs."""
    base = unit_variance()
    return pd.DataFrame(
        {
            "variant": ["control"] * 200 + ["treatment"] * 200,
            "pre_period_clicks": [*base, *(base + clicks)],
            "pre_period_revenue": [*(50 + 9 * base), *(50 + 9 * (base + revenue))],
            "country": ["US", "DE"] * 200,
            "segment": ["old"] * 150 + ["new"] * 50 + ["old"] * 60 + ["new"] * 140,
        }
    )


@pytest.fixture
def folder(tmp_path):
    exposures(revenue=0.25).to_csv(tmp_path / "high.csv", index=False)
    exposures(clicks=-0.25).to_csv(tmp_path / "low.csv", index=False)
    exposures(clicks=0.03).to_csv(tmp_path / "good.csv", index=False)
    return tmp_path


def balance(folder, file, covariates="pre_period_clicks, pre_period_revenue", *more):
    return xpyrment(folder, "balance", "--csv", file, "--group-col", "variant", "--covariates", covariates, *more)


@needs_bash
@needs_program
@pytest.mark.parametrize(
    ("smds", "code"),
    [
        ({"clicks": 0.3}, 2),
        ({"revenue": -0.3}, 2),
        ({"clicks": 0.1}, 2),
        ({"clicks": -0.1}, 2),
        ({"clicks": 0.0999, "revenue": -0.0999}, 0),
    ],
)
def test_the_gate_exits_2_on_an_imbalance_and_0_when_balanced(tmp_path, smds, code):
    exposures(**smds).to_csv(tmp_path / "daily_exposures.csv", index=False)
    done = gate(tmp_path)
    assert done.returncode == code, done.stdout + done.stderr


@needs_bash
@needs_program
def test_the_gate_exits_1_when_the_file_is_missing(tmp_path):
    done = gate(tmp_path)
    assert done.returncode == 1
    assert "Error: CSV file not found at 'daily_exposures.csv'" in done.stderr


@needs_bash
@needs_program
def test_the_gate_does_not_pass_what_has_no_smd(tmp_path):
    exposures().assign(pre_period_revenue=np.nan).to_csv(tmp_path / "daily_exposures.csv", index=False)
    done = gate(tmp_path)
    assert done.returncode == 2
    assert "well balanced" not in done.stdout


@pytest.mark.parametrize(
    ("file", "present", "absent"),
    [("high.csv", [HIGH], [LOW, "well balanced"]), ("low.csv", [LOW], [HIGH, "well balanced"]),
     ("good.csv", ["All targeted covariates are well balanced"], [HIGH, LOW])],
)  # fmt: skip
@pytest.mark.parametrize("form", ["table", "markdown"])
def test_the_words_that_scripts_look_for_are_there_only_when_true(folder, file, present, absent, form):
    done = balance(folder, file, "pre_period_clicks, pre_period_revenue", "--format", form)
    assert done.returncode == 0, done.stderr
    assert "COVARIATE BALANCE REPORT (SMD)" in done.stdout
    assert all(text in done.stdout for text in present)
    assert not any(text in done.stdout for text in absent)


def test_every_covariate_has_a_row_with_type_smd_and_p_value(folder):
    lines = balance(folder, "high.csv", "pre_period_revenue,country").stdout.splitlines()
    cells = [line.replace("|", " ").split() for line in lines]
    row = next(row for row in cells if row[:1] == ["pre_period_revenue"])
    assert row[1:3] == ["numeric", "+0.2500"]
    assert float(row[3]) < 0.05
    assert next(row for row in cells if row[:1] == ["country"])[1:3] == ["categorical", "+0.0000"]


def test_what_has_no_smd_and_what_is_infinite_say_why_in_every_arm(folder):
    data = exposures().assign(same=np.inf, split=[1] * 200 + [2] * 200)
    data = pd.concat([data, data.assign(variant="B"), data.assign(variant=None)])
    data.to_csv(folder / "odd.csv", index=False)
    text = balance(folder, "odd.csv", "same,split").stdout
    assert "same [B]: not estimable (200 infinite values in 'control')" in text
    assert "split [treatment]: SMD >= 0.1 (+inf)" in text
    assert "each variant holds a constant of its own" in text
    assert "Rows without a group, left out: 400" in text
    assert "well balanced" not in text


@pytest.mark.parametrize(("file", "code"), [("high.csv", 2), ("good.csv", 0)])
def test_fail_on_imbalance_exits_2_on_an_imbalance_only(folder, file, code):
    assert balance(folder, file, "pre_period_revenue", "--fail-on-imbalance").returncode == code


def test_levels_are_shown_on_request(folder):
    assert "75.00%" not in balance(folder, "good.csv", "segment").stdout
    shown = balance(folder, "good.csv", "segment", "--levels").stdout
    assert "75.00%" in shown
    assert "30.00%" in shown


def test_another_control_can_be_named(folder):
    done = balance(folder, "high.csv", "pre_period_revenue", "--control", "treatment")
    assert LOW in done.stdout


def test_standard_input_and_parquet_are_read_too(folder):
    pd.read_csv(folder / "high.csv").to_parquet(folder / "high.parquet")
    parquet = balance(folder, "high.parquet", "pre_period_revenue")
    piped = xpyrment(
        folder, "balance", "--csv", "-", "--group-col", "variant", "--covariates", "pre_period_revenue",
        stdin=(folder / "high.csv").read_text(),
    )  # fmt: skip
    assert parquet.stdout == piped.stdout == balance(folder, "high.csv", "pre_period_revenue").stdout


def test_json_and_csv_carry_every_number(folder):
    report = json.loads(balance(folder, "high.csv", "pre_period_revenue,country", "--format", "json").stdout)
    assert (report["kind"], report["schema_version"], report["passed"]) == ("balance", 1, False)
    assert report["imbalanced"] == ["pre_period_revenue"]
    assert report["covariates"]["pre_period_revenue"]["smd"] == pytest.approx(0.25, rel=1e-9)
    table = list(
        csv.DictReader(io.StringIO(balance(folder, "high.csv", "pre_period_revenue,country", "--format", "csv").stdout))
    )
    assert [row["covariate"] for row in table] == ["pre_period_revenue", "country"]
    assert float(table[0]["smd"]) == pytest.approx(0.25, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope.csv", "variant", "country"), "Error: CSV file not found at 'nope.csv'"),
        (("good.csv", "varian", "country"), "Error: Group column 'varian' not found"),
        (("good.csv", "variant", "countri"), "Error: Covariate column 'countri' not found"),
    ],
)
def test_mistakes_are_one_line_on_stderr_and_exit_1(folder, arguments, message):
    file, group, covariates = arguments
    done = xpyrment(folder, "balance", "--csv", file, "--group-col", group, "--covariates", covariates)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(message)
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_option_is_a_usage_error(folder):
    assert xpyrment(folder, "balance", "--csv", "good.csv").returncode == 2


def test_the_help_offers_every_option_of_the_reference(folder):
    text = xpyrment(folder, "balance", "--help").stdout
    for option in ("--csv", "--group-col", "--covariates", "--control", "--levels", "--fail-on-imbalance"):
        assert option in text


def test_many_arms_and_long_names_fit_into_80_columns(folder):
    generator = np.random.default_rng(0)
    wide = "pre_period_revenue_in_dollars_over_the_last_28_days"
    data = pd.DataFrame(
        {"variant": list("ABC") * 100, wide: generator.normal(size=300) * 1e-7, "x": generator.normal(size=300) * 1e12}
    )
    data.loc[::7, "x"] = np.nan
    data.to_csv(folder / "wide.csv", index=False)
    done = balance(folder, "wide.csv", f"{wide},x")
    assert max(map(len, done.stdout.splitlines())) <= 80
