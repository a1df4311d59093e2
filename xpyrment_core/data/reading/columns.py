"""Checks of column names, and the description of a column whose values are not numbers."""

from collections import defaultdict
from collections.abc import Sequence

from attrs import frozen

from xpyrment_core.data.reading.number_format import NumberFormat, likely_formats
from xpyrment_core.errors import InputError

FEW = 3
"""Values quoted in a message."""

YES = ("yes", "y", "true", "t", "ja", "oui", "si", "sí", "sim", "on", "success", "converted")
NO = ("no", "n", "false", "f", "nein", "non", "não", "off", "failure", "not converted")


@frozen
class TextValues:
    """Values of a column that are not numbers.

    Attributes
    ----------
    rows : int
        Rows with such a value.
    observed : int
        Rows with any value.
    distinct : int
    examples : tuple of str
        The most frequent ones, at most a few hundred.
    """

    rows: int
    observed: int
    distinct: int
    examples: tuple[str, ...]


def check_names(names: Sequence[str], named: str) -> None:
    """Raise InputError where two columns have one name, or names that differ in case only.

    Examples
    --------
    >>> check_names(["y", "revenue", "revenue"], "'d.csv'")
    Traceback (most recent call last):
    xpyrment_core.errors.InputError: 'd.csv' has 2 columns called 'revenue' (the 2nd and 3rd); rename all but one.
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names, start=1):
        places[str(name).casefold()].append(place)
    for found in places.values():
        if len(found) < 2:
            continue
        alike = list(dict.fromkeys(names[place - 1] for place in found))
        where = " and ".join(f"{place}{_ordinal(place)}" for place in found)
        if len(alike) == 1:
            raise InputError(f"{named} has {len(found)} columns called {alike[0]!r} (the {where}); rename all but one.")
        raise InputError(
            f"{named} has columns whose names differ in upper and lower case only: "
            f"{' and '.join(map(repr, alike))} (the {where}); rename one."
        )


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def not_numbers(column: str, values: TextValues) -> str:
    """Say which values of a column are not numbers, what they look like, and how to read them.

    Examples
    --------
    >>> print(not_numbers("revenue", TextValues(60, 60, 2, ("10,5", "11,5"))))
    column 'revenue' does not hold numbers: '10,5' and '11,5' (60 rows). They look like numbers with a decimal comma:
    read with decimal="," (--decimal-comma)
    """
    seen = [repr(example) for example in values.examples[:FEW]]
    more = f" … ({values.distinct:,} values)" if values.distinct > len(seen) else ""
    listed = " and ".join(seen) if len(seen) <= 2 and not more else ", ".join(seen)
    rows = f"{values.rows:,} row{'s' if values.rows > 1 else ''}"
    if values.rows < values.observed:
        text = f"column {column!r} holds {listed}{more} beside numbers ({rows} of {values.observed:,})"
    else:
        text = f"column {column!r} does not hold numbers: {listed}{more} ({rows})"
    return f"{text}. {_advice(column, values)}"


def _advice(column: str, values: TextValues) -> str:
    forms = likely_formats(values.examples)
    if forms:
        ways = " or ".join(f"{_kind(form)}: read with {_python(form)} ({_flags(form)})" for form in forms)
        return f"They look like numbers {ways}"
    if values.distinct <= 2 and (success := _success(values.examples)):
        return f'If {success!r} means success, read with success_value="{success}" (--success {success})'
    if values.rows <= values.observed / 2:
        word = values.examples[0]
        return f"If they stand for missing values, read with missing={list(values.examples[:FEW])!r} (--missing={word})"
    return f"If one of them means success, read with success_value={{{column!r}: …}} (--success {column}=…)"


def _success(examples: Sequence[str]) -> str | None:
    """Return the value that means success among two that are known, or of any two the first."""
    known = [text for text in examples if text.strip().casefold() in YES]
    other = [text for text in examples if text.strip().casefold() in NO]
    return known[0] if known and len(known) + len(other) == len(examples) else None


def _kind(form: NumberFormat) -> str:
    words = [
        *(["a decimal comma"] if form.decimal == "," else []),
        *([f"{form.thousands!r} between thousands"] if form.thousands else []),
        *(["a currency"] if form.money else []),
        *(["a per cent sign"] if form.percent else []),
    ]
    return "with " + " and ".join(words) if words else "written as text"


def _python(form: NumberFormat) -> str:
    arguments = form.arguments or {"decimal": "."}
    return ", ".join(
        f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}" for name, value in arguments.items()
    )


def _flags(form: NumberFormat) -> str:
    flags = {"decimal": "--decimal-comma", "money": "--money", "percent": "--percent"}
    words = [f'--thousands "{value}"' if name == "thousands" else flags[name] for name, value in form.arguments.items()]
    return " ".join(words) or "--decimal-point"


def check_category(column: str, values: TextValues | None) -> None:
    """Raise InputError where the values of a text column are numbers in a written form, such as amounts of money.

    Plain numbers stored as text may be codes, and stay categories.
    """
    forms = [] if values is None else likely_formats(values.examples)
    if values is not None and forms and forms[0].arguments:
        raise InputError(
            f"{not_numbers(column, values)}; types={{{column!r}: 'text'}} (--types {column}=text) keeps it a category."
        )
