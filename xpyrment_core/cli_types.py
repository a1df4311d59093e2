"""Parameter types that several commands share."""

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter


def _commas(type_: Any, tokens: Sequence[Any]) -> list[str]:
    return [part.strip() for token in tokens for part in token.value.split(",") if part.strip()]


CommaList = Annotated[list[str], Parameter(converter=_commas, n_tokens=1, negative="", metavar="A,B,C")]
"""``--x-cols a,b --x-cols c`` is ``["a", "b", "c"]``; spaces after the commas are allowed."""

DataPath = Annotated[
    str,
    Parameter(help="CSV or Parquet file, a glob of them, or - for CSV on standard input.", allow_leading_hyphen=True),
]
"""Where a command's data come from."""
