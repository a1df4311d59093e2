"""Compatibility with imports from ``xpyrment.analyze``; new code imports the same names from `xpyrment`."""
