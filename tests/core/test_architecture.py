"""Imports point one way: the core leftwards, plugins to the core only, light modules to nothing heavy."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import script

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "xpyrment_core"
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())

# Each module of the core imports only modules to its left. A new module goes as far left as its imports let it.
ORDER = """
    errors options notices rates records roots progress moments results inference metrics reading labels tables
    pushdown database databasesource checks adjusting outcome definitions hookspecs discovery host contracts
    specs state experiment plan choices planner gather ledger compare correct rows diagnose plotrows plottext
    plotlayout plotdata analysis_result analysis testing files report metric_text plan_file cli_types
    cli_experiment cli_plan cli_show cli_analyze cli_plugins cli cli_completion cli_reference
""".split()  # noqa: SIM905 - forty lines of one word each would hide the order

# The one way back: `Experiment.run_analysis` is a shortcut for the function, imported when it is called.
LATE = {("experiment", "analysis")}

LIGHT = {"collections.abc", "typing", "__future__", "xpyrment_core.definitions", "xpyrment_core.hookspecs"}
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


def core_modules() -> list[str]:
    """Names of the core's modules, and of its packages."""
    return sorted({path.relative_to(CORE).parts[0].removesuffix(".py") for path in CORE.rglob("*.py")} - {"__init__"})


def files_of(name: str) -> list[Path]:
    module = CORE / f"{name}.py"
    return [module] if module.exists() else sorted((CORE / name).rglob("*.py"))


def test_every_core_module_has_its_place_in_the_order():
    assert core_modules() == sorted(ORDER), "put a new module of xpyrment_core into ORDER, and take a deleted one out"


@pytest.mark.parametrize("name", core_modules())
def test_core_modules_import_only_modules_to_their_left(name):
    imports = {module for path in files_of(name) for module in imports_of(path)}
    used = {module.split(".")[1] for module in imports if module.startswith("xpyrment_core.")} - {name}
    used -= {later for module, later in LATE if module == name}
    left = set(ORDER[: ORDER.index(name)]) if name in ORDER else set(ORDER)
    assert used <= left, f"{name} imports {sorted(used - left)}, which stand to its right"


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
