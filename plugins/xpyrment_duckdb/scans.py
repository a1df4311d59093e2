"""SQL that scans files of each format, with what was decided about them."""

import io
from collections.abc import Iterable, Mapping, Sequence
from glob import escape
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from xpyrment_core import InputError, needs_library
from xpyrment_core.data.reading.columns import check_names
from xpyrment_core.data.reading.dialect import Dialect, infer_dialect
from xpyrment_core.data.reading.files import Files, compression_of, copies, ending_of, first_bytes, open_text_file
from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_duckdb.connection import PrivateDatabase
from xpyrment_duckdb.sql import literal, quote

CHUNK = 1 << 20
UTF8 = ("utf-8", "utf-8-sig", "ascii")


@frozen
class Scan:
    """Rows of files in SQL.

    Attributes
    ----------
    sql : str
        What stands after FROM.
    typed : bool
        Whether the files store the types of their columns; else all columns are texts.
    decisions : mapping of str to object
        What was decided about the format, for people.
    """

    sql: str
    typed: bool
    decisions: Mapping[str, Any]


@frozen
class Repairs:
    """What turned out while a CSV file was read.

    Attributes
    ----------
    normalise : bool
        Whether the files are copied with one kind of line ends.
    encoding : str or None
        The encoding to use in place of the inferred one.
    """

    normalise: bool = False
    encoding: str | None = None
    _prepared: dict[tuple[str, str], str] = field(factory=dict, repr=False, eq=False)

    def prepared(self, path: str, encoding: str) -> str:
        """Return a path of the file's text in UTF-8, of the file itself where possible; a copy is made once."""
        if not self.normalise and encoding in UTF8 and compression_of(path) != "zstd":
            return path
        key = path, encoding
        if key not in self._prepared:
            self._prepared[key] = copies(_recoded(path, encoding), ".csv")
        return self._prepared[key]


def _recoded(path: str, encoding: str) -> Iterable[bytes]:
    try:
        # Universal newlines: each line ends in a line feed.
        with open_text_file(path) as raw, io.TextIOWrapper(raw, encoding=encoding, newline=None) as text:
            while chunk := text.read(CHUNK):
                yield chunk.encode("utf-8", errors="replace")
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is not encoded in {encoding} ({error.reason}); give its encoding.") from error
    except (OSError, EOFError) as error:
        raise InputError(f"'{path}' cannot be read to its end: {error}.") from error


def scan_files(files: Files, options: ReadOptions, database: PrivateDatabase, repairs: Repairs) -> Scan:
    """Return the scan of files.

    Raises
    ------
    InputError
        A file is empty, damaged, or has two columns of one name.
    MissingExtraError
        A format needs a library that is not installed.
    """
    readers = {"parquet": _parquet, "arrow": _arrow, "jsonl": _json_lines, "excel": _excel}
    if files.format in readers:
        return readers[files.format](files, options, database)
    return _csv(files, options, repairs)


def _paths(paths: Sequence[str]) -> str:
    # The paths are resolved: a bracket in one would otherwise be taken for a pattern again, and the folder "s3:" for
    # a remote address.
    return f"[{', '.join(literal(escape(str(Path(path).absolute()))) for path in paths)}]"


def _parquet(files: Files, options: ReadOptions, database: PrivateDatabase) -> Scan:
    sql = f"read_parquet({_paths(files.paths)}, union_by_name = true)"
    with needs_library("reading a Parquet file"):
        import pyarrow as pa
        import pyarrow.parquet as pq

    try:
        # An open file: PyArrow takes some names for addresses, such as that of a folder called "s3:".
        with open(files.paths[0], "rb") as file:
            names = pq.read_schema(file).names
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{files.named(files.paths[0])} is not a Parquet file, or is damaged: {error}.") from error
    # DuckDB would rename the second of two columns of one name without a word.
    check_names(names, files.described)
    return Scan(sql, True, {"format": "Parquet"})


def _arrow(files: Files, options: ReadOptions, database: PrivateDatabase) -> Scan:
    with needs_library("reading an Arrow file"):
        import pyarrow as pa
        import pyarrow.dataset as ds

    try:
        data = ds.dataset([str(Path(path).absolute()) for path in files.paths], format="ipc")
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{files.described} is not an Arrow (Feather) file, or is damaged: {error}.") from error
    check_names(data.schema.names, files.described)
    database.register("arrow_input", data)
    return Scan("arrow_input", True, {"format": "Arrow"})


