"""PyArrow where it is installed: only frames that are stored as Arrow arrays need it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
else:
    try:
        import pyarrow as pa
        import pyarrow.compute as pc
    except ModuleNotFoundError:
        pa = pc = None

__all__ = ["is_arrow", "pa", "pc"]


def is_arrow(storage: object) -> bool:
    """Return whether a column is stored as an Arrow array in chunks."""
    return pa is not None and isinstance(storage, pa.ChunkedArray)
