"""Runs replicates on several cores, with the same results for any number of cores."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from xpyrment_core import InputError, needs_library
from xpyrment_core.data.progress import watched

# Several chunks per process: one slow chunk keeps no core waiting, and the progress bar moves.
CHUNKS_PER_JOB = 8

Replicate = Callable[[np.random.Generator], list[dict[str, Any]]]


def replicate(
    once: Replicate, threads: bool, replicates: int, seed: int, n_jobs: int, label: str
) -> list[list[dict[str, Any]]]:
    """Call `once` with a generator of its own per replicate, and return the answers in order.

    `threads` keeps the work in this process: a host made by hand may hold what was defined in a
    notebook, which no other process can see.

    The generators are spawned from the seed before the work is distributed (NumPy's
    `SeedSequence`), so the numbers do not depend on `n_jobs`.

    Raises
    ------
    InputError
        `replicates` or `n_jobs` is not a usable number.
    """
    if not isinstance(replicates, int) or isinstance(replicates, bool) or replicates < 1:
        raise InputError(f"replicates must be a whole number of 1 or more, got {replicates!r}.")
    if not isinstance(n_jobs, int) or isinstance(n_jobs, bool) or (n_jobs < 1 and n_jobs != -1):
        raise InputError(f"n_jobs must be 1 or more, or -1 for all cores, got {n_jobs!r}.")
    seeds = np.random.SeedSequence(seed).spawn(replicates)
    chunks = np.array_split(np.arange(replicates), min(replicates, max(1, abs(n_jobs)) * CHUNKS_PER_JOB))
    answers: list[list[dict[str, Any]]] = []
    try:
        for part in _shown(_chunks(once, seeds, chunks, n_jobs, threads), len(chunks), label):
            answers += part
    except BaseException:
        if n_jobs != 1 and not threads:
            _stop_workers()
        raise
    return answers


def _stop_workers() -> None:
    """End the processes at once: joblib lets them finish their chunks, which may take hours."""
    with suppress(Exception):  # what ended the work is what is reported
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def _chunks(once: Replicate, seeds: list[Any], chunks: list[Any], n_jobs: int, threads: bool) -> Iterator[Any]:
    if n_jobs == 1:
        return (_run(once, [seeds[i] for i in chunk]) for chunk in chunks)
    with needs_library("a simulation in several processes"):
        from joblib import Parallel, delayed

    # A generator returns chunks in order as they finish, for the progress bar.
    pool = Parallel(n_jobs=n_jobs, return_as="generator", prefer="threads" if threads else "processes")
    done: Iterator[Any] = pool(delayed(_run)(once, [seeds[i] for i in chunk]) for chunk in chunks)
    return done


def _run(once: Replicate, seeds: list[Any]) -> list[list[dict[str, Any]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # failed checks of single replicates are not reported
        return [once(np.random.default_rng(seed)) for seed in seeds]


def _shown(parts: Iterator[Any], total: int, label: str) -> Iterator[Any]:
    if not watched():
        yield from parts
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(parts, description=label, total=total, console=Console(stderr=True), transient=True)
