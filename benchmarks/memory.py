"""Peak memory of reading a frame, beyond the frame itself, in a process of its own."""

import contextlib
import json
import resource
import subprocess
import sys
from pathlib import Path

from benchmarks.timing import table

SCRIPT = "from benchmarks.memory import measure; measure({rows}, {columns}, {kind!r}, {library!r})"


def start_afresh() -> None:
    """Forget the peak so far, that of making the frame, where the system (Linux) lets a process do so."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Return the largest resident size so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(rows: int, columns: int, kind: str, library: str) -> None:
    """Print, as JSON, the frame's size and how much the peak grew while it was read."""
    from benchmarks import frames, ours

    data = frames.pandas_frame(frames.values(rows, columns), frames.labels(frames.codes(rows), kind))
    if library == "Polars":
        data = frames.polars_frame(data)
    ours.read(data.head(1000), ours.one_row_set(frames.names(columns), frames.LABELS[:2]))  # imports are not reading
    start_afresh()
    before = peak()
    ours.read(data, ours.one_row_set(frames.names(columns), frames.LABELS[:2]))
    print(json.dumps({"frame": rows * columns * 8 / 2**20, "more": peak() - before}))


def memory(rows: int = 10_000_000, columns: int = 10) -> str:
    """Return the table of extra memory; what is allowed is 5 % of the frame and 100 MB."""
    rows_ = []
    for library in ("pandas", "Polars"):
        for kind in ("text", "categorical"):
            script = SCRIPT.format(rows=rows, columns=columns, kind=kind, library=library)
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            allowed = 0.05 * found["frame"] + 100
            rows_.append(
                (
                    f"{library}, {kind} labels",
                    f"{found['frame']:,.0f} MB",
                    f"{found['more']:,.0f} MB",
                    f"{100 * found['more'] / found['frame']:.1f} %",
                    f"{allowed:,.0f} MB",
                )
            )
    title = f"Memory beyond the frame, {rows:,} rows x {columns} metrics"
    return table(title, ("", "frame", "more at the peak", "of the frame", "allowed"), rows_)
