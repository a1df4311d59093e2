"""Signals, closed streams, pipes and plugins that raise anything end or go on in one defined way."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import xpyrment as xp
from xpyrment_core.cli.main import main
from xpyrment_duckdb.connection import PrivateDatabase
from xpyrment_duckdb.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")

AA = ("aa", "d.csv", "--treatment-col", "v", "--metric", "y", "--control", "a", "--replicates", "1000000")
# Starts the program, and says when it has workers or runs a query, so that a signal comes at that moment.
READY = """
import sys, threading, time, os
def watch():
    from pathlib import Path
    while not {condition}:
        time.sleep(0.02)
    time.sleep({delay})
    print("ready", file=sys.stderr, flush=True)
threading.Thread(target=watch, daemon=True).start()
from xpyrment.cli import main
sys.exit(main({words!r}))
"""
WORKERS = "len(Path(f'/proc/self/task/{os.getpid()}/children').read_text().split()) >= 2"


def start(words, condition, delay=0.0):
    code = READY.format(words=list(words), condition=condition, delay=delay)
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert running.stderr.readline() == "ready\n"
    return running


def alive(group):
    """Return the processes of a group that run: those that ended and wait to be collected do not."""
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,pid="], capture_output=True, text=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [pid for pgid, status, pid in rows if int(pgid) == group and not status.startswith("Z")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text("v,y\n" + "a,1\na,2\nb,2\nb,3\n" * 20)
    return tmp_path


def wait(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers by /proc")
@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 143, "Terminated.\n")]
)
def test_a_signal_ends_a_simulation_with_its_workers(folder, number, code, said):
    running = start((*AA, "--n-jobs", "2"), WORKERS, delay=1.0)
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (code, "", said)
    assert wait(lambda: not alive(running.pid)), alive(running.pid)


def test_ctrl_c_in_a_query_of_duckdb_is_an_interruption():
    slow = "SELECT count(*) FROM range(400000) a, range(400000) b WHERE a.range % 7 = b.range % 11"
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt), PrivateDatabase(Settings.of("200MB", 1), "data").cursor() as cursor:
        cursor.execute(slow)
    timer.join()


def test_an_interrupted_analysis_leaves_the_experiment_as_it_was(monkeypatch):
    frame = pd.DataFrame({"v": ["a", "b"] * 20, "y": np.arange(40.0)})
    experiment = xp.setup(frame, "v").register_metric("y")
    state, history = experiment.state, list(experiment.history)

    def interrupt(source, query):
        raise KeyboardInterrupt

    source = experiment.source
    with monkeypatch.context() as patch:
        patch.setattr(type(source), "moments", interrupt)
        with pytest.raises(KeyboardInterrupt):
            experiment.run_analysis("a", "b")
    assert (experiment.state, list(experiment.history)) == (state, history)
    assert experiment.run_analysis("a", "b").results[0].status == "ok"


def shell(command, **options):
    program = f"{sys.executable} -m xpyrment"
    return subprocess.run(
        ["bash", "-c", command.replace("xpyrment", program, 1)], capture_output=True, text=True, timeout=60, **options
    )


@pytest.mark.parametrize("command", ["xpyrment plugins", "xpyrment power --mde 1 --std 9 --curve", "xpyrment --help"])
def test_closed_output_is_quiet(folder, command):
    done = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}")
    assert done.returncode in (0, 141)  # 0 where everything was written before the reader closed the pipe
    assert done.stderr == ""
    closed = shell(f"{command} >&-")
    assert (closed.returncode, closed.stderr) == (0, "")
    assert shell(f"{command} 2>&-").returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_output_to_a_full_disk_is_one_line(folder):
    done = shell("xpyrment power --mde 1 --std 9 > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "Error: standard output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "p.moments.json", "p.toml", "p.xlsx"])
@pytest.mark.parametrize("command", ["analyze", "aa"])
def test_a_named_pipe_is_refused_and_not_waited_for(folder, name, command):
    os.mkfifo(name)
    done = shell(
        f"timeout 20 xpyrment {command} {name} " + ("" if name.endswith("toml") else "--treatment-col v --metric y")
    )
    assert done.returncode == 1
    assert "is not a regular file" in done.stderr


def test_a_pipe_for_a_registration_is_refused(folder, capsys):
    Path("e.toml").write_text('[experiment]\ndata = "d.csv"\ntreatment_col = "v"\n[[metrics]]\nname = "y"\n')
    os.mkfifo("e.lock.json")
    assert main(["analyze", "e.toml", "--locked"]) == 1
    assert "is not a regular file" in capsys.readouterr().err


@pytest.mark.parametrize("raised", ["BaseException('b')", "GeneratorExit()", "SystemExit(3)", "Exception('e')"])
def test_what_a_plugin_raises_when_imported_does_not_end_the_program(folder, raised):
    Path("acme_plugin.py").write_text(f"raise {raised}\n")
    info = Path("acme-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[xpyrment]\nacme = acme_plugin\n")
    done = subprocess.run(
        [sys.executable, "-m", "xpyrment", "srm", "10", "12"],
        capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONPATH": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0
    assert "acme" in done.stderr
    assert done.stderr.count("\n") == 1
