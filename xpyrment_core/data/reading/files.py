"""Data files by paths, globs, folders and lists: their search, format and compression."""

import os
import sys
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from glob import glob, has_magic
from itertools import chain
from pathlib import Path
from typing import IO, Any
from weakref import WeakKeyDictionary

from attrs import frozen

from xpyrment_core.data.reading.dialect import SAMPLE_BYTES, infer_encoding
from xpyrment_core.errors import InputError, listing, nearest, needs_library

ENDINGS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xls": "excel",
    ".ods": "excel",
}
"""Format by the ending of a file's name."""

COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
TEXTS = ("csv", "tsv", "jsonl")
"""Formats that may be compressed."""

MAGIC = {"parquet": b"PAR1", "arrow": b"ARROW1"}
COMPRESSION_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}

STDIN = "-"


@frozen
class Files:
    """Existing files of one format.

    Attributes
    ----------
    names : tuple of str
        As the user named them.
    paths : tuple of str
        The files themselves, globs and folders resolved, each once.
    format : str
        ``csv``, ``tsv``, ``parquet``, ``arrow``, ``jsonl`` or ``excel``.
    """

    names: tuple[str, ...]
    paths: tuple[str, ...]
    format: str

    @property
    def described(self) -> str:
        """Name in messages."""
        if self.names == (STDIN,):
            return "standard input"
        named = f"'{self.names[0]}'" if len(self.names) == 1 else f"{len(self.names)} files from '{self.names[0]}'"
        return named if len(self.paths) == len(self.names) else f"{named} ({len(self.paths)} files)"

    def named(self, path: str) -> str:
        """Return the name of one of the files in messages."""
        return self.described if len(self.paths) == 1 else f"'{path}'"


def as_paths(data: object) -> list[str]:
    """Return `data` as a list of paths; empty if it is something else."""
    parts = [data] if isinstance(data, str | os.PathLike) else data
    if not isinstance(parts, Sequence) or not all(isinstance(part, str | os.PathLike) for part in parts):
        return []
    return [os.fsdecode(os.fspath(part)) for part in parts]


def find_files(names: Sequence[str], file_format: str | None = None) -> Files:
    """Resolve paths, globs and folders; ``-`` is standard input.

    Parameters
    ----------
    names : sequence of str
    file_format : str, optional
        The format, where the names do not tell it.

    Raises
    ------
    InputError
        A file does not exist, a glob matches none, its ending is not known, or formats are mixed.
    """
    paths = [path for name in names for path in _resolve(name)]
    # A file named twice, by itself, by a glob or by a link, is read once.
    unique = {os.path.realpath(path): path for path in reversed(paths)}
    paths = [path for path in dict.fromkeys(paths) if path in unique.values()]
    formats = {path: file_format or format_of(path) for path in paths}
    kinds = {"csv" if kind == "tsv" else kind for kind in formats.values()}
    if len(kinds) > 1:
        raise InputError(
            f"{', '.join(map(repr, names))}: files of several formats do not mix ({listing(kinds)}); "
            f"name one at a time."
        )
    return Files(tuple(names), tuple(paths), next(iter(formats.values())))


def existing_files(data: object) -> list[str]:
    """Return the files that exist now behind paths, globs and folders; none for standard input and other data."""
    out: list[str] = []
    for name in as_paths(data):
        if Path(name).is_dir():
            out += sorted(str(path) for path in Path(name).rglob("*.parquet") if path.is_file())
        elif Path(name).is_file():
            out.append(name)
        elif has_magic(name):
            out += sorted(path for path in glob(name, recursive=True) if Path(path).is_file())
    return list(dict.fromkeys(out))


def _resolve(name: str) -> list[str]:
    if name == STDIN:
        return [standard_input()]
    if "://" in name:
        raise InputError(f"'{name}' is a remote address; download the file and give its path.")
    file = Path(name)
    if file.is_dir():
        paths = sorted(str(path) for path in file.rglob("*.parquet") if path.is_file())
        if not paths:
            raise InputError(f"the folder '{name}' holds no Parquet file.")
        return paths
    # A file may have brackets in its name, so a pattern is one only where no such file exists.
    if file.exists() or not has_magic(name):
        check_exists(name)
        return [name]
    # Sorted: which rows come first, and so the pilot rows, must not depend on the file system.
    paths = sorted(path for path in glob(name, recursive=True) if Path(path).is_file())
    if not paths:
        raise InputError(f"no file matches '{name}'.")
    return paths


