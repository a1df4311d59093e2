"""Tables that SQL can query: files on a private connection, or a relation on its own connection."""

import re
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from xpyrment_core import EngineError
from xpyrment_core.data.progress import progress
from xpyrment_duckdb.files import Files
from xpyrment_duckdb.settings import Settings
from xpyrment_duckdb.sql import INTEGERS, literal, quote

Row = tuple[Any, ...]

MISSING_TEXTS = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""CSV fields that mean a missing value: the list of pandas, so that both engines read a file alike."""


QUERY_LEAVES_VIEW = int(duckdb.__version__.partition(".")[0]) < 2
"""Before version 2 ``relation.query(name, sql)`` leaves a view `name` on the relation's connection."""

SNIFFED_ROWS = 20_480
"""Rows of a CSV file from which DuckDB guesses its types."""


class SqlTable(Protocol):
    """Rows that can be queried in SQL, under the name `name`."""

    name: str
    described: str

    def types(self) -> Mapping[str, str]:
        """Return the SQL type of every column, in order."""
        ...

    def identify(self, columns: Iterable[str]) -> None:
        """Declare columns that identify variants or units: their values are compared, never summed."""
        ...

    def rows(self, sql: str) -> list[Row]:
        """Run a query over `name` and return its rows."""
        ...

    def arrow(self, sql: str) -> pa.Table:
        """Run a query over `name` and return its columns."""
        ...

    def explain(self) -> str:
        """Return the SQL that defines `name`, or a comment that describes it."""
        ...


