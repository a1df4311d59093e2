"""Every terminal example of the documentation prints what its page shows."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from terminal import ROOT, examples, pages, run, workplace


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", pages(), ids=name)
def test_terminal_examples_print_what_the_page_shows(page, tmp_path):
    folder = workplace(tmp_path / "work")
    for command, shown in examples(page.read_text(encoding="utf-8")):
        printed = run(command, folder)
        assert blind(printed) == blind(shown), f"{name(page)}: $ {command}"


def blind(text: str) -> str:
    """Return a text without what differs from one run to the next: the hour of a registration."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+(\+00:00)?", "<time>", text)


def test_examples_are_found_with_and_without_continued_lines():
    page = "```console\n$ echo a \\\n    b\na b\n$ true\n$ echo c\nc\n```\n"
    assert list(examples(page)) == [("echo a \\\n    b", "a b"), ("true", ""), ("echo c", "c")]
