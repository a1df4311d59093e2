"""Warnings that point at the user's line, however deep in xpyrment they arise."""

import sys
import warnings


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn as from the nearest caller outside xpyrment_core."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("xpyrment_core."):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
