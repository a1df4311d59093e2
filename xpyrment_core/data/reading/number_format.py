"""Forms of numbers written as text: decimal mark, thousands, currency, per cent."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import product

from attrs import frozen

CURRENCY = r"(?:(?:[A-Z]{1,3})?[$€£¥₹₩₽₺₴₫฿₪₦₱¢]|[A-Z]{3}|kr\.?|zł|Kč|Ft|lei|Fr\.?)"
"""Symbols and codes of currencies; a pattern for Python's and for Google's RE2 engine."""

SPACES = "\u00a0\u202f\u2009"
"""Spaces besides the ordinary one that separate thousands: no-break, narrow no-break and thin space."""

Step = tuple[str, str]
"""A pattern and its replacement."""


@frozen
class NumberFormat:
    """A form of numbers.

    Attributes
    ----------
    decimal : {".", ","}
    thousands : {",", ".", " ", "'"} or None
    money : bool
        A currency may stand before or after the number, and parentheses mean a negative amount.
    percent : bool
        A per cent sign may follow; the number is then divided by 100.

    Examples
    --------
    >>> NumberFormat(",", ".").parse("1.299,99"), NumberFormat(".", ",", money=True).parse("-$1,234.50")
    (1299.99, -1234.5)
    >>> NumberFormat(percent=True).parse("12 %"), NumberFormat().parse("12 %")
    (0.12, None)
    """

    decimal: str = "."
    thousands: str | None = None
    money: bool = False
    percent: bool = False

    @cached_property
    def pattern(self) -> str:
        """Pattern of a whole trimmed text that is a number of this form."""
        digits = r"\d+"
        if self.thousands:
            mark = "[ '’]" if self.thousands in " '" else re.escape(self.thousands)
            digits = rf"(?:\d{{1,3}}(?:{mark}\d{{3}})+|\d+)"
        mark = re.escape(self.decimal)
        number = rf"(?:{digits}(?:{mark}\d*)?|{mark}\d+)(?:[eE][-+]?\d+)?"
        if not self.money:
            return rf"[-+−]?\s*{number}" + (r"\s*%?" if self.percent else "")
        amount = rf"[-+−]?\s*(?:{CURRENCY})?\s*[-+−]?\s*{number}\s*(?:{CURRENCY})?"
        return rf"(?:{amount}|\({amount}\))" + (r"\s*%?" if self.percent else "")

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Replacements that turn a text of the pattern into a number as programming languages write it."""
        steps: list[Step] = []
        if self.money:
            steps += [(r"^\((.*)\)$", r"-\1"), (CURRENCY, "")]
        # The exponent's letter is not a currency: a code has three letters.
        steps += [("−", "-"), (r"[%\s]", "")]
        if self.thousands:
            steps.append((r"['’]" if self.thousands in " '" else re.escape(self.thousands), ""))
        if self.decimal == ",":
            steps.append((",", "."))
        return tuple(steps)

    def parse(self, text: str) -> float | None:
        """Return the number, None where the text is not of this form."""
        text = plain_spaces(text)
        if not re.fullmatch(self.pattern, text):
            return None
        per_cent = self.percent and text.endswith("%")
        for pattern, replacement in self.steps:
            text = re.sub(pattern, replacement, text)
        try:
            return float(text) / 100 if per_cent else float(text)
        except ValueError:  # two signs: "-$-5"
            return None

    def share(self, texts: Sequence[str]) -> float:
        """Return the share of the texts that are numbers of this form; 0 of none."""
        return sum(self.parse(text) is not None for text in texts) / max(len(texts), 1)

    @property
    def arguments(self) -> dict[str, str | bool]:
        """The options of reading that give this form."""
        given = {"decimal": self.decimal == ",", "thousands": self.thousands, "money": self.money}
        out = {name: getattr(self, name) for name, value in given.items() if value}
        return out | ({"percent": True} if self.percent else {})


PLAIN = NumberFormat()


def plain_spaces(text: str) -> str:
    """Return the text trimmed, with every kind of space as the ordinary one."""
    return text.translate(dict.fromkeys(map(ord, SPACES), " ")).strip()


def candidates() -> list[NumberFormat]:
    """Return the forms that occur in practice, the simplest first."""
    forms = [
        NumberFormat(decimal, thousands, money, percent)
        for decimal, thousands, money, percent in product(
            ".,", (None, ",", ".", " ", "'"), (False, True), (False, True)
        )
        if decimal != thousands and not (money and percent) and not (decimal == "." and thousands == ".")
    ]
    return sorted(forms, key=lambda form: len(form.arguments))


def likely_formats(texts: Iterable[str], least: float = 0.9) -> list[NumberFormat]:
    """Return the simplest forms in which at least this share of the texts are numbers; several where it is ambiguous.

    Examples
    --------
    >>> [form.arguments for form in likely_formats(["10,5", "7,25"])]
    [{'decimal': ','}]
    >>> [form.arguments for form in likely_formats(["1,234", "5,678"])]
    [{'thousands': ','}, {'decimal': ','}]
    """
    texts = list(texts)
    if not texts:
        return []
    found: list[NumberFormat] = []
    for form in candidates():
        if found and len(form.arguments) > len(found[0].arguments):
            break
        if form.share(texts) >= least:
            found.append(form)
    return found
