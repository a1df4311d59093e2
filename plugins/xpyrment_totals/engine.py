"""The engine for totals per variant."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpyrment_core import ReadOptions
    from xpyrment_core.data.source import Source

ENDINGS = (".stats.csv", ".stats.json", ".stats.toml")


class TotalsEngine:
    """Reads totals in memory, and files of totals by the ending of their names."""

    def accepts(self, data: object) -> bool:
        """Return whether `data` are totals or the path of a file of totals; nothing is opened."""
        # By name: every engine is asked about any data, and importing the class would import NumPy.
        if type(data).__name__ == "Totals" and type(data).__module__.startswith("xpyrment_core."):
            return True
        return isinstance(data, str | os.PathLike) and os.fsdecode(os.fspath(data)).lower().endswith(ENDINGS)

    def open(self, data: Any, read: "ReadOptions | Mapping[str, Any] | None" = None) -> "Source":
        """Open totals, or read them from a file.

        Raises
        ------
        InputError
            The file cannot be read, or what it holds are not totals.
        """
        from xpyrment_core.data.totals.read import read_totals
        from xpyrment_core.data.totals.source import TotalsSource

        return TotalsSource(read_totals(data, read=read))
