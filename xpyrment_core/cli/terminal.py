"""Standard output and standard error of the program, and what ends it: signals and closed streams."""

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from xpyrment_core.errors import InputError
from xpyrment_core.plots.escaping import printable

WIDTH = 80

INTERRUPTED, TERMINATED, CLOSED = 130, 143, 141
"""Exit codes: 128 plus the number of SIGINT, SIGTERM and SIGPIPE, as shells have them."""


class Terminated(KeyboardInterrupt):
    """The program received SIGTERM: as an interruption, it is not taken for a failure of the work."""


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM, so that processes and temporary files are cleaned up."""
    # Python can set handlers in the main thread only; elsewhere the caller's stay.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; cleaning up is not interrupted
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def plain_when_piped() -> None:
    """Set up output for files and other programs: no colours, and a width that does not depend on the terminal."""
    if sys.stdout is None:  # closed before the program started (>&-)
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the life of the process
    if not sys.stdout.isatty():
        os.environ.setdefault("NO_COLOR", "1")
        os.environ.setdefault("COLUMNS", str(WIDTH))


def silence_output() -> None:
    """Send what is still buffered for standard output nowhere, so that the interpreter's last flush is silent."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def written_output() -> Iterator[None]:
    """Report that standard output cannot be written, such as to a full disk, as an InputError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        silence_output()
        raise InputError(f"standard output cannot be written: {error.strerror}.") from error


def unicode_ok() -> bool:
    """Return whether standard output can show more than ASCII."""
    try:
        "─≥…".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def say(text: str) -> None:
    """Print a line on standard error."""
    # Only spaces and line breaks: split() would also drop a lone carriage return or separator, which must be visible.
    _to_stderr(re.sub(r"[ \n]+", " ", text).strip(" "))


def say_lines(text: str) -> None:
    """Print several lines on standard error, such as a diff."""
    for line in text.splitlines():
        _to_stderr(line)


def _to_stderr(line: str) -> None:
    if sys.stderr is None:
        return
    # Labels and file names can contain characters that the terminal's encoding lacks.
    encoding = sys.stderr.encoding or "ascii"
    line = printable(line)
    with suppress(OSError):  # a closed standard error must not change the exit code
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr)
