"""``xpyrment regress`` prints what the reference promises."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest

from commands import command
from processes import program
from xpyrment_regress.fit import fit_ols


def regress(*arguments, stdin=""):
    return command("regress", *arguments, stdin=stdin)


@pytest.fixture
def frame():
    generator = np.random.default_rng(0)
    n = 150
    data = pd.DataFrame(
        {
            "variant": generator.choice(["control", "treatment"], n),
            "new": generator.random(n) < 0.3,
            "pre_revenue": generator.exponential(20, n),
            "village": np.arange(n) % 45,
        }
    )
    data["revenue"] = 5 + 2 * (data.variant == "treatment") + 0.5 * data.pre_revenue + generator.normal(size=n)
    data.loc[:2, "pre_revenue"] = np.nan
    return data


@pytest.fixture
def file(frame, tmp_path):
    frame.to_csv(tmp_path / "data.csv", index=False)
    return str(tmp_path / "data.csv")


def basic(file, *more):
    return regress("--csv", file, "--y-col", "revenue", "--x-cols", "variant, pre_revenue", *more)


def rows(text):
    return {cells[0]: cells[1:] for line in text.splitlines() if (cells := line.replace("|", " ").split())}


def test_the_installed_program_prints_the_report(file):
    done = program("regress", "--csv", file, "--y-col", "revenue", "--x-cols", "variant,pre_revenue")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("OLS REGRESSION ANALYSIS REPORT")
    assert "Residual Degrees of Freedom: 144" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_every_parameter_has_a_row_with_its_four_numbers(file, frame):
    text = basic(file).stdout
    table = rows(text[: text.index("CI lower")])
    for row in fit_ols(frame, "revenue", ["variant", "pre_revenue"]).coefficients:
        expected = [row.coefficient, row.std_error, row.t, row.p_value]
        assert [float(x) for x in table[row.parameter]] == pytest.approx(expected, rel=1e-3, abs=6e-4)
    assert "Rows used: 147 (3 left out for missing values)" in text
    assert "Reference levels: variant = control" in text
    assert "Standard errors: classical" in text


@pytest.mark.parametrize(
    ("options", "said", "keywords"),
    [
        (("--robust", "HC3"), "Standard errors: HC3", {"robust": "HC3"}),
        (("--cluster", "village"), "cluster-robust by village (45 clusters)", {"cluster_col": "village"}),
        (("--alpha", "0.01"), "99% CI lower", {"alpha": 0.01}),
        (("--control", "treatment"), "Reference levels: variant = treatment", {"control": "treatment"}),
    ],
)
def test_options_reach_the_fit(file, frame, options, said, keywords):
    assert said in basic(file, *options).stdout
    report = json.loads(basic(file, *options, "--format", "json").stdout)
    expected = fit_ols(frame, "revenue", ["variant", "pre_revenue"], **keywords).to_dict()
    for got, wanted in zip(report["coefficients"], expected["coefficients"], strict=True):
        assert got.pop("parameter") == wanted.pop("parameter")
        assert got == pytest.approx(wanted, rel=1e-9)


def test_a_formula_stands_in_for_columns(file):
    done = regress("--csv", file, "--formula", "revenue ~ variant * new")
    assert "variant[T.treatment]:new" in done.stdout
    assert "Formula: revenue ~ variant * new" in done.stdout


def test_a_model_without_intercept_says_what_r_squared_is_about(file):
    assert "R-squared about 0" in regress("--csv", file, "--formula", "revenue ~ 0 + pre_revenue").stdout


def test_constant_outcome_has_no_r_squared(frame, tmp_path):
    frame.assign(revenue=0).to_csv(tmp_path / "zero.csv", index=False)
    done = regress("--csv", str(tmp_path / "zero.csv"), "--formula", "revenue ~ 0 + pre_revenue")
    assert done.returncode == 0
    assert "R-squared" not in done.stdout


def test_csv_keeps_every_digit(file, frame):
    table = list(csv.DictReader(io.StringIO(basic(file, "--format", "csv").stdout)))
    assert list(table[0]) == ["parameter", "coefficient", "std_error", "t", "p_value", "ci_lower", "ci_upper"]
    expected = fit_ols(frame, "revenue", ["variant", "pre_revenue"])
    assert float(table[2]["coefficient"]) == pytest.approx(expected["pre_revenue"].coefficient, rel=1e-12)


def test_standard_input_is_read(file, frame):
    piped = regress(
        "--csv", "-", "--y-col", "revenue", "--x-cols", "variant,pre_revenue", stdin=frame.to_csv(index=False)
    )
    assert piped.stdout == basic(file).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--csv", "nope.csv", "--y-col", "y", "--x-cols", "x"), "Error: CSV file not found at 'nope.csv'"),
        (("--csv", "{file}", "--y-col", "revenu", "--x-cols", "new"), "Error: Dependent variable 'revenu' not found"),
        (("--csv", "{file}", "--y-col", "revenue", "--x-cols", "nw"), "Error: Predictor variable 'nw' not found"),
        (("--csv", "{file}", "--y-col", "revenue"), "Error: name the predictors once"),
        (("--csv", "{file}", "--formula", "revenue ~ variant + I(new) + nope"), "Error: Predictor variable 'nope' not"),
    ],
)
def test_mistakes_are_one_line_on_stderr_and_exit_1(file, arguments, message):
    done = regress(*(argument.format(file=file) for argument in arguments))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_refusal_names_the_dependent_columns(frame, tmp_path):
    frame.assign(twice=2 * frame.pre_revenue).to_csv(tmp_path / "d.csv", index=False)
    done = regress("--csv", str(tmp_path / "d.csv"), "--y-col", "revenue", "--x-cols", "pre_revenue,twice")
    assert done.returncode == 1
    assert "'twice' is determined by 'pre_revenue'" in done.stderr


def test_an_unknown_kind_of_error_is_a_usage_error(file):
    assert basic(file, "--robust", "HC9").returncode == 2


def test_the_help_offers_every_option_of_the_reference():
    text = regress("--help").stdout
    for option in ("--csv", "--y-col", "--x-cols", "--formula", "--robust", "--cluster", "--alpha", "--control"):
        assert option in text
