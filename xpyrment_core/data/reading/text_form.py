"""Form of the values of a column of texts: numbers as written, true and false, success values, or plain text."""

import math
import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from attrs import frozen

from xpyrment_core.data.query import ColumnType
from xpyrment_core.data.reading.number_format import PLAIN, NumberFormat, plain_spaces
from xpyrment_core.data.reading.options import ReadOptions

COMMA_NUMBER = r"[-+]?\d*,\d+"
GROUPS_OF_THREE = r"[-+]?\d{1,3}(\.\d{3})+"
UNSURE_COMMA = r",\d{3}$"
"""Patterns for Python's and for Google's RE2 engine; three digits after a comma may be thousands."""


@frozen
class TextForm:
    """How the texts of one column are read.

    Attributes
    ----------
    kind : {"number", "boolean", "text"}
    form : NumberFormat
        Of a column of numbers.
    success, failure : str or None
        The text that is read as 1; the one that is read as 0, None for every other one.
    """

    kind: ColumnType = "text"
    form: NumberFormat = PLAIN
    success: str | None = None
    failure: str | None = None

    @property
    def described(self) -> str:
        """The form in words; ``"number"``, ``"boolean"`` and ``"text"`` where nothing was converted."""
        if self.success is not None:
            other = "every other value" if self.failure is None else repr(self.failure)
            return f"{self.success!r} is 1, {other} is 0"
        arguments = ", ".join(f"{name} {value!r}" for name, value in self.form.arguments.items())
        return f"{self.kind} ({arguments})" if arguments else str(self.kind)

    def parse(self, text: str) -> float:
        """Return the number that a text means; infinite where it means none, so that it is noticed."""
        text = text.strip()
        if self.success is not None:
            failed = self.failure is None or text == self.failure
            return 1.0 if text == self.success else 0.0 if failed else math.inf
        if self.kind == "boolean":
            return {"true": 1.0, "false": 0.0}.get(text.lower(), math.inf)
        number = self.form.parse(text)
        return math.inf if number is None else number


@frozen
class Profile:
    """What the texts of a column are: how many values of each kind it holds.

    Attributes
    ----------
    values : int
        Values that are not missing.
    numbers, booleans, given : int
        Plain numbers, true or false, and numbers of the form that was given.
    commas, sure : int
        Numbers with a comma as the decimal mark, and those that can be nothing else.
    whole : int
        Numbers of digits only.
    points, groups : int
        Values with a point, and of these those in which it may separate thousands.
    distinct, successes : int
        Distinct values, and those equal to the success value.
    least, greatest : str or None
        The first and the last value in order.
    """

    values: int
    numbers: int
    booleans: int
    given: int
    commas: int
    sure: int
    whole: int
    points: int
    groups: int
    distinct: int
    successes: int
    least: str | None
    greatest: str | None

    @classmethod
    def of(cls, texts: Iterable[str], options: ReadOptions) -> "Profile":
        """Return the profile of distinct texts.

        Examples
        --------
        >>> Profile.of(["1,5", "2"], ReadOptions()).commas
        1
        """
        seen = sorted({plain_spaces(text) for text in texts} - set(options.missing_words))
        given = options.number_format or PLAIN
        comma = [text for text in seen if re.fullmatch(COMMA_NUMBER, text)]
        return cls(
            values=len(seen),
            numbers=sum(PLAIN.parse(text) is not None for text in seen),
            booleans=sum(text.lower() in ("true", "false") for text in seen),
            given=sum(given.parse(text) is not None for text in seen),
            commas=len(comma),
            sure=sum(not re.search(UNSURE_COMMA, text) for text in comma),
            whole=sum(bool(re.fullmatch(r"[-+]?\d+", text)) for text in seen),
            points=sum("." in text for text in seen),
            groups=sum(bool(re.fullmatch(GROUPS_OF_THREE, text)) for text in seen),
            distinct=len(seen),
            successes=sum(text == options.shared_success for text in seen),
            least=seen[0] if seen else None,
            greatest=seen[-1] if seen else None,
        )

    @cached_property
    def is_decimal_comma(self) -> bool:
        """Whether all values may be numbers with a decimal comma, and some have one."""
        return self.commas > 0 and self.commas + self.whole == self.values


def infer_forms(profiles: Mapping[str, Profile], options: ReadOptions, *, untyped: bool) -> dict[str, TextForm]:
    """Return the form of every column of texts.

    Parameters
    ----------
    profiles : mapping of column to Profile
    options : ReadOptions
    untyped : bool
        Whether the data store texts only, so that numbers are to be expected among them.
    """
    comma = untyped and options.decimal is None and any(p.is_decimal_comma and p.sure for p in profiles.values())
    return {
        column: _said(column, options) or _inferred(profile, options, untyped, comma)
        for column, profile in profiles.items()
    }


def _said(column: str, options: ReadOptions) -> TextForm | None:
    """Return the form that was said for a column in particular."""
    success = options.success_of(column)
    if success is not None:
        return TextForm("number", success=success)
    kind = options.types.get(column)
    return None if kind is None else TextForm(kind, form=options.number_format or PLAIN)


def _inferred(profile: Profile, options: ReadOptions, untyped: bool, comma: bool) -> TextForm:
    if profile.values == 0:
        # There is no value to be wrong about; numbers are what a metric needs.
        return TextForm("number" if untyped else "text")
    if options.shared_success is not None and profile.successes and profile.distinct <= 2:
        others = (profile.least, profile.greatest)
        return TextForm(
            "number",
            success=options.shared_success,
            failure=next((text for text in others if text != options.shared_success), ""),
        )
    if options.number_format is not None and profile.given == profile.values:
        return TextForm("number", form=options.number_format)
    if not untyped and options.number_format is None and options.missing is None:
        return TextForm("text")
    if profile.booleans == profile.values:
        return TextForm("boolean")
    return _number(profile, comma)


def _number(profile: Profile, comma: bool) -> TextForm:
    if profile.numbers == profile.values:
        # 1.299 in a file of decimal commas is most likely a thousand and more.
        ambiguous = comma and profile.groups > 0 and profile.groups == profile.points
        return TextForm("text" if ambiguous else "number")
    if comma and profile.is_decimal_comma:
        return TextForm("number", form=NumberFormat(decimal=","))
    # Mostly numbers: the others are counted and named when the column is read.
    return TextForm("number" if profile.numbers > 0.5 * profile.values else "text")
