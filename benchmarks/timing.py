"""Times of several tasks in one run, taken in turn, so that a busy machine is busy for all of them."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def medians(tasks: Mapping[str, Callable[[], Any]], runs: int = 5) -> dict[str, float]:
    """Return each task's median seconds; every round runs every task once, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for round_ in range(runs + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            # Round 0 imports modules, fills caches and allocates memory.
            if round_:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return an aligned Markdown table."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: tuple[str, ...]) -> str:
        first, *rest = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "|".join("-" * (width + 2 - (i > 0)) + (":" if i else "") for i, width in enumerate(widths)) + "|"
    return "\n".join([f"\n### {title}\n", line(header), rule, *map(line, rows)])


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.1f} ms"


def times(value: float) -> str:
    return f"{value:.2f} x" if value < 10 else f"{value:.1f} x" if value < 100 else f"{value:,.0f} x"
