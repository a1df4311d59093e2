"""Parquet larger than memory: our whole query against hand-written DuckDB SQL of the same sums.

    python benchmarks/out_of_core.py --rows 50000000

Writes Parquet files (90 bytes a row) into a temporary folder, runs every contender in a
process of its own, in turns, and prints medians, the ratio within this run, and peak memory.
Then 50M event rows of 5M units are summed per unit and analysed with a limit of 1 GB.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import combinations_with_replacement
from pathlib import Path

COLUMNS = [f"x{i}" for i in range(10)]
ARMS = ("control", "treatment")
FILES = 20
MAX_RATIO = 1.3
MAX_MEGABYTES = 600


def write_rows(folder: Path, rows: int) -> None:
    """Write one row per user: an id, a variant, ten normal columns."""
    # Box and Muller; far from 0, where sums of squares that are not centred lose their digits.
    normal = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
    columns = ", ".join(f"{1000 * i} + {normal} AS x{i}" for i in range(len(COLUMNS)))
    _write(folder, rows, f"range AS id, {_variant('range')} AS variant, {columns}")


def write_events(folder: Path, rows: int) -> None:
    """Write ten rows per user, in no order."""
    # A hash scatters a unit's rows over all files, the hardest order for a sum per unit.
    user = f"(hash(range) % {max(rows // 10, 1)})::BIGINT"
    _write(folder, rows, f"{user} AS user_id, {_variant(user)} AS variant, random() AS revenue, random() AS clicks")


def _variant(unit: str) -> str:
    return f"CASE WHEN hash({unit} + 7) % 2 = 0 THEN 'control' ELSE 'treatment' END"


def _write(folder: Path, rows: int, columns: str) -> None:
    import duckdb

    folder.mkdir(parents=True)
    connection = duckdb.connect(config={"memory_limit": "2GB", "preserve_insertion_order": "false"})
    step = -(-rows // FILES)
    for i in range(FILES):
        source = f"SELECT {columns} FROM range({i * step}, {min((i + 1) * step, rows)})"
        connection.execute(f"COPY ({source}) TO '{folder / f'part-{i:02}.parquet'}' (FORMAT parquet)")


def by_hand(path: str) -> float:
    """Run hand-written SQL for the sums, centred at means that are known in advance."""
    import duckdb

    shifted = [f"({c} - {1000.0 * i!r}::DOUBLE)" for i, c in enumerate(COLUMNS)]
    products = [f"{a} * {b}" for a, b in combinations_with_replacement(shifted, 2)]
    sums = ", ".join(f"sum({term})" for term in [*shifted, *products])
    connection = duckdb.connect()
    return _timed(
        lambda: connection.execute(f"SELECT variant, count(*), {sums} FROM '{path}' GROUP BY variant").fetchall()
    )


def our_query(path: str) -> float:
    """Read the same sums through the engine: schema, labels, pilot rows, sums, moments."""
    from xpyrment_core.data.query import Query, RowSet, Term
    from xpyrment_duckdb.engine import DuckDBEngine

    row_set = RowSet("all", tuple(COLUMNS), tuple(Term(c, c) for c in COLUMNS))
    query = Query(treatment_col="variant", arms=ARMS, row_sets=(row_set,))

    def run() -> None:
        source = DuckDBEngine().open(path)
        source.labels("variant")
        reading = source.moments(query)
        # The means lie at the pilot's, so a second pass would be a fault of the engine.
        assert reading.passes == 1
        assert all(moments.n > 0 for moments in reading.moments.values())

    return _timed(run)


def our_analysis(path: str) -> float:
    """Analyse ten metrics, five of them adjusted by another column."""
    import xpyrment as xp

    def run() -> None:
        experiment = xp.setup(path, treatment_col="variant")
        for i, column in enumerate(COLUMNS):
            experiment.register_metric(column, covariate=COLUMNS[i + 5] if i < 5 else None)
        assert all(row["status"] == "ok" for row in experiment.run_analysis().raw_results)

    return _timed(run)


def our_events(path: str) -> float:
    """Sum events per user and analyse two metrics."""
    import xpyrment as xp

    def run() -> None:
        experiment = xp.setup(path, treatment_col="variant", id_col="user_id")
        experiment.register_metric("revenue").register_metric("clicks")
        result = experiment.run_analysis()
        assert all(row["status"] == "ok" for row in result.raw_results)

    return _timed(run)


CONTENDERS = {f.__name__: f for f in (by_hand, our_query, our_analysis, our_events)}


def _timed(run) -> float:  # type: ignore[no-untyped-def]
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(contender: str, path: str, **environment: str) -> dict[str, float]:
    """Run a contender in a new process; return its seconds and its peak memory in megabytes."""
    command = [sys.executable, __file__, "--contender", contender, "--path", path]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    # The last line: libraries may print before it.
    return json.loads(done.stdout.splitlines()[-1])


def child(contender: str, path: str) -> None:
    """Print what `measure` reads."""
    seconds = CONTENDERS[contender](path)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"s": seconds, "cpu": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1024}))


def show(name: str, runs: list[dict[str, float]], base: list[dict[str, float]] | None = None) -> float:
    """Print a line and return the ratio of median times."""
    medians = {key: statistics.median(run[key] for run in runs) for key in ("s", "cpu")}
    ratio = {key: medians[key] / statistics.median(run[key] for run in base or runs) for key in medians}
    peak = max(run["mb"] for run in runs)
    times = "".join(f"{medians[key]:>8.2f} s{ratio[key]:>7.2f}" for key in medians)
    print(f"{name:<42}{times}{peak:>7.0f} MB", flush=True)
    return ratio["s"]


def compare(folder: Path, repeats: int) -> bool:
    """Print the table of the wide files; return whether time and memory are within the limits."""
    path = str(folder / "*.parquet")
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in ("by_hand", "our_query", "our_analysis")}
    for _ in range(repeats):
        # In turn, so that a busy machine is busy for all of them.
        for name, measurements in runs.items():
            measurements.append(measure(name, path))
    print(f"\n{'':<42}{'wall':>10}{'ratio':>7}{'cpu':>10}{'ratio':>7}{'peak':>10}")
    show("DuckDB SQL by hand, all cross-products", runs["by_hand"])
    ratio = show("engine: labels, pilot, all cross-products", runs["our_query"], runs["by_hand"])
    show("analysis: 10 metrics, 5 with a covariate", runs["our_analysis"], runs["by_hand"])
    peak = max(run["mb"] for run in runs["our_query"] + runs["our_analysis"])
    return ratio <= MAX_RATIO and peak < MAX_MEGABYTES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to put the files; deleted afterwards", default=None)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        child(options.contender, options.path)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        wide, events = Path(name) / "rows", Path(name) / "events"
        write_rows(wide, options.rows)
        size = sum(file.stat().st_size for file in wide.iterdir())
        print(f"{options.rows:,} rows x {len(COLUMNS) + 2} columns, {size / 1e9:.2f} GB of Parquet in {FILES} files")
        holds = compare(wide, options.repeats)
        for file in wide.iterdir():
            file.unlink()
        write_events(events, options.rows)
        path = str(events / "*.parquet")
        runs = [measure("our_events", path, XPYRMENT_DUCKDB_MEMORY_LIMIT="1GB") for _ in range(options.repeats)]
        print(f"\n{options.rows:,} event rows of {options.rows // 10:,} units, memory limit 1 GB")
        show("analysis: 2 metrics, rows summed per unit", runs)
    print(f"\nat most {MAX_RATIO} x by hand and {MAX_MEGABYTES} MB: {'yes' if holds else 'NO'}")
    raise SystemExit(0 if holds else 1)


if __name__ == "__main__":
    main()
