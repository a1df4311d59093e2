"""Parameter types that several commands share."""

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter


def _commas(type_: Any, tokens: Sequence[Any]) -> list[str]:
    return [part.strip() for token in tokens for part in token.value.split(",") if part.strip()]


CommaList = Annotated[list[str], Parameter(converter=_commas, n_tokens=1, negative="", metavar="A,B,C")]
"""``--x-cols a,b --x-cols c`` is ``["a", "b", "c"]``; spaces after the commas are allowed."""

STDIN = "stdin:"
"""What the program makes of a lone ``-`` before parsing, which would take it for an option."""


def _path(type_: Any, tokens: Sequence[Any]) -> str:
    return "-" if tokens[0].value == STDIN else str(tokens[0].value)


DataPath = Annotated[
    str,
    Parameter(help="CSV or Parquet file, a glob of them, or - for CSV on standard input.", converter=_path, n_tokens=1),
]
"""Where a command's data come from; a positional parameter."""


def spell_stdin(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with a positional ``-`` spelled as `STDIN`.

    Examples
    --------
    >>> spell_stdin(["analyze", "-", "--csv", "-"])
    ['analyze', 'stdin:', '--csv', '-']
    """
    before = ["", *words]
    return [
        STDIN if word == "-" and not previous.startswith("--") else word
        for previous, word in zip(before, words, strict=False)
    ]