def _json_lines(files: Files, options: ReadOptions, database: PrivateDatabase) -> Scan:
    # By the content: the name may say something else.
    kinds = {compression_of(path) for path in files.paths}
    if len(kinds) > 1:
        raise InputError(f"{files.described}: compressed and plain files do not mix; name one kind at a time.")
    shared = f"{_paths(files.paths)}, format = 'newline_delimited', compression = {literal(kinds.pop())}"
    # Every line may have other keys, so all lines are looked at for names.
    with database.cursor() as cursor:
        described = cursor.execute(f"DESCRIBE SELECT * FROM read_json({shared}, sample_size = -1)").fetchall()
    names = [row[0] for row in described]
    check_names(names, files.described)
    # As text, so that long numbers keep their digits.
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    return Scan(f"read_json({shared}, columns = {{{types}}})", False, {"format": "JSON lines (.jsonl)"})


def _excel(files: Files, options: ReadOptions, database: PrivateDatabase) -> Scan:
    from xpyrment_duckdb.excel import read_sheets

    table, sheet = read_sheets(files, options)
    check_names(table.column_names, files.described)
    database.register("sheet_input", table)
    return Scan("sheet_input", False, {"format": f"Excel ({ending_of(files.paths[0])[0]})", "sheet": sheet})


def _csv(files: Files, options: ReadOptions, repairs: Repairs) -> Scan:
    dialects = {path: _dialect(path, files, options, repairs) for path in files.paths}
    groups: dict[tuple[Dialect, str], list[str]] = {}
    for path, dialect in dialects.items():
        check_names(dialect.columns, files.named(path))
        prepared = repairs.prepared(path, dialect.encoding)
        groups.setdefault((dialect, compression_of(prepared)), []).append(prepared)
    parts = [f"SELECT * FROM {_read_csv(paths, *form)}" for form, paths in groups.items()]
    # By name, because files of several days may have their columns in another order.
    sql = parts[0].removeprefix("SELECT * FROM ") if len(parts) == 1 else f"({' UNION ALL BY NAME '.join(parts)})"
    return Scan(
        sql, False, {"format": f"CSV ({ending_of(files.paths[0])[0]})"} | _decisions(list(dialects.values()), repairs)
    )


def _dialect(path: str, files: Files, options: ReadOptions, repairs: Repairs) -> Dialect:
    return infer_dialect(
        first_bytes(path),
        files.named(path),
        separator=options.separator or ("\t" if files.format == "tsv" else None),
        quote=options.quote,
        encoding=options.encoding or repairs.encoding,
        skip=options.skip_rows,
    )


def _read_csv(paths: Sequence[str], dialect: Dialect, compression: str) -> str:
    # Everything is said: DuckDB infers from a sample, and drops lines or splits fields where the rest is different.
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in dialect.columns)
    mark = literal(dialect.quote)
    return (
        f"read_csv({_paths(paths)}, auto_detect = false, delim = {literal(dialect.separator)}, quote = {mark}, "
        f"escape = {mark}, comment = '', header = true, skip = {dialect.skip}, nullstr = '', "
        f"compression = {literal(compression)}, columns = {{{types}}})"
    )


def _decisions(dialects: Sequence[Dialect], repairs: Repairs) -> dict[str, Any]:
    first = dialects[0]
    names = {"separator": "separator", "encoding": "encoding", "skip": "lines above the header"}
    out: dict[str, Any] = {}
    for attribute, name in names.items():
        values = list(dict.fromkeys(getattr(dialect, attribute) for dialect in dialects))
        out[name] = values[0] if len(values) == 1 else values
    if not first.skip and not any(dialect.skip for dialect in dialects):
        del out["lines above the header"]
    return out | ({"line ends": "mixed"} if repairs.normalise else {})


def repaired(message: str, options: ReadOptions, repairs: Repairs) -> Repairs | None:
    """Return repairs after which a CSV file that failed with this error may be read; None if there are none."""
    if "state machine reached an invalid state" in message and not repairs.normalise:
        return evolve(repairs, normalise=True)
    if "Invalid unicode" in message and options.encoding is None and repairs.encoding is None:
        return evolve(repairs, encoding="latin-1")
    return None


def column_list(names: Iterable[str]) -> str:
    """Return quoted names, separated by commas."""
    return ", ".join(map(quote, names))
