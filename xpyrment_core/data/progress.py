"""Progress bar for reads longer than two seconds."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DELAY = 2.0
"""Seconds before anything is shown."""

INTERVAL = 0.2


@contextmanager
def progress(label: str, share: Callable[[], float | None] | None = None, delay: float = DELAY) -> Iterator[None]:
    """Show progress on standard error, once the work has taken `delay` seconds.

    Nothing is shown (and rich is not imported) unless standard error is a terminal or a
    notebook. The progress bar is removed when the work ends.

    Parameters
    ----------
    label : str
        Description of the work: ``"reading 3 Parquet files"``.
    share : callable, optional
        Returns the share done, from 0 to 1, or None while it is not known. It is
        called from another thread. Without it (or while it is None) a moving bar is shown.
    delay : float
        Seconds to wait before showing anything.

    Examples
    --------
    >>> with progress("adding up"):
    ...     sum(range(10))
    45
    """
    if not watched():
        yield
        return
    done = threading.Event()
    # A thread, because the work blocks in native code; a daemon, so that it never keeps the program alive.
    watcher = threading.Thread(target=_show, args=(label, share, delay, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def watched() -> bool:
    """Return whether standard error is a terminal, or this is a notebook."""
    if "ipykernel" in sys.modules:
        return True
    return sys.stderr is not None and sys.stderr.isatty()


def _show(label: str, share: Callable[[], float | None] | None, delay: float, done: threading.Event) -> None:
    if done.wait(delay):
        return
    # Imported after the delay: short reads, the usual case, do not pay for rich.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    parts = TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
    with Progress(*parts, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(label, total=None)
        while not done.wait(INTERVAL):
            known = share() if share else None
            if known is not None and 0 <= known <= 1:
                bar.update(task, total=1.0, completed=known)
