"""Imports point one way: the core downwards, plugins to its face and kits, light modules to nothing heavy."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

from processes import script
from xpyrment_core.cli.scaffold import write_project

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "xpyrment_core"
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())

# A folder or module of the core imports only what stands on an earlier line, and its own folder.
LAYERS = (
    {"errors"},
    {"choices"},
    {"options"},
    {"registry"},
    {"values"},
    {"stats", "data"},
    {"plots"},
    {"analysis"},
    {"experiment", "testing"},
    {"cli"},
)

KITS = {"stats", "data", "plots", "cli", "testing"}
"""Folders of the core that plugins may use beside its public face."""

LIGHT = {"collections.abc", "typing", "__future__", "xpyrment_core"}
HEAVY = {"numpy", "pandas", "scipy", "statsmodels", "matplotlib", "plotly", "polars", "pyarrow", "duckdb", "pyspark"}


def imports_of(path: Path) -> Iterator[str]:
    """Yield every module imported by a file, also inside functions; not what only a type checker sees."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for child in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            yield from _from(node)


def _from(node: ast.ImportFrom) -> Iterator[str]:
    module = node.module or ""
    inside = [f"{module}.{alias.name}" for alias in node.names]
    modules = [name for name in inside if (ROOT / (name.replace(".", "/") + ".py")).exists()]
    yield from modules or [module]


def modules() -> dict[str, Path]:
    """Return the dotted name and the file of every module of the core and the plugins."""
    files = [*CORE.rglob("*.py"), *(path for name in PLUGINS for path in (ROOT / "plugins" / name).rglob("*.py"))]
    return {_dotted(path): path for path in files}


def _dotted(path: Path) -> str:
    base = ROOT if path.is_relative_to(CORE) else ROOT / "plugins"
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(part: str) -> int:
    return next(i for i, layer in enumerate(LAYERS) if part in layer)


def parts_of_the_core() -> list[str]:
    """Return the folders of the core and the modules that stand beside them."""
    return sorted({path.relative_to(CORE).parts[0].removesuffix(".py") for path in CORE.rglob("*.py")} - {"__init__"})


def test_every_part_of_the_core_has_one_layer():
    assert parts_of_the_core() == sorted(part for layer in LAYERS for part in layer)


@pytest.mark.parametrize("part", parts_of_the_core())
def test_core_imports_only_lower_layers(part):
    files = [
        path for name, path in modules().items() if name.startswith("xpyrment_core.") and name.split(".")[1] == part
    ]
    imports = {module for path in files for module in imports_of(path) if module.split(".")[0] == "xpyrment_core"}
    assert "xpyrment_core" not in imports, "the core imports its own modules, not its public face"
    used = {module.split(".")[1] for module in imports} - {part}
    assert {name for name in used if layer_of(name) >= layer_of(part)} == set()


def test_there_is_no_import_cycle():
    known = modules()
    graph = {name: {m for m in imports_of(path) if m in known and m != name} for name, path in known.items()}
    assert cycles(graph) == []


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return what remains of a graph after nodes without successors are removed again and again."""
    left = {name: set(targets) for name, targets in graph.items()}
    while leaves := {name for name, targets in left.items() if not targets & left.keys()}:
        left = {name: targets for name, targets in left.items() if name not in leaves}
    return [[name, *sorted(targets & left.keys())] for name, targets in sorted(left.items())]


def test_a_cycle_is_found():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == [["a", "b"], ["b", "c"], ["c", "b"]]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_import_the_face_and_the_kits_only(plugin):
    offenders = {
        f"{path.name}: {module}"
        for path in (ROOT / "plugins" / plugin).rglob("*.py")
        for module in imports_of(path)
        if module.startswith("xpyrment_core.") and module.split(".")[1] not in KITS
    }
    assert not offenders


IMPORT = re.compile(r"(?:from|import) (xpyrment_core(?:\.\w+)*)")
PAGES = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
THIRD_PARTY = sorted((ROOT / "tests" / "third_party").rglob("*.py"))


@pytest.mark.parametrize("path", [*PAGES, *THIRD_PARTY], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages_and_third_party_plugins_import_the_face_and_the_kits_only(path):
    modules = IMPORT.findall(path.read_text(encoding="utf-8"))
    assert [name for name in modules if name.count(".") and name.split(".")[1] not in KITS] == []


def test_a_new_plugin_project_imports_the_face_and_the_kits_only(tmp_path):
    write_project("acme-shop", tmp_path)
    modules = [name for path in tmp_path.rglob("*.py") for name in IMPORT.findall(path.read_text(encoding="utf-8"))]
    assert "xpyrment_core" in modules
    assert [name for name in modules if name.count(".") and name.split(".")[1] not in KITS] == []


# Sizes


def code_files() -> list[Path]:
    return [path for folder in ("xpyrment", "xpyrment_core", "plugins") for path in (ROOT / folder).rglob("*.py")]


def lines_of_functions() -> list[int]:
    """Return the number of lines of every function, without its docstring."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in code_files())
    functions = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return sorted(_last(node) - node.lineno + 1 - _docstring_lines(node) for node in functions)


def _last(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return 0 if ast.get_docstring(node) is None else _last(node.body[0]) - node.body[0].lineno + 1


def test_modules_have_at_most_300_lines():
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in code_files()}
    assert {path: size for path, size in sizes.items() if size > 300} == {}


def test_functions_are_short():
    lines = lines_of_functions()
    assert median(lines) <= 7
    assert quantiles(lines, n=10)[-1] <= 18


def test_core_does_not_import_plugins():
    offenders = {
        f"{path.name}: {module}"
        for path in CORE.rglob("*.py")
        for module in imports_of(path)
        if module.split(".")[0] in {*PLUGINS, "xpyrment"}
    }
    assert not offenders


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_import_only_the_core_and_themselves(plugin):
    allowed = {"xpyrment_core", plugin}
    offenders = {
        f"{path.name}: {module}"
        for path in (ROOT / "plugins" / plugin).rglob("*.py")
        for module in imports_of(path)
        if module.split(".")[0].startswith("xpyrment") and module.split(".")[0] not in allowed
    }
    assert not offenders


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugins_front_module_imports_hooks_and_definitions_only(plugin):
    assert set(imports_of(ROOT / "plugins" / plugin / "__init__.py")) <= LIGHT


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_folder_is_typed_and_says_what_it_is_for(plugin):
    folder = ROOT / "plugins" / plugin
    assert (folder / "py.typed").exists()
    assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))


def test_folders_and_entry_points_are_the_same_list():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entry_points = project["entry-points"]["xpyrment"]
    assert sorted(entry_points.values()) == PLUGINS
    assert all(package == f"xpyrment_{name}" for name, package in entry_points.items())
    assert list(entry_points) == sorted(entry_points), "entry points are listed in alphabetical order"


def test_importing_xpyrment_and_all_plugins_loads_no_heavy_library():
    code = f"import sys, xpyrment, {', '.join(PLUGINS)}; print(*sys.modules)"
    done = script(code)
    assert not HEAVY & set(done.stdout.split())


def test_command_line_help_loads_no_heavy_library():
    code = (
        "import sys, contextlib\n"
        "from xpyrment.cli import main\n"
        "sys.argv = ['xpyrment', '--help']\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = script(code)
    assert "Usage: xpyrment" in done.stdout
    assert not HEAVY & set(done.stderr.split())
