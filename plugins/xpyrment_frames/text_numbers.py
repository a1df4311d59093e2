"""Columns of text that hold numbers in a written form: only their distinct values are parsed."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from xpyrment_core.data.reading.columns import TextValues
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.reading.text_form import Profile, TextForm, infer_forms

EXAMPLES = 200
PLAIN = TextForm("number")


class TextNumbers:
    """The columns of text of one frame.

    Parameters
    ----------
    options : ReadOptions
    distinct : callable
        Returns the distinct values of a column.
    """

    def __init__(self, options: ReadOptions, distinct: Callable[[str], Iterable[Any]]) -> None:
        self._options = options
        self._distinct = distinct
        self._found: dict[str, TextForm] = {}

    def form(self, name: str) -> TextForm:
        """Return the form of a column of text."""
        if name not in self._found:
            texts = [text for text in self._distinct(name) if isinstance(text, str)]
            self._found |= infer_forms({name: Profile.of(texts, self._options)}, self._options, untyped=False)
        return self._found[name]

    @property
    def forms(self) -> dict[str, str]:
        """The columns that are read as numbers so far, with their forms in words."""
        return {name: form.described for name, form in self._found.items() if form.kind != "text"}

    def numbers(self, name: str) -> list[float]:
        """Return the number of each distinct value: NaN where it is missing, infinite where it is none."""
        form = self.form(name)
        return [form.parse(str(text)) if self._is_value(text) else math.nan for text in self._distinct(name)]

    def not_numbers(self, name: str, counts: Mapping[Any, int]) -> TextValues | None:
        """Return the values of a column that are not numbers; None where all are.

        Parameters
        ----------
        name : str
        counts : mapping of value to int
            Rows per value.
        """
        if self._options.types.get(name) == "text":
            return None
        form = self._found.get(name, TextForm())
        parse = PLAIN.parse if form.kind == "text" else form.parse
        seen = {text: n for text, n in counts.items() if self._is_value(text)}
        bad = {text: n for text, n in seen.items() if math.isinf(parse(str(text))) and not _is_infinity(text)}
        if not seen or (not bad and form.kind != "text"):
            return None
        # A column of plain numbers that is stored as text has no value that is not a number: show those it has.
        shown = bad or seen
        ordered = sorted(shown, key=lambda text: (-shown[text], str(text)))
        return TextValues(sum(shown.values()), sum(seen.values()), len(shown), tuple(map(str, ordered[:EXAMPLES])))

    def _is_value(self, text: Any) -> bool:
        return text is not None and str(text).strip() not in self._options.missing_words


def _is_infinity(text: Any) -> bool:
    return str(text).strip().lower().lstrip("+-") in ("inf", "infinity")
