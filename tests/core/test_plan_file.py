"""An experiment as a file: checked key by key, registered, and refused when it changed."""

import hashlib
import json
from pathlib import Path

import pytest

from processes import program
from xpyrment.datasets import nsw_path
from xpyrment_core.cli_plan import build
from xpyrment_core.errors import InputError
from xpyrment_core.plan_file import PlanChangedError, check_lock, lock_path, lock_text, read_plan

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

    experiment, options = build(read_plan(plan_path))
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
        ("weights = {", "weights = [] #", r"line 9: experiment\.weights must be a table of shares"),
        ("[experiment]", "[experiment", "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_line_and_key(plan_path, old, new, message):
    plan_path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        read_plan(plan_path)


def test_a_file_without_metrics_or_experiment_is_refused(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text("")
    with pytest.raises(InputError, match=r"\[experiment\] is missing"):
        read_plan(path)
    path.write_text('[experiment]\ndata = "a.csv"\ntreatment_col = "v"\n')
    with pytest.raises(InputError, match=r"\[\[metrics\]\]"):
        read_plan(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")


def test_layout_and_comments_do_not_change_a_registered_plan_and_numbers_do(plan_path):
    plan = read_plan(plan_path)
    with pytest.raises(InputError, match="never registered"):
        check_lock(plan)
    lock_path(plan_path).write_text(lock_text(plan, "2026-01-01T00:00:00+00:00"))
    plan_path.write_text("# a comment\n" + GOOD.replace("\n\n[[metrics]]", "\n[[metrics]]"))
    assert check_lock(read_plan(plan_path)) == "2026-01-01T00:00:00+00:00"
    plan_path.write_text(GOOD.replace("margin = 0.1", "margin = 0.2"))
    with pytest.raises(PlanChangedError) as caught:
        check_lock(read_plan(plan_path))
    assert '-      "margin": 0.1' in caught.value.details
    assert '+      "margin": 0.2' in caught.value.details


def test_relative_data_paths_start_at_the_file(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text(GOOD.replace(json.dumps(nsw_path()), '"sub/data.csv"'))
    assert read_plan(path).data == str(tmp_path / "sub" / "data.csv")


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
    assert "the experiment file says it" in program("analyze", "experiment.toml", "--control", "0", cwd=tmp_path).stderr
