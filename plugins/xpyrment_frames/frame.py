"""A frame of any library as typed columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import cached_property
from numbers import Number
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from xpyrment_core import InputError, Label, needs_library, unknown
from xpyrment_core.data.frames import converted
from xpyrment_core.data.query import ColumnType
from xpyrment_core.data.reading.columns import TextValues
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_frames.arrow import is_arrow, pa
from xpyrment_frames.columns import (
    ArrayColumn,
    CodedColumn,
    Column,
    arrow_column,
    masked_column,
    object_column,
)
from xpyrment_frames.labels import Encoded, encode_array, encode_arrow, encode_categorical
from xpyrment_frames.text import is_text
from xpyrment_frames.text_numbers import TextNumbers

NUMERIC_KINDS = "iufb"
HEAD = 20_000
"""First rows that are looked at for a hint in a message."""

INFERRED: dict[str, ColumnType] = {
    "string": "text",
    "boolean": "boolean",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
}
"""Column types by the dtype that pandas infers for a column of objects."""


class Frame:
    """One frame: its columns by name, read without copying it.

    Parameters
    ----------
    data : object
        Any eager frame that narwhals knows.
    read : ReadOptions, optional
        In which form columns of text hold numbers.

    Raises
    ------
    InputError
        The frame has two columns of one name.
    """

    def __init__(self, data: Any, read: ReadOptions | None = None) -> None:
        self._read = read or ReadOptions()
        try:
            self._frame: nw.DataFrame[Any] = nw.from_native(data, eager_only=True)
            self.names: tuple[str, ...] = tuple(self._frame.columns)
        except nw.exceptions.DuplicateError as error:
            raise InputError(f"the frame's column names are not unique: {error}. Rename the columns first.") from error
        # An analysis asks for a column many times (plan, checks, sums, samples); each answer is computed once.
        self._native: dict[str, Any] = {}
        self._types: dict[str, ColumnType] = {}
        self._encoded: dict[str, Encoded] = {}
        self._counts: dict[str, Mapping[Label | None, int]] = {}
        self._numbers: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self._frame)

    @property
    def maker(self) -> str:
        """Name of the frame's library, such as ``"polars"``."""
        return str(self._frame.implementation)

    def type_of(self, name: str) -> ColumnType:
        """Return the type of a column."""
        if name not in self._types:
            kind = _column_type(self.storage(name))
            self._types[name] = self.texts.form(name).kind if kind == "text" and self._read.reads_text else kind
        return self._types[name]

    @cached_property
    def texts(self) -> TextNumbers:
        """Columns of text that hold numbers in some written form."""
        return TextNumbers(self._read, lambda name: self.encoded(name).labels)

    def text_values(self, name: str) -> TextValues | None:
        """Return the values of a column of text that are not numbers; None where all are, or it is not text."""
        return self.texts.not_numbers(name, self.counts(name)) if _column_type(self.storage(name)) == "text" else None

    def few_valued(self, limit: int = 20) -> dict[str, int]:
        """Return the columns with at most so many distinct values in the first rows, and their numbers."""
        head = self._frame.head(HEAD)
        counts: dict[str, int] = {}
        for name in self.names:
            with suppress(Exception):  # values that cannot be compared, such as lists
                counts[name] = head[name].n_unique()
        return {name: count for name, count in counts.items() if 2 <= count <= limit}

    def repeats(self, name: str) -> bool:
        """Return whether a value occurs several times in the first rows."""
        head = self._frame.head(HEAD)[name].drop_nulls()
        return int(head.n_unique()) < len(head)

    def table(self, columns: Sequence[str], identifiers: Sequence[str]) -> nw.DataFrame[Any]:
        """Return some columns, those of text as numbers where they are read so."""
        return converted(self._frame.select(list(columns)), self._read, identifiers)

    def schema(self) -> Mapping[str, ColumnType]:
        """Return the type of every column, in the frame's order; determined on first use."""
        return _Schema(self)

    def numbers(self, name: str) -> Column:
        """Return a numeric or boolean column.

        Raises
        ------
        InputError
            The column does not exist or does not hold numbers.
        """
        if name not in self._numbers:
            if self.type_of(name) not in ("number", "boolean"):
                raise InputError(f"column {name!r} is {self.type_of(name)}, expected numbers.")
            self._numbers[name] = self._number_column(self.storage(name), name)
        return self._numbers[name]

    def encoded(self, name: str) -> Encoded:
        """Return a column's distinct values and a code per row; encoded once and kept."""
        if name not in self._encoded:
            self._encoded[name] = _encode(self.storage(name))
        return self._encoded[name]

    def counts(self, name: str) -> Mapping[Label | None, int]:
        """Return rows per distinct value, in order; None, last, counts the missing."""
        if name not in self._counts:
            self._counts[name] = self.encoded(name).counts()
        return self._counts[name]

    def storage(self, name: str) -> Any:
        """Return a column as it is stored: a pandas extension array, a numpy array or an arrow column."""
        if name not in self.names:
            raise unknown("column", name, self.names)
        if name not in self._native:
            self._native[name] = _storage(self._frame.get_column(name))
        return self._native[name]

    def _number_column(self, storage: Any, name: str) -> Column:
        if name in self.texts.forms:
            return CodedColumn(self.encoded(name).codes, [*self.texts.numbers(name), np.nan])
        if isinstance(storage, np.ndarray):
            if storage.dtype != object:
                return ArrayColumn(storage)
            return object_column(storage, _missing(storage))
        if is_arrow(storage):
            if not pa.types.is_dictionary(storage.type):
                return arrow_column(storage)
        elif not hasattr(storage, "categories"):
            return masked_column(storage)
        # Numbers as categories are looked up by their codes, without being expanded.
        encoded = self.encoded(name)
        return CodedColumn(encoded.codes, [*(float(label) for label in encoded.labels), np.nan])


