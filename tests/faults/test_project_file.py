"""The project configuration cannot run code, write files or change results unseen."""

import json
import os
from pathlib import Path

import pytest

from processes import program
from xpyrment_core.cli.project_file import find_file, may_set
from xpyrment_core.errors import InputError

POWER = ("power", "--mde", "2.5", "--std", "15", "--format", "json")


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "xpyrment.toml").write_text(text)


@pytest.mark.parametrize(
    ("table", "key", "value", "command"),
    [
        ("regress", "formula", '"y ~ x"', ("regress", "--csv", "d.csv")),
        ("init", "out", '"victim.txt"', ("init", "d.csv")),
        ("init", "force", "true", ("init", "d.csv")),
        ("register", "force", "true", ("register", "e.toml")),
        ("analyze", "report", '"victim.html"', ("analyze", "d.csv", "--treatment-col", "v", "--metric", "y")),
        ("analyze", "plot", '"victim.png"', ("analyze", "d.csv", "--treatment-col", "v", "--metric", "y")),
        ("power", "plot", '"victim.png"', POWER),
        ("aggregate", "out", '"victim.moments.json"', ("aggregate", "d.csv", "--treatment-col", "v", "--columns", "y")),
        ("completion", "install", "true", ("completion", "bash")),
        ("srm", "csv", '"other.csv"', ("srm", "10", "12")),
    ],
)
def test_keys_that_write_files_or_hold_code_are_refused(tmp_path, table, key, value, command):
    (tmp_path / "d.csv").write_text("v,y,x\n" + "a,1,2\nb,2,3\n" * 20)
    (tmp_path / "victim.txt").write_text("precious")
    write(tmp_path, f"[xpyrment.{table}]\n{key} = {value}\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = program(*command, cwd=tmp_path)
    said = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == 2, done.stdout
    assert f"'{key}' in [xpyrment.{table}] cannot be set in xpyrment.toml" in said
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_the_file_sets_is_printed_and_recorded(tmp_path):
    (tmp_path / "d.csv").write_text("v,y\n" + "a,1\na,2\nb,2\nb,3\n" * 20)
    write(tmp_path, "[xpyrment.analyze]\nalpha = 0.2\n[xpyrment.power]\nalpha = 0.01\n")
    analyze = ("analyze", "d.csv", "--treatment-col", "v", "--metric", "y", "--control", "a", "--format", "json")
    done = program(*analyze, cwd=tmp_path)
    assert done.stderr == "Note: xpyrment.toml sets alpha = 0.2.\n"
    document = json.loads(done.stdout)
    assert document["alpha"] == 0.2
    assert document["analysis"]["settings"] == {"alpha": str(tmp_path / "xpyrment.toml")}
    assert json.loads(program(*POWER, cwd=tmp_path).stdout)["settings"] == {"alpha": str(tmp_path / "xpyrment.toml")}
    typed = program(*analyze, "--alpha", "0.05", cwd=tmp_path)
    assert typed.stderr == ""
    assert "settings" not in json.loads(typed.stdout)["analysis"]


def test_the_search_ends_at_the_repository_and_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write(tmp_path, "")
    deep = tmp_path / "repository" / "a" / "b"
    deep.mkdir(parents=True)
    assert find_file(deep) is None  # outside of home and of a repository: only the folder itself
    (tmp_path / "repository" / ".git").mkdir()
    assert find_file(deep) is None
    write(tmp_path / "repository", "")
    assert find_file(deep) == tmp_path / "repository" / "xpyrment.toml"
    work = tmp_path / "home" / "work" / "c"
    work.mkdir(parents=True)
    assert find_file(work) is None
    write(tmp_path / "home", "")
    assert find_file(work) == tmp_path / "home" / "xpyrment.toml"
    assert find_file(tmp_path) == tmp_path / "xpyrment.toml"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX owners")
def test_a_file_of_another_user_is_refused(tmp_path, monkeypatch):
    write(tmp_path, "[xpyrment.power]\nalpha = 0.01\n")
    owner = (tmp_path / "xpyrment.toml").stat().st_uid
    if owner == 0:  # the superuser's file is trusted by everyone, so it is given away first
        os.chown(tmp_path / "xpyrment.toml", 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(InputError, match="belongs to another user"):
        find_file(tmp_path)
    monkeypatch.setenv("XPYRMENT_NO_CONFIG", "1")
    assert find_file(tmp_path) is None


def test_a_third_partys_numbers_and_choices_may_be_set_but_not_its_texts_flags_or_paths():
    assert may_set("speed", int | None)
    assert not any(may_set("speed", hint) for hint in (str, bool, Path, list[str], str | None))
