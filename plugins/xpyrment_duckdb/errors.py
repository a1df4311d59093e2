"""DuckDB's errors in the words of the user: file, line, what was found, what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from xpyrment_core import EngineError, InputError


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt where DuckDB reports a Ctrl-C as a RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        # The text of DuckDB's Python client; duckdb.InterruptException is an interrupt() by the user's own code.
        if not isinstance(error, duckdb.Error) and "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


@contextmanager
def as_engine_error(described: str) -> Iterator[None]:
    """Turn any exception of DuckDB into an EngineError, or into an InputError where a file is at fault."""
    try:
        yield
    except duckdb.Error as error:
        fault = faulty_file(str(error), described)
        if fault is not None:
            raise InputError(fault) from error
        raise EngineError(f"reading {described} failed: {_plainly(error)}") from error


def faulty_file(message: str, described: str) -> str | None:
    r"""Return what is wrong with a file, from an error of DuckDB; None where no file is at fault.

    Examples
    --------
    >>> print(faulty_file("CSV Error on Line: 3\nExpected Number of Columns: 2 Found: 3", "'d'"))
    'd', line 3: 3 fields where the line of column names has 2; correct the line, or put quotes around a field
    that holds the separator
    """
    named = re.search(r"\n\s*file\s*=\s*(.+)", message)
    where = described if named is None or "'" in described else f"{described} ({named[1].strip()})"
    line = re.search(r"CSV Error on Line: (\d+)", message)
    original = re.search(r"Original Line: (.*)", message)
    quoted = f": {original[1][:60]!r}" if original else ""
    at = f"{where}, line {line[1]}" if line else where
    if found := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message):
        fields = f"{found[2]} field{'s' if found[2] != '1' else ''}"
        return (
            f"{at}: {fields} where the line of column names has {found[1]}{quoted}; correct the line, or put quotes "
            f"around a field that holds the separator"
        )
    if "unterminated quote" in message:
        return f"{at}: a quote is opened and not closed{quoted}; correct the line, or give another quote character"
    if "Maximum line size" in message:
        return f"{at}: the line is too long for a line of a table; is a quote opened and not closed?"
    if "Invalid unicode" in message:
        return f"{at}: a character is not valid in the encoding of the file{quoted}; give its encoding"
    if malformed := re.search(r"Malformed JSON .*? at byte (\d+) in (?:record/value|line) (\d+): ([^\n.]*)", message):
        return f"{where}, line {malformed[2]}: not valid JSON at byte {malformed[1]} ({malformed[3]})"
    if "CSV" in message and "Possible fixes" in message:
        return f"{at} cannot be read as CSV{quoted}; check its separator, quotes and line ends"
    if re.search(r"[Gg]zip|GZIP|zstd|ZSTD", message):
        return f"{where} is damaged: it cannot be decompressed to its end"
    if re.search(r"Parquet|parquet|magic bytes|thrift", message) and "File" in message:
        return f"{where} is not a Parquet file, or is damaged ({_first_paragraph(message)})"
    return None


def _plainly(error: Exception) -> str:
    text = _first_paragraph(str(error))
    if isinstance(error, duckdb.IOException) and re.search(r"No files found|Cannot open|No such file", text):
        return f"a file was removed after it had been opened ({text})"
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"the memory limit is too small for it ({text}); raise XPYRMENT_DUCKDB_MEMORY_LIMIT"
    if isinstance(error, duckdb.ConnectionException):
        return f"its connection is closed ({text}); open it again and set the experiment up anew"
    return text


def _first_paragraph(text: str) -> str:
    # The first paragraph is the message; the others quote our SQL and advise options of DuckDB.
    return re.sub(r"\s+", " ", text.split("\n\n")[0].split("Possible")[0]).strip()
