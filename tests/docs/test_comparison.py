"""The comparison with other libraries: README and page state the same numbers, and xpyrment's programs run."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import comparison  # noqa: E402

PAGE = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(section: str) -> dict[str, str]:
    """Return the last column of the first table of a section by the first column."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")][2:]
    return {row[0].strip(): row[-1].strip() for row in rows}


def test_readme_and_page_state_the_same_coverage():
    (row,) = [line for line in README.splitlines() if line.startswith("| its coverage at 95 %")]
    ours, tea_tasting, spotify, gbstats = [cell.strip() for cell in row.strip("|").split("|")][1:5]
    page = table("A relative effect with few control units")
    assert page['xpyrment, `relative_interval="fieller"` (default)'] == ours
    assert page["tea-tasting, `Mean`"] == tea_tasting
    assert page["spotify-confidence, `difference(absolute=False)`"] == spotify
    assert page['gbstats, `difference_type="relative"`'] == gbstats


def test_the_page_of_relative_intervals_rounds_the_coverage_of_the_page():
    page = table("A relative effect with few control units")["spotify-confidence, `difference(absolute=False)`"]
    text = " ".join((ROOT / "docs" / "methods" / "relative-intervals.md").read_text(encoding="utf-8").split())
    assert f"its coverage is {round(float(page.split()[0]))} %" in text


ENDS = {"fieller": '"fieller"` (default)', "delta": '"delta"`', "log": '"log"`'}
"""How the row of each method of xpyrment ends."""


@pytest.mark.parametrize("name", ENDS)
def test_disagreements_of_xpyrment_are_those_of_the_program(name):
    replicates = 40
    count = comparison.disagreements(comparison.RELATIVE[f"xpyrment {name}"], replicates)
    (shown,) = [int(value) for key, value in table("One p-value, two intervals").items() if key.endswith(ENDS[name])]
    # 40 of the 300 experiments of the page: the count is a part of the page's.
    assert count <= shown
    assert (count == 0) == (shown == 0)


def test_every_library_gets_the_same_experiments():
    first, second = (list(comparison.few_control_units(2)) for _ in range(2))
    for (a, b), (c, d) in zip(first, second, strict=True):
        assert (a == c).all()
        assert (b == d).all()
        assert (len(a), len(b)) == (100, 2000)


def test_the_versions_of_the_page_are_those_of_the_readme():
    names = ("tea-tasting", "spotify-confidence", "gbstats", "cluster-experiments", "statsmodels")
    for name in names:
        (version,) = set(re.findall(rf"{name} (\d+\.\d+\.\d+)", PAGE + README))
        assert version
