"""Commands of the program, run in the process of the tests."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest
from attrs import frozen

from xpyrment_core.cli.main import main


@frozen
class Done:
    """What a finished command printed and returned."""

    returncode: Any
    stdout: str
    stderr: str


def command(*arguments: str, stdin: str = "", own_stdin: bool = False) -> Done:
    """Run ``xpyrment`` with the arguments; standard input is a text, or that of the process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        if not own_stdin:
            patch.setattr(sys, "stdin", io.StringIO(stdin))
        try:
            code = main(list(arguments))
        except SystemExit as usage:
            code = usage.code
    return Done(code, out.getvalue(), err.getvalue())
