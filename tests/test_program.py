"""The installed program as a process: exit codes, streams, formats, settings, locale, width."""

import csv
import io
import json
from pathlib import Path

import pytest

from processes import PYTHON, process
from xpyrment.datasets import donations_path, nsw_path

PROGRAM = PYTHON.with_name("xpyrment")
NSW = ["--treatment-col", "treat", "--metric", "re78"]
BALANCE = ["balance", "--csv", nsw_path()]
REGRESS = ["regress", "--csv", nsw_path()]
NO_FILE = "Error: CSV file not found at 'nosuch.csv'"
SEED_OPTIONS = {
    "power": ["--mde", "--std", "--power", "--alpha", "--ratio"],
    "balance": ["--csv", "--group-col", "--covariates"],
    "regress": ["--csv", "--y-col", "--x-cols"],
    "app": ["--port", "--host", "--no-browser", "--log-usage"],
}
EXAMPLES = {
    "analyze": [nsw_path(), *NSW],
    "aa": [nsw_path(), *NSW, "--replicates", "5", "--n-jobs", "1"],
    "balance": ["--csv", nsw_path(), "--group-col", "treat", "--covariates", "age,educ, re74"],
    "power": ["--mde", "2.5", "--std", "15"],
    "regress": ["--csv", nsw_path(), "--y-col", "re78", "--x-cols", "treat, age"],
    "srm": ["5021", "4979"],
    "plugins": [],
}


def run(*arguments, stdin=None, cwd=None, **environ):
    """Run the program by its installed name."""
    return process(PROGRAM, *arguments, stdin=stdin, cwd=cwd, **environ)


@pytest.mark.parametrize("command", SEED_OPTIONS)
def test_help_offers_every_option_of_the_seed(command):
    done = run(command, "--help")
    assert done.returncode == 0
    for option in SEED_OPTIONS[command]:
        assert f"{option} " in done.stdout


@pytest.mark.parametrize("command", EXAMPLES)
def test_every_command_prints_all_four_forms_within_80_columns(command):
    shown = run(command, *EXAMPLES[command])
    assert shown.returncode == 0, shown.stderr
    table = [line for line in shown.stdout.splitlines() if "─" in line]
    assert table or command == "power"
    assert max(len(line) for line in table or [""]) <= 80
    assert "\x1b" not in shown.stdout + shown.stderr
    document = json.loads(run(command, *EXAMPLES[command], "--format", "json").stdout)
    assert document["schema_version"] == 1
    assert document["kind"]
    assert len(list(csv.reader(io.StringIO(run(command, *EXAMPLES[command], "--format", "csv").stdout)))) > 1
    assert run(command, *EXAMPLES[command], "--format", "markdown").stdout.startswith("#")


@pytest.mark.parametrize("module", ["xpyrment", "xpyrment.cli"])
def test_python_minus_m_is_the_same_program(module):
    done = process(PYTHON, "-m", module, "--version")
    assert (done.returncode, done.stdout) == (0, "0.1.0\n")


@pytest.mark.parametrize("path", [nsw_path(), "-"], ids=["file", "standard input"])
def test_a_file_and_standard_input_give_the_same_numbers(path):
    stdin = Path(nsw_path()).read_text(encoding="utf-8")
    row = json.loads(run("analyze", path, *NSW, "--format", "json", stdin=stdin).stdout)["metrics"][0]
    assert row["absolute_difference"] == pytest.approx(1794.3423818501, rel=1e-10)  # Dehejia and Wahba (1999): 1,794


