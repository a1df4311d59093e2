"""Data files by paths, globs and folders: their suffixes, and their search."""

from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from attrs import frozen

from xpyrment_core import InputError
from xpyrment_core.data.files import check_exists

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
"""Path suffixes of the two kinds of file."""


@frozen
class Files:
    """Existing files of one kind.

    Attributes
    ----------
    names : tuple of str
        As the user named them.
    paths : tuple of str
        The files themselves, globs and folders resolved, in sorted order.
    parquet : bool
        Parquet, or else CSV or TSV.
    """

    names: tuple[str, ...]
    paths: tuple[str, ...]
    parquet: bool

    @property
    def described(self) -> str:
        """Name in messages."""
        named = f"'{self.names[0]}'" if len(self.names) == 1 else f"{len(self.names)} files from '{self.names[0]}'"
        return named if len(self.paths) == len(self.names) else f"{named} ({len(self.paths)} files)"


def find_files(names: Sequence[str]) -> Files:
    """Resolve paths, globs and folders.

    Raises
    ------
    InputError
        A file does not exist, a glob matches none, or Parquet and CSV are mixed.
    """
    paths = [path for name in names for path in _resolve(name)]
    kinds = {path.lower().endswith(PARQUET) for path in paths}
    if len(kinds) > 1:
        raise InputError(f"{', '.join(map(repr, names))}: Parquet and CSV files do not mix; name one kind at a time.")
    # A file named twice, by itself and by a glob, is read once.
    return Files(tuple(names), tuple(dict.fromkeys(paths)), kinds.pop())


def _resolve(name: str) -> list[str]:
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
