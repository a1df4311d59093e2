"""Parameter types that several commands share."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

from cyclopts import Parameter


def _commas(type_: Any, tokens: Sequence[Any]) -> list[str]:
    # As in a line of CSV: quotes keep a comma within a name.
    lines = csv.reader([token.value for token in tokens], skipinitialspace=True)
    return [part.strip() for line in lines for part in line if part.strip()]


CommaList = Annotated[list[str], Parameter(converter=_commas, n_tokens=1, negative="", metavar="A,B,C")]
"""``--x-cols a,b --x-cols c`` is ``["a", "b", "c"]``; spaces after the commas are allowed, and quotes keep a comma."""


def flag(name: str, help: str | None = None) -> Parameter:  # noqa: A002
    """Return the parameter of an option of the analysis: spellings, help and shown default from the table.

    The function's own default must be None, which means "not given": a default that equals
    a value on the command line cannot be distinguished from it.

    Examples
    --------
    >>> flag("alpha").name
    ('--alpha',)
    """
    from xpyrment_core.options import OPTION  # help of all commands does not need the table

    option = OPTION[name]
    shown = option.shown_default
    return Parameter(
        name=list(option.flags), help=help or option.help, show_default=(lambda _: shown) if shown else None
    )


class Setting(NamedTuple):
    """The default of an option that was set outside of the command line.

    Attributes
    ----------
    source : str
        The path of ``xpyrment.toml``, or ``env``.
    value : str
        As it was written.
    """

    source: str
    value: str


_FROM_SETTINGS: ContextVar[Mapping[str, Setting]] = ContextVar("from_settings", default=MappingProxyType({}))


@contextmanager
def remembered_settings() -> Iterator[None]:
    """Forget at the end which parameters a setting gave."""
    token = _FROM_SETTINGS.set({})
    try:
        yield
    finally:
        _FROM_SETTINGS.reset(token)


def remember_settings(settings: Mapping[str, Setting]) -> None:
    """Note which parameters of the command have their value from the environment or ``xpyrment.toml``."""
    _FROM_SETTINGS.set(dict(settings))


def forget_settings(parameters: Iterable[str]) -> None:
    """Note that the command does not use the settings of these parameters."""
    overruled = set(parameters)
    remember_settings({name: setting for name, setting in from_settings().items() if name not in overruled})


def from_settings() -> Mapping[str, Setting]:
    """Return the parameters whose values were not typed, each with its setting."""
    return _FROM_SETTINGS.get()


def recorded_settings() -> dict[str, str]:
    """Return the source of each such parameter, to be stored with a result."""
    return {name: setting.source for name, setting in from_settings().items()}


STDIN = "stdin:"
"""What the program makes of a lone ``-`` before parsing, which would take it for an option."""


def _path(type_: Any, tokens: Sequence[Any]) -> str:
    return "-" if tokens[0].value == STDIN else str(tokens[0].value)


DataPath = Annotated[
    str,
    Parameter(
        help="Data: CSV, TSV, JSON lines, Parquet, Arrow or Excel files, a glob, or - for standard input.",
        converter=_path,
        n_tokens=1,
    ),
]
"""Where a command's data come from; a positional parameter."""


CsvPath = Annotated[
    str,
    Parameter(
        help="Data file (CSV, TSV, JSON lines, Parquet, Arrow, Excel) or a glob; - reads standard input.",
        allow_leading_hyphen=True,
    ),
]
"""The same as an option."""


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
