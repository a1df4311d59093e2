"""Escaping of names and labels, which come from data, for terminals, Markdown and CSV."""

import re
from typing import Any

# Control characters (C0, DEL, C1), marks and overrides of the direction of writing, separators of lines and paragraphs,
# zero-width characters, and halves of surrogate pairs, which no encoding can write.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def printable(text: str, one_line: bool = False) -> str:
    r"""Return a text in which nothing is left that a terminal would obey; what is replaced is visible.

    A label could otherwise clear the screen, rewrite the line above it, or reverse the order of letters.

    Parameters
    ----------
    text : str
    one_line : bool
        Also replace line breaks and tabs, as in a cell of a table.

    Examples
    --------
    >>> print(printable("a\x1b[2Jb\rc\u202ed"))
    a\x1b[2Jb\rc\u202ed
    >>> print(printable("a\nb", one_line=True))
    a\nb
    """
    shown = _UNPRINTABLE.sub(_visible, text)
    return shown.replace("\n", "\\n").replace("\t", "\\t") if one_line else shown


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    return "\\r" if code == 13 else f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def json_printable(document: str) -> str:
    r"""Return a JSON document with the same content in which nothing is left that a terminal would obey.

    Examples
    --------
    >>> json_printable('["a\u202eb"]')
    '["a\\u202eb"]'
    """
    # JSON has such characters in strings only, where an escape means the same.
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def markdown_text(text: str) -> str:
    r"""Return a text that Markdown shows letter by letter, on one line.

    Examples
    --------
    >>> print(markdown_text("<b>a|b</b>"))
    \<b>a\|b\</b>
    """
    # A line break would end a table row, and characters of Markdown or HTML in a name would be interpreted.
    flat = printable(" ".join(text.split()))
    # ">" has a meaning at the start of a line only, once "<" has none.
    return re.sub(r"([\\`*_\[\]<|#~]|^>)", r"\\\1", flat).replace("&", "&amp;")


def fenced(text: str) -> str:
    """Return lines as a block of code in Markdown, which they cannot end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{printable(text.rstrip())}\n{fence}"


def csv_value(value: Any) -> Any:
    """Return a value for a cell of CSV; a text that a spreadsheet would run as a formula gets a leading apostrophe.

    Examples
    --------
    >>> csv_value("=SUM(A1)"), csv_value("-5"), csv_value(-5.0)
    ("'=SUM(A1)", '-5', -5.0)
    """
    if not isinstance(value, str):
        return value
    guarded = value.startswith(_FORMULA) and not _is_number(value)
    return ("'" if guarded else "") + printable(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "\n" not in text and "\r" not in text
