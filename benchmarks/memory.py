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
    """Reset the recorded peak memory, which making the frame has raised, where the system (Linux) allows it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Return the largest resident size so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # VmHWM is the value that a write to clear_refs resets.
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
            # A process per frame: memory that one reading leaves to the allocator would hide the need of the next.
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
            measured = json.loads(done.stdout)
            allowed = 0.05 * measured["frame"] + 100
            rows_.append(
                (
                    f"{library}, {kind} labels",
                    f"{measured['frame']:,.0f} MB",
                    f"{measured['more']:,.0f} MB",
                    f"{100 * measured['more'] / measured['frame']:.1f} %",
                    f"{allowed:,.0f} MB",
                )
            )
    title = f"Memory beyond the frame, {rows:,} rows x {columns} metrics"
    return table(title, ("", "frame", "more at the peak", "of the frame", "allowed"), rows_)
