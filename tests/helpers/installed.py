"""A virtual environment that sees ours and has third-party distributions installed for real."""

import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

THIRD_PARTY = Path(__file__).parents[1] / "third_party"


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
