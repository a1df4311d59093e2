"""Discovery of plugins: the entry points that exist, and which of them may be imported."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping

from attrs import field, frozen

GROUP = "xpyrment"
VARIABLES = ("XPYRMENT_BLOCK_PLUGINS", "XPYRMENT_DISABLE_AUTOLOAD", "XPYRMENT_ONLY_PLUGINS", "XPYRMENT_STRICT_PLUGINS")
"""The environment variables of `Switches`."""
HOME = "xpyrment"
"""The distribution of the built-in plugins; no other distribution can be installed under its name."""


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
        """Return why the candidate must not be imported, or ``""``."""
        # Either name blocks: an organisation knows the distribution, a user the plugin.
        names = {normal(candidate.name), normal(candidate.distribution)}
        if names & self.block:
            return "blocked by XPYRMENT_BLOCK_PLUGINS"
        # The other switches concern third-party plugins only; a built-in one has to be blocked by name.
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


def candidates(paths: Iterable[str] | None = None) -> list[Candidate]:
    """List the entry points of the group, each distribution once, in loading order.

    Reads the metadata folders on the import path directly: importing `importlib.metadata`
    for it would cost every command a tenth of its start-up.

    Parameters
    ----------
    paths : iterable of str, optional
        Folders to look in; `sys.path` by default.
    """
    found: dict[tuple[str, str], Candidate] = {}
    for path in dict.fromkeys(sys.path if paths is None else paths):
        for name, version, points in _distributions(path or "."):
            for point, value in points.items():
                # The first on the path wins, as it does for imports.
                candidate = Candidate(normal(name) != HOME, name, point, value, version)
                found.setdefault((normal(name), point), candidate)
    return sorted(found.values())


def _distributions(path: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield name, version and entry points of the distributions in a folder (or a zip file) that have any."""
    if os.path.isfile(path):
        yield from _zipped(path)
        return
    try:
        # Installed wheels have .dist-info; older and development installations have .egg-info.
        folders = [entry.path for entry in os.scandir(path) if entry.name.endswith((".dist-info", ".egg-info"))]
    except OSError:
        return
    for folder in sorted(folders):
        points = _points(_text(folder, "entry_points.txt"))
        if points:
            header = _header(_text(folder, "METADATA") or _text(folder, "PKG-INFO"))
            yield header.get("name", "unknown"), header.get("version", "unknown"), points


def _zipped(path: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    from importlib import metadata  # slow to import, and zip files on the path are rare

    for dist in metadata.distributions(path=[path]):
        points = _points(dist.read_text("entry_points.txt") or "")
        if points:
            yield dist.metadata["Name"] or "unknown", dist.version, points


def _text(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _points(text: str) -> dict[str, str]:
    """Return the group's entry points from an ``entry_points.txt``."""
    out: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            # "name = module [extra]": extras of entry points are obsolete and ignored.
            out[name.strip()] = value.partition("[")[0].strip()
    return out


def _header(text: str) -> dict[str, str]:
    """Return the name and version from a metadata file's header, by lower-case field name."""
    out: dict[str, str] = {}
    for line in text.splitlines():
        if not line:
            break
        field_name, _, value = line.partition(":")
        if field_name in ("Name", "Version"):
            out[field_name.lower()] = value.strip()
    return out
