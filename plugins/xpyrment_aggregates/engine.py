"""The engine for files of moments."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpyrment_core.data.source import Source


ENDING = ".moments.json"


class AggregatesEngine:
    """Reads one or several ``.moments.json`` files, by path or glob, and aggregates in memory."""

    def accepts(self, data: object) -> bool:
        """Return whether `data` names files of moments or consists of aggregates; nothing is opened."""
        parts = _parts(data)
        return bool(parts) and all(_is_path(part) or _is_aggregate(part) for part in parts)

    def open(self, data: Any) -> "Source":
        """Read and merge the files.

        Raises
        ------
        InputError
            A file does not exist or is not a file of moments, or the files cannot be merged.
        """
        from xpyrment_aggregates.source import AggregateSource, find_aggregates

        return AggregateSource(find_aggregates(_parts(data)))


def _parts(data: object) -> list[Any]:
    if isinstance(data, str | os.PathLike) or _is_aggregate(data):
        return [data]
    return list(data) if isinstance(data, Sequence) else []


def _is_aggregate(part: object) -> bool:
    # By name: every engine is asked about any data, and importing the class would import NumPy.
    kind = type(part)
    return kind.__name__ == "Aggregate" and kind.__module__.startswith("xpyrment_aggregates.")


def _is_path(part: object) -> bool:
    return isinstance(part, str | os.PathLike) and os.fsdecode(os.fspath(part)).lower().endswith(ENDING)
