"""``xpyrment srm`` in all the forms its input takes."""

import json

import pandas as pd
import pytest

from commands import command
from processes import program


def srm(*arguments, stdin=""):
    return command("srm", *arguments, stdin=stdin)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "units.csv"
    pd.DataFrame({"variant": [1] * 520 + [0] * 480 + [None] * 2, "x": 1.5}).to_csv(path, index=False)
    return str(path)


def test_the_installed_program_checks_two_numbers():
    done = program("srm", "5021", "4979")
    assert done.returncode == 0
    assert "SAMPLE RATIO CHECK" in done.stdout
    assert "p-value: 0.6745 (Chi-square test)" in done.stdout
    assert "No sample ratio mismatch" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("5021", "4979"),
        ("--counts", "control=5021,treatment=4979"),
        ("--counts", "control=5021, treatment=4979", "--weights", "treatment=0.5,control=0.5"),
        ("5021", "4979", "--weights", "50,50"),
    ],
)
def test_the_same_counts_give_the_same_answer(arguments):
    report = json.loads(srm(*arguments, "--format", "json").stdout)
    assert report["p_value"] == pytest.approx(0.6744854536964989, rel=1e-12)  # R's chisq.test
    assert report["passed"] is True


def test_a_mismatch_is_said_and_exits_2_only_on_request():
    done = srm("5000", "5400")
    assert "SAMPLE RATIO MISMATCH (p < 0.001)" in done.stdout
    assert done.returncode == 0
    assert srm("5000", "5400", "--fail-on-mismatch").returncode == 2
    assert srm("5000", "5010", "--fail-on-mismatch").returncode == 0


def test_a_file_is_counted_and_text_weights_match_its_numbers(file):
    done = srm(file, "--treatment-col", "variant", "--weights", "0=48,1=52")
    assert "Rows without a variant, left out: 2" in done.stdout
    assert "p-value: 1 " in done.stdout


def test_an_arm_without_units_is_named_by_its_weight(file):
    done = srm(file, "--treatment-col", "variant", "--weights", "0=1,1=1,2=1", "--format", "json")
    assert json.loads(done.stdout)["observed"]["2"] == 0
    assert json.loads(done.stdout)["passed"] is False


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ("a=500,b=510,old=7", "No sample ratio mismatch"),
        ("a=900,b=500,old=7", "SAMPLE RATIO MISMATCH"),
        ("a=0,b=0,old=7", "Not checked: there are no units to count."),
    ],
)
def test_units_of_weight_0_are_named_beside_the_verdict_on_the_others(counts, verdict):
    done = srm("--counts", counts, "--weights", "a=1,b=1,old=0", "--fail-on-mismatch")
    assert done.returncode == 2
    assert "UNITS IN A VARIANT OF PLANNED WEIGHT 0: old: 7." in done.stdout
    assert verdict in done.stdout


def test_standard_input_is_read():
    assert "p-value: 1 " in srm("--csv", "-", "--treatment-col", "v", stdin="v\na\nb\na\nb\n").stdout


def test_no_units_are_no_verdict():
    assert "Not checked: there are no units to count" in srm("0", "0").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give the units per variant once"),
        (("5", "6", "--counts", "a=5,b=6"), "give the units per variant once"),
        (("5", "x"), "got 'x'"),
        (("5",), "two variants or more"),
        (("--counts", "a,b"), "name=number pairs"),
        (("--counts", "a=1,a=2"), "names a variant twice"),
        (("5", "6", "--weights", "1,x"), "got 'x'"),
        (("5", "6", "--weights", "1,-1"), "got -1"),
        (("--counts", "a=5,b=6", "--weights", "a=1,c=1"), "'b' has units but no planned weight"),
        (("nope.csv",), "Name it with --treatment-col"),
        (("nope.csv", "--treatment-col", "v"), "CSV file not found at 'nope.csv'"),
    ],
)
def test_mistakes_are_one_line_on_stderr_and_exit_1(arguments, message):
    done = srm(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_unknown_option_is_a_usage_error():
    done = srm("5", "6", "--weight", "1,1")
    assert done.returncode == 2
    assert "--weights" in done.stderr