def check_exists(path: str) -> None:
    """Raise InputError unless `path` is an existing regular file."""
    file = Path(path)
    if not file.exists():
        near = nearest(file.name, (p.name for p in file.parent.glob("*"))) if file.parent.is_dir() else ""
        kind = "Parquet" if path.lower().endswith((".parquet", ".pq")) else "CSV"
        raise InputError(f"{kind} file not found at '{path}'.{near}")
    if not file.is_file():
        raise InputError(f"'{path}' is not a regular file; pipe it to standard input and give '-'.")
    if not os.access(file, os.R_OK):
        raise InputError(f"'{path}' cannot be read: permission denied.")


def ending_of(path: str) -> tuple[str, str]:
    """Return the ending that names the format, and the compression named after it; each may be empty.

    Examples
    --------
    >>> ending_of("a/day.1.CSV.gz"), ending_of("data")
    (('.csv', 'gzip'), ('', ''))
    """
    stem, suffix = os.path.splitext(path.lower())
    if suffix in COMPRESSED:
        return os.path.splitext(stem)[1], COMPRESSED[suffix]
    return suffix, ""


def knows(path: str) -> bool:
    """Return whether a path is one that the reader is responsible for: any but folders without Parquet files."""
    folder = Path(path)
    if path and folder.is_dir():
        # The first file is enough: a partitioned data set may have many thousands.
        return next(folder.rglob("*.parquet"), None) is not None
    return bool(path)


def format_of(path: str) -> str:
    """Return the format of a file by its ending, else by its first bytes.

    Raises
    ------
    InputError
        Neither is known.
    """
    ending, compression = ending_of(path)
    kind = ENDINGS.get(ending)
    if kind is None:
        with open(path, "rb") as file:
            start = file.read(8)
        kind = next((kind for kind, magic in MAGIC.items() if start.startswith(magic)), None)
    if kind is None or (compression and kind not in TEXTS):
        what = f"files ending in '{ending}' are not read" if ending else "the name has no ending"
        raise InputError(
            f"'{path}': {what}; known endings are {', '.join(ENDINGS)}, text files also with .gz or .zst. "
            f"Say file_format (--file-format) for another name."
        )
    return kind


def open_text_file(path: str) -> IO[bytes]:
    """Open a file for reading bytes, decompressed by what its first bytes say."""
    with open(path, "rb") as file:
        start = file.read(4)
    if start.startswith(COMPRESSION_MAGIC["gzip"]):
        import gzip

        return gzip.open(path, "rb")  # type: ignore[return-value]
    if start.startswith(COMPRESSION_MAGIC["zstd"]):
        with needs_library("reading a file compressed by zstd"):
            import pyarrow as pa

        stream: Any = pa.CompressedInputStream(pa.OSFile(path, "rb"), "zstd")
        return stream  # type: ignore[no-any-return]
    return open(path, "rb")


def compression_of(path: str) -> str:
    """Return how a file is compressed, by its first bytes: ``none``, ``gzip`` or ``zstd``."""
    with open(path, "rb") as file:
        start = file.read(4)
    return next((kind for kind, magic in COMPRESSION_MAGIC.items() if start.startswith(magic)), "none")


def first_bytes(path: str, size: int = SAMPLE_BYTES) -> bytes:
    """Return the start of a file, decompressed.

    Raises
    ------
    InputError
        It cannot be read or decompressed.
    """
    try:
        with open_text_file(path) as file:
            return bytes(file.read(size))
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"'{path}' cannot be read: {error}.") from error


def copies(chunks: Iterable[bytes], suffix: str) -> str:
    """Write bytes to a temporary file that is removed when the process ends, and return its path."""
    handle, path = tempfile.mkstemp(suffix=suffix, dir=_folder().name)
    with os.fdopen(handle, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
    return path


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="xpyrment-input-")


_COPIES: "WeakKeyDictionary[Any, str]" = WeakKeyDictionary()


def standard_input() -> str:
    """Copy standard input to a temporary file, once, and return its path; its ending tells the format."""
    if sys.stdin not in _COPIES:
        _COPIES[sys.stdin] = _copy_of_standard_input()
    return _COPIES[sys.stdin]


def _copy_of_standard_input() -> str:
    stream = getattr(sys.stdin, "buffer", None)
    content: Any = iter(lambda: stream.read(1 << 20), b"") if stream is not None else iter([sys.stdin.read().encode()])
    first = next(content, b"")
    if not first.strip():
        raise InputError("standard input is empty; pipe a CSV, JSON lines, Parquet or Arrow file to it.")
    # Without an ending the format is that of the first bytes, decompressed.
    path = copies(chain([first], content), "")
    start = first_bytes(path, 64)
    kind = next((kind for kind, magic in MAGIC.items() if start.startswith(magic)), None)
    kind = kind or (
        "jsonl" if start.decode(infer_encoding(start), "ignore").lstrip("\ufeff \n").startswith("{") else "csv"
    )
    os.rename(path, f"{path}.{kind}")
    return f"{path}.{kind}"