def test_parquet_is_read_too():
    arguments = ["--treatment-col", "variant", "--metric", "gave:proportion", "--weights", "control=1,treatment=2"]
    done = run("analyze", donations_path(), *arguments, "--format", "json")
    document = json.loads(done.stdout)
    # Karlan and List (2007) print 0.018 and 0.022.
    row = document["metrics"][0]
    assert [round(row["control_mean"], 3), round(row["treatment_mean"], 3)] == [0.018, 0.022]
    assert next(check for check in document["checks"] if check["name"] == "sample_ratio")["passed"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["analyze", "nosuch.csv", *NSW], 1, NO_FILE),
        (["analyze", nsw_path(), "--treatment-col", "tret", "--metric", "re78"], 1, "Did you mean 'treat'"),
        (["analyze", nsw_path(), "--treatment-col", "treat"], 1, "--metric is missing"),
        (["analyze", nsw_path(), *NSW, "--control", "9"], 1, "'9'"),
        (["analyze", nsw_path(), *NSW, "--alpha", "95"], 1, "Did you mean 0.05"),
        (["analyze", nsw_path(), *NSW, "--tset", "z"], 2, 'Did you mean --test?'),
        (["analyze", nsw_path(), *NSW, "--format", "yaml"], 2, "--format"),
        (["analyze", nsw_path(), *NSW, "--weights", "half"], 1, "LABEL=SHARE"),
        (["balance", "--csv", "nosuch.csv", "--group-col", "a", "--covariates", "b"], 1, NO_FILE),
        ([*BALANCE, "--group-col", "trt", "--covariates", "age"], 1, "Error: Group column 'trt' not found"),
        ([*BALANCE, "--group-col", "treat", "--covariates", "aeg"], 1, "Error: Covariate column 'aeg' not found"),
        ([*REGRESS, "--y-col", "re77", "--x-cols", "age"], 1, "Error: Dependent variable 're77' not found"),
        ([*REGRESS, "--y-col", "re78", "--x-cols", "aeg"], 1, "Error: Predictor variable 'aeg' not found"),
        (["power", "--mde", "0", "--std", "15"], 1, "Power Calculation Error: "),
        (["analyse"], 2, 'Did you mean "analyze"?'),
        (["power", "--mde"], 2, "--mde"),
    ],
)  # fmt: skip
def test_errors_go_to_standard_error_with_the_right_exit_code_and_no_traceback(arguments, code, message):
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    if code == 1:
        assert done.stderr.count("\n") == 1


def test_debug_shows_the_traceback():
    assert "Traceback" in run("analyze", "nosuch.csv", *NSW, "--debug").stderr


def test_settings_come_from_the_line_then_the_environment_then_the_file(tmp_path):
    (tmp_path / "xpyrment.toml").write_text("[xpyrment.power]\nalpha = 0.01\n")
    arguments = ["power", "--mde", "2.5", "--std", "15", "--format", "json"]

    def alpha(*more, **environ):
        return json.loads(run(*arguments, *more, cwd=tmp_path, **environ).stdout)["alpha"]

    assert alpha() == 0.01
    assert alpha(XPYRMENT_POWER_ALPHA="0.2") == 0.2
    assert alpha(XPYRMENT_ALPHA="0.3") == 0.3
    assert alpha("--alpha", "0.05", XPYRMENT_POWER_ALPHA="0.2") == 0.05
    (tmp_path / "xpyrment.toml").write_text("[xpyrment.power]\nalhpa = 0.01\n")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "alhpa" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[xpyrment.powr]\nalpha = 0.01", "[xpyrment.powr] is not a command. Did you mean 'power'?"),
        ("[xpyrment]\nalpha = 0.01", "'alpha' in [xpyrment] is not an option of all commands."),
        ('[xpyrment]\nformt = "json"', "not an option of all commands. Did you mean 'format'?"),
        ('[xpyrment.srm]\nweigths = "a"', "is not an option of 'xpyrment srm'. Did you mean 'weights'?"),
        ('[xpyrment.srm]\nformat = "json"', "'xpyrment srm'. Set it for all commands, in [xpyrment]."),
    ],
)
def test_an_unknown_name_in_our_table_is_an_error_with_the_nearest_name(tmp_path, text, message):
    (tmp_path / "xpyrment.toml").write_text(text)
    done = run("srm", "10", "12", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    said = " ".join(done.stderr.replace("│", " ").split())
    assert message in said
    assert "xpyrment.toml: " in said


def test_a_table_of_a_plugin_that_is_left_out_is_a_warning(tmp_path):
    (tmp_path / "xpyrment.toml").write_text("[xpyrment.power]\nalpha = 0.01")
    done = run("srm", "10", "12", cwd=tmp_path, XPYRMENT_BLOCK_PLUGINS="power")
    assert done.returncode == 0
    assert "[xpyrment.power] is not a command." in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[power]\nalpha = 0.01", "[power] has no effect. Did you mean [xpyrment.power]?"),
        ("[xpyrmnt.power]\nalpha = 0.01", "[xpyrmnt] has no effect. Did you mean [xpyrment]?"),
        ("alpha = 0.01", "'alpha' has no effect outside of a table;"),
        ("[tool.ruff]\nline-length = 100", ""),
        ('[xpyrment]\nformat = "table"\n[xpyrment.plugins.new]\n', ""),
    ],
)
def test_what_stands_outside_our_table_is_a_warning_where_it_looks_like_ours(tmp_path, text, message):
    (tmp_path / "xpyrment.toml").write_text(text)
    done = run("srm", "10", "12", cwd=tmp_path)
    assert done.returncode == 0
    assert message in done.stderr
    assert done.stderr.count("\n") == bool(message)


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("XPYRMENT_APLHA", " Did you mean XPYRMENT_ALPHA?"),
        ("XPYRMENT_BLOK_PLUGINS", " Did you mean XPYRMENT_BLOCK_PLUGINS?"),
        ("XPYRMENT_POWER_APLHA", " Did you mean XPYRMENT_POWER_ALPHA?"),
        ("XPYRMENT_POWR_ALPHA", " Did you mean XPYRMENT_POWER_ALPHA?"),
        ("XPYRMENT_SRM_FORMAT", " Did you mean XPYRMENT_SRM_FILE_FORMAT?"),
        ("XPYRMENT_QWERTY", ""),
    ],
)
def test_an_unknown_variable_is_a_warning_with_the_nearest_name(variable, hint):
    done = run("srm", "10", "12", **{variable: "1"})
    assert done.returncode == 0
    assert done.stderr == f"Warning: the environment variable {variable} is not known and has no effect.{hint}\n"