class _Schema(Mapping[str, ColumnType]):
    """Types of columns; a column of objects is scanned only when its type is needed."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __getitem__(self, name: str) -> ColumnType:
        if name not in self._frame.names:
            raise KeyError(name)
        return self._frame.type_of(name)

    def __contains__(self, name: object) -> bool:
        return name in self._frame.names

    def __iter__(self) -> Iterator[str]:
        return iter(self._frame.names)

    def __len__(self) -> int:
        return len(self._frame.names)

    def __repr__(self) -> str:
        return repr(dict(self))


def _storage(series: nw.Series[Any]) -> Any:
    native = series.to_native()
    if not series.implementation.is_pandas():
        return _as_arrow(series)
    # By attributes, because the names and modules of pandas' extension types differ between its versions.
    dtype = native.dtype
    if hasattr(dtype, "pyarrow_dtype") or getattr(dtype, "storage", None) == "pyarrow":
        return _chunked(native.array.__arrow_array__())
    if isinstance(dtype, np.dtype) or hasattr(dtype, "storage") or hasattr(dtype, "fill_value"):
        return native.to_numpy()  # a string dtype of Python objects, or a sparse column
    return native.array


def _as_arrow(series: nw.Series[Any]) -> pa.ChunkedArray:
    with needs_library(f"reading a {series.implementation} frame"):
        import pyarrow as pa
    native = series.to_native()
    if isinstance(native, pa.ChunkedArray):
        return native
    frame = series.alias("x").to_frame().to_native()
    return pa.table(frame)["x"] if hasattr(frame, "__arrow_c_stream__") else _chunked(series.to_arrow())


def _chunked(arrow: Any) -> pa.ChunkedArray:
    return arrow if isinstance(arrow, pa.ChunkedArray) else pa.chunked_array([arrow])


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    import pandas as pd

    return np.asarray(pd.isna(values))


def _column_type(storage: Any) -> ColumnType:
    if is_arrow(storage):
        return _arrow_type(storage.type)
    if hasattr(storage, "categories"):
        return _values_type(list(storage.categories))
    if isinstance(storage, np.ndarray) and storage.dtype == object:
        return _object_type(storage)
    kind = storage.dtype.kind
    if kind == "b":
        return "boolean"
    if kind in NUMERIC_KINDS:
        return "number"
    return "text" if kind in "UST" else "other"


def _arrow_type(dtype: pa.DataType) -> ColumnType:
    if pa.types.is_dictionary(dtype):
        return _arrow_type(dtype.value_type)
    if pa.types.is_boolean(dtype):
        return "boolean"
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype):
        return "number"
    if pa.types.is_null(dtype):
        return "number"
    return "text" if is_text(dtype) else "other"


def _object_type(values: NDArray[Any]) -> ColumnType:
    from pandas.api.types import infer_dtype

    # Scans in C; Python looks only at what pandas cannot name.
    kind = INFERRED.get(infer_dtype(values, skipna=True))
    return kind or _values_type(values[~_missing(values)])


def _values_type(values: Any) -> ColumnType:
    """Return the type of Python values; a column without any value is a number, all missing."""
    # bool first: it is a Number too.
    kinds = {type(value) for value in values}
    if kinds and all(issubclass(kind, bool | np.bool_) for kind in kinds):
        return "boolean"
    # Complex numbers are numbers too, but have no float.
    if all(issubclass(kind, Number | Decimal | np.bool_) and hasattr(kind, "__float__") for kind in kinds):
        return "number"
    return "text" if all(issubclass(kind, str) for kind in kinds) else "other"


def _encode(storage: Any) -> Encoded:
    if is_arrow(storage):
        return encode_arrow(storage)
    if hasattr(storage, "categories"):
        return encode_categorical(storage)
    return encode_array(np.asarray(storage, dtype=object) if not isinstance(storage, np.ndarray) else storage)
