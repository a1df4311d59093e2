"""Command line of the benchmarks: print the tables of the sections."""

import argparse
import warnings
from collections.abc import Callable

from benchmarks import memory, sections

ROWS = 10_000_000


def plan(rows: int) -> dict[str, list[Callable[[], str]]]:
    """Return what each section runs, with at most so many rows."""
    # Sections that run other libraries or many variations would take hours at the full size.
    fewer = max(rows // 10, 1)
    return {
        "limit": [lambda: sections.limit(rows)],
        "products": [lambda: sections.products(rows)],
        "memory": [lambda: memory.memory(rows)],
        "beside": [lambda: sections.beside(fewer)],
        "growth": [lambda: sections.growth(fewer)],
        "rivals": [
            # Default arguments bind the loop variable now, not when the section runs.
            *(lambda columns=columns: sections.against_rivals(fewer, columns) for columns in (2, 10, 50)),
            lambda: sections.against_rivals(fewer, 10, "categorical"),
            *(lambda columns=columns: sections.against_rivals(rows, columns, runs=1) for columns in (2, 10)),
            lambda: sections.against_rivals(rows, 50, runs=1, leave_out=SLOW),
        ],
    }


SLOW = ("tea-tasting, pandas", "spotify-confidence", "statsmodels")
"""Rivals that take minutes a run, or several copies of the frame, at the largest size."""


def main() -> None:
    """Run the sections named on the command line, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", help="limit, products, memory, beside, growth, rivals; all by default")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the large frames; 10 million by default")
    arguments = parser.parse_args()
    offered = plan(arguments.rows)
    unknown = set(arguments.sections) - set(offered)
    if unknown:
        parser.error(f"unknown section {min(unknown)!r}; choose from {', '.join(offered)}")
    # Warnings of checks, such as of the sample ratio of random labels, would be printed between the tables.
    warnings.simplefilter("ignore")
    for section in arguments.sections or offered:
        for run in offered[section]:
            print(run(), flush=True)


if __name__ == "__main__":
    main()
