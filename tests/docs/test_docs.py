"""The documentation is complete and up to date: every name has its place, and what is shown of the code is the code."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from attrs import fields

sys.path.insert(0, str(Path(__file__).parent))
from house import PAGES, listings, renewed
from terminal import ROOT

from xpyrment_core.cli.reference import commands, reference
from xpyrment_core.experiment.file import EXPERIMENT_KEYS, METRIC_KEYS
from xpyrment_core.options import OPTIONS
from xpyrment_core.registry.host import HOOKS, default_host
from xpyrment_core.values.metric_result import MetricResult

DOCS = ROOT / "docs"
PARTS = ("Question", "Estimand", "Formula", "Assumptions", "When not to use it", "Reference", "Example")
METHODS = sorted(path for path in (DOCS / "methods").glob("*.md") if path.name != "index.md")
EVERY_PAGE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(*paths: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


@pytest.mark.parametrize("page", METHODS, ids=relative)
def test_every_method_page_has_all_its_parts_in_order(page):
    headings = re.findall(r"^## (.*)$", text_of(page), re.MULTILINE)
    assert [name for name in headings if name in PARTS] == list(PARTS)
    assert ">>> " in text_of(page)


@pytest.mark.parametrize("kind", ["metric", "test", "adjuster", "correction", "diagnostic"])
def test_every_method_of_the_registry_is_in_the_heading_of_a_method_page(kind):
    titles = " ".join(text_of(page).split("\n", 1)[0] for page in METHODS)
    names = {entry.definition.name for entry in default_host().all(kind) if entry.builtin}
    assert {name for name in names if f"`{name}`" not in titles} == set()


@pytest.mark.parametrize("page", METHODS, ids=relative)
def test_every_method_page_is_linked_from_the_index(page):
    assert f"({page.name})" in text_of(DOCS / "methods" / "index.md")


@pytest.mark.parametrize("kind", ["engine", "plot_backend", "exporter"])
def test_every_engine_backend_and_report_format_is_mentioned(kind):
    names = {entry.definition.name for entry in default_host().all(kind) if entry.builtin}
    text = text_of(*(DOCS / "how-to").glob("*.md"), DOCS / "reference" / "results.md")
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_has_a_heading_in_the_plugin_guide(hook):
    assert re.search(rf"^#+ `{hook}`", text_of(DOCS / "plugins.md"), re.MULTILINE)


def test_the_command_line_reference_is_what_the_program_says():
    page = text_of(DOCS / "reference" / "cli.md")
    assert words(page) == words(reference()), "python -m xpyrment_core.cli.reference > docs/reference/cli.md"


def words(text: str) -> str:
    """Return a text without the lines drawn around it, which belong to the library that draws them."""
    return re.sub(r"[\s│─╭╮╰╯]+", " ", text)


@pytest.mark.parametrize("name", [command.name for command in commands(default_host())])
def test_every_command_has_a_heading_in_the_reference(name):
    assert f"\n### xpyrment {name}\n" in text_of(DOCS / "reference" / "cli.md")


@pytest.mark.parametrize("key", [attribute.name for attribute in fields(MetricResult)])
def test_every_key_of_a_result_is_explained(key):
    assert f"`{key}`" in text_of(DOCS / "reference" / "results.md")


@pytest.mark.parametrize("key", sorted({*EXPERIMENT_KEYS, *METRIC_KEYS}))
def test_every_key_of_an_experiment_file_is_explained(key):
    assert f"`{key}`" in text_of(DOCS / "how-to" / "experiment-files.md")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_pages_show_the_code_there_is(page):
    text = text_of(page)
    assert text == renewed(text), "python tests/docs/house.py"


@pytest.mark.parametrize("name", [option.python_name for option in OPTIONS])
def test_every_option_of_an_analysis_is_in_the_reference(name):
    text = text_of(DOCS / "reference" / "options.md")
    assert len(re.findall(rf"^\| `{name}` \|", text, re.MULTILINE)) == 2, "the table of options, and that of values"


@pytest.mark.parametrize("path", listings())
def test_the_plugin_guide_shows_every_file_of_the_plugin_that_is_installed_and_tested(path):
    assert f"<!-- {path} -->" in text_of(DOCS / "plugins.md")


@pytest.mark.parametrize("page", EVERY_PAGE, ids=relative)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(page)):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{relative(page)}: {target}"


@pytest.mark.parametrize("page", EVERY_PAGE, ids=relative)
def test_pages_name_no_place_of_the_machine_they_were_written_on(page):
    assert not re.search(r"/(tmp|work|home|root|Users)/", text_of(page))


def test_the_readme_and_ci_install_and_test_by_the_same_commands():
    readme, ci = text_of(ROOT / "README.md"), text_of(ROOT / ".ci" / "run")
    (tests,) = re.findall(r"-m pytest -n \d+ --dist \w+", ci)
    for command in ('pip install --upgrade "pip>=25.1"', "--group dev", tests):
        assert command in readme
        assert command in ci.replace("--quiet ", "")


def test_the_changelog_has_an_entry_for_this_version():
    version = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["version"]
    assert f"\n## {version}" in text_of(ROOT / "CHANGELOG.md")
