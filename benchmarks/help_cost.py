"""CPU time of ``xpyrment --help``, relative to the help of a bare cyclopts app."""

import resource
import statistics
import subprocess
import sys

BARE = """
import cyclopts
app = cyclopts.App(name="bare", help="A bare app.", version="0", result_action="return_value")
for name in ("power", "balance", "srm", "regress", "analyze", "app"):
    app.command(lambda *, csv="", alpha=0.05: None, name=name, help="Do one thing.")
try:
    app(["--help"])
except SystemExit:
    pass
"""
OURS = "import sys; from xpyrment.cli import main; sys.argv = ['xpyrment', '--help']; main()"
LIMIT = 1.3


def cpu(script: str) -> float:
    """Return the CPU seconds of a Python process that runs a script."""
    # CPU time of the child: wall time would measure what else the machine does. os.times() counts in 10 ms.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(runs: int = 15) -> int:
    """Measure both in turn; return 1 if the ratio exceeds the limit."""
    # The first pair is left out, which reads files from disk and may write bytecode.
    pairs = [(cpu(OURS), cpu(BARE)) for _ in range(runs + 1)][1:]
    ours, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
    # Ratios within a pair, as both runs of a pair see the same load.
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"xpyrment --help {1000 * ours:.0f} ms CPU, bare cyclopts app {1000 * bare:.0f} ms CPU: ratio {ratio:.2f}")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
