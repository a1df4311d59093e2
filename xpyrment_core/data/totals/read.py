"""Totals from a mapping, a frame, or a file: a table of any format that is read, JSON or TOML."""

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from xpyrment_core.data.reading.options import ReadOptions
from xpyrment_core.data.totals.parse import totals_of, totals_of_rows
from xpyrment_core.data.totals.values import ROLE_KEYS, Totals
from xpyrment_core.errors import InputError

METRIC = "metric"
"""Name of the metric where the totals name none."""

_PARSERS: dict[str, Callable[[str], Any]] = {".json": json.loads, ".toml": tomllib.loads}


def read_totals(
    stats: Any,
    treatment_col: str = "variant",
    metric: str = METRIC,
    read: "ReadOptions | Mapping[str, Any] | None" = None,
) -> Totals:
    """Return totals from a mapping, a frame or a file.

    Parameters
    ----------
    stats : mapping, frame or path
        A mapping as `totals_of` takes it; a frame or a table in a file with one row per metric and variant (columns
        `treatment_col`, ``metric``, ``n``, ``mean``, ``sd`` …); or a JSON or TOML file that holds such a mapping.
    treatment_col : str
        Column of the variant.
    metric : str
        Name of the metric where the totals name none.
    read : ReadOptions or mapping, optional
        How to read a file.

    Raises
    ------
    InputError
        The file cannot be read, or what it holds are not totals.
    """
    if isinstance(stats, Totals):
        return stats
    if isinstance(stats, Mapping):
        return totals_of(stats, metric, treatment_col=treatment_col)
    if isinstance(stats, str | os.PathLike):
        path = Path(os.fsdecode(os.fspath(stats)))
        if parser := _PARSERS.get(path.suffix.lower()):
            return _parsed(path, parser, treatment_col, metric)
    return _of_table(stats, treatment_col, metric, read)


def _parsed(path: Path, parser: Callable[[str], Any], treatment_col: str, metric: str) -> Totals:
    try:
        content = parser(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"there is no file '{path}'.") from error
    except (OSError, ValueError) as error:  # also UnicodeDecodeError and the errors of both parsers
        raise InputError(f"'{path}' cannot be read as {path.suffix[1:].upper()}: {error}.") from error
    if isinstance(content, list) and all(isinstance(row, dict) for row in content):
        columns = list(dict.fromkeys(column for row in content for column in row))
        return totals_of_rows(content, columns, metric, treatment_col=treatment_col, name=f"'{path}'")
    return totals_of(content, metric, treatment_col=treatment_col, name=f"'{path}'")


def _of_table(data: Any, treatment_col: str, metric: str, read: Any) -> Totals:
    from xpyrment_core.data.engines import open_source
    from xpyrment_core.data.frames import select

    is_path = isinstance(data, str | os.PathLike)
    # As a list: a path alone may belong to an engine of totals, which would call this function again.
    table = [data] if is_path else data
    columns = list(open_source(table, read).schema())
    labels = [column for column in (treatment_col, "metric", *ROLE_KEYS) if column in columns]
    # Labels keep their text, as those of rows do.
    frame = select(table, [("Column", column) for column in columns], identifiers=labels, read=read)
    name = f"'{os.fspath(data)}'" if is_path else "the frame"
    return totals_of_rows(frame.iter_rows(named=True), columns, metric, treatment_col=treatment_col, name=name)
