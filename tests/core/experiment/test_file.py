"""An experiment as a file: checked key by key, registered, and refused when it changed."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from processes import program
from xpyrment.datasets import nsw_path
from xpyrment_core.cli.experiments import build
from xpyrment_core.cli.main import build_app, main
from xpyrment_core.cli.parameters import from_settings
from xpyrment_core.errors import InputError
from xpyrment_core.experiment.file import read_experiment_file
from xpyrment_core.experiment.lock import PlanChangedError
from xpyrment_core.options import OPTIONS
from xpyrment_core.registry.host import default_host, use_host

GOOD = f"""
[experiment]
data = {json.dumps(nsw_path())}
treatment_col = "treat"
control = 0
covariates = ["re75"]
alpha = 0.1
correction = "holm"
weights = {{ "0" = 260, "1" = 185 }}

[[metrics]]
name = "earnings"
column = "re78"
covariate = "re75"

[[metrics]]
name = "p75"
type = "quantile"
column = "re78"
role = "secondary"
options = {{ q = 0.75 }}

[[metrics]]
name = "married"
type = "proportion"
column = "marr"
role = "guardrail"
direction = "decrease"
margin = 0.1
"""


@pytest.fixture
def plan_path(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(GOOD)
    return path


def test_experiment_file_gives_the_results_of_the_equivalent_calls(plan_path):
    import xpyrment as xp

    experiment, options = build(read_experiment_file(plan_path))
    rows = experiment.run_analysis(**options).raw_results
    same = xp.setup(xp.datasets.nsw(), "treat", covariates=["re75"], weights={0: 260, 1: 185})
    same.register_metric("earnings", value_col="re78", covariate="re75")
    same.register_metric("p75", "quantile", value_col="re78", role="secondary", q=0.75)
    same.register_metric("married", "proportion", value_col="marr", role="guardrail", direction="decrease", margin=0.1)
    expected = same.run_analysis(control=0, treatment=1, alpha=0.1, multi_test_correction="holm").raw_results
    for found, row in zip(rows, expected, strict=True):
        assert found["metric_name"] == row["metric_name"]
        assert found["p_value"] == pytest.approx(row["p_value"], rel=1e-9)
        assert found["verdict"] == row["verdict"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('treatment_col = "treat"', "", r"line 2: experiment: the key 'treatment_col' is missing"),
        ("alpha = 0.1", 'alpha = "0.1"', r"line 7: experiment\.alpha must be a number, got '0\.1'"),
        ("alpha = 0.1", "alhpa = 0.1", r"line 7: experiment\.alhpa: unknown key.*Did you mean 'alpha'"),
        ('name = "p75"', 'nmae = "p75"', r"line 17: metrics\[1\]\.nmae: unknown key.*Did you mean 'name'"),
        ('name = "p75"', "", r"metrics\[1\]: the key 'name' is missing"),
        (
            "alpha = 0.1",
            "alpha = 5",
            r"line 7: experiment\.alpha: alpha must lie between 0 and 1, got 5\. Did you mean 0",
        ),
        ("alpha = 0.1", 'alternative = "les"', r"line 7: experiment\.alternative: alternative 'les' .*mean 'less'"),
        ("weights = {", "weights = [] #", r"line 9: experiment\.weights must be a table of shares"),
        ("[experiment]", "[experiment", "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_line_and_key(plan_path, old, new, message):
    plan_path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        read_experiment_file(plan_path)


def test_a_planned_weight_of_0_is_kept(plan_path):
    plan_path.write_text(re.sub(r"weights = \{", 'weights = { "old" = 0, ', GOOD, count=1))
    assert read_experiment_file(plan_path).weights["old"] == 0


def test_a_file_without_metrics_or_experiment_is_refused(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text("")
    with pytest.raises(InputError, match=r"\[experiment\] is missing"):
        read_experiment_file(path)
    path.write_text('[experiment]\ndata = "a.csv"\ntreatment_col = "v"\n')
    with pytest.raises(InputError, match=r"\[\[metrics\]\]"):
        read_experiment_file(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_experiment_file(tmp_path / "none.toml")


def test_layout_and_comments_do_not_change_a_registered_plan_and_numbers_do(plan_path):
    plan = read_experiment_file(plan_path)
    with pytest.raises(InputError, match="never registered"):
        plan.registered()
    plan.lock_path.write_text(plan.lock_text("2026-01-01T00:00:00+00:00"))
    plan_path.write_text("# a comment\n" + GOOD.replace("\n\n[[metrics]]", "\n[[metrics]]"))
    assert read_experiment_file(plan_path).registered() == "2026-01-01T00:00:00+00:00"
    plan_path.write_text(GOOD.replace("margin = 0.1", "margin = 0.2"))
    with pytest.raises(PlanChangedError) as caught:
        read_experiment_file(plan_path).registered()
    assert '-      "margin": 0.1' in caught.value.details
    assert '+      "margin": 0.2' in caught.value.details


def test_relative_data_paths_start_at_the_file(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text(GOOD.replace(json.dumps(nsw_path()), '"sub/data.csv"'))
    assert read_experiment_file(path).data == str(tmp_path / "sub" / "data.csv")


def test_init_register_and_locked_analysis_as_a_user_types_them(tmp_path):
    (tmp_path / "data.csv").write_bytes(Path(nsw_path()).read_bytes())
    done = program("init", "data.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "experiment.toml").read_text()
    assert 'data = "data.csv"' in text
    assert 'treatment_col = "treat"' in text
    assert program("init", "data.csv", cwd=tmp_path).returncode == 1
    assert "never registered" in program("analyze", "experiment.toml", "--locked", cwd=tmp_path).stderr
    assert program("register", "experiment.toml", cwd=tmp_path).returncode == 0
    done = program("analyze", "experiment.toml", "--locked", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    recorded = json.loads(done.stdout)["analysis"]["plan"]
    assert recorded["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert recorded["registered"] is not None
    (tmp_path / "experiment.toml").write_text(text.replace("alpha = 0.05", "alpha = 0.2"))
    done = program("analyze", "experiment.toml", "--locked", cwd=tmp_path)
    assert done.returncode == 1
    assert '-    "alpha": 0.05' in done.stderr
    assert program("analyze", "experiment.toml", cwd=tmp_path).returncode == 0


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the program in this process; return its exit code, its output and what it says of errors."""
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.setenv(name, "1" if name == "NO_COLOR" else "80")
    host = default_host()

    def run(*words):
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    yield run
    use_host(host)


