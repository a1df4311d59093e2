"""A virtual environment that sees ours and has strangers' distributions installed for real."""

import os
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

THIRD_PARTY = Path(__file__).parent / "third_party"


def environment(folder: Path, distributions: Iterable[str]) -> Path:
    """Make a virtual environment below `folder`, install the distributions, return its python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    ours = [path for path in sys.path if path and Path(path).is_dir()]
    # What is installed for the tests is visible; what we install here is not visible to the tests.
    (site / "outer.pth").write_text("\n".join(f"import site; site.addsitedir({path!r})" for path in ours))
    for name in distributions:
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index",
             "--no-deps", "--no-build-isolation", str(THIRD_PARTY / name)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    return python


def run(python: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m xpyrment`` as a process of its own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("XPYRMENT_")}
    return subprocess.run(
        [str(python), "-m", "xpyrment", *arguments],
        capture_output=True, text=True, env=env | {"PYTHONIOENCODING": "utf-8"} | environ, timeout=120,
    )  # fmt: skip
