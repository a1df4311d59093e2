"""Distributes blocks of rows over threads; the result does not depend on the number of threads."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")
Work = Callable[[int, int], Result]

ROWS_PER_THREAD = 100_000
"""Below this, starting a thread costs more than it saves."""

MOST_THREADS = 8
"""More threads than this are limited by memory bandwidth."""

# Several per thread, so that all end at about the same time. A fixed number: sums of segments are added in their order,
# so the rounding of a result must not depend on the machine.
SEGMENTS = 64


def threads_for(rows: int) -> int:
    """Return the number of threads for a number of rows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MOST_THREADS, rows // ROWS_PER_THREAD))


def by_segment(
    rows: int, block: int, worker: Callable[[], Work[Result]], threads: int | None = None, segments: int = SEGMENTS
) -> list[Result]:
    """Cut rows into segments of whole blocks, and return each segment's result, in order.

    Parameters
    ----------
    rows, block : int
    worker : callable
        Makes a thread's own work function ``(start, stop) -> result``, with scratch space of its own.
    threads : int, optional
        By default the number from `threads_for`.
    segments : int
        The most segments; fewer where a result takes much memory.

    Examples
    --------
    >>> by_segment(5, 2, lambda: lambda start, stop: (start, stop))
    [(0, 2), (2, 4), (4, 5)]
    """
    blocks = -(-rows // block)
    step = block * max(1, -(-blocks // segments))
    starts = range(0, rows, step)
    results: dict[int, Result] = {}
    todo = deque(starts)

    def drain() -> None:
        # A thread does not inherit NumPy's error state; what is not finite is reported in the result.
        with np.errstate(all="ignore"):
            drain_quietly()

    def drain_quietly() -> None:
        work = worker()
        while (start := _next(todo)) is not None:
            results[start] = work(start, min(start + step, rows))

    # Threads share the frame without a copy, and NumPy releases the interpreter lock while it copies and multiplies.
    count = min(threads or threads_for(rows), len(starts))
    if count <= 1:
        drain()
    else:
        with ThreadPoolExecutor(count) as pool:
            futures = [pool.submit(drain) for _ in range(count)]
            try:
                for future in futures:
                    future.result()
            finally:
                todo.clear()  # after a failure, or an interrupt, the other threads stop at their next segment
    return [results[start] for start in starts]


def _next(todo: deque[int]) -> int | None:
    try:
        return todo.popleft()
    except IndexError:  # another thread may have taken the last one
        return None
