"""With six libraries installed frames are analysed; what needs another library names it, and the pip command."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("attrs", "narwhals", "numpy", "pandas", "pluggy", "scipy")
ABSENT = ("cyclopts", "duckdb", "formulaic", "joblib", "matplotlib", "plotly", "polars", "pyarrow", "statsmodels")

pytestmark = pytest.mark.install

ANALYSIS = """
import importlib.util, json, sys
import numpy as np, pandas as pd
import xpyrment_core as core
import xpyrment as xp

assert not [name for name in {absent!r} if importlib.util.find_spec(name)]
generator = np.random.default_rng(7)
n = 600
frame = pd.DataFrame({{
    "variant": np.where(np.arange(n) % 2, "treatment", "control"),
    "pre_revenue": np.repeat(generator.normal(10, 2, n // 2), 2),  # the same in both variants
    "converted": (generator.random(n) < 0.3).astype(int),
    "clicks": generator.poisson(3, n),
    "views": generator.poisson(9, n) + 1,
}})
frame["revenue"] = frame["pre_revenue"] + generator.normal(0, 1, n)
experiment = xp.setup(frame, treatment_col="variant", covariates=["pre_revenue"])
experiment.register_metric("revenue", value_col="revenue")
experiment.register_metric("converted", "proportion")
experiment.register_metric("ctr", "ratio", numerator_col="clicks", denominator_col="views")
result = experiment.run_analysis(multi_test_correction="holm")
"""

REFUSALS = {
    "csv": ('xp.setup("a.csv", treatment_col="variant")', ("duckdb", "pyarrow")),
    "parquet": ('xp.setup("a.parquet", treatment_col="variant")', ("duckdb", "pyarrow")),
    "dataset": ("xp.datasets.donations()", ("pyarrow",)),
    "matplotlib": ("result.plot()", ("matplotlib",)),
    "plotly": ('result.plot(backend="plotly")', ('"xpyrment[plotly]"',)),
    "formula": ('xp.fit_ols(frame, formula="revenue ~ variant")', ("formulaic",)),
    "processes": ("xp.aa_test(experiment, replicates=4, n_jobs=2)", ("joblib",)),
}


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "XPYRMENT_"))}
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env=clean, capture_output=True, text=True, timeout=600, check=False
    )


def checked(*command: object, cwd: Path) -> str:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of an environment with the wheel and the six libraries that the core imports."""
    folder = tmp_path_factory.mktemp("minimal")
    checked(sys.executable, "-m", "hatchling", "build", "-d", folder / "dist", "-t", "wheel", cwd=ROOT)
    venv.create(folder / "venv", with_pip=False)
    interpreter = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", interpreter, "install", "--quiet")
    checked(*pip, *LIBRARIES, cwd=folder)
    checked(*pip, "--no-deps", *(folder / "dist").glob("*.whl"), cwd=folder)
    return interpreter


@pytest.fixture(scope="module")
def analysis(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one process answers: the summary, the JSON, and the error of each thing that needs another library."""
    code = (
        ANALYSIS.format(absent=ABSENT)
        + f"""
answers = {{"summary": result.summary().to_string(), "json": result.to_json(), "html": result.export("html")}}
for name, expression in {{name: expression for name, (expression, _) in {REFUSALS!r}.items()}}.items():
    try:
        answers[name] = f"no error: {{eval(expression)}}"
    except core.MissingExtraError as error:
        answers[name] = str(error)
json.dump(answers, sys.stdout)
"""
    )
    folder = tmp_path_factory.mktemp("analysis")
    for name in ("a.csv", "a.parquet"):
        (folder / name).write_text("variant,revenue\ncontrol,1\ntreatment,2\n", encoding="utf-8")
    answers: dict[str, str] = json.loads(checked(python, "-W", "error", "-c", code, cwd=folder))
    return answers


def test_a_frame_is_analysed_with_covariates_and_a_correction(analysis):
    rows = json.loads(analysis["json"])["metrics"]
    assert [row["metric_type"] for row in rows] == ["Mean", "Proportion", "Ratio"]
    assert rows[0]["cuped_applied"]
    assert all(row["p_value_raw"] <= row["p_value"] <= 1 for row in rows)
    assert all(name in analysis["summary"] for name in ("revenue", "converted", "ctr"))


def test_a_report_is_written_without_its_plot(analysis):
    assert "<svg" not in analysis["html"]
    assert "revenue" in analysis["html"]


@pytest.mark.parametrize("name", REFUSALS)
def test_missing_library_is_named_with_the_pip_command(analysis, name):
    _, libraries = REFUSALS[name]
    assert analysis[name].endswith(f"pip install {' '.join(libraries)}")
    assert "\n" not in analysis[name]


@pytest.mark.parametrize("program", [["xpyrment"], ["-m", "xpyrment"], ["-m", "xpyrment.cli"]], ids=" ".join)
def test_command_line_without_cyclopts_is_one_line(python, tmp_path, program):
    command = [python.parent / "xpyrment"] if program == ["xpyrment"] else [python, *program]
    done = run(*command, "--help", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: the command line needs 'cyclopts', not installed here. Install with: pip install cyclopts\n"
    )
