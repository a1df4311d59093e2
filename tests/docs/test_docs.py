"""The documentation is complete and up to date: every name has its place, and what is shown of the code is the code."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from attrs import fields
from numpy.typing import ArrayLike, NDArray

sys.path.insert(0, str(Path(__file__).parent))
import api
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


def test_the_command_line_reference_is_up_to_date():
    page = text_of(DOCS / "reference" / "cli.md")
    assert words(page) == words(reference()), "python -m xpyrment_core.cli.reference > docs/reference/cli.md"


def words(text: str) -> str:
    """Return a text without the lines drawn around it, which belong to the library that draws them."""
    return re.sub(r"[\s│─╭╮╰╯]+", " ", text)


def test_the_python_api_reference_is_up_to_date():
    assert text_of(DOCS / "reference" / "api.md") == api.reference(), "python tests/docs/api.py > docs/reference/api.md"


@pytest.mark.parametrize(("face", "name"), [(face.__name__, name) for face, _ in api.FACES for name in face.__all__])
def test_every_public_name_has_a_heading_in_the_python_api_reference(face, name):
    assert f"\n### `{name}`\n" in text_of(DOCS / "reference" / "api.md")


def test_signatures_are_written_without_modules_and_with_a_star_before_keywords():
    def function(self, first: "int", *, last: Path | None = None) -> list[Path]: ...

    assert api.signature("function", function) == "function(first: int, *, last: Path | None = None) -> list[Path]"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ArrayLike, "ArrayLike"),
        (ArrayLike | None, "ArrayLike | None"),
        (NDArray[np.float64], "NDArray[float64]"),
        ("Iterator['Path']", "Iterator[Path]"),
        (Literal["a"], "Literal['a']"),
    ],
)
def test_types_are_written_alike_for_every_version_of_numpy(kind, text):
    assert api.annotation(kind) == text


def test_sections_of_a_docstring_become_lists_and_fenced_examples():
    def function():
        """Add ``x``.

        Parameters
        ----------
        x : int
            A number,
            any.

        Examples
        --------
        >>> 1 + 1
        2
        """

    assert list(api.rendered(function)) == [
        "Add `x`.", "**Parameters**", "- `x` (int): A number, any.", "**Examples**", "```pycon\n>>> 1 + 1\n2\n\n```",
    ]  # fmt: skip


TERMS = (
    "Unit", "Cluster", "Variant", "Control", "Treatment", "Metric", "Covariate", "Role", "Guardrail", "Look", "State",
    "Estimand", "Estimate", "Moments", "Effect", "Lift", "Standard error", "Interval", "p-value", "Alpha", "Power",
    "MDE", "Non-inferiority margin", "Verdict", "Not estimable", "Adjuster", "Correction", "Family", "Engine", "Source",
    "Pass", "Exclusions", "Check", "Sample ratio mismatch", "Balance", "Plugin", "Third-party plugin", "Definition",
    "Hook", "Gate", "Observer", "Plugin host", "Provenance", "Exporter", "Plot backend",
)  # fmt: skip


def test_the_glossary_explains_every_term_in_at_most_three_sentences():
    entries = re.split(r"^### ", text_of(DOCS / "reference" / "glossary.md"), flags=re.MULTILINE)[1:]
    explained = {entry.split("\n", 1)[0]: re.split(r"^## ", entry, flags=re.MULTILINE)[0] for entry in entries}
    assert set(TERMS) - set(explained) == set()
    assert [term for term, entry in explained.items() if len(re.findall(r"\.\s", entry)) not in (1, 2, 3)] == []


def test_the_index_links_to_every_page_of_the_reference():
    index = text_of(DOCS / "index.md")
    assert [page.name for page in (DOCS / "reference").glob("*.md") if f"(reference/{page.name})" not in index] == []


def test_every_file_that_contributing_says_to_open_exists():
    table = text_of(ROOT / "CONTRIBUTING.md").split("<!-- where -->")[1].split("<!-- end -->")[0]
    paths = re.findall(r"`((?:xpyrment|plugins|docs|tests)[\w./]*/[\w./]+)`", table)
    assert len(paths) > 30
    assert [path for path in paths if not (ROOT / path).exists()] == []


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
def test_generated_parts_of_pages_are_up_to_date(page):
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
def test_links_lead_to_a_file(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(page)):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{relative(page)}: {target}"


@pytest.mark.parametrize("page", EVERY_PAGE, ids=relative)
def test_links_to_headings_lead_to_a_heading(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", text_of(page)):
        if "://" not in target:
            headings = re.findall(r"^#+ (.*)$", text_of(page.parent / target if target else page), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{relative(page)}: {target}#{anchor}"


@pytest.mark.parametrize("page", EVERY_PAGE, ids=relative)
def test_pages_contain_no_local_paths(page):
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
