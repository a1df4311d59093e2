"""What pages show of the code: tables of modules, plugins, states and options, and files of the third-party plugin.

Write them anew with ``python tests/docs/house.py``.
"""

import ast
import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "docs" / "design.md", ROOT / "docs" / "plugins.md", ROOT / "docs" / "reference" / "options.md")
sys.path[:0] = [str(ROOT / "tests" / "core"), str(ROOT / "tests" / "helpers")]
from test_architecture import CORE, LAYERS, PLUGINS  # noqa: E402

from xpyrment_core.experiment.state import MOVES  # noqa: E402
from xpyrment_core.options import OPTIONS  # noqa: E402


def summary(path: Path) -> str:
    """Return the first sentence of a module's docstring."""
    source = path if path.is_file() else path / "__init__.py"
    return (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").split("\n")[0].rstrip(".")


def table(rows: Iterable[tuple[str, Path]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| `{name}` | {summary(path)} |" for name, path in rows)])


def options() -> str:
    """Return the table of options of an analysis."""
    head = ["| Python | default | command line | experiment file | metadata | meaning |", "|---|---|---|---|---|---|"]
    for option in OPTIONS:
        flags = "`, `".join(option.flags)
        texts = (option.python_name, repr(option.default), flags, option.file_key, option.metadata_key)
        head.append("| " + " | ".join([*(f"`{text}`" if text else "" for text in texts), option.help]) + " |")
    return "\n".join(head)


def states() -> str:
    """Return the table of moves between states."""
    rows = (
        (state.name, ", ".join(f"`{target.name}`" for target in sorted(targets, key=lambda t: t.name)) or "none")
        for state, targets in MOVES.items()
    )
    return "\n".join(["| state | may go to |", "|---|---|", *(f"| `{state}` | {targets} |" for state, targets in rows)])


def tables() -> dict[str, str]:
    """Return each table by the name between its marks in the page."""
    core = ((path.relative_to(CORE).as_posix().removesuffix(".py"), path) for path in _in_layers())
    return {
        "modules": table(core),
        "plugins": table((name, ROOT / "plugins" / name) for name in PLUGINS),
        "options": options(),
        "states": states(),
    }


def _in_layers() -> Iterable[Path]:
    """Yield the modules of the core, lower layers first."""
    for part in (part for layer in LAYERS for part in sorted(layer)):
        yield from [CORE / f"{part}.py"] if (CORE / f"{part}.py").exists() else _modules(CORE / part)


def _modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")


def listing(path: Path) -> str:
    """Return a file as a fenced block."""
    language = "toml" if path.suffix == ".toml" else "python"
    return f"```{language}\n{path.read_text(encoding='utf-8').strip()}\n```"


def listings() -> dict[str, str]:
    """Return the files of the third-party plugin by their path, as they stand in the guide."""
    acme = ROOT / "tests" / "third_party" / "acme"
    files = (acme / "pyproject.toml", *sorted(acme.glob("src/*/*.py")))
    return {path.relative_to(ROOT).as_posix(): listing(path) for path in files}


def renewed(text: str) -> str:
    """Return a page with today's tables and files between its marks."""
    for name, rows in (tables() | listings()).items():
        marks = rf"(<!-- {re.escape(name)} -->\n).*?(\n<!-- end -->)"
        text = re.sub(marks, lambda found, rows=rows: f"{found[1]}{rows}{found[2]}", text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
