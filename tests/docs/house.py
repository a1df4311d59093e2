"""The tables of modules and plugins in the design page, made from the code.

Write them anew with ``python tests/docs/house.py``.
"""

import ast
import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "design.md"
sys.path.insert(0, str(ROOT / "tests" / "core"))
from test_architecture import CORE, ORDER, PLUGINS  # noqa: E402


def summary(path: Path) -> str:
    """Return the first sentence of a module's docstring."""
    source = path if path.is_file() else path / "__init__.py"
    return (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").split("\n")[0].rstrip(".")


def table(rows: Iterable[tuple[str, Path]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| `{name}` | {summary(path)} |" for name, path in rows)])


def tables() -> dict[str, str]:
    """Return each table by the name between its marks in the page."""
    core = ((name, path if (path := CORE / f"{name}.py").exists() else CORE / name) for name in ORDER)
    return {"modules": table(core), "plugins": table((name, ROOT / "plugins" / name) for name in PLUGINS)}


def renewed(text: str) -> str:
    """Return the page with today's tables."""
    for name, rows in tables().items():
        marks = rf"(<!-- {name} -->\n).*?(\n<!-- end -->)"
        text = re.sub(marks, lambda found, rows=rows: f"{found[1]}{rows}{found[2]}", text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