# Values that equal a default, values that equal the file's, and other ones: each is given.
PLANNED = [
    *(("--alpha", value) for value in ("0.05", "0.1", "0.2")),
    *(("--alternative", value) for value in ("two-sided", "less")),
    *(("--relative-interval", value) for value in ("fieller", "delta")),
    *(("--correction", value) for value in ("holm", "fdr_bh")),
    ("--test", "welch"),
    ("--adjuster", "none"),
    ("--covariate", "re75"),
    ("--covariates", ""),
    ("--control", "0"),
    ("--treatment", "1"),
    ("--treatment-col", "treat"),
    ("--metric", "re78"),
    ("--id-col", "x"),
    ("--cluster-col", "x"),
    ("--strata-col", "x"),
    ("--weights", "0=1,1=1"),
    ("--separator", ";"),
    *((flag, None) for flag in ("--decimal-comma", "--decimal-point", "--money", "--percent")),
    ("--thousands", ","),
    ("--success", "yes"),
    ("--missing", "-"),
    ("--types", "zip=text"),
    ("--encoding", "latin-1"),
    ("--quote", "'"),
    ("--skip-rows", "1"),
    ("--sheet", "data"),
    ("--file-format", "csv"),
]
NOT_PLANNED = {"--from-stats", "--plot", "--report", "--locked", "--dry-run"}


@pytest.mark.parametrize(("option", "value"), PLANNED)
def test_options_of_an_experiment_file_are_refused_on_the_command_line_at_any_value(command, plan_path, option, value):
    code, out, err = command("analyze", plan_path, option, *([] if value is None else [value]))
    assert (code, out) == (1, "")
    assert "cannot be given beside" in err
    assert "it is set by the experiment file; change it there." in err


def test_every_option_of_analyze_is_either_planned_or_about_output():
    arguments = build_app(default_host())["analyze"].assemble_argument_collection()
    options = {argument.name for argument in arguments if argument.name.startswith("--")}
    assert {"--covariate" if name == "--covariates" else name for name, _ in PLANNED} == options - NOT_PLANNED


@pytest.mark.parametrize(("option", "value"), [("--alpha", "0.05"), ("--correction", "holm"), ("--control", "0")])
def test_aa_refuses_what_the_file_sets_too(command, plan_path, option, value):
    code, _, err = command("aa", plan_path, option, value, "--replicates", "5", "--n-jobs", "1")
    assert code == 1
    assert "it is set by the experiment file; change it there." in err


def test_aa_tests_the_level_that_the_file_sets(command, plan_path):
    _, out, _ = command("aa", plan_path, "--replicates", "5", "--n-jobs", "1", "--format", "json")
    assert json.loads(out)["alpha"] == 0.1


@pytest.mark.parametrize("variable", ["XPYRMENT_ALPHA", "XPYRMENT_ANALYZE_ALPHA"])
@pytest.mark.parametrize("value", ["0.05", "0.3"])
def test_settings_give_way_to_an_experiment_file(command, plan_path, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("XPYRMENT_ANALYZE_ALTERNATIVE", "less")
    (plan_path.parent / "xpyrment.toml").write_text('[xpyrment.analyze]\ncorrection = "fdr_bh"\ncontrol = "1"\n')
    monkeypatch.chdir(plan_path.parent)
    code, out, err = command("analyze", plan_path, "--format", "json")
    assert (code, err) == (0, "")
    asked = json.loads(out)["analysis"]
    assert [asked[key] for key in ("alpha", "alternative", "correction", "control")] == [0.1, "two-sided", "holm", 0]
    code, _, err = command("analyze", plan_path, "--alpha", value)
    assert code == 1
    assert "--alpha cannot be given beside" in err


def test_settings_hold_for_a_data_file_and_are_forgotten_after_the_command(command, monkeypatch):
    monkeypatch.setenv("XPYRMENT_ALPHA", "0.3")
    _, out, _ = command("analyze", nsw_path(), "--treatment-col", "treat", "--metric", "re78", "--format", "json")
    assert json.loads(out)["analysis"]["alpha"] == 0.3
    assert from_settings() == {}


def test_an_option_left_out_has_the_default_of_the_table(command):
    _, out, _ = command("analyze", nsw_path(), "--treatment-col", "treat", "--metric", "re78", "--format", "json")
    asked = json.loads(out)["analysis"]
    for option in OPTIONS:
        if option.metadata_key and option.shown_default:
            assert asked[option.metadata_key] == option.default