class FileTable:
    """Files behind a view in a private in-memory database.

    Parameters
    ----------
    files : Files
    settings : Settings
    """

    name = "data"

    def __init__(self, files: Files, settings: Settings) -> None:
        self._files = files
        self._settings = settings
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._types: Mapping[str, str] | None = None
        self._view = ""
        self._thorough = False
        self._identifiers: set[str] = set()
        self._whole: set[str] = set()
        self.described = files.described

    def types(self) -> Mapping[str, str]:
        """See `SqlTable`."""
        if self._types is None:
            self._types = self._open()
        return self._types

    def identify(self, columns: Iterable[str]) -> None:
        """See `SqlTable`; whole numbers of these columns are kept to the last digit."""
        # As DOUBLE, integers past 2**53 are rounded: two ids could become one.
        new = set(columns) - self._identifiers
        self._identifiers |= new
        if self._types is not None and new & self._whole:
            self._types = self._open()

    def rows(self, sql: str) -> list[Row]:
        """See `SqlTable`."""
        fetched: list[Row] = self._run(lambda cursor: cursor.execute(sql).fetchall())
        return fetched

    def arrow(self, sql: str) -> pa.Table:
        """See `SqlTable`."""
        return self._run(lambda cursor: cursor.sql(sql).to_arrow_table())

    def explain(self) -> str:
        """See `SqlTable`."""
        self.types()
        return self._view

    def _run(self, fetch: Any) -> Any:
        self.types()
        try:
            return self._fetched(fetch)
        except duckdb.ConversionException:
            # The types of a CSV file were inferred from its first rows; infer them from all rows once.
            if self._files.parquet or self._thorough:
                raise
            self._thorough = True
            self._types = self._open()
            return self._fetched(fetch)

    def _fetched(self, fetch: Any) -> Any:
        with self._connected().cursor() as cursor:
            # DuckDB tracks its progress for our progress bar, and prints none itself.
            cursor.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
            with progress(f"reading {self.described}", _share_of(cursor)):
                return fetch(cursor)

    def _connected(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            # A folder of our own for spilled data: the default is in the working directory, which may be read-only.
            spill = tempfile.mkdtemp(prefix="xpyrment-")
            weakref.finalize(self, shutil.rmtree, spill, True)
            connection = duckdb.connect(":memory:", config={"temp_directory": spill})
            ((standard,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
            connection.execute(f"SET memory_limit = {literal(self._settings.limit(standard))}")
            if self._settings.threads:
                connection.execute(f"SET threads = {self._settings.threads}")
            self._connection = connection
        return self._connection

    def _open(self) -> Mapping[str, str]:
        types = self._define({})
        if not self._files.parquet:
            better = self._better_types(types)
            types = self._define(better) if better else types
        return types

    def _define(self, forced: Mapping[str, str]) -> Mapping[str, str]:
        self._view = f"CREATE OR REPLACE VIEW {self.name} AS SELECT * FROM {self._scan(forced)}"
        with self._connected().cursor() as cursor:
            cursor.execute(self._view)
            return {row[0]: row[1] for row in cursor.execute(f"DESCRIBE {self.name}").fetchall()}

    def _scan(self, forced: Mapping[str, str], text_only: bool = False) -> str:
        # The paths are resolved: a bracket in one would otherwise be taken for a pattern again.
        paths = ", ".join(literal(escape(path)) for path in self._files.paths)
        if self._files.parquet:
            return f"read_parquet([{paths}], union_by_name = true)"
        # By name, because files of several days may have their columns in another order.
        options = ["union_by_name = true", "header = true"]
        options.append(f"nullstr = [{', '.join(map(literal, MISSING_TEXTS))}]")
        if all(".tsv" in path.lower()[-7:] for path in self._files.paths):
            options.append("delim = '\\t'")
        if self._thorough:
            options.append("sample_size = -1")
        if text_only:
            options.append("all_varchar = true")
        if forced:
            options.append(f"types = {{{', '.join(f'{literal(c)}: {literal(t)}' for c, t in forced.items())}}}")
        return f"read_csv([{paths}], {', '.join(options)})"

    def _better_types(self, types: Mapping[str, str]) -> dict[str, str]:
        """Return types for columns that DuckDB infers differently from what an analysis needs.

        DuckDB infers booleans from yes and no, or t and f, which may be labels of variants and stay
        text. It infers text for a column without values, which pandas reads as numbers. And if
        the first rows hold integers, it rounds the fractions that come later.
        """
        self._whole = {column for column, kind in types.items() if kind in INTEGERS}
        better = dict.fromkeys(self._whole - self._identifiers, "DOUBLE")
        columns = [column for column, kind in types.items() if kind in ("BOOLEAN", "VARCHAR")]
        if not columns:
            return better
        checks = ", ".join(f"count({quote(c)}), bool_and(lower({quote(c)}) IN ('true', 'false'))" for c in columns)
        first = "" if self._thorough else f"LIMIT {SNIFFED_ROWS}"
        text = f"SELECT {checks} FROM (SELECT * FROM {self._scan({}, text_only=True)} {first})"
        with self._connected().cursor() as cursor:
            answer = iter(cursor.execute(text).fetchall()[0])
        for column, values, plain in zip(columns, answer, answer, strict=True):
            if types[column] == "BOOLEAN" and plain is False:
                better[column] = "VARCHAR"
            elif types[column] == "VARCHAR" and not values:
                better[column] = "DOUBLE"
        return better


class RelationTable:
    """A DuckDB relation, queried on its own connection, whose settings are not changed."""

    described = "the DuckDB relation"

    def __init__(self, relation: Any) -> None:
        self._relation = relation
        # A random name cannot hide a table of the connection.
        self.name = f"xpyrment_{secrets.token_hex(4)}"

    def types(self) -> Mapping[str, str]:
        """See `SqlTable`."""
        return dict(zip(self._relation.columns, map(str, self._relation.types), strict=True))

    def identify(self, columns: Iterable[str]) -> None:
        """See `SqlTable`; a relation has its types."""

    def rows(self, sql: str) -> list[Row]:
        """See `SqlTable`."""
        with self._no_view_left():
            fetched: list[Row] = self._relation.query(self.name, sql).fetchall()
        return fetched

    def arrow(self, sql: str) -> pa.Table:
        """See `SqlTable`."""
        with self._no_view_left():
            return self._relation.query(self.name, sql).to_arrow_table()

    @contextmanager
    def _no_view_left(self) -> Iterator[None]:
        try:
            with progress(f"reading {self.described}"):
                yield
        finally:
            if QUERY_LEAVES_VIEW:
                with suppress(duckdb.Error):  # after an error in a transaction nothing can be dropped
                    self._relation.query(self.name, f"DROP VIEW IF EXISTS {self.name}")

    def explain(self) -> str:
        """See `SqlTable`."""
        return f"-- {self.name} is {self.described}: {self._relation.sql_query()}"


def _share_of(cursor: duckdb.DuckDBPyConnection) -> Any:
    def share() -> float | None:
        try:
            done = float(cursor.query_progress())
        except duckdb.Error:  # the query has failed; its own thread reports it
            return None
        return done / 100 if done >= 0 else None

    return share


@contextmanager
def as_engine_error(described: str) -> Iterator[None]:
    """Turn any exception of DuckDB into an EngineError."""
    try:
        yield
    except duckdb.Error as error:
        raise EngineError(f"reading {described} failed: {_plainly(error)}") from error


def _plainly(error: Exception) -> str:
    # The first paragraph is the message; the others quote our SQL.
    text = re.sub(r"\s+", " ", str(error).split("\n\n")[0]).strip()
    if isinstance(error, duckdb.IOException) and re.search(r"No files found|Cannot open|No such file", text):
        return f"a file was removed after it had been opened ({text})"
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"the memory limit is too small for it ({text}); raise XPYRMENT_DUCKDB_MEMORY_LIMIT"
    if isinstance(error, duckdb.ConnectionException):
        return f"its connection is closed ({text}); open it again and set the experiment up anew"
    return text
