"""Protocols of a data engine and of the source that it opens."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from xpyrment_core.choices import Label
from xpyrment_core.data.query import ColumnType, Query, Reading
from xpyrment_core.data.reading.columns import TextValues
from xpyrment_core.values.samples import ArmSample


class Source(Protocol):
    """Opened data, from which an analysis reads.

    A source may also have ``text_values(column)``, ``decisions()`` and ``table(columns, identifiers)``, see
    `text_values`, `decisions` and `xpyrment_core.data.frames.select`.
    """

    def schema(self) -> Mapping[str, ColumnType]:
        """Return the type of every column, in the data's order, without reading rows."""
        ...

    def labels(self, column: str) -> Mapping[Label | None, int]:
        """Return rows per distinct value (as a Python object); None counts the missing ones."""
        ...

    def moments(self, query: Query) -> Reading:
        """Answer the query in as few passes as the engine can."""
        ...

    def samples(self, query: Query) -> Mapping[tuple[str, Label], ArmSample]:
        """Return unit-level values of the query's terms, per row set and arm."""
        ...

    def infinite(self, columns: Sequence[str], treatment_col: str) -> Mapping[tuple[str, Label], int]:
        """Count infinite values per column and label; called only if moments are not finite."""
        ...

    def values_outside(self, column: str, allowed: Iterable[float], limit: int = 5) -> tuple[float, ...]:
        """Return up to `limit` distinct non-missing values of a column that are not allowed."""
        ...

    def explain(self, query: Query) -> str:
        """Describe how the query is answered: columns, passes, SQL where there is SQL."""
        ...


def text_values(source: Source, column: str) -> TextValues | None:
    """Return the values of a column that are not numbers; None where all are, or the source does not say."""
    find = getattr(source, "text_values", None)
    return None if find is None else find(column)


def decisions(source: Source) -> Mapping[str, Any]:
    """Return what was decided about the format of the data; empty where there was nothing to decide."""
    decide = getattr(source, "decisions", None)
    return {} if decide is None else dict(decide())


def read_as(source: Source) -> str:
    """Return a sentence that says as what files were read, for messages about their labels; empty for other data."""
    made = decisions(source)
    separator = f", separator {made['separator']!r}" if "separator" in made else ""
    return f" The data were read as {made['format']}{separator}." if "format" in made else ""


class Engine(Protocol):
    """A way to read some kinds of data."""

    # Called on every engine for every data set, so an import here would slow all analyses down.
    def accepts(self, data: object) -> bool:
        """Return whether this engine reads `data`, without importing a large library."""
        ...

    # An engine may also take ``read``, the options of reading, as a second argument.
    def open(self, data: Any) -> Source:
        """Open the data; nothing is read yet."""
        ...
