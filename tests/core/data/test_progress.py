"""A progress bar is shown for long reads in a terminal, and only there."""

import os
import pty
import subprocess
import sys
import time

import pytest

from processes import script
from xpyrment_core.data import progress as module
from xpyrment_core.data.progress import progress, watched

SCRIPT = """
import sys, time
from xpyrment_core.data.progress import progress
with progress("adding up a lot", lambda: 0.5, delay=0.2):
    time.sleep({seconds})
print("done", "rich" in sys.modules)
"""


def on_a_terminal(seconds: float) -> tuple[str, str]:
    """Run the script with standard error on a terminal; return its standard output and error."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", SCRIPT.format(seconds=seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=follower, text=True) as child:
        os.close(follower)
        shown = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        printed, _ = child.communicate()
    os.close(leader)
    return printed, shown.decode()


def test_long_read_shows_and_clears_a_progress_bar_on_a_terminal() -> None:
    printed, shown = on_a_terminal(4.0)
    assert printed == "done True\n"
    assert "adding up a lot" in shown
    assert shown.rstrip().endswith("\x1b[2K")  # the last thing written clears the line


def test_short_read_shows_no_progress_bar() -> None:
    assert on_a_terminal(0.0) == ("done False\n", "")


def test_no_progress_bar_without_a_terminal() -> None:
    done = script(SCRIPT.format(seconds=1.0))
    assert (done.stdout, done.stderr) == ("done False\n", "")


def test_progress_bar_is_shown_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "stderr", None)
    assert not watched()
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert watched()


def test_the_work_is_not_held_up_and_its_error_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "watched", lambda: True)
    start = time.perf_counter()
    with pytest.raises(KeyError), progress("failing", delay=60):
        raise KeyError("x")
    assert time.perf_counter() - start < 5
