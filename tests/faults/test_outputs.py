"""Output files are whole or unchanged, never a file that is read, and a failure does not lose the result."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from xpyrment_core.cli.main import main
from xpyrment_core.cli.writing import check_outputs, replaced, write_file
from xpyrment_core.errors import InputError

ANALYZE = ("analyze", "d.csv", "--treatment-col", "v", "--metric", "y", "--control", "a")
AGGREGATE = ("aggregate", "d.csv", "--treatment-col", "v", "--columns", "y")
POWER = ("power", "--mde", "2.5", "--std", "15")
PLAN = '[experiment]\ndata = "d.csv"\ntreatment_col = "v"\ncontrol = "a"\n[[metrics]]\nname = "y"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text("v,y\n" + "a,1\na,2\nb,2\nb,3\n" * 20)
    Path("experiment.toml").write_text(PLAN)
    return tmp_path


def run(capsys, *words):
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def limited(*words, size=64):
    """Run the program where no file may grow beyond `size` bytes: to a program that is a full disk."""
    code = (
        "import resource, sys; import matplotlib.font_manager; from xpyrment_core.cli.main import main; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); sys.exit(main({list(map(str, words))!r}))"
    )
    return subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize(
    ("words", "target", "printed"),
    [
        ((*ANALYZE, "--report", "r.html"), "r.html", "+66.7%"),
        ((*ANALYZE, "--report", "r.json"), "r.json", "+66.7%"),
        ((*ANALYZE, "--plot", "p.svg"), "p.svg", "+66.7%"),
        ((*ANALYZE, "--plot", "p.html"), "p.html", "+66.7%"),
        ((*POWER, "--plot", "p.svg"), "p.svg", "566"),
        ((*AGGREGATE, "--out", "d.moments.json"), "d.moments.json", "MOMENTS OF 80 ROWS"),
        (("init", "d.csv", "--treatment-col", "v", "--out", "e.toml", "--force"), "e.toml", ""),
        (("register", "experiment.toml", "--force"), "experiment.lock.json", ""),
        (("completion", "bash", "--out", "c.bash"), "c.bash", ""),
    ],
)
def test_a_full_disk_leaves_the_old_file_whole_and_the_result_is_printed(folder, capsys, words, target, printed):
    if target == "experiment.lock.json":
        assert run(capsys, "register", "experiment.toml")[0] == 0
    else:
        Path(target).write_text("the old file\n")
    before = contents(folder)
    done = limited(*words)
    assert done.returncode == 1
    assert f"cannot be saved as '{target}'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert printed in done.stdout
    assert "saved as" not in done.stdout.lower()
    assert contents(folder) == before  # whole, and nothing temporary left


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((*ANALYZE, "--report", "./d.csv"), "it is a file that is read"),
        ((*ANALYZE, "--report", "link.csv"), "it is a file that is read"),
        ((*AGGREGATE, "--out", "hard.moments.json"), "it is a file that is read"),
        (("analyze", "*.csv", *ANALYZE[2:], "--report", "new.csv"), "it matches '*.csv'"),
        (("init", "d.csv", "--out", "d.csv", "--force"), "it is a file that is read"),
        (("analyze", "experiment.toml", "--report", "experiment.lock.json"), "it is a file that is read"),
        ((*ANALYZE, "--plot", "x.html", "--report", "./x.html"), "the plot is saved under the same name"),
        ((*ANALYZE, "--report", "no/such/r.html"), "there is no folder"),
        ((*ANALYZE, "--report", "folder.html"), "it is a folder"),
        ((*POWER, "--plot", "no/p.svg"), "there is no folder"),
    ],
)
def test_outputs_that_are_inputs_or_cannot_be_written_are_refused_before_the_work(folder, capsys, words, named):
    Path("link.csv").symlink_to("d.csv")
    os.link("d.csv", "hard.moments.json")
    Path("folder.html").mkdir()
    run(capsys, "register", "experiment.toml")
    before = contents(folder)
    code, out, err = run(capsys, *words)
    assert (code, out) == (1, "")
    assert named in err
    assert contents(folder) == before


def test_a_folder_that_is_not_writable_is_refused(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).suffix == ".html")
    with pytest.raises(InputError, match=r"the folder '\.' is not writable"):
        check_outputs([("report", Path("r.html"))])
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    Path("r.html").touch()
    with pytest.raises(InputError, match="write-protected"):
        check_outputs([("report", Path("r.html"))])


def test_a_file_keeps_its_mode_and_a_link_its_target(folder):
    Path("real.txt").write_text("old")
    Path("real.txt").chmod(0o640)
    Path("link.txt").symlink_to("real.txt")
    write_file("link.txt", "new")
    assert Path("link.txt").is_symlink()
    assert Path("real.txt").read_text() == "new"
    assert stat.S_IMODE(Path("real.txt").stat().st_mode) == 0o640
    write_file("fresh.txt", "x")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(Path("fresh.txt").stat().st_mode) == 0o666 & ~mask


def test_an_interruption_leaves_the_old_file_and_nothing_temporary(folder):
    Path("r.txt").write_text("old")
    before = contents(folder)

    def interrupted():
        with replaced("r.txt") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(folder) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_device_is_written_to_and_not_replaced(folder):
    with pytest.raises(OSError, match="No space left"):
        write_file("/dev/full", "x")
    write_file("/dev/null", "x")
    assert not Path("/dev/null").is_file()


def test_registering_again_keeps_the_history(folder, capsys):
    for alpha in ("", "0.1", "0.2"):
        Path("experiment.toml").write_text(PLAN.replace("control", f"alpha = {alpha}\ncontrol") if alpha else PLAN)
        assert run(capsys, "register", "experiment.toml", "--force")[0] == 0
    lock = json.loads(Path("experiment.lock.json").read_text())
    assert [one["plan"]["experiment"].get("alpha") for one in lock["history"]] == [None, 0.1]
    assert lock["plan"]["experiment"]["alpha"] == 0.2
    code, out, _ = run(capsys, "analyze", "experiment.toml", "--locked")
    assert code == 0
    assert "The plan was registered 3 times" in out


def test_an_edited_registration_is_refused(folder, capsys):
    run(capsys, "register", "experiment.toml")
    Path("experiment.toml").write_text(PLAN.replace("control", "alpha = 0.2\ncontrol"))
    lock = json.loads(Path("experiment.lock.json").read_text())
    lock["plan"]["experiment"]["alpha"] = 0.2
    Path("experiment.lock.json").write_text(json.dumps(lock))
    for words in (("analyze", "experiment.toml", "--locked"), ("register", "experiment.toml", "--force")):
        code, _, err = run(capsys, *words)
        assert code == 1
        assert "was edited after it had been written" in err


def test_locked_reports_changed_data_and_refuses_them_where_they_were_registered(folder, capsys):
    run(capsys, "register", "experiment.toml")
    Path("d.csv").write_text(Path("d.csv").read_text().replace("b,3", "b,4"))
    code, out, _ = run(capsys, "analyze", "experiment.toml", "--locked")
    assert code == 0
    assert "DATA CHANGED since the plan was registered" in out
    assert "'d.csv' has other contents of the same length" in out.replace("\n  ", " ")
    run(capsys, "register", "experiment.toml", "--force", "--with-data")
    assert run(capsys, "analyze", "experiment.toml", "--locked")[0] == 0
    Path("d.csv").write_text(Path("d.csv").read_text() + "b,4\n")
    code, out, err = run(capsys, "analyze", "experiment.toml", "--locked")
    assert (code, out) == (1, "")
    assert "'d.csv' had 324 bytes and has 328" in " ".join(err.split())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "y"', 'name = "z"'),
        ('name = "y"', 'name = "y"\ntype = "maen"'),
        ('name = "y"', 'name = "y"\ntest = "wlech"'),
        ('name = "y"', 'name = "y"\nrole = "guardrail"\nmargin = "lots"'),
        ('control = "a"', 'control = "c"'),
        ('control = "a"', 'control = "a"\ncorrection = "hlom"'),
        ('control = "a"', 'control = "a"\ncovariates = ["age"]'),
        ('treatment_col = "v"', 'treatment_col = "w"'),
    ],
)
def test_register_refuses_what_analyze_refuses(folder, capsys, old, new):
    Path("experiment.toml").write_text(PLAN.replace(old, new))
    analysed = run(capsys, "analyze", "experiment.toml")
    assert analysed[0] == 1
    registered = run(capsys, "register", "experiment.toml")
    assert registered == analysed
    assert not Path("experiment.lock.json").exists()


def test_a_plan_may_be_registered_before_there_are_data(folder, capsys):
    Path("d.csv").rename("later.csv")
    code, out, _ = run(capsys, "register", "experiment.toml")
    assert code == 0
    assert "Not checked against data" in out
    assert "cannot be registered" in run(capsys, "register", "experiment.toml", "--force", "--with-data")[2]
    Path("later.csv").rename("d.csv")
    assert run(capsys, "analyze", "experiment.toml", "--locked")[0] == 0


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"plan": 3, "registered": 1}', '{"plan": {}}', "[" * 100_000])
def test_a_damaged_registration_is_one_clear_error(folder, capsys, text):
    Path("experiment.lock.json").write_text(text)
    code, out, err = run(capsys, "analyze", "experiment.toml", "--locked")
    assert (code, out) == (1, "")
    assert "is not a registration written by xpyrment" in err
