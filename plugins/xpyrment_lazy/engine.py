"""Engine for lazy frames: what it accepts and what it refuses."""

import warnings
from typing import TYPE_CHECKING, Any

from xpyrment_core import EngineError, InputError

if TYPE_CHECKING:
    from xpyrment_core.data.source import Source

LAZY = {
    ("polars", "LazyFrame"): "the Polars LazyFrame",
    ("ibis", "Table"): "the Ibis table",
    ("pyspark.sql", "DataFrame"): "the Spark DataFrame",
    ("dask", "DataFrame"): "the Dask DataFrame",
    ("dask_expr", "DataFrame"): "the Dask DataFrame",
    ("narwhals", "LazyFrame"): "the narwhals LazyFrame",
    ("sqlframe", "DataFrame"): "the sqlframe DataFrame",
}
"""Name in messages of a class, by the package and the name of the class or one of its bases."""


class LazyEngine:
    """Reads frames that are computed in a database or cluster, or lazily."""

    def accepts(self, data: object) -> bool:
        """Return whether `data` is a lazy frame, by the names of its classes; nothing is imported."""
        return described(data) is not None

    def open(self, data: Any) -> "Source":
        """Return a source over the frame.

        Raises
        ------
        InputError
            The frame's library cannot be read correctly; the message says why.
        """
        import narwhals as nw

        from xpyrment_core.data.pushdown.source import DatabaseSource
        from xpyrment_lazy.database import LazyDatabase

        name = described(data) or "the lazy frame"
        native = data.to_native() if name == "the narwhals LazyFrame" else data
        name = described(native) or name
        if name == "the sqlframe DataFrame":
            raise InputError(
                "sqlframe DataFrames are not read: sqlframe does not tell NaN from a number, so that rows without a "
                "value would be counted. Pass the DuckDB relation, the Spark DataFrame or the table behind it."
            )
        try:
            with warnings.catch_warnings():
                # narwhals warns of its own query plan, which a user cannot change.
                warnings.simplefilter("ignore", FutureWarning)
                return DatabaseSource(LazyDatabase(nw.from_native(native), name))
        except (TypeError, nw.exceptions.NarwhalsError) as error:
            raise EngineError(f"{name} cannot be read: {error}") from error


def described(data: object) -> str | None:
    """Return the name of a lazy frame in messages, None for other objects."""
    # Along the classes it is derived from: Spark's classic and Connect frames are subclasses of one DataFrame.
    for kind in type(data).__mro__:
        for (package, name), words in LAZY.items():
            if kind.__name__ == name and f"{kind.__module__}.".startswith(f"{package}."):
                return words
    return None
