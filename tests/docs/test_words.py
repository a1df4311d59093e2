"""Words that are not used: dialect and metaphors for which the field has a plain term.

Add a folder to `FOLDERS` once its prose is free of them. ``python tests/docs/test_words.py`` lists every place in
the documentation and in all folders of code.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

INSTEAD = {
    r"strangers?('s?)?": "third-party plugin, third party",
    r"mend(s|ed|ing)?": "fix",
    r"sign of life": "progress bar",
    r"second[_ ]thoughts?": "second pass",
    r"doubts?": "unreliable, uncertain",
    r"nobody( asked| is| has)?": "no one, or say what happens",
    r"ledger": "exclusions",
    r"learnt": "known",
    r"at hand": "available, given",
    r"whatever": "any, regardless of",
    r"say(s)? yes or no": "return a bool",
    r"(less|more|next to) (than )?nothing": "negative, cheap",
    r"by (an)?other words?": "name it",
    r"(cannot|could not|can't) be (had|told)": "cannot be estimated, cannot be distinguished",
    r"(holds|hold|held) (its|their) word": "is valid",
    r"front door|same door|one door": "public API, same entry point",
    r"(hand|hands|handed) over": "pass, return",
}
"""Pattern of each word or phrase, and what to write."""

# A phrase may go on in the next line, behind the mark of a comment or of a quotation.
SPACE = re.compile(r" (?!\w*\])")
PATTERN = re.compile(r"\b(" + SPACE.sub(r"[\\s#>]+", "|".join(INSTEAD)) + r")\b", re.IGNORECASE)

# Folders of code whose docstrings, comments, messages and test names are held to the list.
FOLDERS: tuple[str, ...] = ("benchmarks", "plugins", "tests", "xpyrment", "xpyrment_core")
CODE = ("benchmarks", "plugins", "tests", "xpyrment", "xpyrment_core")

PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
# Generated from the code: held to the list there.
GENERATED = ("docs/reference/api.md", "docs/reference/cli.md")
BLOCK = re.compile(r"<!-- (\S+) -->\n.*?\n<!-- end -->", re.DOTALL)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def in_page(path: Path) -> list[str]:
    """Return the places in a page, without its generated tables and listings."""
    text = BLOCK.sub(lambda block: "\n" * block.group().count("\n"), path.read_text(encoding="utf-8"))
    return [f"{relative(path)}:{line}: {word}" for line, word in words(text)]


def in_code(path: Path) -> list[str]:
    """Return the places in the comments, strings and names of functions and classes of a module."""
    source = path.read_text(encoding="utf-8")
    pieces = [*prose(source), *names(source)]
    return [f"{relative(path)}:{start + line - 1}: {word}" for start, text in pieces for line, word in words(text)]


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield each comment and string of a module with its line."""
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in kinds:
            yield token.start[0], token.string


def names(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name.replace("_", " ")


def words(text: str) -> Iterator[tuple[int, str]]:
    """Yield each word or phrase of the list with its line in the text."""
    for match in PATTERN.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, " ".join(re.findall(r"[^\s#>]+", match[0]))


def files(folder: str) -> list[Path]:
    skipped = ("tests/oracles/", "tests/third_party/", "tests/docs/test_words.py")
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if not relative(path).startswith(skipped)]


@pytest.mark.parametrize("page", [page for page in PAGES if relative(page) not in GENERATED], ids=relative)
def test_pages_use_plain_terms(page):
    assert in_page(page) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_code_uses_plain_terms(folder):
    assert [place for path in files(folder) for place in in_code(path)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A stranger's plugin", ["stranger's"]),
        ("what cannot be\nhad", ["cannot be had"]),
        ("    # less than\n    # nothing", ["less than nothing"]),
        ("second_thoughts", ["second_thoughts"]),
        ("recommend a third-party plugin, without doubt", ["doubt"]),
        ("Stranger and Strangers", ["Stranger", "Strangers"]),
    ],
)
def test_the_pattern_finds_words_and_wrapped_phrases(text, found):
    assert [word for _, word in words(text)] == found


def test_comments_strings_and_names_are_searched():
    source = 'def test_a_stranger():\n    """Mend it."""\n    return f"a {1} ledger"  # no doubt\n'
    assert {word for _, text in [*prose(source), *names(source)] for _, word in words(text)} == {
        "stranger", "Mend", "ledger", "doubt",
    }  # fmt: skip


if __name__ == "__main__":
    places = [place for page in PAGES for place in in_page(page)]
    places += [place for folder in sys.argv[1:] or CODE for path in files(folder) for place in in_code(path)]
    print("\n".join(dict.fromkeys(places)))
