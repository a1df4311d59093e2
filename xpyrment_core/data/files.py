"""Tables from files and standard input, for commands that need a frame in memory."""

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xpyrment_core.errors import InputError, nearest, needs_library

if TYPE_CHECKING:
    import pandas as pd

READABLE = (".csv", ".csv.gz", ".tsv", ".parquet", ".pq")


def read_frame(path: str, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Read a CSV, TSV or Parquet file, or CSV from standard input (``-``), into pandas.

    Parameters
    ----------
    path : str
        The file; its suffix determines the format.
    columns : sequence of str, optional
        Only these of its columns, if it has them; the caller reports missing ones.

    Raises
    ------
    InputError
        The file does not exist, its suffix is unknown, or it cannot be parsed.
    """
    import pandas as pd

    kept = None if columns is None else set(columns)
    # A callable instead of a list: pandas rejects a list that names a missing column, with a message of its own.
    pick = None if kept is None else lambda name: name in kept
    if path == "-":
        return _parsed(path, lambda: pd.read_csv(io.StringIO(sys.stdin.read()), usecols=pick))
    check_exists(path)
    name = path.lower()
    if name.endswith((".parquet", ".pq")):
        return _parsed(path, lambda: _parquet(path, kept))
    if name.endswith(".tsv"):
        return _parsed(path, lambda: pd.read_csv(path, sep="\t", usecols=pick))
    return _parsed(path, lambda: pd.read_csv(path, usecols=pick))


def check_exists(path: str) -> None:
    """Raise InputError unless `path` is a readable kind of file that exists."""
    file = Path(path)
    if not file.exists():
        near = nearest(file.name, (p.name for p in file.parent.glob("*"))) if file.parent.is_dir() else ""
        kind = "CSV file" if not path.lower().endswith((".parquet", ".pq")) else "Parquet file"
        raise InputError(f"{kind} not found at '{path}'.{near}")
    if file.is_dir():
        raise InputError(f"'{path}' is a folder; give a file with a name ending in {', '.join(READABLE)}.")


def _parquet(path: str, columns: set[str] | None) -> "pd.DataFrame":
    with needs_library("reading a Parquet file"):
        import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
    keep = names if columns is None else [name for name in names if name in columns]
    frame: pd.DataFrame = pq.read_table(path, columns=keep).to_pandas()
    return frame


def _parsed(path: str, read: "Callable[[], pd.DataFrame]") -> "pd.DataFrame":
    try:
        return read()
    except (ValueError, OSError, UnicodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"'{path}' cannot be read as a table: {first}.") from error
