"""Table of rows and named columns, independent of the output format."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen


def _texts(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


def _name_set(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


def _rows(rows: Iterable[Iterable[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(row) for row in rows)


@frozen(kw_only=True)
class Table:
    """Table of rows and named columns, which each output format renders.

    Attributes
    ----------
    columns : tuple of str
    rows : tuple of tuple
        One cell per column: text, a number, or None for a missing value.
    title : str
    note : str
        One sentence on how to read it.
    right : frozenset of str
        Columns whose cells are aligned right.
    keep : frozenset of str
        Columns that never wrap when the table is too wide for the screen.
    formats : mapping of str to str
        Format of the numbers of a column, as ``{"SMD": "+.4f"}``; CSV keeps them unformatted.
    marks : tuple of str
        One word per row (a verdict, ``"failed"`` …) that sets its colour, or empty.
    """

    columns: tuple[str, ...] = field(converter=_texts)
    rows: tuple[tuple[Any, ...], ...] = field(converter=_rows)
    title: str = ""
    note: str = ""
    right: frozenset[str] = field(default=frozenset(), converter=_name_set)
    keep: frozenset[str] = field(default=frozenset(), converter=_name_set)
    formats: Mapping[str, str] = field(factory=dict)
    marks: tuple[str, ...] = field(default=(), converter=_texts)
