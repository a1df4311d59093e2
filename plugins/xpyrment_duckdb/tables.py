"""Tables that SQL can query: the protocol, and files on a private connection."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from xpyrment_core.data.query import ColumnType
from xpyrment_core.data.reading.columns import TextValues
from xpyrment_core.data.reading.files import Files
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.reading.text_form import TextForm, infer_forms
from xpyrment_duckdb.connection import PrivateDatabase
from xpyrment_duckdb.queries import labels_text
from xpyrment_duckdb.scans import Repairs, Scan, repaired, scan_files
from xpyrment_duckdb.settings import Settings
from xpyrment_duckdb.sql import column_type, quote
from xpyrment_duckdb.text_columns import (
    label_type,
    missing_list,
    profile_sql,
    read_profiles,
    sql_type,
    text_values_sql,
    value,
)

Row = tuple[Any, ...]

RAW = "input"
"""The view of the files as they are."""

LABEL: Mapping[str, Callable[[str], Any]] = {
    "VARCHAR": str,
    "BIGINT": int,
    "DOUBLE": float,
    "BOOLEAN": lambda text: text.lower() == "true",
}
"""What makes a label of its text, by the SQL type of the labels."""

LABELS_READ = 10_001
"""Distinct labels that are fetched at most; a column with more of them holds no labels."""


class SqlTable(Protocol):
    """Rows that can be queried in SQL, under the name `name`."""

    name: str
    described: str

    def types(self) -> Mapping[str, str]:
        """Return the SQL type of every column, in order."""
        ...

    def kinds(self) -> Mapping[str, ColumnType]:
        """Return the type of every column for an analysis."""
        ...

    def identify(self, labels: Iterable[str], units: Iterable[str] = ()) -> None:
        """Declare columns that identify variants or units: their values are compared, never summed."""
        ...

    def count_labels(self, column: str) -> list[Row]:
        """Return (label, rows) per distinct value; the column is then one that identifies."""
        ...

    def rows(self, sql: str) -> list[Row]:
        """Run a query over `name` and return its rows."""
        ...

    def arrow(self, sql: str) -> pa.Table:
        """Run a query over `name` and return its columns."""
        ...

    def text_values(self, column: str, limit: int) -> TextValues | None:
        """Return the values of a column that are not numbers; None where all are."""
        ...

    def decisions(self) -> Mapping[str, Any]:
        """Return what was decided about the format of the data."""
        ...

    def explain(self) -> str:
        """Return the SQL that defines `name`, or a comment that describes it."""
        ...


class FileTable:
    """Files behind a view in a private in-memory database.

    The columns of a file without types are read as texts, and turned into numbers by the view; a column that
    identifies variants or units keeps its texts.

    Parameters
    ----------
    files : Files
    settings : Settings
    options : ReadOptions, optional
    """

    name = "data"

    def __init__(self, files: Files, settings: Settings, options: ReadOptions | None = None) -> None:
        self._files = files
        self._options = options or ReadOptions()
        self._database = PrivateDatabase(settings, files.described)
        self._repairs = Repairs()
        self._scan: Scan | None = None
        self._stored: dict[str, str] = {}
        self._texts: dict[str, TextForm] = {}
        self._labels: dict[str, str] = {}
        self._view = ""
        self.described = files.described

    def types(self) -> Mapping[str, str]:
        """See `SqlTable`."""
        self._open()
        return {column: self._type(column) for column in self._stored}

    def _type(self, column: str) -> str:
        if column in self._labels:
            return self._labels[column]
        return sql_type(self._texts[column]) if column in self._texts else self._stored[column]

    def kinds(self) -> Mapping[str, ColumnType]:
        """See `SqlTable`."""
        self._open()
        return {
            column: self._texts[column].kind if column in self._texts else column_type(stored)
            for column, stored in self._stored.items()
        }

    def identify(self, labels: Iterable[str], units: Iterable[str] = ()) -> None:
        """See `SqlTable`; texts of these columns stay as they are, only blank ones are missing."""
        self._open()
        texts = {column for column, stored in self._stored.items() if stored == "VARCHAR"} - self._labels.keys()
        for column in labels:
            if column in texts:
                self.count_labels(column)
        texts -= self._labels.keys()
        # Ids are compared as texts: 007 and 7 are two units.
        found = {column: "VARCHAR" for column in units if column in texts}
        if found:
            self._labels |= found
            self._define()

    def count_labels(self, column: str) -> list[Row]:
        """See `SqlTable`; the type of the labels is that in which every one is exactly as it is written."""
        self._open()
        if self._stored[column] != "VARCHAR" or column in self._labels:
            return self._fetched(labels_text(self.name, column, LABELS_READ))
        text = f"SELECT {_identifier(column)} AS label, count(*) FROM {RAW} GROUP BY 1 LIMIT {LABELS_READ}"
        rows = self._fetched(text)
        # The files were scanned once for both, the labels and their type.
        untyped = self._scan is not None and not self._scan.typed
        kind = label_type(row[0] for row in rows if row[0] is not None) if untyped else "VARCHAR"
        self._labels[column] = kind
        self._define()
        return [(label if label is None else LABEL[kind](label), count) for label, count in rows]

    def rows(self, sql: str) -> list[Row]:
        """See `SqlTable`."""
        self._open()
        return self._fetched(sql)

    def _fetched(self, sql: str) -> list[Row]:
        fetched: list[Row] = self._run(lambda cursor: cursor.execute(sql).fetchall())
        return fetched

    def arrow(self, sql: str) -> pa.Table:
        """See `SqlTable`."""
        self._open()
        return self._run(lambda cursor: cursor.sql(sql).to_arrow_table())

    def text_values(self, column: str, limit: int) -> TextValues | None:
        """See `SqlTable`."""
        self._open()
        if self._stored[column] != "VARCHAR" or self._options.types.get(column) == "text":
            return None
        sql = text_values_sql(column, RAW, self._texts.get(column), missing_list(self._options), limit)
        rows = self._fetched(sql)
        return TextValues(rows[0][1], rows[0][2], rows[0][3], tuple(row[0] for row in rows)) if rows else None

    def decisions(self) -> Mapping[str, Any]:
        """See `SqlTable`."""
        self._open()
        assert self._scan is not None
        forms = {
            column: text.described
            for column, text in self._texts.items()
            if text.described not in ("number", "text") and column not in self._labels
        }
        kept = {"files": list(self._files.names), **self._scan.decisions}
        if not self._scan.typed:
            kept["missing"] = list(self._options.missing_words)
        types = {column: self.kinds()[column] for column in self._stored if column not in self._labels}
        return kept | {"types": types} | ({"forms": forms} if forms else {})

    def explain(self) -> str:
        """See `SqlTable`."""
        self._open()
        assert self._scan is not None
        return f"CREATE VIEW {RAW} AS SELECT * FROM {self._scan.sql};\n{self._view}"

    def _run(self, fetch: Callable[[Any], Any]) -> Any:
        try:
            return self._database.fetch(fetch)
        except duckdb.InvalidInputException as error:
            repairs = None if self._files.format == "parquet" else repaired(str(error), self._options, self._repairs)
            if repairs is None:
                raise
            self._repairs, self._scan = repairs, None
            self._open()
            return self._run(fetch)

    def _open(self) -> None:
        if self._scan is not None:
            return
        self._scan = scan_files(self._files, self._options, self._database, self._repairs)
        # Queries name the view, so that one that failed can be repeated when the scan was repaired.
        with self._database.cursor() as cursor:
            cursor.execute(f"CREATE OR REPLACE VIEW {RAW} AS SELECT * FROM {self._scan.sql}")
            rows = cursor.execute(f"DESCRIBE {RAW}").fetchall()
        self._stored = {row[0]: row[1] for row in rows}
        texts = [column for column, stored in self._stored.items() if stored == "VARCHAR"]
        if texts and (not self._scan.typed or self._options.reads_text):
            (row,) = self._fetched(profile_sql(texts, RAW, self._options))
            self._texts = infer_forms(read_profiles(texts, row), self._options, untyped=not self._scan.typed)
        self._define()

    def _define(self) -> None:
        missing = missing_list(self._options)
        changed = {c: f"{value(c, form, missing)} AS {quote(c)}" for c, form in self._texts.items()}
        changed |= {c: f"CAST({_identifier(c)} AS {kind}) AS {quote(c)}" for c, kind in self._labels.items()}
        columns = "*"
        if changed:
            columns = ",\n  ".join(changed.get(column, quote(column)) for column in self._stored)
        self._view = f"CREATE VIEW {self.name} AS SELECT {columns} FROM {RAW}"
        with self._database.cursor() as cursor:
            cursor.execute(self._view.replace("CREATE", "CREATE OR REPLACE", 1))


def _identifier(column: str) -> str:
    return f"CASE WHEN trim({quote(column)}) <> '' THEN {quote(column)} END"
