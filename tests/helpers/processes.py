"""Processes that tests start: the program, a script, anything else."""

import os
import subprocess
import sys
from pathlib import Path

PYTHON = Path(sys.executable)


def process(
    *command: object, cwd: Path | None = None, stdin: str | None = None, timeout: float = 120, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command without the caller's settings of xpyrment, in UTF-8."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("XPYRMENT_")}
    return subprocess.run(
        [str(word) for word in command],
        input=stdin, capture_output=True, encoding="utf-8", cwd=cwd, timeout=timeout,
        env=kept | {"PYTHONIOENCODING": "utf-8"} | environ,
    )  # fmt: skip


def program(
    *arguments: object, python: Path = PYTHON, cwd: Path | None = None, stdin: str | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m xpyrment``."""
    return process(python, "-m", "xpyrment", *arguments, cwd=cwd, stdin=stdin, **environ)


def script(code: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python code that must not fail, in a new interpreter."""
    done = process(PYTHON, "-c", code, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done
