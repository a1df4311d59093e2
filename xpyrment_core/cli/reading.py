"""Options of reading on the command line, shared by every command that takes data."""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from xpyrment_core.cli.parameters import CommaList
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.errors import InputError

READING = Group("Reading", sort_key=10)
"""Heading of these options in the help of a command."""


def _flag(help: str, **rest: Any) -> Parameter:  # noqa: A002
    return Parameter(help=help, group=READING, negative="", **rest)


@Parameter(name="*")
@dataclass(kw_only=True)
class ReadFlags:
    """How to read the data; what is not given is decided from the data (see analyze --dry-run)."""

    separator: Annotated[str | None, _flag("Separator of a CSV file: , ; tab or |.")] = None
    decimal_comma: Annotated[bool, _flag("Numbers written as text have a decimal comma.")] = False
    decimal_point: Annotated[bool, _flag("Numbers written as text have a decimal point.")] = False
    thousands: Annotated[Literal[",", ".", " ", "'"] | None, _flag("Separator of thousands.")] = None
    money: Annotated[bool, _flag("Read amounts with a currency as numbers.")] = False
    percent: Annotated[bool, _flag("Read 12 % as 0.12.")] = False
    success: Annotated[
        CommaList | None, _flag("Text that counts as 1: yes, or by column converted=yes.", metavar="VALUE")
    ] = None
    missing: Annotated[
        CommaList | None,
        _flag("Further words for a missing value.", metavar="WORD,…", allow_leading_hyphen=True),
    ] = None
    types: Annotated[
        CommaList | None, _flag("Types that are not to be inferred: zip=text,age=number.", metavar="COLUMN=TYPE,…")
    ] = None
    encoding: Annotated[str | None, _flag("Encoding of a text file, such as latin-1.")] = None
    quote: Annotated[str | None, _flag('Character around fields; " by default.')] = None
    skip_rows: Annotated[int | None, _flag("Lines above the line of column names.")] = None
    sheet: Annotated[str | None, _flag("Sheet of an Excel file.")] = None
    file_format: Annotated[
        Literal["csv", "tsv", "parquet", "arrow", "jsonl", "excel"] | None,
        _flag("Format of a file whose name does not tell it."),
    ] = None

    def typed(self) -> dict[str, Any]:
        """Return the parameters that were given, with their values."""
        return {
            field.name: value for field in fields(self) if (value := getattr(self, field.name)) not in (None, False)
        }

    def options(self) -> ReadOptions:
        """Return the options.

        Raises
        ------
        InputError
            Two of them contradict each other, or one has a value that it cannot have.
        """
        if self.decimal_comma and self.decimal_point:
            raise InputError("--decimal-comma and --decimal-point exclude each other; give one.")
        return ReadOptions(
            separator=self.separator,
            quote=self.quote,
            encoding=self.encoding,
            skip_rows=self.skip_rows,
            decimal="," if self.decimal_comma else "." if self.decimal_point else None,
            thousands=self.thousands,
            money=self.money,
            percent=self.percent,
            missing=self.missing or None,
            success_value=_success(self.success or []),
            types=_pairs("--types", self.types or []),
            sheet=self.sheet,
            file_format=self.file_format,
        )


def _success(parts: list[str]) -> str | dict[str, str] | None:
    if len(parts) == 1 and "=" not in parts[0]:
        return parts[0]
    return _pairs("--success", parts) or None


def _pairs(flag: str, parts: list[str]) -> dict[str, str]:
    pairs = {}
    for part in parts:
        # From the right: the name of a column may contain "=".
        column, equals, value = part.rpartition("=")
        if not (column and equals and value):
            raise InputError(f"{flag} {part!r} is not understood; write COLUMN=VALUE, several separated by commas.")
        pairs[column.strip()] = value.strip()
    return pairs
