"""`xpyrment plugins new` writes a plugin that installs, keeps its promises and passes its own tests."""

import json
from pathlib import Path

import pytest

from installed import environment
from processes import PYTHON, process, program
from xpyrment_core.cli.scaffold import write_project
from xpyrment_core.errors import InputError


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scaffold")
    write_project("acme-shop", folder)
    return folder / "acme-shop"


@pytest.fixture(scope="module")
def python(project, tmp_path_factory):
    return environment(tmp_path_factory.mktemp("scaffold_venv"), [str(project)])


@pytest.mark.parametrize("name", ["acme-shop", "xpyrment-acme-shop", "acme_shop"])
def test_the_names_of_plugin_distribution_and_package_follow_from_one(tmp_path, name):
    write_project(name, tmp_path)
    plugin = name.removeprefix("xpyrment-")
    text = (tmp_path / plugin / "pyproject.toml").read_text()
    assert f'name = "xpyrment-{plugin}"' in text
    assert f'{plugin} = "xpyrment_acme_shop"' in text
    assert (tmp_path / plugin / "src" / "xpyrment_acme_shop" / "__init__.py").exists()
    assert "@" not in (tmp_path / plugin / "README.md").read_text()


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="exists already and is not overwritten"):
        write_project("acme", tmp_path)
    assert [path.name for path in (tmp_path / "acme").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("name", "meant"), [("Acme Shop", "acme-shop"), ("1st", "st"), ("", "acme"), ("../x", "x")])
def test_an_unusable_name_is_refused_with_a_usable_one(tmp_path, name, meant):
    with pytest.raises(InputError, match=f"Did you mean '{meant}'"):
        write_project(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_written_is_in_the_style_of_the_project(project):
    ruff = PYTHON.with_name("ruff")
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    done = process(
        ruff, "check", "--isolated", "--select", "B,D1,E,F,I,N,UP,W", "--line-length", "120", project / "src"
    )
    assert done.returncode == 0, done.stdout


def test_the_command_writes_into_the_folder_asked_for(tmp_path):
    done = program("plugins", "new", "acme", "--folder", tmp_path, "--format", "json")
    assert done.returncode == 0, done.stderr
    files = json.loads(done.stdout)["files"]
    assert files
    assert all(Path(file).exists() for file in files)
    assert program("plugins", "new", "acme", "--folder", tmp_path).returncode == 1


@pytest.mark.install
def test_the_installed_project_passes_its_own_tests(project, python):
    done = process(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.install
def test_the_installed_project_is_listed_and_sound(python):
    done = program("plugins", "--check", "--json", python=python)
    assert done.returncode == 0, done.stdout
    plugins = {row["name"]: row for row in json.loads(done.stdout)["plugins"]}
    assert plugins["acme-shop"]["distribution"] == "xpyrment-acme-shop"
    assert plugins["acme-shop"]["offers"] == ["metric margin", "test cautious"]
    assert plugins["acme-shop"]["heavy_imports"] == []


@pytest.mark.install
def test_the_installed_project_keeps_its_promises_on_the_command_line(python):
    done = program("plugins", "check", "acme-shop", python=python)
    assert done.returncode == 0, done.stdout
    assert "metric margin" in done.stdout
    assert "0 of 2 fail" in done.stdout
    missing = program("plugins", "check", "acme-shoop", python=python)
    assert missing.returncode == 1
    assert "Did you mean 'acme-shop'?" in missing.stderr


@pytest.mark.install
def test_a_plugin_that_breaks_a_promise_is_shown_with_the_numbers_and_exits_1(tmp_path):
    python = environment(tmp_path / "venv", ["acme"])
    done = program("plugins", "check", "acme", "--format", "json", python=python)
    assert done.returncode == 1
    results = json.loads(done.stdout)["results"]
    verdicts = {row["what"]: row["result"] for row in results}
    # Twice a mean is a sound metric, whoever offers it; twice the variance is too much for an
    # interval, and three times p is neither one test's p nor enough for eight.
    assert verdicts == {
        "metric margin": "passes", "metric mean": "passes", "test cautious": "fails", "correction tripled": "fails",
        "command analyze": "passes", "command shout": "passes",
    }  # fmt: skip
    details = " ".join(row["detail"] for row in results)
    assert "one_alone" in details
    assert "level_normal" in details
