"""``python -m benchmarks``: print the tables."""

import argparse
import warnings
from collections.abc import Callable

from benchmarks import memory, sections

MILLION = sections.MILLION


def plan(quick: bool) -> dict[str, list[Callable[[], str]]]:
    """Return what each section runs."""
    most = MILLION if quick else 10 * MILLION
    sizes = [(MILLION, 2), (MILLION, 10), (MILLION, 50)]
    if not quick:
        sizes += [(most, 2), (most, 10), (most, 50)]
    return {
        "limit": [lambda: sections.limit(most)],
        "products": [lambda: sections.products(most)],
        "memory": [lambda: memory.memory(most)],
        "beside": [sections.beside],
        "growth": [lambda: sections.growth(MILLION // (4 if quick else 1))],
        "rivals": [
            *(lambda rows=rows, columns=columns: sections.against_rivals(rows, columns) for rows, columns in sizes),
            lambda: sections.against_rivals(MILLION, 10, "categorical"),
        ],
    }


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", help="limit, products, memory, beside, growth, rivals; all by default")
    parser.add_argument("--quick", action="store_true", help="1 million rows at most")
    asked = parser.parse_args()
    offered = plan(asked.quick)
    unknown = set(asked.sections) - set(offered)
    if unknown:
        parser.error(f"unknown section {min(unknown)!r}; choose from {', '.join(offered)}")
    warnings.simplefilter("ignore")
    for section in asked.sections or offered:
        for run in offered[section]:
            print(run(), flush=True)


if __name__ == "__main__":
    main()
