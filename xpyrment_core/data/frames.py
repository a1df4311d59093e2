"""Columns and variant labels as a frame in memory, from a frame of any library or from files.

For checks that look at rows directly; an analysis reads through an engine.
"""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from xpyrment_core.data.engines import open_source
from xpyrment_core.data.labels import MAX_LABELS, in_order, is_missing, too_many_labels
from xpyrment_core.data.reading.columns import TextValues, check_category, not_numbers
from xpyrment_core.data.reading.files import as_paths
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.reading.text_form import Profile, TextForm, infer_forms
from xpyrment_core.data.source import Source, text_values
from xpyrment_core.errors import InputError, listing, nearest

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd


def select(
    data: Any,
    wanted: Iterable[tuple[str, str]],
    *,
    identifiers: Iterable[str] = (),
    read: "ReadOptions | Mapping[str, Any] | None" = None,
) -> "nw.DataFrame[Any]":
    """Return the given columns as an eager narwhals frame.

    Parameters
    ----------
    data : frame, path or list of paths
        Any frame that narwhals supports; of a lazy one only these columns are collected. Files are read by the
        engine that an analysis reads them with.
    wanted : iterable of (what, column)
        Description for messages, and name: ``("Group column", "variant")``.
    identifiers : iterable of str, optional
        Those of the columns that hold variants or ids: their texts are kept.
    read : ReadOptions or mapping, optional
        How to read a file, and the forms of numbers written as text.

    Raises
    ------
    InputError
        `data` is not a frame, or has no such column.
    """
    import narwhals as nw

    wanted, identifiers = list(wanted), list(identifiers)
    if as_paths(data):
        source = open_source(data, read)
        columns = _checked(wanted, source.schema())
        rows: nw.DataFrame[Any] = nw.from_native(source.table(columns, identifiers), eager_only=True)  # type: ignore[attr-defined]
        _check_values(rows, source, identifiers)
        return rows
    frame = _open(data)
    columns = _checked(wanted, frame.collect_schema().names())
    chosen = frame.select(columns)
    eager = chosen.collect() if isinstance(chosen, nw.LazyFrame) else chosen
    return converted(eager, ReadOptions.of(read), identifiers)


def _check_values(frame: "nw.DataFrame[Any]", source: Source, identifiers: Iterable[str]) -> None:
    """Raise InputError where a column holds texts beside numbers, or numbers in a written form."""
    import narwhals as nw

    for name in set(frame.columns) - set(identifiers):
        series = frame[name]
        if series.dtype.is_float() and not series.is_finite().fill_null(True).all():
            # A text among numbers is read as infinite.
            if (values := text_values(source, name)) is not None:
                raise InputError(f"{not_numbers(name, values)}.")
        elif series.dtype in (nw.String, nw.Categorical, nw.Enum):
            check_category(name, text_values(source, name))


def _checked(wanted: Iterable[tuple[str, str]], names: Iterable[str]) -> list[str]:
    """Return the columns wanted, each once."""
    names, columns = list(names), []
    for what, column in wanted:
        check_named(what, column, names)
        columns.append(column)
    return list(dict.fromkeys(columns))


def as_pandas(frame: "nw.DataFrame[Any]", identifiers: Iterable[str]) -> "pd.DataFrame":
    """Return a frame as a pandas frame, in which integer ids keep all digits although some are missing."""
    import narwhals as nw

    kept = [name for name in identifiers if frame[name].dtype.is_integer() and frame[name].null_count()]
    return frame.with_columns(nw.col(name).cast(nw.String) for name in kept).to_pandas() if kept else frame.to_pandas()


def check_named(what: str, column: str, names: Iterable[str]) -> None:
    """Raise InputError unless the column is one of the names."""
    if column not in names:
        known = list(names)
        raise InputError(
            f"{what} '{column}' not found in the data; its columns are: {listing(known)}.{nearest(column, known)}"
        )


def converted(frame: "nw.DataFrame[Any]", options: ReadOptions, identifiers: Iterable[str]) -> "nw.DataFrame[Any]":
    """Return a frame with the columns of text that are numbers by the options as numbers.

    Raises
    ------
    InputError
        A column is said to be numbers, and some of its values are none.
    """
    import narwhals as nw

    if not options.reads_text:
        return frame
    kept = set(identifiers)
    for name in frame.columns:
        if name in kept or frame[name].dtype not in (nw.String, nw.Categorical, nw.Enum, nw.Object):
            continue
        texts = {text for text in frame[name].unique().to_list() if isinstance(text, str)}
        form = infer_forms({name: Profile.of(texts, options)}, options, untyped=False)[name]
        if form.kind != "text":
            frame = frame.with_columns(_numbers(frame[name], form, options))
    return frame


def _numbers(series: "nw.Series[Any]", form: TextForm, options: ReadOptions) -> "nw.Series[Any]":
    import narwhals as nw

    words = set(options.missing_words)
    texts = [text if isinstance(text, str) and text.strip() not in words else None for text in series.to_list()]
    parsed = {text: form.parse(text) for text in set(texts) if text is not None}
    wrong = [text for text, number in parsed.items() if math.isinf(number)]
    if wrong:
        rows = sum(text in wrong for text in texts)
        values = TextValues(rows, sum(text is not None for text in texts), len(wrong), tuple(sorted(wrong)))
        raise InputError(not_numbers(series.name, values) + ".")
    numbers = [math.nan if text is None else parsed[text] for text in texts]
    return nw.new_series(series.name, numbers, nw.Float64, backend=series.implementation)


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
            f"the data must be a frame (pandas, polars, pyarrow …), a path or a list of paths, "
            f"got {type(data).__name__}.{_frame_hint(data)}"
        ) from error


def _frame_hint(data: Any) -> str:
    return " Did you mean pandas.DataFrame(data)?" if isinstance(data, Mapping | list) and len(data) else ""


def label_counts(frame: "nw.DataFrame[Any]", column: str) -> dict[Any, int]:
    """Return rows per label that occurs, in sorted order; the key None, if present, counts rows without a label."""
    counts: dict[Any, int] = {}
    table = frame[column].value_counts(name="rows of the label")
    for label, rows in zip(table[column].to_list(), table["rows of the label"].to_list(), strict=True):
        if not rows:
            continue  # a category that no row has, such as an arm of another experiment
        # Libraries count None, NaN and NA apart; all are the same missing label.
        key = None if absent(label) or is_missing(label) else label
        counts[key] = counts.get(key, 0) + int(rows)
    if len(counts) > MAX_LABELS:
        raise too_many_labels(column, {})
    missing = {None: counts.pop(None)} if None in counts else {}
    return {label: counts[label] for label in in_order(counts)} | missing


def absent(value: Any) -> bool:
    """Return whether a value is missing: None, NaN, NaT or pandas.NA (which cannot be compared)."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)
