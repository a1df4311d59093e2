"""What users install is whole: wheel and sdist are built, installed and run away from the source tree."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("xpyrment", "xpyrment_core", "plugins")

pytestmark = pytest.mark.install


def source_files() -> set[str]:
    """Every file of the packages, by its path inside the wheel."""
    return {
        path.relative_to(ROOT / "plugins" if folder == "plugins" else ROOT).as_posix()
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)
    }


def packed_files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def run(*command: object, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "XPYRMENT_", "MPL"))
    } | environ
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=clean | environ, capture_output=True, text=True, timeout=900, check=False)


def checked(*command: object, cwd: Path) -> str:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the wheel and the sdist of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    checked(sys.executable, "-m", "hatchling", "build", "-d", folder, "-t", "sdist", "-t", "wheel", cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def python(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of a new environment that holds the wheel and what it asks for, nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    found = folder / "bin" / "python"
    checked(found, "-m", "pip", "install", "--quiet", *dist.glob("*.whl"), cwd=folder)
    return found


@pytest.fixture
def experiment_csv(tmp_path: Path) -> Path:
    rows = ["variant,revenue,converted"]
    rows += [f"{'treatment' if i % 2 else 'control'},{10 + i % 7 + i % 2},{int(i % 5 == 0)}" for i in range(400)]
    path = tmp_path / "experiment.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_wheel_holds_exactly_the_files_of_the_packages(dist):
    (wheel,) = dist.glob("*.whl")
    assert packed_files(wheel) == source_files()


def test_the_sdist_builds_the_same_wheel(dist, tmp_path):
    (sdist,) = dist.glob("*.tar.gz")
    checked(sys.executable, "-m", "tarfile", "-e", sdist, tmp_path, cwd=tmp_path)
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    checked(sys.executable, "-m", "hatchling", "build", "-d", tmp_path, "-t", "wheel", cwd=unpacked)
    (rebuilt,) = tmp_path.glob("*.whl")
    (wheel,) = dist.glob("*.whl")
    assert packed_files(rebuilt) == packed_files(wheel)


@pytest.mark.parametrize("program", [["xpyrment"], ["-m", "xpyrment"], ["-m", "xpyrment.cli"]], ids=" ".join)
def test_each_way_to_start_the_program_shows_its_help(python, tmp_path, program):
    command = [python.parent / "xpyrment"] if program == ["xpyrment"] else [python, *program]
    assert "analyze" in checked(*command, "--help", cwd=tmp_path)


def test_every_builtin_plugin_loads_from_the_wheel_alone(python, tmp_path):
    out = checked(python, "-m", "xpyrment.cli", "plugins", "--check", cwd=tmp_path)
    for folder in (path for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists()):
        assert folder.name.removeprefix("xpyrment_") in out


def test_the_installed_program_analyses_a_file(python, tmp_path, experiment_csv):
    command = [python.parent / "xpyrment", "analyze", experiment_csv, "--treatment-col", "variant"]
    metrics = ["--metric", "revenue", "--metric", "converted:proportion", "--format", "json"]
    report = json.loads(checked(*command, *metrics, cwd=tmp_path))
    assert [metric["metric_name"] for metric in report["metrics"]] == ["revenue", "converted"]


def test_the_installed_library_analyses_and_plots(python, tmp_path, experiment_csv):
    code = f"""
import pandas as pd, xpyrment as xp
experiment = xp.setup(pd.read_csv({str(experiment_csv)!r}), treatment_col="variant").register_metric(
    "revenue", value_col="revenue")
result = experiment.run_analysis()
result.plot().figure.savefig("forest.svg")
print(result.summary().columns[0])
"""
    assert checked(python, "-c", code, cwd=tmp_path).strip() == "Metric"
    assert (tmp_path / "forest.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_type_checkers_see_the_types_of_the_installed_package(python, tmp_path):
    """`py.typed` is in the wheel, and a wrong argument is found from outside."""
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text("import xpyrment as xp\nexperiment: xp.Experiment = xp.setup([], treatment_col='v')\n")
    wrong.write_text("import xpyrment as xp\nxp.setup([], treatment_col=3)\n")
    mypy = [sys.executable, "-m", "mypy", "--python-executable", python, "--cache-dir", tmp_path / "cache"]
    checked(*mypy, right, cwd=tmp_path)
    assert "arg-type" in run(*mypy, wrong, cwd=tmp_path).stdout


def pyright(python: Path, *arguments: object, cwd: Path) -> str:
    """Run pyright on what is installed for `python`; ``--verifytypes`` asks the python that comes first on the path."""
    path = {"PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]])}
    done = run(sys.executable, "-m", "pyright", "--pythonpath", python, *arguments, cwd=cwd, **path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_pyright_accepts_a_program_that_uses_the_public_api(python, tmp_path):
    """Strict; the lines of the program that are wrong are found, or their comments would be unnecessary."""
    program = tmp_path / "public_api.py"
    program.write_text((ROOT / "tests" / "fixtures" / "public_api.py").read_text(encoding="utf-8"), encoding="utf-8")
    assert "0 errors, 0 warnings" in pyright(python, program, cwd=tmp_path)


def test_every_public_type_is_known_to_pyright(python, tmp_path):
    out = pyright(python, "--verifytypes", "xpyrment", "--ignoreexternal", cwd=tmp_path)
    assert "Type completeness score: 100%" in out