def test_known_variables_are_not_warned_of():
    known = {"XPYRMENT_FORMAT": "json", "XPYRMENT_MDE": "1", "XPYRMENT_POWER_ALPHA": "0.1", "XPYRMENT_NAME": "x"}
    plugins = {
        "XPYRMENT_BLOCK_PLUGINS": "report",
        "XPYRMENT_DUCKDB_MEMORY_LIMIT": "1GB",
        "XPYRMENT_STRICT_PLUGINS": "0",
    }
    assert run("srm", "10", "12", **known, **plugins).stderr == ""


def test_an_ascii_terminal_gets_ascii():
    done = run("analyze", nsw_path(), *NSW, "--alternative", "greater", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "inf)" in done.stdout


def test_long_names_are_wrapped_and_not_cut(tmp_path):
    name = "a_metric_with_a_very_long_name_that_somebody_generated_from_a_warehouse_table"
    done = run("analyze", nsw_path(), "--treatment-col", "treat", "--metric", f"{name}=re78")
    lines = done.stdout.splitlines()
    rows = [line for line in lines if "─" not in line]
    assert max(map(len, lines)) <= 80
    assert name in "".join(line[:20].split(" ")[0] for line in rows)


def test_a_dry_run_says_what_would_be_read_and_analyses_nothing():
    done = run("analyze", nsw_path(), *NSW, "--dry-run")
    assert done.returncode == 0
    assert "re78" in done.stdout
    assert "p-value" not in done.stdout


def test_a_plot_and_a_report_are_saved(tmp_path):
    done = run("analyze", nsw_path(), *NSW, "--plot", tmp_path / "f.png", "--report", tmp_path / "r.md")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert "re78" in (tmp_path / "r.md").read_text(encoding="utf-8")
    assert run("analyze", nsw_path(), *NSW, "--report", tmp_path / "r.docx").returncode == 1
    assert run("analyze", nsw_path(), *NSW, "--plot", tmp_path / "no" / "f.png").returncode == 1


def test_closed_pipe_causes_no_traceback():
    analyze = f"'{PROGRAM}' analyze '{nsw_path()}' --treatment-col treat --metric re78 --format json"
    done = process("sh", "-c", f"{analyze} | head -c 1")
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr


def test_completion_scripts_can_be_installed(tmp_path):
    script = run("completion", "bash").stdout
    assert "treatment-col" in script
    assert process("bash", "-n", stdin=script).returncode == 0
    done = run("completion", "zsh", "--out", tmp_path / "completion")
    assert done.returncode == 0, done.stderr
    assert "analyze" in (tmp_path / "completion").read_text(encoding="utf-8")
