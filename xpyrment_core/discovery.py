"""Finding plugins: which entry points exist, and which of them may be imported."""

import os
import re
from collections.abc import Iterable, Mapping
from importlib import metadata

from attrs import field, frozen

GROUP = "xpyrment"
HOME = "xpyrment"
"""The distribution whose plugins are the built-in ones; nobody else can be installed under its name."""


@frozen(order=True)
class Candidate:
    """An entry point that offers a plugin, not imported yet.

    Ordered as plugins are loaded: built-in ones first, then by distribution and name,
    so that nothing depends on the order of installation.
    """

    foreign: bool
    distribution: str
    name: str
    value: str = field(order=False)
    version: str = field(order=False)


@frozen
class Switches:
    """Which plugins may be loaded, from the environment or a caller.

    Attributes
    ----------
    block : frozenset of str
        Plugins or distributions never imported (``XPYRMENT_BLOCK_PLUGINS``).
    only : frozenset of str or None
        If given, nothing else but the built-in ones is imported (``XPYRMENT_ONLY_PLUGINS``).
    autoload : bool
        False leaves out all but the built-in ones (``XPYRMENT_DISABLE_AUTOLOAD=1``).
    strict : bool
        A plugin that cannot be used is an error (``XPYRMENT_STRICT_PLUGINS=1``).
    """

    block: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    autoload: bool = True
    strict: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Switches":
        """Read the four ``XPYRMENT_…`` variables."""
        environ = os.environ if environ is None else environ
        only = _names(environ.get("XPYRMENT_ONLY_PLUGINS", ""))
        return cls(
            block=_names(environ.get("XPYRMENT_BLOCK_PLUGINS", "")),
            only=only or None,
            autoload=environ.get("XPYRMENT_DISABLE_AUTOLOAD", "") not in ("1", "true", "yes"),
            strict=environ.get("XPYRMENT_STRICT_PLUGINS", "") in ("1", "true", "yes"),
        )

    def refuse(self, candidate: Candidate) -> str:
        """Return why the candidate is not to be imported, or ``""``."""
        names = {normal(candidate.name), normal(candidate.distribution)}
        if names & self.block:
            return "blocked by XPYRMENT_BLOCK_PLUGINS"
        if not candidate.foreign:
            return ""
        if not self.autoload:
            return "left out by XPYRMENT_DISABLE_AUTOLOAD"
        if self.only is not None and not names & self.only:
            return "not in XPYRMENT_ONLY_PLUGINS"
        return ""


def normal(name: str) -> str:
    """Return a distribution's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _names(text: str) -> frozenset[str]:
    return frozenset(normal(part.strip()) if part.strip() else "" for part in text.split(",")) - {""}


def candidates(distributions: Iterable[metadata.Distribution] | None = None) -> list[Candidate]:
    """List the entry points of the group, each distribution once, in loading order."""
    found: dict[tuple[str, str], Candidate] = {}
    for dist in metadata.distributions() if distributions is None else distributions:
        points = [point for point in _entry_points(dist) if point.group == GROUP]
        if not points:
            continue
        name, version = dist.metadata["Name"] or "unknown", dist.version or "unknown"
        for point in points:
            key = (normal(name), point.name)
            found.setdefault(key, Candidate(normal(name) != HOME, name, point.name, point.value, version))
    return sorted(found.values())


def _entry_points(dist: metadata.Distribution) -> Iterable[metadata.EntryPoint]:
    text = dist.read_text("entry_points.txt")
    return dist.entry_points if text and f"[{GROUP}]" in text else ()
