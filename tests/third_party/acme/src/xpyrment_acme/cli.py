"""Acme's command."""

from xpyrment_core import Report


def shout(word: str = "hello") -> Report:
    """Print a word in capitals."""
    return Report(kind="shout", parts=[word.upper()], data={"word": word.upper()})
