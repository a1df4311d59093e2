"""Time of an analysis of a file, relative to DuckDB's own query of the same sums, and to a plain parse of the file.

python benchmarks/reading.py             # 10 million rows of 10 columns as Parquet, 2 million as CSV
python benchmarks/reading.py --rows 1000000
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

import xpyrment as xp

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.timing import medians, milliseconds, table, times

METRICS = [f"m{i}" for i in range(8)]


def rows(n: int) -> pa.Table:
    """Return n users in two arms, with eight metrics."""
    rng = np.random.default_rng(1)
    columns = {"user": np.arange(n), "variant": np.array(["control", "treatment"])[rng.integers(0, 2, n)]}
    return pa.table(columns | {name: np.round(rng.gamma(2, 10, n), 2) for name in METRICS})


def analysed(path: Path) -> Callable[[], object]:
    """Return the task of a whole analysis of a file."""

    def task() -> object:
        experiment = xp.setup(path, "variant")
        for name in METRICS:
            experiment.register_metric(name)
        return experiment.run_analysis()

    return task


def queried(path: Path) -> Callable[[], object]:
    """Return the task of DuckDB's query of the means and variances of the same columns."""
    sums = ", ".join(f"avg({name}), var_samp({name})" for name in METRICS)
    query = f"SELECT variant, count(*), {sums} FROM '{path}' GROUP BY variant"
    return lambda: duckdb.connect().sql(query).fetchall()


def main() -> None:
    """Print a table per format."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    wanted = parser.parse_args().rows
    with TemporaryDirectory() as folder:
        for kind, n in (("Parquet", wanted), ("CSV", max(wanted // 5, 1))):
            path = Path(folder) / f"rows.{kind.lower()}"
            write = pyarrow.parquet.write_table if kind == "Parquet" else pyarrow.csv.write_csv
            write(rows(n), path)
            measured = medians({"DuckDB's query": queried(path), "xpyrment": analysed(path)})
            base = measured["DuckDB's query"]
            lines = [(name, milliseconds(taken), times(taken / base)) for name, taken in measured.items()]
            print(table(f"{kind}, {n:,} rows of 10 columns", ("task", "time", "ratio"), lines))


if __name__ == "__main__":
    main()
