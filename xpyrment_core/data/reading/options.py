"""Options of reading: dialect of a file, forms of numbers, words for missing and types of columns."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

from attrs import asdict, field, fields, frozen

from xpyrment_core.data.reading.number_format import NumberFormat
from xpyrment_core.errors import InputError, listing, unknown

ColumnForm = Literal["number", "text", "boolean"]
FORMS = ("number", "text", "boolean")

FORMATS = ("csv", "tsv", "parquet", "arrow", "jsonl", "excel")
"""Kinds of files, as `ReadOptions.file_format` names them."""

MISSING_WORDS = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "\\N",
)  # fmt: skip
"""Texts that mean a missing value in outcomes and covariates: the list of pandas, and the ``\\N`` of SQL exports."""

SEPARATOR_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}


def _character(what: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and len(value) == 1 and value not in "\r\n"):
        return value
    raise InputError(f"{what} must be one character, got {value!r}; for example {what}=';'.")


def _separator(value: Any) -> str | None:
    return _character("separator", SEPARATOR_NAMES.get(str(value).casefold(), value) if value is not None else None)


def _quote(value: Any) -> str | None:
    return _character("quote", value)


def _decimal(value: Any) -> str | None:
    if value in (None, ".", ","):
        return cast("str | None", value)
    raise InputError(f"decimal must be '.' or ',', got {value!r}.")


def _thousands(value: Any) -> str | None:
    if value in (None, ",", ".", " ", "'"):
        return cast("str | None", value)
    raise InputError(f"thousands must be one of ',', '.', ' ' and \"'\", got {value!r}.")


def _money(value: Any) -> bool:
    return _yes_or_no("money", value)


def _percent(value: Any) -> bool:
    return _yes_or_no("percent", value)


def _yes_or_no(what: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise InputError(f"{what} must be true or false, got {value!r}.")


def _encoding(value: Any) -> str | None:
    import codecs

    if value is None:
        return None
    try:
        return codecs.lookup(value).name
    except (LookupError, TypeError) as error:
        raise InputError(f"encoding {value!r} is not known; usual ones are 'utf-8', 'utf-16' and 'latin-1'.") from error


def _skip_rows(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise InputError(f"skip_rows must be a whole number of lines, 0 or more, got {value!r}.")


def _words(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    words = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else None
    if words is None or not all(isinstance(word, str) for word in words):
        raise InputError(f"missing must be a text or a list of texts that mean a missing value, got {value!r}.")
    return words


def _success(value: Any) -> Any:
    values = list(value.values()) if isinstance(value, Mapping) else [value]
    for one in values:
        if one is not None and not isinstance(one, str):
            raise InputError(
                f"success_value must be a text of the data, or a mapping of column to text, got {one!r}; "
                f"for example success_value='yes' or {{'converted': 'yes'}}."
            )
    return dict(value) if isinstance(value, Mapping) else value


def _types(value: Any) -> Mapping[str, ColumnForm]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"types must map columns to {listing(FORMS)}, got {value!r}.")
    for form in value.values():
        if form not in FORMS:
            raise unknown("type of a column", form, FORMS)
    return dict(value)


def _file_format(value: Any) -> str | None:
    if value is not None and value not in FORMATS:
        raise unknown("file_format", value, FORMATS)
    return cast("str | None", value)


def _sheet(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise InputError(f"sheet must be the name of a sheet, got {value!r}.")


@frozen(kw_only=True)
class ReadOptions:
    r"""How to read data; what is not given is decided from the data, and reported.

    Attributes
    ----------
    separator : str, optional
        Character between the fields of a CSV file; also ``"tab"``.
    quote : str, optional
        Character around fields; ``"`` by default.
    encoding : str, optional
        Encoding of a text file, by Python's name of it.
    skip_rows : int, optional
        Lines above the line of column names.
    decimal : {".", ","}, optional
        Decimal mark of numbers written as text.
    thousands : {",", ".", " ", "'"}, optional
        Separator of thousands.
    money : bool
        Read amounts with a currency, ``$1,234.50`` (with ``thousands=","``) or ``(5 EUR)``, as numbers.
    percent : bool
        Read ``12 %`` as 0.12.
    missing : str or sequence of str, optional
        Words that mean a missing value in outcomes and covariates, besides the usual ones; ids and
        labels of variants are never replaced.
    success_value : str or mapping of column to str, optional
        The text that counts as 1: given as a text, columns of at most two values, one of them this one,
        are read as 1 and 0; given for a column, every other value of it is 0.
    types : mapping of column to {"number", "text", "boolean"}, optional
        Types of columns that are not to be inferred.
    sheet : str, optional
        Sheet of an Excel file; the first one by default.
    file_format : {"csv", "tsv", "parquet", "arrow", "jsonl", "excel"}, optional
        Format of a file whose name does not tell it.

    Raises
    ------
    InputError
        An option is unknown or has a value that it cannot have.

    Examples
    --------
    >>> ReadOptions(decimal=",", separator="tab").given()
    {'separator': '\t', 'decimal': ','}
    """

    separator: str | None = field(default=None, converter=_separator)
    quote: str | None = field(default=None, converter=_quote)
    encoding: str | None = field(default=None, converter=_encoding)
    skip_rows: int | None = field(default=None, converter=_skip_rows)
    decimal: str | None = field(default=None, converter=_decimal)
    thousands: str | None = field(default=None, converter=_thousands)
    money: bool = field(default=False, converter=_money)
    percent: bool = field(default=False, converter=_percent)
    missing: tuple[str, ...] | None = field(default=None, converter=_words)
    success_value: Any = field(default=None, converter=_success)
    types: Mapping[str, ColumnForm] = field(default=None, converter=_types)
    sheet: str | None = field(default=None, converter=_sheet)
    file_format: str | None = field(default=None, converter=_file_format)

    def __attrs_post_init__(self) -> None:
        if self.decimal is not None and self.decimal == self.thousands:
            raise InputError(f"decimal and thousands cannot both be {self.decimal!r}.")
        if self.decimal is None and self.thousands == ".":
            raise InputError("thousands='.' needs decimal=','.")

    @classmethod
    def of(cls, options: "ReadOptions | Mapping[str, Any] | None") -> "ReadOptions":
        """Return the options from an object or a mapping of their names; None for the defaults.

        Raises
        ------
        InputError
            A name is unknown, or a value unusable.
        """
        if isinstance(options, ReadOptions):
            return options
        if options is not None and not isinstance(options, Mapping):
            raise InputError(f"read must be ReadOptions or a mapping of their names, got {options!r}.")
        names = [attribute.name for attribute in fields(cls)]
        for name in options or {}:
            if name not in names:
                raise unknown("option of reading", name, names)
        return cls(**(options or {}))

    def given(self) -> dict[str, Any]:
        """Return the options that differ from their defaults."""
        default = asdict(ReadOptions())
        return {name: value for name, value in asdict(self).items() if value != default[name]}

    @property
    def number_format(self) -> NumberFormat | None:
        """The form of numbers that was given; None to infer it."""
        if self.decimal is None and self.thousands is None and not (self.money or self.percent):
            return None
        return NumberFormat(self.decimal or ".", self.thousands, self.money, self.percent)

    @property
    def missing_words(self) -> tuple[str, ...]:
        """All words for a missing value."""
        return (*MISSING_WORDS, *(word for word in self.missing or () if word not in MISSING_WORDS))

    def success_of(self, column: str) -> str | None:
        """Return the success value that was given for this column in particular."""
        return self.success_value.get(column) if isinstance(self.success_value, Mapping) else None

    @property
    def shared_success(self) -> str | None:
        """The success value of all columns of two values."""
        return None if isinstance(self.success_value, Mapping) else self.success_value

    @property
    def reads_text(self) -> bool:
        """Whether text columns of typed data (Parquet, frames) are to be converted."""
        return bool(self.number_format or self.success_value or self.types or self.missing)
