"""Columns and variant labels of a frame in memory, from any library.

For checks that look at a frame directly; an analysis reads through an engine.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from xpyrment_core.data.labels import in_order
from xpyrment_core.errors import InputError, listing, nearest

if TYPE_CHECKING:
    import narwhals as nw


def select(data: Any, wanted: Iterable[tuple[str, str]]) -> "nw.DataFrame[Any]":
    """Return the given columns as an eager narwhals frame.

    Parameters
    ----------
    data : frame
        Any frame that narwhals supports; of a lazy one only these columns are collected.
    wanted : iterable of (what, column)
        Description for messages, and name: ``("Group column", "variant")``.

    Raises
    ------
    InputError
        `data` is not a frame, or has no such column.
    """
    import narwhals as nw

    frame = _open(data)
    names = frame.collect_schema().names()
    columns = []
    for what, column in wanted:
        if column not in names:
            raise InputError(
                f"{what} '{column}' not found in the data; its columns are: {listing(names)}.{nearest(column, names)}"
            )
        columns.append(column)
    chosen = frame.select(dict.fromkeys(columns))
    return chosen.collect() if isinstance(chosen, nw.LazyFrame) else chosen


def _open(data: Any) -> "nw.DataFrame[Any] | nw.LazyFrame[Any]":
    import narwhals as nw
    from narwhals.exceptions import DuplicateError

    try:
        frame: nw.DataFrame[Any] | nw.LazyFrame[Any] = nw.from_native(data)
        return frame
    except DuplicateError as error:
        raise InputError(
            f"two columns of the data have the same name; rename one of them. {' '.join(str(error).split())}"
        ) from error
    except TypeError as error:
        raise InputError(
            f"the data must be a frame (pandas, polars, pyarrow …), got {type(data).__name__}. "
            f"Did you mean pandas.DataFrame(data)?"
        ) from error


def label_counts(frame: "nw.DataFrame[Any]", column: str) -> dict[Any, int]:
    """Return rows per label that occurs, in sorted order; the key None, if present, counts rows without a label."""
    counts: dict[Any, int] = {}
    table = frame[column].value_counts(name="rows of the label")
    for label, rows in zip(table[column].to_list(), table["rows of the label"].to_list(), strict=True):
        if not rows:
            continue  # a category that no row has, such as an arm of another experiment
        # Libraries count None, NaN and NA apart; all are the same missing label.
        key = None if absent(label) else label
        counts[key] = counts.get(key, 0) + int(rows)
    missing = {None: counts.pop(None)} if None in counts else {}
    return {label: counts[label] for label in in_order(counts)} | missing


def absent(value: Any) -> bool:
    """Return whether a value is missing: None, NaN, NaT or pandas.NA (which cannot be compared)."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)
