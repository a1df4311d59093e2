"""Read eager frames: pandas (numpy- and arrow-backed), Polars, PyArrow, Modin.

One pass over the frame in cache-sized blocks, without copying it; each block becomes a few
matrix products. Files, databases and lazy frames have engines of their own.
"""

from xpyrment_core import EngineDefinition, hookimpl


@hookimpl
def xpyrment_engines() -> list[EngineDefinition]:
    """Offer the engine for frames in memory."""
    return [
        EngineDefinition(
            name="frames",
            target="xpyrment_frames.engine:FramesEngine",
            summary="Eager frames in memory: pandas, Polars, PyArrow, Modin.",
            rank=50,
        )
    ]
